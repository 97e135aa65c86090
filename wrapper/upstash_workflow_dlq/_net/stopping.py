"""Ending requests: at a deadline, or at once from anywhere.

A finaliser may run in any thread, at any instruction, while any lock is held. So stopping waits for nothing and takes
no lock: it sets a flag, releases a lock that nobody else releases, and shuts sockets down.
"""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Generic, TypeVar
from weakref import ref

import httpx

from .._core.ahead import Stopped

T = TypeVar("T")

_current = threading.local()


class Living(Generic[T]):
    """Objects that this does not keep alive. Other threads may add some meanwhile; a WeakSet may raise then."""

    def __init__(self) -> None:
        self._refs: set[ref[T]] = set()

    def add(self, item: T) -> None:
        self._refs.add(ref(item, self._refs.discard))

    def __iter__(self) -> Iterator[T]:
        return iter([item for reference in list(self._refs) if (item := reference()) is not None])


class Signal:
    """Wakes one waiting thread, now or when the next one waits."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._lock.acquire()

    def set(self) -> None:
        with suppress(RuntimeError):  # it is set already
            self._lock.release()

    def wait(self, seconds: float = -1) -> bool:
        """Whether it was set. -1 waits for ever."""
        return self._lock.acquire(timeout=seconds)


class Stop:
    """Stops the requests and the sleeps of some threads."""

    def __init__(self) -> None:
        self.is_set = False
        self._process = os.getpid()
        self._signal = Signal()
        self._sockets: set[socket.socket] = set()

    def set(self) -> None:
        self.is_set = True
        if os.getpid() != self._process:
            return  # after a fork: those are the sockets of the parent, too
        self._signal.set()
        for used in list(self._sockets):
            shut_down(used)

    def check(self) -> None:
        if self.is_set:
            raise Stopped

    def sleep(self, seconds: float) -> None:
        self.check()
        if self._signal.wait(max(0.0, min(seconds, threading.TIMEOUT_MAX))):
            self._signal.set()  # for the next one that sleeps
            raise Stopped

    @contextmanager
    def blocking_on(self, used: socket.socket) -> Iterator[None]:
        """While this thread waits for a socket, `set` shuts it down. Raises Stopped if it is set already."""
        self._sockets.add(used)
        try:
            self.check()
            yield
        finally:
            self._sockets.discard(used)


def shut_down(used: socket.socket) -> None:
    """Wake the thread that reads from it or writes to it."""
    with suppress(OSError):  # it is closed, or not connected
        # The base class's method: that of TLS sockets is not for use by another thread.
        socket.socket.shutdown(used, socket.SHUT_RDWR)


class Exchange:
    """One request under way in this thread: when it must end, and what may stop it."""

    def __init__(self, seconds: float | None, stop: Stop | None) -> None:
        self._seconds = seconds
        self._ends_at = None if seconds is None else time.monotonic() + seconds
        self.stop = stop

    def check(self) -> None:
        if self.stop is not None:
            self.stop.check()
        if self._ends_at is not None and time.monotonic() >= self._ends_at:
            raise httpx.ReadTimeout(f"not complete after {self._seconds:.3g} s, the time that was left for it")

    def timeout(self, timeout: float | None) -> float | None:
        """A timeout that ends no later than this exchange."""
        self.check()
        if self._ends_at is None:
            return timeout
        left = max(0.001, self._ends_at - time.monotonic())
        return left if timeout is None else min(timeout, left)


@contextmanager
def exchange_of_this_thread(seconds: float | None, stop: Stop | None) -> Iterator[Exchange]:
    before = current_exchange()
    exchange = _current.exchange = Exchange(seconds, stop)
    try:
        yield exchange
    finally:
        _current.exchange = before


def current_exchange() -> Exchange | None:
    exchange: Exchange | None = getattr(_current, "exchange", None)
    return exchange
