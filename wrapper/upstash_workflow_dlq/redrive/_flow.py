"""What a redrive does next: which runs it sends, what an answer means, when it pauses. No I/O, and no clock.

A generator: it yields what it wants (`Begin`, `Until`, `Keep`, `Tell`) and is sent what came of it. The sync and the
async client drive it, and the tests do, on a clock of their own.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Generic, NamedTuple, TypeVar

from .. import (
    APIError,
    AuthenticationError,
    BadRequestError,
    ClientClosedError,
    ConfigurationError,
    FailedRun,
    InvalidResponseError,
    NotFoundError,
    Page,
    RateLimitError,
    StartedRun,
)
from ..triage import summarize
from ._journal import Item, Journal, Outcome
from ._model import JournalError, RedriveError, RedrivePaused, RedriveResult, Settings, State, Wave
from ._pace import Pace

T = TypeVar("T")

MAX_WORKERS = 64

# How often the settings are read again, in case another process has changed them.
SETTINGS_SECONDS = 0.5
# Of a 429 that does not say when to come back: doubled up to the second. A limit that lasts longer than the third is
# for a person to decide about.
FIRST_HOLD, LONGEST_HOLD, TOO_LONG_HOLD = 1.0, 60.0, 900.0
# Asks for what became of a request whose answer was lost: so many times, so many seconds apart, doubled.
ASKS, ASK_SECONDS = 4, 1.0
ASKS_AT_A_TIME = 8
# Looks while a wave is watched: the first after this share of the time, the next ones later and later.
FIRST_LOOK, LOOK_GROWTH = 1 / 60, 1.5
SHORTEST_LOOK, LONGEST_LOOK = 0.5, 60.0
# Milliseconds. The clocks of the service's machines may differ by the first; its clock from ours by the second, which
# counts if it did not say when it started runs.
SERVICE_MARGIN, CLOCK_MARGIN = 30_000, 10 * 60_000
# At the start, so many planned runs are asked for until one is there: this is the queue that was meant.
FIRST_ASKS = 5


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


def redrive(*, force: bool = False, again: bool = False, workers: int = MAX_WORKERS) -> Flow[None]:
    """All waves that are left. Raises RedrivePaused, Stopped, or the error that ended it."""
    return _Redrive(workers).run(force=force, again=again)


class _Redrive:
    def __init__(self, workers: int) -> None:
        self._workers = workers
        self._tick = Tick(0.0, 0, (), False)
        self._settings = Settings()
        self._action = ""
        self._settings_read = float("-inf")
        self._error: Exception | None = None
        self._in_flight: dict[str, Item] = {}
        self._outcomes: list[Outcome] = []  # which are not written yet
        # One for all waves: a wave that has ended makes the next one begin no sooner.
        self._pace = Pace(self._settings.rate, 0.0)
        self._holds = 0
        self._problem: str | None = None

    def run(self, *, force: bool, again: bool) -> Flow[None]:
        yield from self._until(0.0)
        about = yield from self._keep(lambda journal: journal.about())
        self._action = about.action
        yield from self._settle()
        self._raise_error()
        wave = yield from self._keep(lambda journal: journal.last_wave())
        paused = yield from self._keep(lambda journal: journal.noted("paused"))
        fresh = wave is None
        if paused is not None and wave is not None:
            if not force:
                raise (yield from self._paused(wave, paused))
            fresh = True  # and paused until the canary is in the journal
        if again:
            yield from self._keep(lambda journal: journal.plan_again())
        if not force:
            yield from self._check_queue()
        while True:
            if wave is None or wave.state in ("done", "paused"):
                size = self._next_size(None if fresh else wave)
                wave = yield from self._begin_wave(size)
                fresh = False
                if wave is None:
                    return
            wave = yield from self._one_wave(wave)
            if self._tick.stop and (yield from self._keep(lambda journal: journal.planned(1))):
                raise Stopped

    def _one_wave(self, wave: Wave) -> Flow[Wave]:
        """From where it was left."""
        number = wave.number
        if wave.state == "sending":
            yield from self._send(wave)
        if wave.state != "watching":
            yield from self._keep(lambda journal: journal.set_wave_state(number, "watching"))
        wave = yield from self._wave()
        paused = self._reason_to_pause(wave)
        if paused is None:
            wave = yield from self._watch(wave)
            paused = self._reason_to_pause(wave) or (yield from self._nothing_there(wave))
        state: Any = "done" if paused is None else "paused"
        yield from self._keep(lambda journal: journal.set_wave_state(number, state, paused))
        wave = yield from self._wave()
        if paused is not None:
            raise (yield from self._paused(wave, paused))
        yield Tell(wave)
        yield from self._until(self._tick.now)
        return wave

    def _next_size(self, last: Wave | None) -> int:
        if last is None:
            return min(self._settings.canary, self._settings.wave_max)
        return min(int(last.size * self._settings.growth), self._settings.wave_max)

    # What it waits for, and what it keeps.

    def _until(self, moment: float) -> Flow[Sequence[Finished]]:
        """Requests that have ended, if any. Comes back now and then, to see whether the settings have changed."""
        if self._tick.now >= self._settings_read + SETTINGS_SECONDS:
            self._settings = yield from self._keep(lambda journal: journal.settings())
            self._settings_read = self._tick.now
        self._tick = yield Until(min(moment, self._tick.now + SETTINGS_SECONDS))
        return self._tick.finished

    def _answer(self, request: Ask | Look) -> Flow[Finished]:
        """Of one request, while no other is under way."""
        yield Begin([request])
        finished: Sequence[Finished] = ()
        while not finished:
            finished = yield from self._until(float("inf"))
        return finished[0]

    def _keep(self, call: Callable[[Journal], T]) -> Flow[T]:
        kept: T = yield Keep(call)
        return kept

    def _wave(self) -> Flow[Wave]:
        wave = yield from self._keep(lambda journal: journal.last_wave())
        if wave is None:
            raise JournalError("the journal has lost its waves; it was changed by something else")
        return wave

    def _begin_wave(self, size: int) -> Flow[Wave | None]:
        at = self._tick.time
        return (yield from self._keep(lambda journal: journal.begin_wave(size, at)))

    def _found(self, wave: Wave, runs: list[tuple[str, str, FailedRun]]) -> Flow[int]:
        at = self._tick.time
        return (yield from self._keep(lambda journal: journal.found(wave.number, runs, at)))

    def _say(self, problem: str | None) -> Flow[None]:
        if problem != self._problem:
            self._problem = problem
            yield from self._keep(lambda journal: journal.note("problem", problem))
            yield Tell(problem=problem)

    def _raise_error(self) -> None:
        if self._error is not None:
            raise self._error
        if self._tick.stop:
            raise Stopped

    # Sending.

    def _send(self, wave: Wave) -> Flow[None]:
        try:
            yield from self._send_all(wave)
        except JournalError as error:
            yield from self._let_end(wave)
            with_ids = tuple(_result(outcome, self._tick.time) for outcome in self._outcomes if outcome.sent)
            raise JournalError(str(error), unwritten=with_ids) from error
        if self._error is not None:
            yield from self._settle()
        self._raise_error()

    def _send_all(self, wave: Wave) -> Flow[None]:
        """Claim runs, which is written down, then send them, then write what came of it."""
        pace = self._pace
        pace.hold(self._tick.now)
        ready: deque[Item] = deque()
        refused, is_empty = wave.refused, False
        while True:
            pace.change(self._settings.rate, self._tick.now)
            ends = self._tick.stop or self._error is not None or refused > self._settings.max_failures * wave.size
            if ends:
                self._outcomes += [Outcome(item.dlq_id, State.PLANNED, sent=False) for item in ready]
                ready.clear()
            count = min(pace.due(self._tick.now), len(ready), self._workers - len(self._in_flight))
            if count > 0:
                items = [ready.popleft() for _ in range(count)]
                self._in_flight.update({item.dlq_id: item for item in items})
                pace.took(count)
                yield Begin([Act(item.dlq_id) for item in items])
            # Those that come next are claimed while these are under way: nobody waits for the disk.
            claim = 0 if ends or is_empty else max(0, self._ahead() - len(ready))
            if self._outcomes or claim:
                claimed = yield from self._turn(claim, wave.number)
                # As long as one is under way, a rate limit may send it back.
                is_empty = bool(claim) and not claimed and not self._in_flight
                ready += claimed
            if not (ready or self._in_flight) and (ends or is_empty):
                return
            may_begin = ready and len(self._in_flight) < self._workers
            for finished in (yield from self._until(pace.next if may_begin else float("inf"))):
                outcome = self._outcome(finished)
                self._outcomes.append(outcome)
                refused += outcome.state is State.REFUSED
                is_empty = False
            yield from self._say(self._held())

    def _ahead(self) -> int:
        """How many to claim before they are sent: what the next tenth of a second needs."""
        return max(1, min(self._workers, int(self._settings.rate / 10)))

    def _turn(self, claim: int = 0, wave: int = 0) -> Flow[list[Item]]:
        outcomes, time = self._outcomes, self._tick.time
        claimed = yield from self._keep(lambda journal: journal.turn(outcomes, time, claim, wave))
        self._outcomes = []
        return claimed

    def _let_end(self, wave: Wave) -> Flow[None]:
        """After the journal failed: nothing more is sent, what is under way still ends, and is written if it can be."""
        while self._in_flight:
            self._tick = yield Until(float("inf"))
            self._outcomes += [self._outcome(finished) for finished in self._tick.finished]
        with suppress(JournalError):
            yield from self._turn(0, wave.number)

    def _outcome(self, finished: Finished) -> Outcome:
        """What an answer means."""
        dlq_id, error = named(finished.request), finished.error
        item = self._in_flight.pop(dlq_id)
        if error is None:
            if not self._pace.is_held(self._tick.now):
                self._holds = 0
            started = finished.value
            if isinstance(started, StartedRun):
                created_at = _milliseconds(started.workflow_created_at)
                return Outcome(dlq_id, State.STARTED, started.workflow_run_id, created_at=created_at)
            return Outcome(dlq_id, State.DELETED)
        if isinstance(error, NotFoundError):
            if item.attempts > 1:
                return _left(dlq_id, self._action)
            return Outcome(dlq_id, State.GONE, error="it was not in the queue any more")
        if isinstance(error, RateLimitError):
            # It proves that nothing was done.
            self._hold(error)
            return Outcome(dlq_id, State.PLANNED, sent=False)
        if isinstance(error, BadRequestError):
            return Outcome(dlq_id, State.REFUSED, error=str(error))
        self._error = self._error or error
        if isinstance(error, AuthenticationError | ClientClosedError):
            return Outcome(dlq_id, State.PLANNED, sent=False)
        return Outcome(dlq_id, State.UNKNOWN, error=str(error))

    def _hold(self, error: RateLimitError) -> None:
        # Those that were under way when the limit was met are limited too, and say nothing new.
        if not self._pace.is_held(self._tick.now):
            self._holds += 1
        wait = error.retry_after
        if wait is None:
            wait = min(LONGEST_HOLD, FIRST_HOLD * 2 ** min(self._holds - 1, 10))
        if wait > TOO_LONG_HOLD:
            self._error = self._error or error
        else:
            self._pace.hold(self._tick.now + wait)

    def _held(self) -> str | None:
        return "the service limits the rate: waiting" if self._pace.is_held(self._tick.now) else None

    # What a request did whose answer is not known.

    def _settle(self) -> Flow[None]:
        """Ask for each such run. Gone means that it was done, there that it was not."""
        wait = ASK_SECONDS
        for turn in range(ASKS):
            if turn:
                yield from self._pause(wait)
                wait *= 2
                if self._tick.stop:
                    break
            items = yield from self._keep(lambda journal: journal.unsettled())
            error = yield from self._ask(items)
            if error is None:
                return
            if _is_final(error):
                break
        self._error = self._error or error

    def _ask(self, items: list[Item]) -> Flow[Exception | None]:
        """The first error, if there was one: then some runs stay as they are."""
        waiting, asked, failed = deque(items), 0, None
        while waiting or asked:
            count = 0 if failed or self._tick.stop else min(len(waiting), ASKS_AT_A_TIME - asked)
            if count:
                yield Begin([Ask(waiting.popleft().dlq_id) for _ in range(count)])
                asked += count
            elif not asked:
                break
            for finished in (yield from self._until(float("inf"))):
                asked -= 1
                dlq_id = named(finished.request)
                if finished.error is not None:
                    failed = failed or finished.error
                elif finished.value:
                    self._outcomes.append(Outcome(dlq_id, State.PLANNED))
                else:
                    self._outcomes.append(_left(dlq_id, self._action))
            if self._outcomes:
                yield from self._turn()
        return failed

    def _pause(self, seconds: float) -> Flow[None]:
        end = self._tick.now + seconds
        while self._tick.now < end and not self._tick.stop:
            yield from self._until(end)

    def _check_queue(self) -> Flow[None]:
        """That the next runs are in this queue. Otherwise it is probably that of another account."""
        ids = yield from self._keep(lambda journal: journal.planned(FIRST_ASKS))
        for dlq_id in ids:
            finished = yield from self._answer_patiently(Ask(dlq_id))
            if finished.error is not None:
                raise finished.error
            if finished.value:
                return
        if len(ids) == FIRST_ASKS:
            raise RedriveError(
                f"none of the next {FIRST_ASKS} runs is in this queue, and nothing was sent: the token may be of "
                "another account, or somebody else has resumed or deleted them. force=True goes on all the same"
            )

    def _answer_patiently(self, request: Ask) -> Flow[Finished]:
        for wait in (0.0, *(ASK_SECONDS * 2**turn for turn in range(ASKS - 1))):
            yield from self._pause(wait)
            self._raise_error()
            finished = yield from self._answer(request)
            if finished.error is None or _is_final(finished.error):
                break
        return finished

    # Watching.

    def _watch(self, wave: Wave) -> Flow[Wave]:
        """Look for runs that fail again, until the time is over and a look after it has succeeded."""
        if self._action == "delete" or not wave.started - wave.unidentified:
            return wave
        began, since = yield from self._keep(lambda journal: journal.began(wave.number))
        since = max(0, began - CLOCK_MARGIN if since is None else since - SERVICE_MARGIN)
        begin, interval = self._tick.now, 0.0
        while True:
            watch = self._settings.watch.total_seconds()
            interval = min(max(SHORTEST_LOOK, interval * LOOK_GROWTH, watch * FIRST_LOOK), LONGEST_LOOK)
            rest = begin + watch - self._tick.now
            yield from self._pause(min(interval, rest) if rest > 0 else interval if self._problem else 0.0)
            self._raise_error()
            is_last = self._tick.now >= begin + self._settings.watch.total_seconds()
            error = yield from self._look(wave, since)
            self._raise_error()
            yield from self._look_told(wave, error)
            wave = yield from self._wave()
            if self._reason_to_pause(wave) is not None or (is_last and error is None):
                return wave

    def _look(self, wave: Wave, since: int) -> Flow[Exception | None]:
        """One listing, page by page. Whatever time of a run the service filters by, it is after the run was started."""
        cursor: str | None = None
        cursors: set[str] = set()
        while not self._tick.stop:
            finished = yield from self._answer(Look(since, cursor))
            if finished.error is not None:
                return finished.error
            page: Page = finished.value
            runs = list(filter(None, map(_identified, page.runs)))
            if runs:
                yield from self._found(wave, runs)
            cursor = page.cursor
            if cursor is None:
                return None
            if cursor in cursors:
                return InvalidResponseError("the service sent a cursor a second time")
            cursors.add(cursor)
        return None

    def _look_told(self, wave: Wave, error: Exception | None) -> Flow[None]:
        """A wave that nobody could look at is unknown, and is waited for."""
        if error is not None and _is_final(error):
            raise error
        if error is None and self._problem is not None:
            yield from self._keep(lambda journal: journal.set_wave_state(wave.number, "watching"))
        elif error is not None and self._problem is None:
            yield from self._keep(lambda journal: journal.set_wave_state(wave.number, "unknown"))
        yield from self._say(None if error is None else f"cannot see which runs fail again: {error}; trying again")

    # Pausing.

    def _reason_to_pause(self, wave: Wave) -> str | None:
        sent = wave.started + wave.refused
        if not sent or wave.failures <= self._settings.max_failures * sent:
            return None
        names = {"failed again": wave.failed_again, "were refused": wave.refused}
        what = " and ".join(f"{count:,} {name}" for name, count in names.items() if count)
        return f"of the {sent:,} runs of wave {wave.number}, {what}; at most {self._settings.max_failures:.1%} may"

    def _nothing_there(self, wave: Wave) -> Flow[str | None]:
        if wave.started or wave.refused or not wave.gone:
            return None
        left = yield from self._keep(lambda journal: journal.planned(1))
        return f"all {wave.gone:,} runs of wave {wave.number} were gone from the queue already" if left else None

    def _paused(self, wave: Wave, reason: str) -> Flow[RedrivePaused]:
        summary = yield from self._keep(lambda journal: summarize(journal.failures(wave.number)))
        return RedrivePaused(
            f"paused: {reason}. Nothing more is sent; force=True goes on, with a canary first",
            wave=wave,
            groups=summary.groups,
        )


def _left(dlq_id: str, action: str) -> Outcome:
    state = State.DELETED if action == "delete" else State.STARTED
    return Outcome(dlq_id, state, error="the answer was lost; the run has left the queue, so it was done")


def _result(outcome: Outcome, time: int) -> RedriveResult:
    moment = datetime.fromtimestamp(time / 1000, UTC)
    return RedriveResult(outcome.dlq_id, outcome.state, outcome.workflow_run_id, None, outcome.error, moment)


def _milliseconds(moment: datetime | None) -> int | None:
    return None if moment is None else int(moment.timestamp() * 1000)


def _identified(run: FailedRun) -> tuple[str, str, FailedRun] | None:
    try:
        workflow_run_id, dlq_id = run.workflow_run_id, run.dlq_id
    except InvalidResponseError:
        return None
    return (workflow_run_id, dlq_id, run) if workflow_run_id and dlq_id else None


def _is_final(error: Exception) -> bool:
    """Whether asking again cannot help."""
    if isinstance(error, RateLimitError):
        return (error.retry_after or 0) > TOO_LONG_HOLD
    if isinstance(error, APIError):
        return error.status_code < 500 and not isinstance(error, NotFoundError)
    return isinstance(error, ClientClosedError | ConfigurationError)
