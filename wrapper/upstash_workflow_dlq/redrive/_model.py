"""What a redrive says about itself: states, waves, results, errors."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from math import isfinite
from typing import TYPE_CHECKING, Any, Literal, get_args

from .. import DLQError

if TYPE_CHECKING:
    from ..triage import Group

Action = Literal["resume", "restart", "delete"]
ACTIONS: tuple[str, ...] = get_args(Action)


class State(StrEnum):
    """Where a run of a redrive stands."""

    PLANNED = "planned"
    """Nothing was sent."""
    SENDING = "sending"
    """A request is under way, or its process ended before it wrote down what became of it."""
    STARTED = "started"
    """Resumed or restarted. Without a `workflow_run_id`, the answer was lost, and the run has left the queue."""
    DELETED = "deleted"
    FAILED_AGAIN = "failed again"
    """Started, and back in the queue as `failed_again_as`."""
    GONE = "gone"
    """Not in the queue any more: expired, or resumed or deleted by somebody else."""
    REFUSED = "refused"
    """The service answered 400 to this run."""
    UNKNOWN = "unknown"
    """The answer was lost, and nobody could ask yet whether the run is still in the queue."""


def many(count: int) -> str:
    return f"{count:,} run{'s' * (count != 1)}"


OPEN = (State.PLANNED, State.SENDING, State.UNKNOWN)
"""What the next `run` sends, or asks for."""


@dataclass(frozen=True, slots=True)
class RedriveResult:
    """What became of one run.

    Attributes:
        dlq_id: the failed run.
        state: a `State`.
        workflow_run_id: the run that was started; None if there is none, or its id is unknown.
        failed_again_as: the dlq_id under which that one is in the queue again.
        error: what the service said, or why something is not known.
        at: when the state was written, as an aware UTC datetime by this machine's clock; None if it is still planned.
    """

    dlq_id: str
    state: State
    workflow_run_id: str | None
    failed_again_as: str | None
    error: str | None
    at: datetime | None


WaveState = Literal["sending", "watching", "unknown", "done", "paused"]


@dataclass(frozen=True, slots=True)
class Wave:
    """Runs that were sent together, and then watched.

    Attributes:
        number: 1 is the canary.
        size: how many runs it has.
        state: "sending", "watching", "done", "paused"; "unknown" while nobody can look whether they fail again.
        started: how many were resumed, restarted or deleted.
        failed_again: how many were found back in the queue while this wave was watched. Some may be of earlier waves.
        refused, gone: see `State`.
        unidentified: how many of the started have an unknown id, so that nobody sees whether they fail again.
    """

    number: int
    size: int
    state: WaveState
    started: int = 0
    failed_again: int = 0
    refused: int = 0
    gone: int = 0
    unidentified: int = 0

    @property
    def failures(self) -> int:
        """How many count against `max_failures`."""
        return self.failed_again + self.refused

    def __str__(self) -> str:
        parts = [f"wave {self.number}: {self.started:,} of {self.size:,} done"]
        names = {"failed again": self.failed_again, "refused": self.refused, "gone": self.gone}
        parts += [f"{count:,} {name}" for name, count in names.items() if count]
        if self.unidentified:
            parts.append(f"{self.unidentified:,} without a known new run")
        return f"{', '.join(parts)} ({self.state})"


@dataclass(frozen=True, slots=True)
class RedriveStatus:
    """How far a redrive is.

    Attributes:
        action: "resume", "restart" or "delete".
        counts: how many runs are in each `State`; all states are there.
        rate: runs a second, at most.
        wave: the latest; None before the first.
        time_left: what sending and watching the rest takes at this rate, at least; None if nothing is left.
        paused: why it paused, in one line; None if it did not.
        running: whether a process is running it.
        problem: what it is waiting for, such as a rate limit, in one line; None if nothing.
        planned_at: when the runs were selected.
        base_url: of the queue.
        left_out: failed runs that were selected and have no id that can be sent.
    """

    action: Action
    counts: Mapping[State, int]
    rate: float
    wave: Wave | None
    time_left: timedelta | None
    paused: str | None
    running: bool
    problem: str | None
    planned_at: datetime
    base_url: str
    left_out: int = 0

    @property
    def total(self) -> int:
        return sum(self.counts.values())

    @property
    def remaining(self) -> int:
        """How many the next `run` sends, or asks for."""
        return sum(self.counts[state] for state in OPEN)

    @property
    def done(self) -> int:
        return self.total - self.remaining


@dataclass(frozen=True)
class Settings:
    """How a redrive is run. Kept in the journal: what is not given is as it was last time.

    Raises `ValueError` and `TypeError` for what cannot be.

    Attributes:
        rate: runs a second, at most; above 0 and up to 10,000.
        canary: runs of the first wave, and of the first after a pause.
        growth: how many times as many the next wave has, 1 to 1,000.
        wave_max: runs of a wave, at most.
        watch: how long to look, after a wave, for runs that fail again: up to a day; zero looks once.
        max_failures: the share of a wave (0 to 1) that may fail again or be refused. More than that, and it pauses.
    """

    rate: float = 5.0
    canary: int = 10
    growth: float = 4.0
    wave_max: int = 1000
    watch: timedelta = timedelta(minutes=2)
    max_failures: float = 0.1

    def __post_init__(self) -> None:
        check_number("rate", self.rate, "runs a second: a number above 0 and up to 10,000", 0, 10_000, above=True)
        for name in ("canary", "wave_max"):
            value = getattr(self, name)
            if not isinstance(value, int) or isinstance(value, bool) or value < 1:
                raise ValueError(f"{name} is {value!r}; it must be a whole number of runs, at least 1")
        check_number("growth", self.growth, "a number from 1 to 1,000", 1, 1000)
        if not isinstance(self.watch, timedelta):
            raise TypeError(f"watch takes a timedelta, not {type(self.watch).__name__}")
        if not timedelta(0) <= self.watch <= timedelta(days=1):
            raise ValueError(f"watch is {self.watch}; it must be from zero to one day")
        check_number("max_failures", self.max_failures, "a share from 0 to 1, such as 0.1 for 10 %", 0, 1)


def check_number(name: str, value: Any, expected: str, least: float, most: float, *, above: bool = False) -> None:
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise TypeError(f"{name} takes {expected}, not {type(value).__name__}")
    if not isfinite(value) or not least <= value <= most or (above and value == least):
        raise ValueError(f"{name} is {value!r}; it must be {expected}")


class RedriveError(DLQError):
    """A redrive cannot be planned or run, or its journal cannot be used. Nothing more was sent."""


class JournalError(RedriveError):
    """The file is no journal, or is of a newer version, or cannot be read or written.

    `unwritten` holds results that were known and could not be written: the disk may be full. The journal has these runs
    as "sending"; the next `run` asks for each of them.
    """

    def __init__(self, message: str, *, unwritten: tuple[RedriveResult, ...] = ()) -> None:
        super().__init__(message)
        self.unwritten = unwritten


class RedriveRunning(RedriveError):
    """Another process, or another `Redrive` of this one, runs the same journal."""


class RedrivePaused(RedriveError):
    """Too many runs failed again, were refused, or are gone. `run(force=True)` goes on, with a canary first.

    `wave` is the last one, `groups` are the failures of the runs that failed again in it, the largest first.
    """

    def __init__(self, message: str, *, wave: Wave | None, groups: tuple[Group, ...] = ()) -> None:
        super().__init__(message)
        self.wave = wave
        self.groups = groups
