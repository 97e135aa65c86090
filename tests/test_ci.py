"""The CI workflow runs the sessions of a bare nox, and some that take too long for it, each once."""

from __future__ import annotations

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
WORKFLOW = (ROOT / ".github" / "workflows" / "ci.yml").read_text("utf-8")


def bare_nox() -> list[str]:
    found = re.search(r"^nox\.options\.sessions = (\[.*?\])", (ROOT / "noxfile.py").read_text("utf-8"), re.M | re.S)
    assert found is not None
    sessions: list[str] = ast.literal_eval(found[1])
    return sessions


ONLY_IN_CI = ("rehearse", "tests_of_lowest", "distributed", "interop", "browser", "docs_of_material")


def test_each_session_of_bare_nox_runs_once_and_so_do_the_slow_ones() -> None:
    run = [name for line in re.findall(r"^ *- run: nox -s (.+)$", WORKFLOW, re.M) for name in line.split()]
    assert sorted(run) == sorted([*bare_nox(), *ONLY_IN_CI])


def test_the_tests_run_on_every_supported_python() -> None:
    supported = set(re.findall(r'"Programming Language :: Python :: (3\.\d+)"', (ROOT / "pyproject.toml").read_text()))
    [matrix] = re.findall(r"^ *python: \[(.*)\]$", WORKFLOW, re.M)
    assert set(re.findall(r"3\.\d+", matrix)) == supported
