"""Sends the emulator requests that the spec allows: it answers each as the spec allows, and never crashes."""

from __future__ import annotations

import os

import pytest
from conformance import CHECKS, OPERATIONS, cases, operation_ids
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from upstash_workflow_dlq.emulator import Emulator, failed_runs

pytestmark = pytest.mark.untraced

RUNS = [
    {"dlqId": "1-0", "failureFunctionState": "CALLBACK_FAIL"},
    {"dlqId": "2-0", "failureFunctionState": "CALLBACK_INPROGRESS"},
    *failed_runs(10),
]


@pytest.mark.parametrize("operation_id", operation_ids())
def test_any_valid_request_gets_a_valid_answer(operation_id: str) -> None:
    if operation_id not in OPERATIONS:
        pytest.xfail(f"the emulator has no {operation_id} yet")
    statuses: set[int] = set()

    @settings(
        max_examples=25,
        deadline=None,
        derandomize=bool(os.environ.get("CI")),
        suppress_health_check=list(HealthCheck),
    )
    @given(data=st.data())
    def send(data: st.DataObject) -> None:
        there = {"dlqId": data.draw(st.sampled_from(["1-0", "2-0"]))} if data.draw(st.booleans()) else None
        case = data.draw(cases(operation_id, path_parameters=there))
        with Emulator(RUNS) as emulator:
            response = case.call(
                base_url=emulator.url, headers={"Authorization": f"Bearer {emulator.token}"}, allow_redirects=False
            )
            case.validate_response(response, checks=CHECKS)
            assert response.status_code != 500  # which the spec allows
            statuses.add(response.status_code)
            resumed = {run.dlq_id for run in emulator.started if run.kind != "callback"}
            assert resumed.isdisjoint(run["dlqId"] for run in emulator.runs)

    send()
    assert statuses & {200, 302}
