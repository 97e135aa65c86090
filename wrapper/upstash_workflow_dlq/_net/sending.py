"""Sends requests, drives the tries of `_core/retries.py`, and shows the final responses to the client's hooks."""

from __future__ import annotations

from collections.abc import Callable
from types import EllipsisType
from typing import TYPE_CHECKING

import httpx

from .._core.answers import RetryPolicy
from .._core.retries import Sent, check_rules, tries
from .auth import AsyncTokenTransport, TokenTransport
from .clock import SystemClock

if TYPE_CHECKING:
    from httpx_retries import Retry

# Called with each final response. Its body has been read, and its `request` is set.
ResponseHook = Callable[[httpx.Response], object]


class _Sender:
    def __init__(
        self, rules: Retry | EllipsisType | None, clock: SystemClock, never_sent: tuple[type[Exception], ...]
    ) -> None:
        check_rules(rules)
        self.rules = rules
        self.clock = clock
        self.never_sent = never_sent
        self.hooks: list[ResponseHook] = []

    def _show(self, request: httpx.Request, response: httpx.Response) -> None:
        response.request = request
        for hook in list(self.hooks):
            hook(response)


class Sender(_Sender, httpx.BaseTransport):
    """Also the transport of the low-level client, whose requests may be repeated if they only read."""

    def __init__(
        self,
        inner: TokenTransport,
        rules: Retry | EllipsisType | None,
        clock: SystemClock,
        never_sent: tuple[type[Exception], ...],
    ) -> None:
        super().__init__(rules, clock, never_sent)
        self._inner = inner

    def send(self, request: httpx.Request, policy: RetryPolicy, sleep: Callable[[float], object] | None = None) -> Sent:
        """Raises what the last try raised. `sleep` waits between tries, if the clock of the client is not to."""
        trying = tries(policy, self.rules, request.method, self.clock, self.never_sent)
        next(trying)
        try:
            while True:
                try:
                    response = self._inner.handle_request(request)
                except Exception as error:
                    wait = trying.throw(error)
                else:
                    wait = trying.send(response)
                (sleep or self.clock.sleep)(wait)
        except StopIteration as ended:
            sent: Sent = ended.value
        self._show(request, sent.response)
        return sent

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        return self.send(request, _policy(request)).response

    def close(self) -> None:
        self._inner.close()


class AsyncSender(_Sender, httpx.AsyncBaseTransport):
    """`Sender` for asyncio and trio."""

    def __init__(
        self,
        inner: AsyncTokenTransport,
        rules: Retry | EllipsisType | None,
        clock: SystemClock,
        never_sent: tuple[type[Exception], ...],
    ) -> None:
        super().__init__(rules, clock, never_sent)
        self._inner = inner

    async def send(self, request: httpx.Request, policy: RetryPolicy) -> Sent:
        trying = tries(policy, self.rules, request.method, self.clock, self.never_sent)
        next(trying)
        try:
            while True:
                try:
                    response = await self._inner.handle_async_request(request)
                except Exception as error:
                    wait = trying.throw(error)
                else:
                    wait = trying.send(response)
                await self.clock.asleep(wait)
        except StopIteration as ended:
            sent: Sent = ended.value
        self._show(request, sent.response)
        return sent

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        return (await self.send(request, _policy(request))).response

    async def aclose(self) -> None:
        await self._inner.aclose()


def _policy(request: httpx.Request) -> RetryPolicy:
    return RetryPolicy(repeatable=request.method == "GET")
