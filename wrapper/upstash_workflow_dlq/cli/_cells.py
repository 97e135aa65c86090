"""Values of runs as the text of cells. What strangers wrote is made harmless by `upstash_workflow_dlq.harmless`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import Enum
from typing import Any

from ..harmless import safe as safe
from ..harmless import safe_lines as safe_lines
from ..harmless import spreadsheet as spreadsheet

# Instead of a field of a wrong type.
UNREADABLE = "(unreadable)"


def plain(value: Any) -> Any:
    """A field of a run in JSON's types."""
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, str):
        return value
    if isinstance(value, datetime):
        return value.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, bytes):
        return value.decode("utf-8", "backslashreplace")
    if hasattr(value, "to_dict"):
        return value.to_dict()
    if hasattr(value, "_asdict"):
        return {name: plain(item) for name, item in value._asdict().items()}
    if isinstance(value, Mapping):
        return {str(name): plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return str(value)


def cell(value: Any) -> str:
    """A field of a run as the text of a cell, not yet safe."""
    from upstash_workflow_dlq import Failure

    if value is None:
        return ""
    if isinstance(value, Failure):
        return str(value)
    found = plain(value)
    if isinstance(found, list) and all(isinstance(item, str) for item in found):
        return ",".join(found)
    return found if isinstance(found, str) else json.dumps(found, ensure_ascii=False)


def age(span: timedelta) -> str:
    """A span of time, to two units: `2d 3h`."""
    seconds = int(abs(span.total_seconds()))
    units = [(seconds // 86400, "d"), (seconds // 3600 % 24, "h"), (seconds // 60 % 60, "m"), (seconds % 60, "s")]
    while len(units) > 1 and not units[0][0]:
        units.pop(0)
    return " ".join(f"{number}{unit}" for number, unit in units[:2] if number or len(units) == 1) or "0s"


def many(count: int, what: str = "run") -> str:
    return f"{count:,} {what}{'s' * (count != 1)}"


def are(count: int, what: str = "run") -> str:
    return f"{many(count, what)} {'is' if count == 1 else 'are'}"
