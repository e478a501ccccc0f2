"""Request and response models of the REST API (pydantic), as the OpenAPI document describes them."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from im2latex.latex.formats import Format

MAX_CANDIDATES = 10
MAX_FORMULA_LENGTH = 10_000


class CandidateResponse(BaseModel):
    """One formula that the image may show."""

    latex: str = Field(description="the formula as LaTeX to paste")
    formatted: str = Field(description="the formula in the requested `format`")
    confidence: float = Field(description="probability that the formula is right, 0 to 1")
    reason: str | None = Field(
        default=None,
        description="`cut` where the model reached its maximum length: `latex` is only the beginning; `loop` where it "
        "repeats the same tokens; `unsure` where it is more likely wrong than right",
    )
    tokens: list[str] = Field(description="the formula as the tokens that the model writes")


class PredictionResponse(BaseModel):
    """The formula predicted for an image."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "latex": "x^2",
                "formatted": "$x^2$",
                "confidence": 0.97,
                "reason": None,
                "candidates": [
                    {
                        "latex": "x^2",
                        "formatted": "$x^2$",
                        "confidence": 0.97,
                        "reason": None,
                        "tokens": ["x", "^", "{", "2", "}"],
                    },
                    {
                        "latex": "X^2",
                        "formatted": "$X^2$",
                        "confidence": 0.02,
                        "reason": "unsure",
                        "tokens": ["X", "^", "{", "2", "}"],
                    },
                ],
                "tokens": ["x", "^", "{", "2", "}"],
                "image": "data:image/png;base64,iVBORw0KGgo...",
                "attention": None,
                "seconds": 0.21,
            }
        }
    )
    latex: str = Field(description="the best candidate as LaTeX to paste")
    formatted: str = Field(description="the best candidate in the requested `format`")
    confidence: float = Field(description="that of the best candidate, 0 to 1")
    reason: str | None = Field(
        default=None,
        description="that of the best candidate; `several_formulas`, `text`, `no_formula` where the image shows that",
    )
    boxes: list[tuple[int, int, int, int]] = Field(
        default=[],
        description="top, bottom, left and right, in pixels of the image that was sent, of each of several formulas",
    )
    candidates: list[CandidateResponse] = Field(description="most probable formulas, the best first")
    tokens: list[str] = Field(description="the tokens of the best candidate, one for each attention map")
    image: str = Field(description="data URL of a PNG: the image as the model saw it")
    attention: list[list[list[int]]] | None = Field(
        description="one attention map (rows, columns) over `image` for each token, in thousandths of its attention; "
        "null where it was not requested"
    )
    seconds: float = Field(description="time from the last byte of the image to this response")


class PageResponse(BaseModel):
    """A page of a PDF."""

    model_config = ConfigDict(
        json_schema_extra={"example": {"page": 1, "pages": 12, "image": "data:image/png;base64,iVBORw0KGgo..."}}
    )
    page: int = Field(description="number of the page, from 1")
    pages: int = Field(description="number of pages of the PDF")
    image: str = Field(description="data URL of a PNG")


class RenderRequest(BaseModel):
    """The formula to render."""

    model_config = ConfigDict(json_schema_extra={"example": {"latex": "x^2"}})
    latex: Annotated[str, Field(max_length=MAX_FORMULA_LENGTH, description="a formula without $ around it")]


class FormatRequest(RenderRequest):
    """The formula to write in a format."""

    model_config = ConfigDict(json_schema_extra={"example": {"latex": "x^2", "format": "display"}})
    format: Format = Field(default="latex", description="as for `/predict`")


class FormatResponse(BaseModel):
    """A formula in a format."""

    model_config = ConfigDict(json_schema_extra={"example": {"formatted": r"\[ x^2 \]"}})
    formatted: str = Field(description="the formula in the requested `format`")


class ErrorResponse(BaseModel):
    """Error of a request."""

    error: str = Field(description="one sentence for the user")
    reason: str | None = Field(default=None, description="a fixed short name, such as `blank` or `not_allowed`")


class HealthResponse(BaseModel):
    """State of the server."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "status": "ok",
                "checkpoint": "9f3b...",
                "rendering": True,
                "uptime_seconds": 3600.5,
                "queue_size": 0,
            }
        }
    )
    status: str = Field(description="`ok`")
    checkpoint: str = Field(description="SHA-256 of the weights")
    rendering: bool = Field(description="whether formulas can be rendered, which needs TeX")
    uptime_seconds: float
    queue_size: int = Field(description="images and formulas in the queues")
