"""Trying again: whether, when, and after which wait.

The rules are those of httpx-retries' `Retry`; the loop is ours, because it must know what may be repeated at all. It is
a generator, which does no I/O and is given its clock; `_net/sending.py` drives it.
"""

from __future__ import annotations

import functools
import inspect
import logging
import math
from collections.abc import Generator, Iterator
from types import EllipsisType
from typing import TYPE_CHECKING, NamedTuple, Protocol

import httpx

from ..errors import ConfigurationError, RateLimitError
from .answers import RetryPolicy

if TYPE_CHECKING:
    from httpx_retries import Retry

logger = logging.getLogger("upstash_workflow_dlq")

# Seconds from the first try, after which no other is begun. For rules that have no total_timeout, too.
TOTAL_TIMEOUT = 60.0

# What httpx's own transports raise for a connection that was never made, and so carried no request. Other transports
# raise them for lost answers, too: httpx-aiohttp and pyreqwest do, if the server closes the connection.
NEVER_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError)

# Seconds between two tries of a scan that meets a rate limit, even if the rules know no wait: it may try for a minute.
LEAST_WAIT_FOR_LIMITS = 0.1


class Clock(Protocol):
    """`now`: seconds on a clock that never goes back. `time`: Unix seconds."""

    def now(self) -> float: ...

    def time(self) -> float: ...


class Sent(NamedTuple):
    """The final response, and whether an earlier try may have been carried out without its answer arriving."""

    response: httpx.Response
    maybe_done_before: bool


def tries(
    policy: RetryPolicy,
    rules: Retry | EllipsisType | None,
    method: str,
    clock: Clock,
    never_sent: tuple[type[Exception], ...],
    deadline: float | None = None,
) -> Generator[float, httpx.Response, Sent]:
    """The tries of one request. `rules`: `...` are the default ones, None is a single try. `never_sent`: errors of this
    transport that prove that the request was not sent. `deadline`: seconds for all tries.

    Yields the seconds to wait before each try, is sent its response or thrown its error, and returns the last response
    or raises the last error.
    """
    decision = _Decision(policy, rules, method, clock, never_sent, deadline)
    wait = 0.0
    maybe_done = False
    while True:
        try:
            response = yield wait
            again = decision.after_response(response)
            if again is None:
                return Sent(response, maybe_done)
            maybe_done = maybe_done or response.status_code != httpx.codes.TOO_MANY_REQUESTS
        except Exception as error:
            again = decision.after_error(error)
            if again is None:
                raise
            maybe_done = maybe_done or not isinstance(error, never_sent)
        wait = again


class _Decision:
    """Whether to try again, and after how many seconds.

    - The wait is what the answer asks for (`Retry-After`, else the reset of the rate limit), else the backoff of the
      rules. It is never cut short: if it is longer than `max_backoff_wait`, or does not fit into `total_timeout`
      counted from the first try, there is no further try.
    - A request that must not run twice is sent again only after a failure that proves that it did not run.
    """

    def __init__(
        self,
        policy: RetryPolicy,
        rules: Retry | EllipsisType | None,
        method: str,
        clock: Clock,
        never_sent: tuple[type[Exception], ...],
        deadline: float | None,
    ) -> None:
        self._deadline = math.inf if deadline is None else deadline
        self._policy = policy
        self._given = rules
        self._method = method
        self._clock = clock
        self._never_sent = never_sent
        self._started = clock.now()

    def after_response(self, response: httpx.Response) -> float | None:
        """Seconds until the next try; None if this response is final."""
        limited = response.status_code == httpx.codes.TOO_MANY_REQUESTS
        cut_short = self._method == "GET" and may_be_cut_short(response)
        if self._given is None or (limited and not self._policy.waits_for_limits):
            return None
        if self._given is ... and response.is_success and not cut_short:
            return None
        if self._is_exhausted:
            return None
        if (self._may_repeat or limited) and self._rules.is_retryable_status_code(response.status_code):
            return self._next(f"HTTP {response.status_code}", self._asked_for(response, limited))
        if self._may_repeat and cut_short:
            return self._next("the answer was cut short")
        if self._rules.validate_response is not None:
            self._rules.validate_response(response)
        return None

    def after_error(self, error: Exception) -> float | None:
        """Seconds until the next try; None if this error is final."""
        if self._given is None or self._is_exhausted or not (self._may_repeat or isinstance(error, self._never_sent)):
            return None
        if _passes(error, self._rules):
            return self._next(type(error).__name__)
        return None

    @functools.cached_property
    def _rules(self) -> Retry:
        return resolved(self._given)

    @property
    def _may_repeat(self) -> bool:
        return self._policy.repeatable and self._rules.is_retryable_method(self._method)

    @property
    def _is_exhausted(self) -> bool:
        return self._rules.is_exhausted() or self._time_left <= 0

    @property
    def _time_left(self) -> float:
        left_of_deadline = self._deadline - (self._clock.now() - self._started)
        return min(_time_left(self._rules, self._started, self._clock), left_of_deadline)

    def _asked_for(self, response: httpx.Response, limited: bool) -> float | None:
        if not self._rules.respect_retry_after_header:
            return None
        from .rate_limits import RateLimit, retry_after

        # Any answer may carry the headers of the limits, and fail for another reason.
        if limited:
            return RateLimit.from_headers(response.headers, self._clock.time()).retry_after
        return retry_after(response.headers, self._clock.time())

    def _next(self, failure: str, asked_for: float | None = None) -> float | None:
        rules = self._rules.increment()
        wait = _wait(rules, asked_for, self._time_left)
        if wait is not None:
            logger.info("try %d of %d: %s; next in %.1f s", rules.attempts_made, rules.total + 1, failure, wait)
            self._rules = rules
        return wait


class RateLimitWait:
    """How long the workers of a scan wait, together, for a rate limit to lift.

    By the same rules as the tries of one request, but with as many tries as fit into `total_timeout`, counted from the
    last page that arrived: with many workers, most tries fail because of the other workers.
    """

    def __init__(self, rules: Retry | EllipsisType, clock: Clock) -> None:
        self._rules = self._step = resolved(rules)
        self._clock = clock
        self._since: float | None = None

    def after(self, error: RateLimitError) -> float | None:
        """Seconds; None if the limit lifts too late, or if the rules do not wait for limits."""
        if not self._rules.is_retryable_status_code(httpx.codes.TOO_MANY_REQUESTS):
            return None
        if self._since is None:
            self._since = self._clock.now()
        self._step = self._step.copy_with(total=self._step.total + 1).increment()
        asked_for = error.retry_after if self._rules.respect_retry_after_header else None
        wait = _wait(self._step, asked_for, _time_left(self._step, self._since, self._clock))
        if wait is None:
            return None
        logger.info("rate limit: all workers continue in %.1f s", wait)
        return max(wait, LEAST_WAIT_FOR_LIMITS)

    def page_arrived(self) -> None:
        self._step, self._since = self._rules, None


def resolved(rules: Retry | EllipsisType | None) -> Retry:
    """`...` are the default rules, loaded when a first try fails: httpx-retries brings asyncio, 15 ms of a start."""
    from httpx_retries import Retry

    return rules if isinstance(rules, Retry) else _default_rules()


@functools.cache
def _default_rules() -> Retry:
    from httpx_retries import Retry

    return Retry(total=5, backoff_factor=0.25, max_backoff_wait=60.0, total_timeout=TOTAL_TIMEOUT)


def check_rules(rules: Retry | EllipsisType | None) -> None:
    if rules is None or rules is ...:
        return
    from httpx_retries import Retry

    if not isinstance(rules, Retry):
        raise ConfigurationError(f"retry must be an httpx_retries.Retry or None, not {type(rules).__name__}")
    if inspect.iscoroutinefunction(rules.validate_response):
        raise ConfigurationError("retry.validate_response must be a plain function: the body has been read by then")


def _passes(error: Exception, rules: Retry) -> bool:
    """Whether another try may end otherwise."""
    import ssl  # few tries fail

    if isinstance(error, httpx.DecodingError):
        return True  # the body was cut short or garbled on the way
    if isinstance(error, httpx.ProxyError):
        # The proxy refused to connect: by a status, or for a reason that it gives in other words.
        status = str(error).partition(" ")[0]
        return status.isdecimal() and rules.is_retryable_status_code(int(status))
    if isinstance(error, ssl.SSLError):
        # On asyncio httpcore lets errors of TLS through, which it calls ReadError elsewhere.
        error = httpx.ReadError(str(error))
    return rules.is_retryable_exception(error) and not (isinstance(error, httpx.ConnectError) and _lasts(error))


def _lasts(error: httpx.ConnectError) -> bool:
    """Whether every connection fails like this one: a certificate nobody vouches for, no TLS, no such host."""
    import socket
    import ssl

    not_there = {socket.EAI_NONAME, getattr(socket, "EAI_NODATA", socket.EAI_NONAME)}
    for cause in causes(error):
        if isinstance(cause, socket.gaierror):
            return cause.errno in not_there
        if isinstance(cause, ssl.SSLError):
            return not isinstance(cause, ssl.SSLEOFError | ssl.SSLZeroReturnError)
    return False


def causes(error: BaseException) -> Iterator[BaseException]:
    """The error, what it was raised from, and so on."""
    seen: set[int] = set()
    cause: BaseException | None = error
    while cause is not None and id(cause) not in seen:
        seen.add(id(cause))
        yield cause
        cause = cause.__cause__ or cause.__context__


def may_be_cut_short(response: httpx.Response) -> bool:
    """Whether the body may lack its end. If only the end of the connection ends a body, its JSON must show it."""
    if not response.is_success or response.status_code == httpx.codes.NO_CONTENT:
        return False
    if "Content-Length" in response.headers or "Transfer-Encoding" in response.headers:
        return False
    from .json import is_json

    return not is_json(response.content)


def _time_left(rules: Retry, started: float, clock: Clock) -> float:
    return (rules.total_timeout or TOTAL_TIMEOUT) - (clock.now() - started)


def _wait(rules: Retry, asked_for: float | None, time_left: float) -> float | None:
    """Seconds until the next try; None if that would be too late."""
    wait = asked_for or max(0.0, rules.backoff_strategy())
    return None if wait > rules.max_backoff_wait or wait > time_left else wait
