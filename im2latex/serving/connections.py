"""Connections that say nothing, or say it one letter a minute: closed after a while, so that they cannot pile up.

The server below bounds what follows a request's headers (`limits`), and uvicorn the pause between requests; nothing
else bounds the headers themselves.
"""

import asyncio
import json

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol


def impatient(seconds: float) -> type[H11Protocol]:
    """A protocol whose clients must finish a request's headers within so many seconds of the first byte."""

    class Impatient(H11Protocol):
        _deadline: asyncio.TimerHandle | None = None

        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
            super().connection_made(transport)
            self._deadline = self.loop.call_later(seconds, self._give_up)

        def connection_lost(self, exc: Exception | None) -> None:
            self._forget()
            super().connection_lost(exc)

        def data_received(self, data: bytes) -> None:
            super().data_received(data)
            waiting = self.cycle is None or self.cycle.response_complete
            if not waiting:
                self._forget()
            elif self._deadline is None:
                self._deadline = self.loop.call_later(seconds, self._give_up)

        def _forget(self) -> None:
            if self._deadline is not None:
                self._deadline.cancel()
                self._deadline = None

        def _give_up(self) -> None:
            self._deadline = None
            if self.transport.is_closing() or (self.cycle is not None and not self.cycle.response_complete):
                return
            if self.conn.our_state in (h11.IDLE, h11.SEND_RESPONSE) and self.conn.their_state is h11.IDLE:
                body = json.dumps(
                    {"error": f"The request's headers took over {seconds:g} s; send them faster"}
                ).encode()
                head = f"HTTP/1.1 408 Request Timeout\r\ncontent-type: application/json\r\ncontent-length: {len(body)}"
                self.transport.write(head.encode() + b"\r\nconnection: close\r\n\r\n" + body)
            self.transport.close()

    return Impatient
