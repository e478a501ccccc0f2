"""The application: routes, and one sentence of JSON for whatever goes wrong.

POST /predict   an image to LaTeX         GET /             the page
POST /render    LaTeX to an image         GET /docs         this interface, for people
GET  /healthz   is it well?                GET /openapi.json the same, for programs
"""

import asyncio
import base64
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from fastapi import FastAPI, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse, HTMLResponse, JSONResponse
from fastapi.staticfiles import StaticFiles
from numpy.typing import NDArray
from starlette.exceptions import HTTPException

from im2latex.errors import Im2LatexError, ImageError, InputError, ToolError
from im2latex.images.arrays import encode_png, pad
from im2latex.images.formats import FORMATS
from im2latex.serving import docs, uploads
from im2latex.serving.backend import Engine, Engines
from im2latex.serving.batching import BusyError
from im2latex.serving.limits import Admission, Limits
from im2latex.serving.middleware import Limited
from im2latex.serving.schemas import MOST_CANDIDATES, Formula, Health, Prediction, Problem, Reading

PAGE = Path(str(files("im2latex.serving") / "page"))
_DECODED_AT_ONCE = 2  # each may take 100 MB for a moment
_PADDING_PX = 8
_STATUS: tuple[tuple[type[Im2LatexError], int], ...] = (
    (ImageError, 422),
    (InputError, 400),
    (BusyError, 503),
    (ToolError, 503),
)
_IMAGE_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "description": f"An image ({', '.join(FORMATS)}): as a form's file, or as the body itself",
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
_REFUSALS: dict[int | str, dict[str, Any]] = {
    400: {"model": Problem, "description": "the request holds no image"},
    408: {"model": Problem, "description": "the request came too slowly"},
    413: {"model": Problem, "description": "the request is too large"},
    429: {"model": Problem, "description": "too many requests of one client; send fewer at once, or slower"},
    422: {"model": Problem, "description": "not an image that can be read, or not a formula that can be drawn"},
    503: {"model": Problem, "description": "too busy, or too slow; try again"},
}


def create_app(engine: Engine, limits: Limits) -> FastAPI:
    """The application over its engines, within its limits."""
    started = time.monotonic()
    engines = Engines(engine, limits.requests)
    decoding = asyncio.Semaphore(_DECODED_AT_ONCE)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with engines:
            yield

    app = FastAPI(
        title="im2latex",
        summary="Images of formulas to LaTeX.",
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
    )
    app.state.admission = Admission(limits)
    app.add_middleware(Limited, limits=limits, admission=app.state.admission)
    _tell_problems(app)

    @app.post(
        "/predict",
        openapi_extra=_IMAGE_BODY,
        responses={200: {"description": "what was read"}, **_REFUSALS},
        summary="Read an image",
    )
    async def predict(
        request: Request,
        candidates: Annotated[int, Query(ge=1, le=MOST_CANDIDATES, description="readings to look for")] = 5,
        attention: Annotated[bool, Query(description="tell where the model looked")] = False,
    ) -> Prediction:
        began = time.perf_counter()
        data = await uploads.upload(request)
        async with decoding:
            pixels = await uploads.decode_while_wanted(data, limits.pixels)
        found = await engines.read(pixels, candidates, attention)
        if found.error is not None:
            raise found.error
        assert found.image is not None, "no error"
        readings = [Reading(latex=one.latex, confidence=one.confidence, reason=one.reason) for one in found.candidates]
        return Prediction(
            latex=found.latex,
            confidence=found.confidence,
            reason=found.reason,
            candidates=readings,
            tokens=found.latex.split(),
            image=_data_url(encode_png(found.image)),
            attention=_thousandths(found.attention) if found.attention is not None else None,
            seconds=time.perf_counter() - began,
        )

    @app.post(
        "/render",
        response_class=Response,
        responses={200: {"content": {"image/png": {}}, "description": "a grey PNG"}, **_REFUSALS},
        summary="Draw a formula",
    )
    async def render(formula: Formula) -> Response:
        drawn = await engines.draw(formula.latex)
        if drawn.pixels is None:
            return _problem(422, _why_not_drawn(drawn.reason or "", drawn.detail), drawn.reason)
        return Response(encode_png(pad(drawn.pixels, _PADDING_PX)), media_type="image/png")

    @app.get("/healthz", responses={200: {"description": "it is"}}, summary="Is the server well?")
    async def healthz() -> Health:
        return Health(
            status="ok",
            checkpoint=engine.checkpoint,
            rendering=engines.draws,
            uptime_seconds=time.monotonic() - started,
            waiting=engines.waiting,
        )

    @app.get("/docs", include_in_schema=False)
    async def documentation() -> HTMLResponse:
        return HTMLResponse(docs.page(app.openapi()))

    @app.get("/", include_in_schema=False)
    async def index() -> FileResponse:
        return FileResponse(PAGE / "index.html")

    app.mount("/page", StaticFiles(directory=PAGE))
    return app


def _tell_problems(app: FastAPI) -> None:
    """Have every error answered by a `Problem`."""

    @app.exception_handler(Im2LatexError)
    async def ours(_: Request, error: Im2LatexError) -> Response:
        status = next((status for kind, status in _STATUS if isinstance(error, kind)), 500)
        return _problem(status, str(error), error.reason if isinstance(error, ImageError) else None)

    @app.exception_handler(HTTPException)
    async def of_http(request: Request, error: HTTPException) -> Response:
        sentence = {
            404: f"There is nothing at {request.url.path}; see /docs",
            405: f"{request.url.path} does not answer {request.method}; see /docs",
        }.get(error.status_code, str(error.detail))
        return _problem(error.status_code, sentence, headers=dict(error.headers or {}))

    @app.exception_handler(RequestValidationError)
    async def of_values(_: Request, error: RequestValidationError) -> Response:
        found = [f"{item['loc'][-1]}: {item['msg'].lower()}" for item in error.errors()]
        return _problem(422, f"{'; '.join(found)}; see /docs")

    @app.exception_handler(Exception)
    async def unexpected(_: Request, __: Exception) -> Response:
        return _problem(500, "Something broke in the server; its log says what")


def _problem(
    status: int, sentence: str, reason: str | None = None, headers: dict[str, str] | None = None
) -> JSONResponse:
    content = Problem(error=sentence[:1].upper() + sentence[1:], reason=reason).model_dump(exclude_none=True)
    return JSONResponse(content, status, headers=(headers or {}) | ({"retry-after": "1"} if status == 503 else {}))


def _why_not_drawn(reason: str, detail: str) -> str:
    what = reason.replace("_", " ")
    return f"The formula cannot be drawn: {what}" + (f" ({detail})" if detail else "")


def _data_url(png: bytes) -> str:
    return f"data:image/png;base64,{base64.b64encode(png).decode()}"


def _thousandths(attention: NDArray[np.float32]) -> list[list[list[int]]]:
    found: list[list[list[int]]] = np.rint(1000 * attention).astype(int).tolist()
    return found
