"""What can go wrong, as one small tree.

DLQError
├── ConfigurationError        no token, an unknown region, a base URL that would expose the token
├── ClientClosedError         a closed client was used; also a RuntimeError
├── TransportError            connection, timeout; __cause__ is the httpx error
├── APIError                  the service answered with anything but success
│   ├── BadRequestError       400
│   ├── AuthenticationError   401, 403
│   ├── NotFoundError         404
│   ├── RateLimitError        429
│   └── ServerError           5xx
├── InvalidResponseError      a success that cannot be read: not JSON, wrong shape; also a ValueError
├── PaginationError           a cursor came back a second time
└── BulkError                 a bulk call stopped midway; __cause__ tells why

The optional `upstash_workflow_dlq.contract` adds its `ContractError` to them.
Bad arguments are plain `ValueError` and `TypeError`, raised before anything is sent.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

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
    """Base of everything this package raises beside `ValueError` and `TypeError` for bad arguments."""


class ConfigurationError(DLQError):
    """The client cannot be made from these arguments and this environment."""


class ClientClosedError(DLQError, RuntimeError):
    """The client was used after `close()`."""


class TransportError(DLQError):
    """No answer arrived, or not all of it. `__cause__` is the httpx error."""


class APIError(DLQError):
    """The service, or a proxy before it, answered with anything but success.

    `url` never contains the token, `body` holds the bytes of the answer, `request_id` what its `X-Request-Id` says.
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
        self.message = message
        self.status_code = status_code
        self.body = body
        self.method = method
        self.url = url
        self.request_id = request_id

    def __str__(self) -> str:
        # A bulk call names its ids in the URL: too many to read.
        where = f" ({self.method} {self.url if len(self.url) <= 300 else self.url[:299] + '…'})" if self.url else ""
        traced = f" [request id {self.request_id}]" if self.request_id else ""
        return f"HTTP {self.status_code}: {self.message}{where}{traced}"

    def __reduce__(self) -> tuple[object, ...]:
        # Exceptions are pickled by their positional arguments alone; worker pools would lose the rest.
        return _rebuild, (type(self), self.message, self.__dict__)


class BadRequestError(APIError):
    """400: the service refuses a parameter or an id."""


class AuthenticationError(APIError):
    """401 or 403: the token is missing, wrong, or of another region."""


class NotFoundError(APIError):
    """404: no such failed run; it may have expired, or was resumed or deleted by somebody else."""


class RateLimitError(APIError):
    """429. `retry_after` is in seconds from the answer, `reset_at` an aware UTC datetime; None where not sent.

    `kind` is "daily" (`RateLimit-*` headers), "burst" (`Burst-RateLimit-*`), or "unknown" (neither was sent).
    """

    kind: Literal["daily", "burst", "unknown"] = "unknown"
    limit: int | None = None
    remaining: int | None = None
    reset_at: datetime | None = None
    retry_after: float | None = None


class ServerError(APIError):
    """5xx: the service, or a proxy before it, failed."""


class InvalidResponseError(DLQError, ValueError):
    """A success that cannot be read: not JSON, or of the wrong shape."""


class PaginationError(DLQError):
    """The service sent a cursor a second time: following it would never end."""


class BulkError(DLQError):
    """A bulk call stopped midway; `__cause__` tells why. Whether the batch that failed was carried out is not known.

    `done` is what the call would have returned, so far: a count, or the started runs. `finished` is True where nothing
    is left to do, since what failed came after the last batch. Otherwise go on with the same filters and `cursor`
    (None: from the beginning); or where it went by ids, with those of `remaining` that are still in the queue, which
    the same call with `dlq_ids=error.remaining, dry_run=True` returns.
    """

    def __init__(
        self, message: str, *, done: Any, cursor: str | None, remaining: tuple[str, ...], finished: bool = False
    ) -> None:
        super().__init__(message)
        self.done = done
        self.cursor = cursor
        self.remaining = remaining
        self.finished = finished

    def __reduce__(self) -> tuple[object, ...]:
        return _rebuild, (type(self), str(self), self.__dict__)


def _rebuild(kind: type[DLQError], message: str, state: dict[str, object]) -> DLQError:
    error = kind.__new__(kind, message)
    error.__dict__.update(state)
    return error
