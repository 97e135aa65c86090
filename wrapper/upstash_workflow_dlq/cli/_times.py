"""Times and spans as people type them: `15m`, `3d`, ISO 8601, Unix milliseconds."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import click

UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def span_of(text: str) -> timedelta | None:
    found = re.fullmatch(r"([0-9]{1,9})([smhdw])", text.strip())
    return timedelta(**{UNITS[found[2]]: int(found[1])}) if found else None


class Moment(click.ParamType[Any]):
    """An age before now, or a time that the client takes."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if not isinstance(value, str):
            return value
        try:
            if (span := span_of(value)) is not None:
                return datetime.now(UTC) - span
        except OverflowError:
            self.fail(f"{value!r} is longer ago than the calendar goes", param, ctx)
        if not value.strip():
            self.fail("is empty: leave it out for no limit", param, ctx)
        return int(value) if re.fullmatch(r"[0-9]+", value.strip()) else value


class Span(click.ParamType[timedelta]):
    """A length of time."""

    name = "span"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> timedelta:
        if isinstance(value, timedelta):
            return value
        try:
            span = span_of(value)
        except OverflowError:
            span = None
        if span is None or not span:
            self.fail(f"{value!r} is no length of time, such as 10s, 15m, 2h, 3d or 1w", param, ctx)
        return span


MOMENT, SPAN = Moment(), Span()
