"""A scan: the runs of a list, read in parallel over windows of time. What to read next, and no I/O.

The service filters by some moment of a run, and does not tell by which. Windows of whole milliseconds that touch and do
not overlap hold each run exactly once, whichever it is. Cursors are opaque: none is ever sent with other dates than the
page had that it came with. So a window that proves dense is given up and read again from its start, in parts, and what
had been delivered of it is left out. Where to cut is guessed from the times in the payloads; a bad guess costs
requests, and never a run.
"""

from __future__ import annotations

import math
import re
import time
from collections.abc import Callable, Iterable, Iterator
from time import monotonic
from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace

from ._calls import Flow
from ._filters import Filters, RunFilters
from ._operations import MAX_PAGE_SIZE, Listing, Page, PageWalk, check_whole_number, has_status
from ._run import FailedRun
from .errors import RateLimitError

if TYPE_CHECKING:
    from ._retries import Patience

Moment = Callable[[FailedRun], int | None]

MAX_WORKERS = 64
# Entries expire after three months at most. Older ones, if there are any, are in a window of their own.
RETENTION = 100 * 24 * 3_600_000
HOUR = 3_600_000
# Pages after which a window is not given up any more: until then it remembers what it delivered, in 2 kB a page.
MAX_PAGES_TWICE = 64
# From so many pages to go, where they lie is anybody's guess, and the first cuts are close to what was seen.
FAR = 128
SEPARATOR = "\0"


class ScanRequest(Struct, frozen=True):
    """A checked request to scan: Unix milliseconds, both ends inclusive, None where open."""

    filters: Filters
    start: int | None
    end: int | None
    workers: int

    @classmethod
    def parse(cls, filters: RunFilters, workers: int) -> ScanRequest:
        check_whole_number("workers", workers)
        if not 1 <= workers <= MAX_WORKERS:
            raise ValueError(f"workers is {workers}; 1 to {MAX_WORKERS} can read at once")
        parsed = Filters.parse(filters)
        return cls(parsed, parsed.query.get("from_date"), parsed.query.get("to_date"), workers)


class Scan:
    """What is left to read of a scan. The drivers take windows, read a page of each, and bring back what came."""

    def __init__(self, request: ScanRequest, patience: Callable[[], Patience] | None) -> None:
        self._statuses = request.filters.response_status
        self._filters = replace(request.filters, response_status=frozenset())
        self._workers = request.workers
        # Past any retention.
        start = request.start if request.start is not None else min(0, request.end or 0)
        self._windows = list(self._parts(start, request.end, _first_cuts(request), ()))
        self._make_patience = patience
        self._patience: Patience | None = None
        self._allowed = float(request.workers)
        self._cut_at = -math.inf
        self._requests = 0
        self._new_runs = 0
        self.resume_at = -math.inf

    @property
    def limit(self) -> int:
        """How many windows may be read at once."""
        return int(self._allowed)

    @property
    def is_exhausted(self) -> bool:
        return not self._windows

    def take(self) -> Window | None:
        """A window to read a page of; None where all that are left are being read."""
        self._split_the_longest()
        waiting = [window for window in self._windows if not window.is_read]
        if not waiting:
            return None
        window = max(waiting, key=lambda window: window.pages_left() if window.pages else math.inf)
        window.is_read = True
        window.begun_at = monotonic()
        self._requests += 1
        return window

    def put_back(self, window: Window) -> None:
        """Nothing came of it."""
        window.is_read = False

    def done(self, window: Window, page: Page | None) -> Page | None:
        """What to hand out of the page that was read."""
        window.is_read = False
        self._allowed = min(self._workers, self._allowed + 1 / self._allowed)
        if self._patience is not None:
            self._patience.progress()
        if window.is_given_up:
            return None
        if page is None or page.cursor is None:
            self._windows.remove(window)
        if page is None:
            return None
        runs = window.look_at(page.runs)
        self._new_runs += len(runs)
        if self._statuses:
            runs = [run for run in runs if has_status(run, self._statuses)]
        return Page(tuple(runs), None) if runs else None

    def failed(self, window: Window, error: Exception) -> bool:
        """Whether the scan goes on by itself. In any case the window is read again."""
        window.is_read = False
        if window.is_given_up:
            return True
        if not isinstance(error, RateLimitError) or self._make_patience is None:
            return False
        if window.begun_at < self._cut_at:
            return True  # It was under way when the limit was met: no news.
        self._patience = self._patience or self._make_patience()
        wait = self._patience.wait_after(error)
        if wait is None:
            return False
        # All wait until then, and half as many go on; each page that comes lets them grow again.
        self._cut_at = monotonic()
        self.resume_at = max(self.resume_at, self._cut_at + wait)
        self._allowed = max(1.0, self._allowed / 2)
        return True

    def _parts(
        self, start: int, end: int | None, cuts: Iterable[int], known: tuple[set[str | FailedRun], ...]
    ) -> Iterator[Window]:
        """Windows from `start` to `end`, each but the first beginning at a cut."""
        for cut in sorted({cut for cut in cuts if cut > start and (end is None or cut <= end)}):
            yield Window(self._filters, start, cut - 1, known)
            start = cut
        yield Window(self._filters, start, end, known)

    def _split_the_longest(self) -> None:
        """Where one window would keep a worker busy after all others: give it up for parts of it."""
        if self._workers == 1 or not self._windows or not all(window.pages for window in self._windows):
            return
        window = max(self._windows, key=Window.pages_left)
        left = window.pages_left()
        together = (sum(map(Window.pages_left, self._windows)) + window.pages + 1) / self._workers
        if left - together < max(2, left / 4) or not window.can_be_split():
            return
        # Pages read twice, and windows that turn out empty, cost requests: beside a few rounds, about a quarter of all.
        in_vain = self._requests - self._new_runs / MAX_PAGE_SIZE + window.risk()
        if in_vain > 3 * self._workers + self._requests / 4:
            return
        known = (*window.known, window.delivered())
        parts = list(self._parts(window.start, window.end, window.cuts(self._workers), known))
        if len(parts) > 1:
            window.is_given_up = True
            self._windows.remove(window)
            self._windows += parts


class Window:
    """A part of the range, read from page to page."""

    def __init__(self, filters: Filters, start: int, end: int | None, known: tuple[set[str | FailedRun], ...]) -> None:
        self.start = start
        self.end = end
        self.known = known
        self.pages = 0
        self._delivered: list[str | FailedRun] = []
        self.is_read = False
        self.is_given_up = False
        self.begun_at = -math.inf
        self._trail: Trail | None = None
        dates = {"from_date": start} if end is None else {"from_date": start, "to_date": end}
        listing = Listing(replace(filters, query={**filters.query, **dates}))
        self._walk = PageWalk(listing, exact_cursors=False, waits_for_limits=False)

    def next_page(self) -> Flow[Page | None]:
        return self._walk.next_page()

    def look_at(self, runs: tuple[FailedRun, ...]) -> list[FailedRun]:
        """The runs that have not been delivered yet."""
        self.pages += 1
        if self._trail is not None and runs:
            self._trail.follow(runs)
        elif runs:
            self._trail = Trail.find(runs, self.start, self._horizon())
        keys = list(map(_key, runs))
        new = [run for run, key in zip(runs, keys, strict=True) if not any(key in seen for seen in self.known)]
        # Joined, or they would take five times the memory.
        self._delivered += [SEPARATOR.join(key for key in keys if isinstance(key, str))]
        self._delivered += [key for key in keys if not isinstance(key, str)]
        if self.pages > MAX_PAGES_TWICE:
            self._delivered.clear()
        return new

    def delivered(self) -> set[str | FailedRun]:
        """What tells the runs from others that its pages held."""
        return {key for keys in self._delivered for key in (keys.split(SEPARATOR) if isinstance(keys, str) else [keys])}

    def can_be_split(self) -> bool:
        return 0 < self.pages <= MAX_PAGES_TWICE and self.start < self._horizon()

    def pages_left(self) -> float:
        """A guess: as dense as it has been, else as much again."""
        return self.pages if self._trail is None else self._trail.pages_left(self.pages)

    def risk(self) -> int:
        """Pages to be read again, where it is not even known in which direction they come."""
        return 0 if self._trail is not None and self._trail.has_direction else self.pages

    def cuts(self, parts: int) -> list[int]:
        """Where to cut it into about so many parts of equal weight."""
        if self._trail is None:
            return _equal(self.start, self._horizon(), parts)
        return self._trail.cuts(parts)

    def _horizon(self) -> int:
        return self.end if self.end is not None else max(_now(), self.start)


class Trail:
    """How far into a window its pages have come, as far as the times in their payloads tell."""

    def __init__(self, moment: Moment, moments: list[int], start: int, end: int) -> None:
        self._moment = moment
        self._sample = sorted(moments)
        low, high = self._sample[0], self._sample[-1]
        # Which end the pages go to: as those of this page do, else to where most of the window lies.
        half = len(moments) // 2
        trend = sum(moments[-half:]) - sum(moments[:half])
        self._edge: int | None = None
        if abs(trend) > half * (high - low) / 5:
            self._edge = start if trend < 0 else end
        elif max(low - start, end - high) > (end - start) / 4:
            self._edge = start if low - start > end - high else end
        self._before, self._last = (high, low) if self._edge == start else (low, high)

    @property
    def has_direction(self) -> bool:
        return self._edge is not None

    @classmethod
    def find(cls, runs: tuple[FailedRun, ...], start: int, end: int) -> Trail | None:
        """By a moment that all runs have within the window: it may be the one that the service looks at."""
        for moment in (_created_at, _workflow_created_at, _entered_at):
            moments = [found for run in runs if (found := moment(run)) is not None and start <= found <= end]
            if len(moments) == len(runs):
                return cls(moment, moments, start, end)
        return None

    def follow(self, runs: tuple[FailedRun, ...]) -> None:
        moments = [found for run in runs if (found := self._moment(run)) is not None]
        if moments and self._edge is not None:
            last = min(moments) if self._edge < self._last else max(moments)
            self._before, self._last = self._last, last

    def pages_left(self, pages: int) -> float:
        if self._edge is None:
            return pages
        return abs(self._last - self._edge) / (abs(self._before - self._last) + 1)

    def cuts(self, parts: int) -> list[int]:
        if self._edge is None:
            return [self._sample[len(self._sample) * part // parts] for part in range(1, parts)]
        if self._before == self._last:
            return [self._last, self._last + 1]
        left = self.pages_left(1)
        if left <= FAR:
            return _equal(self._last, self._edge, parts)
        # They may end anywhere. Each part is so many times longer than the one before that the last reaches the edge.
        page = self._last - self._before
        return [self._last + int(2 * page * (left / 2) ** (part / parts)) for part in range(parts)]


def _equal(start: int, end: int, parts: int) -> list[int]:
    return [start + (end + 1 - start) * part // parts for part in range(1, parts)]


def _first_cuts(request: ScanRequest) -> list[int]:
    end = request.end if request.end is not None else _now()
    if request.start is not None:
        return _equal(request.start, end, request.workers)
    # Most are recent: ages from that of the oldest there can be down to an hour, each so many times the next.
    steps = max(1, request.workers - 2)
    return [end - int(RETENTION * (HOUR / RETENTION) ** (step / steps)) for step in range(request.workers - 1)]


def _created_at(run: FailedRun) -> int | None:
    return _integer(run._peek("createdAt"))


def _workflow_created_at(run: FailedRun) -> int | None:
    return _integer(run._peek("workflowCreatedAt"))


def _entered_at(run: FailedRun) -> int | None:
    """Ids begin with the moment of entry, as far as is known."""
    found = re.match(r"[0-9]{1,15}(?=-)", str(run._peek("dlqId")))
    return int(found[0]) if found else None


def _integer(value: object) -> int | None:
    return value if type(value) is int else None


def _key(run: FailedRun) -> str | FailedRun:
    """What tells a run from others; without an id that can be joined with others, all of it."""
    dlq_id = run._peek("dlqId")
    return dlq_id if isinstance(dlq_id, str) and dlq_id and SEPARATOR not in dlq_id else run


def _now() -> int:
    return int(time.time() * 1000)
