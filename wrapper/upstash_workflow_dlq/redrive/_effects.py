"""What the flow of a redrive asks for, and what it is sent: requests, time, the journal."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from typing import Any, Generic, NamedTuple, TypeVar

from ._model import Wave
from ._records import Journal

T = TypeVar("T")


class Act(NamedTuple):
    """Resume, restart or delete this run. Answered with a StartedRun, or None for a delete."""

    dlq_id: str


class Ask(NamedTuple):
    """Whether the run is in the queue. Answered with True or False."""

    dlq_id: str


class Look(NamedTuple):
    """A page of the queue, of runs since then. Answered with a Page."""

    since: int
    cursor: str | None


Request = Act | Ask | Look


def named(request: Request) -> str:
    """The id of the run that it is about; a look is about none."""
    return "" if isinstance(request, Look) else request.dlq_id


class Finished(NamedTuple):
    """A request that has ended: with a value, or with an error."""

    request: Request
    value: Any = None
    error: Exception | None = None


class Tick(NamedTuple):
    """`now`: seconds on a clock that never goes back. `time`: Unix milliseconds. `stop`: begin nothing more."""

    now: float
    time: int
    finished: Sequence[Finished]
    stop: bool


@dataclass(frozen=True)
class Begin:
    """Begin these requests, and do not wait for them."""

    requests: Sequence[Request]


@dataclass(frozen=True)
class Until:
    """Wait until a request has ended, somebody wants to stop, or this moment has come. Answered with a Tick."""

    moment: float


@dataclass(frozen=True)
class Keep(Generic[T]):
    """Read or write the journal."""

    call: Callable[[Journal], T]


@dataclass(frozen=True)
class Tell:
    """For the caller: a wave that has ended (then go on when the next is asked for), or what it is waiting for."""

    wave: Wave | None = None
    problem: str | None = None


Effect = Begin | Until | Keep[Any] | Tell
Flow = Generator[Effect, Any, T]


class Stopped(Exception):
    """Somebody wanted to stop. Everything that is known is in the journal."""
