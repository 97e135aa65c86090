"""Text of strangers, on its way into the page: nothing hidden, nothing endless. Escaping is the template's work."""

from __future__ import annotations

import json
import re
from typing import Any

from markupsafe import Markup

# Control characters but for tab and line feed, marks and overrides of direction, spaces of no width, tags, and halves
# of surrogate pairs. Joiners stay: emoji and Persian are spelt with them.
_HIDDEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb"
    "\ud800-\udfff\U000e0000-\U000e007f]"
)

# What could end the element that the JSON is in, and what older JavaScript takes for a line break.
_ENDS = re.compile("[<>&\u2028\u2029]")


def visible(text: str) -> str:
    r"""What cannot be seen is written out, as `\x1b` or `\u202e`."""
    if text.isprintable():
        return text
    return _HIDDEN.sub(lambda found: _written(found[0]), text.replace("\r\n", "\n"))


def _written(letter: str) -> str:
    return letter.encode("unicode_escape").decode("ascii")


def clipped(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"


def one_line(text: str, most: int) -> str:
    # Twice as much may be spaces.
    return clipped(visible(" ".join(text[: 2 * most].split())), most)


def json_in_html(value: Any) -> Markup:
    """JSON that can stand in a <script> of type application/json, whatever it contains."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return Markup(_ENDS.sub(lambda found: f"\\u{ord(found[0]):04x}", text))  # noqa: S704 - escaped here
