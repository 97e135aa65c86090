"""Any status with any body becomes one of the errors, sync and async."""

from __future__ import annotations

import pickle
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any

import httpx
import pytest
from conftest import Connect
from fakes import Breaking, Sent, Wire, as_json
from pairs import CLIENTS, in_pairs
from upstash_workflow_dlq import (
    APIError,
    AuthenticationError,
    BadRequestError,
    ClientClosedError,
    DLQError,
    NotFoundError,
    RateLimitError,
    ServerError,
    TransportError,
)

BODIES = {
    "documented": (as_json({"error": "it says why"}), "it says why"),
    "message": (as_json({"message": "it says why"}), "it says why"),
    "another shape": (as_json({"error": {"code": 7}}), "{'error': {'code': 7}}"),
    "no object": (as_json("it says why"), "it says why"),
    "text": (b"\n  upstream connect error\nmore", "upstream connect error"),
    "html": (b"<html><body>Bad</body></html>", "<html><body>Bad</body></html>"),
    "long": (b"x" * 1000, "x" * 299 + "…"),
    "not text": (b"\xff\xfe", "\ufffd\ufffd"),
    "cut off": (b'{"error": "it sa', '{"error": "it sa'),
}


KINDS: dict[int, type[APIError]] = {
    400: BadRequestError,
    401: AuthenticationError,
    403: AuthenticationError,
    404: NotFoundError,
    429: RateLimitError,
    500: ServerError,
    502: ServerError,
    520: ServerError,
    599: ServerError,
    302: APIError,
    304: APIError,
    402: APIError,
    489: APIError,
    600: APIError,
    999: APIError,
}


@in_pairs({"connect": CLIENTS, "status": list(KINDS), "kind_of_body": list(BODIES)})
def test_a_status_becomes_its_error(connect: Connect, status: int, kind_of_body: str) -> None:
    body, message = BODIES[kind_of_body]
    wire = Wire(httpx.Response(status, content=body, headers={"X-Request-Id": "r1"}))
    with pytest.raises(DLQError) as caught:
        list(connect(transport=wire, retry=None).list(label="a"))
    error = caught.value
    assert type(error) is KINDS[status]
    assert error.status_code == status
    assert error.message == message
    assert error.body == body
    assert Sent(f"{error.method} {error.url}") == "GET https://qstash.upstash.io/v2/workflows/dlq?count=100&label=a"
    assert error.request_id == "r1"
    assert str(error) == f"HTTP {status}: {message} (GET {error.url}) [request id r1]"


@pytest.mark.parametrize(("status", "message"), [(503, "Service Unavailable"), (799, "no message")])
def test_an_empty_body_is_described_by_its_status(connect: Connect, status: int, message: str) -> None:
    with pytest.raises(APIError) as caught:
        connect(transport=Wire(status), retry=None).get("1")
    assert (caught.value.message, caught.value.body, caught.value.request_id) == (message, b"", None)


RESET = 1752829295
LIMITS = [
    (
        {"RateLimit-Limit": "500", "RateLimit-Remaining": "0", "RateLimit-Reset": str(RESET)},
        ("daily", 500, 0, datetime.fromtimestamp(RESET, UTC), 0.0),
    ),
    (
        {
            "Burst-RateLimit-Limit": "100",
            "Burst-RateLimit-Remaining": "0",
            "Burst-RateLimit-Reset": str(RESET),
            "Date": format_datetime(datetime.fromtimestamp(RESET - 3, UTC), usegmt=True),
        },
        ("burst", 100, 0, datetime.fromtimestamp(RESET, UTC), 3.0),
    ),
    (
        {"RateLimit-Reset": str(RESET), "Burst-RateLimit-Limit": "100", "Retry-After": "7"},
        ("daily", None, None, datetime.fromtimestamp(RESET, UTC), 7.0),
    ),
    ({"Retry-After": "Fri, 18 Jul 2025 09:01:35 GMT"}, ("unknown", None, None, None, 0.0)),
    ({"Retry-After": "soon"}, ("unknown", None, None, None, None)),
    ({}, ("unknown", None, None, None, None)),
    ({"RateLimit-Limit": "many", "RateLimit-Reset": "9" * 25}, ("daily", None, None, None, None)),
    ({"RateLimit-Reset": "-1", "Date": "yesterday"}, ("daily", None, None, None, None)),
    ({"RateLimit-Reset": "0", "Date": "yesterday"}, ("daily", None, None, datetime.fromtimestamp(0, UTC), 0.0)),
    (
        {"RateLimit-Remaining": "900", "Burst-RateLimit-Remaining": "0", "Retry-After": "1"},
        ("burst", None, 0, None, 1.0),
    ),
    (
        {"RateLimit-Remaining": "0", "Burst-RateLimit-Remaining": "5", "Retry-After": "1"},
        ("daily", None, 0, None, 1.0),
    ),
]


@pytest.mark.parametrize(("headers", "expected"), LIMITS)
def test_a_rate_limit_comes_in_numbers(connect: Connect, headers: dict[str, str], expected: tuple[Any, ...]) -> None:
    with pytest.raises(RateLimitError) as caught:
        connect(transport=Wire(httpx.Response(429, headers=headers)), retry=None).get("1")
    error = caught.value
    assert (error.kind, error.limit, error.remaining, error.reset_at, error.retry_after) == expected


@pytest.mark.parametrize(
    "failure",
    [httpx.ConnectError("refused"), httpx.ReadTimeout(""), httpx.ProxyError("407"), httpx.UnsupportedProtocol("x")],
)
def test_no_answer_is_a_transport_error_with_its_cause(connect: Connect, failure: httpx.HTTPError) -> None:
    with pytest.raises(TransportError, match=r"GET https://qstash\.upstash\.io/v2/workflows/dlq/1 got no") as caught:
        connect(transport=Wire(failure), retry=None).get("1")
    assert caught.value.__cause__ is failure
    assert type(failure).__name__ in str(caught.value)


@pytest.mark.parametrize("status", [200, 500])
def test_half_an_answer_is_no_answer(connect: Connect, status: int) -> None:
    with pytest.raises(TransportError, match="peer closed connection"):
        connect(transport=Breaking(Wire(), times=1, status=status), retry=None).get("1")


@pytest.mark.parametrize("failure", [OSError("no route"), httpx.InvalidURL("x"), httpx.StreamClosed()], ids=repr)
def test_any_exception_of_a_transport_is_a_transport_error(connect: Connect, failure: Exception) -> None:
    with pytest.raises(TransportError) as caught:
        connect(transport=Wire(failure), retry=None).get("1")
    assert caught.value.__cause__ is failure


def test_a_body_that_does_not_decompress_is_no_answer(connect: Connect) -> None:
    class Garbled(httpx.MockTransport):
        pass

    def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, headers={"Content-Encoding": "gzip"}, stream=httpx.ByteStream(b"not gzip"))

    with pytest.raises(TransportError, match="DecodingError"):
        connect(transport=Garbled(answer), retry=None).get("1")


def test_a_closed_client_says_so(connect: Connect) -> None:
    wire = Wire()
    client = connect(transport=wire)
    client.close()
    client.close()
    for use in (lambda: client.get("1"), lambda: list(client.list()), client.count, lambda: client.delete("1")):
        with pytest.raises(ClientClosedError, match="this client is closed"):
            use()
    assert wire.sent == []


def test_errors_survive_pickling(connect: Connect) -> None:
    headers = {"Burst-RateLimit-Limit": "100", "X-Request-Id": "r1"}
    with pytest.raises(RateLimitError) as caught:
        connect(transport=Wire(httpx.Response(429, headers=headers, content=b"slow down")), retry=None).get("1")
    copy = pickle.loads(pickle.dumps(caught.value))
    assert type(copy) is RateLimitError
    assert str(copy) == str(caught.value)
    assert vars(copy) == vars(caught.value)
