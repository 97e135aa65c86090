"""Resume, restart, callbacks and bulk calls on the wire, sync and async."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from conftest import Connect
from fakes import Breaking, Wire, page
from httpx_retries import Retry
from pairs import CLIENTS, in_pairs
from upstash_workflow_dlq import (
    APIError,
    AuthenticationError,
    BadRequestError,
    BulkError,
    ClientClosedError,
    FailedRun,
    FlowControl,
    InvalidResponseError,
    NotFoundError,
    PaginationError,
    RateLimitError,
    ServerError,
    StartedRun,
    TransportError,
)
from upstash_workflow_dlq._core.retries import resolved

CREATED = datetime(2025, 7, 18, 9, 1, 33, 531_000, UTC)
STARTED = {"workflowRunId": "wfr_1", "workflowCreatedAt": 1752829293531}

STARTING = ["resume", "restart", "retry_failure_callback"]
PATHS = {
    "resume": "POST /v2/workflows/dlq/resume",
    "restart": "POST /v2/workflows/dlq/restart",
    "retry_failure_callback": "POST /v2/workflows/dlq/callback",
    "cancel_failure_callback": "DELETE /v2/workflows/dlq/callback",
}
MANY = {
    "delete_many": "DELETE /v2/workflows/dlq",
    "resume_many": "POST /v2/workflows/dlq/resume",
    "restart_many": "POST /v2/workflows/dlq/restart",
}
BATCH = {"delete_many": 100, "resume_many": 50, "restart_many": 50}


def started(*ids: str, cursor: str | None = None) -> dict[str, Any]:
    runs = [{"workflowRunId": id, "workflowCreatedAt": 1752829293531} for id in ids]
    return {"workflowRuns": runs} | ({} if cursor is None else {"cursor": cursor})


def deleted(count: int, cursor: str | None = None) -> dict[str, Any]:
    return {"deleted": count} | ({} if cursor is None else {"cursor": cursor})


def batch_answer(operation: str, count: int, cursor: str | None = None) -> dict[str, Any]:
    if operation == "delete_many":
        return deleted(count, cursor)
    return started(*(f"wfr_{number}" for number in range(count)), cursor=cursor)


def missing() -> httpx.Response:
    return httpx.Response(404, json={"error": "DLQ message not found"})


def count(operation: str, result: Any) -> int:
    assert isinstance(result, int if operation == "delete_many" else list)
    return result if isinstance(result, int) else len(result)


@in_pairs(
    {
        "connect": CLIENTS,
        "operation": STARTING,
        "run": ["1752829295505-0", FailedRun({"dlqId": "1752829295505-0"})],
    }
)
def test_one_run_is_started(connect: Connect, operation: str, run: Any) -> None:
    wire = Wire(STARTED)
    assert getattr(connect(transport=wire), operation)(run) == StartedRun("wfr_1", CREATED, "1752829295505-0")
    assert wire.sent == [f"{PATHS[operation]}/1752829295505-0"]
    assert wire.requests[0].content == b""


@pytest.mark.parametrize("answer", [302, 200, 204, httpx.Response(302, headers={"Location": "/v2/workflows/dlq"})])
def test_a_callback_is_canceled_and_no_redirect_followed(connect: Connect, answer: Any) -> None:
    wire = Wire(answer)
    assert connect(transport=wire).cancel_failure_callback("1") is None
    assert wire.sent == ["DELETE /v2/workflows/dlq/callback/1"]


@pytest.mark.parametrize("status", [301, 303, 307])
def test_no_other_redirect_is_a_canceled_callback(connect: Connect, status: int) -> None:
    with pytest.raises(APIError, match=f"HTTP {status}"):
        connect(transport=Wire(status)).cancel_failure_callback("1")


@in_pairs(
    {
        "connect": CLIENTS,
        "operation": list(PATHS),
        ("status", "error"): [(400, BadRequestError), (404, NotFoundError), (500, ServerError)],
    }
)
def test_a_refusal_is_an_error(connect: Connect, operation: str, status: int, error: type[Exception]) -> None:
    wire = Wire(httpx.Response(status, json={"error": "no failed callback"}))
    with pytest.raises(error, match="no failed callback"):
        getattr(connect(transport=wire), operation)("1")


@pytest.mark.parametrize(
    ("created", "expected"),
    [
        (1752829293531, CREATED),
        ("2025-07-18T09:01:33.531Z", CREATED),
        ("2025-07-18T11:01:33.531+02:00", CREATED),
        (None, None),
        ("2025-07-18T09:01:33", None),
        ("yesterday", None),
        ([], None),
    ],
)
def test_the_start_is_read_in_either_notation(connect: Connect, created: Any, expected: Any) -> None:
    wire = Wire({"workflowRunId": "wfr_1", "workflowCreatedAt": created})
    assert connect(transport=wire).resume("1") == StartedRun("wfr_1", expected, "1")


@pytest.mark.parametrize(
    "answer",
    [
        {},
        {"workflowRunId": None},
        {"workflowRunId": ""},
        {"workflowRunId": 5},
    ],
)
def test_a_start_that_cannot_be_read_says_so(connect: Connect, answer: dict[str, Any]) -> None:
    with pytest.raises(InvalidResponseError, match="the started run in the answer to POST"):
        connect(transport=Wire(answer)).restart("1")


OVERRIDES: list[tuple[dict[str, Any], dict[str, str]]] = [
    ({"retries": 0}, {"Upstash-Retries": "0"}),
    ({"delay": timedelta(seconds=90)}, {"Upstash-Delay": "90s"}),
    ({"delay": timedelta(days=1)}, {"Upstash-Delay": "86400s"}),
    ({"delay": "5m"}, {"Upstash-Delay": "5m"}),
    ({"retry_delay": "pow(2, retried) * 1000"}, {"Upstash-Retry-Delay": "pow(2, retried) * 1000"}),
    (
        {"flow_control": FlowControl("tenant 7", parallelism=3, rate=10, period=timedelta(minutes=1))},
        {
            "Upstash-Flow-Control-Key": "tenant 7",
            "Upstash-Flow-Control-Value": "parallelism=3, rate=10, period=60s",
        },
    ),
    (
        {"flow_control": FlowControl("k", rate=1, period="1m")},
        {"Upstash-Flow-Control-Key": "k", "Upstash-Flow-Control-Value": "rate=1, period=1m"},
    ),
    (
        {"flow_control": FlowControl("k", rate=1, period=30)},
        {"Upstash-Flow-Control-Key": "k", "Upstash-Flow-Control-Value": "rate=1, period=30s"},
    ),
    ({"label": "billing"}, {"Upstash-Label": "billing"}),
    ({"label": ["a", "b c"]}, {"Upstash-Label": "a,b c"}),
    ({"retry_delay": " 1000 "}, {"Upstash-Retry-Delay": "1000"}),
    ({"failure_callback": "https://my.app/failed"}, {"Upstash-Failure-Callback": "https://my.app/failed"}),
    ({"retries": None, "label": None}, {}),
]


def test_overrides_in_bulk_are_keyword_arguments_too_except_for_the_label(connect: Connect) -> None:
    wire = Wire(started())
    connect(transport=wire).resume_many(label="a", retries=3, delay="1s", overrides={"retries": 1, "label": iter("xy")})
    assert wire.sent == ["POST /v2/workflows/dlq/resume?count=50&label=a"]
    assert upstash_headers(wire.requests[0]) == {"Upstash-Retries": "3", "Upstash-Delay": "1s", "Upstash-Label": "x,y"}


@pytest.mark.parametrize("overrides", ["", [], "retries", [("retries", 1)]])
def test_overrides_must_be_a_dict(connect: Connect, overrides: Any) -> None:
    wire = Wire()
    with pytest.raises(TypeError, match="overrides takes a dict"):
        act(connect(transport=wire), "resume_many", {"all": True, "overrides": overrides})
    assert wire.sent == []


def upstash_headers(request: httpx.Request) -> dict[str, str]:
    return {name.title(): value for name, value in request.headers.items() if name.startswith("upstash-")}


@pytest.mark.parametrize("operation", ["resume", "restart"])
def test_overrides_travel_as_headers(connect: Connect, operation: str) -> None:
    for overrides, headers in OVERRIDES:
        wire = Wire(STARTED, batch_answer(f"{operation}_many", 1))
        client = connect(transport=wire)
        getattr(client, operation)("1", **overrides)
        getattr(client, f"{operation}_many")(dlq_ids="1", overrides=overrides)
        assert [upstash_headers(request) for request in wire.requests] == [headers, headers]


BROKEN: list[tuple[dict[str, Any], type[Exception], str]] = [
    ({"retries": -1}, ValueError, "retries is -1"),
    ({"retries": "3"}, TypeError, "retries takes an int, not str"),
    ({"retries": True}, TypeError, "retries takes an int, not bool"),
    ({"delay": timedelta(milliseconds=500)}, ValueError, "must be a whole number of seconds"),
    ({"delay": timedelta(seconds=-1)}, ValueError, "must be a whole number of seconds"),
    ({"delay": ""}, ValueError, "delay is empty"),
    ({"delay": 5}, TypeError, 'delay takes a timedelta, or a string such as "90s"'),
    ({"delay": "5m\r\nX-Evil: 1"}, ValueError, "cannot be sent in a header"),
    ({"retry_delay": "1\n2"}, ValueError, "cannot be sent in a header"),
    ({"label": "a\r\nUpstash-Delay: 1s"}, ValueError, "cannot be sent in a header"),
    ({"label": ["a", "b\x00"]}, ValueError, "cannot be sent in a header"),
    ({"label": "grün"}, ValueError, "cannot be sent in a header"),
    ({"label": "a,b"}, ValueError, "comma"),
    ({"label": []}, ValueError, "label has no values"),
    ({"label": " "}, ValueError, "label is empty"),
    ({"label": 5}, TypeError, "label takes a string or several, not int"),
    ({"label": b"a"}, TypeError, "label takes a string or several, not bytes"),
    ({"failure_callback": "https://my.app/\n"}, ValueError, "cannot be sent in a header"),
    ({"flow_control": "k"}, TypeError, "flow_control takes a FlowControl, not str"),
    ({"flow_control": FlowControl("k")}, ValueError, "flow_control limits nothing"),
    ({"flow_control": FlowControl("", rate=1)}, ValueError, "key of flow_control is empty"),
    ({"flow_control": FlowControl("k\n", rate=1)}, ValueError, "cannot be sent in a header"),
    ({"flow_control": FlowControl("k", rate=0)}, ValueError, "rate of flow_control is 0"),
    ({"flow_control": FlowControl("k", parallelism=1.5)}, TypeError, "takes an int"),  # type: ignore[arg-type]
    ({"flow_control": FlowControl("k", rate=1, period="1m, rate")}, ValueError, "read as another limit"),
    ({"flow_control": FlowControl("k", rate=1, period="rate=99")}, ValueError, "read as another limit"),
    ({"flow_control": FlowControl("k", rate=1, period="1m\n")}, ValueError, "cannot be sent in a header"),
    ({"labels": "a"}, TypeError, "there is no override 'labels'"),
]


@pytest.mark.parametrize(("overrides", "error", "complaint"), BROKEN)
def test_nothing_can_break_out_of_a_header(
    connect: Connect, overrides: dict[str, Any], error: type[Exception], complaint: str
) -> None:
    wire = Wire()
    client: Any = connect(transport=wire)
    for operation in ("resume", "restart"):
        with pytest.raises(error, match=complaint):
            getattr(client, operation)("1", **overrides)
        with pytest.raises(error, match=complaint):
            getattr(client, f"{operation}_many")(all=True, overrides=overrides)
    assert wire.sent == []


@pytest.mark.parametrize("operation", MANY)
def test_a_filter_is_followed_to_the_end_of_its_cursor(connect: Connect, operation: str) -> None:
    answers = [batch_answer(operation, *answer) for answer in [(7, "a"), (0, "b"), (3, "")]]
    wire = Wire(*answers)
    progress: list[int] = []
    result = getattr(connect(transport=wire), operation)(
        label=["billing", "email"], to_date=1790000000000, on_progress=progress.append
    )
    assert count(operation, result) == 10
    assert progress == [7, 7, 10]
    rest = f"count={BATCH[operation]}&toDate=1790000000000&label=billing&label=email"
    assert wire.sent == [f"{MANY[operation]}?{rest}"] + [
        f"{MANY[operation]}?cursor={cursor}&{rest}" for cursor in ("a", "b")
    ]


@in_pairs({"connect": CLIENTS, "operation": list(MANY), "ending": [{}, {"cursor": ""}, {"cursor": None}]})
def test_each_ending_of_the_cursor_ends_a_bulk_call(connect: Connect, operation: str, ending: dict[str, Any]) -> None:
    wire = Wire(batch_answer(operation, 100, cursor="a"), batch_answer(operation, 1) | ending)
    assert count(operation, getattr(connect(transport=wire), operation)(all=True)) == 101
    assert wire.sent == [
        f"{MANY[operation]}?count={BATCH[operation]}",
        f"{MANY[operation]}?cursor=a&count={BATCH[operation]}",
    ]


@in_pairs(
    {
        "connect": CLIENTS,
        "operation": list(MANY),
        "answer": [{}, {"deleted": None, "workflowRuns": None}, {"cursor": ""}],
    }
)
def test_an_empty_answer_says_that_nothing_was_done(connect: Connect, operation: str, answer: dict[str, Any]) -> None:
    answer = {name: value for name, value in answer.items() if (name == "deleted") == (operation == "delete_many")}
    assert count(operation, getattr(connect(transport=Wire(answer)), operation)(all=True)) == 0


def test_started_runs_are_returned_in_order(connect: Connect) -> None:
    wire = Wire(started("wfr_1", "wfr_2", cursor="a"), started("wfr_3"))
    assert connect(transport=wire).resume_many(all=True) == [
        StartedRun(id, CREATED) for id in ("wfr_1", "wfr_2", "wfr_3")
    ]


@pytest.mark.parametrize("operation", MANY)
def test_ids_go_in_batches(connect: Connect, operation: str) -> None:
    size = BATCH[operation]
    ids = [f"1752829295505-{number}" for number in range(2 * size + 1)]
    wire = Wire(batch_answer(operation, size), batch_answer(operation, size), batch_answer(operation, 1))
    progress: list[int] = []
    result = getattr(connect(transport=wire), operation)(dlq_ids=ids, on_progress=progress.append)
    assert count(operation, result) == 2 * size + 1
    assert progress == [size, 2 * size, 2 * size + 1]
    named = [request.url.params.get_list("dlqIds") for request in wire.requests]
    assert named == [ids[:size], ids[size : 2 * size], ids[2 * size :]]
    assert wire.sent[-1] == f"{MANY[operation]}?count={size}&dlqIds={ids[-1]}"


@pytest.mark.parametrize("operation", MANY)
def test_a_batch_of_ids_is_followed_to_the_end_of_its_cursor_too(connect: Connect, operation: str) -> None:
    wire = Wire(batch_answer(operation, 1, cursor="a"), batch_answer(operation, 1))
    assert count(operation, getattr(connect(transport=wire), operation)(dlq_ids=["1", "2"])) == 2
    rest = f"count={BATCH[operation]}&dlqIds=1&dlqIds=2"
    assert wire.sent == [f"{MANY[operation]}?{rest}", f"{MANY[operation]}?cursor=a&{rest}"]


@pytest.mark.untraced  # most of the time goes to httpx, which quotes each URL several times
@in_pairs({"connect": CLIENTS, "operation": list(MANY), "id_length": [1, 60, 2000, 4000]})
def test_no_url_grows_past_what_servers_take(connect: Connect, operation: str, id_length: int) -> None:
    ids = [f"{number:04}" + "ü" * (id_length // 6) for number in range(60)]
    wire = Wire(batch_answer(operation, 1), forever=True)
    getattr(connect(transport=wire), operation)(dlq_ids=iter(ids))
    assert [id for request in wire.requests for id in request.url.params.get_list("dlqIds")] == ids
    for request in wire.requests:
        assert len(request.url.raw_path) < 4000 or len(request.url.params.get_list("dlqIds")) == 1


SOURCES: dict[str, Callable[[], Any]] = {
    "ids and runs": lambda: ["1", FailedRun({"dlqId": "2"})],
    "generator of ids": lambda: (id for id in ["1", "2"]),
    "generator of runs": lambda: (FailedRun({"dlqId": id}) for id in "12"),
    "keys": lambda: {"1": 1, "2": 2},
    "twice the same": lambda: ["1", "2", "1", FailedRun({"dlqId": "2"})],
}


@in_pairs({"connect": CLIENTS, "operation": list(MANY), "source": list(SOURCES)})
def test_ids_runs_and_generators_of_either_are_accepted(connect: Connect, operation: str, source: str) -> None:
    wire = Wire(batch_answer(operation, 2))
    assert count(operation, getattr(connect(transport=wire), operation)(dlq_ids=SOURCES[source]())) == 2
    assert wire.sent == [f"{MANY[operation]}?count={BATCH[operation]}&dlqIds=1&dlqIds=2"]


@pytest.mark.parametrize("operation", MANY)
def test_a_single_id_is_not_split_into_its_letters(connect: Connect, operation: str) -> None:
    for one in ("12", FailedRun({"dlqId": "12"})):
        wire = Wire(batch_answer(operation, 1))
        getattr(connect(transport=wire), operation)(dlq_ids=one)
        assert wire.sent == [f"{MANY[operation]}?count={BATCH[operation]}&dlqIds=12"]


@pytest.mark.parametrize("operation", MANY)
def test_a_list_is_accepted_as_dlq_ids(connect: Connect, operation: str) -> None:
    wire = Wire(page("1", "2", cursor="a"), page("3"), batch_answer(operation, 3))
    client = connect(transport=wire)
    runs = getattr(client, "wrapped", client).list(label="a")
    assert count(operation, getattr(client, operation)(dlq_ids=runs)) == 3
    assert wire.sent[-1] == f"{MANY[operation]}?count={BATCH[operation]}&dlqIds=1&dlqIds=2&dlqIds=3"


class Exhausted:
    """An iterator without values, like `iter(())`, but without its address in the id of the test."""

    def __iter__(self) -> Exhausted:
        return self

    def __next__(self) -> str:
        raise StopIteration

    def __repr__(self) -> str:
        return "no values"


NOTHING: list[tuple[dict[str, Any], type[Exception]]] = [
    ({}, ValueError),
    ({"all": False}, ValueError),
    ({"all": None}, TypeError),
    ({"all": 1}, TypeError),
    ({"all": "yes"}, TypeError),
    ({"dlq_ids": None}, ValueError),
    ({"dlq_ids": None, "label": None, "all": False}, ValueError),
    ({"dlq_ids": ""}, ValueError),
    ({"dlq_ids": " "}, ValueError),
    ({"dlq_ids": [""]}, ValueError),
    ({"dlq_ids": ["1", ""]}, ValueError),
    ({"dlq_ids": ["1", None]}, ValueError),
    ({"dlq_ids": [FailedRun({})]}, ValueError),
    ({"dlq_ids": FailedRun({"dlqId": ""})}, ValueError),
    ({"dlq_ids": ["1,2"]}, ValueError),
    ({"dlq_ids": [["1"]]}, TypeError),
    ({"dlq_ids": b"1"}, TypeError),
    ({"dlq_ids": 5}, TypeError),
    ({"dlq_ids": ["1"], "label": "a"}, ValueError),
    ({"dlq_ids": ["1"], "all": True}, ValueError),
    ({"dlq_ids": [], "all": True}, ValueError),
    ({"dlq_ids": [], "label": "a"}, ValueError),
    ({"label": "a", "all": True}, ValueError),
    ({"label": ""}, ValueError),
    ({"label": []}, ValueError),
    ({"label": Exhausted()}, ValueError),
    ({"label": [None]}, TypeError),
    ({"label": None}, ValueError),
    ({"workflow_url": " "}, ValueError),
    ({"workflow_run_id": ""}, ValueError),
    ({"from_date": None, "to_date": None}, ValueError),
    ({"response_status": []}, ValueError),
    ({"response_status": None}, ValueError),
    ({"cursor": "a"}, ValueError),
    ({"cursor": "", "all": True}, ValueError),
    ({"cursor": "a", "dlq_ids": ["1"]}, ValueError),
    ({"cursor": "a", "response_status": 500}, ValueError),
    ({"cursor": "a", "workflow_run_id": "wfr_1"}, ValueError),
    ({"cursor": "a", "all": True, "dry_run": True}, ValueError),
    ({"labels": "a"}, TypeError),
    ({"everything": True}, TypeError),
    ({"all": True, "on_progress": 5}, TypeError),
    ({"dlq_ids": ["x" * 1001]}, ValueError),
    ({"label": [f"label-{number}" for number in range(1000)]}, ValueError),
]


@in_pairs({"connect": CLIENTS, "operation": list(MANY), ("options", "error"): NOTHING})
def test_an_accidental_purge_is_impossible(
    connect: Connect, operation: str, options: dict[str, Any], error: type[Exception]
) -> None:
    wire = Wire()
    with pytest.raises(error):
        getattr(connect(transport=wire), operation)(**options)
    with pytest.raises(error):
        getattr(connect(transport=wire), operation)(**{"dry_run": True} | options)
    assert wire.sent == []


@in_pairs({"connect": CLIENTS, "operation": list(MANY), "dry_run": [None, 0, 1, "", "no"]})
def test_dry_run_must_be_true_or_false(connect: Connect, operation: str, dry_run: Any) -> None:
    wire = Wire()
    with pytest.raises(TypeError, match="dry_run takes True or False"):
        getattr(connect(transport=wire), operation)(all=True, dry_run=dry_run)
    assert wire.sent == []


@in_pairs(
    {
        "connect": CLIENTS,
        "operation": list(MANY),
        "wrong": [{"all": True}, {"label": "a"}, {"cursor": "a"}, {"flavour": "sour"}],
    }
)
def test_a_wrong_call_does_not_read_the_list_it_was_given(
    connect: Connect, operation: str, wrong: dict[str, Any]
) -> None:
    wire = Wire()
    client = connect(transport=wire)
    with pytest.raises((TypeError, ValueError)):
        getattr(client, operation)(dlq_ids=getattr(client, "wrapped", client).list(), **wrong)
    assert wire.sent == []


@pytest.mark.parametrize("operation", MANY)
def test_an_empty_list_does_nothing(connect: Connect, operation: str) -> None:
    wire = Wire(page())
    client = connect(transport=wire)
    assert count(operation, getattr(client, operation)(dlq_ids=getattr(client, "wrapped", client).list(label="a"))) == 0
    assert wire.sent == ["GET /v2/workflows/dlq?count=100&label=a"]


@in_pairs({"connect": CLIENTS, "operation": list(MANY), "dry_run": [False, True]})
def test_no_ids_do_nothing(connect: Connect, operation: str, dry_run: bool) -> None:
    wire = Wire()
    nobody: Any
    for nobody in ([], (), iter(()), {}):
        result = getattr(connect(transport=wire), operation)(dlq_ids=nobody, dry_run=dry_run)
        assert result == (0 if operation == "delete_many" and not dry_run else [])
    assert wire.sent == []


def test_only_deletes_take_no_overrides(connect: Connect) -> None:
    wire = Wire()
    with pytest.raises(TypeError, match="no filter 'overrides'"):
        act(connect(transport=wire), "delete_many", {"all": True, "overrides": {"retries": 3}})
    assert wire.sent == []


def test_an_async_on_progress_is_refused(connect: Connect) -> None:
    async def on_progress(done: int) -> None: ...

    wire = Wire()
    with pytest.raises(TypeError, match="plain function"):
        connect(transport=wire).delete_many(all=True, on_progress=on_progress)
    assert wire.sent == []


@pytest.mark.parametrize("operation", MANY)
def test_a_client_side_filter_is_resolved_to_ids_first(connect: Connect, operation: str) -> None:
    messages = [{"dlqId": str(number), "responseStatus": status} for number, status in enumerate([500, 489, 500])]
    wire = Wire({"messages": messages, "cursor": "a"}, page(), batch_answer(operation, 2))
    result = getattr(connect(transport=wire), operation)(response_status=500, label="a")
    assert count(operation, result) == 2
    assert wire.sent == [
        "GET /v2/workflows/dlq?count=100&label=a",
        "GET /v2/workflows/dlq?cursor=a&count=100&label=a",
        f"{MANY[operation]}?count={BATCH[operation]}&dlqIds=0&dlqIds=2",
    ]


@pytest.mark.parametrize("operation", MANY)
def test_a_run_id_is_never_taken_for_a_prefix(connect: Connect, operation: str) -> None:
    messages = [{"dlqId": id, "workflowRunId": f"wfr_{id}"} for id in ("1", "11", "1")]
    wire = Wire({"messages": messages}, batch_answer(operation, 1))
    getattr(connect(transport=wire), operation)(workflow_run_id="wfr_1")
    assert wire.sent == [
        "GET /v2/workflows/dlq?count=100&workflowRunId=wfr_1",
        f"{MANY[operation]}?count={BATCH[operation]}&dlqIds=1",
    ]


@pytest.mark.parametrize("operation", MANY)
def test_a_client_side_filter_that_matches_nothing_does_nothing(connect: Connect, operation: str) -> None:
    wire = Wire(page("1", responseStatus=200))
    assert count(operation, getattr(connect(transport=wire), operation)(response_status=500)) == 0
    assert wire.sent == ["GET /v2/workflows/dlq?count=100"]


@in_pairs(
    {
        "connect": CLIENTS,
        "operation": list(MANY),
        "target": [{"all": True}, {"label": "a"}, {"response_status": 500}],
    }
)
def test_a_dry_run_returns_the_runs_and_only_reads(connect: Connect, operation: str, target: dict[str, Any]) -> None:
    wire = Wire(page("1", responseStatus=500, cursor="a"), page("2", responseStatus=500))
    progress: list[int] = []
    runs = getattr(connect(transport=wire), operation)(dry_run=True, on_progress=progress.append, **target)
    assert [run.dlq_id for run in runs] == ["1", "2"]
    assert all(line.startswith("GET ") for line in wire.sent)
    assert progress == []


@pytest.mark.parametrize("operation", MANY)
def test_a_dry_run_of_ids_returns_those_that_are_there(connect: Connect, operation: str) -> None:
    wire = Wire({"dlqId": "1"}, missing(), {"dlqId": "3"})
    runs = getattr(connect(transport=wire), operation)(dlq_ids=["1", "2", "3"], dry_run=True)
    assert [run.dlq_id for run in runs] == ["1", "3"]
    assert wire.sent == [f"GET /v2/workflows/dlq/{id}" for id in "123"]


MIDWAY = [
    (httpx.ReadError("reset"), TransportError),
    (httpx.ReadTimeout("slow"), TransportError),
    (503, ServerError),
    (500, ServerError),
    (404, NotFoundError),
    (400, BadRequestError),
    (401, AuthenticationError),
    (httpx.Response(200, content=b"<html>"), InvalidResponseError),
    (httpx.Response(200, json={"deleted": "3", "workflowRuns": {}}), InvalidResponseError),
    (httpx.Response(200, json={"deleted": 1, "workflowRuns": [], "cursor": 5}), InvalidResponseError),
    (httpx.Response(200, json={"error": "try later"}), InvalidResponseError),
]


@in_pairs({"connect": CLIENTS, "operation": list(MANY), ("failure", "cause"): MIDWAY})
def test_a_bulk_error_has_what_was_done_and_where_to_continue(
    connect: Connect, operation: str, failure: Any, cause: type[Exception]
) -> None:
    wire = Wire(batch_answer(operation, 50, cursor="a"), failure, batch_answer(operation, 2))
    client = connect(transport=wire)
    with pytest.raises(BulkError, match=r"stopped after 5[01] runs") as caught:
        getattr(client, operation)(label="x")
    error = caught.value
    assert isinstance(error.__cause__, cause)
    assert count(operation, error.done) in (50, 51)
    assert (error.cursor, error.remaining) == ("a", ())
    assert len(wire.sent) == 2
    assert count(operation, getattr(client, operation)(label="x", cursor=error.cursor)) == 2
    assert wire.sent[2] == wire.sent[1]


@pytest.mark.parametrize("operation", MANY)
def test_ids_that_remain_are_in_the_error(connect: Connect, operation: str) -> None:
    size = BATCH[operation]
    ids = [str(number) for number in range(3 * size)]
    wire = Wire(batch_answer(operation, size), 503, batch_answer(operation, size), batch_answer(operation, size))
    client = connect(transport=wire)
    with pytest.raises(BulkError) as caught:
        getattr(client, operation)(dlq_ids=ids)
    assert caught.value.remaining == tuple(ids[size:])
    assert caught.value.cursor is None
    assert count(operation, getattr(client, operation)(dlq_ids=caught.value.remaining)) == 2 * size


@pytest.mark.parametrize("operation", MANY)
def test_a_first_batch_with_an_unknown_outcome_is_a_bulk_error(connect: Connect, operation: str) -> None:
    with pytest.raises(BulkError) as caught:
        getattr(connect(transport=Wire(httpx.ReadTimeout("slow"))), operation)(dlq_ids=["1", "2"])
    assert count(operation, caught.value.done) == 0
    assert caught.value.remaining == ("1", "2")


@in_pairs(
    {
        "connect": CLIENTS,
        "operation": list(MANY),
        ("status", "error"): [(400, BadRequestError), (401, AuthenticationError)],
    }
)
def test_a_refused_first_batch_is_a_plain_error(
    connect: Connect, operation: str, status: int, error: type[Exception]
) -> None:
    with pytest.raises(error):
        getattr(connect(transport=Wire(status)), operation)(all=True)


def test_a_closed_client_does_nothing_in_bulk(connect: Connect) -> None:
    client = connect(transport=Wire())
    client.close()
    with pytest.raises(ClientClosedError):
        client.delete_many(all=True)


@pytest.mark.parametrize("operation", MANY)
def test_an_exception_in_on_progress_keeps_what_was_done(connect: Connect, operation: str) -> None:
    def on_progress(done: int) -> None:
        raise RuntimeError("enough")

    wire = Wire(batch_answer(operation, 2), batch_answer(operation, 1))
    ids = [str(number) for number in range(BATCH[operation] + 1)]
    with pytest.raises(BulkError, match="enough") as caught:
        getattr(connect(transport=wire), operation)(dlq_ids=ids, on_progress=on_progress)
    assert isinstance(caught.value.__cause__, RuntimeError)
    assert count(operation, caught.value.done) == 2
    assert caught.value.remaining == (ids[-1],)
    assert len(wire.sent) == 1


@pytest.mark.parametrize("operation", MANY)
def test_a_cursor_that_comes_back_stops(connect: Connect, operation: str) -> None:
    wire = Wire(
        batch_answer(operation, 5, cursor="a"), batch_answer(operation, 1, cursor="a"), batch_answer(operation, 0, "a")
    )
    with pytest.raises(BulkError) as caught:
        getattr(connect(transport=wire), operation)(all=True)
    assert isinstance(caught.value.__cause__, PaginationError)
    assert count(operation, caught.value.done) == 6


@pytest.mark.parametrize("operation", MANY)
def test_each_batch_of_ids_has_its_own_cursors(connect: Connect, operation: str) -> None:
    ids = [str(number) for number in range(2 * BATCH[operation])]
    wire = Wire(*(batch_answer(operation, *answer) for answer in [(0, "1"), (9, None), (0, "1"), (8, None)]))
    assert count(operation, getattr(connect(transport=wire), operation)(dlq_ids=ids)) == 17


@pytest.mark.parametrize("operation", ["resume_many", "restart_many"])
def test_runs_that_are_gone_after_the_filter_found_them_are_left_out(connect: Connect, operation: str) -> None:
    wire = Wire(
        page("1", "2", "3", responseStatus=500),
        httpx.Response(404, json={"error": "some are gone"}),
        {"dlqId": "1"},
        missing(),
        {"dlqId": "3"},
        started("wfr_1", "wfr_3"),
    )
    result = getattr(connect(transport=wire), operation)(response_status=500)
    assert [run.workflow_run_id for run in result] == ["wfr_1", "wfr_3"]
    assert wire.sent[-1] == f"{MANY[operation]}?count=50&dlqIds=1&dlqIds=3"


@pytest.mark.parametrize("operation", ["resume_many", "restart_many"])
def test_a_batch_without_the_missing_runs_starts_without_a_cursor(connect: Connect, operation: str) -> None:
    found = page("1", "2", "3", responseStatus=500)
    wire = Wire(found, started("wfr_1", cursor="a"), 404, missing(), {"dlqId": "2"}, missing(), started("wfr_2"))
    result = getattr(connect(transport=wire), operation)(response_status=500)
    assert [run.workflow_run_id for run in result] == ["wfr_1", "wfr_2"]
    assert wire.sent[-1] == f"{MANY[operation]}?count=50&dlqIds=2"


@pytest.mark.parametrize("operation", ["resume_many", "restart_many"])
def test_a_filter_whose_runs_are_all_gone_does_nothing(connect: Connect, operation: str) -> None:
    wire = Wire(page("1", responseStatus=500), 404, missing())
    assert getattr(connect(transport=wire), operation)(response_status=500) == []


def test_a_404_for_runs_that_are_there_stops_the_call(connect: Connect) -> None:
    wire = Wire(page("1", responseStatus=500), 404, {"dlqId": "1"})
    with pytest.raises(BulkError) as caught:
        connect(transport=wire).resume_many(response_status=500)
    assert isinstance(caught.value.__cause__, NotFoundError)
    assert caught.value.remaining == ("1",)


@in_pairs(
    {
        "connect": CLIENTS,
        "operation": list(MANY),
        "message": [{"responseStatus": 500}, {"responseStatus": 500, "dlqId": "a,b"}],
    }
)
def test_a_run_that_cannot_be_named_in_bulk_is_an_error_before_anything_is_done(
    connect: Connect, operation: str, message: dict[str, Any]
) -> None:
    wire = Wire({"messages": [message]})
    with pytest.raises(InvalidResponseError, match="dlq_id"):
        getattr(connect(transport=wire), operation)(response_status=500)
    assert len(wire.sent) == 1


def test_a_start_that_cannot_be_read_spoils_only_itself(connect: Connect) -> None:
    runs = [{"workflowRunId": "wfr_1", "workflowCreatedAt": "soon"}, {}, {"workflowRunId": "wfr_3"}]
    wire = Wire({"workflowRuns": runs, "cursor": "a"}, started("wfr_4"))
    client = connect(transport=wire)
    with pytest.raises(BulkError, match="1 started runs have no readable workflowRunId") as caught:
        client.resume_many(label="x")
    assert caught.value.done == [StartedRun("wfr_1", None), StartedRun("wfr_3", None)]
    assert client.resume_many(label="x", cursor=caught.value.cursor) == [StartedRun("wfr_4", CREATED)]


def test_any_exception_keeps_what_was_done(connect: Connect) -> None:
    wire = Wire(started("wfr_1", cursor="a"), KeyError("a transport of one's own"))
    with pytest.raises(BulkError) as caught:
        connect(transport=wire).resume_many(all=True)
    assert caught.value.done == [StartedRun("wfr_1", CREATED)]
    assert isinstance(caught.value.__cause__, KeyError)


def test_an_exception_after_the_last_batch_leaves_nothing_to_continue(connect: Connect) -> None:
    def on_progress(done: int) -> None:
        raise RuntimeError("enough")

    for target in ({"all": True}, {"dlq_ids": ["1"]}):
        with pytest.raises(BulkError) as caught:
            act(connect(transport=Wire(deleted(1))), "delete_many", {"on_progress": on_progress, **target})
        assert (caught.value.finished, caught.value.done, caught.value.remaining) == (True, 1, ())


def test_an_on_progress_that_returns_an_awaitable_stops_the_call(connect: Connect) -> None:
    class Awaitable:
        def __await__(self) -> Any:
            yield

    with pytest.raises(BulkError, match="not awaited") as caught:
        act(connect(transport=Wire(deleted(1))), "delete_many", {"all": True, "on_progress": lambda done: Awaitable()})
    assert caught.value.done == 1


def test_an_error_does_not_repeat_a_hundred_ids(connect: Connect) -> None:
    ids = [f"1752829295505-{number}" for number in range(100)]
    with pytest.raises(BulkError) as caught:
        connect(transport=Wire(500)).delete_many(dlq_ids=ids)
    assert len(str(caught.value)) < 500


def test_bulk_errors_survive_pickling(connect: Connect) -> None:
    with pytest.raises(BulkError) as caught:
        connect(transport=Wire(started("wfr_1", cursor="a"), 503)).resume_many(all=True)
    copy = pickle.loads(pickle.dumps(caught.value))
    assert (str(copy), copy.done, copy.cursor, copy.remaining) == (
        str(caught.value),
        [StartedRun("wfr_1", CREATED)],
        "a",
        (),
    )


AT_MOST_ONCE: list[tuple[str, dict[str, Any]]] = [
    *((operation, {"run": "1"}) for operation in PATHS),
    *((operation, {"all": True}) for operation in MANY),
    *((operation, {"dlq_ids": ["1"]}) for operation in MANY),
]


def act(client: Any, operation: str, options: dict[str, Any]) -> Any:
    return getattr(client, operation)(**options)


def success(operation: str) -> Any:
    return batch_answer(operation, 1) if operation in MANY else 302 if operation.startswith("cancel") else STARTED


EVERY_METHOD = Retry(total=3, allowed_methods=["GET", "POST", "DELETE"])


RULES = {"default": resolved(...), "every method": EVERY_METHOD}


@in_pairs(
    {
        "connect": CLIENTS,
        ("operation", "options"): AT_MOST_ONCE,
        "failure": [
            httpx.ReadTimeout("slow"),
            httpx.WriteTimeout("slow"),
            httpx.ReadError("reset"),
            httpx.WriteError("reset"),
            httpx.RemoteProtocolError("disconnected"),
            500,
            502,
            503,
            504,
        ],
        "rules": list(RULES),
    }
)
def test_a_call_that_may_have_been_carried_out_is_not_repeated(
    connect: Connect, waits: list[float], operation: str, options: dict[str, Any], failure: Any, rules: str
) -> None:
    wire = Wire(failure)
    with pytest.raises((TransportError, ServerError, BulkError)):
        act(connect(transport=wire, retry=RULES[rules]), operation, options)
    assert len(wire.sent) == 1
    assert waits == []


@pytest.mark.parametrize(("operation", "options"), AT_MOST_ONCE)
def test_a_call_with_a_truncated_answer_is_not_repeated(
    connect: Connect, waits: list[float], operation: str, options: dict[str, Any]
) -> None:
    wire = Wire()
    with pytest.raises((TransportError, BulkError)):
        act(connect(transport=Breaking(wire, times=1)), operation, options)
    assert len(wire.sent) == 1


@in_pairs(
    {
        "connect": CLIENTS,
        ("operation", "options"): AT_MOST_ONCE,
        "failure": [httpx.ConnectError("refused"), httpx.ConnectTimeout("slow"), httpx.PoolTimeout("busy"), 429],
    }
)
def test_a_call_that_was_certainly_not_carried_out_is_repeated(
    connect: Connect, waits: list[float], operation: str, options: dict[str, Any], failure: Any
) -> None:
    wire = Wire(failure, failure, success(operation))
    act(connect(transport=wire, trust_connect_errors=True), operation, options)
    assert len(wire.sent) == 3
    assert len(waits) == 2


@pytest.mark.parametrize(("operation", "options"), AT_MOST_ONCE)
def test_nothing_is_repeated_with_retries_off(connect: Connect, operation: str, options: dict[str, Any]) -> None:
    wire = Wire(429)
    with pytest.raises(RateLimitError):
        act(connect(transport=wire, retry=None), operation, options)
    assert len(wire.sent) == 1


@in_pairs({"connect": CLIENTS, "operation": list(PATHS), "id": ["", " ", ".", "..", "a\n", "/", FailedRun({})]})
def test_no_action_takes_an_id_that_could_mean_something_else(connect: Connect, operation: str, id: Any) -> None:
    wire = Wire()
    with pytest.raises(ValueError, match="dlq_id"):
        getattr(connect(transport=wire), operation)(id)
    assert wire.sent == []
