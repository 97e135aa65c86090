"""What can go wrong between client and service: values for `Emulator.fail()` and `Settings.fault_shares`."""

import json
from dataclasses import dataclass
from http import HTTPStatus

__all__ = [
    "Answer",
    "Fault",
    "Reset",
    "Slow",
    "Truncated",
    "burst_limit",
    "daily_limit",
    "html",
    "reset",
    "reset_after_acting",
    "slow",
    "status",
    "too_many_requests",
    "truncated",
]


@dataclass(frozen=True, slots=True)
class Answer:
    """A fixed response; the request is not carried out."""

    status: int
    body: bytes
    headers: tuple[tuple[str, str], ...]
    reset_header: str | None = None
    """A header with a Unix timestamp, `reset_in` seconds after the response is sent."""
    reset_in: float = 0.0


@dataclass(frozen=True, slots=True)
class Reset:
    """The connection is reset without a response, before or after the request is carried out."""

    acting: bool


@dataclass(frozen=True, slots=True)
class Truncated:
    """The request is carried out; the response breaks off in the middle of its body."""


@dataclass(frozen=True, slots=True)
class Slow:
    """The request waits this many seconds, in addition to `Settings.latency`; then it is carried out."""

    seconds: float


Fault = Answer | Reset | Truncated | Slow
"""What the functions below make."""


def status(
    code: int,
    body: str | bytes | None = None,
    content_type: str = "application/json",
    headers: tuple[tuple[str, str], ...] = (),
) -> Fault:
    """A response of your own; the request is not carried out.

    Args:
        code: any final status, 200 to 599, standard or not. Raises ValueError for others.
        body: None for an error as the service's, with the name of the status.
        content_type: of that body.
        headers: pairs of names and values to add.
    """
    if not 200 <= code <= 599:
        raise ValueError(f"an HTTP status must be from 200 to 599, got {code}")
    if body is None:
        body = json.dumps({"error": _phrase(code)})
    if code in (204, 304):  # these must not have a body
        body = b""
    return Answer(code, body.encode() if isinstance(body, str) else body, (("content-type", content_type), *headers))


def html(code: int = 502) -> Fault:
    """An HTML error page with the status `code`, as from a proxy in front of the service."""
    phrase = _phrase(code)
    page = f"<!doctype html>\n<html><head><title>{code} {phrase}</title></head><body><h1>{phrase}</h1></body></html>\n"
    return status(code, page, "text/html; charset=utf-8")


def burst_limit(limit: int = 100, reset_in: float = 1.0) -> Fault:
    """A 429 for too many requests within a second, with the Burst-RateLimit headers. `limit` is what they say.

    The reset header is a Unix timestamp in whole seconds, rounded down: at most `reset_in` seconds ahead.
    """
    return _limit("Burst-RateLimit", "Too many requests within one second.", limit, reset_in)


def daily_limit(limit: int = 1000, reset_in: float = 3600.0) -> Fault:
    """A 429 for the daily limit, with the RateLimit headers. `limit` and `reset_in` are as in `burst_limit`."""
    return _limit("RateLimit", "No requests are left for today.", limit, reset_in)


def too_many_requests(retry_after: int | str | None = None) -> Fault:
    """A 429 without rate-limit headers. `retry_after` is its `Retry-After`, in seconds or as an HTTP date."""
    return status(429, headers=() if retry_after is None else (("Retry-After", str(retry_after)),))


def reset() -> Fault:
    """A TCP reset instead of a response; the request is not carried out."""
    return Reset(acting=False)


def reset_after_acting() -> Fault:
    """The request is carried out; a TCP reset replaces the response."""
    return Reset(acting=True)


def truncated() -> Fault:
    """The response announces its full length, but the connection closes after half of the body.

    The request is carried out. A response without a body (delete by id) arrives whole.
    """
    return Truncated()


def slow(seconds: float) -> Fault:
    """A response that takes this many seconds longer."""
    return Slow(seconds)


def _limit(prefix: str, sentence: str, limit: int, reset_in: float) -> Fault:
    headers = (
        ("content-type", "application/json"),
        (f"{prefix}-Limit", str(limit)),
        (f"{prefix}-Remaining", "0"),
    )
    return Answer(429, json.dumps({"error": sentence}).encode(), headers, f"{prefix}-Reset", reset_in)


def _phrase(code: int) -> str:
    try:
        return HTTPStatus(code).phrase
    except ValueError:
        return f"Status {code}"
