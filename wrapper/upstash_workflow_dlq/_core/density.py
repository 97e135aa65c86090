"""How dense the runs of a window are, as far as the times in their payloads show: how much is left, where to cut.

Only a guess. The service filters by some time of a run and does not say which, so a wrong guess costs requests, and
never a run.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from .run import FailedRun

# Reads a time of a run, in Unix milliseconds.
ReadTime = Callable[[FailedRun], int | None]

# Pages have a direction if the mean times of the two halves of one differ by more than this share of its span. Of pages
# of 100 runs in random order, 1 in 1,800 does (20,000 simulated).
DIRECTION_SHARE = 1 / 5
# Or else if one end of the window is further away from the page than this share of the window. From 0.05 to 0.4 it
# makes no difference in the simulation that scan.py describes.
FAR_END_SHARE = 1 / 4


class Density:
    """How far into a window its pages have come."""

    def __init__(self, read_time: ReadTime, times: list[int], start: int, end: int) -> None:
        self._read_time = read_time
        self._sample = sorted(times)
        low, high = self._sample[0], self._sample[-1]
        half = len(times) // 2
        trend = sum(times[-half:]) - sum(times[:half]) if half else 0
        # The end of the window that the pages go to.
        self._target: int | None = None
        if abs(trend) > half * (high - low) * DIRECTION_SHARE:
            self._target = start if trend < 0 else end
        elif max(low - start, end - high) > (end - start) * FAR_END_SHARE:
            self._target = start if low - start > end - high else end
        self._before, self._last = (high, low) if self._target == start else (low, high)

    @classmethod
    def of(cls, runs: tuple[FailedRun, ...], start: int, end: int, likely_start: int) -> Density | None:
        """By a time that all runs have within the window: it may be the one that the service filters by.

        Unless one is older, all are taken to be from `likely_start` on.
        """
        for read_time in (_created_at, _workflow_created_at, _entered_at):
            times = [time for run in runs if (time := read_time(run)) is not None and start <= time <= end]
            if len(times) == len(runs):
                return cls(read_time, times, likely_start if likely_start < min(times) else start, end)
        return None

    @property
    def has_direction(self) -> bool:
        return self._target is not None

    def add(self, runs: tuple[FailedRun, ...]) -> None:
        """Take the next page into account."""
        times = [time for run in runs if (time := self._read_time(run)) is not None]
        if times and self._target is not None:
            last = min(times) if self._target < self._last else max(times)
            self._before, self._last = self._last, last

    def pages_left(self, pages: int) -> float:
        """As many as fit at the density of the last page; without a direction, as many as there were."""
        if self._target is None:
            return pages
        return abs(self._last - self._target) / (abs(self._before - self._last) + 1)

    def pages_left_in(self, start: int, end: int) -> float:
        """How many of the pages that are left lie in this part of the window."""
        if self._target is None:
            return 0
        low, high = sorted((self._last, self._target))
        return max(0, min(end, high) - max(start, low)) / (abs(self._before - self._last) + 1)

    def has_come_to(self, start: int, end: int) -> bool:
        """Whether the last page ends in this part of the window."""
        return start <= self._last <= end

    def goes_to(self, start: int, end: int) -> bool:
        """Whether the end that the pages go to lies in this part of the window."""
        return self._target is not None and start <= self._target <= end

    def cuts(self, parts: int) -> list[int]:
        """Where to cut what is left into about so many parts of equal weight."""
        if self._target is None:
            return [self._sample[len(self._sample) * part // parts] for part in range(1, parts)]
        if self._before == self._last:
            return [self._last, self._last + 1]
        return equal_cuts(self._last, self._target, parts)

    def near_cuts(self, parts: int, size: float, pages: int) -> list[int]:
        """Where to cut off parts of `size` pages, the first one with those that were read; the last is what is left."""
        if self._before == self._last:
            return [self._last, self._last + 1]
        page = self._last - self._before
        return [self._last + int(page * (size * part - pages)) for part in range(1, parts)]


def equal_cuts(start: int, end: int, parts: int) -> list[int]:
    return [start + (end + 1 - start) * part // parts for part in range(1, parts)]


def _created_at(run: FailedRun) -> int | None:
    return _whole(run._peek("createdAt"))


def _workflow_created_at(run: FailedRun) -> int | None:
    return _whole(run._peek("workflowCreatedAt"))


def _entered_at(run: FailedRun) -> int | None:
    """Known ids start with the time of entry into the queue."""
    found = re.match(r"[0-9]{1,15}(?=-)", str(run._peek("dlqId")))
    return int(found[0]) if found else None


def _whole(value: object) -> int | None:
    return value if type(value) is int else None
