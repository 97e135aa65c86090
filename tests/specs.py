"""Specs to change, and what became of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from command_line import Result as Result

from tools.spec.diffing import compare
from tools.spec.document import plain
from tools.spec.text import parse

SPECS = Path(__file__).parent / "tools" / "specs"
PAGES = [SPECS / "get.md", SPECS / "list.md", SPECS / "delete.md"]
NEWER = SPECS / "newer.yaml"
# An openapi.yaml and its generator-config.yaml that stay as they are, however the real ones change.
TODAY = (SPECS / "today.yaml").read_text(encoding="utf-8")
CONFIG = (SPECS / "generator-config.yaml").read_text(encoding="utf-8")


# An entry of a monitor's report, for a place that the spec lacks.
LINE = {
    "kind": "undocumented_operation",
    "operation": "POST /v2/workflows/dlq/*",
    "status": 200,
    "path": "",
    "detail": "",
    "count": 1,
}
FIELD = {**LINE, "kind": "undocumented_field", "operation": "getFailedRun", "path": "priority", "detail": "integer"}


def load(text: str) -> dict[str, Any]:
    loaded: dict[str, Any] = plain(parse("the text", text).root)
    return loaded


def edited(text: str, *edits: tuple[str, str]) -> str:
    for old, new in edits:
        assert text.count(old) == 1, f"{text.count(old)} times: {old}"
        text = text.replace(old, new)
    return text


def changes(old: dict[str, Any], new: dict[str, Any]) -> list[tuple[str, str]]:
    """What changed, as pairs of class and sentence."""
    return [(str(change.kind), str(change)) for change in compare(old, new)]
