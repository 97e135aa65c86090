"""The token shows nowhere: not in a repr, an exception, a log line or a warning."""

from __future__ import annotations

import logging
import traceback
from typing import Any

import httpx
import pytest
from conftest import Connect
from fakes import Wire, page
from httpx_retries import Retry
from upstash_workflow_dlq import AsyncDLQClient, DLQClient, DLQError

TOKEN = "eyJhbGciOiJub25lIn0.c2VjcmV0"


@pytest.mark.parametrize("auth", ["header", "query"])
@pytest.mark.parametrize(
    "answer",
    [
        page("1"),
        httpx.Response(401, json={"error": f"invalid token {TOKEN}"}),
        httpx.Response(502, content=f"<html>{TOKEN}</html>".encode()),
        httpx.Response(302, headers={"Location": "https://elsewhere.example"}),
        httpx.Response(200, content=TOKEN.encode()),
        httpx.ConnectError("refused"),
        httpx.ReadTimeout("slow"),
    ],
    ids=str,
)
def test_whatever_happens_the_token_does_not_show(
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
    assert TOKEN in str(wire.requests[0].url) + str(dict(wire.requests[0].headers))
    assert caplog.records
    for text in [*shown, *(str(vars(record)) + record.getMessage() for record in caplog.records)]:
        assert TOKEN not in text


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
