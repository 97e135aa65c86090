"""Decoding JSON, in one place."""

from __future__ import annotations

import json
from typing import Any


def decode_json(content: bytes) -> Any:
    """Raise ValueError for anything that is not JSON."""
    try:
        return json.loads(content)
    except RecursionError:
        raise ValueError("nested too deeply") from None
