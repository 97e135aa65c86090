"""Specs to change, and what became of them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tools.spec.diffing import compare
from tools.spec.document import plain
from tools.spec.text import parse

SPECS = Path(__file__).parent / "tools" / "specs"
PAGES = [SPECS / "get.md", SPECS / "list.md", SPECS / "delete.md"]
NEWER = SPECS / "newer.yaml"
# An openapi.yaml and its generator-config.yaml that stay as they are, however the real ones change.
TODAY = (SPECS / "today.yaml").read_text(encoding="utf-8")
CONFIG = (SPECS / "generator-config.yaml").read_text(encoding="utf-8")


@dataclass(frozen=True)
class Result:
    """What a command line ended with."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def error(self) -> str:
        [line] = self.err.splitlines()
        return line


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
