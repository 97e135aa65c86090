"""What a redrive does next: which runs it sends, what an answer means, when it pauses. No I/O, and no clock.

A generator: it yields what it wants (see `_effects`) and is sent what came of it. The sync and the async client drive
it, and the tests do, on a clock of their own.
"""

from __future__ import annotations

from typing import Any

from ..triage import summarize
from ._effects import Ask, Flow, Stopped, Tell
from ._model import RedriveError, RedrivePaused, Wave
from ._sending import MAX_WORKERS, Sending
from ._watching import Watching

# At the start, so many planned runs are asked for until one is there: this is the queue that was meant.
FIRST_ASKS = 5


def redrive(*, force: bool = False, again: bool = False, workers: int = MAX_WORKERS) -> Flow[None]:
    """All waves that are left. Raises RedrivePaused, Stopped, or the error that ended it."""
    return _Redrive(workers).run(force=force, again=again)


class _Redrive(Sending, Watching):
    def run(self, *, force: bool, again: bool) -> Flow[None]:
        yield from self.until(0.0)
        about = yield from self.keep(lambda journal: journal.about())
        self.action = about.action
        wave = yield from self.keep(lambda journal: journal.last_wave())
        paused = yield from self.keep(lambda journal: journal.noted("paused"))
        needs_canary = wave is None
        if paused is not None and wave is not None:
            if not force:
                raise (yield from self._paused(wave, paused))
            needs_canary = True  # and paused until the canary is in the journal
        if again:
            yield from self.keep(lambda journal: journal.plan_again())
        needs_canary |= bool((yield from self.keep(lambda journal: journal.noted("canary"))))
        if not force:
            yield from self._check_queue()
        # After the check: in another queue, all of them would be gone, and pass for done.
        yield from self.settle()
        self.raise_error()
        while True:
            if wave is None or wave.state in ("done", "paused"):
                size = self._next_size(None if needs_canary else wave)
                wave = yield from self._begin_wave(size)
                needs_canary = False
                if wave is None:
                    return
            wave = yield from self._one_wave(wave)
            if self.tick.stop and (yield from self.keep(lambda journal: journal.planned(1))):
                raise Stopped

    def _one_wave(self, wave: Wave) -> Flow[Wave]:
        """From where it was left."""
        number = wave.number
        if wave.state == "sending":
            yield from self.send(wave)
        if wave.state != "watching":
            yield from self.keep(lambda journal: journal.set_wave_state(number, "watching"))
        wave = yield from self.wave()
        paused = self.reason_to_pause(wave)
        if paused is None:
            wave = yield from self.watch(wave)
            paused = self.reason_to_pause(wave) or (yield from self._nothing_there(wave))
        state: Any = "done" if paused is None else "paused"
        yield from self.keep(lambda journal: journal.set_wave_state(number, state, paused))
        wave = yield from self.wave()
        if paused is not None:
            raise (yield from self._paused(wave, paused))
        yield Tell(wave)
        yield from self.until(self.tick.now)
        return wave

    def _next_size(self, last: Wave | None) -> int:
        if last is None:
            return min(self.settings.canary, self.settings.wave_max)
        return min(int(last.size * self.settings.growth), self.settings.wave_max)

    def _begin_wave(self, size: int) -> Flow[Wave | None]:
        at = self.tick.time
        return (yield from self.keep(lambda journal: journal.begin_wave(size, at)))

    def _check_queue(self) -> Flow[None]:
        """That the next runs are in this queue. Otherwise it is probably that of another account."""
        ids = yield from self.keep(lambda journal: journal.planned(FIRST_ASKS))
        for dlq_id in ids:
            finished = yield from self.answer_patiently(Ask(dlq_id))
            if finished.error is not None:
                raise finished.error
            if finished.value:
                return
        if len(ids) == FIRST_ASKS:
            raise RedriveError(
                f"none of the next {FIRST_ASKS} runs is in this queue, and nothing was sent: the token may be of "
                "another account, or somebody else has resumed or deleted them. force=True goes on all the same"
            )

    def _nothing_there(self, wave: Wave) -> Flow[str | None]:
        if wave.started or wave.refused or not wave.gone:
            return None
        left = yield from self.keep(lambda journal: journal.planned(1))
        those = "the only run of wave {} was" if wave.gone == 1 else f"all {wave.gone:,} runs of wave {{}} were"
        return f"{those.format(wave.number)} gone from the queue already" if left else None

    def _paused(self, wave: Wave, reason: str) -> Flow[RedrivePaused]:
        summary = yield from self.keep(lambda journal: summarize(journal.failures(wave.number)))
        return RedrivePaused(
            f"paused: {reason}. Nothing more is sent; force=True goes on, with a canary first",
            wave=wave,
            groups=summary.groups,
        )
