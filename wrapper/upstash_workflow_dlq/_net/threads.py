"""Pages read ahead by threads, as `_core/ahead.py` plans it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, Generic

from .._core.ahead import P, Plan, Source, Stopped
from .._core.reading import Page

if TYPE_CHECKING:
    from concurrent.futures import ThreadPoolExecutor

    from .connection import Connection

THREAD_NAME = "upstash-workflow-dlq-ahead"


class PagesAhead(Iterator[Page], Generic[P]):
    """Pages that threads read ahead. They stop when this is closed or collected."""

    def __init__(self, connection: Connection, source: Source[P], *, ahead: int, workers: int) -> None:
        self._threads = ReaderThreads(connection, Plan(source, ahead), workers)
        connection.readers.add(self._threads)

    def __next__(self) -> Page:
        page = self._threads.next_page()
        if page is None:
            raise StopIteration
        return page

    def close(self) -> None:
        self._threads.close()

    def __del__(self) -> None:
        with suppress(Exception):  # the interpreter may be shutting down
            self._threads.close()


class ReaderThreads(Generic[P]):
    """The threads. Apart from the iterator, which they must not keep alive."""

    def __init__(self, connection: Connection, plan: Plan[P], workers: int) -> None:
        self._connection = connection
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
            if page is None:  # the end, an error, or an interrupt: nobody may come back
                self.halt()
        with self._lock:
            self._begin()
        return page

    def halt(self) -> None:
        """Until the next page is asked for. Waits for requests under way, and keeps their pages; cuts other waits."""
        with self._lock:
            self._stopping.set()
            pool, self._pool = self._pool, None
        if pool is not None:
            # A worker may be what runs the garbage collector, and cannot wait for itself.
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
        sleep = _sleep_until(stopping)
        outcome: Page | BaseException | None
        while part is not None:
            try:
                outcome = self._read(part, sleep)
            except BaseException as error:
                outcome = error
            with self._lock:
                if isinstance(outcome, BaseException):
                    self._plan.failed(part, outcome)
                else:
                    self._plan.done(part, outcome)
                outcome = None  # or this thread would hold the page until the next one comes
                # In this thread, which is awake: the next request leaves without waiting for another one to wake up.
                part = self._next_part()
                self._begin()
                self._lock.notify_all()

    def _read(self, part: P, sleep: Callable[[float], None]) -> Page | None:
        sleep(0)
        while (wait := self._plan.source.resume_at - self._connection.clock.now()) > 0:
            sleep(wait)
        return self._connection.run(part.next_page(), sleep)


def _sleep_until(stopping: threading.Event) -> Callable[[float], None]:
    def sleep(seconds: float) -> None:
        if stopping.wait(seconds):
            raise Stopped

    return sleep
