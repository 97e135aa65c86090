"""What happens to a request around the service: it is recorded, it takes its time, it meets faults."""

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

from ._settings import Settings
from .faults import Answer, Fault, Reset, Slow

_RECORDED = 100_000
"""Requests remembered: more than a test sends, and a bound for an emulator that runs for days."""


@dataclass(frozen=True, slots=True, repr=False)
class RecordedRequest:
    """A request as it arrived. Its repr shows no token."""

    method: str
    path: str
    """As sent: still percent-encoded."""
    query: str
    """As sent, without the question mark."""
    headers: Mapping[str, str]
    """Names in lower case; values of a repeated header joined by commas."""

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


class Traffic:
    """What the emulator remembers of past requests and plans for those to come. Safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._random = random.Random(0)  # noqa: S311 - predictable on purpose
        self._planned: list[_Planned] = []
        self.requests: deque[RecordedRequest] = deque(maxlen=_RECORDED)

    def plan(self, fault: Fault, *, times: int, method: str | None, path: str, after: int) -> None:
        if times < 1 or after < 0:
            raise ValueError("a fault happens at least once, after no request or more")
        with self._lock:
            self._planned.append(_Planned(fault, times, method and method.upper(), path, after))

    def arrive(self, request: RecordedRequest, shares: Mapping[Fault, float]) -> Fault | None:
        """Records a request; the fault it meets."""
        with self._lock:
            self.requests.append(request)
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


class Wire:
    """The outermost ASGI layer. It finds the connection's transport in the request's state."""

    def __init__(self, app: ASGIApp, traffic: Traffic, settings: Settings, stopping: asyncio.Event) -> None:
        self._app = app
        self._traffic = traffic
        self._settings = settings
        self._stopping = stopping

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        settings = self._settings
        fault = self._traffic.arrive(RecordedRequest.of(scope), settings.fault_shares)
        await self._pause(settings.latency + (fault.seconds if isinstance(fault, Slow) else 0.0))
        if fault is None or isinstance(fault, Slow):
            await self._app(scope, receive, send)
        elif isinstance(fault, Answer):
            await _answer(fault)(scope, receive, send)
        elif isinstance(fault, Reset):
            if fault.acting:
                await self._app(scope, receive, _nowhere)
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
        await _gone(receive)


def _answer(fault: Answer) -> Response:
    response = Response(fault.body, fault.status)
    response.raw_headers += [(name.encode(), value.encode()) for name, value in fault.headers]
    if fault.reset_header:
        response.headers[fault.reset_header] = str(int(time.time() + fault.reset_in))
    return response


async def _nowhere(message: Message) -> None:
    pass


async def _reset(transport: asyncio.Transport, receive: Receive) -> None:
    # Closing a socket that lingers for no time sends RST, not FIN.
    linger = struct.pack("hh" if os.name == "nt" else "ii", 1, 0)
    transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    transport.abort()
    await _gone(receive)


async def _gone(receive: Receive) -> None:
    # uvicorn logs an error when an application returns without a whole answer on a connection it thinks is alive.
    while (await receive())["type"] != "http.disconnect":
        pass
