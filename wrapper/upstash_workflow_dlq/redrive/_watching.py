"""Watching a wave: which of its runs are in the queue again."""

from __future__ import annotations

from .. import FailedRun, InvalidResponseError, Page
from ._effects import Flow, Look
from ._model import Wave
from ._steps import Steps, is_final

# Looks: the first after this share of the time, the next ones later and later. In seconds.
FIRST_LOOK, LOOK_GROWTH = 1 / 60, 1.5
SHORTEST_LOOK, LONGEST_LOOK = 0.5, 60.0
# Milliseconds. The clocks of the service's machines may differ by the first; its clock from ours by the second, which
# counts if it did not say when it started runs.
SERVICE_MARGIN, CLOCK_MARGIN = 30_000, 10 * 60_000


class Watching(Steps):
    def watch(self, wave: Wave) -> Flow[Wave]:
        """Look for runs that fail again, until the time is over and a look after it has succeeded."""
        if self.action == "delete" or not wave.started - wave.unidentified:
            return wave
        began, since = yield from self.keep(lambda journal: journal.began(wave.number))
        since = max(0, began - CLOCK_MARGIN if since is None else since - SERVICE_MARGIN)
        begin, interval = self.tick.now, 0.0
        while True:
            watch = self.settings.watch.total_seconds()
            interval = min(max(SHORTEST_LOOK, interval * LOOK_GROWTH, watch * FIRST_LOOK), LONGEST_LOOK)
            rest = begin + watch - self.tick.now
            yield from self.pause(min(interval, rest) if rest > 0 else interval if self.problem else 0.0)
            self.raise_error()
            is_last = self.tick.now >= begin + self.settings.watch.total_seconds()
            error = yield from self._look(wave, since)
            self.raise_error()
            yield from self._look_told(wave, error)
            wave = yield from self.wave()
            if self.reason_to_pause(wave) is not None or (is_last and error is None):
                return wave

    def _look(self, wave: Wave, since: int) -> Flow[Exception | None]:
        """One listing, page by page. Whatever time of a run the service filters by, it is after the run was started."""
        cursor: str | None = None
        cursors: set[str] = set()
        while not self.tick.stop:
            finished = yield from self.answer(Look(since, cursor))
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
        if error is not None and is_final(error):
            raise error
        if error is None and self.problem is not None:
            yield from self.keep(lambda journal: journal.set_wave_state(wave.number, "watching"))
        elif error is not None and self.problem is None:
            yield from self.keep(lambda journal: journal.set_wave_state(wave.number, "unknown"))
        yield from self.say(None if error is None else f"cannot see which runs fail again: {error}; trying again")

    def _found(self, wave: Wave, runs: list[tuple[str, str, FailedRun]]) -> Flow[int]:
        at = self.tick.time
        return (yield from self.keep(lambda journal: journal.found(wave.number, runs, at)))


def _identified(run: FailedRun) -> tuple[str, str, FailedRun] | None:
    try:
        workflow_run_id, dlq_id = run.workflow_run_id, run.dlq_id
    except InvalidResponseError:
        return None
    return (workflow_run_id, dlq_id, run) if workflow_run_id and dlq_id else None
