"""A success is held against the question: what answers another one is an error, and never a result."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from conftest import Connect
from fakes import Wire, page
from pairs import CLIENTS, in_pairs
from upstash_workflow_dlq import BulkError, InvalidResponseError, StartedRun

STARTED = {"workflowRunId": "wfr_1"}
LOGIN_PAGE = httpx.Response(200, html="<!doctype html><title>Sign in</title>")

SINGLE_STARTS = ["resume", "restart", "retry_failure_callback"]
UNSEEN = ["delete", "cancel_failure_callback"]
MANY: dict[str, dict[str, Any]] = {
    "delete_many": {"deleted": 2},
    "resume_many": {"workflowRuns": [STARTED]},
    "restart_many": {"workflowRuns": []},
}

# Successes of HTTP that are no success of an operation with an answer to read.
OTHER_SUCCESSES = [201, 202, 203, 204, 206, 207, 226, 299]


@pytest.mark.parametrize(
    ("answer", "complaint"),
    [
        ({}, r"is no failed run: it has neither dlqId nor workflowUrl \(it has: nothing\)"),
        ({"error": "not now"}, r"neither dlqId nor workflowUrl \(it has: error\)"),
        ({"dlqId": None, "body": "x"}, r"neither dlqId nor workflowUrl \(it has: body, dlqId\)"),
        (page("1-0"), r"neither dlqId nor workflowUrl \(it has: messages\)"),
        (STARTED, r"neither dlqId nor workflowUrl \(it has: workflowRunId\)"),
        ({"dlqId": "2-0", "workflowUrl": "https://my.app"}, "is about the failed run '2-0', and not '1-0'"),
        ({"dlqId": "1-00"}, "is about the failed run '1-00', and not '1-0'"),
        ({"dlqId": ["1-0"]}, r"is about the failed run \['1-0'\], and not '1-0'"),
        ({"dlqId": ""}, "is about the failed run '', and not '1-0'"),
    ],
)
def test_get_returns_the_run_that_was_asked_for_or_none(
    connect: Connect, answer: dict[str, Any], complaint: str
) -> None:
    with pytest.raises(InvalidResponseError, match=complaint):
        connect(transport=Wire(answer)).get("1-0")


def test_a_run_may_lack_its_id_since_the_schema_requires_no_field(connect: Connect) -> None:
    run = connect(transport=Wire({"workflowUrl": "https://my.app"})).get("1-0")
    assert (run.dlq_id, run.workflow_url) == (None, "https://my.app")


@pytest.mark.parametrize("operation", MANY)
def test_a_dry_run_of_ids_shows_no_other_runs(connect: Connect, operation: str) -> None:
    wire = Wire({"dlqId": "1-0"}, {"dlqId": "1-0"})
    with pytest.raises(InvalidResponseError, match="about the failed run '1-0', and not '2-0'"):
        getattr(connect(transport=wire), operation)(dlq_ids=["1-0", "2-0"], dry_run=True)


@pytest.mark.parametrize("status", OTHER_SUCCESSES)
def test_no_other_success_is_a_run_or_a_page(connect: Connect, status: int) -> None:
    client = connect(transport=Wire(*(httpx.Response(status, json={"dlqId": "1", **page("1")}) for _ in range(3))))
    for read in (lambda: client.get("1"), lambda: list(client.list()), client.count):
        with pytest.raises(InvalidResponseError, match=f"the answer to GET .* has the status {status}.*, but 200 was"):
            read()


@pytest.mark.parametrize("status", OTHER_SUCCESSES)
def test_a_scan_takes_no_other_success_either(connect: Connect, status: int) -> None:
    with pytest.raises(InvalidResponseError, match=f"has the status {status}"):
        list(connect(transport=Wire(httpx.Response(status, json=page("1")))).scan(workers=1))


@in_pairs(
    {
        "connect": CLIENTS,
        "operation": list(SINGLE_STARTS),
        ("answer", "complaint"): [
            (LOGIN_PAGE, r"is not JSON \(text/html; charset=utf-8, 37 bytes\)"),
            (204, "is not JSON"),
            ({"error": "not now"}, "has no workflowRunId"),
            (httpx.Response(202, json={"actionId": "act_1"}), "has no workflowRunId"),
            (page("1-0"), "has no workflowRunId"),
            (
                {"dlqId": "2-0", **STARTED},
                "about the failed run '2-0', and not '1-0'. It names the started run 'wfr_1'",
            ),
            *(
                (httpx.Response(status, json=STARTED), f"has the status {status}.* It names the started run 'wfr_1'")
                for status in OTHER_SUCCESSES
            ),
        ],
    }
)
def test_a_start_that_another_answer_came_to_may_have_been_done(
    connect: Connect, operation: str, answer: Any, complaint: str
) -> None:
    wire = Wire(answer)
    with pytest.raises(InvalidResponseError, match=complaint) as caught:
        getattr(connect(transport=wire), operation)("1-0")
    assert str(caught.value).endswith(". It may have been started: see whether it is still in the queue")
    assert len(wire.sent) == 1


@in_pairs(
    {
        "connect": CLIENTS,
        "operation": list(UNSEEN),
        "answer": [
            200,
            204,
            httpx.Response(200, text="OK"),
            {},
            {"dlqId": "1-0"},
            {"deleted": 1},
            {"error": None},
            {"message": "done"},
            httpx.Response(200, json=None),
            httpx.Response(200, json="deleted"),
        ],
    }
)
def test_what_has_no_schema_may_be_answered_by_nothing_or_a_little(
    connect: Connect, operation: str, answer: Any
) -> None:
    wire = Wire(answer)
    assert getattr(connect(transport=wire), operation)("1-0") is None
    assert len(wire.sent) == 1


@in_pairs(
    {
        "connect": CLIENTS,
        "operation": list(UNSEEN),
        ("answer", "complaint"): [
            (LOGIN_PAGE, r"is a page \(text/html; charset=utf-8, 37 bytes\), and not of this service"),
            (httpx.Response(200, content=b"\xef\xbb\xbf\r\n <HTML>"), r"is a page \(no content type, 12 bytes\)"),
            (
                httpx.Response(200, text="Sign in", headers={"Content-Type": "text/HTML"}),
                r"is a page \(text/HTML, 7 bytes",
            ),
            (httpx.Response(200, text="<?xml version='1.0'?>"), "is a page"),
            (httpx.Response(204, html="<p>Sign in"), "is a page"),
            ({"error": "not now"}, r"does not say that it was done \(error: 'not now'\)"),
            ({"actionId": "act_1"}, r"does not say that it was done \(actionId: 'act_1'\)"),
            ({"deleted": 0}, r"does not say that it was done \(deleted: 0\)"),
            ({"deleted": 50}, r"does not say that it was done \(deleted: 50\)"),
            (page("1-0"), "does not say that it was done"),
            ({"workflowRuns": []}, "does not say that it was done"),
            ({"dlqId": "2-0"}, "is about the failed run '2-0', and not '1-0'"),
            *(
                (status, f"has the status {status}.*, but 200 was expected")
                for status in OTHER_SUCCESSES
                if status != 204
            ),
        ],
    }
)
def test_what_has_no_schema_is_not_done_because_somebody_answers(
    connect: Connect, operation: str, answer: Any, complaint: str
) -> None:
    with pytest.raises(InvalidResponseError, match=complaint):
        getattr(connect(transport=Wire(answer)), operation)("1-0")


def test_the_redirect_of_a_canceled_callback_has_no_page(connect: Connect) -> None:
    wire = Wire(httpx.Response(302, headers={"Location": "/login"}, html="<a href=/login>Sign in</a>"))
    with pytest.raises(InvalidResponseError, match="is a page"):
        connect(transport=wire).cancel_failure_callback("1-0")


@in_pairs({"connect": CLIENTS, "operation": list(MANY), "status": list(OTHER_SUCCESSES)})
def test_a_batch_with_another_success_stops_and_keeps_what_it_names(
    connect: Connect, operation: str, status: int
) -> None:
    batches: list[Any] = []
    wire = Wire(MANY[operation] | {"cursor": "a"}, httpx.Response(status, json=MANY[operation] | {"cursor": "b"}))
    with pytest.raises(BulkError, match="whether the last request did anything is unknown") as caught:
        getattr(connect(transport=wire), operation)(all=True, on_batch=batches.append)
    assert isinstance(caught.value.__cause__, InvalidResponseError)
    assert f"has the status {status}" in str(caught.value)
    assert caught.value.done == batches[0] + batches[1]
    assert caught.value.cursor == "a"
    assert not caught.value.finished


@in_pairs(
    {
        "connect": CLIENTS,
        "operation": list(MANY),
        "answer": [204, LOGIN_PAGE, httpx.Response(202, json={"actionId": "a"}), {"actionId": "a"}, {"error": "x"}],
        "target": [{"all": True}, {"dlq_ids": ["1", "2"]}],
    }
)
def test_a_batch_with_another_answer_may_have_been_done(
    connect: Connect, operation: str, answer: Any, target: dict[str, Any]
) -> None:
    with pytest.raises(BulkError, match="whether the last request did anything is unknown") as caught:
        getattr(connect(transport=Wire(answer)), operation)(**target)
    assert isinstance(caught.value.__cause__, InvalidResponseError)
    assert caught.value.remaining == tuple(target.get("dlq_ids", ()))
    assert caught.value.done in (0, [])
    assert not caught.value.finished


@pytest.mark.parametrize("number", [-1, -(2**70), 1.5, "1", True, [1]])
def test_a_delete_of_no_number_of_runs_stops(connect: Connect, number: Any) -> None:
    with pytest.raises(BulkError, match=r"deleted in the answer to DELETE .*is unknown") as caught:
        connect(transport=Wire({"deleted": 3, "cursor": "a"}, {"deleted": number})).delete_many(all=True)
    assert caught.value.done == 3
    assert caught.value.cursor == "a"


def test_more_deletes_than_runs_named_stop_and_are_told(connect: Connect) -> None:
    wire = Wire({"deleted": 2, "cursor": "a"}, {"deleted": 2})
    with pytest.raises(BulkError, match="brings it to 4 runs, but 3 were named") as caught:
        connect(transport=wire).delete_many(dlq_ids=["1", "2", "3"])
    assert caught.value.done == 4
    assert caught.value.finished


@pytest.mark.parametrize("operation", ["resume_many", "restart_many"])
def test_more_started_runs_than_were_named_stop_and_are_told(connect: Connect, operation: str) -> None:
    wire = Wire({"workflowRuns": [{"workflowRunId": f"wfr_{number}"} for number in range(3)]})
    with pytest.raises(BulkError, match="brings it to 3 runs, but 2 were named") as caught:
        getattr(connect(transport=wire), operation)(dlq_ids=["1", "2"])
    assert caught.value.done == [StartedRun(f"wfr_{number}", None) for number in range(3)]


@pytest.mark.parametrize("operation", SINGLE_STARTS)
def test_a_started_run_says_what_it_was_started_from(connect: Connect, operation: str) -> None:
    assert getattr(connect(transport=Wire(STARTED)), operation)("1-0") == StartedRun("wfr_1", None, "1-0")


@pytest.mark.parametrize("operation", ["resume_many", "restart_many"])
def test_in_bulk_only_a_single_id_is_known_to_be_the_origin(connect: Connect, operation: str) -> None:
    both = {"workflowRuns": [STARTED, {"workflowRunId": "wfr_2"}]}
    client = connect(transport=Wire({"workflowRuns": [STARTED]}, both, {"workflowRuns": [STARTED]}, both))
    assert getattr(client, operation)(dlq_ids="1-0") == [StartedRun("wfr_1", None, "1-0")]
    assert [run.dlq_id for run in getattr(client, operation)(dlq_ids=["1-0", "2-0"])] == [None, None]
    assert [run.dlq_id for run in getattr(client, operation)(label="a")] == [None]
    with pytest.raises(BulkError) as caught:
        getattr(client, operation)(dlq_ids="1-0")
    assert [run.dlq_id for run in caught.value.done] == [None, None]
