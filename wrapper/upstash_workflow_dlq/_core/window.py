"""A window of a scan: the runs between two dates, read page by page, and what its pages let expect."""

from __future__ import annotations

import math

from .answers import Flow, RetryPolicy
from .density import Density, equal_cuts
from .filters import Filters
from .reading import Listing, Page, PageWalk
from .run import FailedRun

# Entries expire after three months at most. Guesses take no run to be older than this, unless one is.
RETENTION = 100 * 24 * 3_600_000
# After so many pages a window is not given up any more. Until then it remembers what it has delivered, 2 kB a page;
# that bounds its memory, and from 4 to 256 pages makes no difference to the speed.
MAX_PAGES_READ_TWICE = 64

# Scans wait for limits by themselves: all workers at once, instead of each request for itself.
READ_IN_A_SCAN = RetryPolicy(repeatable=True, waits_for_limits=False)

SEPARATOR = "\0"


class Window:
    """A part of the range, read page by page."""

    def __init__(
        self,
        filters: Filters,
        start: int,
        end: int | None,
        started_at: int,
        delivered_before: tuple[set[str | FailedRun], ...],
    ) -> None:
        self.start = start
        self.end = end
        self.delivered_before = delivered_before
        self.pages = 0
        self.is_read = False
        self.is_given_up = False
        self.taken_at = -math.inf
        # How many pages it has, as far as the window that it was cut from shows; None if that shows nothing. So many of
        # them that window has read.
        self.expected: float | None = None
        self.repeats = 0
        # Where it begins and ends, for guesses: runs are not older than the retention, and an open end is about now.
        self._horizon = end if end is not None else max(started_at, start)
        self._likely_start = max(start, min(started_at - RETENTION, self._horizon))
        self._has_news = False
        self._delivered: list[str | FailedRun] = []
        self._density: Density | None = None
        dates = {"from_date": start} if end is None else {"from_date": start, "to_date": end}
        listing = Listing(filters._replace(query={**filters.query, **dates}))
        self._walk = PageWalk(listing, exact_cursors=False, policy=READ_IN_A_SCAN)

    def next_page(self) -> Flow[Page | None]:
        return self._walk.next_page()

    def new_runs(self, runs: tuple[FailedRun, ...]) -> list[FailedRun]:
        """The runs of its next page that have not been delivered yet."""
        self.pages += 1
        if self._density is not None and runs:
            self._density.add(runs)
        elif runs:
            self._density = Density.of(runs, self.start, self._horizon, self._likely_start)
        keys = list(map(_key, runs))
        new = [
            run
            for run, key in zip(runs, keys, strict=True)
            if not any(key in delivered for delivered in self.delivered_before)
        ]
        self._has_news = self._has_news or bool(new)
        # Joined, or they would take five times the memory.
        self._delivered += [SEPARATOR.join(key for key in keys if isinstance(key, str))]
        self._delivered += [key for key in keys if not isinstance(key, str)]
        if self.pages > MAX_PAGES_READ_TWICE:
            self._delivered.clear()
        return new

    def delivered(self) -> set[str | FailedRun]:
        """The keys of all runs on its pages."""
        return {key for keys in self._delivered for key in (keys.split(SEPARATOR) if isinstance(keys, str) else [keys])}

    def all_delivered(self) -> tuple[set[str | FailedRun], ...]:
        """The keys of all runs that it and the windows that it was cut from have delivered."""
        return (*self.delivered_before, self.delivered()) if self.pages else self.delivered_before

    @property
    def is_unknown(self) -> bool:
        return self.pages == 0 and self.expected is None

    @property
    def has_direction(self) -> bool:
        """Whether it is known in which direction its pages go."""
        return self._density is not None and self._density.has_direction

    @property
    def can_be_split(self) -> bool:
        if self.start >= self._horizon or self.pages > MAX_PAGES_READ_TWICE:
            return False
        # Before its first page that costs nothing, unless it is being read.
        return self.pages > 0 or (self.expected is not None and not self.is_read)

    def pages_left(self) -> float:
        """A guess; as many as there were if nothing is known."""
        left = self.pages if self._density is None else self._density.pages_left(self.pages)
        if self.expected is None or self._has_news:
            return left
        # Its pages so far are those that the window it was cut from has read: they show nothing of what comes.
        return max(left, self.expected - self.pages)

    @property
    def pages_at_stake(self) -> int:
        """How many of its next pages hold nothing new, at worst: those to be read again, and the first one."""
        return max(0, max(1, self.repeats) - self.pages)

    def tell(self, part: Window, *, is_far: bool) -> None:
        """Tell a part of this window what it can expect. `is_far`: it is unknown how far the runs reach."""
        start, end = part._likely_start, part._horizon
        if not self.pages and self.expected is not None:
            part.expected = self.expected * (end - start + 1) / (self._horizon - self._likely_start + 1)
        elif self._density is not None and self._density.has_direction:
            part.repeats = self.pages if self._density.has_come_to(part.start, end) else 0
            if not (is_far and self._density.goes_to(start, end)):
                part.expected = part.repeats + self._density.pages_left_in(start, end)

    def cuts(self, parts: int, most: int) -> list[int]:
        """Where to cut it into so many parts of equal weight; into `most` if it is not known where they lie."""
        if not self.pages:
            return equal_cuts(self._likely_start, self._horizon, parts)
        if self._density is None:
            return equal_cuts(self._likely_start, self._horizon, most)
        return self._density.cuts(parts if self._density.has_direction else most)

    def near_cuts(self, parts: int, size: float) -> list[int]:
        """Where to cut off parts of `size` pages; the last one is what is left."""
        return [] if self._density is None else self._density.near_cuts(parts, size, self.pages)


def _key(run: FailedRun) -> str | FailedRun:
    """What tells a run from others: its id, or the whole run if it has none that can be joined with others."""
    dlq_id = run._peek("dlqId")
    return dlq_id if isinstance(dlq_id, str) and dlq_id and SEPARATOR not in dlq_id else run
