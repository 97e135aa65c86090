"""What a 429 says about when to come back."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Literal

from httpx_retries import Retry

_PARSER = Retry()


@dataclass(frozen=True)
class RateLimit:
    kind: Literal["daily", "burst", "unknown"]
    limit: int | None
    remaining: int | None
    reset_at: datetime | None
    retry_after: float | None

    @classmethod
    def from_headers(cls, headers: Mapping[str, str]) -> RateLimit:
        """Read `Retry-After` and the reset headers; `headers` must find its keys in any case."""
        kind: Literal["daily", "burst", "unknown"] = "unknown"
        prefix = ""
        if any(f"RateLimit-{name}" in headers for name in ("Limit", "Remaining", "Reset")):
            kind, prefix = "daily", "RateLimit-"
        elif any(f"Burst-RateLimit-{name}" in headers for name in ("Limit", "Remaining", "Reset")):
            kind, prefix = "burst", "Burst-RateLimit-"
        reset = _number(headers.get(f"{prefix}Reset")) if prefix else None
        retry_after = _retry_after(headers.get("Retry-After", ""))
        if retry_after is None and reset is not None:
            retry_after = max(0.0, reset - _sent_at(headers))
        return cls(
            kind=kind,
            limit=_number(headers.get(f"{prefix}Limit")) if prefix else None,
            remaining=_number(headers.get(f"{prefix}Remaining")) if prefix else None,
            reset_at=_moment(reset),
            retry_after=retry_after,
        )


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


def _retry_after(text: str) -> float | None:
    try:
        return _PARSER.parse_retry_after(text)
    except ValueError:
        return None
