"""Cursors that cannot be sent: refused where they come from, as what they are."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from blocking import AnyClient
from conftest import Connect
from fakes import Wire, page
from pairs import CLIENTS, in_pairs
from upstash_workflow_dlq import BulkError, InvalidResponseError, PaginationError
from upstash_workflow_dlq._core.bulk import MAX_IDS_LENGTH
from upstash_workflow_dlq._core.checks import MAX_CURSOR_LENGTH
from upstash_workflow_dlq._core.filters import MAX_QUERY_LENGTH

TOKEN = "eyJVc2VySUQi+abc/def=="
BAD = {
    "too long": ("c" * 70_000, "cursor .* has 70,000 bytes, and at most 10,000 fit into a URL"),
    "too long encoded": ("\U0001f600" * 2501, "cursor .* has 10,004 bytes"),
    "half a surrogate pair": ("\ud800", "cursor .* is not valid Unicode"),
    "the token": (f"after {TOKEN}", "cursor .* quotes the token"),
    "the token, encoded": ("a=%65yJVc2VySUQi%2Babc%2Fdef%3D%3D", "cursor .* quotes the token"),
}
BAD_OF_A_CALLER = {
    **{kind: cursor for kind, (cursor, _) in BAD.items() if "token" not in kind},
    "blank": " ",
    "invisible": "\u200b",
    "control characters": "a\x00b",
    "a line break": "a\r\nb",
}
READS: dict[str, Callable[[AnyClient], object]] = {
    "list": lambda client: list(client.list()),
    "pages": lambda client: list(client.list().pages()),
    "prefetch": lambda client: list(client.list(prefetch=True)),
    "status": lambda client: list(client.list(response_status=500)),
    "count": lambda client: client.count(),
    "scan": lambda client: list(client.scan(workers=1)),
    "dry run": lambda client: client.delete_many(label="a", dry_run=True),
}


@in_pairs({"connect": CLIENTS, "read": list(READS), "kind": list(BAD)})
def test_a_cursor_of_the_service_that_cannot_be_sent_is_an_invalid_response(
    connect: Connect, read: str, kind: str
) -> None:
    cursor, complaint = BAD[kind]
    # A field of the wrong type has the page decoded in another way.
    for odd in ({}, {"createdAt": "yesterday"}):
        wire = Wire(page("1", cursor=cursor, **odd), page("2"))
        with pytest.raises(InvalidResponseError, match=complaint) as caught:
            READS[read](connect(TOKEN, transport=wire))
        assert len(str(caught.value)) < 500
        assert len(wire.sent) == 1


@in_pairs({"connect": CLIENTS, "operation": ["delete_many", "resume_many", "restart_many"], "kind": list(BAD)})
def test_a_bulk_call_with_such_a_cursor_keeps_what_was_done(connect: Connect, operation: str, kind: str) -> None:
    cursor, complaint = BAD[kind]
    wire = Wire({"deleted": 1, "workflowRuns": [{"workflowRunId": "wfr_1"}], "cursor": cursor})
    with pytest.raises(BulkError, match=complaint) as caught:
        getattr(connect(TOKEN, transport=wire), operation)(label="a")
    assert caught.value.done == 1 or len(caught.value.done) == 1
    assert caught.value.cursor is None
    assert isinstance(caught.value.__cause__, InvalidResponseError)
    assert len(wire.sent) == 1


@pytest.mark.parametrize("kind", BAD_OF_A_CALLER)
def test_such_a_cursor_of_the_caller_is_a_value_error(connect: Connect, kind: str) -> None:
    cursor = BAD_OF_A_CALLER[kind]
    wire = Wire()
    client = connect(transport=wire)
    calls: list[Callable[[], object]] = [
        lambda: client.list(cursor=cursor),
        lambda: client.list(cursor=cursor, prefetch=True),
        lambda: client.delete_many(all=True, cursor=cursor),
        lambda: client.resume_many(label="a", cursor=cursor),
    ]
    for call in calls:
        with pytest.raises(ValueError, match=r"^cursor .*: pass one that came with a page") as caught:
            call()
        assert len(str(caught.value)) < 200
    assert wire.sent == []


@pytest.mark.untraced
def test_the_longest_of_everything_fits_into_a_url(connect: Connect) -> None:
    longest: dict[str, Any] = {
        "label": ["\U0001f600" * 100] * ((MAX_QUERY_LENGTH - 20) // 1210),
        "from_date": 1790000000000,
    }
    cursor = "\U0001f600" * (MAX_CURSOR_LENGTH // 4)
    dlq_id = "\U0001f600" * 1000
    base_url = f"https://qstash.upstash.io/{'a' * 1970}"
    wire = Wire(page("1", cursor=cursor), page(), {"deleted": 1}, {"dlqId": dlq_id}, {"deleted": 1})
    client = connect("t" * 4000, transport=wire, base_url=base_url, auth="query")
    assert client.count(**longest) == 1
    client.delete_many(cursor=cursor, **longest)
    client.get(dlq_id)
    client.delete_many(dlq_ids=[dlq_id])
    assert max(map(len, wire.sent)) > 40_000
    assert len(dlq_id) * 12 > MAX_IDS_LENGTH


@pytest.mark.parametrize("prefetch", [False, True])
def test_a_cursor_that_repeats_is_quoted_in_part(connect: Connect, prefetch: bool) -> None:
    wire = Wire(page("1", cursor="c" * 9000), forever=True)
    with pytest.raises(PaginationError) as caught:
        list(connect(transport=wire).list(prefetch=prefetch))
    assert len(str(caught.value)) < 400
