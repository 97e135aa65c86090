"""Why a run failed, and what became of its failure function."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Mapping
from enum import StrEnum
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple, Self

from .._redaction import redacted
from . import fields
from .answers import reason_phrase
from .fields import Field, ResponseView

if TYPE_CHECKING:
    import httpx

__all__ = ["Failure", "FailureFunction", "FailureFunctionState"]


class FailureFunctionState(StrEnum):
    """Where the failure function of a run stands."""

    CALLBACK_INPROGRESS = "CALLBACK_INPROGRESS"
    CALLBACK_SUCCESS = "CALLBACK_SUCCESS"
    CALLBACK_FAIL = "CALLBACK_FAIL"
    CALLBACK_CANCELED = "CALLBACK_CANCELED"


class Failure(NamedTuple):
    """Why a run failed. Group by `name`; `message` has the details of this one."""

    name: str
    message: str

    def __str__(self) -> str:
        return f"{self.name}: {self.message}" if self.message else self.name


def _state(value: Any) -> FailureFunctionState | str | None:
    name = fields.text(value)
    if not name:
        return None
    return FailureFunctionState(name) if name in FailureFunctionState.__members__ else name


class FailureFunction(ResponseView):
    """What became of a run's failure function (or failure URL), as far as the payload says."""

    __slots__ = ("_run_name",)
    _run_name: str

    state = Field("state", _state, "A `FailureFunctionState`; a string if the service has a new one.")
    response_status = Field("responseStatus", fields.integer, "HTTP status that the failure function answered.")

    def __init__(
        self,
        state: str | None = None,
        response_status: int | None = None,
        response_headers: Mapping[str, list[str]] | None = None,
        response_body: bytes | str | None = None,
    ) -> None:
        payload: dict[str, Any] = {"state": state, "responseStatus": response_status}
        payload["responseHeaders"] = None if response_headers is None else dict(response_headers)
        if isinstance(response_body, bytes):
            payload["responseBodyBase64"] = b64encode(response_body).decode()
        else:
            payload["responseBody"] = response_body
        super().__init__({key: value for key, value in payload.items() if value is not None})
        object.__setattr__(self, "_run_name", "no failed run")

    @classmethod
    def _of(cls, payload: dict[str, Any], run_name: str) -> Self:
        function = cls.__new__(cls)
        object.__setattr__(function, "_payload", payload)
        object.__setattr__(function, "_run_name", run_name)
        return function

    def __reduce__(self) -> tuple[object, ...]:
        return self._of, (self._payload, self._run_name)

    def __hash__(self) -> int:
        state = self._payload.get("state")
        return hash(state) if isinstance(state, str) else 0

    def __repr__(self) -> str:
        state, status = (self._payload.get(key) for key in ("state", "responseStatus"))
        return redacted(f"FailureFunction(state={state!r}, response_status={status!r})")

    def _name(self) -> str:
        return f"the failure function of {self._run_name}"

    @property
    def response_headers(self) -> httpx.Headers:
        """Headers that the failure function answered; names are case-insensitive."""
        # One of the vendor's sources spells the key in the singular.
        return self._read("responseHeaders", fields.headers) or self._read("responseHeader", fields.headers)


FailureFunction._KNOWN = fields.known_keys(
    FailureFunction, "responseHeaders", "responseHeader", "responseBody", "responseBodyBase64"
)


def read_failure(body: bytes | None, read_status: Callable[[], int | None]) -> Failure:
    """From the JSON that the endpoint answered. Without a name in it, from the status."""
    name, message = _error_reader()(body) if body else (None, None)
    details = message or ""
    if name:
        return _new_failure(Failure, (name, details))
    status = read_status()
    if not status:
        return Failure("no response", details)
    return Failure(f"HTTP {status}", details or _phrase(status))


@cache
def _error_reader() -> Callable[[bytes], tuple[str | None, str | None]]:
    from .json import read_error  # and with it msgspec, which not every start needs

    return read_error


_new_failure = tuple.__new__  # half the time of Failure(...)


def _phrase(status: int) -> str:
    if status == 489:
        return "Non-Retryable Error"
    return reason_phrase(status)
