"""A report as a program reads it: its elements, the groups it shows, and the data that its script is given."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from typing import Any


class ReportPage(HTMLParser):
    """`elements`: names and attributes, in order. `texts`: what is in each, by its name or `name#id`."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: dict[str, str] = {}
        self._inside: list[str] = []
        self.feed(page)
        self.close()
        self.source = page

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.elements.append((tag, given))
        if tag not in ("meta", "input", "rect"):
            self._inside.append(f"{tag}#{given['id']}" if "id" in given else tag)

    def handle_endtag(self, tag: str) -> None:
        if tag != "rect":
            while self._inside and self._inside.pop().partition("#")[0] != tag:
                pass

    def handle_data(self, data: str) -> None:
        if self._inside:
            self.texts[self._inside[-1]] = self.texts.get(self._inside[-1], "") + data

    @property
    def rows(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = json.loads(self.texts["script#rows"])
        return found

    @property
    def details(self) -> list[dict[str, Any]]:
        """Of each run, in the order of the rows: `facts`, and `texts` by heading as (text, note)."""
        parts = [json.loads(text) for name, text in self.texts.items() if name.startswith("script#part-")]
        return [
            {"facts": dict(run["facts"]), "texts": {heading: (text, note) for heading, text, note in run["texts"]}}
            for part in parts
            for run in part
        ]

    def groups(self, by: str) -> dict[str, int]:
        """Keys and counts, as a reader sees them."""
        [section] = re.findall(rf'<section class="card" id="by-{by}">.*?</section>', self.source, re.S)
        shown = re.findall(r'data-key="([^"]*)".*?<span class="count"><b>([\d,]+)</b>', section, re.S)
        return {key: int(count.replace(",", "")) for key, count in shown}

    @property
    def timeline(self) -> list[tuple[str, int]]:
        """Spans that have runs: their starts, and how many."""
        rows = re.findall(r'<tr><td>([\d: -]{16})</td><td class="number">([\d,]+)</td></tr>', self.source)
        return [(start, int(count.replace(",", ""))) for start, count in rows]

    def figure(self, name: str) -> int:
        return int(self.texts[f"dd#{name}"].replace(",", ""))
