"""The token shows nowhere: not in a repr, an exception, a log line or a warning."""

from __future__ import annotations

import json
import logging
import traceback
from typing import Any
from urllib.parse import quote, quote_plus

import httpx
import pytest
from conftest import Connect
from fakes import Wire, page
from httpx_retries import Retry
from pairs import CLIENTS, in_pairs
from upstash_workflow_dlq import AsyncDLQClient, AuthenticationError, DLQClient, DLQError

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
