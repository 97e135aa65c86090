"""The scheduled workflow, as far as it can be held to its word without running there."""

from __future__ import annotations

import shutil
import subprocess
from typing import Any

import pytest
from conftest import ROOT
from specs import load

WORKFLOW: dict[str, Any] = load((ROOT / ".github" / "workflows" / "spec.yml").read_text(encoding="utf-8"))
STEPS = [step for job in WORKFLOW["jobs"].values() for step in job["steps"]]


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


def test_its_scripts_are_bash() -> None:
    bash = shutil.which("bash")
    if bash is None:
        pytest.skip("bash checks its syntax")
    for step in STEPS:
        if "run" in step:
            subprocess.run([bash, "-n"], input=step["run"], text=True, check=True)  # noqa: S603 - reads it only
