from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Literal

from .faults import Fault

DEFAULT_TOKEN = "emulator-token-not-a-secret"  # noqa: S105 - it guards nothing


@dataclass(slots=True)
class Settings:
    """How the emulator behaves. Every field may be changed while it runs and holds from the next request on."""

    latency: float = 0.0
    """Seconds every request waits before it is carried out."""

    cursor_end: Literal["absent", "empty", "null"] = "absent"
    """How the last page says that it is the last."""

    empty_pages: int = 0
    """Before every n-th page of a walk comes an empty one that has a cursor; 0 for never.

    With 2 a walk goes: full, empty, full, full, empty, full, …
    """

    missing: Collection[str] = ()
    """Fields left out of every delivered message."""

    null: Collection[str] = ()
    """Fields delivered as null in every message."""

    date_field: Literal["dlqId", "createdAt", "workflowCreatedAt"] = "dlqId"
    """Which moment `fromDate` and `toDate` look at.

    When the run entered the queue, when its message was created, or when the run was created.
    """

    fault_shares: Mapping[Fault, float] = field(default_factory=dict)
    """Which share of the requests meets which fault: `{faults.reset(): 0.02}`.

    Drawn from a seeded random: the same requests in the same order meet the same faults. `Emulator.fail()` goes first.
    """
