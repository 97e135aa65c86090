"""Sends requests, drives the tries of `_core/retries.py`, and shows the final responses to the client's hooks."""

from __future__ import annotations

from collections.abc import Callable, Generator
from types import EllipsisType
from typing import TYPE_CHECKING, Generic, TypeVar

import httpx

from .._core.answers import RetryPolicy
from .._core.retries import Sent, check_rules, tries
from .auth import AsyncTokenTransport, TokenTransport
from .clock import SystemClock
from .redacting import redacted_response
from .stopping import Stop

if TYPE_CHECKING:
    from httpx_retries import Retry

InnerT = TypeVar("InnerT", TokenTransport, AsyncTokenTransport)

# Called with each final response. Its body has been read, and its `request` is set.
ResponseHook = Callable[[httpx.Response], object]


class _Sender(Generic[InnerT]):
    """`rules`, `deadline`: see `tries`."""

    def __init__(
        self, inner: InnerT, rules: Retry | EllipsisType | None, deadline: float | None, clock: SystemClock
    ) -> None:
        check_rules(rules)
        self._inner: InnerT = inner
        self.rules = rules
        self.clock = clock
        self._deadline = deadline
        self.hooks: list[ResponseHook] = []

    def refuse(self) -> None:
        """Let no further request begin."""
        self._inner.refuse()

    def _tries(self, request: httpx.Request, policy: RetryPolicy) -> Generator[float, httpx.Response, Sent]:
        trying = tries(policy, self.rules, request.method, self.clock, self._inner.never_sent, self._deadline)
        next(trying)
        return trying

    def _time_left(self) -> Callable[[], float | None]:
        """Counts down the seconds for one request and all of its tries."""
        deadline, now = self._deadline, self.clock.now
        if deadline is None:
            return lambda: None
        ends_at = now() + deadline
        return lambda: max(0.0, ends_at - now())

    def _shown(self, request: httpx.Request, sent: Sent) -> Sent:
        response = redacted_response(sent.response)
        response.request = request
        for hook in list(self.hooks):
            hook(response)
        return sent if response is sent.response else sent._replace(response=response)


class Sender(_Sender[TokenTransport], httpx.BaseTransport):
    """Also the transport of the low-level client, whose requests may be repeated if they only read."""

    def send(self, request: httpx.Request, policy: RetryPolicy, stop: Stop | None = None) -> Sent:
        """Raises what the last try raised, or Stopped as soon as `stop` is set."""
        left = self._time_left()
        trying = self._tries(request, policy)
        try:
            while True:
                try:
                    response = self._inner.exchange(request, left(), stop)
                except Exception as error:
                    if stop is not None:
                        stop.check()  # then that is why it failed
                    wait = trying.throw(error)
                else:
                    wait = trying.send(response)
                (self.clock if stop is None else stop).sleep(wait)
        except StopIteration as ended:
            sent: Sent = ended.value
        return self._shown(request, sent)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        return self.send(request, _policy(request)).response

    def close(self) -> None:
        self._inner.close()


class AsyncSender(_Sender[AsyncTokenTransport], httpx.AsyncBaseTransport):
    """`Sender` for asyncio and trio."""

    async def send(self, request: httpx.Request, policy: RetryPolicy) -> Sent:
        left = self._time_left()
        trying = self._tries(request, policy)
        try:
            while True:
                try:
                    response = await self._inner.exchange(request, left())
                except Exception as error:
                    wait = trying.throw(error)
                else:
                    wait = trying.send(response)
                await self.clock.asleep(wait)
        except StopIteration as ended:
            sent: Sent = ended.value
        return self._shown(request, sent)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        return (await self.send(request, _policy(request))).response

    async def aclose(self) -> None:
        await self._inner.aclose()


def _policy(request: httpx.Request) -> RetryPolicy:
    return RetryPolicy(repeatable=request.method == "GET")
