"""Runs from a page are decoded late and in part. Users must not notice."""

from __future__ import annotations

import copy
import json
import pickle
from datetime import timedelta
from typing import Any

import httpx
import pytest
from fakes import Wire
from upstash_workflow_dlq import DLQClient, FailedRun, InvalidResponseError

HEAD = ["dlqId", "workflowUrl", "workflowRunId", "workflowCreatedAt", "createdAt", "responseStatus"]
ODD = [
    *(None, "", "x", "\ud800", 'quote " and \\ and \u2028 and \U0001f600'),
    *(0, -1, 7, 1e3, 1.5, 2**32 * 1000, 2**63, 10**30),
    *(float("inf"), float("nan"), True, False, [], ["x"], {}, {"dlqId": "inner", "createdAt": 1}),
]  # fmt: skip


def off_a_page(content: bytes) -> list[FailedRun]:
    with DLQClient("t0ken", transport=Wire(httpx.Response(200, content=content)), retry=None) as dlq:
        return list(dlq.list())


def outcome(run: FailedRun, name: str) -> Any:
    try:
        value = getattr(run, name)
        if callable(value):
            value = value(timedelta(days=3)) if name == "expires_at" else value()
    except InvalidResponseError as error:
        return str(error)
    return value if value == value else repr(value)  # NaN


def outcomes(run: FailedRun) -> dict[str, Any]:
    """But for the bytes, which only a run from a page has as they were received."""
    public = [name for name in dir(run) if not name.startswith("_") and name not in ("to_json", "from_json")]
    return {name: outcome(run, name) for name in (*public, "__hash__", "__repr__")}


@pytest.mark.parametrize("key", [*HEAD, "body", "labels", "header", "maxRetries", "futureField"])
@pytest.mark.parametrize("value", ODD, ids=repr)
@pytest.mark.untraced
def test_a_run_from_a_page_equals_one_made_from_its_payload(
    recorded_run: dict[str, Any], key: str, value: object
) -> None:
    payload = {**recorded_run, key: value}
    # Together with an ordinary one, because an odd run makes its whole page take another decoder.
    [run, other] = off_a_page(json.dumps({"messages": [payload, recorded_run]}).encode())
    expected = FailedRun(json.loads(json.dumps(payload)))
    assert outcomes(run) == outcomes(expected)
    assert outcomes(other) == outcomes(FailedRun(recorded_run))
    if value == value:
        assert run == expected
        assert (run == other) is (payload == recorded_run)


def test_a_run_from_a_page_can_be_copied_and_pickled(recorded_run: dict[str, Any]) -> None:
    [run] = off_a_page(json.dumps({"messages": [recorded_run]}).encode())
    for twin in (copy.copy(run), copy.deepcopy(run), pickle.loads(pickle.dumps(run))):
        assert twin == run
        assert twin.to_dict() == recorded_run
        assert outcomes(twin) == outcomes(run)


def test_an_unknown_attribute_is_an_attribute_error(recorded_run: dict[str, Any]) -> None:
    [run] = off_a_page(json.dumps({"messages": [recorded_run]}).encode())
    with pytest.raises(AttributeError, match="'FailedRun' object has no attribute 'dlqid'"):
        run.dlqid  # type: ignore[attr-defined]  # noqa: B018


def test_the_last_of_two_equal_keys_counts() -> None:
    [run] = off_a_page(
        b'{"messages": [{"dlqId": "1", "createdAt": 1, "createdAt": 2, "dlqI\\u0064": "2", "body": "x"}]}'
    )
    assert (run.dlq_id, run.created_at and run.created_at.microsecond, run.body) == ("2", 2000, b"x")
    assert run.to_dict() == {"dlqId": "2", "createdAt": 2, "body": "x"}


@pytest.mark.parametrize(
    "content",
    [
        b'{"messages": [{"dlqId": "1", "body": "\xff"}]}',
        b'{"messages": [{"dlqId": "1", "body": "\xed\xa0\x80"}]}',
        b'{"messages": [{"dlqId": "1", "body": "line\nbreak"}]}',
        b'{"messages": [{"dlqId": "1", "body": "\\q"}]}',
        b'{"messages": [{"dlqId": "1", "rate": 01}]}',
        b'{"messages": [{"dlqId": "1",}]}',
        b'{"messages": [{"dlqId": "1"}], "cursor": "\xff"}',
        b'{"messages": [{"dlqId": "1"}]} x',
        b'{"messages": [{"dlqId": "1"}',
        b'{"messages": [{"dlqId": "1"}, null]}',
        b'{"messages": [{"dlqId": "1"}, "{}"]}',
        b'{"messages": {"dlqId": "1"}}',
    ],
)
def test_a_page_that_is_broken_anywhere_is_broken_as_a_whole(content: bytes) -> None:
    with pytest.raises(InvalidResponseError):
        off_a_page(content)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32-be"])
def test_any_encoding_of_json_is_read(recorded_run: dict[str, Any], encoding: str) -> None:
    content = json.dumps({"messages": [{**recorded_run, "body": "Grüße"}]}, ensure_ascii=False).encode(encoding)
    [run] = off_a_page(content)
    assert (run.dlq_id, run.body_text) == (recorded_run["dlqId"], "Grüße")


def test_a_run_that_is_kept_does_not_keep_its_page(recorded_run: dict[str, Any]) -> None:
    messages = [{**recorded_run, "dlqId": str(number)} for number in range(100)]
    runs = off_a_page(json.dumps({"messages": messages}).encode())
    assert isinstance(runs[0]._content, bytes), "a view would keep the whole page"
    assert len(runs[0]._content) == len(json.dumps(messages[0]))


@pytest.mark.parametrize("odd", [b'"x":1', b'"createdAt": "wrong"', b'"x": "\\ud800"', b'"x":NaN', b'"x":[1,\n\t{}]'])
def test_a_run_gives_back_the_bytes_that_were_received(odd: bytes) -> None:
    messages = [b'{"dlqId" :  "1", ' + odd + b"}", b'{"dlqId":"2", "dlqId":"3"}']
    runs = off_a_page(b'{"cursor": null, "messages" : [' + b" ,\n".join(messages) + b"] }")
    assert [run.to_json() for run in runs] == messages
    assert [FailedRun.from_json(content).dlq_id for content in messages] == ["1", "3"]
    wire = Wire(httpx.Response(200, content=messages[0]))
    with DLQClient("t0ken", transport=wire) as dlq:
        assert dlq.get("1").to_json() == messages[0]


@pytest.mark.parametrize(("content", "why"), [(b"[]", "should be a JSON object"), (b"{", "this is no JSON")])
def test_what_is_no_run_is_refused(content: bytes, why: str) -> None:
    with pytest.raises(InvalidResponseError, match=why):
        FailedRun.from_json(content)


def test_a_run_that_was_made_from_a_dict_is_encoded() -> None:
    assert FailedRun({"dlqId": "é"}).to_json() == '{"dlqId":"é"}'.encode()
    assert FailedRun({"dlqId": "\ud800"}).to_json() == b'{"dlqId":"\\ud800"}'
