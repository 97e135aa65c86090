"""Pages read ahead by threads, as `_core/ahead.py` plans it.

Three things can happen at any instant, and none may lose a page, or wait for ever:

- An interrupt (Ctrl-C), in the caller's thread only. So threads do the bookkeeping; the caller's only looks at what is
  ready. A page stays there until the next one is asked for.
- A finaliser, in any thread, with any lock held. It only sets a flag and what `stopping` offers.
- A thread that cannot be started. Then those that run go on alone; without any, the caller's thread reads.

Threads are daemons: leaving does not wait for requests under way, and neither does the end of the program.
"""

from __future__ import annotations

import contextvars
import os
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Generic

from .._core.ahead import P, Plan, Source
from .._core.reading import Page
from .stopping import Signal, Stop

if TYPE_CHECKING:
    from .connection import Connection

THREAD_NAME = "upstash-workflow-dlq-ahead"


class PagesAhead(Generic[P]):
    """Pages that threads read ahead. They stop when this is closed or collected."""

    def __init__(self, connection: Connection, source: Source[P], *, ahead: int, workers: int) -> None:
        self._threads = ReaderThreads(connection, Plan(source, ahead), workers)
        connection.readers.add(self._threads)

    def after(self, number: int) -> tuple[int, Page | None]:
        """The page after that one, with its number; None after the last one."""
        return self._threads.page_after(number)

    def close(self) -> None:
        self._threads.close()

    def __del__(self) -> None:
        with suppress(Exception):  # the interpreter may be shutting down
            self._threads.close()


class _Crew:
    """Threads that are stopped together."""

    def __init__(self) -> None:
        self.stop = Stop()
        self.wake = Signal()
        self.threads = 0
        self.idle = 0

    def dismiss(self) -> None:
        self.stop.set()
        self.wake.set()


class ReaderThreads(Generic[P]):
    """The threads. Apart from the iterator, which they must not keep alive."""

    def __init__(self, connection: Connection, plan: Plan[P], workers: int) -> None:
        self._connection = connection
        self._plan = plan
        self._workers = workers
        self._process = os.getpid()
        # Guards the plan, and the counts of the crews.
        self._lock = threading.Lock()
        self._crew = _Crew()
        self._news = Signal()
        self._is_closed = False
        self._reader: int | None = None

    def page_after(self, number: int) -> tuple[int, Page | None]:
        if os.getpid() != self._process:
            raise RuntimeError("this iterator was started in another process: start a new one here")
        me = threading.get_ident()
        if self._reader not in (None, me):
            raise RuntimeError("another thread or task is reading from this iterator: give each its own")
        self._reader = me  # an interrupt may leave it so; then it is this thread that goes on
        try:
            return self._wait_for_page(number)
        except BaseException:
            self.halt()  # nobody may come back
            raise
        finally:
            self._reader = None

    def halt(self) -> None:
        """Until the next page is asked for. Requests under way are dropped, and will be sent again."""
        self._crew.dismiss()
        self._news.set()

    def close(self) -> None:
        self._is_closed = True
        self.halt()

    def _wait_for_page(self, number: int) -> tuple[int, Page | None]:
        plan = self._plan
        plan.is_waited_for = True
        try:
            while not self._is_closed:
                if self._crew.stop.is_set:  # an interrupt of before; or the client is being closed, by another thread
                    self._crew = _Crew()
                is_settled = plan.is_settled  # looked at first: if it is, all pages are ready by now
                page = plan.page_after(number)
                if page is not None:
                    return page
                if is_settled:
                    plan.raise_error()
                    return number + 1, None
                if self._has_thread():
                    self._news.wait()
                else:
                    self._read_here()
            return number + 1, None
        finally:
            plan.is_waited_for = False
            self._crew.wake.set()  # there is room for one more

    def _has_thread(self) -> bool:
        """Whether a thread sees to the plan. Starts one if there is none."""
        self._crew.wake.set()
        return self._crew.threads > 0 or self._start_thread(self._crew)

    def _start_thread(self, crew: _Crew) -> bool:
        run = contextvars.copy_context().run
        try:
            threading.Thread(target=run, args=(self._work, crew), name=THREAD_NAME, daemon=True).start()
        except RuntimeError:  # no more threads can be had, or the interpreter is ending
            return False
        return True

    def _work(self, crew: _Crew) -> None:
        with self._lock:
            if crew.threads >= self._workers:
                return
            crew.threads += 1
        try:
            while (part := self._next_part(crew)) is not None:
                self._read(part, crew)
        finally:
            with self._lock:
                crew.threads -= 1
            crew.wake.set()
            self._news.set()

    def _next_part(self, crew: _Crew) -> P | None:
        """A part to read; waits until there is one. None when this thread is to end."""
        while not crew.stop.is_set:
            with self._lock:
                part = self._plan.begin()
                if part is None and self._plan.has_ended:
                    return None
                crew.idle += part is None
                is_short_of_threads = self._plan.has_room and not crew.idle and crew.threads < self._workers
            if part is None:
                crew.wake.wait()
                with self._lock:
                    crew.idle -= 1
            elif is_short_of_threads:
                self._start_thread(crew)
                return part
            else:
                crew.wake.set()  # perhaps there is another part
                return part
        return None

    def _read(self, part: P, crew: _Crew) -> None:
        outcome: Page | BaseException | None
        try:
            outcome = self._fetch(part, crew.stop)
        except BaseException as error:
            outcome = error
        with self._lock:
            if isinstance(outcome, BaseException):
                self._plan.failed(part, outcome)
            else:
                self._plan.done(part, outcome)
        self._news.set()
        self._crew.wake.set()  # of a later crew, which may wait for this part

    def _fetch(self, part: P, stop: Stop) -> Page | None:
        stop.check()
        waited_for = None
        # Once for each limit: the clock that it is measured by may stand still (in tests of the caller's).
        while (resume_at := self._plan.source.resume_at) != waited_for:
            stop.sleep(resume_at - self._connection.clock.now())
            waited_for = resume_at
        return self._connection.run(part.next_page(), stop)

    def _read_here(self) -> None:
        """In the caller's thread, where no other can be had."""
        with self._lock:
            part = self._plan.begin()
        if part is not None:
            self._read(part, self._crew)
        elif not self._plan.is_settled:
            self._news.wait()
