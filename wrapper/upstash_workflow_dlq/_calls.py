"""What a driver sends and gets back, and how an answer becomes a value or an error. No I/O."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from typing import Any, TypeVar

import httpx
from msgspec import Struct

from . import errors
from ._json import decode_json
from ._ratelimits import RateLimit

T = TypeVar("T")


# Structs here and elsewhere, where dataclasses would do: each of those takes 0.7 ms of a start.
class Call(Struct, frozen=True):
    """One request: what a generated builder made, and whether it may be sent again when its fate is unknown.

    And whether a rate limit is waited for on the way, or is the caller's to see to.
    """

    kwargs: dict[str, Any]
    repeatable: bool
    waits_for_limits: bool = True


class Answer(Struct, frozen=True):
    status_code: int
    headers: Mapping[str, str]
    content: bytes
    method: str
    url: str
    tries: int


# An operation: yields calls, is sent the answer to each, returns its result. An error is thrown in where none came.
Flow = Generator[Call, Answer, T]

_ERRORS: dict[int, type[errors.APIError]] = {
    400: errors.BadRequestError,
    401: errors.AuthenticationError,
    403: errors.AuthenticationError,
    404: errors.NotFoundError,
    429: errors.RateLimitError,
}


def raise_unless_success(answer: Answer) -> None:
    """The one place where an answer becomes an error, whatever its status and body."""
    status = answer.status_code
    if 200 <= status < 300:
        return
    kind = _ERRORS.get(status, errors.ServerError if 500 <= status < 600 else errors.APIError)
    error = kind(
        _error_message(answer),
        status_code=status,
        body=answer.content,
        method=answer.method,
        url=answer.url,
        request_id=answer.headers.get("X-Request-Id"),
    )
    if isinstance(error, errors.RateLimitError):
        limits = RateLimit.from_headers(answer.headers)
        error.kind, error.limit, error.remaining = limits.kind, limits.limit, limits.remaining
        error.reset_at, error.retry_after = limits.reset_at, limits.retry_after
    raise error


def read_object(answer: Answer) -> dict[str, Any]:
    """The JSON object of a successful answer. Anything else raises `InvalidResponseError`."""
    where = f"the answer to {answer.method} {answer.url}"
    try:
        value = decode_json(answer.content)
    except ValueError as error:
        what = answer.headers.get("Content-Type", "no content type")
        size = len(answer.content)
        raise errors.InvalidResponseError(f"{where} is not JSON ({what}, {size} bytes): {error}") from None
    if not isinstance(value, dict):
        raise errors.InvalidResponseError(f"{where} should be a JSON object, but is {type(value).__name__}")
    return value


def _error_message(answer: Answer) -> str:
    try:
        payload = decode_json(answer.content)
    except ValueError:
        # Proxies answer with whole HTML pages; the first line is enough here, and `body` has the rest.
        lines = answer.content.decode(errors="replace").split("\n")
        text = next((line.strip() for line in lines if line.strip()), "")
    else:
        message = payload.get("error", payload.get("message")) if isinstance(payload, dict) else payload
        text = message if isinstance(message, str) else str(payload)
    text = text or httpx.codes.get_reason_phrase(answer.status_code) or "no message"
    return text if len(text) <= 300 else f"{text[:299]}…"
