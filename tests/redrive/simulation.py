"""A redrive on a clock that nobody waits for: the real flow and journal, and a service whose runs may fail again."""

from __future__ import annotations

import random
from bisect import insort
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from heapq import heappop, heappush
from itertools import count
from math import inf
from pathlib import Path
from typing import Any, Literal, NamedTuple

from upstash_workflow_dlq import FailedRun, NotFoundError, Page, StartedRun
from upstash_workflow_dlq.redrive import RedriveResult, Wave
from upstash_workflow_dlq.redrive._effects import (
    Act,
    Ask,
    Begin,
    Effect,
    Finished,
    Keep,
    Look,
    Request,
    Tell,
    Tick,
    Until,
)
from upstash_workflow_dlq.redrive._flow import redrive
from upstash_workflow_dlq.redrive._journal import SQLiteJournal
from upstash_workflow_dlq.redrive._planning import Planner, Selection

START = 1_790_000_000_000
"""Unix milliseconds of the service when the clock says 0."""
PAGE_SIZE = 100


class Fault(NamedTuple):
    """Instead of an answer, this error; it may come after the service has acted."""

    error: Exception
    acts: bool = False


@dataclass
class Service:
    """A queue. `refail` is the share of resumed runs that fail again, or says so of a run from its moment."""

    runs: int
    refail: float | Callable[[float], float] = 0.0
    after: tuple[float, float] = (1.0, 90.0)
    date_field: Literal["entered", "created", "workflow created"] = "entered"
    says_created_at: bool = True
    seed: int = 0
    acted: dict[str, float] = field(default_factory=dict)
    """When each run was resumed."""
    looks: list[float] = field(default_factory=list)
    pages: int = 0

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)
        self._number = count(1)
        hour = 3_600_000
        self.queue = {run["dlqId"]: run for run in (self._run(START - hour - number) for number in range(self.runs))}
        self._newest = START - hour
        self._coming: list[tuple[float, int, dict[str, Any]]] = []
        self.failed_again: list[float] = []

    def _run(self, entered: int, started: int | None = None, run_id: str | None = None) -> dict[str, Any]:
        number = next(self._number)
        return {
            "dlqId": f"{entered}-{number}",
            "workflowRunId": run_id or f"wfr_{number}",
            "workflowUrl": "https://example.com/pay",
            "workflowCreatedAt": entered if started is None else started,
            "createdAt": entered,
            "responseStatus": 503,
            "responseBody": "the provider is down",
        }

    def first(self) -> list[FailedRun]:
        return [FailedRun(run) for run in self.queue.values()]

    def pass_to(self, now: float) -> None:
        while self._coming and self._coming[0][0] <= now:
            moment, _, run = heappop(self._coming)
            self.queue[run["dlqId"]] = run
            self.failed_again.append(moment)

    def act(self, dlq_id: str, now: float) -> StartedRun:
        self.pass_to(now)
        if self.queue.pop(dlq_id, None) is None:
            raise NotFoundError("there is no such run", status_code=404)
        assert dlq_id not in self.acted, "a run was resumed twice"
        self.acted[dlq_id] = now
        number, created = next(self._number), START + int(now * 1000)
        run_id = f"wfr_{number}"
        share = self.refail(now) if callable(self.refail) else self.refail
        if self._random.random() < share:
            at = now + self._random.uniform(*self.after)
            heappush(self._coming, (at, number, self._run(START + int(at * 1000), created, run_id)))
        moment = datetime.fromtimestamp(created / 1000, UTC) if self.says_created_at else None
        return StartedRun(run_id, moment, dlq_id)

    def look(self, look: Look, now: float) -> Page:
        self.pass_to(now)
        self.pages += 1
        if look.cursor is None:
            self.looks.append(now)
        # The runs of the outage are many, and older than any wave.
        among = [run for run in self.queue.values() if look.since <= self._newest or run["createdAt"] > self._newest]
        found = [run for run in among if self._moment(run) >= look.since]
        found.sort(key=lambda run: (run["createdAt"], run["dlqId"]), reverse=True)
        begin = int(look.cursor or 0)
        end = begin + PAGE_SIZE
        return Page(tuple(map(FailedRun, found[begin:end])), str(end) if end < len(found) else None)

    def _moment(self, run: dict[str, Any]) -> int:
        if self.date_field == "entered":
            return int(run["dlqId"].partition("-")[0])
        return int(run["workflowCreatedAt" if self.date_field == "workflow created" else "createdAt"])


class Simulation:
    """One journal, one service, one clock. `faults` says what goes wrong with a request that begins now."""

    def __init__(
        self,
        folder: Path,
        service: Service,
        *,
        latency: float = 0.2,
        action: str = "resume",
        disk: float = 0.0,
        **settings: Any,
    ) -> None:
        self.service = service
        self.now = 0.0
        self.wall_offset = 0
        """Milliseconds that the clock of this machine is ahead of the service's."""
        self.faults: Callable[[Request, float], Fault | None] = lambda request, now: None
        self.sent: list[tuple[float, str]] = []
        self.asked: list[str] = []
        self.problems: list[tuple[float, str | None]] = []
        self.waves: list[Wave] = []
        self.stop = False
        self._latency = latency
        self._disk = disk
        self._numbers = count()
        self._ends: list[tuple[float, int, Finished]] = []
        self._timers: list[tuple[float, int, Callable[[], object]]] = []
        path = folder / f"{len(list(folder.iterdir()))}.redrive"
        with Planner(path, Selection(action, {"all": True}), "http://localhost", None, None) as planner:
            for run in service.first():
                planner.add(run)
        self.journal = SQLiteJournal(path)
        self.journal._connection.execute("PRAGMA synchronous = OFF")
        self.journal._connection.execute("PRAGMA journal_mode = MEMORY")
        self.set(**settings)

    def __enter__(self) -> Simulation:
        return self

    def __exit__(self, *_: object) -> None:
        self.journal.close()

    def set(self, **settings: Any) -> None:
        """As another process does."""
        self.journal.change_settings(replace(self.journal.settings(), **settings))

    def at(self, moment: float, do: Callable[[], object]) -> None:
        insort(self._timers, (moment, next(self._numbers), do))

    def stop_at(self, moment: float) -> None:
        def stop() -> None:
            self.stop = True

        self.at(moment, stop)

    def run(self, *, force: bool = False, again: bool = False, workers: int = 64, effects: float = inf) -> list[Wave]:
        """The waves of this run. Is killed after so many effects, if it has not ended."""
        self.stop = False
        self._ends.clear()
        before = len(self.waves)
        flow = redrive(force=force, again=again, workers=workers)
        with closing(flow):
            try:
                effect = next(flow)
                while effects > 0:
                    effects -= 1
                    try:
                        answer = self._do(effect)
                    except Exception as error:
                        effect = flow.throw(error)
                    else:
                        effect = flow.send(answer)
            except StopIteration:
                pass
        return self.waves[before:]

    def results(self) -> list[RedriveResult]:
        return list(self.journal.results())

    def _do(self, effect: Effect) -> Any:
        if isinstance(effect, Until):
            return self._wait(effect.moment)
        if isinstance(effect, Keep):
            self.now += self._disk
            return effect.call(self.journal)
        if isinstance(effect, Begin):
            for request in effect.requests:
                self._begin(request)
        elif isinstance(effect, Tell):
            if effect.wave is None:
                self.problems.append((self.now, effect.problem))
            else:
                self.waves.append(effect.wave)
        return None

    def _wait(self, moment: float) -> Tick:
        ends = min(moment, self._ends[0][0] if self._ends else inf)
        woken = False
        while self._timers and self._timers[0][0] <= ends and not woken:
            at, _, do = self._timers.pop(0)
            self.now, had_stopped = max(self.now, at), self.stop
            do()
            woken = self.stop and not had_stopped
        if not woken:
            assert ends < inf, "it waits for nothing, and forever"
            self.now = max(self.now, ends)
        finished = []
        while self._ends and (self._ends[0][0] <= self.now):
            finished.append(heappop(self._ends)[2])
        return Tick(self.now, START + int(self.now * 1000) + self.wall_offset, finished, self.stop)

    def _begin(self, request: Request) -> None:
        if isinstance(request, Act):
            self.sent.append((self.now, request.dlq_id))
        elif isinstance(request, Ask):
            self.asked.append(request.dlq_id)
        fault = self.faults(request, self.now)
        value: Any = None
        error: Exception | None = None
        try:
            if fault is None or fault.acts:
                value = self._perform(request)
        except NotFoundError as not_found:
            error = not_found
        if fault is not None:
            value, error = None, fault.error
        heappush(self._ends, (self.now + self._latency, next(self._numbers), Finished(request, value, error)))

    def _perform(self, request: Request) -> Any:
        if isinstance(request, Act):
            return self.service.act(request.dlq_id, self.now)
        if isinstance(request, Ask):
            self.service.pass_to(self.now)
            return request.dlq_id in self.service.queue
        return self.service.look(request, self.now)


def most_within(moments: Sequence[float], seconds: float) -> int:
    """The most of them in any half-open span of that length."""
    most = first = 0
    for last, moment in enumerate(moments):
        while moment - moments[first] >= seconds - 1e-9:
            first += 1
        most = max(most, last - first + 1)
    return most


def fewest_within(moments: Sequence[float], seconds: float) -> int:
    """The fewest in any half-open span of that length between the first and the last."""
    fewest, last = len(moments), 0
    for first, moment in enumerate(moments):
        # The span begins just after this one.
        if moment + seconds > moments[-1]:
            break
        while moments[last] <= moment + seconds + 1e-9:
            last += 1
            if last == len(moments):
                break
        fewest = min(fewest, last - first - 1)
    return fewest
