import re

from starlette.testclient import TestClient


def test_the_docs_name_every_route_and_field_and_load_nothing_from_elsewhere(client: TestClient) -> None:
    document = client.get("/openapi.json").json()
    page = client.get("/docs").text
    for path in document["paths"]:
        assert f" {path}<" in page
    for name, schema in document["components"]["schemas"].items():
        if "ValidationError" not in name:
            assert all(f"<code>{field}</code>" in page for field in schema["properties"])
    assert set(document["paths"]) == {"/predict", "/render", "/healthz"}
    assert "integer, 1 to 10, default 5" in page
    assert re.findall(r'(?:src|href)="([^"]*)"', page) == ["/page/icon.svg", "/page/style.css", "/", "/openapi.json"]
