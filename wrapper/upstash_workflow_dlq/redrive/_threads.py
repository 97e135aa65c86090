"""Drives the flow with threads: one for the flow and its journal, the others for requests.

The caller's thread only waits. So an interrupt (Ctrl-C) hits neither the journal nor an answer: it asks the flow to
stop, which lets what is under way end, and writes it down.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from queue import Empty, SimpleQueue
from typing import Any, NamedTuple

from ._effects import Begin, Effect, Finished, Flow, Keep, Request, Stopped, Tell, Tick, Until
from ._lock import RunLock
from ._model import Wave
from ._records import Journal


class Ended(NamedTuple):
    error: BaseException | None


Message = Wave | Ended | None
"""A wave that has ended, the end of it all, or None: something has changed."""


class Threads:
    def __init__(self, flow: Flow[None], journal: Journal, perform: Callable[[Request], Any], lock: RunLock) -> None:
        self.messages: SimpleQueue[Message] = SimpleQueue()
        self._flow = flow
        self._journal = journal
        self._perform = perform
        self._lock = lock
        self._finished: SimpleQueue[Finished | None] = SimpleQueue()
        self._requests: SimpleQueue[Request | None] = SimpleQueue()
        self._workers = 0
        self._idle = threading.Semaphore(0)
        self._may_go_on = threading.Semaphore(0)
        self._stop = threading.Event()
        # Daemons: a second Ctrl-C leaves them behind. The journal knows what they were about.
        self._thread = threading.Thread(target=self._run, name="redrive", daemon=True)
        self._thread.start()

    def go_on(self) -> None:
        """With the next wave."""
        self._may_go_on.release()

    def stop(self) -> None:
        """Begin nothing more, and wait until everything is written."""
        self._stop.set()
        self._finished.put(None)
        self._may_go_on.release()
        self._thread.join()

    def _run(self) -> None:
        error: BaseException | None = None
        try:
            self._drive()
        except Stopped:
            pass
        except BaseException as raised:
            error = raised
        finally:
            for _ in range(self._workers):
                self._requests.put(None)
            self._lock.release()
            self.messages.put(Ended(error))

    def _drive(self) -> None:
        try:
            effect = next(self._flow)
            while True:
                try:
                    answer = self._do(effect)
                except Exception as error:
                    effect = self._flow.throw(error)
                else:
                    effect = self._flow.send(answer)
        except StopIteration:
            return

    def _do(self, effect: Effect) -> Any:
        if isinstance(effect, Until):
            return self._wait(effect.moment)
        if isinstance(effect, Keep):
            return effect.call(self._journal)
        if isinstance(effect, Begin):
            for request in effect.requests:
                self._begin(request)
        elif isinstance(effect, Tell):
            self.messages.put(effect.wave)
            if effect.wave is not None:
                self._may_go_on.acquire()
        return None

    def _wait(self, moment: float) -> Tick:
        finished: list[Finished] = []
        timeout = max(0.0, min(moment - time.monotonic(), threading.TIMEOUT_MAX))
        try:
            item = self._finished.get(timeout=timeout)
            while True:
                if item is not None:  # which only wakes it
                    finished.append(item)
                item = self._finished.get_nowait()
        except Empty:
            pass
        return Tick(time.monotonic(), time.time_ns() // 1_000_000, finished, self._stop.is_set())

    def _begin(self, request: Request) -> None:
        if not self._idle.acquire(blocking=False):
            self._workers += 1
            threading.Thread(target=self._work, name=f"redrive-{self._workers}", daemon=True).start()
        self._requests.put(request)

    def _work(self) -> None:
        while (request := self._requests.get()) is not None:
            try:
                finished = Finished(request, self._perform(request))
            except Exception as error:
                finished = Finished(request, error=error)
            self._idle.release()
            self._finished.put(finished)
