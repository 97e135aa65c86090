"""A server on loopback that does with each connection what a test says, below HTTP."""

from __future__ import annotations

import socket
import ssl
import struct
import threading
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import Self

# Called with each request that has arrived in full, and the connection to answer on, which is closed afterwards.
Behaviour = Callable[[socket.socket, bytes], object]


class Loopback:
    """Keeps the requests that it has read. `tls`: it speaks TLS. `greet`: it acts on whatever comes first."""

    def __init__(self, behave: Behaviour, tls: ssl.SSLContext | None = None, *, greet: bool = False) -> None:
        self.requests: list[bytes] = []
        self.connections = 0
        self._behave = behave
        self._tls = tls
        self._end = b"" if greet else b"\r\n\r\n"
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.url = f"{'http' if tls is None else 'https'}://127.0.0.1:{self.port}"
        self._thread = threading.Thread(target=self._accept, name="loopback")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            connection.settimeout(10)
            # Clients hang up on what they do not trust.
            with suppress(OSError):
                self._serve(connection)
            connection.close()

    def _serve(self, connection: socket.socket) -> None:
        if self._tls is not None:
            connection = self._tls.wrap_socket(connection, server_side=True)
        with connection:
            request = b""
            while not request or self._end not in request:
                received = connection.recv(65536)
                if not received:
                    return
                request += received
            self.requests.append(request)
            self._behave(connection, request)


def close(connection: socket.socket, request: bytes) -> None:
    """Read the request, and hang up."""


def reset(connection: socket.socket, request: bytes) -> None:
    """Read the request, and end the connection with an RST."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def answer(content: bytes) -> Behaviour:
    """Send these bytes, and close."""
    return lambda connection, request: connection.sendall(content)
