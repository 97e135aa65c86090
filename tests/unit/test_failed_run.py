"""How a failed run presents its payload."""

from __future__ import annotations

import copy
import pickle
from base64 import b64encode
from datetime import UTC, datetime
from functools import partial
from typing import Any

import pytest
from openapi import example, message_properties, required_fields
from upstash_workflow_dlq import (
    FailedRun,
    Failure,
    FailureFunction,
    FailureFunctionState,
    InvalidResponseError,
)
from upstash_workflow_rest.models import WorkflowDLQMessage


def at(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(milliseconds // 1000, UTC).replace(microsecond=milliseconds % 1000 * 1000)


def test_the_real_payload_is_typed(recorded_run: dict[str, Any]) -> None:
    run = FailedRun(recorded_run)
    assert run.dlq_id == "1752829295505-0"
    assert run.message_id == "msg_26hZCxZCuWyyTWPmSVBrNC1RADwpgWxPcak2rQD51EMjFMuzcW7qYXpPiDyw8Gd"
    assert run.workflow_url == run.url == run.failure_callback == "https://my.app/workflow"
    assert run.workflow_run_id == "wfr_5XAx4IJergqkGK1v23VzR"
    assert run.workflow_created_at == datetime(2025, 7, 18, 9, 1, 33, 531_000, UTC)
    assert run.created_at == run.not_before == datetime(2025, 7, 18, 9, 1, 34, 505_000, UTC)
    assert run.method == "POST"
    assert run.headers["content-type"] == run.headers["CONTENT-TYPE"] == "application/json"
    assert run.max_retries == 10
    assert run.caller_ip == "88.240.188.2"
    assert run.response_status == 489
    assert run.response_headers["Content-Type"] == "text/plain;charset=UTF-8"
    assert run.response_json() == {"error": "WorkflowNonRetryableError", "message": "this workflow has stopped"}
    assert run.failure == Failure("WorkflowNonRetryableError", "this workflow has stopped")
    assert str(run.failure) == "WorkflowNonRetryableError: this workflow has stopped"
    function = run.failure_function
    assert function is not None
    assert function.state is FailureFunctionState.CALLBACK_SUCCESS
    assert function.response_status == 200
    assert function.response_headers["content-type"] == "text/plain;charset=UTF-8"
    assert function.response_body == b'{"workflowRunId":"wfr_Q_khHG-a414M-xKRh2kNI"}'
    assert function.response_text == '{"workflowRunId":"wfr_Q_khHG-a414M-xKRh2kNI"}'
    assert function.extra == {}
    assert run.extra == {}
    assert (run.body, run.body_text, run.labels, run.flow_control_key) == (None, None, (), None)


def test_the_payload_stays_as_it_came(recorded_run: dict[str, Any]) -> None:
    recorded_run["future"] = {"nested": [1, {"a": None}]}
    original = copy.deepcopy(recorded_run)
    run = FailedRun(recorded_run)
    assert run.to_dict() == original
    assert run.extra == {"future": {"nested": [1, {"a": None}]}}
    run.to_dict()["future"]["nested"].append(2)
    run.extra["future"]["nested"].append(2)
    assert run.to_dict() == original
    assert list(run.to_dict()) == list(original)


def test_a_run_cannot_be_changed() -> None:
    run = FailedRun({"dlqId": "1"})
    for change in (
        partial(setattr, run, "dlq_id", "2"),
        partial(setattr, run, "new", 1),
        partial(delattr, run, "_payload"),
    ):
        with pytest.raises(AttributeError):
            change()
    assert run.dlq_id == "1"


def test_runs_are_equal_by_payload_and_hashed_by_id() -> None:
    run, same, other = FailedRun({"dlqId": "1"}), FailedRun({"dlqId": "1"}), FailedRun({"dlqId": "1", "url": "u"})
    assert run == same
    assert run != other
    assert run != {"dlqId": "1"}
    assert hash(run) == hash(same) == hash(other)
    assert len({run, same, other}) == 2
    assert {FailedRun({}), FailedRun({"dlqId": None}), FailedRun({"dlqId": ["1"]})}
    assert copy.deepcopy(run) == pickle.loads(pickle.dumps(run)) == run


def test_a_run_names_itself() -> None:
    run = FailedRun({"dlqId": "1", "workflowUrl": "https://my.app", "responseStatus": 489})
    assert repr(run) == "FailedRun(dlq_id='1', workflow_url='https://my.app', response_status=489)"
    assert repr(FailedRun({"dlqId": []})) == "FailedRun(dlq_id=[], workflow_url=None, response_status=None)"


def public_attributes() -> list[str]:
    methods = {"response_json", "to_dict", "to_json", "from_json", "expires_at"}
    return [name for name in dir(FailedRun) if not name.startswith("_") and name not in methods]


# Attributes that read further than their field: from what other attributes show as it came.
DERIVED = {
    "dlqId": {"entered_at"},
    "body": {"body_text", "steps", "initial_payload"},
    "bodyBase64": {"body_text", "steps", "initial_payload"},
    "responseBody": {"response_text", "stack"},
    "responseBodyBase64": {"response_text", "stack"},
    "responseStatus": {"failure"},
}


# The attribute that shows each property of the schema.
SHOWN_BY = {
    "dlqId": "dlq_id",
    "workflowUrl": "workflow_url",
    "workflowRunId": "workflow_run_id",
    "workflowCreatedAt": "workflow_created_at",
    "url": "url",
    "method": "method",
    "header": "headers",
    "body": "body",
    "bodyBase64": "body",
    "maxRetries": "max_retries",
    "createdAt": "created_at",
    "failureCallback": "failure_callback",
    "callerIP": "caller_ip",
    "label": "labels",
    "labels": "labels",
    "flowControlKey": "flow_control_key",
    "failureFunctionState": "failure_function",
    "responseStatus": "response_status",
    "responseHeader": "response_headers",
    "responseBody": "response_body",
    "responseBodyBase64": "response_body",
    # Not in the schema, but in real payloads.
    "messageId": "message_id",
    "notBefore": "not_before",
    "failureCallbackInfo": "failure_function",
    "failureCallbackHeader": "failure_callback_headers",
    "rate": "rate",
    "parallelism": "parallelism",
    "period": "period",
    "retryDelayExpression": "retry_delay_expression",
    "topicName": "topic_name",
    "endpointName": "endpoint_name",
    "queueName": "queue_name",
    "scheduleId": "schedule_id",
    "callback": "callback",
    "callbackHeader": "callback_headers",
    "api": "api",
}


@pytest.mark.parametrize("payload", [{}, dict.fromkeys(SHOWN_BY)], ids=["absent", "null"])
def test_absent_and_null_fields_can_all_be_read(payload: dict[str, Any]) -> None:
    run = FailedRun(payload)
    for name in public_attributes():
        if name == "message" and required_fields():
            continue  # which cannot be made then, and says so
        value = getattr(run, name)
        if name in {"labels", "extra", "steps", "redacted"} or name.endswith("headers"):
            assert len(value) == 0
        elif name == "failure":
            assert value == Failure("no response", "")
        elif name == "message":
            assert value == WorkflowDLQMessage()
        else:
            assert value is None, name


@pytest.mark.parametrize("name", message_properties())
def test_a_field_of_the_schema_is_shown(name: str) -> None:
    if name not in SHOWN_BY:
        # No failure: it is read under its generated name, and this names it in every test run.
        pytest.xfail(f"FailedRun has no attribute of its own for {name} yet")


def test_a_field_that_is_not_shown_yet_is_in_extra() -> None:
    assert FailedRun({"fieldOfTomorrow": 1}).extra == {"fieldOfTomorrow": 1}


@pytest.mark.parametrize("key", SHOWN_BY)
def test_each_key_reaches_its_attribute_and_no_other_place(key: str) -> None:
    kinds = {
        **dict.fromkeys(["notBefore", "rate", "parallelism", "period"], "integer"),
        **dict.fromkeys(["failureCallbackHeader", "callbackHeader", "failureCallbackInfo"], "object"),
    }
    value = example(message_properties().get(key, {"type": kinds.get(key, "string")}))
    run = FailedRun({key: value})
    empty = FailedRun({})
    changed = {
        name
        for name in public_attributes()
        if name not in {"message", "failure"}.union(*DERIVED.values()) and getattr(run, name) != getattr(empty, name)
    }
    assert changed - {"sendable_id"} == {SHOWN_BY[key]}


@pytest.mark.parametrize("key", SHOWN_BY)
def test_a_value_of_the_wrong_type_spoils_only_its_attribute(key: str) -> None:
    run = FailedRun({"dlqId": "1", key: {"a": 1} if key in {"header", "responseHeader"} else [7]})
    spoilt = {"message", SHOWN_BY[key]} | DERIVED.get(key, set())
    for name in public_attributes():
        if name in spoilt:
            continue
        getattr(run, name)
    with pytest.raises(InvalidResponseError, match=key) as caught:
        getattr(run, SHOWN_BY[key])
    assert "run" in str(caught.value)
    assert isinstance(caught.value, ValueError)


@pytest.mark.parametrize(
    ("payload", "labels"),
    [
        ({"labels": ["a", "b"], "label": "a"}, ("a", "b")),
        ({"labels": ["a"]}, ("a",)),
        ({"label": "a"}, ("a",)),
        ({"labels": [], "label": "a"}, ("a",)),
        ({"labels": None, "label": "a"}, ("a",)),
        ({"labels": None, "label": ""}, ()),
        ({"labels": ["a"], "label": 5}, ("a",)),
    ],
)
def test_labels_are_the_list_or_else_the_deprecated_one(payload: dict[str, Any], labels: tuple[str, ...]) -> None:
    assert FailedRun(payload).labels == labels


@pytest.mark.parametrize(("text", "encoded"), [("body", "bodyBase64"), ("responseBody", "responseBodyBase64")])
def test_a_body_is_bytes_whichever_encoding_was_used(text: str, encoded: str) -> None:
    def read(payload: dict[str, Any]) -> tuple[bytes | None, str | None]:
        run = FailedRun(payload)
        return (run.body, run.body_text) if text == "body" else (run.response_body, run.response_text)

    assert read({text: "grün"}) == ("grün".encode(), "grün")
    assert read({text: "grün", encoded: ""}) == ("grün".encode(), "grün")
    assert read({text: "", encoded: b64encode(b"\xff\x00").decode()}) == (b"\xff\x00", None)
    assert read({encoded: b64encode(b"plain").decode()}) == (b"plain", "plain")
    assert read({text: "", encoded: ""}) == read({text: ""}) == read({encoded: ""}) == (b"", "")
    assert read({text: None, encoded: None}) == (None, None)
    assert read({text: "\ud800"}) == (b"\xed\xa0\x80", None)
    for broken in ("a", "?", "ü", "YQ"):
        with pytest.raises(InvalidResponseError, match=f"{encoded} of failed run None should be base64"):
            read({encoded: broken})


def test_times_are_exact_to_the_millisecond_over_the_whole_range() -> None:
    for milliseconds in (0, 1, 1752829293531, 4102444800999, -1):
        moment = FailedRun({"createdAt": milliseconds}).created_at
        assert moment == at(milliseconds)
        assert moment is not None
        assert moment.tzinfo is UTC
    with pytest.raises(InvalidResponseError, match="years 1 to 9999"):
        _ = FailedRun({"createdAt": 2**63 - 1}).created_at


@pytest.mark.parametrize(("value", "number"), [(3, 3), (3.0, 3), (0, 0)])
def test_a_number_without_a_fraction_is_an_integer(value: Any, number: int) -> None:
    read = FailedRun({"maxRetries": value}).max_retries
    assert read == number
    assert type(read) is int


@pytest.mark.parametrize("value", [3.5, True, "3", float("nan"), {}])
def test_other_numbers_are_not_integers(value: Any) -> None:
    with pytest.raises(InvalidResponseError, match="maxRetries of failed run '1' should be an integer"):
        _ = FailedRun({"dlqId": "1", "maxRetries": value}).max_retries


def test_headers_have_all_their_values() -> None:
    headers = FailedRun({"header": {"X-A": ["1", "2"], "x-ü": ["grün"], "X-None": None, "X-One": "1"}}).headers
    assert headers.get_list("x-a") == ["1", "2"]
    assert headers["X-Ü".lower()] == "grün"
    assert "x-none" not in headers
    assert headers["x-one"] == "1"
    broken: Any
    for broken in ({"X-A": [1]}, {"X-A": {}}, {"X-A": ["\ud800"]}, ["X-A"], "X-A: 1"):
        with pytest.raises(InvalidResponseError, match="header of failed run None"):
            _ = FailedRun({"header": broken}).headers


@pytest.mark.parametrize(
    ("payload", "expected"),
    [
        ({"failureFunctionState": "CALLBACK_FAIL"}, (FailureFunctionState.CALLBACK_FAIL, None)),
        ({"failureFunctionState": "CALLBACK_PAUSED"}, ("CALLBACK_PAUSED", None)),
        ({"failureCallbackInfo": {"state": "CALLBACK_FAIL"}}, (FailureFunctionState.CALLBACK_FAIL, None)),
        (
            {"failureCallbackInfo": {"responseStatus": 500}, "failureFunctionState": "CALLBACK_FAIL"},
            (FailureFunctionState.CALLBACK_FAIL, 500),
        ),
        (
            {"failureCallbackInfo": {"state": "CALLBACK_SUCCESS"}, "failureFunctionState": "CALLBACK_FAIL"},
            (FailureFunctionState.CALLBACK_SUCCESS, None),
        ),
        ({"failureCallbackInfo": {}}, (None, None)),
        ({"failureCallbackInfo": {"state": None, "responseStatus": None}}, (None, None)),
    ],
)
def test_the_failure_function_is_read_from_either_place(payload: dict[str, Any], expected: tuple[Any, Any]) -> None:
    function = FailedRun(payload).failure_function
    assert function is not None
    assert (function.state, function.response_status) == expected


@pytest.mark.parametrize("payload", [{}, {"failureCallbackInfo": None}, {"failureFunctionState": ""}])
def test_a_run_may_have_no_failure_function(payload: dict[str, Any]) -> None:
    assert FailedRun(payload).failure_function is None


def test_both_spellings_of_the_failure_function_headers_are_read() -> None:
    for key in ("responseHeaders", "responseHeader"):
        function = FailedRun({"failureCallbackInfo": {key: {"X-A": ["1"]}, "more": 1}}).failure_function
        assert function is not None
        assert function.response_headers["x-a"] == "1"
        assert function.extra == {"more": 1}
        assert repr(function) == "FailureFunction(state=None, response_status=None)"
        assert hash(function) == hash(copy.deepcopy(function))
        with pytest.raises(AttributeError):
            function.state = None  # type: ignore[assignment]


def test_a_failure_function_can_be_made_by_hand() -> None:
    function = FailureFunction("CALLBACK_FAIL", 500, {"X-A": ["1"]}, '{"error": "x"}')
    assert function.state is FailureFunctionState.CALLBACK_FAIL
    assert (function.response_status, function.response_headers["x-a"]) == (500, "1")
    assert function.response_body == b'{"error": "x"}'
    assert FailureFunction(response_body=b"\xff").response_body == b"\xff"
    payload = {"state": "CALLBACK_FAIL", "responseStatus": 500}
    assert FailedRun({"failureCallbackInfo": payload}).failure_function == FailureFunction("CALLBACK_FAIL", 500)
    assert len({FailureFunction(), FailureFunction("a"), FailureFunction("a")}) == 2


def test_a_payload_nested_too_deeply_to_copy_is_an_error() -> None:
    deep: dict[str, Any] = {}
    for _ in range(100_000):
        deep = {"a": deep}
    run = FailedRun({"dlqId": "1", "extra": deep})
    assert run.dlq_id == "1"
    for read in (run.to_dict, lambda: run.extra, lambda: run.message):
        with pytest.raises(InvalidResponseError, match="failed run '1' is nested too deeply"):
            read()


def test_a_broken_field_of_the_failure_function_spoils_only_itself() -> None:
    function = FailedRun(
        {"dlqId": "1", "failureCallbackInfo": {"state": "X", "responseStatus": "200"}}
    ).failure_function
    assert function is not None
    assert function.state == "X"
    with pytest.raises(InvalidResponseError, match="responseStatus of the failure function of failed run '1'"):
        _ = function.response_status


@pytest.mark.parametrize(
    ("payload", "failure"),
    [
        (
            {"responseBody": '{"error": "TypeError", "message": "x is not a function"}'},
            ("TypeError", "x is not a function"),
        ),
        ({"responseBody": '{"error": "TypeError"}', "responseStatus": 500}, ("TypeError", "")),
        ({"responseBody": '{"error": "TypeError", "message": 7}'}, ("TypeError", "")),
        ({"responseBody": '{"message": "no name"}', "responseStatus": 500}, ("HTTP 500", "no name")),
        ({"responseBody": '{"error": {"code": 7}}', "responseStatus": 500}, ("HTTP 500", "Internal Server Error")),
        ({"responseBody": "<html>", "responseStatus": 502}, ("HTTP 502", "Bad Gateway")),
        ({"responseBodyBase64": "/w==", "responseStatus": 502}, ("HTTP 502", "Bad Gateway")),
        ({"responseBodyBase64": "?", "responseStatus": 502}, ("HTTP 502", "Bad Gateway")),
        ({"responseBody": '"error"', "responseStatus": 404}, ("HTTP 404", "Not Found")),
        ({"responseStatus": 489}, ("HTTP 489", "Non-Retryable Error")),
        ({"responseStatus": 599}, ("HTTP 599", "")),
        ({"responseStatus": 0}, ("no response", "")),
        ({}, ("no response", "")),
    ],
)
def test_a_failure_is_read_from_the_error_or_from_the_status(payload: dict[str, Any], failure: tuple[str, str]) -> None:
    assert FailedRun(payload).failure == failure


def test_a_failure_reads_as_a_line() -> None:
    assert str(Failure("HTTP 599", "")) == "HTTP 599"
    assert str(Failure("HTTP 502", "Bad Gateway")) == "HTTP 502: Bad Gateway"


def test_a_response_that_is_not_json_says_so() -> None:
    assert FailedRun({}).response_json() is None
    assert FailedRun({"responseBody": ""}).response_json() is None
    assert FailedRun({"responseBody": "[1]"}).response_json() == [1]
    with pytest.raises(InvalidResponseError, match="the response body of failed run '1' is not JSON"):
        FailedRun({"dlqId": "1", "responseBody": "<html>"}).response_json()


def test_the_generated_model_is_made_when_asked_for(recorded_run: dict[str, Any]) -> None:
    run = FailedRun(required_fields() | recorded_run | {"label": None, "header": None})
    model = run.message
    assert isinstance(model, WorkflowDLQMessage)
    assert model.dlq_id == "1752829295505-0"
    assert model.additional_properties["messageId"] == run.message_id
    model.additional_properties["failureCallbackInfo"]["state"] = "changed"
    assert run.to_dict()["failureCallbackInfo"]["state"] == "CALLBACK_SUCCESS"
    with pytest.raises(InvalidResponseError, match="does not fit the generated model"):
        _ = FailedRun({"header": 5}).message
