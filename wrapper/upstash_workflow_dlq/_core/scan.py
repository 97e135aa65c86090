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
from .density import equal_cuts
from .filters import Filters, RunFilters
from .reading import MAX_PAGE_SIZE, Page, shown_arguments
from .run import FailedRun, has_status
from .window import RETENTION, Window

MAX_WORKERS = 64

HOUR = 3_600_000

# The figures below were chosen by simulation: 8 workers, with latencies that vary by 5 %. "Times" are requests in
# sequence by rounds of requests in parallel; most is 8. If nothing else is said, they are averages of 20 queues without
# dates, most of them 10,000 runs of which 80 % lie in 5 % of the time. "A week" is 10,000 runs, spread evenly, two
# months ago.

# A window is split if it would take this much longer than its share of the work: in pages, and as a part of its own.
# With 2 pages 5.1 times, with none 4.9, with 8 4.7. With 1/8 to 1/2 4.9 to 5.1, with 3/4 4.4.
MIN_EXCESS_PAGES = 2
MIN_EXCESS_SHARE = 1 / 4
# If a window may hold more pages than so many a worker, it is unknown how far its runs reach. Then so many are cut off
# for each worker, from where its pages have come to; what is left shows, by its first page, whether there is more.
# 12 gave 5.1 times, and 7.0 for a week; 8 gave 4.9 and 6.2, 16 gave 4.7 and 5.8, 48 gave 4.5 and 6.2.
PART_PAGES = 12
# Otherwise it is cut into parts of this much of a worker's share. With 0.7 to 1 4.9 to 5.1 times, with 1.5 4.7.
PART_SHARE = 0.85
# Requests that may be in vain (pages read twice, windows that turn out empty): so many a worker, and a share of all.
# With none a worker 5.1 times became 2.5, with 2 4.7; with no share it became 3.0, with 1/8 4.6. With more nothing is
# gained.
VAIN_REQUESTS_A_WORKER = 3
VAIN_REQUESTS_SHARE = 1 / 4


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
        self._is_cut_evenly = request.start is not None
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

    def _may_be_endless(self, window: Window) -> bool:
        return window.pages_left() > PART_PAGES * self._workers

    def _split_the_longest(self) -> None:
        """Give up a window that would keep one worker busy after all others, for parts of it."""
        known = [window for window in self._windows if not window.is_unknown]
        if self._workers == 1 or not known:
            return
        window = max(known, key=Window.pages_left)
        left = window.pages_left()
        known_pages = all_pages = sum(map(Window.pages_left, known))
        if self._is_cut_evenly or not self._may_be_endless(window):
            # The windows that nothing is known of are taken to be like the others. (Else, where windows get longer with
            # age, to be empty: that saves waiting for them.)
            all_pages *= len(self._windows) / len(known)
        share = (all_pages + window.pages + 1) / self._workers
        if left - share < max(MIN_EXCESS_PAGES, left * MIN_EXCESS_SHARE) or not window.can_be_split:
            return
        if window.pages and not window.has_direction and not all(other.pages for other in self._windows):
            return  # its length is a mere guess, so the others are looked at first
        if self._would_risk_too_much(window):
            return
        if window.has_direction and self._may_be_endless(window):
            # As many parts as there are workers without a window; the longer, the more has been found.
            found = known_pages - left + self._new_runs / MAX_PAGE_SIZE
            cuts = window.near_cuts(max(2, self._workers - len(known) + 1), max(PART_PAGES, found / self._workers))
            self._replace(window, cuts, is_far=True)
        else:
            parts = math.ceil(left / max(1, share * PART_SHARE))
            self._replace(window, window.cuts(max(2, min(parts, self._workers)), self._workers), is_far=False)

    def _would_risk_too_much(self, window: Window) -> bool:
        """Whether too many requests would be in vain, at worst, if this window were given up."""
        in_vain = self._requests - self._new_runs / MAX_PAGE_SIZE
        # Its own pages, if it is not even known where the others lie.
        at_stake = 0 if window.has_direction else window.pages
        at_stake += sum(other.pages_at_stake for other in self._windows)
        return in_vain + at_stake > VAIN_REQUESTS_A_WORKER * self._workers + self._requests * VAIN_REQUESTS_SHARE

    def _replace(self, window: Window, cuts: Iterable[int], *, is_far: bool) -> None:
        """Read parts of a window instead of the whole."""
        parts = list(self._parts(window.start, window.end, cuts, window.all_delivered()))
        if len(parts) == 1:
            return
        for part in parts:
            window.tell(part, is_far=is_far)
        window.is_given_up = True
        self._windows.remove(window)
        self._windows += parts


def _first_cuts(request: ScanRequest, started_at: int) -> list[int]:
    end = request.end if request.end is not None else started_at
    if request.start is not None:
        return equal_cuts(request.start, end, request.workers)
    # Most runs are recent: cut at ages from the longest retention down to an hour, each a fixed factor shorter.
    steps = request.workers - 1
    return [end - int(RETENTION * (HOUR / RETENTION) ** (step / steps)) for step in range(1, steps + 1)]
