"""What happens to a request before the service sees it.

It is recorded and, if it comes from a web page, refused. Otherwise it waits, and may meet a fault.
"""

import asyncio
import os
import random
import re
import socket
import struct
import threading
import time
from collections import deque
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from types import MappingProxyType

from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ._access import refusal
from ._settings import Settings
from .faults import Answer, Fault, Reset, Slow

RECORDED = 100_000
"""How many requests are kept: more than a test sends, and a bound for an emulator that runs for days."""


@dataclass(frozen=True, slots=True, repr=False)
class RecordedRequest:
    """A request as it arrived. Its repr shows no token."""

    method: str
    path: str
    """As sent, percent-encoded."""
    query: str
    """As sent, without the question mark."""
    headers: Mapping[str, str]
    """Names in lower case; the values of a repeated header are joined by commas."""

    @classmethod
    def of(cls, scope: Scope) -> "RecordedRequest":
        headers: dict[str, str] = {}
        for raw_name, raw_value in scope["headers"]:
            name, value = raw_name.decode("latin-1"), raw_value.decode("latin-1")
            headers[name] = f"{headers[name]}, {value}" if name in headers else value
        path, query = scope["raw_path"].decode("ascii"), scope["query_string"].decode("ascii")
        return cls(scope["method"], path, query, MappingProxyType(headers))

    def __repr__(self) -> str:
        query = re.sub(r"((?:^|&)qstash_token=)[^&]*", r"\1***", self.query)
        headers = {name: "***" if name == "authorization" else value for name, value in self.headers.items()}
        return f"RecordedRequest({self.method!r}, {self.path!r}, query={query!r}, headers={headers!r})"


@dataclass(slots=True)
class _Planned:
    fault: Fault
    times: int
    method: str | None
    path: str
    after: int


class FaultPlan:
    """Decides which requests meet a fault. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._random = random.Random(0)  # noqa: S311 - predictable on purpose
        self._planned: list[_Planned] = []

    def add(self, fault: Fault, *, times: int, method: str | None, path: str, after: int) -> None:
        if times < 1 or after < 0:
            raise ValueError(f"times must be at least 1 and after at least 0, got times={times} and after={after}")
        with self._lock:
            self._planned.append(_Planned(fault, times, method and method.upper(), path, after))

    def choose(self, request: RecordedRequest, shares: Mapping[Fault, float]) -> Fault | None:
        """The fault that a request meets."""
        with self._lock:
            for planned in self._planned:
                if planned.method in (None, request.method) and request.path.startswith(planned.path):
                    return self._next(planned)
            return self._drawn(shares)

    def _next(self, planned: _Planned) -> Fault | None:
        if planned.after:
            planned.after -= 1
            return None
        planned.times -= 1
        if not planned.times:
            self._planned.remove(planned)
        return planned.fault

    def _drawn(self, shares: Mapping[Fault, float]) -> Fault | None:
        draw = self._random.random() if shares else 0.0
        for fault, share in shares.items():
            if draw < share:
                return fault
            draw -= share
        return None


class Middleware:
    """The outermost ASGI layer. It finds the connection's transport in the state of the request: see `_serving`."""

    def __init__(
        self,
        app: ASGIApp,
        requests: deque[RecordedRequest],
        plan: FaultPlan,
        settings: Settings,
        stopping: asyncio.Event,
    ) -> None:
        self._app = app
        self._requests = requests
        self._plan = plan
        self._settings = settings
        self._stopping = stopping

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        settings = self._settings
        request = RecordedRequest.of(scope)
        self._requests.append(request)
        refused = refusal(scope["headers"])
        if refused is not None:
            await refused(scope, receive, send)
            return
        fault = self._plan.choose(request, settings.fault_shares)
        await self._pause(settings.latency + (fault.seconds if isinstance(fault, Slow) else 0.0))
        if fault is None or isinstance(fault, Slow):
            await self._app(scope, receive, send)
        elif isinstance(fault, Answer):
            await _answer(fault)(scope, receive, send)
        elif isinstance(fault, Reset):
            if fault.acting:
                await self._app(scope, receive, _discard)
            await _reset(scope["state"]["transport"], receive)
        else:
            await self._truncate(scope, receive, send)

    async def _pause(self, seconds: float) -> None:
        if seconds > 0:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), seconds)

    async def _truncate(self, scope: Scope, receive: Receive, send: Send) -> None:
        body = b""

        async def keep_body(message: Message) -> None:
            nonlocal body
            if message["type"] == "http.response.start":
                await send(message)
            else:
                body += message["body"]

        await self._app(scope, receive, keep_body)
        await send({"type": "http.response.body", "body": body[: len(body) // 2], "more_body": True})
        scope["state"]["transport"].close()
        await _disconnected(receive)


def _answer(fault: Answer) -> Response:
    response = Response(fault.body, fault.status)
    response.raw_headers += [(name.encode(), value.encode()) for name, value in fault.headers]
    if fault.reset_header:
        response.headers[fault.reset_header] = str(int(time.time() + fault.reset_in))
    return response


async def _discard(message: Message) -> None:
    pass


async def _reset(transport: asyncio.Transport, receive: Receive) -> None:
    # With a linger time of zero, closing the socket sends RST instead of FIN.
    linger = struct.pack("hh" if os.name == "nt" else "ii", 1, 0)
    transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    transport.abort()
    await _disconnected(receive)


async def _disconnected(receive: Receive) -> None:
    # Until uvicorn knows that the client is gone, it logs an error if the application returns before the whole response
    # was sent.
    while (await receive())["type"] != "http.disconnect":
        pass
