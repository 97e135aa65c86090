"""Pages read ahead by tasks of asyncio or trio, as `_core/ahead.py` plans it."""

from __future__ import annotations

import contextvars
from collections.abc import Callable, Coroutine
from functools import partial
from typing import TYPE_CHECKING, Any, Generic

import sniffio

from .._core.ahead import P, Plan, Source, Stopped
from .._core.reading import Page

if TYPE_CHECKING:
    import anyio

    from .connection import AsyncConnection

TASK_NAME = "upstash-workflow-dlq-ahead"


class AsyncPagesAhead(Generic[P]):
    """Pages that tasks read ahead. They stop when this is closed or collected."""

    def __init__(self, connection: AsyncConnection, source: Source[P], *, ahead: int) -> None:
        self._tasks = ReaderTasks(connection, Plan(source, ahead))
        connection.readers.add(self._tasks)

    async def after(self, number: int) -> tuple[int, Page | None]:
        """The page after that one, with its number; None after the last one."""
        return await self._tasks.page_after(number)

    async def aclose(self) -> None:
        await self._tasks.aclose()

    def __del__(self) -> None:
        self._tasks.abandon()


class ReaderTasks(Generic[P]):
    """The tasks. Apart from the iterator, which they must not keep alive."""

    def __init__(self, connection: AsyncConnection, plan: Plan[P]) -> None:
        self._connection = connection
        self._plan = plan
        self._cancels: set[Callable[[], object]] = set()
        self._news: anyio.Event | None = None
        self._spawn: Spawn
        self._is_halting = False
        self._is_closed = False

    async def page_after(self, number: int) -> tuple[int, Page | None]:
        if self._plan.is_waited_for:
            raise RuntimeError("another thread or task is reading from this iterator: give each its own")
        # Asked here: callbacks of asyncio, where further tasks begin, cannot tell which library runs.
        self._spawn = _spawn_on_trio if sniffio.current_async_library() == "trio" else _spawn_on_asyncio
        self._plan.is_waited_for = True
        try:
            page = await self._wait_for_page(number)
        finally:
            self._plan.is_waited_for = False
        self._begin()
        return page

    async def _wait_for_page(self, number: int) -> tuple[int, Page | None]:
        while not self._is_closed:
            self._begin()
            page = self._plan.page_after(number)
            if page is not None:
                return page
            if self._plan.is_settled:
                self._plan.raise_error()
                break
            await self._next_event()
        return number + 1, None

    def cancel(self) -> None:
        for cancel in list(self._cancels):
            try:
                cancel()
            except RuntimeError:  # the event loop is gone, and the task with it
                self._cancels.discard(cancel)

    async def halt(self) -> None:
        """Until the next page is asked for. Cancels requests under way."""
        self._is_halting = True
        try:
            self.cancel()
            while self._cancels:
                await self._next_event()
        finally:
            self._is_halting = False
            self._notify()

    async def aclose(self) -> None:
        self._is_closed = True
        await self.halt()

    def abandon(self) -> None:
        self._is_closed = True
        self.cancel()

    async def _next_event(self) -> None:
        import anyio

        self._news = self._news or anyio.Event()
        await self._news.wait()

    def _notify(self) -> None:
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
            try:
                outcome = await self._read(part)
            except Exception as error:
                outcome = error

        def ended() -> None:
            self._cancels.discard(cancel)
            if isinstance(outcome, Exception):
                self._plan.failed(part, outcome)
            else:
                self._plan.done(part, outcome)
            if not isinstance(outcome, Stopped):  # or the event loop may be ending, and would wait for what begins
                self._begin()
            self._notify()

        cancel = self._spawn(read, ended)
        self._cancels.add(cancel)

    async def _read(self, part: P) -> Page | None:
        clock, waited_for = self._connection.clock, None
        # Once for each limit: the clock that it is measured by may stand still (in tests of the caller's).
        while (resume_at := self._plan.source.resume_at) != waited_for:
            if (wait := resume_at - clock.now()) > 0:
                await clock.asleep(wait)
            waited_for = resume_at
        return await self._connection.run(part.next_page())


# Runs `read` in the background, and `ended` at its end; returns a function that cancels it from any thread. There is
# no nursery: it would tie the tasks to a block of the caller's, and an iterator has none.
Spawn = Callable[[Callable[[], Coroutine[Any, Any, None]], Callable[[], None]], Callable[[], object]]


def _spawn_on_asyncio(read: Callable[[], Coroutine[Any, Any, None]], ended: Callable[[], None]) -> Callable[[], object]:
    import asyncio

    loop = asyncio.get_running_loop()
    task = loop.create_task(read(), name=TASK_NAME)
    # Not in a `finally` of `read`: a task that is cancelled before it starts never gets there.
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
    trio.lowlevel.spawn_system_task(run, name=TASK_NAME, context=contextvars.copy_context())
    return partial(trio.lowlevel.current_trio_token().run_sync_soon, scope.cancel)
