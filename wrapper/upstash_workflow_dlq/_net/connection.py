"""What drives the flows of `_core`: calls become requests, responses become answers, transport errors become ours."""

from __future__ import annotations

import logging
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from types import EllipsisType
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar
from urllib.parse import urlencode

import httpx

from .._core.answers import Answer, Call, Flow
from .._core.retries import NEVER_SENT, Sent, causes, logger
from .._redaction import redacted
from .._version import __version__
from ..errors import ConfigurationError, DLQError, TransportError, clipped
from .auth import AsyncTokenTransport, TokenTransport
from .clock import SystemClock
from .config import Config
from .limits import Limits
from .network import AsyncNetworkTransport, NetworkTransport
from .proxies import environment_proxy
from .redacting import forget_our_variables, redact_logs
from .sending import AsyncSender, Sender
from .stopping import Living, Stop
from .tls import tls_context

if TYPE_CHECKING:
    from httpx_retries import Retry

HEADERS = {
    "Accept": "application/json",
    "Accept-Encoding": "gzip, deflate",
    "User-Agent": f"upstash-workflow-dlq/{__version__}",
}

# As in httpx, but all are kept alive: it would close those beyond 20 after each request.
POOL_LIMITS = httpx.Limits(max_connections=100, max_keepalive_connections=100)

NO_BODY = httpx.ByteStream(b"")

redact_logs()

T = TypeVar("T")
SenderT = TypeVar("SenderT", Sender, AsyncSender)
TransportT = TypeVar("TransportT", httpx.BaseTransport, httpx.AsyncBaseTransport)
HTTPXTransportT = TypeVar("HTTPXTransportT", httpx.HTTPTransport, httpx.AsyncHTTPTransport)


class Reader(Protocol):
    """Threads that read ahead over a connection."""

    def halt(self) -> None: ...


class AsyncReader(Protocol):
    """Tasks that read ahead over a connection."""

    async def halt(self) -> None: ...


ReaderT = TypeVar("ReaderT", Reader, AsyncReader)


class _Connection(Generic[SenderT, TransportT, ReaderT]):
    """What both kinds share. `readers` are stopped when it closes."""

    _transport_kind: type[TransportT]
    _token_transport_kind: Callable[..., Any]
    _sender_kind: Callable[..., SenderT]

    # The proxy that the environment names, if it is used. A transport of the caller's decides by itself.
    _proxy: httpx.URL | None = None

    def __init__(
        self,
        config: Config,
        limits: Limits,
        retry: Retry | EllipsisType | None,
        transport: TransportT | None,
        trust_connect_errors: bool,
        clock: SystemClock,
    ) -> None:
        if transport is None:
            proxy = environment_proxy(config.base_url)
            self._proxy = None if proxy is None else proxy.url
            transport = self._network_transport(config)
        elif not isinstance(transport, self._transport_kind):
            kind = self._transport_kind.__name__
            raise ConfigurationError(f"transport must be an httpx.{kind}, not {type(transport).__name__}")
        never_sent = _never_sent(transport, trust_connect_errors)
        base_url = httpx.URL(config.base_url)
        self._root = str(base_url).rstrip("/")
        self._parsed = "", base_url
        self._headers = httpx.Headers({"Host": base_url.netloc.decode(), **HEADERS})
        self._timeout = limits.timeout
        inner = self._token_transport_kind(config, transport, limits.max_response_size, never_sent)
        self.sender: SenderT = self._sender_kind(inner, retry, limits.deadline, clock)
        self.readers: Living[ReaderT] = Living()

    def _network_transport(self, config: Config) -> TransportT:
        raise NotImplementedError

    @property
    def clock(self) -> SystemClock:
        return self.sender.clock

    def _request(self, call: Call) -> httpx.Request:
        # Without httpx.Client: its redirects, cookies and hooks would cost a third of the time of a request.
        params = call.kwargs.get("params", {}).items()
        # As httpx does: `true`, where urlencode says `True`.
        query = [(name, str(value).lower() if isinstance(value, bool) else value) for name, value in params]
        url = self._url(call.kwargs["url"], urlencode(query, doseq=True))
        method = call.kwargs["method"]
        extensions = {"timeout": self._timeout.as_dict()}
        extra = call.kwargs.get("headers", {})
        if method == "GET" and not extra:
            # The headers that httpx would add are there already: to add them takes as long as to read 15 runs.
            return httpx.Request(method, url, headers=self._headers, stream=NO_BODY, extensions=extensions)
        return httpx.Request(method, url, headers={**HEADERS, **extra}, extensions=extensions)

    def _url(self, path: str, query: str) -> httpx.URL:
        # Pages differ in their query only, and httpx takes as long to parse a URL as we to read 15 runs.
        parsed_path, url = self._parsed
        if path != parsed_path:
            url = httpx.URL(self._root + path)
            self._parsed = path, url
        if query:
            with_query = httpx.URL(url)
            with_query._uri_reference = url._uri_reference._replace(query=query)
            url = with_query
        return url

    def _answer(self, request: httpx.Request, sent: Sent) -> Answer:
        response = sent.response
        answer = Answer(
            status_code=response.status_code,
            headers=response.headers,
            content=response.content,
            method=request.method,
            url=str(request.url),
            maybe_done_before=sent.maybe_done_before,
            received_at=self.clock.time(),
        )
        if logger.isEnabledFor(logging.DEBUG):
            size = len(answer.content)
            logger.debug("%s %s: HTTP %d, %d bytes", answer.method, redacted(answer.url), answer.status_code, size)
        return answer

    @contextmanager
    def _transport_errors(self, request: httpx.Request) -> Iterator[None]:
        try:
            yield
        except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError, OSError, UnicodeError) as error:
            if isinstance(error, httpx.RequestError):
                error.request = request
            complaint = f"got no complete answer{self._culprit(error)}: {_reason(error)}"
            raise TransportError(f"{request.method} {clipped(str(request.url), 300)} {complaint}") from error

    def _culprit(self, error: Exception) -> str:
        if self._proxy is None:
            return ""
        # Without the password in it.
        proxy = f"the proxy {self._proxy.copy_with(username='', password='')}"
        if isinstance(error, httpx.ProxyError):
            return f": {proxy} refused"
        is_tls = any(isinstance(cause, ssl.SSLError) for cause in causes(error))
        if isinstance(error, httpx.ConnectError | httpx.ConnectTimeout) and not is_tls:
            return f": {proxy} cannot be reached"
        return f" through {proxy}"


class Connection(_Connection[Sender, httpx.BaseTransport, Reader]):
    _transport_kind = httpx.BaseTransport
    _token_transport_kind = TokenTransport
    _sender_kind = Sender

    def _network_transport(self, config: Config) -> NetworkTransport:
        return NetworkTransport(partial(_httpx_transport, httpx.HTTPTransport, config))

    def run(self, flow: Flow[T], stop: Stop | None = None) -> T:
        """Raises Stopped as soon as `stop` is set."""
        try:
            call = next(flow)
            while True:
                try:
                    answer = self._send(call, stop)
                except Exception as error:
                    call = flow.throw(error)
                else:
                    call = flow.send(answer)
        except StopIteration as ended:
            result: T = ended.value
            return result
        except DLQError as error:
            forget_our_variables(error)
            raise
        except BaseException as interrupt:
            if not isinstance(interrupt, Exception):
                flow.throw(interrupt)  # a flow may add what it has done, and raises it again
            raise
        finally:
            flow.close()

    def _send(self, call: Call, stop: Stop | None) -> Answer:
        request = self._request(call)
        with self._transport_errors(request):
            return self._answer(request, self.sender.send(request, call.policy, stop))

    def close(self) -> None:
        self.sender.refuse()  # first, or what waits for a reader would start another
        for reader in self.readers:
            reader.halt()
        self.sender.close()


class AsyncConnection(_Connection[AsyncSender, httpx.AsyncBaseTransport, AsyncReader]):
    _transport_kind = httpx.AsyncBaseTransport
    _token_transport_kind = AsyncTokenTransport
    _sender_kind = AsyncSender

    def _network_transport(self, config: Config) -> AsyncNetworkTransport:
        return AsyncNetworkTransport(partial(_httpx_transport, httpx.AsyncHTTPTransport, config))

    async def run(self, flow: Flow[T]) -> T:
        try:
            call = next(flow)
            while True:
                try:
                    answer = await self._send(call)
                except Exception as error:
                    call = flow.throw(error)
                else:
                    call = flow.send(answer)
        except StopIteration as ended:
            result: T = ended.value
            return result
        except DLQError as error:
            forget_our_variables(error)
            raise
        except BaseException as interrupt:
            if not isinstance(interrupt, Exception):
                flow.throw(interrupt)  # a flow may add what it has done, and raises it again
            raise
        finally:
            flow.close()

    async def _send(self, call: Call) -> Answer:
        request = self._request(call)
        with self._transport_errors(request):
            return self._answer(request, await self.sender.send(request, call.policy))

    async def aclose(self) -> None:
        self.sender.refuse()
        for reader in self.readers:
            await reader.halt()
        await self.sender.aclose()


def _httpx_transport(kind: Callable[..., HTTPXTransportT], config: Config) -> HTTPXTransportT:
    url = config.base_url
    return kind(verify=tls_context(url), proxy=environment_proxy(url), limits=POOL_LIMITS)


# Ours add nothing to httpx's own that could raise another error for a connection.
TRUSTED = (httpx.HTTPTransport, httpx.AsyncHTTPTransport, NetworkTransport, AsyncNetworkTransport)


def _never_sent(transport: object, trust_connect_errors: object) -> tuple[type[Exception], ...]:
    """Errors of the transport that prove that a request was not sent.

    Not of subclasses of httpx's own: what they override may send a request twice, or by other means.
    """
    if not isinstance(trust_connect_errors, bool):
        kind = type(trust_connect_errors).__name__
        raise ConfigurationError(f"trust_connect_errors must be True or False, not {kind}")
    return NEVER_SENT if type(transport) in TRUSTED or trust_connect_errors else ()


def _reason(error: Exception) -> str:
    """Some errors say nothing themselves, such as those of a handshake on trio."""
    text = next((text for cause in causes(error) if (text := str(cause))), "")
    return f"{type(error).__name__}: {text}".removesuffix(": ")
