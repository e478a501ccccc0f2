"""The shapes of questions and answers, as the OpenAPI document shows them."""

from typing import Annotated

from pydantic import BaseModel, Field

MOST_CANDIDATES = 10
LONGEST_FORMULA = 10_000


class Reading(BaseModel):
    """One formula that the image may show."""

    latex: str = Field(description="tokens separated by single spaces")
    confidence: float = Field(description="geometric mean of the probabilities of its tokens, 0 to 1; cut: product")
    reason: str | None = Field(
        default=None, description="`cut` where the model reached its greatest length: only the beginning was read"
    )


class Prediction(BaseModel):
    """What was read in an image."""

    latex: str = Field(description="the best reading")
    confidence: float = Field(description="that of the best reading, 0 to 1")
    reason: str | None = Field(default=None, description="that of the best reading")
    candidates: list[Reading] = Field(description="readings, the best first")
    tokens: list[str] = Field(description="the tokens of `latex`, as many as there are maps of attention")
    image: str = Field(description="data URL of a PNG: the image as the model saw it")
    attention: list[list[list[int]]] | None = Field(
        description="where the model looked: for each token a map (rows, columns) over `image`, whose cells are "
        "thousandths of its attention; null where it was not asked for, or the reading was chosen by its rendering"
    )
    seconds: float = Field(description="time from the image's last byte to this answer")


class Formula(BaseModel):
    """What is to be drawn."""

    latex: Annotated[str, Field(max_length=LONGEST_FORMULA, description="a formula without $ around it")]


class Problem(BaseModel):
    """Why there is no answer."""

    error: str = Field(description="one sentence for people")
    reason: str | None = Field(default=None, description="a fixed short name, such as `blank` or `not_allowed`")


class Health(BaseModel):
    """How the server is."""

    status: str = Field(description="`ok`")
    checkpoint: str = Field(description="SHA-256 of the weights")
    rendering: bool = Field(description="whether formulas can be drawn; needs TeX")
    uptime_seconds: float
    waiting: int = Field(description="images and formulas in the queues")
