"""Which places of the spec a monitor's report is about, and what is never added there."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from specs import FIELD, LINE, TODAY, Result, load

from tools.spec import drift as spec_drift

Drift = Callable[..., Result]
Entries = Callable[..., Path]

STATUS = {**LINE, "kind": "undocumented_status", "status": 418}


def messages(told: Result) -> list[tuple[list[str], str]]:
    return [(change["operations"], change["message"]) for change in told.json["changes"]]


def test_a_status_is_added_to_each_operation_that_has_it(drift: Drift, entries: Entries, spec_file: Path) -> None:
    counts = {"getFailedRun": 1, "listFailedRuns": 2}
    told = drift(
        entries(*({**STATUS, "operation": name, "count": count} for name, count in counts.items())), "--add", "--json"
    )
    evidence = {name: f"in answers: {count} of {name}; 9 checked" for name, count in counts.items()}
    assert messages(told) == [([name], f"is new ({shown})") for name, shown in evidence.items()]
    assert told.json["added"] == ["getFailedRun: answer 418", "listFailedRuns: answer 418"]
    paths = load(spec_file.read_text())["paths"]
    for name, path in {"getFailedRun": "/v2/workflows/dlq/{dlqId}", "listFailedRuns": "/v2/workflows/dlq"}.items():
        added = paths[path]["get"]["responses"]["418"]["x-addition"]
        assert added == f"Seen {evidence[name]}; not in the vendored pages."


def test_a_field_of_answers_without_a_name_is_added_to_each(drift: Drift, entries: Entries, spec_file: Path) -> None:
    nameless = "      x-addition: In the vendor's SDKs and operation list; not in the vendored pages.\n"
    text = spec_file.read_text()
    of_deletion = "$ref: '#/components/schemas/DeletedRuns'"
    assert nameless in text
    spec_file.write_text(text.replace(of_deletion, "{type: object, properties: {cursor: {type: string}}}"))
    total = {**FIELD, "path": "total"}
    told = drift(
        entries({**total, "operation": "listFailedRuns"}, {**total, "operation": "deleteFailedRuns"}), "--add", "--json"
    )
    assert told.json["added"] == [
        "listFailedRuns: answer 200, property total",
        "deleteFailedRuns: answer 200, property total",
    ]
    item = load(spec_file.read_text())["paths"]["/v2/workflows/dlq"]
    for method, name in {"get": "listFailedRuns", "delete": "deleteFailedRuns"}.items():
        schema = item[method]["responses"]["200"]["content"]["application/json"]["schema"]
        assert f"1 of {name}; 9 checked" in schema["properties"]["total"]["x-addition"]


def test_operations_that_are_not_in_the_spec_are_told_one_by_one(drift: Drift, entries: Entries) -> None:
    other = {**LINE, "operation": "PUT /v2/workflows/dlq/*", "count": 2}
    told = drift(entries(LINE, {**LINE, "status": 404}, other), "--json")
    assert messages(told) == [
        (["POST /v2/workflows/dlq/*"], "is not in the spec (in answers: 2 of POST /v2/workflows/dlq/*; 9 checked)"),
        (["PUT /v2/workflows/dlq/*"], "is not in the spec (in answers: 2 of PUT /v2/workflows/dlq/*; 9 checked)"),
    ]


CLIPPED = "responseHeader." + "a" * 184 + "…"


@pytest.mark.parametrize(
    "path",
    [
        *(CLIPPED, "header.*…", '"half…', "a b", "a..b", ".a", "a.", "a[0]", "[]a", '"\\x"', '"a\nb"', "***"),
        # Whole, but not in this spec, or no field.
        *("gone.priority", "messages[].priority", "header.*", "[]", "header.*.a", ""),
    ],
)
def test_a_path_that_does_not_fit_is_shown_as_it_is_and_not_added(
    drift: Drift, entries: Entries, spec_file: Path, path: str
) -> None:
    told = drift(entries({**FIELD, "path": path}), "--add", "--json")
    [change] = told.json["changes"]
    assert (change["property"] or "", told.json["added"]) == (path, [])
    assert len(told.json["left"]) == 1
    assert spec_file.read_text() == TODAY


@pytest.mark.parametrize(
    "name", ['"a b"', '"\\u00e9"', '"a\\nb"', '"\\ud83d"', '""', "a" * 101, '"a/b"', "max_retries", "DLQId", "_", "-"]
)
def test_a_name_that_is_unusual_is_left_to_a_person(drift: Drift, entries: Entries, spec_file: Path, name: str) -> None:
    told = drift(entries({**FIELD, "path": name}), "--add", "--json")
    assert (told.status, told.json["added"]) == (0, [])
    assert told.json["left"] == [f"getFailedRun: property WorkflowDLQMessage.{name}"]
    assert spec_file.read_text() == TODAY


def test_names_that_the_models_use_themselves_may_be_added(
    entries: Entries, spec_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The client is generated and used, as in earnest."""
    names = ["to_dict", "from_dict", "additional_properties", "additional_keys", "d", "cls", "self", "class", "None"]
    names += ["$ref", "@type", '"a.b"', "1", "x-addition", "properties", "UNSET", "json", "Any", "datetime"]
    types = ["integer", "null", "array", "array of (array of (integer or null) or array or object)"]
    report = entries(*({**FIELD, "path": name, "detail": detail} for name in names for detail in types))
    assert spec_drift.main(["--spec", str(spec_file), str(report), "--add"]) == 0, capsys.readouterr().err
    properties = load(spec_file.read_text())["components"]["schemas"]["WorkflowDLQMessage"]["properties"]
    assert {name.strip('"') for name in names} <= set(properties)


@pytest.mark.parametrize(
    ("responses", "entry"),
    [
        ({"200": {}, "default": {}}, {**STATUS, "operation": "get"}),
        ({"200": {}, "4XX": {}}, {**STATUS, "operation": "get"}),
        ({"200": {}, "418": {}}, {**STATUS, "operation": "get"}),
        ({}, {**LINE, "operation": "DELETE /v2/workflows/dlq/*"}),
        ({}, {**LINE, "operation": "DELETE /*/v2/workflows/dlq/*"}),
        ({}, {**LINE, "operation": "POST /v2/workflows/dlq/resume"}),
        ({"2XX": {"$ref": "#/components/responses/Run"}}, {**FIELD, "operation": "get", "path": "priority"}),
        ({"2XX": {"$ref": "#/components/responses/Run"}}, {**FIELD, "operation": "get", "path": "runs[].priority"}),
    ],
)
def test_what_the_spec_has_by_now_is_dropped(
    drift: Drift, entries: Entries, spec_file: Path, responses: dict[str, Any], entry: dict[str, Any]
) -> None:
    spec_file.write_text(SMALL.replace("RESPONSES", str(responses).replace("{}", "{'description': Fine}")))
    told = drift(entries(entry), "--json")
    assert (told.status, told.json["changes"]) == (0, []), told.err


SMALL = """openapi: 3.1.0
info: {title: t, version: '1'}
paths:
  /v2/workflows/dlq/{dlqId}:
    parameters: [{in: path, name: dlqId, required: true, schema: {type: string}}]
    get:
      operationId: get
      responses: RESPONSES
    delete:
      operationId: delete
      responses: {'200': {description: Fine}}
  /v2/workflows/dlq/resume:
    post:
      responses: {'200': {description: Fine}}
components:
  responses:
    Run:
      description: Fine
      content:
        application/json:
          schema:
            allOf:
            - type: object
              properties: {dlqId: {type: string}, runs: {type: array, items: {$ref: '#/components/schemas/Run'}}}
            - properties: {priority: {type: integer}}
  schemas:
    Run:
      allOf:
      - properties: {dlqId: {type: string}}
      - allOf: [properties: {priority: {type: integer}}]
"""


def test_an_answer_that_operations_share_has_what_is_added_once(
    drift: Drift, entries: Entries, spec_file: Path
) -> None:
    shared = "{'200': {$ref: '#/components/responses/Run'}}"
    text = SMALL.replace("RESPONSES", shared).replace("{'200': {description: Fine}}", shared, 1)
    spec_file.write_text(text)
    total = {**FIELD, "path": "total"}
    told = drift(entries({**total, "operation": "get"}, {**total, "operation": "delete"}), "--json")
    assert messages(told) == [(["get", "delete"], "is new: integer (in answers: 1 of get, 1 of delete; 9 checked)")]


def test_of_two_names_that_would_be_one_the_first_is_added(drift: Drift, entries: Entries) -> None:
    told = drift(entries({**FIELD, "path": "runKey"}, {**FIELD, "path": "run_key"}), "--add", "--json")
    assert told.json["added"] == ["getFailedRun: property WorkflowDLQMessage.runKey"]
    assert told.json["left"] == ["getFailedRun: property WorkflowDLQMessage.run_key"]


def test_a_comment_that_an_addition_drops_is_told(drift: Drift, entries: Entries, spec_file: Path) -> None:
    item = "            - type: object\n"
    text = SMALL.replace("RESPONSES", "{'200': {$ref: '#/components/responses/Run'}}")
    spec_file.write_text(text.replace(item, f"            # Of a run.\n{item}"))
    told = drift(entries({**FIELD, "operation": "get", "path": "total"}), "--add")
    note = "- dropped a comment, since what it is about is gone: # Of a run."
    assert told.out.splitlines()[3:6] == ["Notes", note, ""], told.err
