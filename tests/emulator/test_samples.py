"""The sample runs."""

import base64
import json
from typing import Any

import pytest
from conformance import answer, validate
from openapi import message_properties
from upstash_workflow_dlq import FailedRun
from upstash_workflow_dlq.emulator import failed_runs
from upstash_workflow_dlq.emulator.samples import NEWEST, recorded_run


@pytest.fixture(scope="module")
def runs() -> list[dict[str, Any]]:
    return failed_runs(500)


def moment(run: dict[str, Any]) -> int:
    return int(run["dlqId"].split("-")[0])


def test_every_run_is_valid_by_the_spec(runs: list[dict[str, Any]]) -> None:
    for run in runs:
        validate("getFailedRun", answer("getFailedRun", run))


@pytest.mark.parametrize("name", message_properties())
def test_every_field_of_the_schema_is_in_some_run(runs: list[dict[str, Any]], name: str) -> None:
    if name not in FailedRun._KNOWN:
        pytest.xfail(f"no sample run has {name} yet")
    assert any(name in run for run in runs)


def test_the_recorded_run_is_the_newest_one(runs: list[dict[str, Any]]) -> None:
    assert failed_runs(1) == [recorded_run()]
    assert runs[0] == recorded_run()
    assert moment(runs[0]) == NEWEST


def test_every_start_gives_the_same_bytes(runs: list[dict[str, Any]]) -> None:
    assert json.dumps(failed_runs(500)) == json.dumps(runs)


def test_fewer_runs_are_the_beginning_of_more(runs: list[dict[str, Any]]) -> None:
    assert failed_runs(20) == runs[:20]


def test_ids_are_unique_and_descending(runs: list[dict[str, Any]]) -> None:
    places = [tuple(int(part) for part in run["dlqId"].split("-")) for run in runs]
    assert len(set(places)) == 500
    assert places == sorted(places, reverse=True)


def test_runs_can_be_moved_in_time(runs: list[dict[str, Any]]) -> None:
    later = 86_400_000
    moved = failed_runs(500, newest=NEWEST + later)
    times = ("dlqId", "notBefore", "createdAt", "workflowCreatedAt")
    for before, after in zip(runs, moved, strict=True):
        assert moment(after) - moment(before) == later
        assert after["dlqId"].split("-")[1] == before["dlqId"].split("-")[1]
        assert [after[name] - before[name] for name in times[1:]] == [later] * 3
        assert {**after, **{name: before[name] for name in times}} == before


@pytest.mark.parametrize("count", [0, -1])
def test_no_runs_are_none_and_less_is_refused(count: int) -> None:
    if count == 0:
        assert failed_runs(0) == []
    else:
        with pytest.raises(ValueError, match="-1"):
            failed_runs(count)


def test_no_time_lies_after_the_entry_into_the_queue(runs: list[dict[str, Any]]) -> None:
    for run in runs:
        assert run["workflowCreatedAt"] < run["createdAt"] < moment(run)


def test_they_cover_what_real_queues_hold(runs: list[dict[str, Any]]) -> None:
    assert len({run["workflowUrl"] for run in runs}) >= 5
    assert {run.get("responseStatus") for run in runs} == {None, 200, 429, 489, 500, 502, 504} - {200}
    assert {run["failureCallbackInfo"]["state"] for run in runs if "failureCallbackInfo" in run} == {
        "CALLBACK_INPROGRESS",
        "CALLBACK_SUCCESS",
        "CALLBACK_FAIL",
        "CALLBACK_CANCELED",
    }
    assert {("label" in run, "labels" in run) for run in runs} == {(a, b) for a in (True, False) for b in (True, False)}
    assert {"flowControlKey", "rate", "parallelism", "period", "failureCallbackHeader", "retryDelayExpression"} <= {
        name for run in runs for name in run
    }
    assert any("Zoë" in run.get("responseBody", "") for run in runs)


@pytest.mark.parametrize("field", ["body", "responseBody"])
def test_only_bodies_that_are_not_utf_8_are_base64(runs: list[dict[str, Any]], field: str) -> None:
    encoded = [run[f"{field}Base64"] for run in runs if f"{field}Base64" in run]
    assert encoded
    for text in encoded:
        content = base64.b64decode(text, validate=True)
        with pytest.raises(UnicodeDecodeError):
            content.decode()
    assert not any(field in run and f"{field}Base64" in run for run in runs)


def test_the_recorded_page_is_the_vendors(recorded_page: dict[str, Any]) -> None:
    assert recorded_page["cursor"] == "1752570296426-0"
    assert recorded_page["messages"] == [recorded_run()]
