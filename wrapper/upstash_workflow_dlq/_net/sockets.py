"""The sockets of sync requests: each read and write ends at the deadline of its request, or when it is stopped.

Imported when a client is made: httpcore is not loaded before.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterable
from contextlib import nullcontext
from typing import Any
from weakref import WeakSet

import httpcore

from .stopping import current_exchange

SocketOptions = Iterable[tuple[Any, ...]]


class Backend(httpcore.NetworkBackend):
    """Opens the streams of a connection pool, and knows those that are open."""

    def __init__(self, inner: httpcore.NetworkBackend) -> None:
        self._inner = inner
        self.streams: WeakSet[Stream] = WeakSet()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: SocketOptions | None = None,
    ) -> httpcore.NetworkStream:
        opened = self._inner.connect_tcp(host, port, _timeout(timeout), local_address, socket_options)
        return Stream(opened, self.streams)

    def connect_unix_socket(
        self, path: str, timeout: float | None = None, socket_options: SocketOptions | None = None
    ) -> httpcore.NetworkStream:
        return Stream(self._inner.connect_unix_socket(path, _timeout(timeout), socket_options), self.streams)

    def sleep(self, seconds: float) -> None:
        self._inner.sleep(seconds)


class Stream(httpcore.NetworkStream):
    def __init__(self, inner: httpcore.NetworkStream, streams: WeakSet[Stream]) -> None:
        self._inner = inner
        self._streams = streams
        streams.add(self)

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
            return Stream(self._inner.start_tls(ssl_context, server_hostname, _timeout(timeout)), self._streams)

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)

    def _blocking(self) -> Any:
        exchange = current_exchange()
        return nullcontext() if exchange is None else exchange.blocking_on(self.socket)


def _timeout(timeout: float | None) -> float | None:
    exchange = current_exchange()
    return timeout if exchange is None else exchange.timeout(timeout)
