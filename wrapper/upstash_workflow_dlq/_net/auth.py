"""Next to the network: the token is added at the last moment, and the whole body is read."""

from __future__ import annotations

import socket
from contextlib import suppress
from typing import Generic, TypeVar, cast

import httpx

from .._redaction import HIDDEN
from ..errors import ClientClosedError
from .bodies import Body
from .cancelling import within
from .config import Config
from .redacting import NoTokenInErrors
from .stopping import Stop, exchange_of_this_thread

InnerT = TypeVar("InnerT", httpx.BaseTransport, httpx.AsyncBaseTransport)


class _TokenTransport(Generic[InnerT]):
    """Adds the token, and returns responses only when they are complete.

    The token is added here and nowhere above: httpx logs the URL of every request it is given, and shows requests in
    exceptions. Bodies are read here: if one is cut short, the request can still be repeated.
    """

    def __init__(
        self, config: Config, inner: InnerT, max_response_size: int | None, never_sent: tuple[type[Exception], ...]
    ) -> None:
        """`never_sent`: errors of the inner transport that prove that a request was not sent."""
        self.never_sent = never_sent
        self._inner: InnerT = inner
        self._max_response_size = max_response_size
        self._credentials = config.credentials
        self._origin = _origin(httpx.URL(config.base_url))
        self._is_closing = False
        self._is_closed = False

    def refuse(self) -> None:
        """Let no further request begin."""
        self._is_closing = True

    def _outgoing(self, request: httpx.Request) -> httpx.Request:
        if self._is_closing:
            raise ClientClosedError("this client is closed: make a new one")
        url = request.url
        headers = [(name, value) for name, value in request.headers.raw if name.lower() != b"authorization"]
        # Only low-level calls can leave the service, by a redirect or an absolute URL, and then without the token.
        if _origin(url) == self._origin:
            if b"qstash_token" in url.query and url.params["qstash_token"] == HIDDEN:
                url = url.copy_remove_param("qstash_token")  # quoted in a redirect
            if self._credentials.auth == "query":
                url = url.copy_merge_params({"qstash_token": self._credentials.token})
            else:
                headers.append((b"Authorization", b"Bearer " + self._credentials.token.encode()))
        outgoing = httpx.Request(
            request.method, url, headers=headers, stream=request.stream, extensions=request.extensions
        )
        if isinstance(request.stream, httpx.ByteStream):
            outgoing.read()  # the transport of pyreqwest takes no stream that is sync and async at once
        return outgoing


class TokenTransport(_TokenTransport[httpx.BaseTransport]):
    def exchange(self, request: httpx.Request, seconds: float | None, stop: Stop | None) -> httpx.Response:
        """The whole response, within so many seconds, unless `stop` is set."""
        with NoTokenInErrors(request), exchange_of_this_thread(seconds, stop) as exchange:
            response = self._inner.handle_request(self._outgoing(request))
            if response.is_closed:  # read by an inner transport, such as a recorder
                return response
            # Not the response's own methods: one that is closed cannot be read, and the body is put into it.
            stream = cast(httpx.SyncByteStream, response.stream)
            try:
                body = Body(response, self._max_response_size)
                for chunk in stream:
                    exchange.check()
                    if not body.add(chunk):
                        break
            finally:
                stream.close()
            return body.complete()

    def close(self) -> None:
        self.refuse()
        if not self._is_closed:
            self._is_closed = True
            self._inner.close()


class AsyncTokenTransport(_TokenTransport[httpx.AsyncBaseTransport]):
    async def exchange(self, request: httpx.Request, seconds: float | None) -> httpx.Response:
        """The whole response, within so many seconds."""
        with NoTokenInErrors(request):
            return await within(seconds, lambda: self._exchange(request))

    async def _exchange(self, request: httpx.Request) -> httpx.Response:
        response = await self._inner.handle_async_request(self._outgoing(request))
        if response.is_closed:
            return response
        chunks = cast(httpx.AsyncByteStream, response.stream)
        try:
            body = Body(response, self._max_response_size)
            is_enough = False
            try:
                async for chunk in chunks:
                    if not is_enough and not body.add(chunk):
                        # Iterated to an end all the same: generators that are left behind make trio warn.
                        is_enough = True
                        _disconnect(response)
            except httpx.HTTPError:
                if not is_enough:
                    raise
        finally:
            await chunks.aclose()
        return body.complete()

    async def aclose(self) -> None:
        self.refuse()
        if not self._is_closed:
            self._is_closed = True
            await self._inner.aclose()


def _disconnect(response: httpx.Response) -> None:
    """Let the next read find the end. A socket that is closed instead would trip up httpcore."""
    stream = response.extensions.get("network_stream")  # of httpcore's transports
    used = None if stream is None else stream.get_extra_info("socket")
    if used is not None:
        with suppress(OSError):
            used.shutdown(socket.SHUT_RDWR)


def _origin(url: httpx.URL) -> tuple[str, str, int | None]:
    return url.scheme, url.host, url.port
