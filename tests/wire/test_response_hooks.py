"""Response hooks: what they are called with, and what becomes of what they raise."""

from __future__ import annotations

import httpx
import pytest
from conftest import TOKEN, Connect
from fakes import Wire, page
from openapi import required_fields
from upstash_workflow_dlq import DLQClient, NotFoundError
from upstash_workflow_rest.api.dlq import get_failed_run


def test_a_hook_sees_each_final_response_with_its_body_and_without_the_token(
    connect: Connect, waits: list[float]
) -> None:
    seen: list[tuple[str, int, bytes]] = []
    client = connect(transport=Wire(503, page("1"), httpx.Response(404, json={"error": "gone"})), auth="query")
    client.response_hooks.append(
        lambda response: seen.append((str(response.request.url), response.status_code, response.content))
    )
    assert client.count() == 1
    with pytest.raises(NotFoundError):
        client.get("1")
    assert [status for _, status, _ in seen] == [200, 404]
    assert [content[:12] for _, _, content in seen] == [b'{"messages":', b'{"error":"go']
    assert TOKEN not in str(seen)


def test_what_a_hook_raises_is_raised_from_the_call_and_the_client_goes_on(connect: Connect) -> None:
    def refuse(response: httpx.Response) -> None:
        raise ValueError("not this one")

    client = connect(transport=Wire(page("1"), page("2")))
    client.response_hooks.append(refuse)
    with pytest.raises(ValueError, match="not this one"):
        client.count()
    client.response_hooks.remove(refuse)
    assert client.count() == 1


def test_a_hook_sees_what_the_low_level_client_and_its_copies_get() -> None:
    seen: list[int] = []
    run = {"dlqId": "1", **required_fields()}
    with DLQClient(TOKEN, transport=Wire(run, run)) as client:
        client.response_hooks.append(lambda response: seen.append(response.status_code))
        get_failed_run.sync("1", client=client.low_level)
        get_failed_run.sync("1", client=client.low_level.with_headers({"X-Trace": "1"}))
    assert seen == [200, 200]


def test_text_is_redacted_for_logs(connect: Connect) -> None:
    client = connect("a-token-of-some-length", transport=Wire())
    assert client.redact("Bearer a-token-of-some-length") == "Bearer [token]"
