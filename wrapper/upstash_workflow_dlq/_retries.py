"""Trying again where that is safe. Loaded when a first try fails, since httpx-retries brings asyncio."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from time import monotonic, sleep
from typing import Any

import httpx
from httpx_retries import Retry, RetryTransport

from ._ratelimits import RateLimit, retry_after
from ._transport import logger, may_be_cut_short
from .errors import ConfigurationError, RateLimitError

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

    def __init__(self, rules: Retry, call: Mapping[str, Any], *, started: float, wait: float = 0.0) -> None:
        # The loop asks validate_response about each answer that is_retryable_status_code lets pass: here, all of them.
        super().__init__(rules.total, attempts_made=rules.attempts_made, validate_response=self._inspect)
        self._rules = rules
        self._call = call
        self._repeatable: bool = call["repeatable"]
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
        self._call.get("pause", sleep)(self._wait)

    async def asleep(self, response: httpx.Response | Exception) -> None:
        import anyio

        await anyio.sleep(self._wait)

    def _inspect(self, response: httpx.Response) -> None:
        status = response.status_code
        limited = status == httpx.codes.TOO_MANY_REQUESTS
        if limited and not self._call.get("waits_for_limits", True):
            return
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
        wait = _wait(rules, asked, self._started)
        if wait is None:
            return False
        logger.info("try %d of %d: %s; next in %.1f s", self.attempts_made + 1, self.total + 1, failure, wait)
        self._next = Tries(rules, self._call, started=self._started, wait=wait)
        return True

    def _time_left(self) -> float:
        return _time_left(self._rules, self._started)


def _time_left(rules: Retry, started: float) -> float:
    return (rules.total_timeout or DEFAULT_TOTAL_TIMEOUT) - (monotonic() - started)


def _wait(rules: Retry, asked: float | None, started: float) -> float | None:
    """Seconds until the next try; None where that would be too late."""
    wait = asked or max(0.0, rules.backoff_strategy())
    return None if wait > rules.max_backoff_wait or wait > _time_left(rules, started) else wait


class Patience:
    """How long the workers of a scan wait, together, for a rate limit to lift.

    By the rules for the tries of one call, but with as many tries as fit into `total_timeout`, counted from when the
    scan last came forward: with many workers, most tries fail because of the others.
    """

    # Even where the rules know no wait: nobody is to be asked as often as can be for a minute.
    LEAST = 0.1

    def __init__(self, rules: Retry) -> None:
        self._rules = self._step = rules
        self._since: float | None = None

    def wait_after(self, error: RateLimitError) -> float | None:
        """Seconds; None where it lifts too late, or the rules do not wait for limits."""
        if not self._rules.is_retryable_status_code(httpx.codes.TOO_MANY_REQUESTS):
            return None
        self._since = monotonic() if self._since is None else self._since
        self._step = self._step.copy_with(total=self._step.total + 1).increment()
        asked = error.retry_after if self._rules.respect_retry_after_header else None
        wait = _wait(self._step, asked, self._since)
        if wait is not None:
            logger.info("rate limit: all workers go on in %.1f s", wait)
        return None if wait is None else max(wait, self.LEAST)

    def progress(self) -> None:
        self._step, self._since = self._rules, None


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
        call = {**request.extensions, "repeatable": repeatable and self.retry.is_retryable_method(request.method)}
        started = monotonic() if self._started is None else self._started
        request.extensions["retry"] = Tries(self.retry, call, started=started)


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
