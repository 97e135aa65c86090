"""What a journal holds, and what the flow and the drivers need of one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any, NamedTuple, Protocol

from .. import FailedRun
from ._model import Action, Settings, State, Wave, WaveState


class Item(NamedTuple):
    """A run to be sent, or to be asked for."""

    dlq_id: str
    attempts: int
    wave: int | None


class Outcome(NamedTuple):
    """What became of a run. `sent` is False if it is certain that nothing was sent, or that it did nothing.

    `created_at` is when the new run was created, in Unix milliseconds.
    """

    dlq_id: str
    state: State
    workflow_run_id: str | None = None
    error: str | None = None
    sent: bool = True
    created_at: int | None = None


class About(NamedTuple):
    """What the plan fixed."""

    action: Action
    overrides: dict[str, Any]
    base_url: str
    region: str | None
    planned_at: datetime
    left_out: int


class Journal(Protocol):
    """What the flow and the drivers need. Each call that changes something is on the disk when it returns."""

    def about(self) -> About: ...
    def settings(self) -> Settings: ...
    def change_settings(self, settings: Settings) -> None: ...
    def note(self, key: str, value: object) -> None: ...
    def noted(self, key: str) -> Any: ...
    def counts(self) -> dict[State, int]: ...
    def planned(self, count: int) -> list[str]: ...
    def unsettled(self) -> list[Item]: ...
    def turn(self, outcomes: Sequence[Outcome], at: int, claim: int = 0, wave: int = 0) -> list[Item]: ...
    def last_wave(self) -> Wave | None: ...
    def begin_wave(self, size: int, at: int) -> Wave | None: ...
    def began(self, wave: int) -> tuple[int, int | None]: ...
    def set_wave_state(self, wave: int, state: WaveState, paused: str | None = None) -> None: ...
    def found(self, wave: int, runs: Iterable[tuple[str, str, FailedRun]], at: int) -> int: ...
    def failures(self, wave: int | None = None) -> Iterator[FailedRun]: ...
    def plan_again(self) -> int: ...
