"""Times and spans as people type them: `15m`, `3d`, ISO 8601, Unix milliseconds."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import click

from ._numbers import ParamType

UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 7 * 86_400}
# Nothing is kept so long, and the calendar goes further back than that.
MOST_DAYS = 10_000
# What looks like an age and is none, such as 15M, -5m, 1.5h or 2days.
LIKE_AN_AGE = re.compile(r"[-+]?[0-9]+([.,_][0-9]+)?\s*[A-Za-z]+")


class TooLong(ValueError):
    """A span beyond 10,000 days."""

    def __init__(self, text: str) -> None:
        super().__init__(f"{text!r} is more than {MOST_DAYS:,} days")


def span_of(text: str) -> timedelta | None:
    """None if it is no span."""
    found = re.fullmatch(r"([0-9]+)([smhdw])", text.strip())
    if found is None:
        return None
    digits = found[1].lstrip("0") or "0"
    if len(digits) > 9 or int(digits) * UNITS[found[2]] > MOST_DAYS * UNITS["d"]:
        raise TooLong(text)
    return timedelta(seconds=int(digits) * UNITS[found[2]])


class Moment(ParamType[Any]):
    """A time that the client takes, or an age before now. What is to be matched exactly has no age."""

    name = "time"

    def __init__(self, *, is_exact: bool = False) -> None:
        self._is_exact = is_exact

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if not isinstance(value, str):
            return value
        text = value.strip()
        if not text:
            self.fail("is empty: leave it out for no limit", param, ctx)
        try:
            span = span_of(text)
        except TooLong as error:
            self.fail(str(error), param, ctx)
        is_like_an_age = span is not None or LIKE_AN_AGE.fullmatch(text)
        if self._is_exact and is_like_an_age:
            self.fail(f"{value!r} is no exact time, such as Unix milliseconds; an age matches nothing", param, ctx)
        if span is not None:
            return datetime.now(UTC) - span
        if is_like_an_age:
            self.fail(f"{value!r} is neither a time nor an age; ages look like 15m (s, m, h, d or w)", param, ctx)
        return int(text) if re.fullmatch(r"[0-9]{1,30}", text) else value


class Span(ParamType[timedelta]):
    """A length of time; none at all only where that means something."""

    name = "span"

    def __init__(self, *, may_be_zero: bool = False) -> None:
        self._may_be_zero = may_be_zero

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> timedelta:
        if isinstance(value, timedelta):
            return value
        try:
            span = span_of(value)
        except TooLong as error:
            self.fail(str(error), param, ctx)
        if span is None or not (span or self._may_be_zero):
            self.fail(f"{value!r} is no length of time, such as 10s, 15m, 2h, 3d or 1w", param, ctx)
        return span


MOMENT, EXACTLY, SPAN, SPAN_OR_ZERO = Moment(), Moment(is_exact=True), Span(), Span(may_be_zero=True)
