"""Trying again where that is safe. Loaded when a first try fails, since httpx-retries brings asyncio."""

from __future__ import annotations

import inspect
from time import monotonic, sleep
from typing import Any

import httpx
from httpx_retries import Retry, RetryTransport

from ._ratelimits import RateLimit, retry_after
from ._transport import logger, may_be_cut_short
from .errors import ConfigurationError

Edge = httpx.BaseTransport | httpx.AsyncBaseTransport

DEFAULT_TOTAL_TIMEOUT = 60.0
DEFAULT_RETRY = Retry(
    total=5,
    backoff_factor=0.25,
    max_backoff_wait=60.0,
    total_timeout=DEFAULT_TOTAL_TIMEOUT,
)


class Tries(Retry):
    """The tries of one call: httpx-retries' loop and the user's rules, with what those leave open.

    - The wait is what the answer asks for (`Retry-After`, else the rate limit's reset), else the rules' backoff. It is
      never cut short: where it exceeds `max_backoff_wait`, or does not fit into `total_timeout` (a minute where the
      rules have none) counted from the first try, there is no further try.
    - A call that must not run twice is repeated only after failures that prove that it did not run.
    - Waits work on asyncio and trio.
    """

    # A connection that was never made carried nothing; a 429 says that the service did not begin.
    NOTHING_DONE = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)

    def __init__(self, rules: Retry, *, repeatable: bool, started: float, wait: float = 0.0) -> None:
        # The loop asks validate_response about each answer that is_retryable_status_code lets pass: here, all of them.
        super().__init__(rules.total, attempts_made=rules.attempts_made, validate_response=self._inspect)
        self._rules = rules
        self._repeatable = repeatable
        self._started = started
        self._wait = wait
        self._next: Tries | None = None

    def increment(self) -> Tries:
        assert self._next is not None, "the loop goes on only where _plan agreed"  # noqa: S101
        return self._next

    def is_retryable_method(self, method: str) -> bool:
        return True

    def is_retryable_status_code(self, status_code: int) -> bool:
        return False

    def is_retryable_exception(self, exception: Exception) -> bool:
        if isinstance(exception, _TryAgain):
            return True
        safe = self._repeatable or isinstance(exception, self.NOTHING_DONE)
        # A body that does not decompress was cut short or garbled on the way.
        passing = isinstance(exception, httpx.DecodingError) or self._rules.is_retryable_exception(exception)
        return safe and passing and self._plan(type(exception).__name__)

    def is_exhausted(self) -> bool:
        # Once another try is planned it happens, whatever the clock says by now.
        return self._next is None and (self._rules.is_exhausted() or self._time_left() <= 0)

    def sleep(self, response: httpx.Response | Exception) -> None:
        sleep(self._wait)

    async def asleep(self, response: httpx.Response | Exception) -> None:
        import anyio

        await anyio.sleep(self._wait)

    def _inspect(self, response: httpx.Response) -> None:
        status = response.status_code
        limited = status == httpx.codes.TOO_MANY_REQUESTS
        if (self._repeatable or limited) and self._rules.is_retryable_status_code(status):
            # Other answers may carry the limits as well, and fail for another reason.
            asked = RateLimit.from_headers(response.headers).retry_after if limited else retry_after(response.headers)
            if self._plan(f"HTTP {status}", asked if self._rules.respect_retry_after_header else None):
                raise _TryAgain
        elif self._repeatable and response.request.method == "GET" and may_be_cut_short(response):
            if self._plan("half an answer"):
                raise _TryAgain
        elif self._rules.validate_response is not None:
            self._rules.validate_response(response)

    def _plan(self, failure: str, asked: float | None = None) -> bool:
        rules = self._rules.increment()
        wait = asked or max(0.0, rules.backoff_strategy())
        if wait > self._rules.max_backoff_wait or wait > self._time_left():
            return False
        logger.info("try %d of %d: %s; next in %.1f s", self.attempts_made + 1, self.total + 1, failure, wait)
        self._next = Tries(rules, repeatable=self._repeatable, started=self._started, wait=wait)
        return True

    def _time_left(self) -> float:
        return (self._rules.total_timeout or DEFAULT_TOTAL_TIMEOUT) - (monotonic() - self._started)


class _TryAgain(Exception):
    """Never leaves the loop: how an answer that deserves another try says so."""


class SafeRetryTransport(RetryTransport):
    """Starts the tries of each call. What may run twice is what says so, and any GET."""

    def __init__(self, edge: Edge, rules: Retry, *, started: float | None = None) -> None:
        super().__init__(edge, rules)
        self._started = started

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        self._begin(request)
        return super().handle_request(request)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self._begin(request)
        return await super().handle_async_request(request)

    def _begin(self, request: httpx.Request) -> None:
        repeatable = request.extensions.get("repeatable", request.method == "GET")
        repeatable = repeatable and self.retry.is_retryable_method(request.method)
        started = monotonic() if self._started is None else self._started
        request.extensions["retry"] = Tries(self.retry, repeatable=repeatable, started=started)


class _Begun(httpx.BaseTransport, httpx.AsyncBaseTransport):
    """The first try has been made, and this is what came of it."""

    def __init__(self, edge: Edge, outcome: httpx.Response | Exception) -> None:
        self._edge: Any = edge
        self._outcome: httpx.Response | Exception | None = outcome

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        response: httpx.Response = self._first() or self._edge.handle_request(request)
        return response

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        response: httpx.Response = self._first() or await self._edge.handle_async_request(request)
        return response

    def _first(self) -> httpx.Response | None:
        outcome, self._outcome = self._outcome, None
        if isinstance(outcome, Exception):
            raise outcome
        return outcome


def after_first_try(edge: Edge, outcome: httpx.Response | Exception, started: float) -> SafeRetryTransport:
    """The default retries, for one call whose first try began at `started` and ended so."""
    return SafeRetryTransport(_Begun(edge, outcome), DEFAULT_RETRY, started=started)


def with_rules(edge: Edge, rules: Retry) -> SafeRetryTransport:
    if not isinstance(rules, Retry):
        raise ConfigurationError(f"retry must be an httpx_retries.Retry or None, not {type(rules).__name__}")
    if inspect.iscoroutinefunction(rules.validate_response):
        raise ConfigurationError("retry.validate_response must be a plain function; the body is read by then")
    return SafeRetryTransport(edge, rules)
