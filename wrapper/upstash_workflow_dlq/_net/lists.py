"""What `list` and `scan` return: iterables of runs and of pages, sync and async.

Their iterators are classes and not generators: after an error they continue where they were, while a generator would
end as if it had read everything. And an async iterator that a `break` leaves behind needs no finalizer, which trio
would warn about.

They ask for the page after that of a number, and take over number and page in one step. So an interrupt between any
two instructions loses no page: asked again, `after` gives the same one.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import TYPE_CHECKING, Protocol

from .._core.reading import Listing, Page, PageWalk
from .._core.run import FailedRun

if TYPE_CHECKING:
    from .._core.scan import Scan, ScanRequest
    from .connection import AsyncConnection, Connection

__all__ = ["AsyncFailedRuns", "AsyncScannedRuns", "FailedRuns", "ScannedRuns"]


class FailedRuns:
    """Failed runs, read page by page while iterating. Iterating again reads again. Holds one page at a time.

    After an error, the same iterator continues where it was. Raises `RuntimeError` where two threads read from one.
    """

    def __init__(self, connection: Connection, listing: Listing) -> None:
        self._connection = connection
        self._listing = listing

    def __repr__(self) -> str:
        return f"<FailedRuns{self._listing}>"

    @property
    def selects_everything(self) -> bool:
        """Whether neither a filter nor a limit nor a cursor keeps it from being the whole queue."""
        return self._listing.selects_everything

    def __iter__(self) -> Iterator[FailedRun]:
        return RunIterator(self._pages(exact_cursors=False))

    def pages(self) -> Iterator[Page]:
        """The same runs by page, each with the cursor to continue from.

        Raises `InvalidResponseError` if the service sends more runs than a `limit` has room for: the cursor would skip
        them.

        ```python
        from pathlib import Path

        kept = Path("cursor.txt")
        for page in dlq.list(label="billing", page_size=20).pages():
            print(len(page.runs), "runs")
            kept.write_text(page.cursor or "")

        # To go on from there another time:
        rest = dlq.list(label="billing", cursor=kept.read_text() or None)
        ```
        """
        return PageIterator(self._pages(exact_cursors=True))

    def first(self) -> FailedRun | None:
        """The first run, or None."""
        return next(iter(FailedRuns(self._connection, self._listing.first())), None)

    def _pages(self, *, exact_cursors: bool) -> Pages:
        walk = PageWalk(self._listing, exact_cursors=exact_cursors)
        if not self._listing.prefetch:
            return WalkedPages(self._connection, walk)
        from .._core.ahead import OneWalk
        from .threads import PagesAhead

        return PagesAhead(self._connection, OneWalk(walk), ahead=1, workers=1)


class ScannedRuns:
    """Failed runs, read in parallel while iterating, in no order. Iterating again reads again.

    After an error, the same iterator continues where it was. Raises `RuntimeError` where two threads read from one.
    """

    def __init__(self, connection: Connection, request: ScanRequest) -> None:
        self._connection = connection
        self._request = request

    def __repr__(self) -> str:
        return f"<ScannedRuns{self._request}>"

    @property
    def selects_everything(self) -> bool:
        """As that of `FailedRuns`."""
        return self._request.filters.is_empty

    def __iter__(self) -> Iterator[FailedRun]:
        from .threads import PagesAhead

        workers = self._request.workers
        scan = _scan(self._connection, self._request)
        return RunIterator(PagesAhead(self._connection, scan, ahead=2 * workers, workers=workers))


class Pages(Protocol):
    """Where pages come from."""

    def after(self, number: int) -> tuple[int, Page | None]:
        """The page after that one, with its number; None after the last one."""

    def close(self) -> None:
        """Stop reading ahead."""


class WalkedPages:
    """Pages that are read when they are asked for."""

    def __init__(self, connection: Connection, walk: PageWalk) -> None:
        self._connection = connection
        self._walk = walk

    def after(self, number: int) -> tuple[int, Page | None]:
        if self._walk.position.number == number:
            self._connection.run(self._walk.advance())
        return self._walk.position.number, self._walk.position.page

    def close(self) -> None:
        """Nothing is read ahead."""


class PageIterator(Iterator[Page]):
    def __init__(self, pages: Pages) -> None:
        self._pages = pages
        self._number = 0

    def __next__(self) -> Page:
        number, page = self._pages.after(self._number)
        self._number = number
        if page is None:
            raise StopIteration
        return page

    def close(self) -> None:
        """Stop reading ahead."""
        self._pages.close()


class RunIterator(Iterator[FailedRun]):
    def __init__(self, pages: Pages) -> None:
        self._pages = pages
        self._number = 0
        self._runs: Iterator[FailedRun] = iter(())

    def __next__(self) -> FailedRun:
        while True:
            for run in self._runs:
                return run
            number, page = self._pages.after(self._number)
            if page is None:
                raise StopIteration
            runs = iter(page.runs)
            self._number, self._runs = number, runs


class AsyncFailedRuns:
    """As `FailedRuns`, for `async for`."""

    def __init__(self, connection: AsyncConnection, listing: Listing) -> None:
        self._connection = connection
        self._listing = listing

    def __repr__(self) -> str:
        return f"<AsyncFailedRuns{self._listing}>"

    @property
    def selects_everything(self) -> bool:
        """Whether neither a filter nor a limit nor a cursor keeps it from being the whole queue."""
        return self._listing.selects_everything

    def __aiter__(self) -> AsyncIterator[FailedRun]:
        return AsyncRunIterator(self._pages(exact_cursors=False))

    def pages(self) -> AsyncIterator[Page]:
        """As `FailedRuns.pages`."""
        return AsyncPageIterator(self._pages(exact_cursors=True))

    async def first(self) -> FailedRun | None:
        """As `FailedRuns.first`."""
        return await anext(aiter(AsyncFailedRuns(self._connection, self._listing.first())), None)

    def _pages(self, *, exact_cursors: bool) -> AsyncPages:
        walk = PageWalk(self._listing, exact_cursors=exact_cursors)
        if not self._listing.prefetch:
            return AsyncWalkedPages(self._connection, walk)
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

    @property
    def selects_everything(self) -> bool:
        """As that of `FailedRuns`."""
        return self._request.filters.is_empty

    def __aiter__(self) -> AsyncIterator[FailedRun]:
        from .tasks import AsyncPagesAhead

        scan = _scan(self._connection, self._request)
        return AsyncRunIterator(AsyncPagesAhead(self._connection, scan, ahead=2 * self._request.workers))


class AsyncPages(Protocol):
    """As `Pages`."""

    async def after(self, number: int) -> tuple[int, Page | None]: ...

    async def aclose(self) -> None: ...


class AsyncWalkedPages:
    """As `WalkedPages`."""

    def __init__(self, connection: AsyncConnection, walk: PageWalk) -> None:
        self._connection = connection
        self._walk = walk

    async def after(self, number: int) -> tuple[int, Page | None]:
        if self._walk.position.number == number:
            await self._connection.run(self._walk.advance())
        return self._walk.position.number, self._walk.position.page

    async def aclose(self) -> None:
        """Nothing is read ahead."""


class AsyncPageIterator(AsyncIterator[Page]):
    """As `PageIterator`."""

    def __init__(self, pages: AsyncPages) -> None:
        self._pages = pages
        self._number = 0

    async def __anext__(self) -> Page:
        number, page = await self._pages.after(self._number)
        self._number = number
        if page is None:
            raise StopAsyncIteration
        return page

    async def aclose(self) -> None:
        """Stop reading ahead."""
        await self._pages.aclose()


class AsyncRunIterator(AsyncIterator[FailedRun]):
    """As `RunIterator`."""

    def __init__(self, pages: AsyncPages) -> None:
        self._pages = pages
        self._number = 0
        self._runs: Iterator[FailedRun] = iter(())

    async def __anext__(self) -> FailedRun:
        while True:
            for run in self._runs:
                return run
            number, page = await self._pages.after(self._number)
            if page is None:
                raise StopAsyncIteration
            self._number, self._runs = number, iter(page.runs)


def _scan(connection: Connection | AsyncConnection, request: ScanRequest) -> Scan:
    from .._core.retries import RateLimitWait
    from .._core.scan import Scan

    rules, clock = connection.sender.rules, connection.clock
    limit_wait = None if rules is None else lambda: RateLimitWait(rules, clock)
    return Scan(request, limit_wait, clock.now, started_at=int(clock.time() * 1000))
