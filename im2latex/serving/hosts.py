"""ASGI middleware that checks the Host header, so that no other name for this server's address is answered.

A page on the web can let its own name resolve to a loopback or private address (DNS rebinding) and would then read the
answers of a server there; its requests carry that name as Host. Names of loopback and the address that the server
listens on are accepted, and names that the user allows. A server on all addresses accepts any IP address: one needs no
DNS.
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
    """The hosts that a server answers to."""

    def __init__(self, address: str, names: Iterable[str] = ()) -> None:
        """`address` is the one listened on; `names` come without ports, else `UsageError`."""
        own = _ip(address)
        self._any_address = own is not None and own.is_unspecified
        self._names = {_LOOPBACK_NAME, _parsed(address)}
        for name in names:
            parsed = _parsed(name)
            if parsed is None:
                raise UsageError(
                    f"--allowed-host {name}: not the name of a host; give the name alone, such as www.example"
                )
            self._names.add(parsed)

    def accept(self, name: str) -> bool:
        """Whether requests for this name or address are answered."""
        address = _ip(name.strip("[]"))
        if address is not None and (address.is_loopback or self._any_address):
            return True
        return _parsed(name) in self._names


class HostCheck:
    """The application within, called only for allowed hosts; others get 421, or 400 without a valid header."""

    def __init__(self, app: ASGIApp, allowed: AllowedHosts) -> None:
        self._app = app
        self._allowed = allowed

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one connection's request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        header = Headers(scope=scope).get("host", "")
        found = _HEADER.fullmatch(header)
        if found is None:
            await _refusal(400, "The request has no valid Host header")(scope, receive, send)
        elif not self._allowed.accept(found["name"]):
            sentence = f"This server does not answer as {header}; start it with --allowed-host {found['name']}"
            await _refusal(421, sentence)(scope, receive, send)
        else:
            await self._app(scope, receive, send)


def _parsed(name: str) -> str | None:
    """A name or address as it is compared: lower case, no brackets, no final dot; None where it is neither."""
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


def _refusal(status: int, sentence: str) -> JSONResponse:
    return JSONResponse(
        {"error": sentence}, status, headers={"connection": "close", "x-content-type-options": "nosniff"}
    )
