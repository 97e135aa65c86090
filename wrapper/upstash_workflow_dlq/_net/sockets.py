"""The sockets below httpcore: none outlives its client, and those of sync requests end in time.

A sync read or write ends at the deadline of its request, or when it is stopped; async ones are cancelled. A stream that
opens while another thread or task closes the client is closed by whoever opened it: the pool has forgotten it by then.

Imported when a client is made: httpcore is not loaded before.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterable
from contextlib import nullcontext
from typing import Any

import httpcore

from .stopping import Living, current_exchange, shut_down

SocketOptions = Iterable[tuple[Any, ...]]

CLOSED = "the client was closed while it connected"


class Backend(httpcore.NetworkBackend):
    """Opens the streams of a connection pool."""

    def __init__(self, inner: httpcore.NetworkBackend) -> None:
        self._inner = inner
        self._is_closed = False
        self._streams: Living[Stream] = Living()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: SocketOptions | None = None,
    ) -> httpcore.NetworkStream:
        return self.opened(self._inner.connect_tcp(host, port, _timeout(timeout), local_address, socket_options))

    def connect_unix_socket(
        self, path: str, timeout: float | None = None, socket_options: SocketOptions | None = None
    ) -> httpcore.NetworkStream:
        return self.opened(self._inner.connect_unix_socket(path, _timeout(timeout), socket_options))

    def opened(self, inner: httpcore.NetworkStream) -> httpcore.NetworkStream:
        stream = Stream(inner, self)
        # In this order, and `shut_down` in the other: so at least one of the two sees the stream.
        self._streams.add(stream)
        if self._is_closed:
            stream.close()
            raise httpcore.ConnectError(CLOSED)
        return stream

    def shut_down(self) -> None:
        """Wake all threads that wait for a stream, which closing does not do. From now on none opens."""
        self._is_closed = True
        for stream in self._streams:
            shut_down(stream.socket)

    def close_streams(self) -> None:
        """Only their sockets in this process: after a fork the parent goes on with its own."""
        for stream in self._streams:
            stream.close()

    def sleep(self, seconds: float) -> None:
        self._inner.sleep(seconds)


class Stream(httpcore.NetworkStream):
    def __init__(self, inner: httpcore.NetworkStream, backend: Backend) -> None:
        self._inner = inner
        self._backend = backend

    @property
    def socket(self) -> socket.socket:
        used: socket.socket = self._inner.get_extra_info("socket")
        return used

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        with self._blocking():
            return self._inner.read(max_bytes, _timeout(timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        with self._blocking():
            self._inner.write(buffer, _timeout(timeout))

    def close(self) -> None:
        self._inner.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        with self._blocking():
            return self._backend.opened(self._inner.start_tls(ssl_context, server_hostname, _timeout(timeout)))

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)

    def _blocking(self) -> Any:
        exchange = current_exchange()
        return nullcontext() if exchange is None or exchange.stop is None else exchange.stop.blocking_on(self.socket)


class AsyncBackend(httpcore.AsyncNetworkBackend):
    """Opens the streams of an async connection pool."""

    def __init__(self, inner: httpcore.AsyncNetworkBackend) -> None:
        self._inner = inner
        self.is_closed = False

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: SocketOptions | None = None,
    ) -> httpcore.AsyncNetworkStream:
        return await self.opened(await self._inner.connect_tcp(host, port, timeout, local_address, socket_options))

    async def connect_unix_socket(
        self, path: str, timeout: float | None = None, socket_options: SocketOptions | None = None
    ) -> httpcore.AsyncNetworkStream:
        return await self.opened(await self._inner.connect_unix_socket(path, timeout, socket_options))

    async def opened(self, inner: httpcore.AsyncNetworkStream) -> httpcore.AsyncNetworkStream:
        if self.is_closed:
            await inner.aclose()
            raise httpcore.ConnectError(CLOSED)
        return AsyncStream(inner, self)

    async def sleep(self, seconds: float) -> None:
        await self._inner.sleep(seconds)


class AsyncStream(httpcore.AsyncNetworkStream):
    def __init__(self, inner: httpcore.AsyncNetworkStream, backend: AsyncBackend) -> None:
        self._inner = inner
        self._backend = backend
        # Not by methods of ours, which would be one more coroutine for each.
        self.read = inner.read  # type: ignore[method-assign]
        self.write = inner.write  # type: ignore[method-assign]

    async def aclose(self) -> None:
        await self._inner.aclose()

    async def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.AsyncNetworkStream:
        return await self._backend.opened(await self._inner.start_tls(ssl_context, server_hostname, timeout))

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)


def _timeout(timeout: float | None) -> float | None:
    exchange = current_exchange()
    return timeout if exchange is None else exchange.timeout(timeout)
