"""Lost answers, limits, 5xx, a full disk, clocks that jump: each run is still resumed once, and the journal is true.

A run that ends with an error is run again, as an operator does.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from conftest import Connect
from pairs import CLIENTS, in_pairs
from redrives import planned
from upstash_workflow_dlq import DLQClient, DLQError, RateLimitError, Retry
from upstash_workflow_dlq.emulator import Emulator, Settings, faults
from upstash_workflow_dlq.redrive import JournalError, Redrive, State, _sending, _steps
from upstash_workflow_dlq.redrive._journal import SQLiteJournal

QUICK = Retry(total=2, backoff_factor=0.001, total_timeout=1)
AT_ONCE = timedelta(0)
NO_PAUSE: dict[str, Any] = {"rate": 2000, "canary": 20, "watch": AT_ONCE, "max_failures": 1.0}


@pytest.fixture(autouse=True)
def _quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    """Waits between two asks are short; what they are on a clock of their own, test_flow shows."""
    for module in (_sending, _steps):
        monkeypatch.setattr(module, "ASK_SECONDS", 0.01)
    monkeypatch.setattr(_sending, "FIRST_HOLD", 0.01)


def run_until_done(redrive: Any, dlq: Any, *, most: int = 60, **options: Any) -> list[DLQError]:
    """The errors with which it ended before."""
    errors: list[DLQError] = []
    while len(errors) < most:
        try:
            for _ in redrive.run(dlq, **{**NO_PAUSE, **options}):
                pass
        except DLQError as error:
            errors.append(error)
        else:
            return errors
    raise AssertionError(f"it is not done after {most} runs: {errors[-1]}")


def check(emulator: Emulator, redrive: Any, runs: int, *, lost: int | None = None) -> None:
    """Each was started once, and the journal says what became of it."""
    started = {item.dlq_id: item.workflow_run_id for item in emulator.started}
    assert len(emulator.started) == len(started) == runs
    assert not emulator.runs
    results = {result.dlq_id: result for result in redrive.results()}
    assert results.keys() == started.keys()
    assert {result.state for result in results.values()} == {State.STARTED}
    for dlq_id, result in results.items():
        assert result.workflow_run_id in (None, started[dlq_id])
    if lost is not None:
        assert sum(result.workflow_run_id is None for result in results.values()) == lost


Stage = Callable[..., tuple[Emulator, Any, Any]]


@pytest.fixture
def stage(connect: Connect, tmp_path: Path) -> Iterator[Stage]:
    made: list[Any] = []

    def stage(runs: int, retry: Retry | None = None, **settings: Any) -> tuple[Emulator, Any, Any]:
        emulator = Emulator(runs=runs).start()
        dlq = connect(emulator.token, base_url=emulator.url, retry=retry)
        redrive = planned(dlq, tmp_path / "bad.redrive", "resume", all=True)
        for name, value in settings.items():
            setattr(emulator.settings, name, value)
        made.extend((redrive.close, emulator.stop))
        return emulator, dlq, redrive

    yield stage
    for close in made:
        close()


@in_pairs(
    {
        "fault": [
            faults.reset(),
            faults.reset_after_acting(),
            faults.truncated(),
            faults.status(500),
            faults.html(502),
            faults.html(200),
            faults.status(503),
        ],
        "retry": [None, QUICK],
        "connect": CLIENTS,
    }
)
def test_a_fault_of_a_fifth_of_all_requests_doubles_nothing(
    stage: Stage, fault: faults.Fault, retry: Retry | None
) -> None:
    emulator, dlq, redrive = stage(60, retry, fault_shares={fault: 0.2})
    errors = run_until_done(redrive, dlq, workers=4)
    assert errors
    check(emulator, redrive, 60)


def test_every_fault_at_once_doubles_nothing(stage: Stage) -> None:
    shares = {
        faults.reset(): 0.03,
        faults.reset_after_acting(): 0.05,
        faults.truncated(): 0.05,
        faults.html(502): 0.03,
        faults.status(503): 0.03,
        faults.too_many_requests(retry_after=0): 0.05,
        faults.slow(0.05): 0.05,
    }
    emulator, dlq, redrive = stage(150, fault_shares=shares)
    assert run_until_done(redrive, dlq, workers=8)
    check(emulator, redrive, 150)


@pytest.mark.parametrize("fault", [faults.reset_after_acting(), faults.truncated()], ids=["reset", "truncated"])
def test_of_a_lost_answer_only_the_new_id_is_lost(stage: Stage, fault: faults.Fault) -> None:
    emulator, dlq, redrive = stage(10)
    emulator.fail(fault, method="POST", after=3)
    errors = run_until_done(redrive, dlq, workers=1)
    assert len(errors) == 1
    check(emulator, redrive, 10, lost=1)
    posts = Counter(request.path for request in emulator.requests if request.method == "POST")
    assert set(posts.values()) == {1}


@in_pairs(
    {
        "fault": [faults.burst_limit(reset_in=0), faults.too_many_requests(), faults.too_many_requests(0)],
        "retry": [None, QUICK],
        "connect": CLIENTS,
    }
)
def test_a_storm_of_limits_slows_it_down_and_ends_nothing(
    stage: Stage, fault: faults.Fault, retry: Retry | None
) -> None:
    emulator, dlq, redrive = stage(60, retry)
    emulator.fail(fault, method="POST", times=15, after=5)
    assert not run_until_done(redrive, dlq, workers=4)
    check(emulator, redrive, 60, lost=0)


def test_the_daily_limit_ends_it_and_nothing_is_lost(stage: Stage) -> None:
    emulator, dlq, redrive = stage(30)
    emulator.fail(faults.daily_limit(), method="POST", times=1, after=12)
    [error] = run_until_done(redrive, dlq, workers=1)
    assert isinstance(error, RateLimitError)
    assert error.kind == "daily"
    check(emulator, redrive, 30, lost=0)


def test_slow_answers_are_waited_for(stage: Stage) -> None:
    emulator, dlq, redrive = stage(30)
    emulator.fail(faults.slow(0.5), method="POST", times=3, after=2)
    assert not run_until_done(redrive, dlq, workers=8)
    check(emulator, redrive, 30, lost=0)


# A full disk.


@pytest.fixture
def pages(monkeypatch: pytest.MonkeyPatch) -> Callable[[int | None], None]:
    """SQLite's own limit of a file: it answers SQLITE_FULL, as for a disk without space. None: as many as there are."""
    connections: list[Any] = []
    init = SQLiteJournal.__init__

    def kept(self: SQLiteJournal, path: Path) -> None:
        init(self, path)
        connections.append(self)

    def limit(more: int | None) -> None:
        for journal in connections:
            with journal._lock:
                (count,) = journal._connection.execute("PRAGMA page_count").fetchone()
                journal._connection.execute(f"PRAGMA max_page_count = {2**30 if more is None else count + more}")

    monkeypatch.setattr(SQLiteJournal, "__init__", kept)
    return limit


def test_a_full_disk_ends_it_before_it_sends(stage: Stage, pages: Callable[[int | None], None]) -> None:
    emulator, dlq, redrive = stage(300)
    redrive.status()
    pages(0)
    with pytest.raises(JournalError, match="full") as error:
        next(redrive.run(dlq, **{**NO_PAUSE, "canary": 300, "wave_max": 300}, workers=4))
    acted = {item.dlq_id for item in emulator.started}
    assert len(acted) < 300
    written = {result.dlq_id: result for result in redrive.results()}
    unwritten = {result.dlq_id: result for result in error.value.unwritten}
    for dlq_id in acted:
        known = unwritten.get(dlq_id, written[dlq_id])
        assert known.workflow_run_id is not None
    pages(None)
    assert not run_until_done(redrive, dlq)
    check(emulator, redrive, 300, lost=len(unwritten))
    assert max(Counter(request.path for request in emulator.requests if request.method == "POST").values()) == 1


# Clocks.


@pytest.mark.parametrize("hours", [-7, 7])
def test_a_clock_that_jumps_hides_no_failure(stage: Stage, hours: int, monkeypatch: pytest.MonkeyPatch) -> None:
    emulator, dlq, redrive = stage(60, refail=1.0, refail_after=(0.0, 0.3))
    now = time.time_ns

    def jumping() -> int:
        return now() + (hours * 3_600_000_000_000 if len(emulator.started) > 25 else 0)

    class Clock:
        """As the module, for those who ask it through this name."""

        monotonic, time_ns = staticmethod(time.monotonic), staticmethod(jumping)

    for module in ("_threads", "_async_redrive"):
        monkeypatch.setattr(f"upstash_workflow_dlq.redrive.{module}.time", Clock)
    assert not run_until_done(redrive, dlq, watch=timedelta(seconds=0.5), growth=1)
    assert {result.state for result in redrive.results()} == {State.FAILED_AGAIN}
    assert len(emulator.started) == 60


# Others.

RUN = """
import sys
from datetime import timedelta
from upstash_workflow_dlq import DLQClient
from upstash_workflow_dlq.redrive import Redrive, RedriveRunning
path, url, token = sys.argv[1:]
with DLQClient(token, base_url=url) as dlq, Redrive(path) as redrive:
    print("ready", flush=True)
    sys.stdin.readline()
    try:
        for _ in redrive.run(dlq, rate=20, canary=1000, watch=timedelta(0)):
            pass
    except RedriveRunning:
        print("refused")
    else:
        print("done")
"""


def operators(path: Path, emulator: Emulator, count: int) -> list[subprocess.Popen[str]]:
    command = [sys.executable, "-c", RUN, str(path), emulator.url, emulator.token]
    pipe = subprocess.PIPE
    processes = [subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) for _ in range(count)]  # noqa: S603
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    return processes


@pytest.fixture
def plan(tmp_path: Path) -> Iterator[Callable[[int], tuple[Emulator, Path]]]:
    made: list[Emulator] = []

    def plan(runs: int) -> tuple[Emulator, Path]:
        emulator = Emulator(runs=runs, settings=Settings()).start()
        made.append(emulator)
        with DLQClient(emulator.token, base_url=emulator.url) as dlq:
            Redrive.plan(tmp_path / "two.redrive", dlq, "resume", all=True).close()
        return emulator, tmp_path / "two.redrive"

    yield plan
    for emulator in made:
        emulator.stop()


def test_of_operators_who_start_at_the_same_moment_one_runs_and_the_others_are_refused(
    plan: Callable[[int], tuple[Emulator, Path]],
) -> None:
    emulator, path = plan(60)
    processes = operators(path, emulator, 3)
    for process in processes:
        assert process.stdin is not None
        print(file=process.stdin, flush=True)
    said = [process.communicate(timeout=30)[0] for process in processes]
    assert sorted(said) == ["done\n", "refused\n", "refused\n"]
    assert len(emulator.started) == 60


def test_the_lock_dies_with_its_process_and_a_new_rate_is_obeyed_by_a_running_one(
    plan: Callable[[int], tuple[Emulator, Path]],
) -> None:
    emulator, path = plan(400)
    first, second = operators(path, emulator, 2)
    assert first.stdin is not None
    print(file=first.stdin, flush=True)
    while len(emulator.started) < 10:
        time.sleep(0.01)
    with Redrive(path) as redrive:
        assert redrive.status().running
        redrive.set_rate(200)
        before = len(emulator.started)
        time.sleep(2)
        # At 20 a second, it would be 40.
        assert len(emulator.started) - before >= 80
        first.kill()
        first.communicate(timeout=10)
        assert not redrive.status().running
    assert second.communicate("\n", timeout=60)[0] == "done\n"
    assert len(emulator.started) == 400
