"""Filters, each defined once: its type, its name on the wire, how it is checked. Checked before anything is sent."""

# Without `from __future__ import annotations`: the definitions are read from the annotations.
import math
from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime
from operator import index
from typing import Annotated, Any, NamedTuple, TypedDict
from urllib.parse import urlencode

from . import checks
from .failure import FailureFunctionState
from .times import THIS_CENTURY, parse_iso, to_milliseconds

__all__ = ["RunFilters", "ScanFilters", "filter_names", "parse_filters"]

# An aware datetime, an int of Unix milliseconds of this century, or an ISO 8601 string with an offset.
DateLike = datetime | int | str

# Servers commonly take request lines of 8 kB.
MAX_QUERY_LENGTH = 7000


def _texts(name: str, value: object) -> list[str]:
    values = checks.several(name, value, str, checks.filter_value)
    if not values:
        raise ValueError(f"{name} has no values: leave it out to match any {name}")
    return [checks.without_comma(name, item) for item in values]


def _statuses(name: str, value: object) -> frozenset[int]:
    statuses = frozenset(checks.several(name, value, int, checks.whole_number))
    if not statuses:
        raise ValueError(f"{name} has no values: leave it out to match any {name}")
    return statuses


def _milliseconds(name: str, value: object) -> int:
    if isinstance(value, str):
        value = checks.text(name, value)
        try:
            value = parse_iso(value)
        except ValueError:
            raise ValueError(
                f"{name} {value!r} is not an ISO 8601 time with an offset, such as 2026-11-22T03:00:00Z"
            ) from None
    if isinstance(value, datetime):
        if datetime.utcoffset(value) is None:
            raise ValueError(f"{name} {value} has no time zone, and guessing one loses runs: add tzinfo or an offset")
        return to_milliseconds(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return _this_century(name, index(value))
    hint = " (without a time zone, a date says not when the day begins)" if isinstance(value, date) else ""
    raise TypeError(
        f"{name} takes an aware datetime, Unix milliseconds or an ISO 8601 string, not {type(value).__name__}{hint}"
    )


def _this_century(name: str, number: int) -> int:
    """A number in another unit selects everything or nothing. In a bulk call, everything is the whole queue."""
    if number in THIS_CENTURY:
        return number
    shown = checks.shown_number(number)
    others = {"seconds": number * 1000, "microseconds": number // 1000, "nanoseconds": number // 10**6}
    for unit, milliseconds in others.items():
        if milliseconds in THIS_CENTURY:
            raise ValueError(f"{name} {shown} looks like Unix {unit}: pass milliseconds, {milliseconds}")
    raise ValueError(
        f"{name} {shown} is no time of this century in Unix milliseconds: leave it out for no limit, "
        "or pass an aware datetime for another century"
    )


class Filter(NamedTuple):
    """`wire`: the name of its query parameter; None if the service has none, and it is applied on this side."""

    wire: str | None
    check: Callable[[str, object], Any]


class ScanFilters(TypedDict, total=False):
    """The filters without the dates, which `scan` takes as arguments of its own. `RunFilters` describes each."""

    label: Annotated[str | Iterable[str] | None, Filter("label", _texts)]
    workflow_url: Annotated[str | Iterable[str] | None, Filter("workflowUrl", _texts)]
    workflow_run_id: Annotated[str | None, Filter("workflowRunId", checks.filter_value)]
    workflow_created_at: Annotated[DateLike | None, Filter("workflowCreatedAt", _milliseconds)]
    failure_function_state: Annotated[
        FailureFunctionState | str | Iterable[FailureFunctionState | str] | None,
        Filter("failureFunctionState", _texts),
    ]
    caller_ip: Annotated[str | Iterable[str] | None, Filter("callerIp", _texts)]
    flow_control_key: Annotated[str | Iterable[str] | None, Filter("flowControlKey", _texts)]
    response_status: Annotated[int | Iterable[int] | None, Filter(None, _statuses)]


class RunFilters(ScanFilters, total=False):
    """Which failed runs to select. Several values of one filter are ORed, filters are ANDed. None means not given.

    Attributes:
        label: one or several labels.
        workflow_url: one or several URLs of workflows, in full.
        workflow_run_id: id of one workflow run.
        workflow_created_at: when the workflow run was created, to the millisecond.
        failure_function_state: one or several of `FailureFunctionState`.
        caller_ip: one or several IP addresses that runs were started from.
        flow_control_key: one or several flow control keys.
        response_status: one or several HTTP statuses that the failed step answered. Applied on this side: all other
            matches are read.
        from_date: only runs from then on. The vendor does not document which time of a run that is.
        to_date: only runs until then, inclusive.

    Dates are aware datetimes, ints of Unix milliseconds (of this century, since others are seconds by mistake), or
    ISO 8601 strings with an offset. A value with a comma is refused, because the service would split it; so is one with
    control characters, which it may read as an empty one.

    ```python
    from upstash_workflow_dlq import RunFilters

    lost: RunFilters = {"label": ["billing", "email"], "response_status": [502, 504]}
    print(dlq.count(**lost), "of", dlq.count())
    ```
    """

    from_date: Annotated[DateLike | None, Filter("fromDate", _milliseconds)]
    to_date: Annotated[DateLike | None, Filter("toDate", _milliseconds)]


# What else the list takes, and the other arguments of methods that take filters: a new parameter of the spec that is
# called like one of these is reached through low_level only.
LIST_OPTIONS = ("cursor", "count")
_TAKEN = frozenset(
    [
        *LIST_OPTIONS,
        *(
            "page_size",
            "limit",
            "prefetch",
            "workers",
            "parts",
            "dry_run",
            "dlq_ids",
            "all",
            "all_",
            "on_batch",
            "on_progress",
        ),
        *("overrides", "retries", "delay", "retry_delay", "flow_control", "failure_callback"),
    ]
)

FILTERS: dict[str, Filter] = {name: kind.__metadata__[0] for name, kind in RunFilters.__annotations__.items()}


class Filters(NamedTuple):
    """Checked filters: `query` for the service, by the names above; `response_status` (empty: any) for this side."""

    query: dict[str, Any]
    response_status: frozenset[int]

    @classmethod
    def parse(cls, given: Mapping[str, object]) -> "Filters":
        query: dict[str, Any] = {}
        local: dict[str, Any] = {}
        for name, value in given.items():
            if name in FILTERS:
                kept = local if FILTERS[name].wire is None else query
                check = FILTERS[name].check
            else:
                kept, check = query, _new_filter(name)
            if value is not None:
                kept[name] = check(name, value)
        if query.get("from_date", -math.inf) > query.get("to_date", math.inf):
            raise ValueError("from_date is after to_date, so no run can match; swap them?")
        if len(urlencode(query, doseq=True)) > MAX_QUERY_LENGTH:
            raise ValueError("the filters are too long for a URL: pass fewer values in one call")
        return cls(query, **{"response_status": frozenset[int](), **local})

    @property
    def is_empty(self) -> bool:
        """Whether they may select everything. Whether a new parameter of the spec selects, nobody has looked yet."""
        return not (self.query.keys() & FILTERS.keys() or self.response_status)


def parse_filters(filters: Mapping[str, object]) -> dict[str, Any]:
    """The filters that are given, checked as every call checks them: texts in lists, dates as Unix milliseconds.

    Raises `ValueError` and `TypeError`.

    ```python
    from upstash_workflow_dlq import parse_filters

    since = "2025-07-18T11:00:00+02:00"
    print(parse_filters({"from_date": since}))  # {'from_date': 1752829200000}
    ```
    """
    parsed = Filters.parse(filters)
    return {**parsed.query, **({"response_status": parsed.response_status} if parsed.response_status else {})}


def filter_names() -> list[str]:
    """All filters by name: those of `RunFilters`, and what the spec has gained since. Loads the generated client."""
    return [*FILTERS, *_new_filters()]


def list_arguments(query: dict[str, Any]) -> dict[str, Any]:
    """The request for a list with filters that are not all in FILTERS."""
    from .generated import list_request

    return list_request(query, _new_filters())


def _new_filters() -> dict[str, Any]:
    from .generated import new_filters

    return new_filters({*FILTERS, *_TAKEN})


def _new_filter(name: str) -> Callable[[str, object], Any]:
    from .generated import checked

    new = _new_filters()
    if name not in new:
        raise TypeError(_no_such_filter(name, [*FILTERS, *new]))
    return lambda _, value: checked(new[name], value, new)


def _no_such_filter(name: str, names: list[str]) -> str:
    from difflib import get_close_matches

    like = get_close_matches(name.lower(), names, n=1)
    hint = f"; did you mean {like[0]}?" if like else "."
    return f"there is no filter {name!r}{hint} The filters are {', '.join(names)}"
