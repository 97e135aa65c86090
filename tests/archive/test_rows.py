"""The short way to a row gives what the attributes of a run say, and is taken for the runs that there are."""

from __future__ import annotations

import json
from typing import Any

import hostile_runs as hostile
import pytest
from upstash_workflow_dlq import FailedRun
from upstash_workflow_dlq.archive import _rows
from upstash_workflow_dlq.archive._rows import Rows, key_of, row_of
from upstash_workflow_dlq.emulator import failed_runs

USUAL: dict[str, Any] = {
    "dlqId": "1790000000000-1",
    "workflowUrl": "https://a.example/api/workflow/billing?step=2",
    "workflowRunId": "wfr_1",
    "workflowCreatedAt": 1_789_999_999_123,
    "createdAt": 1_789_999_999_457,
    "responseStatus": 500,
    "responseBody": '{"error": "TimeoutError", "message": "order 17 took 3 s"}',
    "labels": ["billing", "email"],
    "callerIP": "192.0.2.1",
    "flowControlKey": "smtp",
    "failureFunctionState": "CALLBACK_FAIL",
}
ODD: list[Any] = [
    *(None, "", "x", "é", "\u202e", "\0", "\ud800", "x" * 2_001, "x" * 5_000, "1752829295505-0", "99-0"),
    *(0, 1, -1, 500, 500.0, 0.5, True, 2**53, 2**63, 2**64, 4_102_444_800_000, 4_294_967_296_000, 253_402_300_799_999),
    *([], ["a"], ["a", "a", ""], [7], [None], {}, {"state": "CALLBACK_SUCCESS"}, {"state": ""}, {"state": 7}),
    *('{"error": "E"}', '{"error": 7, "message": "m"}', "not JSON", "eyJlcnJvciI6ICJFIn0=", "%%%", "5"),
]
KEYS = [*USUAL, "label", "responseBodyBase64", "failureCallbackInfo"]


def assert_alike(rows: Rows, run: FailedRun) -> None:
    key = key_of(run)
    assert rows.of(run, key) == row_of(run, key)


@pytest.mark.parametrize("key", KEYS)
def test_odd_values_of_a_field(key: str) -> None:
    rows = Rows()
    for _ in range(2):  # the second time, of what is remembered
        for value in ODD:
            assert_alike(rows, FailedRun.from_json(json.dumps(USUAL | {key: value}).encode()))
            assert_alike(rows, FailedRun(USUAL | {key: value}))
            without = {name: each for name, each in USUAL.items() if name not in ("labels", "responseBody")}
            assert_alike(rows, FailedRun(without | {key: value}))


def test_runs_that_nobody_expects() -> None:
    rows = Rows()
    for run in hostile.RUNS * 2:
        assert_alike(rows, run)


def test_it_is_taken_for_usual_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    runs = [FailedRun(USUAL), *map(FailedRun, failed_runs(300))]
    expected = [row_of(run, key_of(run)) for run in runs]

    def row_of_odd(run: FailedRun, key: str) -> Any:
        raise AssertionError(f"{run} went the long way")

    monkeypatch.setattr(_rows, "row_of", row_of_odd)
    rows = Rows()
    assert [rows.of(run, key_of(run)) for run in runs * 2] == expected * 2


def test_what_is_remembered_has_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that memory does not grow with the queue."""
    monkeypatch.setattr(_rows, "MOST_SHARED", 10)
    rows, large = Rows(), "x" * _rows.MOST_BODY
    for number in range(50):
        assert_alike(rows, FailedRun(USUAL | {"responseBody": f"error {number}"}))
        assert_alike(rows, FailedRun(USUAL | {"responseBody": f"{large}{number}"}))
        assert_alike(rows, FailedRun(USUAL | {"responseBodyBase64": large, "responseBody": str(number)}))
        assert 0 < len(rows._shared) <= 10
    assert all(large not in key for key in rows._shared)
