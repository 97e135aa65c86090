"""The blocks of a page that are of a kind: `recipe("past-one-machine.md", "python dask")`."""

from __future__ import annotations

from pathlib import Path

from markdown_it import MarkdownIt

DOCS = Path(__file__).parents[1] / "docs"


def recipes(page: str, kind: str) -> list[str]:
    text = (DOCS / page).read_text("utf-8")
    return [token.content for token in MarkdownIt().parse(text) if token.info == kind]


def recipe(page: str, kind: str) -> str:
    """The only one of its kind."""
    [code] = recipes(page, kind)
    return code
