"""ASGI middleware that holds every request to the limits, and adds the headers that every answer carries.

It takes the whole body before anything is computed, counts its bytes as they come in and never believes Content-Length;
a client that goes away ends its work. HEAD is answered as GET, without a body.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from im2latex.serving.limits import MB, Admission, Limits, RefusedError, Ticket, client_of

_RETRY_SECONDS = 1
_DISCARD_FACTOR = 32  # a body this many times too large is not heard out, so that its sender may read our answer
_HEADERS = [
    (
        b"content-security-policy",
        b"default-src 'self'; img-src 'self' data: blob:; object-src 'none'; base-uri 'none'; form-action 'self'; "
        b"frame-ancestors 'none'",
    ),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cache-control", b"no-cache"),
]


class _TooLargeError(Exception):
    """The body has more bytes than allowed."""


class _GoneError(Exception):
    """The client has hung up."""


class Limited:
    """The application within, called with whole bodies only; all else is answered here, with a sentence."""

    def __init__(self, app: ASGIApp, limits: Limits, admission: Admission) -> None:
        self._app = app
        self._limits = limits
        self._admission = admission

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection's request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        answer = _Answer(send)
        client = client_of(scope)
        try:
            self._admission.count(client)
            if scope["method"] in ("GET", "HEAD"):
                await self._app({**scope, "method": "GET"}, receive, answer)
                return
            body = await self._received(scope, receive, answer, client)
        except RefusedError as refusal:
            with suppress(_GoneError, TimeoutError):
                async with asyncio.timeout(_RETRY_SECONDS):
                    await self._discard(receive)
            await answer.refuse(refusal)
            return
        if body is None:
            return
        try:
            with self._admission.working(client) as ticket:
                await self._work(scope, receive, answer, body, ticket)
        except RefusedError as refusal:
            await answer.refuse(refusal)

    async def _received(self, scope: Scope, receive: Receive, answer: "_Answer", client: str) -> bytes | None:
        """The whole body; None where there is none, and the client has got the reason or has gone."""
        limits = self._limits
        with self._admission.receiving(client) as ticket:
            try:
                async with asyncio.timeout(limits.body_seconds) as ticket.timer:
                    return await self._body(scope, receive, ticket)
            except _GoneError:
                return None
            except TimeoutError:
                slow = f"The request was not complete after {limits.body_seconds:g} s; send it faster"
                await answer.refuse(ticket.refusal or RefusedError(408, slow))
            except _TooLargeError:
                large = f"The request is larger than {limits.body_mb:g} MB; send a smaller image"
                await answer.refuse(RefusedError(413, large))
        return None

    async def _work(self, scope: Scope, receive: Receive, answer: "_Answer", body: bytes, ticket: Ticket) -> None:
        limits = self._limits
        try:
            async with asyncio.timeout(limits.seconds) as ticket.timer, _until_gone(receive) as gone:
                work = asyncio.ensure_future(self._app(scope, _replay(body, receive), answer))
                try:
                    await asyncio.wait({work, gone}, return_when=asyncio.FIRST_COMPLETED)
                    if work.done():
                        await work
                finally:
                    work.cancel()
                    await asyncio.gather(work, return_exceptions=True)
        except TimeoutError:
            slow = f"No answer was found within {limits.seconds:g} s; try again, or something smaller"
            await answer.refuse(ticket.refusal or RefusedError(503, slow))

    async def _body(self, scope: Scope, receive: Receive, ticket: Ticket) -> bytes:
        """The body, which is at most as large as allowed."""
        most = int(self._limits.body_mb * MB)
        headers = dict(scope["headers"])
        declared = headers.get(b"content-length", b"")
        if declared.isdigit() and int(declared) > most and headers.get(b"expect", b"").lower() == b"100-continue":
            raise _TooLargeError  # it asks before it sends
        parts: list[bytes] = []
        size = 0
        more = True
        while more:
            part, more = await _next(receive)
            size += len(part)
            self._admission.received(ticket, len(part))
            if size > most:
                if more:
                    await self._discard(receive)
                raise _TooLargeError
            parts.append(part)
        return b"".join(parts)

    async def _discard(self, receive: Receive) -> None:
        """Hear a body out: who is cut off while sending does not read the answer."""
        left, more = int(_DISCARD_FACTOR * self._limits.body_mb * MB), True
        while more and left > 0:
            part, more = await _next(receive)
            left -= len(part)


class _Answer:
    """Sends messages with our headers; knows whether an answer has begun."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._begun = False

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._begun = True
            message = {**message, "headers": [*message.get("headers", ()), *_HEADERS]}
        await self._send(message)

    async def refuse(self, refusal: RefusedError) -> None:
        """A whole answer, unless another has begun, which only the end of the connection can stop."""
        if self._begun:
            return
        body = json.dumps({"error": refusal.sentence}).encode()
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
        later = refusal.status in (429, 503)
        headers += [(b"retry-after", str(_RETRY_SECONDS).encode())] if later else [(b"connection", b"close")]
        await self({"type": "http.response.start", "status": refusal.status, "headers": headers})
        await self._send({"type": "http.response.body", "body": body})


async def _next(receive: Receive) -> tuple[bytes, bool]:
    """The next part of the body, and whether more is to come."""
    message = await receive()
    if message["type"] == "http.disconnect":
        raise _GoneError
    return message.get("body", b""), message.get("more_body", False)


def _replay(body: bytes, receive: Receive) -> Receive:
    """What the application receives: the body in one piece, then what comes after it."""
    given = False

    async def replay() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replay


@asynccontextmanager
async def _until_gone(receive: Receive) -> AsyncIterator["asyncio.Task[None]"]:
    """A task that ends when the client hangs up."""

    async def watch() -> None:
        while (await receive())["type"] != "http.disconnect":
            pass

    gone = asyncio.create_task(watch())
    try:
        yield gone
    finally:
        gone.cancel()
        await asyncio.wait({gone})
