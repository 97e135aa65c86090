"""Times: Unix milliseconds on the wire, aware UTC datetimes for people."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

# Up to there, a float of seconds is exact to the microsecond.
YEAR_2106 = 2**32 * 1000


def from_milliseconds(milliseconds: int) -> datetime:
    """Raise OverflowError beyond the years 1 to 9999."""
    return EPOCH + timedelta(milliseconds=milliseconds)


def to_milliseconds(time: datetime) -> int:
    """Rounded down, as the service's own timestamps are."""
    return (time - EPOCH) // timedelta(milliseconds=1)


def parse_iso(text: str) -> datetime:
    """Read an ISO 8601 time. Raise ValueError for anything else."""
    from dateutil.parser import isoparse  # takes 10 ms to import, and few times are sent as text

    try:
        return isoparse(text.strip())
    except OverflowError:  # midnight at the end of the last day of the calendar
        raise ValueError("this is after the year 9999") from None
