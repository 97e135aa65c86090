"""How the emulator behaves: latency, page endings, missing fields, faults."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Literal

from .faults import Fault

DEFAULT_TOKEN = "emulator-token-not-a-secret"  # noqa: S105 - it guards nothing


@dataclass(slots=True)
class Settings:
    """How the emulator behaves. Fields may be changed while it runs; a change applies from the next request on."""

    latency: float = 0.0
    """Seconds that every request waits before it is carried out."""

    cursor_end: Literal["absent", "empty", "null"] = "absent"
    """What the cursor of the last page looks like."""

    empty_pages: int = 0
    """Insert an empty page with a cursor before every n-th page; 0 inserts none.

    With 2, the pages are: full, empty, full, full, empty, full, …
    """

    missing: Collection[str] = ()
    """Fields left out of every run that is delivered."""

    null: Collection[str] = ()
    """Fields that are null in every run that is delivered."""

    date_field: Literal["dlqId", "createdAt", "workflowCreatedAt"] = "dlqId"
    """The time that `fromDate` and `toDate` filter.

    When the run entered the queue, when its message was created, or when the run was created.
    """

    fault_shares: Mapping[Fault, float] = field(default_factory=dict)
    """The share of requests that each fault hits: `{faults.reset(): 0.02}`.

    Drawn from a seeded random generator: the same requests in the same order meet the same faults. Faults planned with
    `Emulator.fail()` come first.
    """
