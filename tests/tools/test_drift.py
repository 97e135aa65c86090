"""What a monitor saw, in the words of spec_diff, and as additions to openapi.yaml."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from conftest import TOKEN
from fakes import Answer, Wire
from specs import CONFIG, LINE, TODAY, Result, load
from upstash_workflow_dlq import DLQClient, DLQError
from upstash_workflow_dlq.contract import ContractMonitor

from tools.spec import drift as spec_drift
from tools.spec import update as spec_update
from tools.spec.document import canonical

Drift = Callable[..., Result]
Entries = Callable[..., Path]

RUN = {"dlqId": "1", "priority": 7, "tags": ["a"], "maxRetries": "3"}


@pytest.fixture
def report(tmp_path: Path) -> Callable[..., Path]:
    """The report of a monitor that saw these answers to `get`."""

    def write(*answers: Answer) -> Path:
        spec = tmp_path / "monitored.yaml"
        spec.write_text(TODAY)
        monitor = ContractMonitor(spec=spec)
        with DLQClient(TOKEN, transport=Wire(*answers), retry=None) as client, monitor.watching(client):
            for _ in answers:
                try:
                    client.get("1")
                except DLQError:
                    continue
        path = tmp_path / "report.json"
        path.write_text(monitor.to_json())
        return path

    return write


def test_it_is_said_as_spec_diff_says_it(drift: Drift, report: Callable[..., Path], spec_file: Path) -> None:
    path = report(RUN, {"dlqId": "1", "priority": 8}, httpx.Response(418, json={"error": "tea"}))
    told = drift(path, "--json")
    assert told.status == 1  # maxRetries is a string
    nowhere = dict.fromkeys(["direction", "status", "in", "parameter", "model", "property"])
    of_a_run = {**nowhere, "direction": "response", "model": "WorkflowDLQMessage"}
    once, twice = (f"(in answers: {count} of getFailedRun; 3 checked)" for count in (1, 2))
    assert told.json["changes"] == [
        {
            "class": "breaking",
            "operations": ["getFailedRun"],
            **of_a_run,
            "property": "maxRetries",
            "message": f"has another type: string instead of integer {once}",
        },
        {
            "class": "added",
            "operations": ["getFailedRun"],
            **of_a_run,
            "property": "priority",
            "message": f"is new: integer {twice}",
        },
        {
            "class": "added",
            "operations": ["getFailedRun"],
            **of_a_run,
            "property": "tags",
            "message": f"is new: array of string {once}",
        },
        {
            "class": "added",
            "operations": ["getFailedRun"],
            **nowhere,
            "direction": "response",
            "status": "418",
            "message": f"is new {once}",
        },
    ]
    assert spec_file.read_text() == TODAY


def test_it_can_be_read(drift: Drift, report: Callable[..., Path]) -> None:
    assert drift(report({"dlqId": "1", "priority": 7})).out.splitlines() == [
        "Added (1)",
        "- getFailedRun: property WorkflowDLQMessage.priority is new: integer "
        "(in answers: 1 of getFailedRun; 1 checked)",
        "",
        "To add what is new to openapi.yaml, pass --add.",
    ]
    assert drift(report({"dlqId": "1"})).out == "The answers are as openapi.yaml says.\n"


def test_what_is_new_becomes_an_addition_with_its_evidence(
    drift: Drift, report: Callable[..., Path], spec_file: Path
) -> None:
    result = drift(report(RUN, {"dlqId": "1", "priority": 8}, httpx.Response(418, json={})), "--add")
    assert result.status == 1
    assert result.out.splitlines()[-3:] == [
        "openapi.yaml updated; added: getFailedRun: property WorkflowDLQMessage.priority; "
        "getFailedRun: property WorkflowDLQMessage.tags; getFailedRun: answer 418.",
        "",
        "Next: nox -s regenerate, then nox.",
    ]
    after, before = load(spec_file.read_text()), load(TODAY)
    properties = after["components"]["schemas"]["WorkflowDLQMessage"]["properties"]
    once, twice = (
        f"Seen in answers: {count} of getFailedRun; 3 checked; not in the vendored pages." for count in (1, 2)
    )
    assert properties.pop("priority") == {"type": "integer", "x-addition": twice}
    assert properties.pop("tags") == {
        "type": "array",
        "items": {"type": "string"},
        "x-addition": once,
    }
    answers = after["paths"]["/v2/workflows/dlq/{dlqId}"]["get"]["responses"]
    assert answers.pop("418") == {
        "x-addition": once,
        "description": "Seen from the service; the vendor says nothing of it.",
    }
    assert canonical(after) == canonical(before)
    # Nothing else in the file has changed, comments included.
    lines = iter(spec_file.read_text().splitlines())
    assert all(line in lines for line in TODAY.splitlines())


def test_the_second_time_nothing_is_left_to_add(drift: Drift, report: Callable[..., Path], spec_file: Path) -> None:
    path = report({"dlqId": "1", "priority": 7})
    assert drift(path, "--add").status == 0
    before = spec_file.read_bytes()
    assert drift(path, "--add").out.splitlines()[-1] == "Nothing to add."
    assert spec_file.read_bytes() == before


def test_a_report_that_cannot_be_printed_is_not_said_to_have_changed_nothing(
    report: Callable[..., Path], spec_file: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Full(io.StringIO):
        def write(self, text: str) -> int:
            raise OSError(28, "No space left on device")

    path = report({"dlqId": "1", "priority": 7})
    monkeypatch.setattr(sys, "stdout", Full())
    arguments = ["--spec", str(spec_file), str(path), "--add"]
    assert spec_drift.main(arguments, check=lambda spec, config: None) == 0
    assert capsys.readouterr().err == "drift: the report cannot be printed (No space left on device)\n"
    assert "priority" in spec_file.read_text()


def test_an_update_keeps_an_addition_until_the_source_has_it(
    drift: Drift, report: Callable[..., Path], spec_file: Path, tmp_path: Path
) -> None:
    drift(report({"dlqId": "1", "priority": 7}), "--add")
    added = spec_file.read_text()
    source = tmp_path / "source.yaml"
    source.write_text(TODAY)
    kept = spec_update.update(added, CONFIG, [str(source)])
    assert kept.spec == added
    documented = added.replace("Seen in answers: 1 of getFailedRun; 1 checked; not in the vendored pages.", "x")
    source.write_text(documented.replace("x-addition: x", "description: How urgent it is."))
    told = spec_update.update(added, CONFIG, [str(source)])
    assert [str(change) for change in told.changes] == [
        "listFailedRuns, getFailedRun: property WorkflowDLQMessage.priority is documented by the vendor now"
    ]


def test_an_update_keeps_an_addition_to_what_was_ours_alone(drift: Drift, tmp_path: Path, spec_file: Path) -> None:
    lines = [
        {**LINE, "kind": "undocumented_field", "operation": "deleteFailedRuns", "path": "deleted2", "detail": "null"},
        {**LINE, "kind": "undocumented_status", "operation": "deleteFailedRuns", "status": 418},
    ]
    path = tmp_path / "report.json"
    path.write_text(json.dumps({"checked": 1, "drift": lines}))
    drift(path, "--add")
    source = tmp_path / "source.yaml"
    ours = "      x-addition: In the vendor's SDKs and operation list; not in the vendored pages.\n"
    how_many = "How many failed runs this call deleted."
    source.write_text(TODAY.replace(ours, "").replace(how_many, "Theirs."))
    after = load(spec_update.update(spec_file.read_text(), CONFIG, [str(source)]).spec)
    operation, deleted = after["paths"]["/v2/workflows/dlq"]["delete"], after["components"]["schemas"]["DeletedRuns"]
    assert "x-addition" not in {*operation, *deleted}
    assert "x-addition" in operation["responses"]["418"]
    assert list(deleted["properties"]) == ["cursor", "deleted", "deleted2"]
    assert deleted["properties"]["deleted"]["description"] == "Theirs."
    assert "x-addition" in deleted["properties"]["deleted2"]


def test_what_several_operations_answer_with_is_one_place(drift: Drift, tmp_path: Path, spec_file: Path) -> None:
    lines = [
        {**LINE, "kind": "undocumented_field", "operation": name, "path": path, "detail": "integer", "count": count}
        for name, path, count in [("getFailedRun", "priority", 1), ("listFailedRuns", "messages[].priority", 3)]
    ]
    path = tmp_path / "report.json"
    path.write_text(json.dumps({"checked": 5, "drift": lines}))
    assert drift(path, "--add").out.splitlines()[1:] == [
        "- getFailedRun, listFailedRuns: property WorkflowDLQMessage.priority is new: integer "
        "(in answers: 1 of getFailedRun, 3 of listFailedRuns; 5 checked)",
        "",
        "openapi.yaml updated; added: getFailedRun, listFailedRuns: property WorkflowDLQMessage.priority.",
        "",
        "Next: nox -s regenerate, then nox.",
    ]


def test_a_field_of_two_types_is_one_addition(drift: Drift, report: Callable[..., Path], spec_file: Path) -> None:
    drift(report({"dlqId": "1", "priority": 7}, {"dlqId": "1", "priority": None}), "--add")
    added = load(spec_file.read_text())["components"]["schemas"]["WorkflowDLQMessage"]["properties"]["priority"]
    assert added["anyOf"] == [{"type": "integer"}, {"type": "null"}]


def test_what_an_answer_cannot_tell_is_left_to_a_person(drift: Drift, tmp_path: Path) -> None:
    path = tmp_path / "report.json"
    path.write_text(json.dumps({"checked": 1, "drift": [LINE]}))
    told = drift(path, "--add")
    assert told.status == 0
    assert told.out.splitlines()[-4:] == [
        "Not added: write these by hand",
        "- POST /v2/workflows/dlq/*",
        "",
        "Nothing to add.",
    ]
