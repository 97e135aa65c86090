"""What all parts of the flow share: waiting, asking, keeping, saying what it waits for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from .. import APIError, ClientClosedError, ConfigurationError, NotFoundError, RateLimitError
from ._effects import Ask, Begin, Finished, Flow, Keep, Look, Stopped, Tell, Tick, Until
from ._model import JournalError, Settings, Wave, many
from ._records import Journal

T = TypeVar("T")

# How often the settings are read again, in case another process has changed them.
SETTINGS_SECONDS = 0.5
# A limit that lasts longer is for a person to decide about.
TOO_LONG_HOLD = 900.0
# Asks what became of a request whose answer was lost: so many times, so many seconds apart, doubled.
ASKS, ASK_SECONDS = 4, 1.0


class Steps:
    def __init__(self) -> None:
        self.tick = Tick(0.0, 0, (), False)
        self.settings = Settings()
        self.action = ""
        self.error: Exception | None = None
        """What ends it, as soon as everything is written down."""
        self.problem: str | None = None
        self._settings_read = float("-inf")

    def until(self, moment: float) -> Flow[Sequence[Finished]]:
        """Requests that have ended, if any. Comes back now and then, to see whether the settings have changed."""
        if self.tick.now >= self._settings_read + SETTINGS_SECONDS:
            self.settings = yield from self.keep(lambda journal: journal.settings())
            self._settings_read = self.tick.now
        self.tick = yield Until(min(moment, self.tick.now + SETTINGS_SECONDS))
        return self.tick.finished

    def answer(self, request: Ask | Look) -> Flow[Finished]:
        """Of one request, while no other is under way."""
        yield Begin([request])
        finished: Sequence[Finished] = ()
        while not finished:
            finished = yield from self.until(float("inf"))
        return finished[0]

    def keep(self, call: Callable[[Journal], T]) -> Flow[T]:
        kept: T = yield Keep(call)
        return kept

    def wave(self) -> Flow[Wave]:
        wave = yield from self.keep(lambda journal: journal.last_wave())
        if wave is None:
            raise JournalError("the journal has lost its waves; it was changed by something else")
        return wave

    def say(self, problem: str | None) -> Flow[None]:
        if problem != self.problem:
            self.problem = problem
            yield from self.keep(lambda journal: journal.note("problem", problem))
            yield Tell(problem=problem)

    def raise_error(self) -> None:
        if self.error is not None:
            raise self.error
        if self.tick.stop:
            raise Stopped

    def pause(self, seconds: float) -> Flow[None]:
        end = self.tick.now + seconds
        while self.tick.now < end and not self.tick.stop:
            yield from self.until(end)

    def answer_patiently(self, request: Ask) -> Flow[Finished]:
        for wait in (0.0, *(ASK_SECONDS * 2**turn for turn in range(ASKS - 1))):
            yield from self.pause(wait)
            self.raise_error()
            finished = yield from self.answer(request)
            if finished.error is None or is_final(finished.error):
                break
        return finished

    def reason_to_pause(self, wave: Wave) -> str | None:
        sent = wave.started + wave.refused
        if not sent or wave.failures <= self.settings.max_failures * sent:
            return None
        refused = "was refused" if wave.refused == 1 else "were refused"
        names = {"failed again": wave.failed_again, refused: wave.refused}
        what = " and ".join(f"{count:,} {name}" for name, count in names.items() if count)
        return f"of the {many(sent)} of wave {wave.number}, {what}; at most {self.settings.max_failures * 100:g} % may"


def is_final(error: Exception) -> bool:
    """Whether asking again cannot help."""
    if isinstance(error, RateLimitError):
        return (error.retry_after or 0) > TOO_LONG_HOLD
    if isinstance(error, APIError):
        return error.status_code < 500 and not isinstance(error, NotFoundError)
    return isinstance(error, ClientClosedError | ConfigurationError)
