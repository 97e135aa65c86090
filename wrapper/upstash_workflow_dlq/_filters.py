"""Filters: from what callers write to what the generated request builders take, checked before anything is sent."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime, timedelta
from typing import Any, TypedDict, get_args, get_origin, get_type_hints
from urllib.parse import urlencode

from msgspec import Struct

from ._run import EPOCH, FailureFunctionState

# An aware datetime, an int of Unix milliseconds, or an ISO 8601 string with an offset.
Moment = datetime | int | str


class ScanFilters(TypedDict, total=False):
    """The filters but for the dates, which `scan` takes by themselves."""

    label: str | Iterable[str] | None
    workflow_url: str | Iterable[str] | None
    workflow_run_id: str | None
    workflow_created_at: Moment | None
    failure_function_state: FailureFunctionState | str | Iterable[FailureFunctionState | str] | None
    caller_ip: str | Iterable[str] | None
    flow_control_key: str | Iterable[str] | None
    response_status: int | Iterable[int] | None


class RunFilters(ScanFilters, total=False):
    """What selects failed runs. Several values of one filter are OR, several filters are AND. None means not given."""

    from_date: Moment | None
    to_date: Moment | None


# Servers commonly take request lines of 8 kB.
MAX_QUERY_LENGTH = 7000
# What takes several values. The service also cuts each at its commas, so that one with a comma cannot be asked for.
_SEVERAL = {"label", "workflow_url", "failure_function_state", "caller_ip", "flow_control_key"}
_MOMENTS = {"workflow_created_at", "from_date", "to_date"}


class Filters(Struct, frozen=True):
    """Checked filters: `query` for the service, `response_status` (empty: any) applied on this side."""

    query: dict[str, Any]
    response_status: frozenset[int]

    @classmethod
    def parse(cls, given: Mapping[str, object]) -> Filters:
        query: dict[str, Any] = {}
        statuses: frozenset[int] = frozenset()
        for name, value in given.items():
            if name not in RunFilters.__annotations__:
                raise TypeError(_no_such_filter(name))
            if value is None:
                continue
            if name == "response_status":
                statuses = _statuses(value)
            elif name in _MOMENTS:
                query[name] = _milliseconds(name, value)
            elif name in _SEVERAL:
                query[name] = _strings(name, value)
            else:
                query[name] = _string(name, value)
        if query.get("from_date", -math.inf) > query.get("to_date", math.inf):
            raise ValueError("from_date is after to_date: no run can match; swap them?")
        if len(urlencode(query, doseq=True)) > MAX_QUERY_LENGTH:
            raise ValueError("the filters are too long for a URL: ask for fewer values at a time")
        return cls(query, statuses)

    def __bool__(self) -> bool:
        return bool(self.query or self.response_status)

    def arguments(self, builder: Callable[..., Any]) -> dict[str, Any]:
        """The query as a generated builder takes it: where its spec knows one value only, the one."""
        arguments = dict(self.query)
        for name in _SEVERAL & arguments.keys() - _lists_of(builder):
            if len(arguments[name]) > 1:
                raise ValueError(f"{name} takes one value here: the vendored spec does not know several")
            [arguments[name]] = arguments[name]
        return arguments


@functools.cache
def _lists_of(builder: Callable[..., Any]) -> frozenset[str]:
    return frozenset(
        name
        for name, kinds in get_type_hints(builder).items()
        if any(get_origin(kind) is list for kind in get_args(kinds))
    )


def is_unicode(text: str) -> bool:
    """Whether it can be sent: lone surrogates cannot."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _no_such_filter(name: str) -> str:
    from difflib import get_close_matches

    known = list(RunFilters.__annotations__)
    like = get_close_matches(name.lower(), known, n=1)
    hint = f"; did you mean {like[0]}?" if like else "."
    return f"there is no filter {name!r}{hint} Filters are {', '.join(known)}"


def _string(name: str, value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{name} takes a string, not {type(value).__name__}")
    if not value.strip():
        raise ValueError(f"{name} is empty: leave it out to have runs of any {name}")
    if name in _SEVERAL and "," in value:
        raise ValueError(
            f"{name} {value!r} has a comma, where the service would split it: no run can be asked for by it"
        )
    if not is_unicode(value):
        raise ValueError(f"{name} {value!r} is not valid Unicode")
    return str.__str__(value)  # str() would name the members of some enumerations instead


def _strings(name: str, value: object) -> list[str]:
    if isinstance(value, str):
        return [_string(name, value)]
    if not isinstance(value, Iterable) or isinstance(value, bytes):
        raise TypeError(f"{name} takes a string or several, not {type(value).__name__}")
    values = [_string(name, item) for item in value]
    if not values:
        raise ValueError(f"{name} has no values: leave it out to have runs of any {name}")
    return values


def _statuses(value: object) -> frozenset[int]:
    values = list(value) if isinstance(value, Iterable) and not isinstance(value, str | bytes) else [value]
    if not values:
        raise ValueError("response_status has no values: leave it out to have runs of any response_status")
    statuses = set()
    for status in values:
        if not isinstance(status, int) or isinstance(status, bool):
            raise TypeError(f"response_status takes an int or several, not {type(status).__name__}")
        statuses.add(int(status))
    return frozenset(statuses)


def _milliseconds(name: str, value: object) -> int:
    if isinstance(value, str):
        from dateutil.parser import isoparse  # here: it takes 10 ms to import, and few write dates as text

        try:
            value = isoparse(value.strip())
        except ValueError:
            raise ValueError(
                f"{name} {value!r} is not an ISO 8601 date with an offset, like 2026-11-22T03:00:00Z"
            ) from None
    if isinstance(value, datetime):
        if value.utcoffset() is None:
            raise ValueError(f"{name} {value} has no time zone, and guessing one loses runs: add tzinfo or an offset")
        # Whole milliseconds, rounded down like the service's own timestamps.
        return (value - EPOCH) // timedelta(milliseconds=1)
    if isinstance(value, int) and not isinstance(value, bool):
        if not -(2**63) <= value < 2**63:
            raise ValueError(f"{name} {value} is not a count of Unix milliseconds: it has more than 64 bits")
        return int(value)
    hint = " (a day has no beginning without a time zone)" if isinstance(value, date) else ""
    raise TypeError(
        f"{name} takes an aware datetime, Unix milliseconds or an ISO 8601 string, not {type(value).__name__}{hint}"
    )
