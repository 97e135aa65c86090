"""Where the client connects and as whom: arguments first, then the environment."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from conftest import Connect
from fakes import Wire, page
from upstash_workflow_dlq import ConfigurationError


def test_without_a_token_the_error_names_the_variables(connect: Connect, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QSTASH_TOKEN", "  ")
    with pytest.raises(ConfigurationError, match="set QSTASH_TOKEN in the environment"):
        connect(None)
    with pytest.raises(ConfigurationError, match="US_EAST_1_QSTASH_TOKEN or QSTASH_TOKEN"):
        connect(None, region="us-east-1")
    monkeypatch.setenv("QSTASH_REGION", "US_EAST_1")
    with pytest.raises(ConfigurationError, match=r"US_EAST_1_QSTASH_TOKEN .*US_EAST_1_QSTASH_URL.* or QSTASH_TOKEN"):
        connect(None)


@pytest.mark.parametrize("token", ["", " ", "two words", "line\nbreak", "gr\u00fcn", "nul\x00"])
def test_a_token_that_could_not_travel_is_refused_without_being_shown(connect: Connect, token: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        connect(token)
    assert len(token) < 2 or token not in str(caught.value)


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ({"region": "mars-1"}, 'region must be "us-east-1" or "eu-central-1", not \'mars-1\''),
        ({"region": 5}, 'region must be "us-east-1" or "eu-central-1"'),
        ({"auth": "cookie"}, 'auth must be "header" or "query"'),
        ({"token": 5}, "token must be a string, not int"),
        ({"base_url": "qstash.upstash.io"}, "base_url must be http"),
        ({"base_url": "ftp://qstash.upstash.io"}, "base_url must be http"),
        ({"base_url": "https://"}, "base_url must be http"),
        ({"base_url": ""}, "base_url must be http"),
        ({"base_url": "https://qstash.upstash.io?a=b"}, "base_url must be http"),
        ({"base_url": "https://qstash.upstash.io/#x"}, "base_url must be http"),
        ({"base_url": "https://qstash.upstash.io?"}, "base_url must be http"),
        ({"base_url": "https://qstash.upstash.io#"}, "base_url must be http"),
        ({"base_url": "https://a..b"}, "base_url must be http"),
        ({"base_url": f"https://{'a' * 70}.example"}, "base_url must be http"),
        ({"base_url": "https://user:pass@qstash.upstash.io"}, "without a user name"),
        ({"base_url": "https://qstash.upstash.io:port"}, "is not a URL"),
        ({"base_url": 5}, "base_url must be http"),
        ({"base_url": "https://qstash.upstash.io:0"}, "the port being 1 to 65535"),
        ({"base_url": "https://qstash.upstash.io:65979"}, "the port being 1 to 65535"),
        ({"base_url": f"https://qstash.upstash.io/{'a' * 2000}"}, "at most 2000 characters"),
        ({"base_url": f"https://qstash.upstash.io/{'a' * 70_000}"}, "is not a URL"),
        ({"token": "a" * 4001}, "token is longer than 4000 characters"),
        ({"transport": object()}, "transport must be an httpx"),
    ],
)
def test_a_configuration_that_cannot_work_is_refused(
    connect: Connect, arguments: dict[str, Any], complaint: str
) -> None:
    with pytest.raises(ConfigurationError) as caught:
        connect(**arguments)
    assert complaint in str(caught.value)
    assert "pass@" not in str(caught.value)


def test_an_unknown_region_in_the_environment_is_named(connect: Connect, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QSTASH_REGION", "MARS_1")
    with pytest.raises(ConfigurationError, match="QSTASH_REGION must be"):
        connect()


@pytest.mark.parametrize("host", ["qstash.upstash.io", "10.0.0.1", "localhost.example", "127.0.0.1.example", "[::2]"])
def test_plain_http_is_refused_off_loopback(connect: Connect, host: str) -> None:
    with pytest.raises(ConfigurationError, match="would send the token in clear"):
        connect(base_url=f"http://{host}")
    wire = Wire(page())
    assert connect(base_url=f"http://{host}", allow_insecure=True, transport=wire).count() == 0


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST", "127.0.0.1", "127.1.2.3", "[::1]"])
def test_plain_http_is_fine_on_loopback(connect: Connect, host: str) -> None:
    wire = Wire(page())
    assert connect(base_url=f"http://{host}:8080", transport=wire).count() == 0


def test_a_base_url_may_have_a_path_and_a_trailing_slash(connect: Connect) -> None:
    wire = Wire(page())
    client = connect(base_url="https://proxy.example/qstash/", transport=wire)
    assert client.count() == 0
    assert wire.sent == ["GET /qstash/v2/workflows/dlq?count=100"]
    assert "base_url='https://proxy.example/qstash'" in repr(client)


def test_the_token_can_travel_in_the_query(connect: Connect) -> None:
    wire = Wire(page())
    assert connect(transport=wire, auth="query").count(label=["a", "b"]) == 0
    assert wire.sent == ["GET /v2/workflows/dlq?count=100&label=a&label=b&qstash_token=t0ken"]
    assert "Authorization" not in wire.requests[0].headers


def test_requests_say_who_sends_them(connect: Connect) -> None:
    from upstash_workflow_dlq import __version__

    wire = Wire(page())
    connect(transport=wire).count()
    assert wire.requests[0].headers["User-Agent"] == f"upstash-workflow-dlq/{__version__}"
    assert wire.requests[0].headers["Authorization"] == "Bearer t0ken"


@pytest.mark.parametrize("timeout", [None, 5, 2.5, httpx.Timeout(1, read=9)])
def test_the_timeout_reaches_the_transport(connect: Connect, timeout: Any) -> None:
    wire = Wire(page())
    connect(transport=wire, timeout=timeout).count()
    expected = timeout if isinstance(timeout, httpx.Timeout) else httpx.Timeout(timeout)
    assert wire.requests[0].extensions["timeout"] == expected.as_dict()


@pytest.mark.parametrize("timeout", [0, -1, "5", True, (5, 5), float("nan"), float("inf"), 1e12])
def test_an_invalid_timeout_is_refused(connect: Connect, timeout: Any) -> None:
    with pytest.raises(ConfigurationError, match="timeout must be positive seconds"):
        connect(timeout=timeout)


@pytest.mark.parametrize("swapped", ["base_url", "region", "auth"])
def test_a_token_in_the_wrong_place_is_not_quoted(connect: Connect, swapped: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        connect("https://qstash.upstash.io", **{swapped: "eyJhbGciOiJub25lIn0.c2VjcmV0"})
    assert "eyJ" not in str(caught.value)
