"""Answers that the spec allows, sent through the whole client, sync and async."""

from __future__ import annotations

import os
from typing import Any

import pytest
from conformance import valid_payloads
from conftest import Connect
from fakes import Wire
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from upstash_workflow_dlq import FailedRun, InvalidResponseError

pytestmark = pytest.mark.untraced

# The fixture makes clients and keeps nothing between examples.
relaxed = settings(
    suppress_health_check=list(HealthCheck), deadline=None, max_examples=25, derandomize=bool(os.environ.get("CI"))
)

# What the spec allows as a string or an integer, and no reader can make sense of.
ALLOWED_BUT_UNREADABLE = ("base64", "Unix milliseconds within the years 1 to 9999", "Unicode text")


@relaxed
@given(data=st.data())
def test_a_valid_page_is_read_as_it_is(connect: Connect, data: st.DataObject) -> None:
    payload = data.draw(valid_payloads("listFailedRuns"))
    answers = [payload, {"messages": []}] if payload.get("cursor") else [payload]
    wire = Wire(*answers)
    runs = connect(transport=wire).list()
    if "messages" not in payload and payload.keys() - {"cursor"}:
        # Allowed by the schema, in which nothing is required; but reading it as an empty queue could hide one.
        with pytest.raises(InvalidResponseError, match="has no messages"):
            list(runs)
    else:
        assert [run.to_dict() for run in runs] == payload.get("messages", [])
        assert len(wire.sent) == len(answers)


@relaxed
@given(data=st.data())
def test_a_valid_run_can_be_read_field_by_field(connect: Connect, data: st.DataObject) -> None:
    payload = data.draw(valid_payloads("getFailedRun")) | {"dlqId": "1"}
    run = connect(transport=Wire(payload)).get("1")
    assert run.to_dict() == payload
    for name in dir(FailedRun):
        if not name.startswith("_") and name not in {"response_json", "to_dict"}:
            read(run, name)
    assert run.message.to_dict() == {k: v for k, v in payload.items() if v is not None or k not in UNDOCUMENTED}


def read(run: FailedRun, name: str) -> Any:
    try:
        return getattr(run, name)
    except InvalidResponseError as error:
        if not any(reason in str(error) for reason in ALLOWED_BUT_UNREADABLE):
            # Extra fields are no part of the schema, so any type of them is valid.
            field = str(error).split()[0]
            assert field in UNDOCUMENTED
        return None


UNDOCUMENTED = {
    *("messageId", "notBefore", "failureCallbackInfo", "failureCallbackHeader", "rate", "parallelism", "period"),
    *(
        "retryDelayExpression",
        "topicName",
        "endpointName",
        "queueName",
        "scheduleId",
        "callback",
        "callbackHeader",
        "api",
    ),
}


@pytest.mark.parametrize("operation_id", ["listFailedRuns", "getFailedRun"])
def test_the_generated_answers_are_not_all_empty(operation_id: str) -> None:
    seen: list[Any] = []

    @relaxed
    @given(valid_payloads(operation_id))
    def collect(payload: Any) -> None:
        seen.append(payload)

    collect()
    assert any(payload.get("messages") if operation_id == "listFailedRuns" else payload for payload in seen)
