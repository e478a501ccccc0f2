"""Description of the API: bodies, error responses and examples of the OpenAPI document."""

from typing import Any

from fastapi import FastAPI

from im2latex.images.decode import FORMATS
from im2latex.serving.api_models import ErrorResponse

IMAGE_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "description": f"An image ({', '.join(FORMATS)}): the file of a form, or the body itself",
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["file"],
                    "properties": {"file": {"type": "string", "format": "binary", "description": "the image"}},
                }
            },
            "image/*": {"schema": {"type": "string", "format": "binary"}},
        },
    }
}
PDF_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "description": "A PDF: the file of a form, or the body itself",
        "content": {
            "multipart/form-data": IMAGE_BODY["requestBody"]["content"]["multipart/form-data"],
            "application/pdf": {"schema": {"type": "string", "format": "binary"}},
        },
    }
}


def _error_response(description: str, error: str, reason: str | None = None) -> dict[str, Any]:
    example = {"error": error} | ({"reason": reason} if reason else {})
    return {"model": ErrorResponse, "description": description, "content": {"application/json": {"example": example}}}


ERRORS: dict[int | str, dict[str, Any]] = {
    400: _error_response(
        "the request contains no image",
        "The request contains no image; send one as the body, or as a form's field `file`",
    ),
    408: _error_response(
        "the request was sent too slowly",
        "The headers of the request took longer than 10 s; send them faster",
    ),
    413: _error_response("the request is too large", "The request is larger than 10 MB; send less at once"),
    422: _error_response(
        "the image cannot be used, or the formula cannot be rendered", "There is no ink on the image", "blank"
    ),
    429: _error_response(
        "too many requests of one client; send fewer at once, or slower",
        "32 other requests of this client are in progress; wait for their responses",
    ),
    503: _error_response(
        "the server is overloaded, or took too long; try again",
        "64 other requests are in the queue; try again in a moment",
    ),
}
_DESCRIPTION = """\
From a shell:

```bash
curl --data-binary @image.png '{address}/predict?candidates=3'
```

From Python:

```python
import json, urllib.request

with open("image.png", "rb") as image:
    request = urllib.request.Request("{address}/predict", data=image.read())
with urllib.request.urlopen(request) as response:
    print(json.load(response)["latex"])
```

`POST /predict` takes the image as the body or as the file of a form. Every error is a JSON object with one sentence,
`error`, and often a fixed name, `reason`.
"""


def openapi_document(app: FastAPI, address: str) -> dict[str, Any]:
    """The OpenAPI document, with examples that call this address."""
    document = app.openapi()
    info = document["info"] | {"description": _DESCRIPTION.replace("{address}", address)}
    return document | {"info": info, "servers": [{"url": address}]}
