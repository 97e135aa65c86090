"""The way out: authenticate, read the whole answer, try again where that is safe."""

from __future__ import annotations

import functools
import inspect
import logging
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic, sleep
from typing import TypeVar, cast

import httpx
from httpx_retries import Retry, RetryTransport

from ._config import Config
from ._json import is_json
from ._ratelimits import RateLimit, retry_after
from .errors import ClientClosedError, ConfigurationError

EdgeT = TypeVar("EdgeT", "SyncEdge", "AsyncEdge")

logger = logging.getLogger("upstash_workflow_dlq")

DEFAULT_TOTAL_TIMEOUT = 60.0
DEFAULT_RETRY = Retry(
    total=5,
    backoff_factor=0.25,
    max_backoff_wait=60.0,
    total_timeout=DEFAULT_TOTAL_TIMEOUT,
)


class _Edge:
    """Next to the network: adds the token, and hands on answers only when they are complete.

    The token is added here and nowhere above, because httpx logs the URL of every request it is given, and shows its
    requests in exceptions. Bodies are read here, because one that is cut short must be noticed where the request can
    still be repeated.
    """

    def __init__(self, config: Config) -> None:
        self._credentials = config.credentials
        self._origin = _origin(httpx.URL(config.base_url))
        self._closed = False

    def _outgoing(self, request: httpx.Request) -> httpx.Request:
        if self._closed:
            raise ClientClosedError("this client is closed: keep it open for as long as you use it, or make a new one")
        url = request.url
        headers = [(name, value) for name, value in request.headers.raw if name.lower() != b"authorization"]
        # Only low-level calls can leave the service, by a redirect or an absolute URL. The token stays behind.
        if _origin(url) == self._origin:
            if self._credentials.auth == "query":
                url = url.copy_merge_params({"qstash_token": self._credentials.token})
            else:
                headers.append((b"Authorization", b"Bearer " + self._credentials.token.encode()))
        return httpx.Request(request.method, url, headers=headers, stream=request.stream, extensions=request.extensions)

    @contextmanager
    def _redacting(self) -> Iterator[None]:
        """A transport may quote the URL that it was given, with the token in it."""
        try:
            yield
        except Exception as error:
            redact = self._credentials.redact
            error.args = tuple(redact(argument) if isinstance(argument, str) else argument for argument in error.args)
            raise


class SyncEdge(_Edge, httpx.BaseTransport):
    def __init__(self, config: Config, inner: httpx.BaseTransport) -> None:
        super().__init__(config)
        self._inner = inner

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        with self._redacting():
            response = self._inner.handle_request(self._outgoing(request))
            if response.is_closed:  # read by an inner transport, such as a recorder
                return response
            try:
                return _complete(response, list(cast(httpx.SyncByteStream, response.stream)))
            finally:
                response.close()

    def close(self) -> None:
        if not self._closed:
            self._closed = True
            self._inner.close()


class AsyncEdge(_Edge, httpx.AsyncBaseTransport):
    def __init__(self, config: Config, inner: httpx.AsyncBaseTransport) -> None:
        super().__init__(config)
        self._inner = inner

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        with self._redacting():
            response = await self._inner.handle_async_request(self._outgoing(request))
            if response.is_closed:
                return response
            try:
                return _complete(response, [chunk async for chunk in cast(httpx.AsyncByteStream, response.stream)])
            finally:
                await response.aclose()

    async def aclose(self) -> None:
        if not self._closed:
            self._closed = True
            await self._inner.aclose()


def _complete(response: httpx.Response, chunks: list[bytes]) -> httpx.Response:
    # Not aread(): where a body does not decompress, that leaves an async generator behind, of which trio warns.
    whole = httpx.Response(
        response.status_code,
        headers=response.headers,
        stream=httpx.ByteStream(b"".join(chunks)),
        extensions=response.extensions,
    )
    whole.read()
    return whole


def _origin(url: httpx.URL) -> tuple[str, str, int | None]:
    return url.scheme, url.host, url.port


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
        elif self._repeatable and _may_be_cut_short(response):
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


def _may_be_cut_short(response: httpx.Response) -> bool:
    """Where only the end of the connection ends a body, nothing but its own sense tells whether it is whole."""
    if response.request.method != "GET" or not response.is_success or not response.content:
        return False
    delimited = "Content-Length" in response.headers or "Transfer-Encoding" in response.headers
    return not delimited and not is_json(response.content)


class _TryAgain(Exception):
    """Never leaves the loop: how an answer that deserves another try says so."""


class SafeRetryTransport(RetryTransport):
    """Starts the tries of each call. What may run twice is what says so, and any GET."""

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        self._begin(request)
        return super().handle_request(request)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self._begin(request)
        return await super().handle_async_request(request)

    def _begin(self, request: httpx.Request) -> None:
        repeatable = request.extensions.get("repeatable", request.method == "GET")
        repeatable = repeatable and self.retry.is_retryable_method(request.method)
        request.extensions["retry"] = Tries(self.retry, repeatable=repeatable, started=monotonic())


def with_retries(edge: EdgeT, retry: Retry | None) -> EdgeT | SafeRetryTransport:
    if retry is None:
        return edge
    if not isinstance(retry, Retry):
        raise ConfigurationError(f"retry must be an httpx_retries.Retry or None, not {type(retry).__name__}")
    if inspect.iscoroutinefunction(retry.validate_response):
        raise ConfigurationError("retry.validate_response must be a plain function; the body is read by then")
    return SafeRetryTransport(edge, retry)


def tls_context(base_url: str) -> ssl.SSLContext:
    # Without TLS there is nothing to verify: this one trusts nobody, and spares loading the CA bundle.
    return _ca_context() if httpx.URL(base_url).scheme == "https" else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


@functools.cache
def _ca_context() -> ssl.SSLContext:
    # Shared by all clients: loading the CA bundle takes about 35 ms.
    return httpx.create_ssl_context()
