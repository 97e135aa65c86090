"""The token shows nowhere: not in a repr, an exception, a log line or a warning."""

from __future__ import annotations

import copy
import json
import logging
import pickle
import traceback
from typing import Any
from urllib.parse import quote, quote_plus

import httpx
import pytest
from conftest import Connect
from fakes import Wire, page
from httpx_retries import Retry
from pairs import CLIENTS, in_pairs
from upstash_workflow_dlq import AsyncDLQClient, AuthenticationError, ConfigurationError, DLQClient, DLQError

TOKEN = "eyJVc2VySUQi+abc/def=="
SPELLINGS = [TOKEN, quote(TOKEN), quote(TOKEN, safe=""), quote_plus(TOKEN), json.dumps(TOKEN).replace("/", "\\/")[1:-1]]


ANSWERS = [
    page("1"),
    httpx.Response(401, json={"error": f"invalid token {TOKEN}"}),
    httpx.Response(502, content=f"<html>{TOKEN}</html>".encode()),
    httpx.Response(502, content=f"upstream: /?qstash_token={quote(TOKEN, safe='')}".encode()),
    httpx.Response(500, content=f"upstream: /?qstash_token={quote_plus(TOKEN)} {quote(TOKEN)}".encode()),
    httpx.Response(500, content=json.dumps({"error": TOKEN}).replace("/", "\\/").encode()),
    httpx.Response(500, headers={"X-Request-Id": TOKEN, "Content-Type": TOKEN}),
    httpx.Response(302, headers={"Location": "https://elsewhere.example"}),
    httpx.Response(200, content=TOKEN.encode()),
    httpx.ConnectError("refused"),
    httpx.ReadTimeout("slow"),
    httpx.ConnectError(f"no route to /?qstash_token={quote_plus(TOKEN)}"),
]


@in_pairs({"connect": CLIENTS, "auth": ["header", "query"], "answer": ANSWERS})
def test_the_token_never_shows(
    connect: Connect, caplog: pytest.LogCaptureFixture, waits: list[float], auth: str, answer: Any
) -> None:
    caplog.set_level(logging.DEBUG)
    wire = Wire(answer, forever=True)
    client = connect(TOKEN, transport=wire, auth=auth, retry=Retry(total=1))
    shown = [repr(client), repr(client.list()), repr(vars(getattr(client, "wrapped", client)))]
    try:
        client.get("1")
    except DLQError as error:
        chain: list[BaseException | None] = [error, error.__cause__, error.__context__]
        shown += ["".join(traceback.format_exception(error)), *(repr(link) for link in chain)]
        shown += [repr(vars(link)) for link in chain if link is not None]
        shown += [str(link.request.url) for link in chain if isinstance(link, httpx.RequestError)]
    sent = wire.requests[0]
    assert TOKEN in (sent.headers.get("Authorization", "") + sent.url.params.get("qstash_token", ""))
    assert caplog.records
    for text in [*shown, *(str(vars(record)) + record.getMessage() for record in caplog.records)]:
        assert not any(spelling in text for spelling in SPELLINGS)


def test_an_answer_is_not_changed_for_a_token_too_short_to_be_one(connect: Connect) -> None:
    answer = httpx.Response(401, json={"error": "invalid token in test"})
    with pytest.raises(AuthenticationError, match="invalid token in test"):
        connect("t", transport=Wire(answer)).get("1")


@pytest.mark.parametrize("client_type", [DLQClient, AsyncDLQClient])
def test_the_low_level_client_does_not_show_it_either(client_type: Any) -> None:
    client = client_type(TOKEN)
    client.low_level.get_httpx_client() if client_type is DLQClient else client.low_level.get_async_httpx_client()
    assert TOKEN not in repr(client.low_level)


@pytest.mark.parametrize(
    "elsewhere", ["https://elsewhere.example/", "http://qstash.upstash.io/", "https://qstash.upstash.io:8443/"]
)
@pytest.mark.parametrize("auth", ["header", "query"])
def test_the_token_is_sent_to_no_other_origin(elsewhere: str, auth: Any) -> None:
    wire = Wire(200)
    with DLQClient(TOKEN, transport=wire, auth=auth) as client:
        client.low_level.get_httpx_client().get(elsewhere)
    assert TOKEN not in str(wire.requests[0].url)
    assert "Authorization" not in wire.requests[0].headers


@pytest.mark.parametrize("spelled", SPELLINGS)
@pytest.mark.parametrize("auth", ["header", "query"])
def test_a_redirect_that_quotes_the_token_is_followed_without_showing_it(
    caplog: pytest.LogCaptureFixture, auth: Any, spelled: str
) -> None:
    caplog.set_level(logging.DEBUG)
    home, elsewhere = (f"{host}/x?a=1&qstash_token={spelled}" for host in ("", "https://elsewhere.example"))
    wire = Wire(*(httpx.Response(307, headers={"Location": to}) for to in (home, elsewhere)), 200)
    with DLQClient(TOKEN, transport=wire, auth=auth) as client:
        response = client.low_level.get_httpx_client().get("/y", follow_redirects=True)
    first, second, third = wire.requests
    for request in (first, second):
        assert request.url.params.get("qstash_token") == (TOKEN if auth == "query" else None)
        assert request.headers.get("Authorization") == (f"Bearer {TOKEN}" if auth == "header" else None)
    assert second.url.params["a"] == "1"
    assert "Authorization" not in third.headers
    shown = [str(third.url), str(response.url), *(str(step.url) + repr(step.headers) for step in response.history)]
    for text in [*shown, *(record.getMessage() for record in caplog.records)]:
        assert not any(spelling in text for spelling in SPELLINGS)
    assert any("HTTP Request" in record.getMessage() for record in caplog.records)


@pytest.mark.parametrize("client_type", [DLQClient, AsyncDLQClient])
def test_nothing_that_holds_the_token_can_be_pickled(client_type: Any) -> None:
    client = client_type(TOKEN, transport=Wire())
    client.low_level.get_httpx_client() if client_type is DLQClient else client.low_level.get_async_httpx_client()
    for holder in (client, client._config, client._config.credentials, client._connection, client.list()):
        for copied in (pickle.dumps, copy.deepcopy):
            with pytest.raises(TypeError, match=r"cannot (be )?pickle"):
                copied(holder)
    with pytest.raises(TypeError, match="cannot be pickled or copied, since it holds a token"):
        pickle.dumps(client_type(TOKEN, transport=Wire()).low_level)
    with pytest.raises(TypeError, match="cannot be pickled or copied, since it holds a token"):
        copy.copy(client)


MISTAKES: dict[str, dict[str, Any]] = {
    "region": {"region": "mars-1"},
    "auth": {"auth": "cookie"},
    "base_url": {"base_url": "ftp://a"},
    "insecure": {"base_url": "http://10.0.0.1"},
    "a password": {"base_url": f"https://a:{TOKEN}@b"},
    "timeout": {"timeout": "5"},
    "retry": {"retry": 5},
    "transport": {"transport": object()},
    "a line break": {"token": f"{TOKEN}\n{TOKEN}"},
    "bytes": {"token": TOKEN.encode()},
    "a list": {"token": [TOKEN]},
    "too long": {"token": TOKEN * 1000},
    "as the URL": {"base_url": TOKEN},
    "in a URL": {"base_url": f"https://a?{TOKEN}"},
    "as the region": {"region": TOKEN},
    "as auth": {"auth": TOKEN},
}


@pytest.mark.parametrize("from_environment", [False, True])
@pytest.mark.parametrize("mistake", MISTAKES)
@pytest.mark.parametrize("client_type", [DLQClient, AsyncDLQClient])
def test_a_client_that_cannot_be_made_shows_itself_and_no_token(
    monkeypatch: pytest.MonkeyPatch, client_type: Any, mistake: str, from_environment: bool
) -> None:
    arguments = MISTAKES[mistake]
    if from_environment:
        monkeypatch.setenv("QSTASH_TOKEN", TOKEN)
    with pytest.raises(ConfigurationError) as caught:
        client_type(**({} if from_environment else {"token": TOKEN}) | arguments)
    frames = [frame for frame, _ in traceback.walk_tb(caught.value.__traceback__)][1:]
    variables = [(name, value) for frame in frames for name, value in frame.f_locals.items()]
    assert any(repr(value).startswith(f"{client_type.__name__}(") for name, value in variables if name == "self")
    for name, value in variables:
        assert TOKEN not in repr(value), name
    assert TOKEN not in "".join(traceback.format_exception(caught.value))


def test_a_half_made_client_of_a_subclass_has_a_repr() -> None:
    assert repr(DLQClient.__new__(DLQClient)) == "DLQClient()"
    assert repr(DLQClient(TOKEN)) == "DLQClient(base_url='https://qstash.upstash.io')"
