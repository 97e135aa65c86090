"""What a 429 says about when to come back."""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Literal

from msgspec import Struct

_NAMES = ("Limit", "Remaining", "Reset")


class RateLimit(Struct, frozen=True):
    kind: Literal["daily", "burst", "unknown"]
    limit: int | None
    remaining: int | None
    reset_at: datetime | None
    retry_after: float | None

    @classmethod
    def from_headers(cls, headers: Mapping[str, str]) -> RateLimit:
        """Read `Retry-After` and the reset headers; `headers` must find its keys in any case."""
        daily = [_number(headers.get(f"RateLimit-{name}")) for name in _NAMES]
        burst = [_number(headers.get(f"Burst-RateLimit-{name}")) for name in _NAMES]
        has_daily = any(f"RateLimit-{name}" in headers for name in _NAMES)
        has_burst = any(f"Burst-RateLimit-{name}" in headers for name in _NAMES)
        kind: Literal["daily", "burst", "unknown"] = "unknown"
        limit = remaining = reset = None
        # The daily limit is told alone, or goes before; but what has some left is not what was exceeded.
        if has_daily and not (has_burst and daily[1]):
            kind, (limit, remaining, reset) = "daily", daily
        elif has_burst:
            kind, (limit, remaining, reset) = "burst", burst
        asked = retry_after(headers)
        if asked is None and reset is not None:
            asked = max(0.0, reset - _sent_at(headers))
        return cls(kind, limit, remaining, _moment(reset), asked)


def _number(text: str | None) -> int | None:
    text = (text or "").strip()
    return int(text) if text.isascii() and text.isdigit() and len(text) < 20 else None


def _moment(seconds: int | None) -> datetime | None:
    try:
        return None if seconds is None else datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):
        return None


def _sent_at(headers: Mapping[str, str]) -> float:
    """The server's clock where it tells it: a reset is a moment on that clock, and ours may be minutes off."""
    try:
        return parsedate_to_datetime(headers.get("Date", "")).timestamp()
    except (TypeError, ValueError, OverflowError):
        return time.time()


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds to wait, as `Retry-After` says."""
    from httpx_retries import Retry  # here, since it brings asyncio and most answers need none of it

    try:
        return Retry().parse_retry_after(headers.get("Retry-After", ""))
    except ValueError:
        return None
