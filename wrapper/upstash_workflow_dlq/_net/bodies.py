"""Bodies within a limit: joined, and decompressed step by step.

httpx would decompress whatever comes: 264 bytes of nested gzip become 1.5 GB. Here a body has one encoding that was
asked for, and never more than the limit in memory.
"""

from __future__ import annotations

import zlib

import httpx

from ..errors import InvalidResponseError

# Enough to see what failed. What comes after it is not read.
MAX_ERROR_BODY = 2**20

_OF_THE_WIRE = (b"content-encoding", b"content-length")


class Body:
    """Takes the chunks of a body as they come over the wire."""

    def __init__(self, response: httpx.Response, limit: int | None) -> None:
        self._response = response
        self._is_error = response.status_code >= 400
        if self._is_error:
            limit = MAX_ERROR_BODY if limit is None else min(limit, MAX_ERROR_BODY)
        self._limit = limit
        self._size = 0
        self._chunks: list[bytes] = []
        self._is_cut = False
        self._failure: Exception | None = None
        self._decompressor = _decompressor(response.headers.get("Content-Encoding", ""))

    def add(self, chunk: bytes) -> bool:
        """Whether to go on reading."""
        left = None if self._limit is None else self._limit - self._size
        try:
            if self._decompressor is not None:
                # One byte more than is left shows that the limit is exceeded. (0 would mean no limit.)
                chunk = self._decompressor(chunk, 0 if left is None else left + 1)
        except httpx.DecodingError as error:
            self._failure = error
            return False
        self._chunks.append(chunk)
        self._size += len(chunk)
        if left is None or len(chunk) <= left:
            return True
        if not self._is_error:
            self._failure = InvalidResponseError(
                f"the answer is larger than {self._limit:,} bytes: ask for less at a time (page_size), or raise "
                "max_response_size"
            )
        self._is_cut = True
        return False

    def complete(self) -> httpx.Response:
        """The response, with the body that was read."""
        if self._failure is not None:
            raise self._failure
        content = b"".join(self._chunks)
        shown = content[: self._limit] if self._is_cut else content
        body = httpx.ByteStream(shown)
        if self._decompressor is None:
            whole = self._response
            whole.stream = body
        else:
            if content and not self._is_cut:
                self._decompressor.check_end()
            kept = [item for item in self._response.headers.raw if item[0].lower() not in _OF_THE_WIRE]
            headers = [*kept, (b"Content-Length", str(len(content)).encode())]
            # Not `content=`, which would add a Content-Length to a body that had none.
            status, extensions = self._response.status_code, self._response.extensions
            whole = httpx.Response(status, headers=headers, stream=body, extensions=extensions)
        # What `whole.read()` does in a hundredth of the time of a page.
        whole._content = shown
        whole.is_closed = whole.is_stream_consumed = True
        return whole


class _Decompressor:
    """gzip and deflate, the encodings that are asked for."""

    def __init__(self, window_bits: int) -> None:
        self._object = zlib.decompressobj(window_bits)
        self._is_first = True

    def __call__(self, chunk: bytes, limit: int) -> bytes:
        try:
            return self._object.decompress(chunk, limit)
        except zlib.error as error:
            if not self._is_first:
                raise httpx.DecodingError(str(error)) from None
            # Some servers send deflate without its zlib header.
            self._is_first = False
            self._object = zlib.decompressobj(-zlib.MAX_WBITS)
            return self(chunk, limit)
        finally:
            self._is_first = False

    def check_end(self) -> None:
        if not self._object.eof:
            raise httpx.DecodingError("the compressed body ends early")


def _decompressor(encoding: str) -> _Decompressor | None:
    name = encoding.strip().lower()
    if name in ("", "identity"):
        return None
    if name not in ("gzip", "x-gzip", "deflate"):
        raise InvalidResponseError(f"the Content-Encoding of the answer is {encoding[:100]!r}, not gzip or deflate")
    return _Decompressor(zlib.MAX_WBITS | 32)  # finds out which of the two it is
