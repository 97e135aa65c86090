"""What may be in a monitor's report, and what it says of types."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from specs import FIELD, LINE, TODAY, Result
from upstash_workflow_dlq.contract import _checks, _monitor

from tools.spec.drift_report import MAX_DRIFTS, MAX_LISTS, schema_of

Drift = Callable[..., Result]
Entries = Callable[..., Path]


@pytest.mark.parametrize(
    ("types", "schema"),
    [
        (["string"], {"type": "string"}),
        (["array of string"], {"type": "array", "items": {"type": "string"}}),
        (["array"], {"type": "array", "items": {}}),
        (["array", "array of string"], {"type": "array", "items": {"type": "string"}}),
        (["integer", "null"], {"anyOf": [{"type": "integer"}, {"type": "null"}]}),
        (
            ["array of (integer or null)"],
            {"type": "array", "items": {"anyOf": [{"type": "integer"}, {"type": "null"}]}},
        ),
        (["array of (array of string)"], {"type": "array", "items": {"type": "array", "items": {"type": "string"}}}),
        (
            ["array of (array of (integer or null) or array or null)"],
            {
                "type": "array",
                "items": {
                    "anyOf": [
                        {"type": "array", "items": {"anyOf": [{"type": "integer"}, {"type": "null"}]}},
                        {"type": "null"},
                    ]
                },
            },
        ),
        (["array of array"], {"type": "array", "items": {"type": "array", "items": {}}}),
        ([""], {}),  # a report of an older client, which did not say
    ],
)
def test_the_schema_of_what_was_seen(types: list[str], schema: dict[str, Any]) -> None:
    assert schema_of(types) == schema


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (None, "cannot be read (No such file or directory); pass what ContractMonitor.to_json() wrote"),
        ("{", "is not JSON"),
        ("[]", "has no list `drift`"),
        ('{"drift": []}', "says that no answer was checked"),
        ('{"checked": 0, "drift": []}', "says that no answer was checked"),
        ('{"checked": 1, "drift": [7]}', "entry 1 of the report's `drift` is none that a ContractMonitor writes: 7"),
        (
            json.dumps({"checked": 1, "drift": [{**LINE, "kind": "odd"}]}),
            "entry 1 of the report's `drift` is of the kind 'odd', which is none of undocumented_operation, ",
        ),
    ],
)
def test_a_report_that_cannot_be_used_is_two(
    drift: Drift, tmp_path: Path, spec_file: Path, content: str | None, complaint: str
) -> None:
    path = tmp_path / "report.json"
    if content is not None:
        path.write_text(content)
    told = drift(path, "--add")
    assert (told.status, told.out) == (2, "")
    assert complaint in told.error
    assert told.error.endswith("(openapi.yaml is untouched)")
    assert spec_file.read_text() == TODAY


@pytest.mark.parametrize(
    ("entry", "complaint"),
    [
        ({"status": 99}, "has the status 99, which is none from 100 to 599"),
        ({"status": 600}, "has the status 600, which"),
        ({"count": 0}, "counts 0 of 9 answers"),
        ({"count": 10}, "counts 10 of 9 answers"),
        ({"detail": "strin"}, "has the type 'strin', which no ContractMonitor writes"),
        ({"detail": "array of"}, "has the type 'array of', which"),
        ({"detail": "array of integer or null"}, "has the type 'array of integer or null', which"),
        ({"detail": "array of (integer or null"}, "has the type 'array of (integer or null', which"),
        ({"detail": "array of (" * 10_000}, "has the type 'array of (array"),
        ({"detail": "array of (" * 5 + "array of null" + ")" * 5}, "has the type 'array of (array"),
    ],
)
def test_an_entry_that_no_monitor_writes_is_named(
    drift: Drift, entries: Entries, entry: dict[str, object], complaint: str
) -> None:
    told = drift(entries(FIELD, {**FIELD, **entry}), "--add")
    assert (told.status, told.out) == (2, "")
    assert f"entry 2 of the report's `drift` {complaint}" in told.error


def test_a_report_has_as_many_entries_as_a_monitor_writes(drift: Drift, entries: Entries) -> None:
    most = [{**FIELD, "path": f"field{number}"} for number in range(MAX_DRIFTS)]
    assert drift(entries(*most), "--add").status == 0
    assert "has more than 1,000 entries" in drift(entries(*most, FIELD), "--add").error


def test_what_the_monitor_writes_can_be_read() -> None:
    assert (MAX_DRIFTS, MAX_LISTS) == (_monitor.MAX_DRIFTS, _checks.MAX_LISTS_SHOWN)
    value: list[object] = [[], [1, None], [[2.5, "a"]], [[[[[[True]]]]]], {}]
    shown = _checks._shown_type(value)
    kept = {"anyOf": [{"type": "integer"}, {"type": "null"}]}
    assert {"type": "array", "items": kept} in schema_of([shown])["items"]["anyOf"]


def test_a_report_of_another_spec_says_so(drift: Drift, entries: Entries, spec_file: Path) -> None:
    note = "the report was made with another spec than this openapi.yaml"
    digest = hashlib.sha256(spec_file.read_bytes()).hexdigest()
    assert drift(entries(spec={"sha256": digest}), "--json").json["notes"] == []
    assert drift(entries(spec=None), "--json").json["notes"] == []
    other = entries(spec={"sha256": "0" * 64})
    assert drift(other, "--json").json["notes"] == [note]
    assert drift(other, "--add").out.splitlines()[-4:] == ["Notes", f"- {note}", "", "Nothing to add."]
