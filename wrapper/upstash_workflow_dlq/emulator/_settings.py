"""How the emulator behaves: latency, page endings, missing fields, faults, runs that fail again."""

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, TypeGuard

from .faults import Fault

DEFAULT_TOKEN = "emulator-token-not-a-secret"  # noqa: S105 - it guards nothing


@dataclass(slots=True)
class Settings:
    """How the emulator behaves. Fields may be changed while it runs; a change applies from the next request on.

    Raises ValueError, also when a field is changed, for a `refail` or `refail_after` that cannot be.

    ```python
    from upstash_workflow_dlq import DLQClient
    from upstash_workflow_dlq.emulator import Emulator, Settings, faults

    bad_day = Settings(empty_pages=2, fault_shares={faults.slow(0.1): 0.5})
    with Emulator(runs=250, settings=bad_day) as emulator:
        with DLQClient(emulator.token, base_url=emulator.url) as dlq:
            print(dlq.count())  # 250
    ```
    """

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

    refail: float = 0.0
    """The share (0 to 1) of resumed and restarted runs that fail again.

    Such a run is in the queue again `refail_after` later, under a new `dlqId` and its new `workflowRunId`, with the
    overrides it was started with. Otherwise it failed as before, and its failure callback is in progress. Drawn when a
    run is started, from a seeded random generator: the same calls in the same order meet the same failures.
    """

    refail_after: float | tuple[float, float] = 5.0
    """Seconds from the start of a run until it fails again, or a range from which they are drawn: `(1, 90)`."""

    if not TYPE_CHECKING:  # for which any field would exist

        def __setattr__(self, name: str, value: object) -> None:
            if name == "refail":
                _check_share(value)
            elif name == "refail_after":
                refail_range(value)
            object.__setattr__(self, name, value)  # super() does not find the class that slots=True makes


def refail_range(after: float | tuple[float, float]) -> tuple[float, float]:
    """The fewest and the most seconds until a run fails again."""
    match after:
        case (least, most) if _is_number(least) and _is_number(most) and 0 <= least <= most < math.inf:
            return least, most
        case (least, most) if _is_number(least) and _is_number(most) and 0 <= most < least:
            raise ValueError(f"refail_after takes a range as (least, most); {least!r} is more than {most!r}")
        case int() | float() if _is_number(after) and 0 <= after < math.inf:
            return after, after
    raise ValueError(f"refail_after takes seconds, 0 or more, or a range such as (1, 90); got {after!r}")


def _check_share(value: object) -> None:
    if not _is_number(value) or not 0 <= value <= 1:
        raise ValueError(f"refail takes a share of runs from 0 to 1, such as 0.3; got {value!r}")


def _is_number(value: object) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool)
