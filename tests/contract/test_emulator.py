"""Every answer of the emulator, held against the spec."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from conformance import undocumented_fields, validate
from upstash_workflow_dlq.emulator import Emulator, Settings, failed_runs, faults

LIST = "/v2/workflows/dlq"
# What the wrapper types although the schema lacks it: see FailedRun.
TYPED_BUT_UNDOCUMENTED = {
    *("messageId", "notBefore", "failureCallbackInfo", "failureCallbackHeader", "rate", "parallelism", "period"),
    "retryDelayExpression",
}


def ask(emulator: Emulator, method: str, path: str, **options: Any) -> httpx.Response:
    headers = {"Authorization": f"Bearer {emulator.token}"}
    return httpx.request(method, emulator.url + path, **{"headers": headers, **options})


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
        cursor, walked = "", 0
        while True:
            response = ask(emulator, "GET", f"{LIST}?count=60&cursor={cursor}")
            validate("listFailedRuns", response)
            walked += len(response.json()["messages"])
            cursor = response.json().get("cursor", "")
            if not cursor:
                break
        assert walked == 250


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


@pytest.mark.parametrize(
    ("operation_id", "method", "path"),
    [
        ("listFailedRuns", "GET", LIST),
        ("getFailedRun", "GET", f"{LIST}/1752829295505-0"),
        ("deleteFailedRun", "DELETE", f"{LIST}/1752829295505-0"),
    ],
)
def test_refusals_and_failures_are_as_the_spec_says(operation_id: str, method: str, path: str) -> None:
    with Emulator(runs=1) as emulator:
        refused = ask(emulator, method, path, headers={"Authorization": "Bearer wrong"})
        assert refused.status_code == 401
        validate(operation_id, refused)
        emulator.fail(faults.status(500))
        failed = ask(emulator, method, path)
        assert failed.status_code == 500
        validate(operation_id, failed)
        assert len(emulator.runs) == 1


def test_a_deleted_run_is_gone() -> None:
    with Emulator(runs=3) as emulator:
        path = f"{LIST}/1752829295505-0"
        assert [ask(emulator, method, path).status_code for method in ("GET", "DELETE", "GET", "DELETE")] == [
            *(200, 200, 404, 404)
        ]
        assert "1752829295505-0" not in ask(emulator, "GET", LIST).text
