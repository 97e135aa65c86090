"""What both kinds of redrive have in common: the file, what it says, and what is checked before it is run."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from functools import cached_property
from os import PathLike, fspath
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict

from .. import FailedRun
from ..triage import Summary, summarize
from ._journal import SQLiteJournal
from ._lock import RunLock
from ._model import RedriveError, RedriveResult, RedriveRunning, RedriveStatus, Settings, State
from ._planning import overrides_of_json
from ._records import About

if TYPE_CHECKING:
    from .. import AsyncDLQClient, DLQClient

# While it waits, progress is told so often.
PROGRESS_SECONDS = 0.25


class RunOptions(TypedDict, total=False):
    """See `Settings`. What is not given is as it was last time."""

    rate: float | None
    canary: int | None
    growth: float | None
    wave_max: int | None
    watch: timedelta | None
    max_failures: float | None


class File:
    """A journal, opened when it is first used."""

    def __init__(self, path: str | PathLike[str]) -> None:
        self.path = Path(fspath(path))
        self.parked: RunLock | None = None
        """Of an async loop between two waves. It may never come back."""

    @cached_property
    def journal(self) -> SQLiteJournal:
        return SQLiteJournal(self.path)

    @cached_property
    def about(self) -> About:
        return self.journal.about()

    def close(self) -> None:
        if "journal" in vars(self):
            self.journal.close()
            del self.journal
        if self.parked is not None:
            self.parked.release()
            self.parked = None

    def status(self) -> RedriveStatus:
        about, settings, counts = self.about, self.journal.settings(), self.journal.counts()
        wave, is_running = self.journal.last_wave(), self.journal.is_running
        return RedriveStatus(
            about.action,
            counts,
            settings.rate,
            wave,
            _time_left(about.action, settings, counts, None if wave is None else wave.size),
            self.journal.noted("paused"),
            is_running,
            self.journal.noted("problem") if is_running else None,
            about.planned_at,
            about.base_url,
            about.left_out,
        )

    def settings(self) -> Settings:
        return self.journal.settings()

    def results(self) -> Iterator[RedriveResult]:
        return self.journal.results()

    def failed_again(self) -> Summary:
        return summarize(self.journal.failures())

    def failed_run(self, dlq_id: str) -> FailedRun:
        run = self.journal.payload_of(dlq_id)
        if run is None:
            raise KeyError(f"the journal has no payload of {dlq_id!r}")
        return run

    def set_rate(self, rate: float) -> None:
        self.change_settings({"rate": rate})

    def change_settings(self, options: RunOptions) -> None:
        known = self.journal.settings()
        changed = replace(known, **given(options))
        if changed != known:
            self.journal.change_settings(changed)

    def begin(self, dlq: DLQClient | AsyncDLQClient, options: RunOptions) -> None:
        """By whoever has the lock."""
        is_same_region = dlq.region is not None and dlq.region == self.about.region
        if dlq.base_url != self.about.base_url and not is_same_region:
            raise RedriveError(
                f"{self.path} is about the queue at {self.about.base_url}, and the client is of {dlq.base_url}; "
                "nothing was sent"
            )
        self.journal.note("problem", None)
        self.change_settings(options)

    def unparked(self, lock: RunLock | None = None) -> RunLock:
        """The lock for the next wave: the one that was parked after the last, or a new one."""
        parked, self.parked = self.parked, None
        if lock is not None and lock is parked:
            return lock
        if parked is not None:
            parked.release()
        if lock is not None:
            raise RedriveRunning(f"{self.path} has been run by another loop since; this one has ended")
        _ = self.about  # which says so if this is no journal, before a lock's file is made
        return RunLock(self.path)

    @property
    def overrides(self) -> dict[str, Any]:
        return overrides_of_json(self.about.overrides)


def given(options: RunOptions) -> dict[str, Any]:
    """Those that are, checked. Raises TypeError and ValueError."""
    unknown = options.keys() - RunOptions.__annotations__.keys()
    if unknown:
        raise TypeError(f"there is no option {min(unknown)!r}. The options are {', '.join(RunOptions.__annotations__)}")
    chosen: dict[str, Any] = {name: value for name, value in options.items() if value is not None}
    Settings(**chosen)
    return chosen


def check_workers(workers: int) -> int:
    from ._sending import MAX_WORKERS

    if not isinstance(workers, int) or isinstance(workers, bool) or not 1 <= workers <= MAX_WORKERS:
        raise ValueError(f"workers is {workers!r}; it must be a whole number from 1 to {MAX_WORKERS}")
    return workers


def _time_left(action: str, settings: Settings, counts: dict[State, int], size: int | None) -> timedelta | None:
    """Of sending at this rate, and of watching each wave that is left."""
    left = counts[State.PLANNED] + counts[State.SENDING] + counts[State.UNKNOWN]
    if not left:
        return None
    waves, rest = 0, left
    while rest > 0:
        size = settings.canary if size is None else int(size * settings.growth)
        size = max(1, min(size, settings.wave_max))
        if settings.growth == 1 or size == settings.wave_max:
            waves += -(-rest // size)
            break
        waves, rest = waves + 1, rest - size
    watching = timedelta(0) if action == "delete" else waves * settings.watch
    return timedelta(seconds=left / settings.rate) + watching


Progress = Callable[[RedriveStatus], object]
