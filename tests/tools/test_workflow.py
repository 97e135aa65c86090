"""The scripts of the workflows, and the scheduled one as far as it can be tested outside of GitHub."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from conftest import ROOT
from specs import load

WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
WORKFLOW: dict[str, Any] = load((ROOT / ".github" / "workflows" / "spec.yml").read_text(encoding="utf-8"))


def steps(workflow: dict[str, Any]) -> list[dict[str, Any]]:
    return [step for job in workflow["jobs"].values() for step in job["steps"]]


STEPS = steps(WORKFLOW)


def test_nobody_elses_actions_run() -> None:
    used = [step["uses"] for step in STEPS if "uses" in step]
    assert used
    assert all(action.startswith("actions/") for action in used)


def test_what_runs_the_vendors_text_may_write_nothing() -> None:
    assert WORKFLOW["permissions"] == {}
    update, propose = WORKFLOW["jobs"]["update"], WORKFLOW["jobs"]["propose"]
    assert update["permissions"] == {"contents": "read"}
    [checkout] = [step for step in update["steps"] if step.get("uses", "").startswith("actions/checkout@")]
    assert checkout["with"]["persist-credentials"] is False
    assert propose["permissions"] == {"contents": "write", "pull-requests": "write"}
    assert not [step for step in propose["steps"] if "nox" in step.get("run", "") or "python" in step.get("run", "")]


def test_no_input_becomes_part_of_a_script() -> None:
    assert not [step for step in STEPS if "${{" in step.get("run", "")]


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_shellcheck_finds_nothing_in_the_scripts(path: Path) -> None:
    scripts = [step["run"] for step in steps(load(path.read_text("utf-8"))) if "run" in step]
    assert scripts
    for script in scripts:
        # As GitHub runs it where no shell is named.
        checked = subprocess.run(
            ["shellcheck", "--shell=bash", "-"],  # noqa: S607 - the environment of the session has it
            input=f"set -e\n{script}",
            text=True,
            capture_output=True,
        )
        assert checked.returncode == 0, checked.stdout + checked.stderr


def step(name: str) -> str:
    [script] = [step["run"] for step in STEPS if step.get("name") == name]
    return str(script)


@pytest.fixture
def run_step(tmp_path: Path) -> Callable[..., int]:
    """Runs a step in a checkout whose `nox` ends with a status, and may change the spec or print something."""

    def run(name: str, status: int, *, changes: bool = False, prints: str = "") -> int:
        tree, programs = tmp_path / "tree", tmp_path / "bin"
        for folder in (tree, programs):
            folder.mkdir()
        for file in ("openapi.yaml", "generator-config.yaml"):
            (tree / file).write_text("old\n")
        nox = f"#!/bin/sh\n{'echo new > openapi.yaml' if changes else ':'}\nprintf '{prints}'\nexit {status}\n"
        (programs / "nox").write_text(nox)
        (programs / "nox").chmod(0o755)
        environment = {
            "PATH": f"{programs}:{os.environ['PATH']}",
            "SOURCE": "https://vendor.example",
            "HOME": str(tmp_path),
            "RUNNER_TEMP": str(tmp_path),
            "GITHUB_OUTPUT": str(tmp_path / "output"),
        }
        commit = "git init -q . && git add . && git -c user.name=n -c user.email=e commit -qm old"
        for script in (commit, step(name)):
            done = subprocess.run(["bash", "-e", "-c", script], cwd=tree, env=environment, check=False)  # noqa: S603, S607
        return done.returncode

    return run


needs_bash = pytest.mark.skipif(shutil.which("bash") is None or shutil.which("git") is None, reason="runs bash and git")


@needs_bash
@pytest.mark.parametrize(
    ("status", "changes", "output"),
    [(0, False, "changed=false\n"), (0, True, "changed=true\n"), (1, True, "changed=true\n")],
)
def test_an_update_goes_on_when_it_worked(
    run_step: Callable[..., int], tmp_path: Path, status: int, changes: bool, output: str
) -> None:
    assert run_step("Update", status, changes=changes) == 0
    assert (tmp_path / "output").read_text() == output


@needs_bash
@pytest.mark.parametrize(("status", "changes"), [(1, False), (2, False), (2, True), (3, True), (139, False)])
def test_an_update_that_failed_fails_loudly(
    run_step: Callable[..., int], tmp_path: Path, status: int, changes: bool
) -> None:
    assert run_step("Update", status, changes=changes) == 1
    assert not (tmp_path / "output").exists()


@needs_bash
@pytest.mark.parametrize(
    ("status", "prints", "ends"),
    [(0, "Added (1)", 0), (1, "Breaking (1)\\n- x", 0), (1, "Traceback", 1), (1, "", 1), (2, "Breaking (1)", 1)],
)
def test_a_diff_that_failed_fails_loudly(run_step: Callable[..., int], status: int, prints: str, ends: int) -> None:
    assert run_step("Diff", status, prints=prints) == ends
