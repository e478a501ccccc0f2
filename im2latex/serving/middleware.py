"""ASGI middleware: limits of requests, security headers of every response, and validation of the Host header.

`LimitMiddleware` receives the whole body before anything is computed and counts its bytes instead of trusting
Content-Length. The work for a client that disconnects is cancelled. HEAD is processed as GET; the server omits the
body.

`AllowedHostMiddleware` protects against DNS rebinding: a web page can let its own name resolve to a loopback or private
address and then read the responses of a server there; its requests have that name as Host. Accepted are the names of
loopback, the address that the server listens on, and the names that the user allows. A server on all addresses also
accepts any IP address, since that needs no DNS; Starlette's `TrustedHostMiddleware` accepts lists of names only.
"""

import asyncio
import ipaddress
import json
import re
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, suppress

from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from im2latex.errors import UsageError
from im2latex.serving.limits import MB, ActiveRequest, AdmissionController, RejectedError, ServerLimits, client_of

_RETRY_SECONDS = 1
_DISCARD_FACTOR = 32
"""A body that is too large is read up to this multiple of the limit, so that its sender can receive the response."""
CONTENT_SECURITY_POLICY = (
    "default-src 'self'; img-src 'self' data: blob:; object-src 'none'; base-uri 'none'; form-action 'self'; "
    "frame-ancestors 'none'"
)
_HEADERS = [
    (b"content-security-policy", CONTENT_SECURITY_POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cache-control", b"no-cache"),
]
_HOST = re.compile(r"(?P<name>\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::[0-9]*)?")
_LOOPBACK_NAME = "localhost"


class _BodyTooLargeError(Exception):
    """The body has more bytes than allowed."""


class _DisconnectedError(Exception):
    """The client has closed the connection."""


class LimitMiddleware:
    """Calls the application with complete requests within the limits; responds to all others itself."""

    def __init__(self, app: ASGIApp, limits: ServerLimits, admission: AdmissionController) -> None:
        self._app = app
        self._limits = limits
        self._admission = admission

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Process one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        sender = _ResponseSender(send)
        client = client_of(scope)
        try:
            self._admission.check_rate(client)
            if scope["method"] in ("GET", "HEAD"):
                await self._app({**scope, "method": "GET"}, receive, sender)
                return
            body = await self._receive(scope, receive, sender, client)
        except RejectedError as rejection:
            with suppress(_DisconnectedError, TimeoutError):
                async with asyncio.timeout(_RETRY_SECONDS):
                    await self._discard(receive)
            await sender.reject(rejection)
            return
        if body is None:
            return
        try:
            with self._admission.in_progress(client) as request:
                await self._respond(scope, receive, sender, body, request)
        except RejectedError as rejection:
            await sender.reject(rejection)

    async def _receive(self, scope: Scope, receive: Receive, sender: "_ResponseSender", client: str) -> bytes | None:
        """The whole body; None after an error response, or where the client has disconnected."""
        limits = self._limits
        with self._admission.receiving(client) as request:
            try:
                async with asyncio.timeout(limits.body_timeout_seconds) as request.timer:
                    return await self._read_body(scope, receive, request)
            except _DisconnectedError:
                return None
            except TimeoutError:
                message = f"The request was incomplete after {limits.body_timeout_seconds:g} s; send it faster"
                await sender.reject(request.rejection or RejectedError(408, message))
            except _BodyTooLargeError:
                message = f"The request is larger than {limits.max_body_mb:g} MB; send a smaller image"
                await sender.reject(RejectedError(413, message))
        return None

    async def _respond(
        self, scope: Scope, receive: Receive, sender: "_ResponseSender", body: bytes, request: ActiveRequest
    ) -> None:
        seconds = self._limits.timeout_seconds
        try:
            async with asyncio.timeout(seconds) as request.timer, _until_disconnect(receive) as disconnected:
                work = asyncio.ensure_future(self._app(scope, _replay(body, receive), sender))
                try:
                    await asyncio.wait({work, disconnected}, return_when=asyncio.FIRST_COMPLETED)
                    if work.done():
                        await work
                finally:
                    work.cancel()
                    await asyncio.gather(work, return_exceptions=True)
        except TimeoutError:
            message = f"The request took longer than {seconds:g} s; try again, or send a smaller image or formula"
            await sender.reject(request.rejection or RejectedError(503, message))

    async def _read_body(self, scope: Scope, receive: Receive, request: ActiveRequest) -> bytes:
        """The whole body; raises `_BodyTooLargeError`."""
        max_bytes = int(self._limits.max_body_mb * MB)
        headers = dict(scope["headers"])
        declared = headers.get(b"content-length", b"")
        if declared.isdigit() and int(declared) > max_bytes and headers.get(b"expect", b"").lower() == b"100-continue":
            raise _BodyTooLargeError  # the client asks before it sends
        parts: list[bytes] = []
        size = 0
        more = True
        while more:
            part, more = await _next_chunk(receive)
            size += len(part)
            self._admission.count_bytes(request, len(part))
            if size > max_bytes:
                if more:
                    await self._discard(receive)
                raise _BodyTooLargeError
            parts.append(part)
        return b"".join(parts)

    async def _discard(self, receive: Receive) -> None:
        """Receive the rest of a body: a client that is cut off while it sends does not receive the response."""
        left, more = int(_DISCARD_FACTOR * self._limits.max_body_mb * MB), True
        while more and left > 0:
            part, more = await _next_chunk(receive)
            left -= len(part)


class _ResponseSender:
    """Sends messages with the security headers; records whether a response has started."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._has_started = False

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._has_started = True
            own = {name.lower() for name, _ in message.get("headers", ())}
            added = [header for header in _HEADERS if header[0] not in own]
            message = {**message, "headers": [*message.get("headers", ()), *added]}
        await self._send(message)

    async def reject(self, rejection: RejectedError) -> None:
        """Send a complete error response, unless another has started: only closing the connection can stop that."""
        if self._has_started:
            return
        body = json.dumps({"error": rejection.message}).encode()
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
        can_retry = rejection.status in (429, 503)
        headers += [(b"retry-after", str(_RETRY_SECONDS).encode())] if can_retry else [(b"connection", b"close")]
        await self({"type": "http.response.start", "status": rejection.status, "headers": headers})
        await self._send({"type": "http.response.body", "body": body})


async def _next_chunk(receive: Receive) -> tuple[bytes, bool]:
    """The next chunk of the body, and whether more follow."""
    message = await receive()
    if message["type"] == "http.disconnect":
        raise _DisconnectedError
    return message.get("body", b""), message.get("more_body", False)


def _replay(body: bytes, receive: Receive) -> Receive:
    """A `receive` for the application: the body in one message, then the messages after it."""
    is_sent = False

    async def replay() -> Message:
        nonlocal is_sent
        if is_sent:
            return await receive()
        is_sent = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replay


@asynccontextmanager
async def _until_disconnect(receive: Receive) -> AsyncIterator["asyncio.Task[None]"]:
    """A task that ends when the client disconnects."""

    async def wait() -> None:
        while (await receive())["type"] != "http.disconnect":
            pass

    disconnected = asyncio.create_task(wait())
    try:
        yield disconnected
    finally:
        disconnected.cancel()
        await asyncio.wait({disconnected})


class AllowedHosts:
    """The hosts that a server accepts requests for."""

    def __init__(self, address: str, names: Iterable[str] = ()) -> None:
        """`address` is the one the server listens on; raises `UsageError` for a name that is none, or has a port."""
        own = _ip(address)
        self._any_address = own is not None and own.is_unspecified
        self._names = {_LOOPBACK_NAME, _normalized_host(address)}
        for name in names:
            parsed = _normalized_host(name)
            if parsed is None:
                raise UsageError(f"--allowed-host {name}: not a host name; use the name alone, such as www.example")
            self._names.add(parsed)

    def accept(self, name: str) -> bool:
        """Whether requests for this name or address are accepted."""
        address = _ip(name.strip("[]"))
        if address is not None and (address.is_loopback or self._any_address):
            return True
        return _normalized_host(name) in self._names


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
        found = _HOST.fullmatch(header)
        if found is None:
            await _host_rejection(400, "The request has no valid Host header")(scope, receive, send)
        elif not self._allowed.accept(found["name"]):
            message = f"This server accepts no requests for {header}; start it with --allowed-host {found['name']}"
            await _host_rejection(421, message)(scope, receive, send)
        else:
            await self._app(scope, receive, send)


def _normalized_host(name: str) -> str | None:
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


def _host_rejection(status: int, message: str) -> JSONResponse:
    return JSONResponse(
        {"error": message}, status, headers={"connection": "close", "x-content-type-options": "nosniff"}
    )
