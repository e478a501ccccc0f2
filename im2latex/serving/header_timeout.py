"""Time limit for the headers of a request, and limit of open connections, for uvicorn's HTTP/1.1 protocol.

Ours, because uvicorn has no setting for either: `timeout_keep_alive` bounds the pause between two requests only, and
`limit_concurrency` rejects every client while idle connections of one client fill it. A reverse proxy can do both
(nginx: `client_header_timeout`, `limit_conn`); the server also withstands slow headers and idle connections without.
The limits of the middleware apply once the headers are complete.
"""

import asyncio
import json
from collections import Counter

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol


def http_protocol(header_timeout_seconds: float, max_connections: int) -> type[H11Protocol]:
    """A protocol class for `uvicorn.Config(http=...)` that closes connections without a complete request.

    The headers must be complete within the timeout, counted from the first byte or from the connection. Beyond
    `max_connections`, a new connection closes the one that has been idle longest among those of the client with most.
    """

    class HeaderTimeoutProtocol(H11Protocol):
        _timer: asyncio.TimerHandle | None = None
        _idle_since = 0.0

        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
            super().connection_made(transport)
            self._idle_since = self.loop.time()
            self._start_timer()
            if len(self.connections) > max_connections:
                self._close_oldest_idle()

        def connection_lost(self, exc: Exception | None) -> None:
            self._cancel_timer()
            super().connection_lost(exc)

        def data_received(self, data: bytes) -> None:
            super().data_received(data)
            if not self._is_idle:
                self._cancel_timer()
            elif self._timer is None:
                self._start_timer()

        def on_response_complete(self) -> None:
            self._idle_since = self.loop.time()
            super().on_response_complete()

        @property
        def _is_idle(self) -> bool:
            """Whether it waits for the headers of a request."""
            return self.cycle is None or self.cycle.response_complete

        def _close_oldest_idle(self) -> None:
            connections = [
                one
                for one in self.connections
                if isinstance(one, HeaderTimeoutProtocol) and not one.transport.is_closing()
            ]
            if len(connections) > max_connections:
                idle = [one for one in connections if one._is_idle or one.cycle.more_body]
                per_client = Counter(one._address for one in idle)
                max(idle, key=lambda one: (per_client[one._address], -one._idle_since)).transport.abort()

        @property
        def _address(self) -> str:
            return self.client[0] if self.client else ""

        def _start_timer(self) -> None:
            self._timer = self.loop.call_later(header_timeout_seconds, self._on_timeout)

        def _cancel_timer(self) -> None:
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None

        def _on_timeout(self) -> None:
            self._timer = None
            if self.transport.is_closing() or not self._is_idle:
                return
            if self.conn.our_state in (h11.IDLE, h11.SEND_RESPONSE) and self.conn.their_state is h11.IDLE:
                message = f"The headers of the request took longer than {header_timeout_seconds:g} s; send them faster"
                body = json.dumps({"error": message}).encode()
                head = f"HTTP/1.1 408 Request Timeout\r\ncontent-type: application/json\r\ncontent-length: {len(body)}"
                self.transport.write(head.encode() + b"\r\nconnection: close\r\n\r\n" + body)
            self.transport.close()

    return HeaderTimeoutProtocol
