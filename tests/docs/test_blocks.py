"""The code in the documents runs, the commands too, and both print what is shown."""

from __future__ import annotations

import logging
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from installing import lines as lines_that_install
from pages import PAGES, README, ROOT, blocks, name_of
from reader import ELSEWHERE, NOX, Reader


@pytest.fixture
def own_logging(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a page does to logging ends with it."""
    monkeypatch.setattr(logging.getLogger(), "handlers", [])
    monkeypatch.setattr(logging.getLogger("upstash_workflow_dlq"), "level", logging.NOTSET)


@pytest.mark.untraced
@pytest.mark.usefixtures("own_logging")
@pytest.mark.parametrize("page", [page for page in PAGES if blocks(page)], ids=name_of)
def test_a_page_does_what_it_says_from_top_to_bottom(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On one queue. UPDATE_DOCS=1 writes what is printed into the page."""
    reader = Reader(page, tmp_path, monkeypatch)
    reader.follow()
    if os.environ.get("UPDATE_DOCS"):
        reader.write()


def test_no_block_of_any_page_is_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    known = Reader(README, tmp_path, monkeypatch).kinds | ELSEWHERE.keys()
    kinds = {name_of(page): {block.kind for block in blocks(page)} - known for page in PAGES}
    # The tree of the sources, which is no code.
    assert kinds.pop("CONTRIBUTING.md") == {""}
    assert not any(kinds.values()), kinds


@pytest.mark.parametrize("kind", ELSEWHERE)
def test_what_is_run_elsewhere_is_looked_for_there(kind: str) -> None:
    quoted = {f'"{kind}"', f"'{kind}'"}
    assert any(name in (ROOT / ELSEWHERE[kind]).read_text("utf-8") for name in quoted)


def test_what_is_installed_and_which_sessions_are_run_is_seen_to_elsewhere() -> None:
    shell = [block.content for page in PAGES for block in blocks(page) if block.kind == "sh"]
    lines = [line for content in shell for line in content.splitlines()]
    noxfile = (ROOT / "noxfile.py").read_text("utf-8")
    sessions = {found[1] for line in lines if (found := NOX.match(line))}
    assert sessions == {"demo", "tests", "contract"}
    assert all(re.search(rf"^def {session}\(", noxfile, re.MULTILINE) for session in sessions)
    extras = {name for line in lines for found in re.findall(r'"\.\[(.*)\]"', line) for name in found.split(",")}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    assert extras <= project["optional-dependencies"].keys()
    assert {line for line in lines if re.search(r"\bvenv\b|pip install \"", line)} == set(lines_that_install())


def test_the_first_example_shows_runs() -> None:
    first = next(block for block in blocks(README) if block.kind == "python")
    assert len(first.content.splitlines()) <= 7
    assert len(first.output.splitlines()) == 3


def test_the_tests_in_the_docs_pass(tmp_path: Path) -> None:
    found = [block for page in PAGES for block in blocks(page) if block.is_a_test]
    for number, block in enumerate(found):
        (tmp_path / f"test_{number}.py").write_text(block.content, encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-W", "error", "-p", "upstash_workflow_dlq.emulator.pytest_plugin"]
    # Other plugins take seconds to load.
    environ = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    done = subprocess.run(command, cwd=tmp_path, env=environ, capture_output=True, text=True)  # noqa: S603 - ourselves
    assert f"{len(found)} passed" in done.stdout, done.stdout + done.stderr
    assert found
