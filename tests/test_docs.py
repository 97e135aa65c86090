"""The documents are true: their code runs and prints what they show, nothing is left out, and links lead somewhere."""

from __future__ import annotations

import io
import logging
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from contextlib import redirect_stdout
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import httpx
import pytest
from markdown_it import MarkdownIt
from markdown_it.token import Token
from terminal import Terminal
from upstash_workflow_dlq import (
    AsyncDLQClient,
    DLQClient,
    FailedRun,
    FailureFunction,
    FlowControl,
    Overrides,
    RunFilters,
)
from upstash_workflow_dlq.emulator import Emulator

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
DOCS = sorted((ROOT / "docs").glob("*.md"))
PAGES = [README, *DOCS, *(ROOT / name for name in ("CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md"))]


@dataclass(frozen=True)
class Block:
    line: int
    code: str
    output: str

    @property
    def is_a_test(self) -> bool:
        return "\ndef test_" in self.code


def tokens(page: Path) -> list[Token]:
    return MarkdownIt().enable("table").parse(page.read_text("utf-8"))


def blocks(page: Path) -> list[Block]:
    """The ```python blocks. A ```text block directly below one is its output; without one it must print nothing."""
    found = []
    before: Token | None = None
    for token in tokens(page):
        if token.info == "python" and token.map is not None:
            found.append(Block(token.map[0] + 1, token.content, ""))
        elif token.info == "text":
            assert before is not None, f"{page.name} begins with output"
            assert before.info == "python", f"{page.name}: output of no code: {token.content}"
            found[-1] = Block(found[-1].line, found[-1].code, token.content)
        before = token
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


@pytest.fixture
def queue(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What a reader has: the environment points to an emulator that was started by the command of the README."""
    started = re.search(r"^python (-m upstash_workflow_dlq\.emulator .*)$", README.read_text("utf-8"), re.MULTILINE)
    assert started is not None
    command = [sys.executable, *shlex.split(started[1]), "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as emulator:  # noqa: S603 - ourselves
        try:
            assert emulator.stdout is not None
            while not (line := emulator.stdout.readline()).startswith("QSTASH_TOKEN="):
                assert line, "the emulator did not start"
                if line.startswith("QSTASH_URL="):
                    monkeypatch.setenv("QSTASH_URL", line.strip().partition("=")[2])
            monkeypatch.setenv("QSTASH_TOKEN", line.strip().partition("=")[2])
            yield
        finally:
            emulator.kill()


@pytest.fixture
def own_logging(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a page does to logging ends with it."""
    monkeypatch.setattr(logging.getLogger(), "handlers", [])
    monkeypatch.setattr(logging.getLogger("upstash_workflow_dlq"), "level", logging.NOTSET)


@pytest.mark.usefixtures("queue", "own_logging")
@pytest.mark.parametrize("page", [page for page in PAGES if blocks(page)], ids=lambda page: page.name)
def test_code_runs_from_top_to_bottom_and_prints_what_is_shown(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    namespace: dict[str, Any] = {"__name__": page.stem}
    for block in blocks(page):
        printed = io.StringIO()
        with redirect_stdout(printed):
            # Padded, so that a traceback points into the page.
            exec(compile("\n" * block.line + block.code, str(page), "exec"), namespace)  # noqa: S102
        assert printed.getvalue() == block.output, f"{page.name}, line {block.line}"


@dataclass(frozen=True)
class Typed:
    """A command in a ```console block, and what it prints."""

    command: str
    printed: str


def typed(page: Path) -> list[Typed]:
    found = []
    for token in tokens(page):
        if token.info == "console":
            for part in re.split(r"^\$ ", token.content, flags=re.MULTILINE)[1:]:
                command, _, printed = part.partition("\n")
                found.append(Typed(command, printed.rstrip("\n")))
    return found


@pytest.mark.untraced
@pytest.mark.parametrize("page", [page for page in PAGES if typed(page)], ids=lambda page: page.name)
def test_commands_print_what_is_shown(page: Path) -> None:
    """On one queue, from top to bottom. UPDATE_DOCS=1 writes it into the page."""
    text = page.read_text("utf-8")
    with Emulator(runs=250) as emulator:
        for block in typed(page):
            program, *arguments = shlex.split(block.command)
            assert program == "upstash-dlq"
            with Terminal(*arguments, columns=110, lines=80, env=emulator.environ) as terminal:
                if "--flow-key" in arguments:
                    terminal.wait_for("[y/N]")
                    terminal.enter("y\n")
                terminal.ended()
                shown = terminal.screen
            if os.environ.get("UPDATE_DOCS"):
                was, now = (
                    "\n".join(filter(None, [f"$ {block.command}", out, " "])).rstrip(" ")
                    for out in (block.printed, shown)
                )
                text = text.replace(was, now, 1)
            else:
                assert shown == block.printed, f"$ {block.command}"
    if os.environ.get("UPDATE_DOCS"):
        page.write_text(text, "utf-8")


def test_the_first_example_shows_runs() -> None:
    first = blocks(README)[0]
    assert len(first.code.splitlines()) <= 7
    assert len(first.output.splitlines()) == 3


def test_the_tests_in_the_docs_pass(tmp_path: Path) -> None:
    found = [block for page in PAGES for block in blocks(page) if block.is_a_test]
    for number, block in enumerate(found):
        (tmp_path / f"test_{number}.py").write_text(block.code, encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-W", "error", "-p", "upstash_workflow_dlq.emulator.pytest_plugin"]
    # Other plugins take seconds to load.
    environ = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    done = subprocess.run(command, cwd=tmp_path, env=environ, capture_output=True, text=True)  # noqa: S603 - ourselves
    assert f"{len(found)} passed" in done.stdout, done.stdout + done.stderr
    assert found


def test_the_readme_says_how_to_point_the_client_to_the_emulator() -> None:
    variables = Emulator(port=8080).environ
    assert f"export {' '.join('='.join(pair) for pair in variables.items())}" in code_spans(README)


def test_every_method_of_the_clients_is_documented() -> None:
    named = {name for page in (README, *DOCS) for span in code_spans(page) for name in re.findall(r"\w+", span)}
    assert named >= public(DLQClient) | public(AsyncDLQClient)


def test_the_table_of_filters_is_right() -> None:
    filters = {name: (several, example) for name, _, _, several, example in table(ROOT / "docs" / "filters.md", 0)}
    assert filters.keys() == RunFilters.__optional_keys__
    with DLQClient("token") as dlq:
        run = FailedRun({"workflowCreatedAt": 1752829293531})
        for name, (several, example) in filters.items():
            given = eval(f"dict({example})", {"run": run, "datetime": datetime, "UTC": UTC})  # noqa: S307 - our own table
            assert given.keys() == {name}
            dlq.list(**given)
            [value] = given.values()
            two: dict[str, Any] = {name: value if isinstance(value, list) else [value, value]}
            if several == "yes":
                dlq.list(**two)
            else:
                assert several == "no"
                with pytest.raises(TypeError):
                    dlq.list(**two)


def test_the_table_of_overrides_is_right() -> None:
    overrides = {name: example for name, _, example in table(ROOT / "docs" / "filters.md", 3)}
    assert overrides.keys() == Overrides.__optional_keys__
    requests: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        requests.append(request)
        return httpx.Response(200, json={"workflowRunId": "wfr_1", "workflowCreatedAt": 1})

    with DLQClient("token", transport=httpx.MockTransport(answer)) as dlq:
        for name, examples in overrides.items():
            for example in examples.split(" or "):
                given = eval(f"dict({example})", {"timedelta": timedelta, "FlowControl": FlowControl})  # noqa: S307
                assert given.keys() == {name}
                dlq.resume("1-0", **given)
                header = f"upstash-{name.replace('_', '-')}"
                assert [sent for sent in requests[-1].headers if sent.startswith(header)]


def test_every_field_of_a_run_is_described() -> None:
    named = {span.removesuffix("()") for span in code_spans(ROOT / "docs" / "fields.md")}
    assert named >= public(FailedRun) | public(FailureFunction)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_to_what_is_there(page: Path) -> None:
    links = [
        str(child.attrs.get("href", child.attrs.get("src")))
        for token in tokens(page)
        for child in token.children or ()
        if child.type in ("link_open", "image")
    ]
    for link in links:
        if link.startswith("https://"):
            continue
        place, _, heading = link.partition("#")
        target = page.parent / place if place else page
        assert target.is_file(), f"{page.name} links to {link}"
        assert not heading or heading in anchors(target), f"{page.name} links to {link}"


def anchors(page: Path) -> set[str]:
    """The headings, as they are spelt in links."""
    parsed = tokens(page)
    headings = [text.content for token, text in pairwise(parsed) if token.type == "heading_open"]
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def public(kind: type) -> set[str]:
    return {name for name in dir(kind) if not name.startswith("_")}
