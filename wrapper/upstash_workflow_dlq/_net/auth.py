"""Next to the network: the token is added at the last moment, and the whole body is read."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import cast

import httpx

from ..errors import ClientClosedError
from .config import Config


class _TokenTransport:
    """Adds the token, and returns responses only when they are complete.

    The token is added here and nowhere above: httpx logs the URL of every request it is given, and shows requests in
    exceptions. Bodies are read here: if one is cut short, the request can still be repeated.
    """

    def __init__(self, config: Config) -> None:
        self._credentials = config.credentials
        self._origin = _origin(httpx.URL(config.base_url))
        self._closed = False

    def _outgoing(self, request: httpx.Request) -> httpx.Request:
        if self._closed:
            raise ClientClosedError("this client is closed: make a new one, or close it later")
        url = request.url
        headers = [(name, value) for name, value in request.headers.raw if name.lower() != b"authorization"]
        # Only low-level calls can leave the service, by a redirect or an absolute URL, and then without the token.
        if _origin(url) == self._origin:
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

    @contextmanager
    def _redacting(self) -> Iterator[None]:
        """A transport may quote the URL that it was given, with the token in it."""
        try:
            yield
        except Exception as error:
            redact = self._credentials.redact
            error.args = tuple(redact(argument) if isinstance(argument, str) else argument for argument in error.args)
            raise


class TokenTransport(_TokenTransport, httpx.BaseTransport):
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


class AsyncTokenTransport(_TokenTransport, httpx.AsyncBaseTransport):
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
    # Not aread(): if a body cannot be decompressed, that leaves an async generator behind, and trio warns about it.
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
