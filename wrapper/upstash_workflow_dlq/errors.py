"""What can go wrong, as one small tree.

    DLQError
    ├── ConfigurationError        no token, an unknown region, a base URL that is not safe
    ├── ClientClosedError         a closed client was used; also a RuntimeError
    ├── TransportError            no connection, a timeout; __cause__ is the httpx error
    ├── APIError                  the service refused, or failed
    │   ├── BadRequestError       400
    │   ├── AuthenticationError   401, 403
    │   ├── NotFoundError         404
    │   ├── RateLimitError        429
    │   └── ServerError           5xx
    ├── InvalidResponseError      a success that cannot be read; also a ValueError
    ├── PaginationError           a cursor came back a second time
    └── BulkError                 a bulk call stopped midway; __cause__ says why

The optional `upstash_workflow_dlq.contract` adds its `ContractError` to them.
Bad arguments are plain `ValueError` and `TypeError`, raised before anything is sent.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from ._redaction import redacted, redacted_bytes

__all__ = [
    "APIError",
    "AuthenticationError",
    "BadRequestError",
    "BulkError",
    "ClientClosedError",
    "ConfigurationError",
    "DLQError",
    "InvalidResponseError",
    "NotFoundError",
    "PaginationError",
    "RateLimitError",
    "ServerError",
    "TransportError",
]


class DLQError(Exception):
    """Base of every error that this package raises, except `ValueError` and `TypeError` for bad arguments."""

    def __init__(self, *args: object) -> None:
        # Whatever a server answers may be quoted in a message, and may quote the token.
        super().__init__(*(redacted(argument) if isinstance(argument, str) else argument for argument in args))

    def __reduce__(self) -> tuple[object, ...]:
        # Python pickles an exception by its positional arguments alone; worker pools would lose the rest.
        return _rebuild, (type(self), self.args, self.__dict__)


class ConfigurationError(DLQError):
    """The client cannot be made from these arguments and this environment."""


class ClientClosedError(DLQError, RuntimeError):
    """The client was used after `close()`."""


class TransportError(DLQError):
    """No answer arrived, or not all of it. `__cause__` is the httpx error.

    ```python
    from upstash_workflow_dlq import TransportError

    run = dlq.list(label="billing").first()
    try:
        dlq.resume(run)
    except TransportError:
        # A dry run by ids returns those that are still in the queue.
        waiting = dlq.resume_many(dlq_ids=[run], dry_run=True)
        print("resume it again" if waiting else "resumed, or taken by somebody else")
    ```
    """


class APIError(DLQError):
    """The service, or a proxy in front of it, answered with something other than success.

    Attributes:
        status_code: HTTP status of the answer.
        message: what the answer says, or the name of its status.
        body: body of the answer in bytes.
        method: HTTP method of the request.
        url: URL of the request, without the token.
        request_id: its `X-Request-Id`; None if not sent.
    """

    def __init__(
        self,
        message: str,
        *,
        status_code: int,
        body: bytes = b"",
        method: str = "",
        url: str = "",
        request_id: str | None = None,
    ) -> None:
        super().__init__(message)
        self.message = redacted(message)
        self.status_code = status_code
        self.body = redacted_bytes(body)
        self.method = method
        self.url = redacted(url)
        self.request_id = None if request_id is None else redacted(request_id)

    def __str__(self) -> str:
        # The URL of a bulk call holds up to 100 ids.
        where = f" ({self.method} {clipped(self.url, 300)})" if self.url else ""
        traced = f" [request id {self.request_id}]" if self.request_id else ""
        return f"HTTP {self.status_code}: {self.message}{where}{traced}"


class BadRequestError(APIError):
    """400: the service refuses a parameter or an id."""


class AuthenticationError(APIError):
    """401 or 403: the token is missing, wrong, or of another region."""


class NotFoundError(APIError):
    """404: no such failed run. It may have expired, or somebody else resumed or deleted it."""


class RateLimitError(APIError):
    """429: too many requests. Besides those of `APIError`, None if not sent:

    Attributes:
        kind: "daily" (`RateLimit-*` headers), "burst" (`Burst-RateLimit-*`) or "unknown" (neither was sent).
        limit: requests allowed in the period.
        remaining: requests left in it.
        reset_at: when it ends, an aware UTC datetime.
        retry_after: seconds from the answer until another try makes sense.
    """

    kind: Literal["daily", "burst", "unknown"] = "unknown"
    limit: int | None = None
    remaining: int | None = None
    reset_at: datetime | None = None
    retry_after: float | None = None


class ServerError(APIError):
    """5xx: the service, or a proxy in front of it, failed."""


class InvalidResponseError(DLQError, ValueError):
    """A success that does not answer the question: not JSON, of the wrong shape, a page for people, about another run.

    After a resume or the like, the run may have been started: look whether it is still in the queue.
    """


class PaginationError(DLQError):
    """The service sent a cursor a second time: following it would never end."""


class BulkError(DLQError):
    """A bulk call stopped midway; `__cause__` says why. The message says if the last request may have done something.

    Attributes:
        done: what the call would have returned for the batches that succeeded: a count, or the started runs.
        cursor: where a call by filters continues; None at the beginning.
        remaining: ids that are left of a call by ids, those of the failed batch included.
        finished: True if no batch is left, because the failure came after the last one.

    Unless it is finished, continue:

    - A call by filters or `all=True`: make the same call with `cursor=error.cursor` (None starts at the beginning).
    - A call by ids: `dlq_ids=error.remaining, dry_run=True` returns those that are still in the queue; pass them as
      `dlq_ids`.

    ```python
    from upstash_workflow_dlq import BulkError

    try:
        started = dlq.resume_many(label="billing")
    except BulkError as error:
        print(error)
        started = error.done
        if not error.finished:
            started += dlq.resume_many(label="billing", cursor=error.cursor)
    ```
    """

    def __init__(
        self, message: str, *, done: Any, cursor: str | None, remaining: tuple[str, ...], finished: bool = False
    ) -> None:
        super().__init__(message)
        self.done = done
        self.cursor = cursor
        self.remaining = remaining
        self.finished = finished


def clipped(text: str, length: int) -> str:
    """The beginning of a text, for messages."""
    if len(text) <= length:
        return text
    shown = redacted(text)  # half a token would not be found any more
    return shown if len(shown) <= length else f"{shown[: length - 1]}…"


def _rebuild(kind: type[DLQError], arguments: tuple[object, ...], state: dict[str, object]) -> DLQError:
    error = kind.__new__(kind, *arguments)
    error.__dict__.update(state)
    return error
