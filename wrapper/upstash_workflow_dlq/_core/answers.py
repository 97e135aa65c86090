"""Calls and answers: what a flow asks a driver to send, and how an answer becomes a value or an error."""

from __future__ import annotations

import re
from collections.abc import Container, Generator, Mapping
from http import HTTPStatus
from typing import Any, NamedTuple, TypeVar

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


# All that say "success". An operation has one of its own, 200; the others mean something else, or part of it.
SUCCESSES = range(200, 300)
# Done, and nothing to say: as good as 200 where the body has no schema.
NO_CONTENT = (204,)


def raise_unless_success(answer: Answer, *, also: Container[int] = ()) -> None:
    """The one place where an answer becomes an error, whatever its status and body. Success: 200 or `also`."""
    status = answer.status_code
    if status == 200 or status in also:
        return
    if status in SUCCESSES:
        raise errors.InvalidResponseError(unexpected_status(answer))
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


def reason_phrase(status: int) -> str:
    """What the standards call a status; empty for any other."""
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""


def unexpected_status(answer: Answer) -> str:
    phrase = reason_phrase(answer.status_code)
    return f"{where(answer)} has the status {answer.status_code} {phrase}".rstrip() + ", but 200 was expected"


def where(answer: Answer) -> str:
    """What messages call it."""
    return f"the answer to {answer.method} {errors.clipped(answer.url, MAX_MESSAGE)}"


def cursor_complaint(cursor: str) -> str | None:
    """Why a cursor of the service cannot be sent back; None if it can."""
    # Sent back, it would put the token into URLs, which are logged.
    return checks.cursor_complaint(cursor) or ("quotes the token" if shows_token(cursor) else None)


def check_acknowledged(answer: Answer, dlq_id: str) -> None:
    """For operations whose success has no schema: refuse what says something else, such as a login page.

    No body, plain text and any other JSON are fine.
    """
    from .json import decode_json

    if not answer.content:
        return
    kind = answer.headers.get("Content-Type", "no content type")
    if "html" in kind.lower() or _is_markup(answer.content):
        raise errors.InvalidResponseError(
            f"{where(answer)} is a page ({kind}, {len(answer.content)} bytes), and not of this service"
        )
    try:
        value = decode_json(answer.content)
    except ValueError:
        return
    if not isinstance(value, dict):
        return
    payload = Payload(value, where(answer))
    payload.check_is_about(dlq_id)
    others = [name for name in ("error", "actionId", "messages", "workflowRuns") if value.get(name) is not None]
    if others or value.get("deleted", 1) != 1:
        shown = ", ".join(f"{name}: {value[name]!r}" for name in others or ["deleted"])
        shown = errors.clipped(shown, 200)
        raise errors.InvalidResponseError(f"{payload.where} does not say that it was done ({shown})")


class Payload(NamedTuple):
    """The JSON object of a successful answer, and how messages name that answer."""

    members: dict[str, Any]
    where: str

    def __repr__(self) -> str:
        return f"<Payload of {redacted(self.where)}>"

    @classmethod
    def of(cls, answer: Answer) -> Payload:
        from .json import decode_json

        try:
            value = decode_json(answer.content)
        except ValueError as error:
            what = answer.headers.get("Content-Type", "no content type")
            size = len(answer.content)
            raise errors.InvalidResponseError(f"{where(answer)} is not JSON ({what}, {size} bytes): {error}") from None
        if not isinstance(value, dict):
            raise errors.InvalidResponseError(f"{where(answer)} should be a JSON object, but is {type(value).__name__}")
        return cls(value, where(answer))

    def check_is_about(self, dlq_id: str) -> None:
        """Refuse an answer about another failed run. Connections and caches can mix answers up."""
        named = self.members.get("dlqId")
        if named is not None and named != dlq_id:
            shown = errors.clipped(repr(named), 100)
            raise errors.InvalidResponseError(f"{self.where} is about the failed run {shown}, and not {dlq_id!r}")

    def member(self, name: str, empty: T) -> Any | T:
        """What the answer is about; `empty` if it is left out or null.

        An object that has only other things does not answer the question, and must not be read as an empty answer.
        """
        value = self.members.get(name)
        if value is None and not self.members.keys() <= {name, "cursor"}:
            raise errors.InvalidResponseError(f"{self.where} has no {name} (it has: {self.shown_names()})")
        return empty if value is None else value

    def shown_names(self) -> str:
        names = sorted(self.members)
        shown = ", ".join(names[:MAX_NAMES]) + (", …" if len(names) > MAX_NAMES else "")
        return errors.clipped(shown, 200) or "nothing"

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


# What a 404 names if it means that the run is gone, and if it means something else.
_THE_RUN = re.compile(r"\b(dlq|dlq_?ids?|messages?|runs?)\b", re.IGNORECASE)
_SOMETHING_ELSE = re.compile(r"\b(user|account|team|region|route|path|url|endpoint|page)\b", re.IGNORECASE)


def says_run_is_missing(body: bytes, dlq_id: str) -> bool:
    """Whether a 404 with this body means that the run is not in the queue.

    A proxy that knows no such path answers 404, too, and the service for a user of another region. So the message must
    name the run or its id. Which words the service uses is not documented, apart from "DLQ message not found".
    """
    if _is_markup(body):
        return False
    words = [word.strip("'\"`.,:;()") for word in (_message_of(body) or "").split()]
    # Without paths and URLs: to quote the request is not to look at the run.
    text = " ".join(word for word in words if "/" not in word)
    return (dlq_id in words or _THE_RUN.search(text) is not None) and _SOMETHING_ELSE.search(text) is None


def _is_markup(content: bytes) -> bool:
    """HTML or XML, which the service never sends."""
    return content.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<")


def _message_of(content: bytes) -> str | None:
    """What an answer says in words; None if it is JSON of another shape."""
    from .json import decode_json

    try:
        payload = decode_json(content)
    except ValueError:
        # Proxies answer with whole HTML pages; the first line is enough here, and `body` has the rest.
        lines = content.decode(errors="replace").split("\n")
        return next((line.strip() for line in lines if line.strip()), "")
    message = payload.get("error", payload.get("message")) if isinstance(payload, dict) else payload
    return message if isinstance(message, str) else None


def _error_message(answer: Answer) -> str:
    text = _message_of(answer.content)
    if text is None:
        from .json import decode_json

        text = str(decode_json(answer.content))
    text = text or reason_phrase(answer.status_code) or "no message"
    return errors.clipped(text, MAX_MESSAGE)
