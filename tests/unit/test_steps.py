"""What a run's body, answer and id say beyond their own fields: steps, input, stack, redaction, expiry."""

from __future__ import annotations

import json
from base64 import b64encode
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from upstash_workflow_dlq import FailedRun, InvalidResponseError, Step

HASH = "REDACTED:" + "0a" * 32


def raw(content: object, call_type: str = "step") -> dict[str, Any]:
    """An element of a body, as the SDKs send it."""
    encoded = content if isinstance(content, bytes) else json.dumps(content).encode()
    return {"messageId": "msg_1", "body": b64encode(encoded).decode(), "callType": call_type}


def result(number: int, name: str = "charge", out: object = None, **more: object) -> dict[str, Any]:
    return raw({"stepId": number, "stepName": name, "stepType": "Run", "out": out, "concurrent": 1, **more})


def run_of(*elements: object, first: object = b'{"invoice": 7}') -> FailedRun:
    return FailedRun({"dlqId": "1", "body": json.dumps([raw(first), *elements])})


def test_steps_come_in_order_with_their_results() -> None:
    run = run_of(result(1, "load", '{"total": 3}'), raw({"stepId": 2, "stepName": "nap", "stepType": "SleepFor"}))
    assert run.steps == (Step(1, "load", "Run", {"total": 3}, False), Step(2, "nap", "SleepFor", None, False))
    assert run.initial_payload == b'{"invoice": 7}'


def test_a_plan_of_a_parallel_step_is_marked_as_one() -> None:
    run = run_of(result(0, "left", targetStep=1), result(0, "right", targetStep=2), result(1, "left", out=5))
    assert run.steps == (
        Step(0, "left", "Run", None, True),
        Step(0, "right", "Run", None, True),
        Step(1, "left", "Run", 5, False),
    )


def test_of_duplicate_steps_the_first_counts() -> None:
    run = run_of(
        *(result(0, "plan", targetStep=1), result(0, "other plan", targetStep=1), result(0, "plan 2", targetStep=2)),
        *(result(1, out="first"), result(2, out="other"), result(1, out="second")),
    )
    assert [(step.name, step.output) for step in run.steps] == [
        *(("plan", None), ("plan 2", None)),
        *(("charge", "first"), ("charge", "other")),
    ]


@pytest.mark.parametrize(
    ("out", "output"),
    [
        ('{"a": [1]}', {"a": [1]}),
        ('"text"', "text"),
        ("null", None),
        ("7", 7),
        ("not JSON", "not JSON"),
        ("", ""),
        ({"a": 1}, {"a": 1}),
        ([1, 2], [1, 2]),
        (False, False),
        ("[" * 100_000, "[" * 100_000),
        ("\ud800", "\ud800"),
    ],
)
def test_a_result_that_is_json_in_a_text_is_decoded(out: object, output: object) -> None:
    assert [step.output for step in run_of(result(1, out=out)).steps] == [output]


@pytest.mark.parametrize("call_type", ["toCallback", "fromCallback"])
def test_messages_of_a_call_are_no_steps(call_type: str) -> None:
    called = {"stepId": 1, "stepName": "fetch", "stepType": "Call", "out": "{}"}
    assert run_of(raw(called, call_type), raw(b"any bytes \xff", call_type)).steps == ()
    assert [step.type for step in run_of(raw(called, call_type), raw(called)).steps] == ["Call"]


@pytest.mark.parametrize(
    "element",
    [
        *(None, 7, "step", [], {}, {"messageId": "msg_1", "callType": "step"}),
        {"messageId": "msg_1", "body": None, "callType": "step"},
        {"messageId": "msg_1", "body": "no base64!", "callType": "step"},
        {"messageId": "msg_1", "body": "ü", "callType": "step"},
        {"messageId": "msg_1", "body": "\ud800", "callType": "step"},
        {"messageId": 1, "body": "e30=", "callType": "step"},
        {"messageId": "msg_1", "body": "e30=", "callType": "tomorrow"},
        {"messageId": "msg_1", "body": "e30=", "callType": ["step"]},
        *(raw(b""), raw(b"{"), raw(b"\xff"), raw([]), raw({}), raw("text"), raw(None)),
        raw({"stepId": "1", "stepName": "a", "stepType": "Run"}),
        raw({"stepId": True, "stepName": "a", "stepType": "Run"}),
        raw({"stepId": 1, "stepName": None, "stepType": "Run"}),
        raw({"stepId": 1, "stepName": "a"}),
        raw(b'{"stepId": 1e999, "stepName": "a", "stepType": "Run"}'),
        raw(b'{"stepId": ' + b"9" * 5000 + b', "stepName": "a", "stepType": "Run"}'),
        raw(b'{"stepId": 1, "stepName": "a", "stepType": "Run", "out": ' + b"[" * 100_000),
        raw(b"[" * 100_000),
    ],
    ids=count(),
)
def test_what_cannot_be_decoded_is_left_out_and_harms_nothing(element: object) -> None:
    run = run_of(result(1, "before"), element, result(2, "after"))
    assert [step.name for step in run.steps] == ["before", "after"]
    assert run.initial_payload == b'{"invoice": 7}'


def test_half_a_surrogate_in_a_step_is_read_as_it_came() -> None:
    element = raw(b'{"stepId": 1, "stepName": "\\ud800", "stepType": "Run"}')
    assert [step.name for step in run_of(element).steps] == ["\ud800"]


OWN = [
    *("", "text", "{}", '{"messageId": "1", "body": "e30=", "callType": "step"}', "7", "[]", "[1, 2]", "[", "[{}]"),
    *('[{"id": 1}]', "[null]", "[" * 100_000, '["messageId", "body", "callType"]', HASH[:-1]),
    '[{"messageId": "1", "body": "e30="}]',
    '[{"messageId": "1", "callType": "step"}]',
    '[{"body": "e30=", "callType": "step"}]',
    '[{"messageId": 1, "body": "e30=", "callType": "step"}]',
    '[{"messageId": "1", "body": "Dear Ms. Gray", "callType": "step"}]',
    '[{"messageId": "1", "body": "e30", "callType": "step"}]',
    '[{"messageId": "1", "body": {}, "callType": "step"}]',
    '[{"messageId": "1", "body": "e30=", "callType": "inbound"}]',
    '[{"messageId": "1", "body": "e30=", "callType": null}]',
    '[[{"messageId": "1", "body": "e30=", "callType": "step"}]]',
    '\ufeff[{"messageId": "1", "body": "e30=", "callType": "step"}]',
]


@pytest.mark.parametrize("body", OWN, ids=count())
def test_any_other_body_is_the_input_itself(body: str) -> None:
    run = FailedRun({"body": body})
    assert (run.initial_payload, run.steps) == (body.encode(), ())


@pytest.mark.parametrize("payload", [b"", b"\xff\x00\x89PNG", '{"name": "Zoë"}'.encode(), b"[1, 2]"])
def test_the_input_is_the_same_at_the_first_step_and_later(payload: bytes) -> None:
    first = FailedRun({"bodyBase64": b64encode(payload).decode()})
    assert run_of(first=payload).initial_payload == first.initial_payload == payload


def test_an_input_that_looks_like_steps_itself_is_decoded_once() -> None:
    inner = json.dumps([raw(b"inner"), result(1)]).encode()
    run = run_of(first=inner)
    assert (run.initial_payload, run.steps) == (inner, ())


def test_a_body_that_was_left_out_has_no_input() -> None:
    assert (FailedRun({}).initial_payload, FailedRun({}).steps) == (None, ())


def test_a_redacted_body_is_not_taken_for_the_input() -> None:
    assert FailedRun({"body": HASH}).initial_payload is None
    assert run_of(first=HASH.encode()).initial_payload is None


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


@settings(deadline=None)
@given(payload=st.binary(), results=st.lists(JSON), junk=JSON)
def test_what_sdks_put_in_comes_out(payload: bytes, results: list[Any], junk: Any) -> None:
    steps = [result(number, out=json.dumps(out)) for number, out in enumerate(results, 1)]
    run = run_of(*steps, junk, raw(junk), raw({"stepId": junk, "stepName": junk, "stepType": junk}), first=payload)
    assert run.initial_payload == payload
    assert [step.output for step in run.steps] == results


@settings(deadline=None)
@given(st.binary() | JSON.map(lambda value: json.dumps(value).encode()))
def test_no_body_and_no_answer_raises(content: bytes) -> None:
    encoded = b64encode(content).decode()
    run = FailedRun({"bodyBase64": encoded, "responseBodyBase64": encoded})
    assert run.steps == ()
    assert run.initial_payload == content
    assert run.stack is None or isinstance(run.stack, str)


def test_the_attributes_of_a_broken_field_raise_when_they_are_read() -> None:
    run = FailedRun({"dlqId": 5, "body": [7], "responseBody": {}})
    for name in ("steps", "initial_payload"):
        with pytest.raises(InvalidResponseError, match="body of failed run 5 should be a string"):
            getattr(run, name)
    with pytest.raises(InvalidResponseError, match="responseBody of failed run 5"):
        _ = run.stack
    with pytest.raises(InvalidResponseError, match="dlqId of failed run 5"):
        _ = run.entered_at
    assert run.redacted == ()


@pytest.mark.parametrize(
    ("answer", "stack"),
    [
        ('{"error": "E", "message": "m", "stack": "E: m\\n    at f"}', "E: m\n    at f"),
        ('{"error": "E", "stack": ["E: m", "    at f"]}', "E: m\n    at f"),
        ('{"stack": "E"}', "E"),
        ('{"stack": "\\ud800"}', "\ud800"),
        *((f'{{"error": "E", "stack": {stack}}}', None) for stack in ("null", "7", '""', "[]", "[1]", "{}")),
        *((answer, None) for answer in ("", "{}", "[]", '"stack"', "<html>", '{"stack": "', "[" * 100_000)),
    ],
    ids=count(),
)
def test_the_stack_is_read_from_the_error(answer: str, stack: str | None) -> None:
    assert FailedRun({"responseBody": answer}).stack == stack


def test_a_run_without_an_answer_has_no_stack() -> None:
    assert FailedRun({}).stack is None


def test_what_is_redacted_is_named() -> None:
    values = {"X-Plain": ["a"], "X-Key": [HASH], "X-Two": ["a", HASH, HASH], "X-One": HASH}
    run = FailedRun(
        {
            "body": HASH,
            "responseBody": HASH,
            "header": values,
            "responseHeader": {"Set-Cookie": [HASH]},
            "failureCallbackHeader": {"A": [HASH]},
            "callbackHeader": {"B": [HASH]},
            "failureCallbackInfo": {"responseBody": HASH, "responseHeaders": {"C": [HASH]}},
        }
    )
    assert run.redacted == (
        *("body", "response_body", "headers.X-Key", "headers.X-Two", "headers.X-One"),
        *("failure_callback_headers.A", "callback_headers.B", "response_headers.Set-Cookie"),
        *("failure_function.response_body", "failure_function.response_headers.C"),
    )


@pytest.mark.parametrize(
    "text", ["", "REDACTED", "REDACTED:", HASH[:-1], HASH + "0", f"{HASH}\n", f" {HASH}", HASH.replace("0a", "0g")]
)
def test_what_only_resembles_it_is_not_redacted(text: str) -> None:
    assert FailedRun({"body": text, "header": {"X": [text]}}).redacted == ()


def test_a_field_of_the_wrong_type_is_not_redacted() -> None:
    broken = {"body": [HASH], "header": [HASH], "responseHeader": {"A": {"B": HASH}, "C": [[HASH], 7]}}
    assert FailedRun({**broken, "failureCallbackInfo": HASH, "responseBody": HASH}).redacted == ("response_body",)


@pytest.mark.parametrize(
    ("dlq_id", "entered"),
    [
        ("1752829295505-0", datetime(2025, 7, 18, 9, 1, 35, 505_000, UTC)),
        ("946684800000-17", datetime(2000, 1, 1, tzinfo=UTC)),
        ("4102444799999-1", datetime(2099, 12, 31, 23, 59, 59, 999_000, UTC)),
        *((other, None) for other in ("", "1", "1752829295505", "1752829295505-", "-0", "1752829295505-x")),
        *((other, None) for other in ("946684799999-0", "4102444800000-0", "1752829295-0", "1752829295505-0-0")),
        *((other, None) for other in (" 1752829295505-0", "1752829295505-0\n", "١٧٥٢٨٢٩٢٩٥٥٠٥-0", "9" * 5000 + "-0")),
    ],
    ids=count(),
)
def test_a_run_entered_when_its_id_says_so(dlq_id: str, entered: datetime | None) -> None:
    run = FailedRun({"dlqId": dlq_id})
    assert run.entered_at == entered
    assert run.expires_at(timedelta(days=3)) == (entered and entered + timedelta(days=3))


@pytest.mark.parametrize("payload", [{}, {"dlqId": "1752829295505-0"}])
def test_a_retention_is_a_positive_timedelta(payload: dict[str, Any]) -> None:
    run = FailedRun(payload)
    wrong: Any
    for wrong in (7, 7.0, "7d", None):
        with pytest.raises(TypeError, match=r"retention takes a timedelta, such as timedelta\(days=7\), not"):
            run.expires_at(wrong)
    for wrong in (timedelta(0), timedelta(days=-1)):
        with pytest.raises(ValueError, match=r"retention is .*; it must be longer than nothing"):
            run.expires_at(wrong)


def test_a_retention_beyond_all_times_says_so() -> None:
    with pytest.raises(ValueError, match=r"retention is 999999999 days.*after the year 9999"):
        FailedRun({"dlqId": "1752829295505-0"}).expires_at(timedelta.max)
