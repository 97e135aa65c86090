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
DOCS = sorted((ROOT / "docs").rglob("*.md"))
# Its code goes on with the queue that its commands have left.
TUTORIAL = ROOT / "docs" / "tutorial.md"
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


@pytest.fixture
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """For files that a page makes."""
    monkeypatch.chdir(tmp_path)


def name_of(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


@pytest.mark.usefixtures("queue", "own_logging", "own_folder")
@pytest.mark.parametrize("page", [page for page in PAGES if blocks(page) and page != TUTORIAL], ids=name_of)
def test_code_runs_from_top_to_bottom_and_prints_what_is_shown(page: Path) -> None:
    namespace: dict[str, Any] = {"__name__": page.stem}
    for block in blocks(page):
        run_code(page, block, namespace)


def run_code(page: Path, block: Block, namespace: dict[str, Any]) -> None:
    printed = io.StringIO()
    with redirect_stdout(printed):
        # Padded, so that a traceback points into the page.
        exec(compile("\n" * block.line + block.code, str(page), "exec"), namespace)  # noqa: S102
    assert printed.getvalue() == block.output, f"{page.name}, line {block.line}"


@dataclass(frozen=True)
class Typed:
    """A command in a ```console block, and what it prints."""

    line: int
    command: str
    printed: str


def typed(page: Path) -> list[Typed]:
    found = []
    for token in tokens(page):
        if token.info == "console" and token.map is not None:
            for part in re.split(r"^\$ ", token.content, flags=re.MULTILINE)[1:]:
                command, _, printed = part.partition("\n")
                found.append(Typed(token.map[0] + 1, command, printed.rstrip("\n")))
    return found


def shown_in(page: Path) -> Emulator:
    # Who reads about runs that fail again rehearses with some that do.
    return Emulator(runs=250, refail=0.5, refail_after=0.2) if page.name == "redrive.md" else Emulator(runs=250)


def steady(screen: str, emulator: Emulator) -> str:
    """Without what differs each time."""
    screen = screen.replace(emulator.url, "http://127.0.0.1:8080")
    return re.sub(r"^(planned at +)\S+", r"\g<1>2025-07-18T09:05:00.000Z", screen, flags=re.MULTILINE)


@pytest.mark.untraced
@pytest.mark.usefixtures("own_folder", "own_logging")
@pytest.mark.parametrize("page", [page for page in PAGES if typed(page)], ids=name_of)
def test_commands_print_what_is_shown(page: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On one queue, from top to bottom. UPDATE_DOCS=1 writes it into the page."""
    text = page.read_text("utf-8")
    namespace: dict[str, Any] = {"__name__": page.stem}
    parts: list[Typed | Block] = [*typed(page), *(blocks(page) if page == TUTORIAL else ())]
    with shown_in(page) as emulator:
        for name, value in emulator.environ.items():
            monkeypatch.setenv(name, value)
        for block in sorted(parts, key=lambda part: part.line):
            if isinstance(block, Block):
                run_code(page, block, namespace)
                continue
            program, *arguments = shlex.split(block.command)
            assert program == "upstash-dlq"
            with Terminal(*arguments, columns=110, lines=80, env=emulator.environ) as terminal:
                if "[y/N]: y" in block.printed:
                    terminal.wait_for("[y/N]")
                    terminal.enter("y\n")
                terminal.ended()
                shown = steady(terminal.screen, emulator)
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


def test_the_tutorial_serves_the_queue_that_it_is_compared_with() -> None:
    assert "\nupstash-dlq emulator --port 8080 --runs 250 --fixed\n" in TUTORIAL.read_text("utf-8")


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


def test_every_variable_that_is_read_is_in_the_table() -> None:
    ours = r'"((?:QSTASH|UPSTASH_DLQ)_[A-Z]+|NO_COLOR|TERM|SSL_CERT_[A-Z]+|[A-Z]+_PROXY)"'
    code = [file.read_text("utf-8") for file in (ROOT / "wrapper").rglob("*.py")]
    read = {name for text in code for name in re.findall(ours, text)}
    assert len(read) > 8
    spans = " ".join(code_spans(ROOT / "docs" / "reference" / "environment.md"))
    assert {name for name in read if not re.search(rf"\b{name}\b", spans)} == set()


def test_every_exit_code_is_in_the_table() -> None:
    from upstash_workflow_dlq.cli._exits import Exit

    assert [int(code) for code, _ in table(ROOT / "docs" / "command-line.md", 1)] == sorted(Exit)


def test_every_field_of_a_run_is_described() -> None:
    named = {span.removesuffix("()") for span in code_spans(ROOT / "docs" / "fields.md")}
    assert named >= public(FailedRun) | public(FailureFunction)


@pytest.mark.parametrize("page", PAGES, ids=name_of)
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
