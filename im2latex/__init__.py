r"""Images of formulas to LaTeX.

>>> import im2latex
>>> predictor = im2latex.load()
>>> print(predictor.predict("examples/image.png"))
x_{1,2} = \frac{-b \pm \sqrt{b^2 - 4ac}}{2a}

The names in `__all__` are the public interface. Each is imported at its first use, so that `import im2latex` is fast
and loads neither NumPy nor torch. A name whose packages are not installed raises an error that names the extra.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from im2latex.dataset.sharded_dataset import Sample, ShardedDataset, open_dataset, write_dataset
    from im2latex.errors import ArtifactError, Im2LatexError, ImageError, InputError, LatexError, ToolError
    from im2latex.inference.predictor import Predictor, load
    from im2latex.latex.formats import format_formula
    from im2latex.latex.normalizer import Normalizer, NormalizerParams, normalize
    from im2latex.metrics.score_formulas import score
    from im2latex.rendering.renderer import Rendering, RenderParams, TexRenderer, render
    from im2latex.types import Candidate, Prediction

__version__ = "0.2.0"

_NAMES = {
    "im2latex.dataset.sharded_dataset": ("Sample", "ShardedDataset", "open_dataset", "write_dataset"),
    "im2latex.errors": ("ArtifactError", "Im2LatexError", "ImageError", "InputError", "LatexError", "ToolError"),
    "im2latex.inference.predictor": ("Predictor", "load"),
    "im2latex.latex.formats": ("format_formula",),
    "im2latex.latex.normalizer": ("Normalizer", "NormalizerParams", "normalize"),
    "im2latex.metrics.score_formulas": ("score",),
    "im2latex.rendering.renderer": ("RenderParams", "Rendering", "TexRenderer", "render"),
    "im2latex.types": ("Candidate", "Prediction"),
}
"""The public names of each module; the imports above repeat them for type checkers."""
_MODULES = {name: module for module, names in _NAMES.items() for name in names}

__all__ = [
    "ArtifactError",
    "Candidate",
    "Im2LatexError",
    "ImageError",
    "InputError",
    "LatexError",
    "Normalizer",
    "NormalizerParams",
    "Prediction",
    "Predictor",
    "RenderParams",
    "Rendering",
    "Sample",
    "ShardedDataset",
    "TexRenderer",
    "ToolError",
    "__version__",
    "format_formula",
    "load",
    "normalize",
    "open_dataset",
    "render",
    "score",
    "write_dataset",
]


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module 'im2latex' has no attribute {name!r}")
    from importlib import import_module

    try:
        value = getattr(import_module(_MODULES[name]), name)
    except ModuleNotFoundError as error:
        from im2latex.extras import install_hint

        if (hint := install_hint(error)) is None:
            raise
        raise ModuleNotFoundError(f"im2latex.{name}: {hint}", name=error.name) from error
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
