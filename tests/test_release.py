"""The release workflow, as far as it can be checked without running it there."""

from __future__ import annotations

import re
import shutil
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

ROOT = Path(__file__).parents[1]
WORKFLOW: dict[str, Any] = YAML(typ="safe", pure=True).load(ROOT / ".github" / "workflows" / "release.yml")
JOBS = WORKFLOW["jobs"]
STEPS = [step for job in JOBS.values() for step in job["steps"]]
BASH = shutil.which("bash")


def scripts(job: str) -> list[str]:
    return [step["run"] for step in JOBS[job]["steps"] if "run" in step]


def actions(job: str) -> list[str]:
    return [step["uses"].partition("@")[0] for step in JOBS[job]["steps"] if "uses" in step]


def test_only_a_version_tag_starts_it() -> None:
    assert WORKFLOW["on"] == {"push": {"tags": ["v*"]}}


def test_it_is_built_once_and_the_same_files_are_tested_and_published() -> None:
    assert [script for script in map(str, (step.get("run", "") for step in STEPS)) if "package" in script] == [
        "nox -s package -- dist"
    ]
    [upload] = [step for step in STEPS if step.get("uses", "").startswith("actions/upload-artifact@")]
    downloads = [step for step in STEPS if step.get("uses", "").startswith("actions/download-artifact@")]
    assert len(downloads) == 2
    assert {(step["with"]["name"], step["with"]["path"]) for step in (upload, *downloads)} == {("dist", "dist/")}
    assert "nox -s tests_of_wheel -- dist/*.whl" in scripts("test")


def test_nothing_is_published_before_it_is_tested_on_every_supported_python() -> None:
    assert JOBS["test"]["needs"] == "build"
    assert set(JOBS["publish"]["needs"]) == {"build", "test"}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    supported = re.findall(r"Python :: (3\.\d+)", "\n".join(project["classifiers"]))
    assert JOBS["test"]["strategy"]["matrix"]["python"] == supported


def test_only_the_job_that_publishes_can_and_it_runs_nothing_else() -> None:
    assert WORKFLOW["permissions"] == {}
    assert {name: job["permissions"] for name, job in JOBS.items()} == {
        "build": {"contents": "read"},
        "test": {"contents": "read"},
        "publish": {"id-token": "write"},
    }
    assert JOBS["publish"]["environment"] == "pypi"
    assert scripts("publish") == []
    assert actions("publish") == ["actions/download-artifact", "pypa/gh-action-pypi-publish"]


def test_somebody_elses_action_is_pinned_to_a_commit() -> None:
    foreign = [step["uses"] for step in STEPS if not step.get("uses", "actions/").startswith("actions/")]
    assert len(foreign) == 1
    assert re.fullmatch(r"pypa/gh-action-pypi-publish@[0-9a-f]{40}", foreign[0])


def test_no_password_and_no_checkout_credentials_are_around() -> None:
    assert "secrets." not in (ROOT / ".github" / "workflows" / "release.yml").read_text("utf-8")
    checkouts = [step for step in STEPS if step.get("uses", "").startswith("actions/checkout@")]
    assert checkouts
    assert all(step["with"]["persist-credentials"] is False for step in checkouts)


def test_no_input_becomes_part_of_a_script() -> None:
    assert not [step for step in STEPS if "${{" in step.get("run", "")]


def test_its_sessions_exist() -> None:
    sessions = re.findall(r"@nox\.session(?:\(.*\))?\ndef (\w+)", (ROOT / "noxfile.py").read_text("utf-8"))
    named = [name for step in STEPS for name in re.findall(r"nox -s (\w+)", step.get("run", ""))]
    assert len(named) == 2
    assert set(named) <= set(sessions)


def test_the_single_tests_that_sessions_name_exist() -> None:
    named = re.findall(r'"(tests/[\w/]+\.py)::(\w+)"', (ROOT / "noxfile.py").read_text("utf-8"))
    assert len(named) == 2
    for path, name in named:
        assert f"def {name}(" in (ROOT / path).read_text("utf-8")


@pytest.mark.skipif(BASH is None, reason="needs bash")
@pytest.mark.parametrize(("tag", "status"), [("v0.1.0", 0), ("v0.1", 1), ("v0.2.0", 1), ("0.1.0rc1", 1), ("v", 1)])
def test_a_tag_that_does_not_name_the_version_stops_it(tag: str, status: int, tmp_path: Path) -> None:
    assert BASH is not None
    [check] = [script for script in scripts("build") if "GITHUB_REF_NAME" in script]
    built = tmp_path / "dist"
    built.mkdir()
    for name in ("upstash_workflow_dlq-0.1.0-py3-none-any.whl", "upstash_workflow_dlq-0.1.0.tar.gz"):
        (built / name).touch()
    # As the runner starts a step.
    done = subprocess.run(  # noqa: S603 - a script of ours
        [BASH, "-e", "-c", check],
        cwd=tmp_path,
        env={"GITHUB_REF_NAME": tag, "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == status, done.stderr
    assert ("::error::" in done.stdout) is bool(status)
