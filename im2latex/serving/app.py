"""The FastAPI application: routes, uploaded images, and error responses of one sentence.

POST /predict   image to LaTeX        GET /              the web page
POST /render    LaTeX to image        GET /docs          the API, as an interactive page
GET  /healthz   state of the server   GET /openapi.json  the API, as an OpenAPI document
"""

import asyncio
import base64
import hashlib
import re
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from fastapi import FastAPI, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.responses import FileResponse, HTMLResponse, JSONResponse
from fastapi.staticfiles import StaticFiles
from numpy.typing import NDArray
from PIL import Image
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException

from im2latex import __version__
from im2latex.errors import Im2LatexError, ImageError, InputError, ToolError
from im2latex.images.arrays import encode_png, pad
from im2latex.images.decode import FORMATS, DecodeLimits
from im2latex.images.sandboxed_decoder import ImageDecoder, borrow_decoder, decode_image
from im2latex.inference.effort import Effort
from im2latex.serving.api_models import (
    MAX_CANDIDATES,
    CandidateResponse,
    ErrorResponse,
    HealthResponse,
    PredictionResponse,
    RenderRequest,
)
from im2latex.serving.backend import Backend, BackendQueues
from im2latex.serving.batching import QueueFullError
from im2latex.serving.limits import AdmissionController, ServerLimits
from im2latex.serving.middleware import CONTENT_SECURITY_POLICY, LimitMiddleware
from im2latex.types import Prediction

PAGE = Path(str(files("im2latex.serving") / "page"))
SWAGGER_UI = Path(str(files("fastapi_offline") / "static"))
"""Scripts and styles of Swagger UI, so that /docs loads nothing from a content delivery network."""
_MAX_DECODERS = 2  # each may need 100 MB
_MIN_SIDE = 4
_MAX_SIDE = 16_384
_DECODE_CPU_SECONDS = 1.0
"""Maximum CPU time to decode an image; those of 25 million pixels take up to 0.8 s."""
_MAX_OUTPUT_PIXELS = 4_000_000
"""Larger images are reduced to this: a formula on a third of such a page is still larger than the model's input."""
_PADDING_PX = 8
_STATUS: tuple[tuple[type[Im2LatexError], int], ...] = (
    (ImageError, 422),
    (InputError, 400),
    (QueueFullError, 503),
    (ToolError, 503),
)
_IMAGE_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "description": f"An image ({', '.join(FORMATS)}): the file of a form, or the body itself",
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["file"],
                    "properties": {"file": {"type": "string", "format": "binary"}},
                }
            },
            "image/*": {"schema": {"type": "string", "format": "binary"}},
        },
    }
}
_ERRORS: dict[int | str, dict[str, Any]] = {
    400: {"model": ErrorResponse, "description": "the request contains no image"},
    408: {"model": ErrorResponse, "description": "the request was sent too slowly"},
    413: {"model": ErrorResponse, "description": "the request is too large"},
    422: {"model": ErrorResponse, "description": "the image cannot be used, or the formula cannot be rendered"},
    429: {"model": ErrorResponse, "description": "too many requests of one client; send fewer at once, or slower"},
    503: {"model": ErrorResponse, "description": "the server is overloaded, or took too long; try again"},
}


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
        docs_url=None,
        redoc_url=None,
    )
    app.state.admission = AdmissionController(limits)
    app.add_middleware(LimitMiddleware, limits=limits, admission=app.state.admission)
    _add_error_handlers(app)

    @app.post(
        "/predict",
        openapi_extra=_IMAGE_BODY,
        responses={200: {"description": "the prediction"}, **_ERRORS},
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
    ) -> PredictionResponse:
        began = time.perf_counter()
        data = await read_upload(request)
        async with decoders:
            pixels = await decode_upload_cancellable(data, limits.max_pixels)
        prediction = await queues.predict(pixels, candidates, effort, attention)
        if prediction.error is not None:
            raise prediction.error
        return _response(prediction, time.perf_counter() - began)

    @app.post(
        "/render",
        response_class=Response,
        responses={200: {"content": {"image/png": {}}, "description": "a grayscale PNG"}, **_ERRORS},
        summary="Render a formula",
    )
    async def render(formula: RenderRequest) -> Response:
        rendering = await queues.render(formula.latex)
        if rendering.pixels is None:
            what = (rendering.reason or "").replace("_", " ") + (f" ({rendering.detail})" if rendering.detail else "")
            return _error(422, f"The formula cannot be rendered: {what}", rendering.reason)
        return Response(encode_png(pad(rendering.pixels, _PADDING_PX)), media_type="image/png")

    @app.get("/healthz", responses={200: {"description": "the server works"}}, summary="State of the server")
    async def healthz() -> HealthResponse:
        return HealthResponse(
            status="ok",
            checkpoint=backend.checkpoint,
            rendering=queues.can_render,
            uptime_seconds=time.monotonic() - started,
            queue_size=queues.queue_size,
        )

    @app.get("/docs", include_in_schema=False)
    async def docs() -> HTMLResponse:
        return _swagger_ui()

    @app.get("/", include_in_schema=False)
    async def index() -> FileResponse:
        return FileResponse(PAGE / "index.html")

    app.mount("/page", StaticFiles(directory=PAGE))
    app.mount("/swagger-ui", StaticFiles(directory=SWAGGER_UI))
    return app


async def read_upload(request: Request) -> bytes:
    """The bytes of the image in a request: the first file of a form, or the body itself; raises `InputError`."""
    if not request.headers.get("content-type", "").startswith("multipart/form-data"):
        return await request.body()
    async with request.form(max_files=1, max_fields=8) as form:
        for value in form.values():
            if isinstance(value, UploadFile):
                return await value.read()
    raise InputError("the form contains no file; send the image as its field `file`")


async def decode_upload_cancellable(data: bytes, max_pixels: int) -> NDArray[np.uint8]:
    """`decode_upload` in a thread; on cancellation the decoder process is killed first."""
    with borrow_decoder() as decoder:
        work = asyncio.ensure_future(asyncio.to_thread(decode_upload, data, max_pixels, decoder))
        try:
            return await asyncio.shield(work)
        except asyncio.CancelledError:
            decoder.stop()
            with suppress(Im2LatexError):
                await work
            raise


def decode_upload(data: bytes, max_pixels: int, decoder: ImageDecoder | None = None) -> NDArray[np.uint8]:
    """Decode an image file to pixels uint8 (H, W), (H, W, 3) or (H, W, 4), upright.

    Raises `InputError` where there is no file, `ImageError` where it cannot be used.
    """
    if not data:
        raise InputError("the request contains no image; send one as the body, or as a form's field `file`")
    decode_one = decoder.decode if decoder is not None else decode_image
    pixels = decode_one(data, DecodeLimits(max_pixels, _MAX_SIDE, _DECODE_CPU_SECONDS, single=True))
    if min(pixels.shape[:2]) < _MIN_SIDE:
        height, width = pixels.shape[:2]
        raise ImageError(
            "too_small", f"{width} x {height} pixels are too few for a formula; the minimum is {_MIN_SIDE} per side"
        )
    return _reduce(pixels)


def _reduce(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    height, width = pixels.shape[:2]
    factor = (_MAX_OUTPUT_PIXELS / (height * width)) ** 0.5
    if factor >= 1:
        return pixels
    size = max(1, round(factor * width)), max(1, round(factor * height))
    return np.asarray(Image.fromarray(pixels).resize(size, Image.Resampling.BOX))


def _response(prediction: Prediction, seconds: float) -> PredictionResponse:
    assert prediction.image is not None, "it has no error"
    attention = prediction.attention
    return PredictionResponse(
        latex=prediction.latex,
        confidence=prediction.confidence,
        reason=prediction.reason,
        candidates=[
            CandidateResponse(latex=one.latex, confidence=one.confidence, reason=one.reason, tokens=one.tokens)
            for one in prediction.candidates
        ],
        tokens=prediction.tokens,
        image=f"data:image/png;base64,{base64.b64encode(encode_png(prediction.image)).decode()}",
        attention=_thousandths(attention) if attention is not None else None,
        seconds=seconds,
    )


def _thousandths(attention: NDArray[np.float32]) -> list[list[list[int]]]:
    found: list[list[list[int]]] = np.rint(1000 * attention).astype(int).tolist()
    return found


def _swagger_ui() -> HTMLResponse:
    """FastAPI's page of the API; its inline script is allowed by its hash, and Swagger UI's inline styles."""
    page = get_swagger_ui_html(
        openapi_url="/openapi.json",
        title="im2latex API",
        swagger_js_url="/swagger-ui/swagger-ui-bundle.js",
        swagger_css_url="/swagger-ui/swagger-ui.css",
        swagger_favicon_url="/page/icon.svg",
    )
    hashes = [
        base64.b64encode(hashlib.sha256(script).digest()).decode()
        for script in re.findall(rb"<script>(.*?)</script>", bytes(page.body), re.DOTALL)
    ]
    scripts = " ".join(f"'sha256-{one}'" for one in hashes)
    page.headers["content-security-policy"] = (
        f"{CONTENT_SECURITY_POLICY}; script-src 'self' {scripts}; style-src 'self' 'unsafe-inline'"
    )
    return page


def _add_error_handlers(app: FastAPI) -> None:
    """Respond to every error with an `ErrorResponse`."""

    @app.exception_handler(Im2LatexError)
    async def on_known_error(_: Request, error: Im2LatexError) -> Response:
        status = next((status for kind, status in _STATUS if isinstance(error, kind)), 500)
        return _error(status, str(error), error.reason if isinstance(error, ImageError) else None)

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
