"""The connections of a client that was given no transport: httpx's own, made safe where httpx leaves that open.

- After a fork they are made anew, and the async ones in another event loop: shared ones would mix up answers.
- One whose request is cancelled before it is used does not stay in the pool for ever.
- One that brought more bytes than its answer is not used again: they would be read as the next answer.
- Sync requests end at their deadline even if bytes drip, and at once when they are stopped. Async ones are cancelled.
"""

from __future__ import annotations

import os
import threading
import weakref
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from types import TracebackType
from typing import TYPE_CHECKING, Any, cast

import httpx
import sniffio

from .cancelling import undisturbed

if TYPE_CHECKING:
    from .sockets import AsyncBackend, Backend


class NetworkTransport(httpx.BaseTransport):
    def __init__(self, make: Callable[[], httpx.HTTPTransport]) -> None:
        """`make` is called at once, and again after a fork."""
        self._make = make
        self._inner, self._backend = self._made()
        self._process = os.getpid()

    def _made(self) -> tuple[httpx.HTTPTransport, Backend]:
        from .sockets import Backend

        made = self._make()
        pool: Any = made._pool
        pool._network_backend = backend = Backend(pool._network_backend)
        # An interrupt within the methods of httpcore's own lock would leave it locked.
        pool._optional_thread_lock = threading.Lock()
        return made, backend

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        if os.getpid() != self._process:
            # Not the pool's own close: another thread of the parent may have held its lock. Closing a socket here
            # does not end the connection of the parent.
            self._backend.close_streams()
            self._inner, self._backend = self._made()
            self._process = os.getpid()
        interruptible = _Interruptible(self._inner._pool, request)
        with interruptible:
            try:
                response = self._inner.handle_request(request)
            except BaseException:
                _close(_taken_out(self._inner._pool))
                raise
        response.stream = _Stream(cast(httpx.SyncByteStream, response.stream), interruptible)
        return response

    def close(self) -> None:
        if os.getpid() == self._process:
            self._backend.shut_down()
            self._inner.close()


class _Stream(httpx.SyncByteStream):
    def __init__(self, inner: httpx.SyncByteStream, interruptible: _Interruptible) -> None:
        self._inner = inner
        self._interruptible = interruptible

    def __iter__(self) -> Iterator[bytes]:
        with self._interruptible:
            yield from self._inner

    def close(self) -> None:
        with self._interruptible:
            if not self._interruptible.is_forgotten:
                self._inner.close()
            _close(_with_surplus_bytes(self._interruptible.pool))


class _Interruptible:
    """After an interrupt (Ctrl-C), forgets the request, which may still hold its connection, and all idle connections.

    One of them may only look idle, while h11 is within the exchange.
    """

    def __init__(self, pool: Any, request: httpx.Request) -> None:
        self.pool = pool
        self.is_forgotten = False
        self._request = request

    def __enter__(self) -> None:
        pass

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if error is None or isinstance(error, Exception | GeneratorExit):
            return
        self.is_forgotten = True
        _forget(self.pool, self._request)
        _close(_taken_out(self.pool, idle=True))


def _close(connections: Iterable[Any]) -> None:
    for connection in connections:
        connection.close()


class AsyncNetworkTransport(httpx.AsyncBaseTransport):
    def __init__(self, make: Callable[[], httpx.AsyncHTTPTransport]) -> None:
        """`make` is called at once, and again after a fork and in another event loop."""
        self._make = make
        self._inner, self._backend = self._made()
        self._process = os.getpid()
        self._loop: Callable[[], object] | None = None

    def _made(self) -> tuple[httpx.AsyncHTTPTransport, AsyncBackend]:
        from .sockets import AsyncBackend

        made = self._make()
        pool: Any = made._pool
        pool._network_backend = backend = AsyncBackend(pool._network_backend)
        pool._close_connections = _aclose  # httpcore's own leaves some open if its task is cancelled meanwhile
        return made, backend

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        loop = _event_loop()
        if self._loop is None:
            self._loop = weakref.ref(loop)
        elif os.getpid() != self._process or self._loop() is not loop:
            # The old connections belong to a loop that is gone, or to the parent: nothing here can close them.
            self._inner, self._backend = self._made()
            self._process, self._loop = os.getpid(), weakref.ref(loop)
        pool = self._inner._pool
        try:
            response = await self._inner.handle_async_request(request)
        except BaseException:
            await _aclose(_taken_out(pool))
            raise
        response.stream = _AsyncStream(cast(httpx.AsyncByteStream, response.stream), pool, request)
        return response

    async def aclose(self) -> None:
        if os.getpid() == self._process and (self._loop is None or self._loop() is _event_loop()):
            self._backend.is_closed = True
            await self._inner.aclose()


class _AsyncStream(httpx.AsyncByteStream):
    def __init__(self, inner: httpx.AsyncByteStream, pool: Any, request: httpx.Request) -> None:
        self._inner = inner
        self._pool = pool
        self._request = request

    def __aiter__(self) -> AsyncIterator[bytes]:
        return aiter(self._inner)

    async def aclose(self) -> None:
        try:
            await self._inner.aclose()
        finally:
            # A task that is cancelled while httpcore gives the connection back leaves it in use.
            _forget(self._pool, self._request)
            await _aclose(_taken_out(self._pool) + _with_surplus_bytes(self._pool))


async def _aclose(connections: list[Any]) -> None:
    async def close() -> None:
        for connection in connections:
            await connection.aclose()

    if connections:
        await undisturbed(close())


def _event_loop() -> object:
    if sniffio.current_async_library() == "trio":
        import trio

        return trio.lowlevel.current_trio_token()
    import asyncio

    return asyncio.get_running_loop()


def _forget(pool: Any, request: httpx.Request) -> None:
    with pool._optional_thread_lock:
        # httpcore's request has the extensions of ours.
        for held in [one for one in pool._requests if one.request.extensions is request.extensions]:
            pool._requests.remove(held)


def _taken_out(pool: Any, *, idle: bool = False) -> list[Any]:
    """Connections that are neither idle nor in use by a request, taken out of the pool; with `idle`, these too.

    httpcore makes a connection for a request before that waits for it. If it is cancelled (or interrupted) just then,
    the connection stays in the pool and counts as connecting for ever.
    """
    with pool._optional_thread_lock:
        requested = {id(request.connection) for request in pool._requests}
        lost = [
            connection
            for connection in pool.connections
            if not (id(connection) in requested or connection.is_closed() or (connection.is_idle() and not idle))
        ]
        for connection in lost:
            pool._connections.remove(connection)
    return lost


def _with_surplus_bytes(pool: Any) -> list[Any]:
    """Idle connections that have received bytes nobody asked for. (Those that arrive later, httpcore notices.)"""
    found = []
    for connection in pool.connections:
        if connection.is_idle():
            inner = connection
            while (below := getattr(inner, "_connection", None)) is not None:  # a proxy's holds another
                inner = below
            http11 = getattr(inner, "_h11_state", None)
            if http11 is not None and http11.trailing_data[0]:
                found.append(connection)
    return found
