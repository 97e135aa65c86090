"""Times: Unix milliseconds on the wire, aware UTC datetimes for people."""

from __future__ import annotations

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
