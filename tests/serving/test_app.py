import asyncio
import base64
import io
import re
import time
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from starlette.testclient import TestClient

from im2latex.errors import ImageError, InputError
from im2latex.images.decode import FORMATS
from im2latex.images.sandboxed_decoder import ImageDecoder, _idle
from im2latex.rendering.renderer import Rendering
from im2latex.serving.app import PAGE, create_app
from im2latex.serving.backend import Backend
from im2latex.serving.limits import ServerLimits
from im2latex.serving.uploads import decode_upload, run_decoder
from tests.fakes import FakeRenderer
from tests.serving import images
from tests.serving.fakes import LATEX, OTHERS, TOKENS, FakePredictor, NoTexRenderer

IMAGE = images.encoded(images.ink())
HOSTILE = {
    "nothing": (b"", "contains no image"),
    "text": (b"import os\n", "no image of a format"),
    "a page": (b"%PDF-1.5\n", "/pdf-page"),
    "a drawing": (b'<svg xmlns="http://www.w3.org/2000/svg"/>', "no image of a format"),
    "a bomb": (images.bomb(), "pixels"),
    "a smaller bomb": (images.bomb(9000), "pixels"),
    "a bomb of text": (images.text_bomb(), "damaged"),
    "one wide": (images.encoded(Image.new("L", (1, 100_000))), "1 x 100000"),
    "one high": (images.encoded(Image.new("L", (100_000, 1))), "100000 x 1"),
    "a moving one": (images.moving(), "moves"),
    "a moving PNG": (images.moving("PNG"), "moves"),
    "a moving WebP": (images.moving("WEBP"), "moves"),
    "pages": (images.moving("TIFF"), "moves"),
    "half a PNG": (images.encoded(Image.effect_noise((200, 200), 90))[:9000], "damaged"),
    "half a JPEG": (images.encoded(Image.effect_noise((200, 200), 90), "JPEG")[:5000], "damaged"),
    "a head alone": (images.encoded(images.ink())[:20], "image"),
}


def test_an_image_as_the_body(client: TestClient) -> None:
    answer = client.post("/predict?candidates=2", content=IMAGE, headers={"content-type": "image/png"})
    assert answer.status_code == 200
    found = answer.json()
    assert found["latex"] == f"{LATEX} 60"
    assert found["tokens"] == found["candidates"][0]["tokens"] == [*TOKENS, "60"]
    assert [one["latex"] for one in found["candidates"]] == [f"{LATEX} 60", OTHERS[0]]
    assert found["confidence"] == found["candidates"][0]["confidence"] == 0.9
    assert found["attention"] is None
    assert found["seconds"] > 0
    head, _, data = found["image"].partition(",")
    assert head == "data:image/png;base64"
    assert Image.open(io.BytesIO(base64.b64decode(data))).size == (60, 40)


def test_the_format(client: TestClient) -> None:
    plain = client.post("/predict", content=IMAGE).json()
    assert plain["formatted"] == plain["latex"]
    found = client.post("/predict?format=tokens", content=IMAGE).json()
    assert found["latex"] == plain["latex"]
    assert found["formatted"] == found["candidates"][0]["formatted"] == " ".join(found["tokens"])
    assert client.post("/predict?format=mathml", content=IMAGE).json()["formatted"].startswith("<math")
    assert client.post("/predict?format=word", content=IMAGE).status_code == 422


@pytest.mark.parametrize("field", ["file", "image"])
def test_an_image_in_a_form(client: TestClient, field: str) -> None:
    answer = client.post("/predict", files={field: ("a.png", IMAGE, "image/png")})
    assert answer.json()["latex"] == f"{LATEX} 60"
    assert len(answer.json()["candidates"]) == 3  # of five that were asked for


def test_the_effort_is_passed_on_and_normal_by_default(client: TestClient, predictor: FakePredictor) -> None:
    for query in ("", "?effort=fast", "?effort=best"):
        assert client.post(f"/predict{query}", content=IMAGE).status_code == 200
    assert predictor.efforts[-3:] == ["normal", "fast", "best"]
    assert client.post("/predict?effort=much", content=IMAGE).status_code == 422


def test_without_tex_every_effort_is_fast(client: TestClient, predictor: FakePredictor) -> None:
    predictor.has_tex = False
    assert client.post("/predict?effort=best", content=IMAGE).status_code == 200
    assert predictor.efforts[-1] == "fast"


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


def test_a_formula_is_written_in_a_format(client: TestClient) -> None:
    answer = client.post("/format", json={"latex": r"x^2 + \frac12", "format": "tokens"})
    assert answer.json() == {"formatted": r"x ^ { 2 } + \frac { 1 } { 2 }"}
    refused = client.post("/format", json={"latex": r"\frac{1", "format": "inline"})
    assert (refused.status_code, refused.json()["reason"]) == (422, "unbalanced_group")


def test_the_pages_of_a_pdf_are_drawn(client: TestClient) -> None:
    pdf = io.BytesIO()
    images.ink(300, 200).save(pdf, "PDF", save_all=True, append_images=[images.ink(200, 300)], resolution=300)
    answer = client.post("/pdf-page?page=2", content=pdf.getvalue())
    assert answer.status_code == 200, answer.text
    assert (answer.json()["page"], answer.json()["pages"]) == (2, 2)
    page = Image.open(io.BytesIO(base64.b64decode(answer.json()["image"].partition(",")[2])))
    assert page.size == (200, 300)
    for page_number, content, words in ((3, pdf.getvalue(), "no page 3"), (1, IMAGE, "no PDF"), (1, b"", "no PDF")):
        refused = client.post(f"/pdf-page?page={page_number}", content=content)
        assert refused.status_code in (400, 422)
        assert words in refused.json()["error"]


def test_the_api_is_described_with_the_address_of_the_server_and_examples(client: TestClient) -> None:
    document = client.get("/openapi.json").json()
    assert document["servers"] == [{"url": "http://testserver"}]
    assert "http://testserver/predict" in document["info"]["description"]
    page = client.get("/docs").text
    assert "curl --data-binary @image.png &#x27;http://testserver/predict" in page
    for path in document["paths"]:
        assert f" {path}</h2>" in page
    for name in ("PredictionResponse", "PageResponse", "RenderRequest", "HealthResponse"):
        schema = document["components"]["schemas"][name]
        assert 0 < len(schema["example"]) <= len(schema["properties"])
    for route in document["paths"].values():
        for status, response in next(iter(route.values()))["responses"].items():
            if int(status) >= 400:
                assert response["content"]["application/json"]["example"]["error"], status


def test_health(client: TestClient) -> None:
    found = client.get("/healthz").json()
    assert found["status"] == "ok"
    assert found["checkpoint"] == "abc"
    assert found["rendering"] is True
    assert found["queue_size"] == 0
    assert found["uptime_seconds"] > 0


def test_metrics_count_responses_and_predictions(client: TestClient) -> None:
    client.post("/predict", content=IMAGE)
    client.post("/predict", content=b"no image")
    client.get("/nothing/of/the/api")
    client.post("/render", json={"latex": "x"})
    lines = client.get("/metrics").text.splitlines()
    assert 'im2latex_requests_total{path="/predict",status="422"} 1.0' in lines
    assert 'im2latex_predictions_total{reason="none"} 1.0' in lines
    assert 'im2latex_requests_total{path="other",status="404"} 1.0' in lines
    assert 'im2latex_request_seconds_count{path="/render"} 1.0' in lines
    assert "im2latex_queue_size 0.0" in lines


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
    with TestClient(create_app(Backend(predictor, NoTexRenderer()), ServerLimits())) as client:
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
    for name in (
        "style.css",
        "app.js",
        "api.js",
        "attention.js",
        "crop.js",
        "image.js",
        "candidates.js",
        "history.js",
        "mathml.js",
        "messages.js",
        "pages.js",
        "icon.svg",
    ):
        part = client.get(f"/page/{name}")
        assert part.status_code == 200
        assert "//" not in part.text.replace("http://www.w3.org/2000/svg", "").replace(
            "http://www.w3.org/1998/Math/MathML", ""
        ).replace("// ", "").replace("//\n", "")
    assert client.get("/page/../app.py").status_code == 404


def test_the_api_page_loads_nothing_from_elsewhere(client: TestClient) -> None:
    page = client.get("/docs")
    addresses = re.findall(r"""(?:src|href|url)\s*[=:]\s*["']([^"']*)["']""", page.text)
    assert {"/", "/page/style.css", "/openapi.json", "#predict"} <= {*addresses}
    for address in addresses:
        assert address.startswith("#") or client.get(address).status_code == 200, address
    assert "<script" not in page.text
    assert set(client.get("/openapi.json").json()["paths"]) == {
        "/predict",
        "/render",
        "/format",
        "/pdf-page",
        "/healthz",
    }


MOST = 1_000_000
SLOW = b"P2\n2 2\n255\n" + b"#\n" * 4_000_000


@pytest.mark.parametrize("kind", FORMATS)
def test_all_formats_are_decoded(kind: str) -> None:
    pixels = decode_upload(images.encoded(images.ink().convert("RGB"), kind), MOST)
    assert pixels.shape[:2] == (40, 60)
    assert pixels[0, 0].min() > 240
    assert pixels[20, 30].max() < 15


@pytest.mark.parametrize(
    ("mode", "shape"),
    [("L", (40, 60)), ("1", (40, 60)), ("RGB", (40, 60, 3)), ("RGBA", (40, 60, 4)), ("LA", (40, 60, 4))],
)
def test_shapes_of_pixels(mode: str, shape: tuple[int, ...]) -> None:
    pixels = decode_upload(images.encoded(images.ink().convert(mode)), MOST)
    assert pixels.shape == shape
    assert pixels.dtype == np.uint8


def test_sixteen_bits_are_scaled() -> None:
    assert decode_upload(images.deep(), MOST)[0, 0] == 40_000 >> 8


def test_photos_are_rotated_upright() -> None:
    assert decode_upload(images.turned(), MOST).shape[:2] == (40, 60)


def test_large_images_are_reduced() -> None:
    pixels = decode_upload(images.encoded(images.ink(4000, 3000)), 25_000_000)
    assert 3_900_000 < pixels.size < 4_100_000
    assert pixels[0, 0] == 255
    assert pixels[pixels.shape[0] // 2, pixels.shape[1] // 2] == 0


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_images_are_rejected_with_a_sentence(name: str) -> None:
    data, words = HOSTILE[name]
    with pytest.raises(InputError, match=words) as refused:
        decode_upload(data, MOST)
    assert len(str(refused.value)) < 200


@settings(max_examples=60)
@given(st.sampled_from(FORMATS), st.data())
def test_damaged_images_never_raise_anything_else(kind: str, data: st.DataObject) -> None:
    whole = bytearray(images.encoded(images.ink().convert("RGB"), kind))
    for place in data.draw(st.lists(st.integers(0, len(whole) - 1), min_size=1, max_size=8)):
        whole[place] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(whole)))
    try:
        pixels = decode_upload(bytes(whole[:cut]), MOST)
    except InputError:
        return
    assert pixels.ndim in (2, 3)


def test_an_image_that_is_slow_to_decode_is_rejected() -> None:
    with pytest.raises(ImageError, match="CPU time") as refused:
        decode_upload(SLOW, MOST)
    assert refused.value.reason == "too_complex"


def test_cancelled_decoding_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("im2latex.serving.uploads._DECODE_CPU_SECONDS", 600)
    decoder = ImageDecoder()
    _idle.append(decoder)

    async def scene() -> float:
        work = asyncio.create_task(run_decoder(lambda decoder: decode_upload(SLOW, MOST, decoder)))
        while not decoder._pending:
            await asyncio.sleep(0.001)
        began = time.process_time()
        work.cancel()
        with pytest.raises(asyncio.CancelledError):
            await work
        assert decoder._worker is None
        assert (
            await run_decoder(lambda decoder: decode_upload(images.encoded(images.ink()), MOST, decoder))
        ).shape == (40, 60)
        return time.process_time() - began

    assert asyncio.run(scene()) < 5
