"""Images of formulas to LaTeX.

>>> import im2latex
>>> predictor = im2latex.load()
>>> print(predictor.predict("examples/image.png"))
x ^ { 2 } + y ^ { 2 } = z ^ { 2 }

The names in `__all__` are the public interface. They are imported when they are first used, so that `import im2latex`
loads neither NumPy nor torch.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from im2latex.inference.predictor import Predictor, load
    from im2latex.types import Candidate, Prediction

__version__ = "0.2.0"

__all__ = ["Candidate", "Prediction", "Predictor", "__version__", "load"]

_MODULES = {
    "Candidate": "im2latex.types",
    "Prediction": "im2latex.types",
    "Predictor": "im2latex.inference.predictor",
    "load": "im2latex.inference.predictor",
}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(_MODULES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
