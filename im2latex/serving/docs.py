"""The OpenAPI document as a page for people, without scripts and without anything from elsewhere."""

from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined


def page(document: dict[str, Any]) -> str:
    """HTML that lists routes, their parameters and the fields of their answers."""
    environment = Environment(
        loader=PackageLoader("im2latex.serving"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["kind"] = _kind
    routes = [
        {"path": path, "method": method.upper(), **operation}
        for path, operations in document["paths"].items()
        for method, operation in operations.items()
    ]
    return environment.get_template("docs.html.j2").render(
        info=document["info"], routes=routes, schemas=document["components"]["schemas"]
    )


def _kind(schema: dict[str, Any]) -> str:
    """A schema in a word or two, such as `list of Reading`."""
    if "$ref" in schema:
        return str(schema["$ref"]).rpartition("/")[2]
    if "anyOf" in schema:
        return " or ".join(_kind(one) for one in schema["anyOf"])
    if schema.get("type") == "array":
        return f"list of {_kind(schema['items'])}"
    if schema.get("format") == "binary":
        return "the bytes of a file"
    if "properties" in schema:
        return ", ".join(f"{name}: {_kind(one)}" for name, one in schema["properties"].items())
    bounds = [f"{schema[key]}" for key in ("minimum", "maximum") if key in schema]
    return str(schema.get("type", "any")) + (f", {' to '.join(bounds)}" if bounds else "")
