"""Measurements of a running server in the text format of Prometheus, for GET /metrics.

Paths that the API does not have share the label `other`, so that no client can create series.
"""

import time
from collections.abc import Callable

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_PATHS = frozenset(["/predict", "/render", "/format", "/pdf-page", "/healthz", "/metrics", "/docs", "/"])
_SECONDS = (0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20)
"""Upper bounds of the histogram; the last one is the usual time limit of a request."""


class ServerMetrics:
    """Requests, their seconds, predictions and the queue of one server."""

    def __init__(self, queue_size: Callable[[], float]) -> None:
        """Count from zero; `queue_size` is called for each response of /metrics."""
        self._registry = CollectorRegistry()
        self._requests = Counter(
            "im2latex_requests", "Responses by path and status.", ["path", "status"], registry=self._registry
        )
        self._seconds = Histogram(
            "im2latex_request_seconds",
            "Seconds from the first byte of a request to the end of its response.",
            ["path"],
            buckets=_SECONDS,
            registry=self._registry,
        )
        self._predictions = Counter(
            "im2latex_predictions",
            "Predicted formulas by the reason of a doubt, `none` where there is none.",
            ["reason"],
            registry=self._registry,
        )
        Gauge("im2latex_queue_size", "Images and formulas in the queues.", registry=self._registry).set_function(
            queue_size
        )

    def count_request(self, path: str, status: int, seconds: float) -> None:
        """Count a response."""
        label = path if path in _PATHS else "other"
        self._requests.labels(label, str(status)).inc()
        self._seconds.labels(label).observe(seconds)

    def count_prediction(self, reason: str | None) -> None:
        """Count a predicted formula."""
        self._predictions.labels(reason or "none").inc()

    def response(self) -> Response:
        """The measurements in the text format of Prometheus."""
        return Response(generate_latest(self._registry), media_type=CONTENT_TYPE_LATEST)


class MetricsMiddleware:
    """Counts every response, also those of the other middleware; a request without a response has status 499."""

    def __init__(self, app: ASGIApp, metrics: ServerMetrics) -> None:
        self._app, self._metrics = app, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Process one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started, status = time.perf_counter(), 499

        async def observe(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, observe)
        finally:
            self._metrics.count_request(scope["path"], status, time.perf_counter() - started)
