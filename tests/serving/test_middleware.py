import pytest
from starlette.responses import PlainTextResponse
from starlette.testclient import TestClient

from im2latex.errors import UsageError
from im2latex.serving.middleware import AllowedHostMiddleware, AllowedHosts


def _status(host: str, address: str = "127.0.0.1", allowed: tuple[str, ...] = ()) -> int:
    client = TestClient(AllowedHostMiddleware(PlainTextResponse("answer"), AllowedHosts(address, allowed)))
    answer = client.post("/render", headers={"host": host})
    if answer.status_code != 200:
        assert answer.json()["error"].count(" ") > 3
    return answer.status_code


@pytest.mark.parametrize("address", ["127.0.0.1", "::1", "0.0.0.0", "::", "192.0.2.7"])
@pytest.mark.parametrize(
    "host", ["localhost:8000", "LOCALHOST", "127.0.0.1:8000", "127.0.0.2", "[::1]:8000", "localhost."]
)
def test_names_of_loopback_are_always_accepted(host: str, address: str) -> None:
    assert _status(host, address) == 200


@pytest.mark.parametrize("address", ["127.0.0.1", "0.0.0.0", "192.0.2.7"])
@pytest.mark.parametrize(
    "host",
    ["evil.example:8000", "evil.example", "localhost.evil.example", "127.0.0.1.evil.example", "127.1", "0x7f000001"],
)
def test_other_names_are_rejected(host: str, address: str) -> None:
    assert _status(host, address) == 421


@pytest.mark.parametrize(
    "host", ["", "a@localhost", "localhost:80:80", "localhost/", "lo calhost", "[::1", "localhost:x"]
)
def test_invalid_host_headers_are_rejected(host: str) -> None:
    assert _status(host) == 400


def test_the_own_address_is_accepted_and_any_address_on_all_interfaces() -> None:
    assert _status("192.0.2.7:8000", "192.0.2.7") == 200
    assert _status("192.0.2.8:8000", "192.0.2.7") == 421
    assert _status("[2001:db8:0::1]:8000", "2001:db8::1") == 200
    assert _status("192.0.2.8:8000", "127.0.0.1") == 421
    assert _status("192.0.2.8:8000", "0.0.0.0") == 200
    assert _status("[2001:db8::1]", "::") == 200
    assert _status("here.example", "here.example") == 200


def test_allowed_names_are_added() -> None:
    allowed = ("im2latex.example", "Other.example")
    assert _status("im2latex.example:443", "0.0.0.0", allowed) == 200
    assert _status("other.EXAMPLE", "0.0.0.0", allowed) == 200
    assert _status("evil.example", "0.0.0.0", allowed) == 421
    with pytest.raises(UsageError, match="--allowed-host http://a: not a host name"):
        _status("a", "0.0.0.0", ("http://a",))
