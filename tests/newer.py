"""A generated client as it could be one day: with fields and parameters that the wrapper has no name for."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from enum import Enum
from typing import Any, Self

import attrs
from upstash_workflow_rest.api.dlq import list_failed_runs
from upstash_workflow_rest.types import UNSET, Unset


class Severity(Enum):
    HIGH = "high"
    LOW = "low"


@attrs.define
class NewerMessage:
    dlq_id: str | Unset = UNSET
    response_status: int | Unset = UNSET
    priority: int | Unset = UNSET
    first_failed_at: datetime | Unset = UNSET
    additional_properties: dict[str, Any] = attrs.field(init=False, factory=dict)

    @classmethod
    def from_dict(cls, payload: Mapping[str, Any]) -> Self:
        rest = dict(payload)
        message = cls(rest.pop("dlqId", UNSET), rest.pop("responseStatus", UNSET), rest.pop("priority", UNSET))
        if "firstFailedAt" in rest:
            message.first_failed_at = datetime.fromisoformat(rest.pop("firstFailedAt"))
        message.additional_properties = rest
        return message


def newer_list(
    *,
    min_priority: int | Unset = UNSET,
    severity: list[Severity] | Unset = UNSET,
    region: str | Unset = UNSET,
    only_new: bool | Unset = UNSET,
    failed_after: datetime | Unset = UNSET,
    score: float | Unset | None = UNSET,
    zones: list[str] | Unset = UNSET,
    day: date | Unset = UNSET,
    only_open: bool | Unset = True,
    shape: dict[str, str] | Unset = UNSET,
    tenant: str | Unset = UNSET,
    limit: str | Unset = UNSET,
    **known: Any,
) -> dict[str, Any]:
    new = {
        "minPriority": min_priority,
        "severity": UNSET if isinstance(severity, Unset) else [item.value for item in severity],
        "region": region,
        "onlyNew": only_new,
        "failedAfter": UNSET if isinstance(failed_after, Unset) else failed_after.isoformat(),
        "score": score,
        "zones": zones,
        "day": UNSET if isinstance(day, Unset) else day.isoformat(),
        "onlyOpen": only_open,
        "limit": limit,
    }
    request = OLDER_LIST(**known)
    if not isinstance(tenant, Unset):
        request["cookies"] = {"tenant": tenant}
    request["params"] |= {name: value for name, value in new.items() if not isinstance(value, Unset)}
    return request


OLDER_LIST = list_failed_runs._get_kwargs
