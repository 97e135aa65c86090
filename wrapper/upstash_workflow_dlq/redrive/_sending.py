"""Sending a wave: what is claimed, what an answer means, and what a request did whose answer was lost."""

from __future__ import annotations

from collections import deque
from contextlib import suppress
from datetime import UTC, datetime
from math import ceil

from .. import (
    AuthenticationError,
    BadRequestError,
    ClientClosedError,
    NotFoundError,
    RateLimitError,
    StartedRun,
)
from ._effects import Act, Ask, Begin, Finished, Flow, Until, named
from ._model import JournalError, RedriveResult, State, Wave
from ._pace import Pace
from ._records import Item, Outcome
from ._steps import ASK_SECONDS, ASKS, TOO_LONG_HOLD, Steps, is_final

MAX_WORKERS = 64

# After a 429 that does not say when to come back: doubled up to the second.
FIRST_HOLD, LONGEST_HOLD = 1.0, 60.0
ASKS_AT_A_TIME = 8
# Outcomes that come sooner after one another are written together: the disk takes as long for many as for one.
WRITE_SECONDS = 0.01
# Under way are at most as many requests as the rate would need if all were as fast as the fastest, and these; at first
# only these. More would not help a service that is slow. They cost time here, too: for each request, httpcore looks at
# all connections that were ever needed at once.
FEW = 4


class Sending(Steps):
    def __init__(self, workers: int) -> None:
        super().__init__()
        self._workers = workers
        self._in_flight: dict[str, Item] = {}
        self._begun: dict[str, float] = {}
        self._fastest = float("inf")  # of all requests, in seconds
        self._most = min(FEW, workers)  # under way at once, so far
        self._outcomes: list[Outcome] = []  # which are not written yet
        # One for all waves: a wave that has ended makes the next one begin no sooner.
        self._pace = Pace(self.settings.rate, 0.0)
        self._holds = 0

    def send(self, wave: Wave) -> Flow[None]:
        try:
            yield from self._send_all(wave)
        except JournalError as error:
            yield from self._let_end(wave)
            with_ids = tuple(_result(outcome, self.tick.time) for outcome in self._outcomes if outcome.sent)
            raise JournalError(str(error), unwritten=with_ids) from error
        if self.error is not None:
            yield from self.settle()
        self.raise_error()

    def _send_all(self, wave: Wave) -> Flow[None]:
        """Claim runs, which is written down, then send them, then write what came of it."""
        pace = self._pace
        pace.hold(self.tick.now)
        ready: deque[Item] = deque()
        refused, is_empty, was_full, written = wave.refused, False, False, float("-inf")
        while True:
            pace.change(self.settings.rate, self.tick.now)
            ends = self.tick.stop or self.error is not None or refused > self.settings.max_failures * wave.size
            if ends:
                self._outcomes += [Outcome(item.dlq_id, State.PLANNED, sent=False) for item in ready]
                ready.clear()
            if was_full:
                # It waits for answers only until it is known how many are needed. Made up for, that would be a burst.
                pace.hold(self.tick.now)
            count = min(pace.due(self.tick.now), len(ready), self._room())
            if count > 0:
                items = [ready.popleft() for _ in range(count)]
                self._in_flight.update({item.dlq_id: item for item in items})
                self._begun.update({item.dlq_id: self.tick.now for item in items})
                pace.took(count)
                yield Begin([Act(item.dlq_id) for item in items])
            # Those that come next are claimed while these are under way: nobody waits for the disk.
            claim = 0 if ends or is_empty else max(0, self._ahead() - len(ready))
            due = written + WRITE_SECONDS
            if (self._outcomes or claim) and (ends or not (ready and self._in_flight) or self.tick.now >= due):
                written = self.tick.now
                claimed = yield from self._turn(claim, wave.number)
                # As long as one is under way, a rate limit may send it back.
                is_empty = bool(claim) and not claimed and not self._in_flight
                ready += claimed
            if not (ready or self._in_flight) and (ends or is_empty):
                return
            was_full = len(self._in_flight) >= self._most < self._workers
            moment = pace.next if ready and self._room() > 0 else float("inf")
            for finished in (yield from self.until(min(moment, due) if self._outcomes else moment)):
                outcome = self._outcome(finished)
                self._outcomes.append(outcome)
                refused += outcome.state is State.REFUSED
                is_empty = False
            yield from self.say(self._held())

    def _room(self) -> int:
        """How many requests more may be under way."""
        needed = FEW + self.settings.rate * self._fastest
        return ceil(min(needed, self._most)) - len(self._in_flight)

    def _ahead(self) -> int:
        """How many to claim before they are sent: what the next tenth of a second needs."""
        return max(1, min(self._workers, int(self.settings.rate / 10)))

    def _turn(self, claim: int = 0, wave: int = 0) -> Flow[list[Item]]:
        outcomes, time = self._outcomes, self.tick.time
        claimed = yield from self.keep(lambda journal: journal.turn(outcomes, time, claim, wave))
        self._outcomes = []
        return claimed

    def _let_end(self, wave: Wave) -> Flow[None]:
        """After the journal failed: nothing more is sent, what is under way still ends, and is written if it can be."""
        while self._in_flight:
            self.tick = yield Until(float("inf"))
            self._outcomes += [self._outcome(finished) for finished in self.tick.finished]
        with suppress(JournalError):
            yield from self._turn(0, wave.number)

    def _outcome(self, finished: Finished) -> Outcome:
        """What an answer means."""
        dlq_id, error = named(finished.request), finished.error
        item = self._in_flight.pop(dlq_id)
        self._fastest = min(self._fastest, self.tick.now - self._begun.pop(dlq_id))
        self._most = min(self._most + 1, self._workers)
        if error is None:
            if not self._pace.is_held(self.tick.now):
                self._holds = 0
            started = finished.value
            if isinstance(started, StartedRun):
                created_at = _milliseconds(started.workflow_created_at)
                return Outcome(dlq_id, State.STARTED, started.workflow_run_id, created_at=created_at)
            return Outcome(dlq_id, State.DELETED)
        if isinstance(error, NotFoundError):
            if item.attempts > 1:
                return _left(dlq_id, self.action)
            return Outcome(dlq_id, State.GONE, error="it was not in the queue any more")
        if isinstance(error, RateLimitError):
            # It proves that nothing was done.
            self._hold(error)
            return Outcome(dlq_id, State.PLANNED, sent=False)
        if isinstance(error, BadRequestError):
            return Outcome(dlq_id, State.REFUSED, error=str(error))
        self.error = self.error or error
        if isinstance(error, AuthenticationError | ClientClosedError):
            return Outcome(dlq_id, State.PLANNED, sent=False)
        return Outcome(dlq_id, State.UNKNOWN, error=str(error))

    def _hold(self, error: RateLimitError) -> None:
        # Those that were under way when the limit was met are limited too, and say nothing new.
        if not self._pace.is_held(self.tick.now):
            self._holds += 1
        wait = error.retry_after
        if wait is None:
            wait = min(LONGEST_HOLD, FIRST_HOLD * 2 ** min(self._holds - 1, 10))
        if wait > TOO_LONG_HOLD:
            self.error = self.error or error
        else:
            self._pace.hold(self.tick.now + wait)

    def _held(self) -> str | None:
        return "the service limits the rate: waiting" if self._pace.is_held(self.tick.now) else None

    def settle(self) -> Flow[None]:
        """Ask for each such run. Gone means that it was done, there that it was not."""
        wait = ASK_SECONDS
        for turn in range(ASKS):
            if turn:
                yield from self.pause(wait)
                wait *= 2
                if self.tick.stop:
                    break
            items = yield from self.keep(lambda journal: journal.unsettled())
            error = yield from self._ask(items)
            if error is None:
                return
            if is_final(error):
                break
        self.error = self.error or error

    def _ask(self, items: list[Item]) -> Flow[Exception | None]:
        """The first error, if there was one: then some runs stay as they are."""
        waiting, asked, failed = deque(items), 0, None
        while waiting or asked:
            count = 0 if failed or self.tick.stop else min(len(waiting), ASKS_AT_A_TIME - asked)
            if count:
                yield Begin([Ask(waiting.popleft().dlq_id) for _ in range(count)])
                asked += count
            elif not asked:
                break
            for finished in (yield from self.until(float("inf"))):
                asked -= 1
                dlq_id = named(finished.request)
                if finished.error is not None:
                    failed = failed or finished.error
                elif finished.value:
                    self._outcomes.append(Outcome(dlq_id, State.PLANNED))
                else:
                    self._outcomes.append(_left(dlq_id, self.action))
            if self._outcomes:
                yield from self._turn()
        return failed


def _left(dlq_id: str, action: str) -> Outcome:
    state = State.DELETED if action == "delete" else State.STARTED
    return Outcome(dlq_id, state, error="the answer was lost; the run has left the queue, so it was done")


def _result(outcome: Outcome, time: int) -> RedriveResult:
    moment = datetime.fromtimestamp(time / 1000, UTC)
    return RedriveResult(outcome.dlq_id, outcome.state, outcome.workflow_run_id, None, outcome.error, moment)


def _milliseconds(moment: datetime | None) -> int | None:
    return None if moment is None else int(moment.timestamp() * 1000)
