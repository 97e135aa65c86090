"""The `Upstash-` headers, which override what a run was first started with."""

import re
from collections.abc import Callable, Mapping

from ._query import Refused

_WHOLE = re.compile(r"[0-9]{1,9}")
_POSITIVE = re.compile(r"0*[1-9][0-9]{0,8}")
_DURATION = re.compile(r"[0-9]{1,9}[smhd]")


def read_overrides(headers: Mapping[str, str]) -> dict[str, str]:
    """All `Upstash-` headers of a request, names in lower case. Refuses values that the service cannot read."""
    overrides = {name: value for name, value in headers.items() if name.startswith("upstash-")}
    for name, (is_valid, expected) in _RULES.items():
        if name in overrides and not is_valid(overrides[name]):
            raise Refused(400, f"The header {name} must be {expected}.")
    return overrides


def _is_flow_control(value: str) -> bool:
    seen: set[str] = set()
    for part in value.split(","):
        name, _, limit = part.strip().partition("=")
        if name in seen or name not in _LIMITS or not _LIMITS[name].fullmatch(limit):
            return False
        seen.add(name)
    return True


_LIMITS = {"parallelism": _POSITIVE, "rate": _POSITIVE, "period": _DURATION}
_RULES: dict[str, tuple[Callable[[str], object], str]] = {
    "upstash-retries": (_WHOLE.fullmatch, "a whole number of at least 0"),
    "upstash-delay": (_DURATION.fullmatch, "a number with a unit: 10s, 5m, 1h, 2d"),
    "upstash-flow-control-value": (_is_flow_control, "a list of limits: parallelism=3, rate=10, period=1m"),
}
