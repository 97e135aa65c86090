"""Reading ahead: pages are fetched in the background while the caller looks at those before.

What to begin and what to hand out is decided in one place, without I/O; threads and tasks drive it.
"""

from __future__ import annotations

import contextvars
import threading
from collections import deque
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import suppress
from functools import partial
from time import monotonic
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

import sniffio

from ._calls import Flow
from ._operations import Page, PageWalk

if TYPE_CHECKING:
    from concurrent.futures import ThreadPoolExecutor

    import anyio

    from ._client import AsyncDLQClient, DLQClient

THREAD_NAME = "upstash-workflow-dlq-ahead"


class Part(Protocol):
    """Something that is read page by page, one page at a time."""

    def next_page(self) -> Flow[Page | None]: ...


P = TypeVar("P", bound=Part)


class Source(Protocol[P]):
    """What is read ahead: parts that may be read at once."""

    @property
    def limit(self) -> int:
        """How many parts may be read at once."""

    @property
    def resume_at(self) -> float:
        """Nothing is to be sent before this moment of the monotonic clock."""

    @property
    def is_exhausted(self) -> bool:
        """Whether all has been read, where nothing is being read."""

    def take(self) -> P | None:
        """A part to read a page of; None where there is none, or none now."""

    def put_back(self, part: P) -> None:
        """Its page was not read."""

    def done(self, part: P, page: Page | None) -> Page | None:
        """What to hand out of what was read."""

    def failed(self, part: P, error: Exception) -> bool:
        """Whether to go on in spite of that. The part is put back."""


class OneWalk:
    """A list as a source: one part, whose pages come in order."""

    limit = 1
    resume_at = 0.0

    def __init__(self, walk: PageWalk) -> None:
        self._walk: PageWalk | None = walk

    @property
    def is_exhausted(self) -> bool:
        return self._walk is None

    def take(self) -> PageWalk | None:
        walk, self._walk = self._walk, None
        return walk

    def put_back(self, walk: PageWalk) -> None:
        self._walk = walk

    def done(self, walk: PageWalk, page: Page | None) -> Page | None:
        if page is not None:
            self._walk = walk
        return page

    def failed(self, walk: PageWalk, error: Exception) -> bool:
        self._walk = walk
        return False


class Stopped(Exception):
    """Never leaves this module: how a worker that is to stop does."""


class Plan(Generic[P]):
    """What to begin, and what to hand out. At most `ahead` pages are read, or being read, that nobody waits for."""

    def __init__(self, source: Source[P], ahead: int) -> None:
        self.source = source
        self.running = 0
        self.is_waited_for = False
        self._ahead = ahead
        self._ready: deque[Page] = deque()
        self._error: Exception | None = None

    def begin(self) -> P | None:
        """A part to read a page of, now."""
        spoken_for = self.running + len(self._ready) - self.is_waited_for
        if self._error is not None or self.running >= self.source.limit or spoken_for >= self._ahead:
            return None
        part = self.source.take()
        self.running += part is not None
        return part

    def done(self, part: P, page: Page | None) -> None:
        self.running -= 1
        handed_out = self.source.done(part, page)
        if handed_out is not None:
            self._ready.append(handed_out)

    def failed(self, part: P, error: BaseException) -> None:
        self.running -= 1
        if not isinstance(error, Exception) or isinstance(error, Stopped):
            self.source.put_back(part)
        elif not self.source.failed(part, error):
            self._error = self._error or error

    @property
    def has_news(self) -> bool:
        """Whether there is a page, an error, or the end. That nothing is read may only mean that all were stopped."""
        return bool(self._ready) or (not self.running and (self._error is not None or self.source.is_exhausted))

    def page(self) -> Page | None:
        """The next page; None after the last one. Errors come after all that was read before them."""
        if self._ready:
            return self._ready.popleft()
        error, self._error = self._error, None
        if error is not None:
            raise error
        return None

    def claim(self) -> None:
        if self.is_waited_for:
            raise RuntimeError("another thread or task is reading from this iterator: give each its own")
        self.is_waited_for = True


class PagesAhead(Iterator[Page], Generic[P]):
    """Pages that threads fetch ahead. They stop when this is closed, or gone."""

    def __init__(self, client: DLQClient, source: Source[P], *, ahead: int, workers: int) -> None:
        self._crew = Crew(client, Plan(source, ahead), workers)
        client._crews.add(self._crew)

    def __next__(self) -> Page:
        page = self._crew.next_page()
        if page is None:
            raise StopIteration
        return page

    def close(self) -> None:
        self._crew.close()

    def __del__(self) -> None:
        with suppress(Exception):  # which may be the interpreter's end
            self._crew.close()


class Crew(Generic[P]):
    """The threads. Apart from the iterator, which they must not keep alive."""

    def __init__(self, client: DLQClient, plan: Plan[P], workers: int) -> None:
        self._client = client
        self._plan = plan
        self._workers = workers
        self._lock = threading.Condition()
        self._stopping = threading.Event()
        self._pool: ThreadPoolExecutor | None = None
        self._is_closed = False

    def next_page(self) -> Page | None:
        if self._is_closed:
            return None
        with self._lock:
            self._plan.claim()
        page = None
        try:
            with self._lock:
                self._begin()
                while not (self._plan.has_news or self._is_closed):
                    self._lock.wait()
                    self._begin()
                page = self._plan.page()
        finally:
            self._plan.is_waited_for = False
            if page is None:  # the end, an error, or somebody lost patience: nobody may come back
                self.halt()
        with self._lock:
            self._begin()
        return page

    def halt(self) -> None:
        """Until the next page is asked for. Waits for requests under way, whose pages are kept; cuts other waits."""
        with self._lock:
            self._stopping.set()
            pool, self._pool = self._pool, None
        if pool is not None:
            # A worker may be what collects the garbage, and cannot wait for itself.
            pool.shutdown(wait=not threading.current_thread().name.startswith(THREAD_NAME))
        with self._lock:
            self._stopping = threading.Event()
            self._lock.notify_all()

    def close(self) -> None:
        self._is_closed = True
        self.halt()

    def _next_part(self) -> P | None:
        return None if self._is_closed or self._stopping.is_set() else self._plan.begin()

    def _begin(self) -> None:
        while (part := self._next_part()) is not None:
            if self._pool is None:
                from concurrent.futures import ThreadPoolExecutor

                self._pool = ThreadPoolExecutor(self._workers, THREAD_NAME)
            self._pool.submit(self._work, part, self._stopping)

    def _work(self, part: P | None, stopping: threading.Event) -> None:
        def pause(seconds: float) -> None:
            if stopping.wait(seconds):
                raise Stopped

        outcome: Page | BaseException | None
        while part is not None:
            try:
                pause(0)
                while (wait := self._plan.source.resume_at - monotonic()) > 0:
                    pause(wait)
                outcome = self._client._run(part.next_page(), pause=pause)
            except BaseException as error:
                outcome = error
            with self._lock:
                if isinstance(outcome, BaseException):
                    self._plan.failed(part, outcome)
                else:
                    self._plan.done(part, outcome)
                outcome = None  # or this thread would hold the page until the next one comes
                # In this thread, which is awake: the next request leaves without waiting for another to wake up.
                part = self._next_part()
                self._begin()
                self._lock.notify_all()


class AsyncPagesAhead(AsyncIterator[Page], Generic[P]):
    """Pages that tasks fetch ahead. They stop when this is closed, or gone."""

    def __init__(self, client: AsyncDLQClient, source: Source[P], *, ahead: int) -> None:
        self._crew = AsyncCrew(client, Plan(source, ahead))
        client._crews.add(self._crew)

    async def __anext__(self) -> Page:
        page = await self._crew.next_page()
        if page is None:
            raise StopAsyncIteration
        return page

    async def aclose(self) -> None:
        await self._crew.aclose()

    def __del__(self) -> None:
        self._crew.abandon()


class AsyncCrew(Generic[P]):
    """The tasks. Apart from the iterator, which they must not keep alive."""

    def __init__(self, client: AsyncDLQClient, plan: Plan[P]) -> None:
        self._client = client
        self._plan = plan
        self._cancels: set[Callable[[], object]] = set()
        self._news: anyio.Event | None = None
        self._spawn: Spawn
        self._is_halting = False
        self._is_closed = False

    async def next_page(self) -> Page | None:
        if self._is_closed:
            return None
        # Asked here, since asyncio's callbacks, where further tasks begin, cannot tell.
        self._spawn = _spawn_on_trio if sniffio.current_async_library() == "trio" else _spawn_on_asyncio
        self._plan.claim()
        try:
            await self._until(self._has_news)
            page = self._plan.page()
        finally:
            self._plan.is_waited_for = False
        self._begin()
        return page

    def cancel(self) -> None:
        for cancel in list(self._cancels):
            try:
                cancel()
            except RuntimeError:  # The event loop is gone, and the task with it.
                self._cancels.discard(cancel)

    async def halt(self) -> None:
        """Until the next page is asked for. Cuts off requests under way."""
        self._is_halting = True
        try:
            self.cancel()
            await self._until(lambda: not self._cancels)
        finally:
            self._is_halting = False
            self._tell()

    async def aclose(self) -> None:
        self._is_closed = True
        await self.halt()

    def abandon(self) -> None:
        self._is_closed = True
        self.cancel()

    async def _until(self, happened: Callable[[], bool]) -> None:
        import anyio

        while not happened():
            self._news = self._news or anyio.Event()
            await self._news.wait()

    def _has_news(self) -> bool:
        self._begin()
        return self._plan.has_news or self._is_closed

    def _tell(self) -> None:
        if self._news is not None:
            self._news.set()
            self._news = None

    def _begin(self) -> None:
        while not (self._is_closed or self._is_halting) and (part := self._plan.begin()) is not None:
            self._start(part)

    def _start(self, part: P) -> None:
        outcome: Page | Exception | None = Stopped()  # unless it comes to an end

        async def read() -> None:
            nonlocal outcome
            import anyio

            try:
                while (wait := self._plan.source.resume_at - monotonic()) > 0:
                    await anyio.sleep(wait)
                outcome = await self._client._run(part.next_page())
            except Exception as error:
                outcome = error

        def ended() -> None:
            self._cancels.discard(cancel)
            if isinstance(outcome, Exception):
                self._plan.failed(part, outcome)
            else:
                self._plan.done(part, outcome)
            if not isinstance(outcome, Stopped):  # else the event loop may be ending, and wait for whatever begins
                self._begin()
            self._tell()

        cancel = self._spawn(read, ended)
        self._cancels.add(cancel)


# What runs `read` in the background, `ended` at its end; returns what cancels it, from any thread. A nursery would tie
# it to a block of the caller's, and what iterates has none.
Spawn = Callable[[Callable[[], Coroutine[Any, Any, None]], Callable[[], None]], Callable[[], object]]


def _spawn_on_asyncio(read: Callable[[], Coroutine[Any, Any, None]], ended: Callable[[], None]) -> Callable[[], object]:
    import asyncio

    loop = asyncio.get_running_loop()
    task = loop.create_task(read(), name=THREAD_NAME)
    # Not in a `finally` of its own: a task that is cancelled before it begins never gets there.
    task.add_done_callback(lambda task: ended())
    return partial(loop.call_soon_threadsafe, task.cancel)


def _spawn_on_trio(read: Callable[[], Coroutine[Any, Any, None]], ended: Callable[[], None]) -> Callable[[], object]:
    import trio

    scope = trio.CancelScope()

    async def run() -> None:
        try:
            with scope:
                await read()
        finally:
            ended()

    # A system task must not fail: `read` keeps its errors to itself.
    trio.lowlevel.spawn_system_task(run, name=THREAD_NAME, context=contextvars.copy_context())
    return partial(trio.lowlevel.current_trio_token().run_sync_soon, scope.cancel)
