"""Page of the API: what the OpenAPI document says, as plain HTML that needs no script.

Swagger UI, the usual page, has controls without labels and text of low contrast. The page at / tries the API out.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from html import escape
from importlib.resources import files
from typing import Any

Schema = Mapping[str, Any]

_INDEX = files("im2latex.serving") / "page" / "index.html"
_PAGE = """\
{head}
<body class="api">
<header><h1>im2latex {version}: API</h1><a href="/">Page</a></header>
<main>
{content}
</main>
</body>
</html>
"""


def api_page(document: Schema) -> str:
    """The page of an OpenAPI document."""
    operations = [
        (method.upper(), path, operation)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    ]
    listed = "".join(
        f'<li><a href="#{_anchor(path)}">{method} {escape(path)}</a></li>' for method, path, _ in operations
    )
    parts = [
        *_markdown(document["info"]["description"]),
        f'<nav aria-label="Operations"><ul>{listed}</ul></nav>',
        '<p>For programs: <a href="/openapi.json">openapi.json</a>, the OpenAPI document.</p>',
        *(_operation(*one, document["components"]["schemas"]) for one in operations),
    ]
    version = escape(document["info"]["version"])
    return _PAGE.format(head=_head("im2latex API"), version=version, content="\n".join(parts))


def _head(title: str) -> str:
    """The start of a document that looks like the page at /, without its script."""
    start, _, rest = _INDEX.read_text(encoding="utf-8").partition("<title>")
    links = re.findall("<link .*>", rest)
    return "\n".join([f"{start}<title>{title}</title>", *links, "</head>"])


def _operation(method: str, path: str, operation: Schema, schemas: Schema) -> str:
    anchor = _anchor(path)
    parts = [f'<section aria-labelledby="{anchor}"><h2 id="{anchor}">{method} {escape(path)}</h2>']
    parts += [f"<p>{_inline(operation['summary'])}</p>"]
    if parameters := operation.get("parameters"):
        rows = [(one["name"], _type(one["schema"]), one.get("description", "")) for one in parameters]
        parts += ["<h3>Parameters of the query</h3>", _table(("Name", "Type", "Description"), rows)]
    if body := operation.get("requestBody"):
        parts += ["<h3>Body</h3>", f"<p>{_inline(body['description'])}</p>" if "description" in body else ""]
        for kind, content in body["content"].items():
            schema = _resolved(content["schema"], schemas)
            parts.append(f"<p><code>{escape(kind)}</code></p>")
            parts += _fields(schema, f"Example of a body of {path}")
    parts.append("<h3>Responses</h3>")
    errors = []
    for status, response in operation["responses"].items():
        content = response.get("content", {}).get("application/json", {})
        schema = _resolved(content.get("schema", {}), schemas)
        if int(status) < 400:
            parts.append(f"<p>{status}: {_inline(response['description'])}</p>")
            parts += _fields(schema, f"Example of a response of {path}")
        else:
            errors.append((status, response["description"], json.dumps(content.get("example", {}), ensure_ascii=False)))
    parts.append(_table(("Status", "Error", "Example"), errors) if errors else "")
    return "\n".join([*filter(None, parts), "</section>"])


def _fields(schema: Schema, name: str) -> Iterator[str]:
    """The fields of an object, and an example with that name."""
    if properties := schema.get("properties"):
        rows = [(field, _type(one), one.get("description", "")) for field, one in properties.items()]
        yield _table(("Field", "Type", "Description"), rows)
    if "example" in schema:
        yield _code(json.dumps(schema["example"], indent=2, ensure_ascii=False), name)


def _type(schema: Schema) -> str:
    """A type in words, with its choices, limits and default."""
    if several := schema.get("anyOf"):
        return " or ".join(map(_type, several))
    name = " | ".join(schema["enum"]) if "enum" in schema else schema.get("format") or schema.get("type", "object")
    if name == "array":
        name = f"array of {_type(schema['items'])}" if "type" in schema.get("items", {}) else "array"
    if "minimum" in schema and "maximum" in schema:
        name = f"{name} from {schema['minimum']} to {schema['maximum']}"
    return f"{name}; default {json.dumps(schema['default'])}" if "default" in schema else str(name)


def _resolved(schema: Schema, schemas: Schema) -> Schema:
    """The schema that a reference names."""
    found: Schema = schemas[schema["$ref"].rpartition("/")[2]] if "$ref" in schema else schema
    return found


def _table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    first = "".join(f'<th scope="col">{name}</th>' for name in head)
    body = "".join(
        f'<tr><th scope="row">{escape(row[0])}</th>{"".join(f"<td>{_inline(cell)}</td>" for cell in row[1:])}</tr>'
        for row in rows
    )
    return f"<table><thead><tr>{first}</tr></thead><tbody>{body}</tbody></table>"


def _code(text: str, name: str) -> str:
    """A block of code, which can be scrolled by keyboard."""
    return f'<pre tabindex="0" role="region" aria-label="{escape(name)}"><code>{escape(text)}</code></pre>'


def _markdown(text: str) -> Iterator[str]:
    """Paragraphs and fenced code; the paragraph before code is its name."""
    name = "Code"
    for place, part in enumerate(re.split(r"```\w*\n(.*?)\n```", text, flags=re.DOTALL)):
        if place % 2:
            yield _code(part, name)
            continue
        for paragraph in filter(None, map(str.strip, part.split("\n\n"))):
            name = paragraph.rstrip(":")
            yield f"<p>{_inline(paragraph)}</p>"


def _inline(text: str) -> str:
    return re.sub(r"`([^`]*)`", r"<code>\1</code>", escape(text))


def _anchor(path: str) -> str:
    return path.strip("/").replace("/", "-") or "root"
