"""What `list` and `scan` return: iterables of runs and of pages, sync and async.

Their iterators are classes and not generators: after an error they continue where they were, while a generator would
end as if it had read everything. And an async iterator that a `break` leaves behind needs no finalizer, which trio
would warn about.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import TYPE_CHECKING

from .._core.reading import Listing, Page, PageWalk
from .._core.run import FailedRun

if TYPE_CHECKING:
    from .._core.scan import Scan, ScanRequest
    from .connection import AsyncConnection, Connection

__all__ = ["AsyncFailedRuns", "AsyncScannedRuns", "FailedRuns", "ScannedRuns"]


class FailedRuns:
    """Failed runs, read page by page while iterating. Iterating again reads again. Holds one page at a time."""

    def __init__(self, connection: Connection, listing: Listing) -> None:
        self._connection = connection
        self._listing = listing

    def __repr__(self) -> str:
        return f"<FailedRuns{self._listing}>"

    def __iter__(self) -> Iterator[FailedRun]:
        return _Runs(self._pages(exact_cursors=False))

    def pages(self) -> Iterator[Page]:
        """The same runs by page, each with the cursor to continue from."""
        return self._pages(exact_cursors=True)

    def first(self) -> FailedRun | None:
        """The first run, or None."""
        return next(iter(FailedRuns(self._connection, self._listing.first())), None)

    def _pages(self, *, exact_cursors: bool) -> Iterator[Page]:
        walk = PageWalk(self._listing, exact_cursors=exact_cursors)
        if not self._listing.prefetch:
            return _Pages(self._connection, walk)
        from .._core.ahead import OneWalk
        from .threads import PagesAhead

        return PagesAhead(self._connection, OneWalk(walk), ahead=1, workers=1)


class ScannedRuns:
    """Failed runs, read in parallel while iterating, in no order. Iterating again reads again."""

    def __init__(self, connection: Connection, request: ScanRequest) -> None:
        self._connection = connection
        self._request = request

    def __repr__(self) -> str:
        return f"<ScannedRuns{self._request}>"

    def __iter__(self) -> Iterator[FailedRun]:
        from .threads import PagesAhead

        workers = self._request.workers
        return _Runs(
            PagesAhead(self._connection, _scan(self._connection, self._request), ahead=2 * workers, workers=workers)
        )


class _Pages(Iterator[Page]):
    def __init__(self, connection: Connection, walk: PageWalk) -> None:
        self._connection = connection
        self._walk = walk

    def __next__(self) -> Page:
        page = self._connection.run(self._walk.next_page())
        if page is None:
            raise StopIteration
        return page


class _Runs(Iterator[FailedRun]):
    def __init__(self, pages: Iterator[Page]) -> None:
        self._pages = pages
        self._runs: Iterator[FailedRun] = iter(())

    def __next__(self) -> FailedRun:
        while True:
            for run in self._runs:
                return run
            self._runs = iter(next(self._pages).runs)


class AsyncFailedRuns:
    """As `FailedRuns`, for `async for`."""

    def __init__(self, connection: AsyncConnection, listing: Listing) -> None:
        self._connection = connection
        self._listing = listing

    def __repr__(self) -> str:
        return f"<AsyncFailedRuns{self._listing}>"

    def __aiter__(self) -> AsyncIterator[FailedRun]:
        return _AsyncRuns(self._pages(exact_cursors=False))

    def pages(self) -> AsyncIterator[Page]:
        """As `FailedRuns.pages`."""
        return self._pages(exact_cursors=True)

    async def first(self) -> FailedRun | None:
        """As `FailedRuns.first`."""
        return await anext(aiter(AsyncFailedRuns(self._connection, self._listing.first())), None)

    def _pages(self, *, exact_cursors: bool) -> AsyncIterator[Page]:
        walk = PageWalk(self._listing, exact_cursors=exact_cursors)
        if not self._listing.prefetch:
            return _AsyncPages(self._connection, walk)
        from .._core.ahead import OneWalk
        from .tasks import AsyncPagesAhead

        return AsyncPagesAhead(self._connection, OneWalk(walk), ahead=1)


class AsyncScannedRuns:
    """As `ScannedRuns`, for `async for`."""

    def __init__(self, connection: AsyncConnection, request: ScanRequest) -> None:
        self._connection = connection
        self._request = request

    def __repr__(self) -> str:
        return f"<AsyncScannedRuns{self._request}>"

    def __aiter__(self) -> AsyncIterator[FailedRun]:
        from .tasks import AsyncPagesAhead

        scan = _scan(self._connection, self._request)
        return _AsyncRuns(AsyncPagesAhead(self._connection, scan, ahead=2 * self._request.workers))


class _AsyncPages(AsyncIterator[Page]):
    def __init__(self, connection: AsyncConnection, walk: PageWalk) -> None:
        self._connection = connection
        self._walk = walk

    async def __anext__(self) -> Page:
        page = await self._connection.run(self._walk.next_page())
        if page is None:
            raise StopAsyncIteration
        return page


class _AsyncRuns(AsyncIterator[FailedRun]):
    def __init__(self, pages: AsyncIterator[Page]) -> None:
        self._pages = pages
        self._runs: Iterator[FailedRun] = iter(())

    async def __anext__(self) -> FailedRun:
        while True:
            for run in self._runs:
                return run
            self._runs = iter((await anext(self._pages)).runs)


def _scan(connection: Connection | AsyncConnection, request: ScanRequest) -> Scan:
    from .._core.retries import RateLimitWait
    from .._core.scan import Scan

    rules, clock = connection.sender.rules, connection.clock
    limit_wait = None if rules is None else lambda: RateLimitWait(rules, clock)
    return Scan(request, limit_wait, clock.now, started_at=int(clock.time() * 1000))
