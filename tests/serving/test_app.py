import base64
import io
import re
from collections.abc import Sequence

import numpy as np
import pytest
from PIL import Image
from starlette.testclient import TestClient

from im2latex.errors import ToolError
from im2latex.rendering.renderer import Rendering
from im2latex.serving.app import PAGE, create_app
from im2latex.serving.backend import Backend
from im2latex.serving.limits import ServerLimits
from tests.fakes import FakeRenderer
from tests.serving import images
from tests.serving.fakes import LATEX, OTHERS, FakePredictor
from tests.serving.test_uploads import HOSTILE

IMAGE = images.encoded(images.ink())


def test_an_image_as_the_body(client: TestClient) -> None:
    answer = client.post("/predict?candidates=2", content=IMAGE, headers={"content-type": "image/png"})
    assert answer.status_code == 200
    found = answer.json()
    assert found["latex"] == f"{LATEX} 60"
    assert found["tokens"] == found["latex"].split()
    assert [one["latex"] for one in found["candidates"]] == [f"{LATEX} 60", OTHERS[0]]
    assert found["confidence"] == found["candidates"][0]["confidence"] == 0.9
    assert found["attention"] is None
    assert found["seconds"] > 0
    head, _, data = found["image"].partition(",")
    assert head == "data:image/png;base64"
    assert Image.open(io.BytesIO(base64.b64decode(data))).size == (60, 40)


@pytest.mark.parametrize("field", ["file", "image"])
def test_an_image_in_a_form(client: TestClient, field: str) -> None:
    answer = client.post("/predict", files={field: ("a.png", IMAGE, "image/png")})
    assert answer.json()["latex"] == f"{LATEX} 60"
    assert len(answer.json()["candidates"]) == 3  # of five that were asked for


def test_attention_is_a_map_of_thousandths_for_each_token(client: TestClient) -> None:
    found = client.post("/predict?attention=true", content=IMAGE).json()
    maps = np.array(found["attention"])
    assert maps.shape == (len(found["tokens"]), 2, 6)
    assert (maps.sum(axis=(1, 2)) == 1000).all()


def test_render_returns_an_image_or_a_reason(client: TestClient) -> None:
    answer = client.post("/render", json={"latex": "a + b"})
    assert answer.headers["content-type"] == "image/png"
    assert Image.open(io.BytesIO(answer.content)).mode == "L"
    refused = client.post("/render", json={"latex": r"\broken"})
    assert refused.status_code == 422
    assert refused.json() == {
        "error": r"The formula cannot be rendered: undefined macro (\broken)",
        "reason": "undefined_macro",
    }


def test_health(client: TestClient) -> None:
    found = client.get("/healthz").json()
    assert found["status"] == "ok"
    assert found["checkpoint"] == "abc"
    assert found["rendering"] is True
    assert found["queue_size"] == 0
    assert found["uptime_seconds"] > 0


@pytest.mark.parametrize("path", ["/healthz", "/", "/docs", "/openapi.json", "/page/app.js"])
def test_head_is_get_without_a_body(client: TestClient, path: str) -> None:
    answer = client.head(path)
    assert (answer.status_code, answer.content) == (200, b"")
    assert int(answer.headers["content-length"]) > 0


def test_only_the_page_is_served_as_files(client: TestClient) -> None:
    kinds = {path.suffix for path in PAGE.rglob("*") if path.is_file()}
    assert kinds == {".html", ".js", ".css", ".svg"}


def test_a_slow_formula_is_rendered_by_the_slow_renderer(predictor: FakePredictor) -> None:
    class Quick(FakeRenderer):
        def render(self, formulas: Sequence[str]) -> list[Rendering]:
            slow = [Rendering(None, "timeout") for _ in formulas]
            return slow if "slow" in formulas[0] else super().render(formulas)

    class Patient(FakeRenderer):
        def render(self, formulas: Sequence[str]) -> list[Rendering]:
            drawn.extend(formulas)
            return super().render(formulas)

    drawn: list[str] = []
    with TestClient(create_app(Backend(predictor, Quick(), slow_renderer=Patient()), ServerLimits())) as client:
        assert client.post("/render", json={"latex": "quick"}).status_code == 200
        assert client.post("/render", json={"latex": "slow"}).status_code == 200
    assert drawn == ["slow"]


def test_without_tex_everything_except_rendering_works(predictor: FakePredictor) -> None:
    class NoTex(FakeRenderer):
        def render(self, formulas: object) -> list[Rendering]:
            raise ToolError("pdftex is not installed")

    with TestClient(create_app(Backend(predictor, NoTex()), ServerLimits())) as client:
        assert client.get("/healthz").json()["rendering"] is False
        assert client.post("/predict", content=IMAGE).status_code == 200
        answer = client.post("/render", json={"latex": "x"})
        assert (answer.status_code, answer.json()) == (503, {"error": "Pdftex is not installed"})


@pytest.mark.parametrize("form", [False, True])
def test_hostile_images_are_rejected_and_the_next_is_predicted(client: TestClient, form: bool) -> None:
    for name, (data, _) in HOSTILE.items():
        answer = client.post("/predict", **({"files": {"file": data}} if form else {"content": data}))
        assert answer.status_code == (422 if data else 400), (name, answer.text)
        assert answer.json()["error"].count(" ") > 3
    assert client.post("/predict", content=IMAGE).status_code == 200


@pytest.mark.parametrize(
    ("request_", "status", "words"),
    [
        (("GET", "/nothing", {}), 404, "nothing at /nothing"),
        (("GET", "/predict", {}), 405, "does not accept GET"),
        (("POST", "/predict?candidates=0", {"content": IMAGE}), 422, "Candidates: input should be greater"),
        (("POST", "/predict", {"data": {"a": "b"}}), 422, "No image"),
        (("POST", "/predict", {"content": b"x", "headers": {"content-type": "multipart/form-data"}}), 400, "boundary"),
        (("POST", "/render", {"content": b"{"}), 422, "valid dictionary"),
        (("POST", "/render", {"json": {"latex": "x" * 20_000}}), 422, "at most 10000"),
        (("POST", "/predict", {"content": images.encoded(Image.new("L", (50, 50), 255))}), 422, "no ink"),
    ],
)
def test_every_error_is_one_sentence(
    client: TestClient, request_: tuple[str, str, dict[str, object]], status: int, words: str
) -> None:
    method, path, options = request_
    answer = client.request(method, path, **options)  # type: ignore[arg-type]
    assert answer.status_code == status, answer.text
    assert words in answer.json()["error"]


def test_an_internal_error_shows_no_traceback(client: TestClient, predictor: FakePredictor) -> None:
    predictor.error = ArithmeticError("secret")
    answer = client.post("/predict", content=IMAGE)
    assert answer.status_code == 500
    assert "secret" not in answer.text
    assert answer.json()["error"].startswith("The server failed")
    predictor.error = None
    assert client.post("/predict", content=IMAGE).status_code == 200


def test_the_page_loads_nothing_from_elsewhere(client: TestClient) -> None:
    page = client.get("/")
    assert page.headers["content-security-policy"].startswith("default-src 'self';")
    for name in ("style.css", "app.js", "api.js", "attention.js", "crop.js", "image.js", "candidates.js", "icon.svg"):
        part = client.get(f"/page/{name}")
        assert part.status_code == 200
        assert "//" not in part.text.replace("http://www.w3.org/2000/svg", "").replace("// ", "").replace("//\n", "")
    assert client.get("/page/../app.py").status_code == 404


def test_the_api_page_loads_nothing_from_elsewhere(client: TestClient) -> None:
    page = client.get("/docs")
    addresses = re.findall(r"""(?:src|href|url)\s*[=:]\s*["']([^"']*)["']""", page.text)
    assert len(addresses) == 4
    for address in addresses:
        assert client.get(address).status_code == 200, address
    assert page.headers["content-security-policy"].count("sha256-") == page.text.count("<script>") == 1
    assert set(client.get("/openapi.json").json()["paths"]) == {"/predict", "/render", "/healthz"}
