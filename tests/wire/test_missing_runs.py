"""What a 404 proves: only one that is about the run means that the run is gone."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from conftest import Connect
from fakes import Wire
from pairs import CLIENTS, in_pairs
from upstash_workflow_dlq import BulkError, NotFoundError

ABOUT_THE_RUN: list[Any] = [
    {"error": "DLQ message not found"},
    {"error": "message not found"},
    {"error": "no such message: 1-0"},
    {"error": "could not find '1-0'."},
    {"message": "The queue holds no failed run with this dlqId."},
    {"error": "Workflow run wfr_1 does not exist"},
    "Messages not found",
    b"dlq message not found\n",
]

ABOUT_SOMETHING_ELSE: list[Any] = [
    {"error": "user not found in this region"},
    {"error": "no messages of this user in this region"},
    {"error": "Not Found", "message": "Route DELETE:/v2/workflows/dlq/1-0 not found"},
    {"message": "Cannot DELETE /v2/workflows/dlq/1-0"},
    {"error": "nothing at https://qstash.upstash.io/v2/workflows/dlq/1-0"},
    {"error": "Not Found"},
    {"error": "Nothing is served at this path."},
    {"error": "11-0 not found"},
    {"error": {"code": 404, "message": "not found"}},
    {"detail": "no such message"},
    {},
    "Not Found",
    b"404 page not found",
    b"<html><title>404</title>The message was not found</html>",
    b"\xff\xfe",
]


def not_found(body: Any) -> httpx.Response:
    return httpx.Response(404, content=body) if isinstance(body, bytes) else httpx.Response(404, json=body)


MAYBE_DONE = [502, 503, 504, httpx.ReadTimeout("slow"), httpx.ReadError("reset"), httpx.RemoteProtocolError("gone")]
NOT_DONE = [429, httpx.ConnectError("refused"), httpx.ConnectTimeout("slow"), httpx.PoolTimeout("busy")]


@in_pairs({"connect": CLIENTS, "body": [*ABOUT_THE_RUN, b""], "failure": list(MAYBE_DONE)})
def test_a_delete_that_may_have_been_done_and_then_finds_no_run_is_done(
    connect: Connect, waits: list[float], failure: Any, body: Any
) -> None:
    wire = Wire(failure, not_found(body))
    assert connect(transport=wire).delete("1-0") is None
    assert len(wire.sent) == 2


@in_pairs({"connect": CLIENTS, "body": list(ABOUT_SOMETHING_ELSE), "failure": list(MAYBE_DONE)})
def test_a_delete_is_not_done_because_something_else_is_not_found(
    connect: Connect, waits: list[float], failure: Any, body: Any
) -> None:
    with pytest.raises(NotFoundError):
        connect(transport=Wire(failure, not_found(body))).delete("1-0")


@pytest.mark.parametrize("failures", [[], *([failure, failure] for failure in NOT_DONE)], ids=str)
def test_a_delete_that_did_nothing_before_and_finds_no_run_is_not_found(
    connect: Connect, waits: list[float], failures: list[Any]
) -> None:
    wire = Wire(*failures, not_found(ABOUT_THE_RUN[0]))
    with pytest.raises(NotFoundError):
        connect(transport=wire, trust_connect_errors=True).delete("1-0")
    assert len(wire.sent) == len(failures) + 1


def test_one_try_of_several_that_may_have_done_it_is_enough(connect: Connect, waits: list[float]) -> None:
    wire = Wire(429, 503, 429, not_found(ABOUT_THE_RUN[0]))
    assert connect(transport=wire).delete("1-0") is None


STARTS = ["resume", "restart", "retry_failure_callback", "cancel_failure_callback"]


@pytest.mark.parametrize(("operation", "failure"), [("get", 429), ("get", 503), *((start, 429) for start in STARTS)])
def test_only_a_delete_is_done_when_it_finds_no_run(
    connect: Connect, waits: list[float], operation: str, failure: int
) -> None:
    with pytest.raises(NotFoundError):
        getattr(connect(transport=Wire(failure, not_found(ABOUT_THE_RUN[0]))), operation)("1-0")


@in_pairs(
    {"connect": CLIENTS, "operation": ["delete_many", "resume_many", "restart_many"], "body": list(ABOUT_THE_RUN)}
)
def test_a_dry_run_leaves_out_what_is_gone(connect: Connect, operation: str, body: Any) -> None:
    wire = Wire(not_found(body), {"dlqId": "2-0"})
    [run] = getattr(connect(transport=wire), operation)(dlq_ids=["1-0", "2-0"], dry_run=True)
    assert run.dlq_id == "2-0"


@in_pairs(
    {
        "connect": CLIENTS,
        "operation": ["delete_many", "resume_many", "restart_many"],
        "body": [*ABOUT_SOMETHING_ELSE, b""],
    }
)
def test_a_dry_run_does_not_say_that_nothing_is_there(connect: Connect, operation: str, body: Any) -> None:
    wire = Wire(not_found(body))
    with pytest.raises(NotFoundError):
        getattr(connect(transport=wire), operation)(dlq_ids=["1-0", "2-0"], dry_run=True)


@pytest.mark.parametrize("operation", ["resume_many", "restart_many"])
def test_a_batch_is_not_left_out_because_something_else_is_not_found(connect: Connect, operation: str) -> None:
    found = {"messages": [{"dlqId": "1-0", "responseStatus": 500}]}
    elsewhere = not_found(ABOUT_SOMETHING_ELSE[0])
    with pytest.raises(BulkError, match="user not found in this region") as caught:
        getattr(connect(transport=Wire(found, elsewhere, elsewhere)), operation)(response_status=500)
    assert caught.value.remaining == ("1-0",)
