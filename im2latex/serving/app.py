"""The FastAPI application: routes, and error responses of one sentence.

POST /predict   image to LaTeX        GET /              the web page
POST /render    LaTeX to image        GET /docs          the API, as a page
POST /pdf-page  page of a PDF         GET /openapi.json  the API, as an OpenAPI document
POST /format    LaTeX in a format     GET /healthz       state of the server
                                      GET /metrics       measurements for Prometheus
"""

import asyncio
import base64
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.resources import files
from pathlib import Path
from typing import Annotated

import numpy as np
from fastapi import FastAPI, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse, HTMLResponse, JSONResponse
from fastapi.staticfiles import StaticFiles
from numpy.typing import NDArray
from starlette.exceptions import HTTPException

from im2latex import __version__
from im2latex.errors import Im2LatexError, ImageError, InputError, LatexError, ToolError
from im2latex.images.arrays import encode_png, pad
from im2latex.inference.effort import Effort
from im2latex.latex.formats import Format, format_formula
from im2latex.latex.normalizer import normalize
from im2latex.serving.api_models import (
    MAX_CANDIDATES,
    CandidateResponse,
    ErrorResponse,
    FormatRequest,
    FormatResponse,
    HealthResponse,
    PageResponse,
    PredictionResponse,
    RenderRequest,
)
from im2latex.serving.api_page import api_page
from im2latex.serving.backend import Backend, BackendQueues
from im2latex.serving.batching import QueueFullError
from im2latex.serving.limits import AdmissionController, ServerLimits
from im2latex.serving.middleware import LimitMiddleware
from im2latex.serving.monitoring import MetricsMiddleware, ServerMetrics
from im2latex.serving.openapi import ERRORS, IMAGE_BODY, PDF_BODY, openapi_document
from im2latex.serving.uploads import decode_upload, draw_page, read_upload, run_decoder
from im2latex.types import Prediction

PAGE = Path(str(files("im2latex.serving") / "page"))
_MAX_DECODERS = 2  # each may need 100 MB
_PADDING_PX = 8
_STATUS: tuple[tuple[type[Im2LatexError], int], ...] = (
    (ImageError, 422),
    (LatexError, 422),
    (InputError, 400),
    (QueueFullError, 503),
    (ToolError, 503),
)


def create_app(backend: Backend, limits: ServerLimits) -> FastAPI:
    """Create the application for a backend, within limits."""
    started = time.monotonic()
    queues = BackendQueues(backend, limits.max_requests)
    decoders = asyncio.Semaphore(_MAX_DECODERS)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with queues:
            yield

    app = FastAPI(
        title="im2latex",
        summary="Images of formulas to LaTeX.",
        version=__version__,
        lifespan=lifespan,
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
    )
    app.state.admission = AdmissionController(limits)
    metrics = ServerMetrics(lambda: queues.queue_size)
    app.add_middleware(LimitMiddleware, limits=limits, admission=app.state.admission)
    app.add_middleware(MetricsMiddleware, metrics=metrics)
    _add_error_handlers(app)

    @app.post(
        "/predict",
        openapi_extra=IMAGE_BODY,
        responses={200: {"description": "the prediction"}, **ERRORS},
        summary="Predict the formula in an image",
    )
    async def predict(
        request: Request,
        candidates: Annotated[int, Query(ge=1, le=MAX_CANDIDATES, description="formulas to return, at most")] = 5,
        effort: Annotated[
            Effort,
            Query(description="fast: the choice of the search; normal, best: candidates are rendered and compared"),
        ] = "normal",
        attention: Annotated[bool, Query(description="return the attention maps")] = False,
        format: Annotated[
            Format,
            Query(
                description="format of `formatted`: LaTeX to paste, alone or as inline, display or equation; tokens "
                "separated by spaces; MathML"
            ),
        ] = "latex",
    ) -> PredictionResponse:
        began = time.perf_counter()
        data = await read_upload(request)
        async with decoders:
            pixels = await run_decoder(lambda decoder: decode_upload(data, limits.max_pixels, decoder))
        prediction = await queues.predict(pixels, candidates, effort, attention)
        if prediction.error is not None:
            raise prediction.error
        metrics.count_prediction(prediction.reason)
        return _response(prediction, format, time.perf_counter() - began)

    @app.post(
        "/render",
        response_class=Response,
        responses={200: {"content": {"image/png": {}}, "description": "a grayscale PNG"}, **ERRORS},
        summary="Render a formula",
    )
    async def render(formula: RenderRequest) -> Response:
        rendering = await queues.render(formula.latex)
        if rendering.pixels is None:
            what = (rendering.reason or "").replace("_", " ") + (f" ({rendering.detail})" if rendering.detail else "")
            return _error(422, f"The formula cannot be rendered: {what}", rendering.reason)
        return Response(encode_png(pad(rendering.pixels, _PADDING_PX)), media_type="image/png")

    @app.post("/format", responses=ERRORS, summary="Write a formula in a format")
    async def formatted(formula: FormatRequest) -> FormatResponse:
        tokens = await asyncio.to_thread(normalize, formula.latex)
        return FormatResponse(formatted=format_formula(tokens, formula.format))

    @app.post("/pdf-page", openapi_extra=PDF_BODY, responses=ERRORS, summary="Render a page of a PDF as an image")
    async def pdf_page(
        request: Request, page: Annotated[int, Query(ge=1, description="number of the page, from 1")] = 1
    ) -> PageResponse:
        data = await read_upload(request)
        async with decoders:
            pixels, pages = await run_decoder(lambda decoder: draw_page(data, page, limits.max_pixels, decoder))
        return PageResponse(page=page, pages=pages, image=_data_url(pixels))

    @app.get("/healthz", responses={200: {"description": "the server works"}}, summary="State of the server")
    async def healthz() -> HealthResponse:
        return HealthResponse(
            status="ok",
            checkpoint=backend.checkpoint,
            rendering=queues.can_render,
            uptime_seconds=time.monotonic() - started,
            queue_size=queues.queue_size,
        )

    @app.get("/metrics", include_in_schema=False)
    async def prometheus() -> Response:
        return metrics.response()

    @app.get("/openapi.json", include_in_schema=False)
    async def openapi(request: Request) -> JSONResponse:
        return JSONResponse(openapi_document(app, str(request.base_url).rstrip("/")))

    @app.get("/docs", include_in_schema=False)
    async def docs(request: Request) -> HTMLResponse:
        return HTMLResponse(api_page(openapi_document(app, str(request.base_url).rstrip("/"))))

    @app.get("/", include_in_schema=False)
    async def index() -> FileResponse:
        return FileResponse(PAGE / "index.html")

    app.mount("/page", StaticFiles(directory=PAGE))
    return app


def _data_url(pixels: NDArray[np.uint8]) -> str:
    return f"data:image/png;base64,{base64.b64encode(encode_png(pixels)).decode()}"


def _response(prediction: Prediction, format: Format, seconds: float) -> PredictionResponse:
    assert prediction.image is not None, "it has no error"
    attention = prediction.attention
    candidates = [
        CandidateResponse(
            latex=one.latex,
            formatted=format_formula(one.tokens, format) if format != "latex" else one.latex,
            confidence=one.confidence,
            reason=one.reason,
            tokens=one.tokens,
        )
        for one in prediction.candidates
    ]
    return PredictionResponse(
        latex=prediction.latex,
        formatted=candidates[0].formatted,
        confidence=prediction.confidence,
        reason=prediction.reason,
        boxes=prediction.boxes,
        candidates=candidates,
        tokens=prediction.tokens,
        image=_data_url(prediction.image),
        attention=_thousandths(attention) if attention is not None else None,
        seconds=seconds,
    )


def _thousandths(attention: NDArray[np.float32]) -> list[list[list[int]]]:
    found: list[list[list[int]]] = np.rint(1000 * attention).astype(int).tolist()
    return found


def _add_error_handlers(app: FastAPI) -> None:
    """Respond to every error with an `ErrorResponse`."""

    @app.exception_handler(Im2LatexError)
    async def on_known_error(_: Request, error: Im2LatexError) -> Response:
        status = next((status for kind, status in _STATUS if isinstance(error, kind)), 500)
        return _error(status, str(error), error.reason if isinstance(error, ImageError | LatexError) else None)

    @app.exception_handler(HTTPException)
    async def on_http_error(request: Request, error: HTTPException) -> Response:
        message = {
            404: f"There is nothing at {request.url.path}; see /docs",
            405: f"{request.url.path} does not accept {request.method}; see /docs",
        }.get(error.status_code, str(error.detail))
        return _error(error.status_code, message, headers=dict(error.headers or {}))

    @app.exception_handler(RequestValidationError)
    async def on_invalid_value(_: Request, error: RequestValidationError) -> Response:
        found = [f"{item['loc'][-1]}: {item['msg'].lower()}" for item in error.errors()]
        return _error(422, f"{'; '.join(found)}; see /docs")

    @app.exception_handler(Exception)
    async def on_unexpected_error(_: Request, __: Exception) -> Response:
        return _error(500, "The server failed; see its log")


def _error(status: int, message: str, reason: str | None = None, headers: dict[str, str] | None = None) -> JSONResponse:
    content = ErrorResponse(error=message[:1].upper() + message[1:], reason=reason).model_dump(exclude_none=True)
    return JSONResponse(content, status, headers=(headers or {}) | ({"retry-after": "1"} if status == 503 else {}))
