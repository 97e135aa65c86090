"""What a monitor reports: where an answer drifts from the spec, never the data."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from upstash_workflow_dlq.errors import DLQError

SHOWN_IN_AN_ERROR = 5


class DriftKind(StrEnum):
    """The ways in which an answer can drift from the spec."""

    UNDOCUMENTED_OPERATION = "undocumented_operation"
    """The spec has no such method and path."""
    UNDOCUMENTED_STATUS = "undocumented_status"
    """The spec has the operation, but not with this status."""
    NOT_JSON = "not_json"
    """The spec says JSON, and the body is something else, or empty."""
    WRONG_TYPE = "wrong_type"
    """A value of another type than documented; null is a type too."""
    MISSING_FIELD = "missing_field"
    """A required field is not there."""
    UNDOCUMENTED_FIELD = "undocumented_field"
    """A field that the spec does not name."""
    SCHEMA_VIOLATION = "schema_violation"
    """A value of the right type that breaks another rule of the schema, such as an enum."""


@dataclass(frozen=True)
class Drift:
    """One way in which answers drift from the spec, and in how many of the checked answers it was seen."""

    kind: DriftKind
    operation: str
    """Its operationId, such as `listFailedRuns`; else method and path, with `*` for what the spec does not name."""
    status: int
    """HTTP status of the answer."""
    path: str = ""
    """The field, such as `messages[].notBefore` or `messages[].header.*`; empty for the whole body."""
    detail: str = ""
    """What was found and what is documented, in the words of the schema; of a new field its type; may be empty."""
    count: int = 1
    """Answers, not fields: a page on which each run has the field counts once."""

    def __str__(self) -> str:
        where = f"{self.operation} {self.status}" + (f" {self.path}" if self.path else "")
        return f"{self.kind}: {where}" + (f" ({self.detail})" if self.detail else "")


class ContractError(DLQError):
    """An answer drifts from the spec, and the monitor is strict. The service has carried out the call.

    `drifts` says how. If the monitor itself failed, `drifts` is empty and `__cause__` says why.
    """

    def __init__(self, message: str, drifts: Iterable[Drift] = ()) -> None:
        super().__init__(message)
        self.drifts = tuple(drifts)

    @classmethod
    def of(cls, drifts: tuple[Drift, ...]) -> ContractError:
        """An error whose message has the first of these drifts."""
        shown = "; ".join(map(str, drifts[:SHOWN_IN_AN_ERROR]))
        more = len(drifts) - SHOWN_IN_AN_ERROR
        return cls(f"the answer drifts from the spec: {shown}" + (f"; and {more} more" if more > 0 else ""), drifts)
