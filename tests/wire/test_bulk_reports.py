"""What a bulk call reports: each batch as it comes, and on the exception that stops it."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from functools import partial
from typing import Any

import httpx
import pytest
from conftest import Connect
from fakes import Wire, page
from pairs import CLIENTS, in_pairs
from upstash_workflow_dlq import BulkError, BulkProgress, DLQClient, StartedRun, bulk_progress

MANY = ["delete_many", "resume_many", "restart_many"]


def batch(operation: str, *numbers: int, cursor: str | None = None) -> dict[str, Any]:
    runs = [{"workflowRunId": f"wfr_{number}"} for number in numbers]
    answer: dict[str, Any] = {"deleted": len(numbers)} if operation == "delete_many" else {"workflowRuns": runs}
    return answer | ({} if cursor is None else {"cursor": cursor})


def done(operation: str, *numbers: int) -> Any:
    return len(numbers) if operation == "delete_many" else [StartedRun(f"wfr_{number}", None) for number in numbers]


@pytest.mark.parametrize("operation", MANY)
def test_each_batch_is_handed_out_before_the_next_is_sent(connect: Connect, operation: str) -> None:
    wire = Wire(batch(operation, 1, 2, cursor="a"), batch(operation, cursor="b"), batch(operation, 3))
    seen: list[tuple[int, Any]] = []
    result = getattr(connect(transport=wire), operation)(
        all=True, on_batch=lambda batch: seen.append((len(wire.sent), batch))
    )
    assert seen == [(1, done(operation, 1, 2)), (2, done(operation)), (3, done(operation, 3))]
    assert result == done(operation, 1, 2, 3)


@in_pairs(
    {
        "connect": CLIENTS,
        "operation": list(MANY),
        "target": [{"dlq_ids": ["1", "2"]}, {"label": "a"}, {"response_status": 500}],
    }
)
def test_batches_are_handed_out_whatever_selects_them(connect: Connect, operation: str, target: dict[str, Any]) -> None:
    read = [page("1", "2", responseStatus=500)] if "response_status" in target else []
    seen: list[Any] = []
    getattr(connect(transport=Wire(*read, batch(operation, 1, 2))), operation)(**target, on_batch=seen.append)
    assert seen == [done(operation, 1, 2)]


@pytest.mark.parametrize("operation", MANY)
def test_a_dry_run_has_no_batches(connect: Connect, operation: str) -> None:
    seen: list[Any] = []
    getattr(connect(transport=Wire(page("1"))), operation)(all=True, dry_run=True, on_batch=seen.append)
    assert seen == []


def test_a_batch_is_the_callers_to_change(connect: Connect) -> None:
    wire = Wire(batch("resume_many", 1, cursor="a"), batch("resume_many", 2))
    result = connect(transport=wire).resume_many(all=True, on_batch=lambda batch: batch.clear())
    assert result == done("resume_many", 1, 2)


def test_a_batch_with_a_run_that_cannot_be_read_is_handed_out_without_it(connect: Connect) -> None:
    seen: list[Any] = []
    answer = {"workflowRuns": [{"workflowRunId": "wfr_1"}, {}]}
    with pytest.raises(BulkError, match="1 started runs have no readable workflowRunId") as caught:
        connect(transport=Wire(answer)).resume_many(all=True, on_batch=seen.append)
    assert seen == [caught.value.done] == [done("resume_many", 1)]


@pytest.mark.parametrize("operation", MANY)
def test_the_batch_with_a_cursor_that_comes_back_is_handed_out(connect: Connect, operation: str) -> None:
    seen: list[Any] = []
    wire = Wire(batch(operation, 1, cursor="a"), batch(operation, 2, cursor="a"))
    with pytest.raises(BulkError, match=r"'a' twice$") as caught:
        getattr(connect(transport=wire), operation)(all=True, on_batch=seen.append)
    assert seen == [done(operation, 1), done(operation, 2)]
    assert caught.value.done == done(operation, 1, 2)


@in_pairs({"connect": CLIENTS, "operation": list(MANY), "callback": ["on_batch", "on_progress"]})
def test_a_callback_that_raises_stops_with_everything(connect: Connect, operation: str, callback: str) -> None:
    def fail(argument: object) -> None:
        raise LookupError("no such file")

    wire = Wire(batch(operation, 1, 2, cursor="a"))
    with pytest.raises(BulkError, match=r"stopped after 2 runs: no such file$") as caught:
        getattr(connect(transport=wire), operation)(all=True, **{callback: fail})
    assert isinstance(caught.value.__cause__, LookupError)
    assert (caught.value.done, caught.value.cursor) == (done(operation, 1, 2), "a")
    assert len(wire.sent) == 1


@pytest.mark.parametrize("callback", ["on_batch", "on_progress"])
def test_a_callback_that_would_have_to_be_awaited_is_refused(connect: Connect, callback: str) -> None:
    async def store(batch: object) -> None: ...

    class Awaitable:
        def __await__(self) -> Any:
            yield

    wire = Wire({"deleted": 1})
    delete: Any = partial(connect(transport=wire).delete_many, all=True)
    for refused in (store, 5):
        with pytest.raises(TypeError, match=f"{callback} takes a plain function"):
            delete(**{callback: refused})
    assert wire.sent == []
    with pytest.raises(BulkError, match=f"{callback} is called and not awaited") as caught:
        delete(**{callback: lambda batch: Awaitable()})
    assert caught.value.done == 1


# Interrupts, sync: what asyncio and trio do to a task is in tests/network/test_interrupts.py.

# Not GeneratorExit: each frame on its way gets a new one.
INTERRUPTS = [KeyboardInterrupt, SystemExit]


class Interrupted(httpx.MockTransport):
    """Answers, then raises."""

    def __init__(self, interrupt: BaseException, *answers: dict[str, Any]) -> None:
        self._answers = iter(answers)
        self._interrupt = interrupt
        super().__init__(self._answer)

    def _answer(self, request: httpx.Request) -> httpx.Response:
        answer = next(self._answers, None)
        if answer is None:
            raise self._interrupt
        return httpx.Response(200, json=answer)


@pytest.mark.parametrize("operation", MANY)
@pytest.mark.parametrize("kind", INTERRUPTS)
def test_an_interrupt_while_a_batch_is_under_way_has_what_was_done(operation: str, kind: type[BaseException]) -> None:
    seen: list[Any] = []
    interrupt = kind()
    transport = Interrupted(interrupt, batch(operation, 1, 2, cursor="a"), batch(operation, 3, cursor="b"))
    with DLQClient("t0ken", transport=transport) as client, pytest.raises(kind) as caught:
        getattr(client, operation)(label="x", on_batch=seen.append)
    assert caught.value is interrupt
    assert bulk_progress(interrupt) == BulkProgress(done(operation, 1, 2, 3), "b", (), False)
    assert seen == [done(operation, 1, 2), done(operation, 3)]


@pytest.mark.parametrize("operation", MANY)
@pytest.mark.parametrize("callback", ["on_batch", "on_progress"])
def test_an_interrupt_in_a_callback_has_what_was_done(operation: str, callback: str) -> None:
    def interrupt(argument: object) -> None:
        raise KeyboardInterrupt

    size = 100 if operation == "delete_many" else 50
    ids = [str(number) for number in range(size + 1)]
    client = DLQClient("t0ken", transport=Wire(batch(operation, 1, 2)))
    with client, pytest.raises(KeyboardInterrupt) as caught:
        getattr(client, operation)(dlq_ids=ids, **{callback: interrupt})
    assert bulk_progress(caught.value) == BulkProgress(done(operation, 1, 2), None, (ids[-1],), False)


def test_an_interrupt_before_anything_was_done_says_so() -> None:
    def progress_of(call: Callable[[DLQClient], object]) -> BulkProgress | None:
        with DLQClient("t0ken", transport=Interrupted(KeyboardInterrupt())) as client:
            with pytest.raises(KeyboardInterrupt) as caught:
                call(client)
            return bulk_progress(caught.value)

    nothing = BulkProgress([], None, ("1", "2"), False)
    assert progress_of(lambda client: client.resume_many(dlq_ids=["1", "2"])) == nothing
    assert progress_of(lambda client: client.resume_many(all=True, dry_run=True)) is None
    assert progress_of(lambda client: client.resume_many(response_status=500)) is None
    assert progress_of(lambda client: client.get("1")) is None


def test_a_traceback_shows_what_was_started() -> None:
    many = batch("resume_many", *range(120), cursor="a")
    client = DLQClient("t0ken", transport=Interrupted(KeyboardInterrupt(), many))
    with client, pytest.raises(KeyboardInterrupt) as caught:
        client.resume_many(all=True)
    [note] = caught.value.__notes__
    assert note.startswith("resume was interrupted after 120 runs; bulk_progress(...) of upstash_workflow_dlq has what")
    assert "Started: wfr_0, wfr_1, " in note
    assert note.endswith("wfr_99, …")


def test_an_interrupt_that_became_another_exception_is_followed() -> None:
    progress = BulkProgress(3, None, ("1",), False)
    interrupt = KeyboardInterrupt()
    interrupt.bulk_progress = progress  # type: ignore[attr-defined]
    caused, circular = TimeoutError(), ValueError()
    caused.__cause__ = RuntimeError()
    caused.__cause__.__context__ = interrupt
    assert bulk_progress(caused) == progress
    circular.__context__ = RuntimeError()
    circular.__context__.__context__ = circular
    assert bulk_progress(circular) is None
    assert pickle.loads(pickle.dumps(progress)) == progress
