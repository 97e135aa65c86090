"""The one block of a page that is of a kind: `recipe("past-one-machine.md", "python dask")`."""

from __future__ import annotations

from pathlib import Path

from markdown_it import MarkdownIt

DOCS = Path(__file__).parents[1] / "docs"


def recipe(page: str, kind: str) -> str:
    text = (DOCS / page).read_text("utf-8")
    [code] = [token.content for token in MarkdownIt().parse(text) if token.info == kind]
    return code
