"""A scan: the runs of a list, read in parallel over windows of time. This says what to read next.

The service filters by some time of a run, and does not say by which. Windows of whole milliseconds that touch and do
not overlap hold each run exactly once, whichever time it is. Cursors are opaque: none is ever sent with other dates
than those of the page that it came with. So a window that proves dense is given up and read again from its start, in
parts, and the runs that it has delivered are left out. Where to cut is guessed (`density`): a bad guess costs requests,
and never a run.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple, Protocol

from ..errors import RateLimitError
from . import checks
from .answers import Flow, RetryPolicy
from .density import Density, equal_cuts
from .filters import Filters, RunFilters
from .reading import MAX_PAGE_SIZE, Listing, Page, PageWalk, shown_arguments
from .run import FailedRun, has_status

MAX_WORKERS = 64

HOUR = 3_600_000
# Without a start date, the first cuts go back so far. Entries expire after three months at most; if there are older
# ones, they are in a window of their own.
RETENTION = 100 * 24 * HOUR

# The figures below were chosen by simulation: 10,000 runs, 8 workers, uniform and bursty data, the last hour, day and
# month, with and without dates. "Times" are requests in sequence by rounds of requests in parallel; most is 8.

# After so many pages a window is not given up any more. Until then it remembers what it has delivered, 2 kB a page;
# that bounds its memory, and from 4 to 256 pages makes no difference to the speed.
MAX_PAGES_READ_TWICE = 64
# A window is split if it would take this much longer than its share of the work: in pages, and as a part of its own.
# 1 to 4 pages and 1/8 to 1/4 are alike; with 8 pages or 3/4, 5.9 times became 4.8 and 4.5.
MIN_EXCESS_PAGES = 2
MIN_EXCESS_SHARE = 1 / 4
# Requests that may be in vain (pages read twice, windows that turn out empty): so many a worker, and a share of all.
# With none a worker 5.9 times became 1.8, from 2 on nothing is gained; with no share 4.8 became 3.4, from 1/8 nothing.
VAIN_REQUESTS_A_WORKER = 3
VAIN_REQUESTS_SHARE = 1 / 4

# Scans wait for limits by themselves: all workers at once, instead of each request for itself.
READ_IN_A_SCAN = RetryPolicy(repeatable=True, waits_for_limits=False)

SEPARATOR = "\0"


class LimitWait(Protocol):
    """How long to wait for a rate limit to lift."""

    def after(self, error: RateLimitError) -> float | None:
        """Seconds; None not to wait."""

    def page_arrived(self) -> None: ...


class ScanRequest(NamedTuple):
    """A checked request to scan: Unix milliseconds, both ends inclusive, None if open."""

    filters: Filters
    start: int | None
    end: int | None
    workers: int

    @classmethod
    def parse(cls, filters: RunFilters, workers: int) -> ScanRequest:
        checked = checks.whole_number("workers", workers, least=1, most=MAX_WORKERS)
        parsed = Filters.parse(filters)
        return cls(parsed, parsed.query.get("from_date"), parsed.query.get("to_date"), checked)

    def __str__(self) -> str:
        return shown_arguments(self.filters, {"workers": self.workers})


class Scan:
    """What is left to read of a scan. A driver takes windows, reads a page of each, and brings back what came."""

    def __init__(
        self,
        request: ScanRequest,
        limit_wait: Callable[[], LimitWait] | None,
        now: Callable[[], float],
        started_at: int,
    ) -> None:
        """`limit_wait`: None to raise rate limits. `now`: a clock of seconds. `started_at`: Unix milliseconds."""
        self._statuses = request.filters.response_status
        self._filters = request.filters._replace(response_status=frozenset())
        self._workers = request.workers
        self._now = now
        self._started_at = started_at
        start = request.start if request.start is not None else min(0, request.end or 0)
        self._windows = list(self._parts(start, request.end, _first_cuts(request, started_at), ()))
        self._make_limit_wait = limit_wait
        self._limit_wait: LimitWait | None = None
        # How many workers may read at once: halved by each rate limit, as TCP does, and growing by one a round.
        self._allowed = float(request.workers)
        self._limited_at = -math.inf
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
        """A window to read a page of; None if all that are left are being read."""
        self._split_the_longest()
        waiting = [window for window in self._windows if not window.is_read]
        if not waiting:
            return None
        window = max(waiting, key=lambda window: window.pages_left() if window.pages else math.inf)
        window.is_read = True
        window.taken_at = self._now()
        self._requests += 1
        return window

    def put_back(self, window: Window) -> None:
        """Its page was not read."""
        window.is_read = False

    def done(self, window: Window, page: Page | None) -> Page | None:
        """The part of the page to deliver."""
        window.is_read = False
        self._allowed = min(self._workers, self._allowed + 1 / self._allowed)
        if self._limit_wait is not None:
            self._limit_wait.page_arrived()
        if window.is_given_up:
            return None
        if page is None or page.cursor is None:
            self._windows.remove(window)
        if page is None:
            return None
        runs = window.new_runs(page.runs)
        self._new_runs += len(runs)
        if self._statuses:
            runs = [run for run in runs if has_status(run, self._statuses)]
        return Page(tuple(runs), None) if runs else None

    def failed(self, window: Window, error: Exception) -> bool:
        """Whether the scan continues by itself. In any case the window is read again."""
        window.is_read = False
        if window.is_given_up:
            return True
        if not isinstance(error, RateLimitError) or self._make_limit_wait is None:
            return False
        if window.taken_at < self._limited_at:
            return True  # sent before the limit was met: no news
        self._limit_wait = self._limit_wait or self._make_limit_wait()
        wait = self._limit_wait.after(error)
        if wait is None:
            return False
        self._limited_at = self._now()
        self.resume_at = max(self.resume_at, self._limited_at + wait)
        self._allowed = max(1.0, self._allowed / 2)
        return True

    def _parts(
        self, start: int, end: int | None, cuts: Iterable[int], delivered: tuple[set[str | FailedRun], ...]
    ) -> Iterator[Window]:
        """Windows from `start` to `end`, each but the first starting at a cut."""
        for cut in sorted({cut for cut in cuts if cut > start and (end is None or cut <= end)}):
            yield Window(self._filters, start, cut - 1, self._started_at, delivered)
            start = cut
        yield Window(self._filters, start, end, self._started_at, delivered)

    def _split_the_longest(self) -> None:
        """Give up a window that would keep one worker busy after all others, for parts of it."""
        if self._workers == 1 or not self._windows or not all(window.pages for window in self._windows):
            return
        window = max(self._windows, key=Window.pages_left)
        left = window.pages_left()
        share = (sum(map(Window.pages_left, self._windows)) + window.pages + 1) / self._workers
        if left - share < max(MIN_EXCESS_PAGES, left * MIN_EXCESS_SHARE) or not window.can_be_split():
            return
        in_vain = self._requests - self._new_runs / MAX_PAGE_SIZE + window.pages_at_risk()
        if in_vain > VAIN_REQUESTS_A_WORKER * self._workers + self._requests * VAIN_REQUESTS_SHARE:
            return
        delivered = (*window.delivered_before, window.delivered())
        parts = list(self._parts(window.start, window.end, window.cuts(self._workers), delivered))
        if len(parts) > 1:
            window.is_given_up = True
            self._windows.remove(window)
            self._windows += parts


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
        # Where it ends, for guesses: an open end is about now.
        self._horizon = end if end is not None else max(started_at, start)
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
            self._density = Density.of(runs, self.start, self._horizon)
        keys = list(map(_key, runs))
        new = [
            run
            for run, key in zip(runs, keys, strict=True)
            if not any(key in delivered for delivered in self.delivered_before)
        ]
        # Joined, or they would take five times the memory.
        self._delivered += [SEPARATOR.join(key for key in keys if isinstance(key, str))]
        self._delivered += [key for key in keys if not isinstance(key, str)]
        if self.pages > MAX_PAGES_READ_TWICE:
            self._delivered.clear()
        return new

    def delivered(self) -> set[str | FailedRun]:
        """The keys of all runs on its pages."""
        return {key for keys in self._delivered for key in (keys.split(SEPARATOR) if isinstance(keys, str) else [keys])}

    def can_be_split(self) -> bool:
        return 0 < self.pages <= MAX_PAGES_READ_TWICE and self.start < self._horizon

    def pages_left(self) -> float:
        """A guess; as many as there were if nothing is known."""
        return self.pages if self._density is None else self._density.pages_left(self.pages)

    def pages_at_risk(self) -> int:
        """Pages that a split would read again: all, if it is not even known in which direction they go."""
        return 0 if self._density is not None and self._density.has_direction else self.pages

    def cuts(self, parts: int) -> list[int]:
        """Where to cut it into about so many parts of equal weight."""
        if self._density is None:
            return equal_cuts(self.start, self._horizon, parts)
        return self._density.cuts(parts)


def _first_cuts(request: ScanRequest, started_at: int) -> list[int]:
    end = request.end if request.end is not None else started_at
    if request.start is not None:
        return equal_cuts(request.start, end, request.workers)
    # Most runs are recent: cut at ages from the longest retention down to an hour, each a fixed factor shorter.
    steps = max(1, request.workers - 2)
    return [end - int(RETENTION * (HOUR / RETENTION) ** (step / steps)) for step in range(request.workers - 1)]


def _key(run: FailedRun) -> str | FailedRun:
    """What tells a run from others: its id, or the whole run if it has none that can be joined with others."""
    dlq_id = run._peek("dlqId")
    return dlq_id if isinstance(dlq_id, str) and dlq_id and SEPARATOR not in dlq_id else run
