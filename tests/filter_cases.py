"""Which of a few runs match which filters: for `matches`, for the emulator, and for an archive."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from upstash_workflow_dlq import FailedRun
from upstash_workflow_dlq.triage import fingerprint

AT = 1_790_000_000_000


def _run(number: int, **fields: Any) -> dict[str, Any]:
    return {"dlqId": f"{AT + number * 1000}-{number}", "createdAt": AT + number * 1000 - 7, **fields}


RUNS = [
    _run(
        1,
        label="billing",
        workflowUrl="https://a.example/one",
        workflowRunId="wfr_1",
        workflowCreatedAt=AT,
        callerIP="192.0.2.1",
        flowControlKey="smtp",
        responseStatus=500,
        failureCallbackInfo={"state": "CALLBACK_FAIL"},
        responseBody='{"error": "FetchError", "message": "Timed out after 17 ms"}',
    ),
    _run(
        2,
        labels=["billing", "email"],
        workflowUrl="https://a.example/two",
        workflowRunId="wfr_12",
        workflowCreatedAt=AT + 1,
        callerIP="192.0.2.2",
        flowControlKey="smtp",
        responseStatus=502,
        failureFunctionState="CALLBACK_SUCCESS",
        responseBody='{"error": "FetchError", "message": "refused"}',
    ),
    _run(
        3,
        labels=["email"],
        workflowUrl="https://a.example/one",
        responseStatus=489,
        responseBody='{"error": "FetchError", "message": "Timed out after 18 ms"}',
    ),
    _run(4, labels=[], label=None, workflowUrl=None, responseStatus=None),
    # Of the wrong types: they match nothing, and spoil nothing.
    _run(5, labels=7, workflowUrl=[], workflowRunId={}, workflowCreatedAt="x", callerIP=1, responseStatus="500"),
]

Case = tuple[dict[str, Any], set[int]]

# Filters of the service: what it sends, by the numbers of the runs.
OF_THE_SERVICE: list[Case] = [
    ({}, {1, 2, 3, 4, 5}),
    ({"label": "billing"}, {1, 2}),
    ({"label": "email"}, {2, 3}),
    ({"label": ["email", "nothing"]}, {2, 3}),
    ({"label": ["billing", "email"]}, {1, 2, 3}),
    ({"label": "bill"}, set()),
    ({"label": "Billing"}, set()),
    ({"workflow_url": "https://a.example/one"}, {1, 3}),
    ({"workflow_url": "https://a.example/o"}, set()),
    ({"workflow_url": ["https://a.example/one", "https://a.example/two"]}, {1, 2, 3}),
    ({"workflow_run_id": "wfr_1"}, {1}),
    ({"workflow_created_at": AT}, {1}),
    ({"workflow_created_at": datetime.fromtimestamp(AT / 1000, UTC)}, {1}),
    ({"failure_function_state": "CALLBACK_FAIL"}, {1}),
    ({"failure_function_state": "CALLBACK_SUCCESS"}, {2}),
    ({"failure_function_state": ["CALLBACK_FAIL", "CALLBACK_SUCCESS"]}, {1, 2}),
    ({"caller_ip": "192.0.2.1"}, {1}),
    ({"caller_ip": "1"}, set()),
    ({"flow_control_key": "smtp"}, {1, 2}),
    ({"response_status": 500}, {1}),
    ({"response_status": [500, 489]}, {1, 3}),
    ({"from_date": AT + 3000}, {3, 4, 5}),
    ({"to_date": AT + 2000}, {1, 2}),
    ({"from_date": AT + 2000, "to_date": AT + 3000}, {2, 3}),
    ({"from_date": AT + 2001, "to_date": AT + 2999}, set()),
    ({"label": "billing", "response_status": 502}, {2}),
    ({"label": "billing", "workflow_url": "https://a.example/one", "from_date": AT}, {1}),
    ({"label": None, "response_status": None}, {1, 2, 3, 4, 5}),
]

# And what nobody but this side knows.
OF_THIS_SIDE: list[Case] = [
    ({"failure": "FetchError"}, {1, 2, 3}),
    ({"failure": "fetcherror"}, set()),
    ({"failure": ["no response", "HTTP 500"]}, {4}),
    ({"contains": "TIMED OUT"}, {1, 3}),
    ({"contains": "refused", "label": "email"}, {2}),
    ({"fingerprint": fingerprint(FailedRun(RUNS[0]))}, {1, 3}),
    ({"fingerprint": [fingerprint(FailedRun(run)) for run in RUNS[1:3]]}, {1, 2, 3}),
    ({"failure": "FetchError", "contains": "ms", "response_status": 489}, {3}),
]

# What is refused, and the beginning of why.
REFUSED: list[tuple[dict[str, Any], type[Exception], str]] = [
    ({"label": ""}, ValueError, "label is empty"),
    ({"label": []}, ValueError, "label has no values"),
    ({"from_date": 2_000_000_000}, ValueError, "from_date 2000000000 looks like Unix seconds"),
    ({"from_date": AT + 1, "to_date": AT}, ValueError, "from_date is after to_date"),
    ({"lable": "a"}, TypeError, "there is no filter 'lable'; did you mean label"),
    ({"failure": ""}, ValueError, "failure is empty"),
    ({"failure": []}, ValueError, "failure is empty"),
    ({"failure": 1}, TypeError, "failure takes a string or several, not int"),
    ({"contains": " "}, ValueError, "contains is empty"),
    ({"contains": b"a"}, TypeError, "contains takes strings, not bytes"),
    ({"fingerprint": [1]}, TypeError, "fingerprint takes strings, not int"),
]


def number_of(run: FailedRun) -> int:
    assert run.dlq_id is not None
    return int(run.dlq_id.partition("-")[2])
