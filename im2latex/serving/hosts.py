"""Validation of the Host header, as a protection against DNS rebinding.

A web page can let its own name resolve to a loopback or private address and then read the responses of a server there;
its requests have that name as Host. Accepted are the names of loopback, the address that the server listens on, and the
names that the user allows. A server on all addresses also accepts any IP address, since that needs no DNS; Starlette's
`TrustedHostMiddleware` knows lists of names only.
"""

import ipaddress
import re
from collections.abc import Iterable

from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from im2latex.errors import UsageError

_HEADER = re.compile(r"(?P<name>\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::[0-9]*)?")
_LOOPBACK_NAME = "localhost"


class AllowedHosts:
    """The hosts that a server accepts requests for."""

    def __init__(self, address: str, names: Iterable[str] = ()) -> None:
        """`address` is the one the server listens on; raises `UsageError` for a name that is none, or has a port."""
        own = _ip(address)
        self._any_address = own is not None and own.is_unspecified
        self._names = {_LOOPBACK_NAME, _parsed(address)}
        for name in names:
            parsed = _parsed(name)
            if parsed is None:
                raise UsageError(f"--allowed-host {name}: not a host name; use the name alone, such as www.example")
            self._names.add(parsed)

    def accept(self, name: str) -> bool:
        """Whether requests for this name or address are accepted."""
        address = _ip(name.strip("[]"))
        if address is not None and (address.is_loopback or self._any_address):
            return True
        return _parsed(name) in self._names


class AllowedHostMiddleware:
    """Calls the application for allowed hosts only; responds 421 to others, and 400 without a valid header."""

    def __init__(self, app: ASGIApp, allowed: AllowedHosts) -> None:
        self._app = app
        self._allowed = allowed

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Process one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        header = Headers(scope=scope).get("host", "")
        found = _HEADER.fullmatch(header)
        if found is None:
            await _rejection(400, "The request has no valid Host header")(scope, receive, send)
        elif not self._allowed.accept(found["name"]):
            message = f"This server accepts no requests for {header}; start it with --allowed-host {found['name']}"
            await _rejection(421, message)(scope, receive, send)
        else:
            await self._app(scope, receive, send)


def _parsed(name: str) -> str | None:
    """The normalized name or address: lower case, no brackets, no final dot; None where it is neither."""
    bare = name.strip("[]").rstrip(".").lower()
    address = _ip(bare)
    if address is not None:
        return str(address)
    return bare if re.fullmatch(r"[a-z0-9._-]+", bare) else None


def _ip(name: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(name)
    except ValueError:
        return None


def _rejection(status: int, message: str) -> JSONResponse:
    return JSONResponse(
        {"error": message}, status, headers={"connection": "close", "x-content-type-options": "nosniff"}
    )
