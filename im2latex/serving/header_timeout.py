"""HTTP connections without a whole request: closed after a while, and the oldest of them where too many are open.

The limits of the middleware hold from the end of a request's headers on, and uvicorn bounds the pause between requests;
nothing else bounds the headers themselves and the number of connections.
"""

import asyncio
import json
from collections import Counter

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol


def impatient(seconds: float, most: int) -> type[H11Protocol]:
    """A protocol whose clients must finish a request's headers within so many seconds of the first byte.

    At most `most` connections are open: of those without a whole request, the oldest of the client with the most is
    closed for a new one.
    """

    class Impatient(H11Protocol):
        _deadline: asyncio.TimerHandle | None = None
        _idle_since = 0.0

        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
            super().connection_made(transport)
            self._idle_since = self.loop.time()
            self._deadline = self.loop.call_later(seconds, self._give_up)
            if len(self.connections) > most:
                self._close_oldest()

        def connection_lost(self, exc: Exception | None) -> None:
            self._forget()
            super().connection_lost(exc)

        def data_received(self, data: bytes) -> None:
            super().data_received(data)
            if not self._idle:
                self._forget()
            elif self._deadline is None:
                self._deadline = self.loop.call_later(seconds, self._give_up)

        def on_response_complete(self) -> None:
            self._idle_since = self.loop.time()
            super().on_response_complete()

        @property
        def _idle(self) -> bool:
            """Whether it waits for the headers of a request."""
            return self.cycle is None or self.cycle.response_complete

        def _close_oldest(self) -> None:
            still = [one for one in self.connections if isinstance(one, Impatient) and not one.transport.is_closing()]
            if len(still) > most:
                unused = [one for one in still if one._idle or one.cycle.more_body]
                held = Counter(one._address for one in unused)
                max(unused, key=lambda one: (held[one._address], -one._idle_since)).transport.abort()

        @property
        def _address(self) -> str:
            return self.client[0] if self.client else ""

        def _forget(self) -> None:
            if self._deadline is not None:
                self._deadline.cancel()
                self._deadline = None

        def _give_up(self) -> None:
            self._deadline = None
            if self.transport.is_closing() or not self._idle:
                return
            if self.conn.our_state in (h11.IDLE, h11.SEND_RESPONSE) and self.conn.their_state is h11.IDLE:
                body = json.dumps(
                    {"error": f"The request's headers took over {seconds:g} s; send them faster"}
                ).encode()
                head = f"HTTP/1.1 408 Request Timeout\r\ncontent-type: application/json\r\ncontent-length: {len(body)}"
                self.transport.write(head.encode() + b"\r\nconnection: close\r\n\r\n" + body)
            self.transport.close()

    return Impatient
