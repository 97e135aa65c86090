"""Times: Unix milliseconds on the wire, aware UTC datetimes for people."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

# Up to there, a float of seconds is exact to the microsecond.
YEAR_2106 = 2**32 * 1000


# Unix milliseconds of the years 2000 to 2099. The numbers of seconds, microseconds or nanoseconds are none of these.
THIS_CENTURY = range(946_684_800_000, 4_102_444_800_000)


def from_milliseconds(milliseconds: int) -> datetime:
    """Raise OverflowError beyond the years 1 to 9999."""
    return EPOCH + timedelta(milliseconds=milliseconds)


def to_milliseconds(time: datetime) -> int:
    """Rounded down, as the service's own timestamps are."""
    # Not `time - EPOCH`: subclasses such as pendulum's return something else, which cannot be divided by a timedelta.
    return datetime.__sub__(time, EPOCH) // timedelta(milliseconds=1)


def parse_iso(text: str) -> datetime:
    """Read an ISO 8601 time. Raise ValueError for anything else."""
    from dateutil.parser import isoparse  # takes 10 ms to import, and few times are sent as text

    try:
        return isoparse(text.strip())
    except OverflowError:  # midnight at the end of the last day of the calendar
        raise ValueError("this is after the year 9999") from None


_DLQ_ID = re.compile(r"([0-9]{12,13})-[0-9]+")


def of_dlq_id(dlq_id: str | None) -> datetime | None:
    """The time that an id begins with, such as `1752829295505-0`; None if it has another shape.

    No document promises that shape, so numbers that are no time of this century are taken for something else.
    """
    found = _DLQ_ID.fullmatch(dlq_id or "")
    milliseconds = int(found[1]) if found else 0
    # Takes a third of the time of adding a timedelta, and is exact before the year 2106.
    return datetime.fromtimestamp(milliseconds / 1000, UTC) if milliseconds in THIS_CENTURY else None


def later(moment: datetime | None, name: str, wait: timedelta) -> datetime | None:
    """`name` is what messages call the wait."""
    if not isinstance(wait, timedelta):
        raise TypeError(f"{name} takes a timedelta, such as timedelta(days=7), not {type(wait).__name__}")
    if wait <= timedelta(0):
        raise ValueError(f"{name} is {wait}; it must be longer than nothing")
    try:
        return None if moment is None else moment + wait
    except OverflowError:
        raise ValueError(f"{name} is {wait}, which ends after the year 9999") from None
