"""Whether two SVGs show the same, whenever they were drawn."""

from __future__ import annotations

import html
import re
from difflib import unified_diff

_TIME = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d)?")
_DLQ_ID = re.compile(r"\b\d{13}-\d+")
# Where its bars begin depends on the time.
_TIMELINE = re.compile(r"TIME +[▁-█ ]+ TIME")
_FRACTION = re.compile(r"\d+\.\d+")


def elements(svg: str) -> list[str]:
    """One in a line, as text, without what depends on the time of drawing. Places are rounded to whole units."""
    lines = html.unescape(svg.replace("><", ">\n<")).replace("\xa0", " ").splitlines()
    timeless = (_TIMELINE.sub("TIMELINE", _DLQ_ID.sub("ID", _TIME.sub("TIME", line))) for line in lines)
    return [_FRACTION.sub(lambda number: str(round(float(number[0]))), line) for line in timeless]


def difference(old: str, new: str) -> str:
    """Empty if there is none."""
    return "\n".join(unified_diff(elements(old), elements(new), "committed", "drawn now", n=0, lineterm=""))
