"""Whether two SVGs say the same, whenever they were drawn."""

from __future__ import annotations

import html
import re
from difflib import unified_diff

# matplotlib draws letters as paths, with the text as a comment.
_WORDS = re.compile(r"<text[^>]*>(.*?)</text>|<!-- (.*?) -->", re.DOTALL)
_TIME = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d)?")
_DLQ_ID = re.compile(r"\b\d{13}-\d+")
# Where its bars begin depends on the time.
_TIMELINE = re.compile(r"TIME +[▁-█ ]+ TIME")


def words(svg: str) -> list[str]:
    """Its lines, without what depends on the time of drawing."""
    lines = (html.unescape(text or comment).replace("\xa0", " ").strip() for text, comment in _WORDS.findall(svg))
    timeless = (_DLQ_ID.sub("ID", _TIME.sub("TIME", line)) for line in lines if line)
    return [_TIMELINE.sub("TIMELINE", line) for line in timeless]


def difference(old: str, new: str) -> str:
    """Empty if there is none."""
    return "\n".join(unified_diff(words(old), words(new), "committed", "drawn now", n=0, lineterm=""))
