"""Calls and answers: what a flow asks a driver to send, and how an answer becomes a value or an error."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from typing import Any, NamedTuple, TypeVar

import httpx

from .. import errors
from .._redaction import redacted, shows_token
from . import checks

T = TypeVar("T")

MAX_MESSAGE = 300
MAX_NAMES = 5


# NamedTuples here and elsewhere: a dataclass takes six times as long to make, and each start makes them all.
class RetryPolicy(NamedTuple):
    """What may be done with a request."""

    repeatable: bool
    """Whether it may be sent again after a failure that leaves open whether the service has carried it out."""
    waits_for_limits: bool = True
    """Whether to wait for a rate limit to lift, rather than to raise it at once."""


REPEATABLE = RetryPolicy(repeatable=True)
ONCE = RetryPolicy(repeatable=False)


class Call(NamedTuple):
    """One request: what a generated builder made, and what may be done with it."""

    kwargs: dict[str, Any]
    policy: RetryPolicy


class Answer(NamedTuple):
    status_code: int
    headers: Mapping[str, str]
    content: bytes
    method: str
    url: str
    maybe_done_before: bool
    """Whether an earlier try of the request may have been carried out without its answer arriving."""
    received_at: float
    """Unix seconds on our clock."""

    def __repr__(self) -> str:  # for tracebacks that show variables
        return f"<Answer {self.status_code} to {self.method} {redacted(self.url)}>"


# An operation: yields calls, is sent the answer to each, and returns its result. Where no answer came, an error is
# thrown into it instead.
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
        from .rate_limits import RateLimit  # few answers need it

        limits = RateLimit.from_headers(answer.headers, answer.received_at)
        error.kind, error.limit, error.remaining = limits.kind, limits.limit, limits.remaining
        error.reset_at, error.retry_after = limits.reset_at, limits.retry_after
    raise error


def name_of(answer: Answer) -> str:
    """What messages call it."""
    return f"the answer to {answer.method} {errors.clipped(answer.url, MAX_MESSAGE)}"


def cursor_complaint(cursor: str) -> str | None:
    """Why a cursor of the service cannot be sent back; None if it can."""
    # Sent back, it would put the token into URLs, which are logged.
    return checks.cursor_complaint(cursor) or ("quotes the token" if shows_token(cursor) else None)


class Payload(NamedTuple):
    """The JSON object of a successful answer, and how messages name that answer."""

    members: dict[str, Any]
    where: str

    def __repr__(self) -> str:
        return f"<Payload of {redacted(self.where)}>"

    @classmethod
    def of(cls, answer: Answer) -> Payload:
        from .json import decode_json

        where = name_of(answer)
        try:
            value = decode_json(answer.content)
        except ValueError as error:
            what = answer.headers.get("Content-Type", "no content type")
            size = len(answer.content)
            raise errors.InvalidResponseError(f"{where} is not JSON ({what}, {size} bytes): {error}") from None
        if not isinstance(value, dict):
            raise errors.InvalidResponseError(f"{where} should be a JSON object, but is {type(value).__name__}")
        return cls(value, where)

    def member(self, name: str, empty: T) -> Any | T:
        """What the answer is about; `empty` if it is left out or null.

        An object that has only other things does not answer the question, and must not be read as an empty answer.
        """
        value = self.members.get(name)
        if value is None and not self.members.keys() <= {name, "cursor"}:
            names = sorted(self.members)
            shown = ", ".join(names[:MAX_NAMES]) + (", …" if len(names) > MAX_NAMES else "")
            raise errors.InvalidResponseError(f"{self.where} has no {name} (it has: {errors.clipped(shown, 200)})")
        return empty if value is None else value

    def objects(self, name: str) -> list[dict[str, Any]]:
        value: list[dict[str, Any]] = self.member(name, [])
        if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
            raise errors.InvalidResponseError(f"{name} in {self.where} should be a list of objects")
        return value

    @property
    def cursor(self) -> str | None:
        """Where to continue; None at the end, which is an absent, empty or null cursor."""
        cursor = self.members.get("cursor")
        if not isinstance(cursor, str | None):
            kind = type(cursor).__name__
            raise errors.InvalidResponseError(f"cursor in {self.where} should be a string, but is {kind}")
        if cursor and (complaint := cursor_complaint(cursor)) is not None:
            raise errors.InvalidResponseError(f"cursor in {self.where} {complaint}")
        return cursor or None


def _error_message(answer: Answer) -> str:
    from .json import decode_json

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
    return errors.clipped(text, MAX_MESSAGE)
