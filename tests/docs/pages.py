"""The documents, and what is in them: blocks of code, tables, code in sentences."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from markdown_it import MarkdownIt
from markdown_it.token import Token

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"
DOCS = sorted((ROOT / "docs").rglob("*.md"))
PAGES = [README, *DOCS, *(ROOT / name for name in ("CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md"))]


@dataclass(frozen=True)
class Block:
    """A fenced block. `line` is that of its first content; `output` is the ```text block directly below it."""

    kind: str
    line: int
    content: str
    output: str = ""

    @property
    def is_a_test(self) -> bool:
        return self.kind == "python" and "\ndef test_" in self.content


@dataclass(frozen=True)
class Typed:
    """A command in a ```console block, and what it prints."""

    line: int
    command: str
    printed: str


def name_of(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def tokens(page: Path) -> list[Token]:
    return MarkdownIt().enable("table").parse(page.read_text("utf-8"))


def blocks(page: Path) -> list[Block]:
    found: list[Block] = []
    before: Token | None = None
    for token in tokens(page):
        if token.type == "fence" and token.map is not None:
            if token.info == "text":
                assert before is not None, f"{page.name} begins with output"
                assert before.info == "python", f"{page.name}: output of no code: {token.content}"
                found[-1] = Block(found[-1].kind, found[-1].line, found[-1].content, token.content)
            else:
                found.append(Block(token.info, token.map[0] + 2, token.content))
        before = token
    return found


def code_of(page: str, kind: str) -> list[str]:
    """What a page in docs/ has of one kind: `code_of("past-one-machine.md", "python dask")`."""
    return [block.content for block in blocks(ROOT / "docs" / page) if block.kind == kind]


def typed(block: Block) -> list[Typed]:
    found = []
    for begin in re.finditer(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", block.content, flags=re.MULTILINE):
        line = block.line + block.content.count("\n", 0, begin.start())
        found.append(Typed(line, begin[1], begin[2].rstrip("\n")))
    return found


def code_spans(page: Path) -> set[str]:
    return {child.content for token in tokens(page) for child in token.children or () if child.type == "code_inline"}


def table(page: Path, number: int) -> list[list[str]]:
    """The rows of one of its tables, without the heading and without the marks of code."""
    cells: list[list[list[str]]] = []
    parsed = tokens(page)
    for token, following in pairwise(parsed):
        if token.type == "tbody_open":
            cells.append([])
        elif token.type == "tr_open" and cells and following.type == "td_open":
            cells[-1].append([])
        elif token.type == "td_open":
            cells[-1][-1].append(following.content.replace("`", ""))
    return cells[number]
