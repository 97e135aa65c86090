"""What a 429 says about when to come back."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Literal, NamedTuple

_NAMES = ("Limit", "Remaining", "Reset")


class RateLimit(NamedTuple):
    kind: Literal["daily", "burst", "unknown"]
    limit: int | None
    remaining: int | None
    reset_at: datetime | None
    retry_after: float | None

    @classmethod
    def from_headers(cls, headers: Mapping[str, str], now: float) -> RateLimit:
        """Read `Retry-After` and the reset headers. `headers` ignore case; `now` is Unix seconds on our clock."""
        daily = [_number(headers.get(f"RateLimit-{name}")) for name in _NAMES]
        burst = [_number(headers.get(f"Burst-RateLimit-{name}")) for name in _NAMES]
        has_daily = any(f"RateLimit-{name}" in headers for name in _NAMES)
        has_burst = any(f"Burst-RateLimit-{name}" in headers for name in _NAMES)
        kind: Literal["daily", "burst", "unknown"] = "unknown"
        limit = remaining = reset = None
        # With both, it was the daily limit, unless that has some left.
        if has_daily and not (has_burst and daily[1]):
            kind, (limit, remaining, reset) = "daily", daily
        elif has_burst:
            kind, (limit, remaining, reset) = "burst", burst
        wait = retry_after(headers, now)
        if wait is None and reset is not None:
            wait = max(0.0, reset - _sent_at(headers, now))
        return cls(kind, limit, remaining, _time(reset), wait)


def retry_after(headers: Mapping[str, str], now: float) -> float | None:
    """The seconds to wait that `Retry-After` asks for, as a number or as a date."""
    value = headers.get("Retry-After", "").strip()
    seconds = _number(value)
    if seconds is not None:
        return float(seconds)
    date = _http_date(value)
    return None if date is None else max(0.0, date - _sent_at(headers, now))


def _number(value: str | None) -> int | None:
    value = (value or "").strip()
    return int(value) if value.isascii() and value.isdigit() and len(value) < 20 else None


def _time(seconds: int | None) -> datetime | None:
    try:
        return None if seconds is None else datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):
        return None


def _sent_at(headers: Mapping[str, str], now: float) -> float:
    """When the answer was sent, by the server's clock if it says so: resets are times on that clock."""
    date = _http_date(headers.get("Date", ""))
    return now if date is None else date


def _http_date(value: str) -> float | None:
    """Unix seconds."""
    try:
        date = parsedate_to_datetime(value)
        return (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp()
    except (TypeError, ValueError, OverflowError):
        return None
