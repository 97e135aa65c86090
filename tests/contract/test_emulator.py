"""Every answer of the emulator, checked against the spec."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from conformance import LIST, OPERATIONS, RECORDED, operation_ids, undocumented_fields, validate
from pairs import in_pairs
from upstash_workflow_dlq.emulator import Emulator, Settings, failed_runs, faults

pytestmark = pytest.mark.untraced

# What the wrapper types although the schema lacks it: see FailedRun.
TYPED_BUT_UNDOCUMENTED = {
    *("messageId", "notBefore", "failureCallbackInfo", "failureCallbackHeader", "rate", "parallelism", "period"),
    "retryDelayExpression",
}


def ask(emulator: Emulator, method: str, path: str, **options: Any) -> httpx.Response:
    headers = {"Authorization": f"Bearer {emulator.token}"}
    return httpx.request(method, emulator.url + path, **{"headers": headers, **options})


def walk(emulator: Emulator, operation_id: str, query: str) -> Iterator[dict[str, Any]]:
    """The answers up to the one without a cursor, each of them valid."""
    method, path = OPERATIONS[operation_id]
    cursor = ""
    while True:
        response = ask(emulator, method, f"{path}?{query}&cursor={cursor}").raise_for_status()
        validate(operation_id, response)
        yield response.json()
        cursor = response.json().get("cursor", "")
        if not cursor:
            return


@pytest.mark.parametrize(
    "query",
    [
        "",
        "count=7",
        "label=billing&label=email&count=100",
        "fromDate=0&toDate=1752829295505",
        "workflowUrl=https://my.app/workflow&workflowRunId=wfr_5XAx4IJergqkGK1v23VzR&callerIp=88.240.188.2",
        "failureFunctionState=CALLBACK_FAIL&flowControlKey=smtp&workflowCreatedAt=1752829293531",
        "label=nobody",
        "count=0",
        "count=many",
        "cursor=nonsense",
        "fromDate=yesterday",
    ],
)
def test_a_list_is_as_the_spec_says(query: str) -> None:
    with Emulator(runs=150) as emulator:
        response = ask(emulator, "GET", f"{LIST}?{query}")
        validate("listFailedRuns", response)
        if response.is_success:
            fields = undocumented_fields("listFailedRuns", response.json())
            assert fields <= {f"messages[].{name}" for name in TYPED_BUT_UNDOCUMENTED}


@pytest.mark.parametrize("ending", ["absent", "empty"])
def test_every_page_of_a_walk_is_as_the_spec_says(ending: Any) -> None:
    with Emulator(runs=250, settings=Settings(cursor_end=ending, empty_pages=2)) as emulator:
        pages = list(walk(emulator, "listFailedRuns", "count=60"))
        assert sum(len(page["messages"]) for page in pages) == 250


@pytest.mark.parametrize(("operation_id", "method"), [("getFailedRun", "GET"), ("deleteFailedRun", "DELETE")])
def test_a_single_run_is_as_the_spec_says_there_and_not_there(operation_id: str, method: str) -> None:
    with Emulator(runs=20) as emulator:
        for run in failed_runs(20):
            response = ask(emulator, method, f"{LIST}/{run['dlqId']}")
            assert response.status_code == 200
            validate(operation_id, response)
        missing = ask(emulator, method, f"{LIST}/1-0")
        assert missing.status_code == 404
        validate(operation_id, missing)


@pytest.mark.parametrize("operation_id", operation_ids())
def test_no_operation_is_left_out(operation_id: str) -> None:
    if operation_id not in OPERATIONS:
        pytest.xfail(f"the emulator has no {operation_id} yet")


def test_no_operation_is_gone() -> None:
    assert OPERATIONS.keys() <= set(operation_ids())


@pytest.mark.parametrize("operation_id", OPERATIONS)
def test_refusals_and_failures_are_as_the_spec_says(operation_id: str) -> None:
    method, path = OPERATIONS[operation_id]
    with Emulator(runs=1) as emulator:
        before = emulator.runs
        refused = ask(emulator, method, path, headers={"Authorization": "Bearer wrong"})
        assert refused.status_code == 401
        validate(operation_id, refused)
        emulator.fail(faults.status(500))
        failed = ask(emulator, method, path)
        assert failed.status_code == 500
        validate(operation_id, failed)
        assert emulator.runs == before
        assert emulator.started == []


@in_pairs(
    {
        "operation_id": ["deleteFailedRuns", "resumeFailedRuns", "restartFailedRuns"],
        "ending": ["absent", "empty"],
        "filters": ["", "label=billing&label=email", "dlqIds"],
    }
)
def test_every_batch_of_a_walk_is_as_the_spec_says(operation_id: str, ending: Any, filters: str) -> None:
    with Emulator(runs=150, settings=Settings(cursor_end=ending, empty_pages=2)) as emulator:
        by_ids = filters == "dlqIds"
        if by_ids:
            filters = "&".join(f"dlqIds={run['dlqId']}" for run in emulator.runs)
        batches = list(walk(emulator, operation_id, f"count=40&{filters}"))
        assert (len(batches) == 1) is by_ids
        assert all(undocumented_fields(operation_id, batch) == set() for batch in batches)


@pytest.mark.parametrize("operation_id", ["resumeFailedRun", "restartFailedRun", "retryFailureCallback"])
def test_a_started_run_is_as_the_spec_says(operation_id: str) -> None:
    method, path = OPERATIONS[operation_id]
    with Emulator(runs=1) as emulator:
        emulator.update(RECORDED, failureCallbackInfo={"state": "CALLBACK_FAIL"})
        response = ask(emulator, method, path)
        assert response.status_code == 200
        validate(operation_id, response)
        assert undocumented_fields(operation_id, response.json()) == set()


def test_a_canceled_callback_is_as_the_spec_says() -> None:
    with Emulator(runs=1) as emulator:
        emulator.update(RECORDED, failureCallbackInfo={"state": "CALLBACK_INPROGRESS"})
        response = ask(emulator, *OPERATIONS["cancelFailureCallback"])
        assert response.status_code == 302
        validate("cancelFailureCallback", response)


@pytest.mark.parametrize(
    ("operation_id", "query", "headers"),
    [
        ("deleteFailedRuns", "count=0", {}),
        ("deleteFailedRuns", "cursor=nonsense", {}),
        ("resumeFailedRuns", "fromDate=yesterday", {}),
        ("restartFailedRuns", "workflowCreatedAt=never", {}),
        ("resumeFailedRuns", "", {"Upstash-Retries": "many"}),
        ("restartFailedRuns", "", {"Upstash-Delay": "soon"}),
        ("resumeFailedRun", "", {"Upstash-Flow-Control-Value": "fast"}),
        ("restartFailedRun", "", {"Upstash-Retries": "-1"}),
        ("retryFailureCallback", "", {}),
        ("cancelFailureCallback", "", {}),
    ],
)
def test_a_bad_request_is_as_the_spec_says(operation_id: str, query: str, headers: dict[str, str]) -> None:
    method, path = OPERATIONS[operation_id]
    with Emulator(runs=1) as emulator:
        authorization = {"Authorization": f"Bearer {emulator.token}"}
        response = ask(emulator, method, f"{path}?{query}", headers={**authorization, **headers})
        assert response.status_code == 400
        validate(operation_id, response)
        assert len(emulator.runs) == 1


@pytest.mark.parametrize("operation_id", [name for name, (_, path) in OPERATIONS.items() if path != LIST])
def test_a_run_that_is_not_there_is_as_the_spec_says(operation_id: str) -> None:
    method, path = OPERATIONS[operation_id]
    with Emulator() as emulator:
        response = ask(emulator, method, path if RECORDED in path else f"{path}?dlqIds=1-0")
        assert response.status_code == 404
        validate(operation_id, response)


@pytest.mark.parametrize("operation_id", ["resumeFailedRun", "restartFailedRun"])
def test_a_started_run_is_gone(operation_id: str) -> None:
    with Emulator(runs=3) as emulator:
        assert ask(emulator, *OPERATIONS[operation_id]).status_code == 200
        for gone, (method, path) in OPERATIONS.items():
            if RECORDED in path:
                response = ask(emulator, method, path)
                assert response.status_code == 404
                validate(gone, response)
        assert len(emulator.started) == 1


@pytest.mark.parametrize("operation_id", ["resumeFailedRuns", "restartFailedRuns"])
@pytest.mark.parametrize(
    "overrides",
    [
        {},
        {
            "Upstash-Label": "night,again",
            "Upstash-Retries": "0",
            "Upstash-Retry-Delay": "1000",
            "Upstash-Flow-Control-Key": "night",
            "Upstash-Flow-Control-Value": "parallelism=3, rate=10, period=1m",
            "Upstash-Failure-Callback": "https://my.app/failed",
        },
    ],
    ids=["plain", "overridden"],
)
def test_runs_that_failed_again_are_as_the_spec_says(operation_id: str, overrides: dict[str, str]) -> None:
    method, path = OPERATIONS[operation_id]
    with Emulator(runs=150, refail=1, refail_after=0) as emulator:
        cursor = ""
        for _ in range(3):
            headers = {"Authorization": f"Bearer {emulator.token}", **overrides}
            response = ask(emulator, method, f"{path}?cursor={cursor}", headers=headers)
            validate(operation_id, response)
            cursor = response.json().get("cursor", "")
        again = [run for page in walk(emulator, "listFailedRuns", "") for run in page["messages"]]
        assert {run["workflowRunId"] for run in again} == {run.workflow_run_id for run in emulator.started}
        assert len(again) == 150
        fields = undocumented_fields("listFailedRuns", {"messages": again})
        assert fields <= {f"messages[].{name}" for name in TYPED_BUT_UNDOCUMENTED}
        response = ask(emulator, "GET", f"{LIST}/{again[0]['dlqId']}")
        validate("getFailedRun", response)
        assert response.json() == again[0]


def test_a_deleted_run_is_gone() -> None:
    with Emulator(runs=3) as emulator:
        path = f"{LIST}/1752829295505-0"
        assert [ask(emulator, method, path).status_code for method in ("GET", "DELETE", "GET", "DELETE")] == [
            *(200, 200, 404, 404)
        ]
        assert "1752829295505-0" not in ask(emulator, "GET", LIST).text
