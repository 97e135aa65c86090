"""A fake service with prepared answers. It keeps the requests."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import chain, repeat
from typing import Any

import httpx
from upstash_workflow_dlq._net.clock import SystemClock

Answer = httpx.Response | Exception | dict[str, Any] | int


class Sent(str):
    """A request as `METHOD target`, the target as on the wire.

    Equal to another where method, path and query parameters are. The order of parameters comes from the spec and means
    nothing on the wire, so it does not count; the order of the values of one parameter does.
    """

    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        return _parts(self) == _parts(other) if isinstance(other, str) else NotImplemented

    def __ne__(self, other: object) -> bool:  # str has one of its own
        return not self == other

    def __hash__(self) -> int:
        return hash(_parts(self))


def _parts(sent: str) -> tuple[str, ...]:
    path, *query = sent.split("?", 1)
    pairs = [pair for text in query for pair in text.split("&")]
    return path, *sorted(pairs, key=lambda pair: pair.partition("=")[0])


class Wire(httpx.MockTransport):
    """Answers in the order given: a response, an exception to raise, a JSON object (200), or a bare status.

    The last answer repeats where `forever` is set; otherwise a request too many fails the test.
    """

    def __init__(self, *answers: Answer, forever: bool = False) -> None:
        super().__init__(self._answer)
        self.requests: list[httpx.Request] = []
        self._answers: Iterator[Answer] = chain(answers, repeat(answers[-1])) if forever else iter(answers)

    def _answer(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        answer = next(self._answers, None)
        if answer is None:
            raise AssertionError(f"a request too many: {self.sent[-1]}")
        if isinstance(answer, Exception):
            raise answer
        if isinstance(answer, dict):
            return httpx.Response(200, content=as_json(answer))
        if isinstance(answer, int):
            return httpx.Response(answer, headers={"Content-Length": "0"})
        # A response is read once; one that repeats must be made anew. httpx leaves out that a body is empty, and then
        # it may have been cut short.
        headers = answer.headers.copy()
        if not answer.read():
            headers.setdefault("Content-Length", "0")
        return httpx.Response(answer.status_code, headers=headers, content=answer.content)

    @property
    def sent(self) -> list[Sent]:
        return [Sent(f"{request.method} {request.url.raw_path.decode()}") for request in self.requests]


class BrokenBody(httpx.SyncByteStream, httpx.AsyncByteStream):
    """A body whose connection breaks after its first bytes."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    def __iter__(self) -> Iterator[bytes]:
        yield b'{"messages": ['
        raise self._error

    async def __aiter__(self) -> Any:
        yield b'{"messages": ['
        raise self._error


class Breaking(httpx.MockTransport):
    """Cuts the bodies of the first `times` answers short, then goes on as the wire it wraps."""

    def __init__(self, wire: Wire, times: int, status: int = 200) -> None:
        self.left = times

        def answer(request: httpx.Request) -> httpx.Response:
            if self.left:
                self.left -= 1
                wire.requests.append(request)
                return httpx.Response(status, stream=BrokenBody(httpx.RemoteProtocolError("peer closed connection")))
            return wire._answer(request)

        super().__init__(answer)


class FakeClock(SystemClock):
    """Sleeps take no time: they are kept in `waits`, and the time since its start is their sum."""

    def __init__(self) -> None:
        self.waits: list[float] = []

    def now(self) -> float:
        return sum(self.waits)

    def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)

    async def asleep(self, seconds: float) -> None:
        self.waits.append(seconds)


def page(*ids: str, cursor: str | None = None, **fields: Any) -> dict[str, Any]:
    """A page of messages with these ids and these fields; without a cursor, the last one."""
    return {"messages": [{"dlqId": id, **fields} for id in ids]} | ({} if cursor is None else {"cursor": cursor})


def as_json(value: Any) -> bytes:
    return json.dumps(value).encode()
