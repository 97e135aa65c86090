"""The only recorded payload, checked against the spec."""

from __future__ import annotations

from typing import Any

import pytest
from conformance import answer, undocumented_fields, validate
from schemathesis.core.failures import FailureGroup

KNOWN_TO_THE_WRAPPER_ONLY = {"messageId", "notBefore", "failureCallbackInfo"}


def test_the_recorded_page_is_valid(recorded_page: dict[str, Any]) -> None:
    validate("listFailedRuns", answer("listFailedRuns", recorded_page))


def test_the_recorded_run_is_valid(recorded_run: dict[str, Any]) -> None:
    validate("getFailedRun", answer("getFailedRun", recorded_run))


def test_the_undocumented_fields_are_the_three_known_ones(
    recorded_page: dict[str, Any], recorded_run: dict[str, Any]
) -> None:
    assert undocumented_fields("getFailedRun", recorded_run) == KNOWN_TO_THE_WRAPPER_ONLY
    assert undocumented_fields("listFailedRuns", recorded_page) == {
        f"messages[].{name}" for name in KNOWN_TO_THE_WRAPPER_ONLY
    }


def test_an_undocumented_field_would_be_noticed(recorded_page: dict[str, Any]) -> None:
    message = recorded_page["messages"][0] | {"new": 1}
    page = recorded_page | {"messages": [message], "total": 1}
    assert undocumented_fields("listFailedRuns", page) - undocumented_fields("listFailedRuns", recorded_page) == {
        "total",
        "messages[].new",
    }


def test_a_field_of_the_wrong_type_would_be_noticed(recorded_run: dict[str, Any]) -> None:
    with pytest.raises(FailureGroup):
        validate("getFailedRun", answer("getFailedRun", recorded_run | {"createdAt": "yesterday"}))


def test_an_undocumented_status_would_be_noticed() -> None:
    response = answer("getFailedRun", {})
    response.status_code = 418
    with pytest.raises(FailureGroup):
        validate("getFailedRun", response)
