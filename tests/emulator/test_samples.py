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
from upstash_workflow_dlq.triage import fingerprint


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


def is_first(run: FailedRun) -> bool:
    return run.headers["Upstash-Workflow-Init"] == "true"


def test_bodies_are_inputs_at_the_first_step_and_hold_steps_later(runs: list[dict[str, Any]]) -> None:
    read = [FailedRun(run) for run in runs[1:]]
    whole = [run for run in read if run.body is not None and "body" not in run.redacted]
    for run in whole:
        if is_first(run):
            assert (run.initial_payload, run.steps) == (run.body, ())
        else:
            assert run.initial_payload not in (None, run.body)
            assert run.headers["Content-Type"] == "application/json"
    assert {is_first(run) for run in whole} == {True, False}
    done = [run.steps for run in whole if not is_first(run)]
    assert {len(steps) for steps in done} >= {0, 1, 2, 3, 4}
    assert any(step.is_plan for steps in done for step in steps)
    assert {step.type for steps in done for step in steps} == {"Run", "SleepFor", "Call"}
    assert any(step.output == {"found": True, "rows": 3} for steps in done for step in steps)


def test_a_plan_comes_before_the_result_of_its_step(runs: list[dict[str, Any]]) -> None:
    for run in runs:
        names: set[tuple[str, bool]] = set()
        for step in FailedRun(run).steps:
            assert (step.name, step.is_plan) not in names
            assert not step.is_plan or (step.id, step.output) == (0, None)
            assert not step.is_plan or (step.name, False) not in names
            names.add((step.name, step.is_plan))


def test_some_bodies_were_left_out_and_some_values_are_redacted(runs: list[dict[str, Any]]) -> None:
    read = [FailedRun(run) for run in runs]
    assert 10 < sum(run.body is None for run in read) < 100
    assert {place for run in read for place in run.redacted} == {"body", "headers.X-Customer-Token"}
    assert all(run.initial_payload is None for run in read if "body" in run.redacted)


def test_some_errors_have_a_stack_which_begins_with_the_failure(runs: list[dict[str, Any]]) -> None:
    read = [FailedRun(run) for run in runs]
    stacks = [(run.stack, str(run.failure)) for run in read if run.stack is not None]
    assert {failure.partition(":")[0] for _, failure in stacks} == {"Error", "TypeError"}
    for stack, failure in stacks:
        assert stack.splitlines()[0] == failure
        assert len(stack.splitlines()) == 3


def test_failures_that_differ_in_numbers_alone_are_one_group(runs: list[dict[str, Any]]) -> None:
    lost = [run for run in map(FailedRun, runs) if run.failure.message.startswith("connection to db-")]
    assert len({run.failure for run in lost}) > 1
    assert len({fingerprint(run) for run in lost}) == len({run.workflow_url for run in lost})
