"""Processes are killed (SIGKILL) at every step, and run again: each run is resumed once, and the journal is true."""

from __future__ import annotations

import os
import random
import shutil
import signal
import sqlite3
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal

import pytest
from nursery import Death, Life, Nursery, pid_file
from starlette.requests import Request
from starlette.responses import Response
from upstash_workflow_dlq import DLQClient
from upstash_workflow_dlq.emulator import Emulator, Settings
from upstash_workflow_dlq.emulator._service import Service
from upstash_workflow_dlq.redrive import Redrive, RedriveResult, State

pytestmark = [
    pytest.mark.untraced,
    pytest.mark.skipif(not hasattr(os, "fork") or sys.platform == "darwin", reason="processes are forked"),
]

CLIENTS = ("sync", "asyncio")
Moment = Literal["before it acts", "instead of acting", "long before it acts", "before it answers"]


@pytest.fixture(scope="module")
def nursery() -> Iterator[Nursery]:
    with Nursery() as nursery:
        yield nursery


class Ledger:
    """What the service received and did, in order: for each run, "sent", "acted", "there" and "gone"."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.events: dict[str, list[str]] = {}
        self.kill: Callable[[], object] | None = None
        self.moment: Moment = "before it acts"
        self.countdown = 0
        self._late: dict[str, Callable[[], object]] = {}
        start, get = Service.start_run, Service.get_run

        def start_run(service: Service, kind: Any, request: Request, body: bytes) -> Response:
            dlq_id = request.path_params["dlq_id"]
            events = self.events.setdefault(dlq_id, [])

            def act() -> Response:
                response = start(service, kind, request, body)
                events.append("acted")
                return response

            if late := self._late.pop(dlq_id, None):
                late()
            events.append("sent")
            if self.kill is not None:
                self.countdown -= 1
                if not self.countdown:
                    return self._killing(dlq_id, act)
            return act()

        def get_run(service: Service, request: Request, body: bytes) -> Response:
            events = self.events.setdefault(request.path_params["dlq_id"], [])
            try:
                response = get(service, request, body)
            except Exception:
                events.append("gone")
                raise
            events.append("there")
            return response

        monkeypatch.setattr(Service, "start_run", start_run)
        monkeypatch.setattr(Service, "get_run", get_run)

    def _killing(self, dlq_id: str, act: Callable[[], Response]) -> Response:
        kill, self.kill = self.kill, None
        assert kill is not None
        if self.moment == "before it answers":
            response = act()
            kill()
            return response
        kill()
        if self.moment == "before it acts":
            return act()
        if self.moment == "long before it acts":
            self._late[dlq_id] = act
        return Response(status_code=500)

    def check_each_was_sent_with_reason(self) -> None:
        """A second request is sent only after the service has said that the run is still there."""
        for dlq_id, events in self.events.items():
            assert events.count("acted") <= 1, (dlq_id, events)
            sent = [index for index, event in enumerate(events) if event == "sent"]
            for first, later in pairwise(sent):
                assert "there" in events[first:later], (dlq_id, events)


class Stage:
    """An emulated queue, and a journal that was planned of it; the same each time it is set."""

    def __init__(self, folder: Path, nursery: Nursery, ledger: Ledger, client: str, runs: int) -> None:
        self.ledger = ledger
        self.path = folder / "killed.redrive"
        self.client = client
        self._nursery = nursery
        self._folder = folder
        self._settings = Settings(refail=1.0, refail_after=0.0)
        self._runs = runs
        self.emulator = Emulator(runs=runs, settings=self._settings).start()
        self._plan = folder / "plan"
        with DLQClient(self.emulator.token, base_url=self.emulator.url) as dlq:
            Redrive.plan(self._plan, dlq, "resume", all=True).close()
        self.ids = [run["dlqId"] for run in self.emulator.runs]

    def set(self) -> None:
        port = int(self.emulator.url.rpartition(":")[2])
        self.emulator.stop()
        self.emulator = Emulator(runs=self._runs, port=port, settings=self._settings).start()
        self.ledger.events.clear()
        self.ledger.kill = None
        for path in self._folder.glob(f"{self.path.name}*"):
            path.unlink()
        shutil.copy(self._plan, self.path)

    def live(self, step: int | None = None, seconds: float = 0.0, **options: Any) -> Death:
        options = {"rate": 10_000, "canary": 1, "growth": 2, "max_failures": 1.0, "workers": 1} | options
        place = (str(self.path), self.emulator.url, self.emulator.token, self.client)
        death = self._nursery.live(Life(*place, options, step, seconds))
        self.check_while_dead()
        return death

    def live_until_done(self, **options: Any) -> None:
        death = self.live(**options)
        assert death.error is None, death.error
        assert not death.killed
        self.check_at_the_end()

    def check_while_dead(self) -> None:
        self.ledger.check_each_was_sent_with_reason()
        states = self._states()
        for dlq_id, events in self.ledger.events.items():
            if dlq_id in states and "sent" in events:
                # What was sent had been written down.
                assert states[dlq_id][0] != "planned" or states[dlq_id][1] > 0, (dlq_id, events)

    def check_at_the_end(self) -> None:
        started = {item.dlq_id: item.workflow_run_id for item in self.emulator.started}
        results = self.results()
        assert set(results) == set(self.ids) == set(started)
        assert len(self.emulator.started) == len(self.ids)
        for dlq_id, result in results.items():
            if result.workflow_run_id is None:
                assert result.state is State.STARTED
                assert "the answer was lost" in (result.error or "")
            else:
                assert result.workflow_run_id == started[dlq_id]
                assert result.state in (State.STARTED, State.FAILED_AGAIN)

    def results(self) -> dict[str, RedriveResult]:
        with Redrive(self.path) as redrive:
            return {result.dlq_id: result for result in redrive.results()}

    @property
    def unknown(self) -> int:
        return sum(result.workflow_run_id is None for result in self.results().values())

    @property
    def written(self) -> dict[str, str]:
        """Runs of which the answer is in the journal."""
        return {dlq_id: run_id for dlq_id, (_, _, run_id) in self._states().items() if run_id is not None}

    def _states(self) -> dict[str, tuple[str, int, str | None]]:
        with closing(sqlite3.connect(self.path)) as connection:
            rows = connection.execute("SELECT dlq_id, state, attempts, workflow_run_id FROM run").fetchall()
        return {dlq_id: (state, attempts, run_id) for dlq_id, state, attempts, run_id in rows}


@pytest.fixture
def folder() -> Iterator[Path]:
    """In memory, if it can be: what is synced matters to a machine that dies, not to a process that is killed."""
    memory = Path("/dev/shm")  # noqa: S108 - a folder of its own in it
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as folder:
        yield Path(folder)


@pytest.fixture(params=CLIENTS)
def stage(
    request: pytest.FixtureRequest, folder: Path, nursery: Nursery, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Stage]:
    stage = Stage(folder, nursery, Ledger(monkeypatch), request.param, runs=2)
    yield stage
    stage.emulator.stop()


def test_killed_at_any_step_it_goes_on_where_it_was(stage: Stage) -> None:
    stage.set()
    steps = stage.live().steps
    assert steps is not None
    stage.check_at_the_end()
    assert stage.unknown == 0
    lost = step = 0
    # Until there is no such step. A slow life has more, since it reads the settings again.
    while True:
        step += 1
        stage.set()
        if not stage.live(step=step).killed:
            break
        written = stage.written
        stage.live_until_done()
        assert stage.unknown <= 1
        assert written.items() <= stage.written.items()
        lost += stage.unknown
    # Between the moment when the service has acted and the moment when that is written, and nowhere else.
    assert step > steps / 2
    assert 2 <= lost <= step / 4


def test_killed_at_any_step_after_it_was_killed_at_the_worst_it_goes_on_all_the_same(stage: Stage) -> None:
    stage.set()
    stage.ledger.moment, stage.ledger.countdown = "before it answers", 2
    stage.ledger.kill = lambda: os.kill(int(pid_file(str(stage.path)).read_text()), signal.SIGKILL)
    assert stage.live().killed
    kept = {path.name: path.read_bytes() for path in stage.path.parent.glob(f"{stage.path.name}*")}
    events = {dlq_id: [*known] for dlq_id, known in stage.ledger.events.items()}
    taken = [dlq_id for dlq_id, known in events.items() if "acted" in known]
    step = 0
    while True:
        step += 1
        # As it was after the first death.
        stage.set()
        with DLQClient(stage.emulator.token, base_url=stage.emulator.url) as dlq:
            for dlq_id in taken:
                dlq.resume(dlq_id)
        stage.ledger.events = {dlq_id: [*known] for dlq_id, known in events.items()}
        for name, content in kept.items():
            (stage.path.parent / name).write_bytes(content)
        if not stage.live(step=step).killed:
            break
        stage.live_until_done()
        assert 1 <= stage.unknown <= 2
    assert step > 20
    stage.check_at_the_end()


@pytest.mark.parametrize("number", [1, 2])
@pytest.mark.parametrize("moment", ["before it acts", "instead of acting", "long before it acts", "before it answers"])
def test_killed_when_the_service_has_read_a_request(stage: Stage, moment: Moment, number: int) -> None:
    stage.set()
    stage.ledger.moment, stage.ledger.countdown = moment, number
    stage.ledger.kill = lambda: os.kill(int(pid_file(str(stage.path)).read_text()), signal.SIGKILL)
    assert stage.live().killed
    stage.live_until_done()
    assert stage.unknown == (moment != "instead of acting")


@pytest.mark.parametrize("seed", [1, 2])
def test_killed_hundreds_of_times_at_any_moment(
    folder: Path, nursery: Nursery, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    chance = random.Random(seed)
    stage = Stage(folder, nursery, Ledger(monkeypatch), "sync", runs=300)
    stage.set()
    stage.emulator.settings.latency = 0.005
    options = {"workers": 8, "rate": 400, "canary": 5, "wave_max": 40, "watch": 0.02}
    kills = 0
    while True:
        stage.client = chance.choice(CLIENTS)
        death = stage.live(step=chance.randint(1, 150), seconds=chance.expovariate(500), **options)
        if not death.killed:
            assert death.error is None, death.error
            break
        kills += 1
    stage.check_at_the_end()
    stage.emulator.stop()
    assert kills >= 75
    assert stage.unknown <= 8 * kills


def test_what_is_written_is_synced_before_anything_is_sent(folder: Path) -> None:
    # No test here cuts the power. SQLite promises it for these two.
    with (
        Emulator(runs=1) as emulator,
        DLQClient(emulator.token, base_url=emulator.url) as dlq,
        Redrive.plan(folder / "synced", dlq, "resume", all=True) as redrive,
    ):
        connection = redrive._file.journal._connection
        for pragma, value in (("journal_mode", "wal"), ("synchronous", 2)):
            assert connection.execute(f"PRAGMA {pragma}").fetchone() == (value,)
