"""What the page says of all runs together. They are counted as they pass, in the memory of their groups."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from typing import Any, NamedTuple

from upstash_workflow_dlq import FailedRun
from upstash_workflow_dlq.triage import By, Group, Summarizer, Summary, kept_for

from ._runs import IN_A_LINE, IN_A_ROW, ends_at, read, row
from ._text import one_line

# Groups of a kind, and runs that are named because they end first.
MOST_GROUPS = 200
SOONEST = 5

A_DAY = timedelta(days=1)
# What groups have in common, its heading, and how many are seen before the others are unfolded.
KINDS: tuple[tuple[By, str, int], ...] = (
    ("failure", "By failure", 8),
    ("workflow", "By workflow", 6),
    ("label", "By label", 6),
)


class Kind(NamedTuple):
    """The groups of one kind, the largest first; of those that are not listed, how many they are."""

    by: By
    heading: str
    at_once: int
    groups: list[dict[str, Any]]
    not_listed: int


@dataclass(frozen=True)
class Bar:
    """A span of the timeline. The figures are per cent of the picture."""

    start: datetime
    count: int
    x: float
    width: float
    height: float


class Counts:
    def __init__(self, now: datetime, retention: timedelta | None) -> None:
        self.now = now
        self.retention = retention
        self.expiring = 0
        self._summarizers = {by: Summarizer(by=by) for by, *_ in KINDS}
        self._ending = Largest(SOONEST)

    def each(self, runs: Iterable[FailedRun]) -> Iterator[FailedRun]:
        for run in runs:
            for summarizer in self._summarizers.values():
                summarizer.add(run)
            entered = read(run, "entered_at")
            if entered is not None:
                left = kept_for(self.now - entered, self.retention)
                self.expiring += left < A_DAY
                self._ending.add(-left.total_seconds(), run)
            yield run

    def summary(self, by: By = "failure") -> Summary:
        return self._summarizers[by].summary()

    def kinds(self) -> Iterator[Kind]:
        for by, heading, at_once in KINDS:
            summary = self.summary(by)
            groups = [_shown(group, by, summary) for group in summary.groups[:MOST_GROUPS]]
            yield Kind(by, heading, at_once, groups, len(summary.groups) - len(groups))

    def soonest(self) -> list[dict[str, Any]]:
        """The runs that end first."""
        return [
            {**row(run, self.now, self.retention), "ends_at": ends_at(run, self.now, self.retention)}
            for run in self._ending.runs()
        ]


class Largest:
    """Of runs that are added one by one, those with the largest keys; all if `most` is None."""

    def __init__(self, most: int | None) -> None:
        self._most = most
        self._kept: list[tuple[Any, int, FailedRun]] = []
        self._added = 0

    def add(self, key: Any, run: FailedRun) -> None:
        self._added += 1
        # The number makes places differ, so that runs are never compared. Of equal keys the first one stays.
        place = (key, -self._added, run)
        if self._most is None or len(self._kept) < self._most:
            heapq.heappush(self._kept, place)
        elif self._kept:
            heapq.heappushpop(self._kept, place)

    def runs(self) -> list[FailedRun]:
        """The largest first."""
        return [run for _, _, run in sorted(self._kept, reverse=True)]


def _shown(group: Group, by: By, summary: Summary) -> dict[str, Any]:
    name = str(group.failure) if by == "failure" and group.failure is not None else group.key
    return {
        "key": one_line(group.key, IN_A_LINE),
        "name": one_line(name, IN_A_ROW) or "(none)",
        "workflows": [one_line(path, IN_A_LINE) for path in group.workflows] if by == "failure" else [],
        "count": group.count,
        "share": group.count / summary.total,
        "of_the_largest": 100 * group.count / summary.groups[0].count,
        "last": group.last,
    }


def bars(summary: Summary) -> list[Bar]:
    most = max((count for _, count in summary.timeline), default=1)
    place = 100 / max(1, len(summary.timeline))
    # A lonely bar is not to be a wall.
    width = min(0.86 * place, 4)
    return [
        Bar(start, count, (number + 0.5) * place - width / 2, width, 100 * count / most)
        for number, (start, count) in enumerate(summary.timeline)
    ]


def length_of_a_bar(summary: Summary) -> str:
    """As in "a bar is 15 minutes"."""
    starts = [start for start, _ in islice(summary.timeline, 2)]
    minutes = (starts[1] - starts[0]) // timedelta(minutes=1) if len(starts) > 1 else 1
    unit, length = next(
        (unit, length)
        for unit, length in (("week", 7 * 24 * 60), ("day", 24 * 60), ("hour", 60), ("minute", 1))
        if minutes % length == 0
    )
    number = minutes // length
    return f"{number} {unit}{'s' * (number > 1)}"
