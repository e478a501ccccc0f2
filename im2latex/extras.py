"""The optional dependency groups (extras) of the distribution, by the packages in them."""

import re
from collections.abc import Sequence
from importlib import metadata

_DISTRIBUTIONS = {
    "PIL": "pillow",
    "dvc_data": "dvc",
    "fontTools": "fonttools",
    "h11": "uvicorn",
    "markupsafe": "jinja2",
    "scmrepo": "dvc",
    "starlette": "fastapi",
    "yaml": "pyyaml",
}
"""Imported packages whose distribution has another name, or that come with the distribution that is declared."""


def install_hint(error: ModuleNotFoundError) -> str | None:
    """One sentence that names the extra to install; None where the module belongs to no extra."""
    package = (error.name or "").partition(".")[0]
    extra = extra_of(package)
    return None if extra is None else f"{package} is not installed; run: {install_command(extra)}"


def install_command(extra: str) -> str:
    """The command that installs an extra."""
    return f"pip install 'im2latex[{extra}]'"


def extra_of(package: str) -> str | None:
    """The first extra, in the order of pyproject.toml, that installs an importable package."""
    distribution = distribution_of(package)
    return next((extra for extra, names in _distributions().items() if distribution in names), None)


def missing_distributions(extras: Sequence[str] = ("pipeline", "train", "serve")) -> dict[str, list[str]]:
    """The distributions of each extra that are not installed, by extra."""
    declared = _distributions()
    return {extra: [name for name in declared.get(extra, ()) if not _is_installed(name)] for extra in extras}


def _distributions() -> dict[str, list[str]]:
    """The normalized names of the distributions of each extra, in the order of pyproject.toml."""
    try:
        requirements = metadata.requires("im2latex") or []
    except metadata.PackageNotFoundError:  # run from a source tree that is not installed
        return {}
    found: dict[str, list[str]] = {}
    for requirement in requirements:
        name, _, marker = requirement.partition(";")
        if extra := re.search(r"""extra\s*==\s*['"]([^'"]+)['"]""", marker):
            distribution = normalized(re.split(r"[^A-Za-z0-9._-]", name, maxsplit=1)[0])
            found.setdefault(extra[1], []).append(distribution)
    return found


def _is_installed(distribution: str) -> bool:
    try:
        metadata.distribution(distribution)
    except metadata.PackageNotFoundError:
        return False
    return True


def distribution_of(package: str) -> str:
    """The normalized name of the distribution that an importable package comes with."""
    return normalized(_DISTRIBUTIONS.get(package, package))


def normalized(name: str) -> str:
    """The name of a distribution as package indexes compare it."""
    return re.sub(r"[-_.]+", "-", name).lower()
