"""Over real connections, sync and async: each operation does what it says, once, even if the service fails."""

from __future__ import annotations

from typing import Any

import pytest
from blocking import collect
from conftest import Connect
from pairs import CLIENTS, in_pairs
from upstash_workflow_dlq import (
    BadRequestError,
    BulkError,
    FailedRun,
    FlowControl,
    NotFoundError,
    RateLimitError,
    Retry,
    ServerError,
    TransportError,
)
from upstash_workflow_dlq.emulator import Emulator, Settings, faults

pytestmark = pytest.mark.untraced

QUICK = Retry(total=5, backoff_factor=0.001, total_timeout=5)
RECORDED = "1752829295505-0"
MANY = ["delete_many", "resume_many", "restart_many"]


def ids(runs: Any) -> list[str]:
    return [run.dlq_id for run in collect(runs)]


def acting(emulator: Emulator) -> list[str]:
    return [f"{request.method} {request.path}" for request in emulator.requests if request.method != "GET"]


@pytest.mark.parametrize("operation", ["resume", "restart"])
def test_a_started_run_leaves_the_queue(connect: Connect, operation: str) -> None:
    with Emulator(runs=3) as emulator:
        client = connect(emulator.token, base_url=emulator.url)
        run = client.get(RECORDED)
        started = getattr(client, operation)(run, retries=3, flow_control=FlowControl("k", rate=10, period="1m"))
        assert started.workflow_run_id == emulator.started[0].workflow_run_id
        assert started.workflow_created_at is not None
        assert emulator.started[0].kind == operation
        assert emulator.started[0].overrides["upstash-retries"] == "3"
        with pytest.raises(NotFoundError):
            client.get(run)
        with pytest.raises(NotFoundError):
            getattr(client, operation)(run)
        assert client.count() == 2


def test_a_failure_callback_is_retried_and_canceled(connect: Connect) -> None:
    failed = {"dlqId": "1-0", "failureCallback": "https://my.app", "failureCallbackInfo": {"state": "CALLBACK_FAIL"}}
    with Emulator([failed, {"dlqId": "2-0"}]) as emulator:
        client = connect(emulator.token, base_url=emulator.url)
        with pytest.raises(BadRequestError):
            client.cancel_failure_callback("1-0")
        assert client.retry_failure_callback("1-0").workflow_run_id == emulator.started[0].workflow_run_id
        assert state(client.get("1-0")) == "CALLBACK_INPROGRESS"
        with pytest.raises(BadRequestError):
            client.retry_failure_callback("1-0")
        client.cancel_failure_callback("1-0")
        assert state(client.get("1-0")) == "CALLBACK_CANCELED"
        with pytest.raises(BadRequestError):
            client.cancel_failure_callback("1-0")
        with pytest.raises(BadRequestError):
            client.retry_failure_callback("2-0")
        with pytest.raises(NotFoundError):
            client.retry_failure_callback("3-0")


def state(run: FailedRun) -> str | None:
    return run.failure_function.state if run.failure_function else None


@in_pairs({"connect": CLIENTS, "operation": MANY, "target": ["ids", "list", "filter", "status", "all"]})
def test_a_bulk_call_acts_on_what_a_dry_run_shows(connect: Connect, operation: str, target: str) -> None:
    with Emulator(runs=200) as emulator:
        client = connect(emulator.token, base_url=emulator.url)
        listed = collect(client.list(label=["billing", "email"]))
        targets: dict[str, dict[str, Any]] = {
            "ids": {"dlq_ids": ids(listed)},
            "list": {"dlq_ids": listed},
            "filter": {"label": ["billing", "email"]},
            "status": {"label": ["billing", "email"], "response_status": [500, 502]},
            "all": {"all": True},
        }
        options = targets[target]
        before = collect(client.list())
        would = getattr(client, operation)(dry_run=True, **options)
        assert acting(emulator) == []
        assert len(emulator.runs) == 200
        progress: list[int] = []
        result = getattr(client, operation)(on_progress=progress.append, **options)
        done = result if isinstance(result, int) else len(result)
        assert done == len(would) == progress[-1] == 200 - client.count()
        assert done > 10
        assert ids(client.list()) == [run.dlq_id for run in before if run not in set(would)]
        if operation != "delete_many":
            assert [run.workflow_run_id for run in result] == [run.workflow_run_id for run in emulator.started]
            assert len({run.workflow_run_id for run in result}) == done


# The faults after which a client cannot know whether the request was carried out, and whether it was.
OPEN = [
    (faults.reset(), False),
    (faults.reset_after_acting(), True),
    (faults.truncated(), True),
    (faults.slow(0.3), True),
    (faults.status(500), False),
    (faults.status(503), False),
    (faults.html(502), False),
]


def patience(fault: faults.Fault) -> float:
    """Seconds. Short only if the fault is a slow answer: on a busy machine, other answers are slow too."""
    return 0.15 if isinstance(fault, faults.Slow) else 10


@in_pairs(
    {
        "connect": CLIENTS,
        "operation": ["resume", "restart", "retry_failure_callback"],
        ("fault", "carried_out"): OPEN,
    }
)
def test_a_call_that_may_have_been_carried_out_is_sent_once(
    connect: Connect, operation: str, fault: faults.Fault, carried_out: bool
) -> None:
    failed = {"dlqId": "1-0", "failureCallback": "https://my.app", "failureCallbackInfo": {"state": "CALLBACK_FAIL"}}
    with Emulator([failed]) as emulator:
        client = connect(emulator.token, base_url=emulator.url, retry=QUICK, timeout=patience(fault))
        emulator.fail(fault)
        with pytest.raises((TransportError, ServerError)):
            getattr(client, operation)("1-0")
        assert len(emulator.requests) == 1
        if not isinstance(fault, faults.Slow):  # which goes on after the client has left
            assert len(emulator.started) == carried_out


@pytest.mark.parametrize(("fault", "carried_out"), OPEN, ids=str)
def test_a_cancellation_is_sent_once(connect: Connect, fault: faults.Fault, carried_out: bool) -> None:
    with Emulator([{"dlqId": "1-0", "failureCallbackInfo": {"state": "CALLBACK_INPROGRESS"}}]) as emulator:
        client = connect(emulator.token, base_url=emulator.url, retry=QUICK, timeout=patience(fault))
        emulator.fail(fault)
        if isinstance(fault, faults.Truncated):  # there is no body to cut
            client.cancel_failure_callback("1-0")
        else:
            with pytest.raises((TransportError, ServerError)):
                client.cancel_failure_callback("1-0")
        assert len(emulator.requests) == 1


def test_a_daily_limit_stops_an_action_at_once(connect: Connect) -> None:
    with Emulator(runs=60) as emulator:
        client = connect(emulator.token, base_url=emulator.url)
        emulator.fail(faults.daily_limit())
        with pytest.raises(RateLimitError):
            client.resume(RECORDED)
        emulator.fail(faults.daily_limit(), after=1)
        with pytest.raises(BulkError) as caught:
            client.resume_many(all=True)
        assert isinstance(caught.value.__cause__, RateLimitError)
        assert len(caught.value.done) == len(emulator.started) == 50
        assert len(acting(emulator)) == 3


@pytest.mark.parametrize("fault", [faults.burst_limit(reset_in=0), faults.too_many_requests()], ids=str)
def test_a_call_that_was_certainly_not_carried_out_is_repeated(connect: Connect, fault: faults.Fault) -> None:
    with Emulator(runs=60) as emulator:
        client = connect(emulator.token, base_url=emulator.url, retry=QUICK)
        emulator.fail(fault, times=2)
        client.resume(RECORDED)
        assert len(acting(emulator)) == 3
        emulator.fail(fault, times=2, after=1)
        assert len(client.resume_many(all=True)) == 59
        assert len(acting(emulator)) == 3 + 2 + 2
        assert len({run.dlq_id for run in emulator.started}) == len(emulator.started) == 60


@in_pairs(
    {
        "connect": CLIENTS,
        "operation": MANY,
        "by": ["filter", "ids", "status"],
        ("fault", "carried_out"): [*OPEN[:3], OPEN[5]],
    }
)
def test_a_bulk_call_goes_on_from_where_it_stopped(
    connect: Connect, operation: str, by: str, fault: faults.Fault, carried_out: bool
) -> None:
    with Emulator(runs=130) as emulator:
        client = connect(emulator.token, base_url=emulator.url, retry=QUICK)
        listed = ids(client.list())
        targets: dict[str, dict[str, Any]] = {
            "filter": {"to_date": 1752829295505},
            "ids": {"dlq_ids": listed},
            "status": {"response_status": range(100, 600)},
        }
        act = getattr(client, operation)
        aimed_at = ids(act(dry_run=True, **targets[by]))
        emulator.fail(fault, method="DELETE" if operation == "delete_many" else "POST", after=1)
        with pytest.raises(BulkError) as caught:
            act(**targets[by])
        stopped = caught.value
        first = stopped.done if isinstance(stopped.done, int) else len(stopped.done)
        batch = 100 if operation == "delete_many" else 50
        assert first == batch
        assert len(acting(emulator)) == 2
        if by == "filter":
            rest = act(cursor=stopped.cursor, **targets[by])
        else:
            assert stopped.remaining == tuple(aimed_at[batch:])
            rest = act(dlq_ids=act(dlq_ids=stopped.remaining, dry_run=True))
        second = rest if isinstance(rest, int) else len(rest)
        unreported = min(batch, len(aimed_at) - batch) if carried_out else 0
        assert first + second + unreported == len(aimed_at)
        assert not set(ids(client.list())) & set(aimed_at)
        assert len({run.dlq_id for run in emulator.started}) == len(emulator.started)


@in_pairs({"connect": CLIENTS, "operation": MANY, "empty_pages": [1, 2, 3]})
def test_a_bulk_call_survives_empty_batches(connect: Connect, operation: str, empty_pages: int) -> None:
    for target in ("all", "ids"):
        with Emulator(runs=120, settings=Settings(empty_pages=empty_pages, cursor_end="empty")) as emulator:
            client = connect(emulator.token, base_url=emulator.url)
            options = {"all": True} if target == "all" else {"dlq_ids": ids(client.list())}
            result = getattr(client, operation)(**options)
            assert (result if isinstance(result, int) else len(result)) == 120
            assert emulator.runs == []


def test_resuming_a_run_that_is_deleted_meanwhile_starts_nothing_of_its_batch(connect: Connect) -> None:
    with Emulator(runs=120) as emulator:
        client = connect(emulator.token, base_url=emulator.url)
        runs = ids(client.list())
        client.delete(runs[70])
        with pytest.raises(BulkError) as caught:
            client.resume_many(dlq_ids=runs)
        assert isinstance(caught.value.__cause__, NotFoundError)
        assert len(caught.value.done) == 50
        assert caught.value.remaining == tuple(runs[50:])
        still_there = client.resume_many(dlq_ids=caught.value.remaining, dry_run=True)
        assert len(client.resume_many(dlq_ids=still_there)) == 69
        assert emulator.runs == []
