"""A range of time cut into windows, each a plain dict of filters: work for other processes and other machines.

The windows of a scan (`window`) are cut while it reads. These are cut before anything is read, and know nothing of it.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any, cast

from . import checks
from .density import equal_cuts
from .filters import DateLike, Filters, RunFilters, ScanFilters
from .times import THIS_CENTURY

# More would be no plan any more, but a list that fills the memory.
MAX_PARTS = 100_000


def windows(from_date: DateLike, to_date: DateLike, parts: int, filters: ScanFilters) -> list[RunFilters]:
    most = checks.whole_number("parts", parts, least=1, most=MAX_PARTS)
    for name, date in (("from_date", from_date), ("to_date", to_date)):
        if date is None:
            raise TypeError(f"{name} is None: windows need both ends of the range, since nothing is read to find them")
    given: dict[str, Any] = {**filters, "from_date": from_date, "to_date": to_date}
    parsed = Filters.parse(given)
    query = dict(parsed.query)
    # As ints, these would be refused by the list: there, other numbers are taken for seconds and the like.
    for name in ("from_date", "to_date", "workflow_created_at"):
        if name in query and query[name] not in THIS_CENTURY:
            raise ValueError(f"{name} {given[name]} is not in the years 2000 to 2099")
    start, end = query.pop("from_date"), query.pop("to_date")
    statuses = {"response_status": sorted(parsed.response_status)} if parsed.response_status else {}
    # The service knows no time shorter than a millisecond.
    edges = [start, *equal_cuts(start, end, min(most, end + 1 - start)), end + 1]
    return [
        cast(RunFilters, {**_copy({**query, **statuses}), "from_date": first, "to_date": following - 1})
        for first, following in pairwise(edges)
    ]


def _copy(filters: dict[str, Any]) -> dict[str, Any]:
    """With lists of its own: to change one window is not to change the others."""
    return {name: list(value) if isinstance(value, list) else value for name, value in filters.items()}
