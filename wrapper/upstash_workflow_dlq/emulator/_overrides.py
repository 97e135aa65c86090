"""The `Upstash-` headers, which override what a run was first started with."""

import re
from collections.abc import Callable, Mapping

from ._payloads import Payload
from ._query import Refused

_WHOLE = re.compile(r"[0-9]{1,9}")
_POSITIVE = re.compile(r"0*[1-9][0-9]{0,8}")
_DURATION = re.compile(r"[0-9]{1,9}[smhd]")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}


def read_overrides(headers: Mapping[str, str]) -> dict[str, str]:
    """All `Upstash-` headers of a request, names in lower case. Refuses values that the service cannot read."""
    overrides = {name: value for name, value in headers.items() if name.startswith("upstash-")}
    for name, (is_valid, expected) in _RULES.items():
        if name in overrides and not is_valid(overrides[name]):
            raise Refused(400, f"The header {name} must be {expected}.")
    return overrides


def delay_of(overrides: Mapping[str, str]) -> int:
    """Seconds before a run that is started with these overrides begins."""
    return _seconds(overrides.get("upstash-delay", "0s"))


def overridden(payload: Payload, overrides: Mapping[str, str]) -> Payload:
    """A payload with everything that overrides set in its fields, which is all but the delay."""
    changed = dict(payload)
    if labels := [label for part in overrides.get("upstash-label", "").split(",") if (label := part.strip())]:
        changed.pop("label", None)
        changed["labels"] = labels
    if retries := overrides.get("upstash-retries"):
        changed["maxRetries"] = int(retries)
    for header, field in _TEXTS.items():
        if text := overrides.get(header):
            changed[field] = text
    if limits := overrides.get("upstash-flow-control-value"):
        for name in _LIMITS:
            changed.pop(name, None)
        for part in limits.split(","):
            name, _, limit = part.strip().partition("=")
            changed[name] = _seconds(limit) if name == "period" else int(limit)
    return changed


def _seconds(duration: str) -> int:
    return int(duration[:-1]) * _SECONDS[duration[-1]]


def _is_flow_control(value: str) -> bool:
    seen: set[str] = set()
    for part in value.split(","):
        name, _, limit = part.strip().partition("=")
        if name in seen or name not in _LIMITS or not _LIMITS[name].fullmatch(limit):
            return False
        seen.add(name)
    return True


_LIMITS = {"parallelism": _POSITIVE, "rate": _POSITIVE, "period": _DURATION}
_TEXTS = {
    "upstash-retry-delay": "retryDelayExpression",
    "upstash-flow-control-key": "flowControlKey",
    "upstash-failure-callback": "failureCallback",
}
_RULES: dict[str, tuple[Callable[[str], object], str]] = {
    "upstash-retries": (_WHOLE.fullmatch, "a whole number of at least 0"),
    "upstash-delay": (_DURATION.fullmatch, "a number with a unit: 10s, 5m, 1h, 2d"),
    "upstash-flow-control-value": (_is_flow_control, "a list of limits: parallelism=3, rate=10, period=1m"),
}
