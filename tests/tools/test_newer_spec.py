"""A made-up newer spec goes through update and diff, and each of its changes ends in its class."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from conftest import ROOT
from specs import CONFIG, NEWER, TODAY, Result, load

from tools.spec import diff as spec_diff
from tools.spec import update as spec_update

Update = Callable[..., Result]

STARTING = ["resumeFailedRuns", "resumeFailedRun", "restartFailedRuns", "restartFailedRun", "retryFailureCallback"]
RAISES = ": reading an answer without it raises"
READING = ["listFailedRuns", "getFailedRun"]


def change(kind: str, message: str, operations: list[str] | None = None, **place: str) -> dict[str, Any]:
    nowhere = dict.fromkeys(["direction", "status", "in", "parameter", "model", "property"])
    return {"class": kind, "operations": operations or [], **nowhere, **place, "message": message}


def parameter(name: str) -> dict[str, str]:
    return {"direction": "request", "in": "query", "parameter": name}


def of_model(name: str, field: str) -> dict[str, str]:
    return {"direction": "response", "model": name, "property": field}


CHANGES = [
    change("breaking", "server https://qstash.upstash.io is gone"),
    change("breaking", "is gone", ["deleteFailedRun"], direction="response", status="404"),
    change("breaking", f"is required now{RAISES}", STARTING, **of_model("StartedRun", "workflowRunId")),
    change("breaking", f"is new and required{RAISES}", STARTING, **of_model("StartedRun", "resumedFrom")),
    change("widened", "takes several values", ["listFailedRuns"], **parameter("workflowRunId")),
    change("added", "server https://qstash.upstash.example is new"),
    change("added", "is new", ["listFailedRuns"], **parameter("minPriority")),
    change("added", "is new", READING, **of_model("WorkflowDLQMessage", "priority")),
    change("added", "is new: POST /v2/workflows/dlq/archive/{dlqId}", ["archiveFailedRun"]),
    change("deprecated", "is deprecated", ["listFailedRuns"], **parameter("callerIp")),
    change("wording", "info.version changed from 2.0.0 to 9.0.0"),
    change("wording", "summary has other words", ["listFailedRuns"]),
    change("wording", "is documented by the vendor now", ["listFailedRuns"], **parameter("workflowUrl")),
    change("wording", "description has other words", ["listFailedRuns"], **parameter("workflowRunId")),
    change("wording", "is documented by the vendor now", ["resumeFailedRun"]),
]


@pytest.fixture(scope="module")
def updated_text() -> str:
    return spec_update.update(TODAY, CONFIG, [str(NEWER)]).spec


@pytest.fixture(scope="module")
def updated(updated_text: str) -> dict[str, Any]:
    return load(updated_text)


def test_each_change_is_in_its_class(update: Update) -> None:
    result = update(NEWER, "--json")
    assert result.status == 1
    report = result.json
    assert report["updated"] is report["breaking"] is True
    started_run = {"model": "StartedRun", "class": "wording"}  # our words for it, now the vendor's
    told = [change for change in report["changes"] if not started_run.items() <= change.items()]
    assert told == CHANGES
    assert report["counts"] == {"breaking": 4, "widened": 1, "added": 4, "deprecated": 1, "wording": 8}


def test_the_diff_of_the_files_says_what_the_update_said(
    update: Update, spec_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    said = update(NEWER, "--json").json
    old = tmp_path / "old.yaml"
    old.write_text(TODAY)
    assert spec_diff.main([str(old), str(spec_file), "--json"]) == 1
    report = Result(1, *capsys.readouterr()).json
    assert report == {key: said[key] for key in ("breaking", "counts", "changes")}


def test_the_terminal_says_it_in_sentences_worst_first(update: Update, spec_file: Path) -> None:
    lines = update(NEWER).out.splitlines()
    assert lines[:3] == [
        "Breaking (4)",
        "- server https://qstash.upstash.io is gone",
        "- deleteFailedRun: answer 404 is gone",
    ]
    assert "- listFailedRuns: query parameter workflowRunId takes several values" in lines
    assert "- listFailedRuns, getFailedRun: property WorkflowDLQMessage.priority is new" in lines
    assert lines[-1] == "openapi.yaml updated. Next: nox -s regenerate, then nox."
    # And once more: nothing is left to do.
    before = spec_file.read_bytes()
    again = update(NEWER, "--json")
    assert (again.status, again.json["updated"], again.json["changes"]) == (0, False, [])
    assert spec_file.read_bytes() == before


def test_only_what_is_about_our_paths_comes_along(updated: dict[str, Any]) -> None:
    assert set(updated["paths"]) == {*load(TODAY)["paths"], "/v2/workflows/dlq/archive/{dlqId}"}
    assert {"Broken", "RunReference"}.isdisjoint(updated["components"]["schemas"])
    assert {"ArchivedRun", "StartedRun", "StartedRuns"} < set(updated["components"]["schemas"])


def test_what_is_new_stands_where_the_source_has_it(updated: dict[str, Any]) -> None:
    names = [parameter["name"] for parameter in updated["paths"]["/v2/workflows/dlq"]["get"]["parameters"]]
    assert names[names.index("minPriority") - 1] == "workflowUrl"
    properties = list(updated["components"]["schemas"]["WorkflowDLQMessage"]["properties"])
    assert properties[properties.index("priority") + 1] == "createdAt"
    paths = list(updated["paths"])
    assert paths[paths.index("/v2/workflows/dlq/archive/{dlqId}") - 1] == "/v2/workflows/dlq/{dlqId}"


def test_new_text_is_taken_as_it_is_written(updated_text: str) -> None:
    source = NEWER.read_text()
    start = source.index("      summary: Archive Failed Workflow Run")
    block = source[start : source.index("  /v2/workflows/dlq/resume/{dlqId}:")]
    assert block in updated_text


def test_our_comments_stay_above_what_they_are_about(updated_text: str) -> None:
    def commented(text: str) -> list[tuple[str, str]]:
        lines = text.splitlines()
        return [(line, after) for line, after in itertools.pairwise(lines) if line.lstrip().startswith("#")]

    assert commented(updated_text) == commented(TODAY)
    assert len(commented(TODAY)) == 9


def test_additions_stay_until_the_source_has_them(updated: dict[str, Any]) -> None:
    parameters = {
        parameter["name"]: parameter for parameter in updated["paths"]["/v2/workflows/dlq"]["get"]["parameters"]
    }
    several = {"type": "array", "items": {"type": "string"}}
    marked = {name for name, parameter in parameters.items() if "x-addition" in parameter}
    assert marked == {"failureFunctionState", "callerIp", "flowControlKey"}
    assert parameters["callerIp"]["schema"] == parameters["workflowUrl"]["schema"] == several
    # The source's, beside our widening.
    assert parameters["callerIp"]["deprecated"] is True
    assert parameters["workflowUrl"]["description"] == "Filter by one or several workflow URLs."
    resume = updated["paths"]["/v2/workflows/dlq/resume/{dlqId}"]["post"]
    assert "x-addition" not in resume
    assert resume["description"] == "Resume a failed workflow run from the step that failed."
    assert "x-addition" in updated["paths"]["/v2/workflows/dlq/restart/{dlqId}"]["post"]
    assert "x-addition" not in updated["components"]["schemas"]["StartedRun"]


def test_operations_keep_their_names_and_new_ones_get_one(updated: dict[str, Any]) -> None:
    def names(spec: dict[str, Any]) -> list[str]:
        return [operation["operationId"] for item in spec["paths"].values() for operation in item.values()]

    assert set(names(updated)) == {*names(load(TODAY)), "archiveFailedRun"}


def test_the_real_spec_can_be_updated_from_itself(update: Update, spec_file: Path) -> None:
    real = ROOT / "openapi.yaml"
    spec_file.write_bytes(real.read_bytes())
    assert update(real).status == 0
    assert spec_file.read_bytes() == real.read_bytes()
