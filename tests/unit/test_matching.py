"""`matches` says of a run what the service says: the emulator is asked about the same cases."""

from __future__ import annotations

from typing import Any

import pytest
from filter_cases import OF_THE_SERVICE, OF_THIS_SIDE, REFUSED, RUNS, number_of
from upstash_workflow_dlq import DLQClient, FailedRun
from upstash_workflow_dlq.emulator import Emulator
from upstash_workflow_dlq.matching import Facts, Matcher, matches


@pytest.mark.parametrize(("filters", "expected"), [*OF_THE_SERVICE, *OF_THIS_SIDE], ids=str)
def test_it_matches(filters: dict[str, Any], expected: set[int]) -> None:
    assert {number_of(run) for run in map(FailedRun, RUNS) if matches(run, **filters)} == expected


@pytest.mark.parametrize(("filters", "expected"), OF_THE_SERVICE, ids=str)
def test_the_emulated_service_selects_the_same(emulator: Emulator, filters: dict[str, Any], expected: set[int]) -> None:
    with DLQClient(emulator.token, base_url=emulator.url) as dlq:
        assert {number_of(run) for run in dlq.list(**filters)} == expected


@pytest.fixture(scope="module")
def emulator() -> Any:
    with Emulator(runs=0) as emulator:
        emulator.add(*RUNS)
        yield emulator


@pytest.mark.parametrize(("filters", "kind", "message"), REFUSED, ids=str)
def test_what_can_match_nothing_is_refused(filters: dict[str, Any], kind: type[Exception], message: str) -> None:
    with pytest.raises(kind, match=f"^{message}"):
        Matcher(filters)


def test_without_filters_every_run_matches() -> None:
    assert Matcher({}).is_empty
    assert Matcher({"label": None}).is_empty
    assert not Matcher({"contains": "a"}).is_empty


def test_the_facts_of_a_run_are_what_filters_compare() -> None:
    facts = Facts.of(FailedRun(RUNS[0]))
    assert facts._asdict() == {
        "label": ("billing",),
        "workflow_url": "https://a.example/one",
        "workflow_run_id": "wfr_1",
        "workflow_created_at": 1_790_000_000_000,
        "failure_function_state": "CALLBACK_FAIL",
        "caller_ip": "192.0.2.1",
        "flow_control_key": "smtp",
        "response_status": 500,
        "entered_at": 1_790_000_001_000,
        "created_at": 1_790_000_000_993,
        "failure": "FetchError",
        "message": "Timed out after 17 ms",
        "fingerprint": facts.fingerprint,
    }
    assert facts.failed_at == facts.entered_at
    assert Facts.of(FailedRun(RUNS[0]), ["label"]) == Facts(label=("billing",))


def test_a_run_that_cannot_be_read_matches_no_filter_and_raises_nothing() -> None:
    broken = FailedRun({"dlqId": 1, "createdAt": "x", "responseBody": 7, "responseStatus": "a", "labels": 1})
    assert matches(broken)
    for filters, _ in [*OF_THE_SERVICE[1:-1], *OF_THIS_SIDE]:
        assert not matches(broken, **filters)


def test_the_time_of_a_run_without_one_in_its_id_is_that_of_its_message() -> None:
    run = FailedRun({"dlqId": "abc", "createdAt": 1_790_000_000_000})
    assert matches(run, from_date=1_790_000_000_000, to_date=1_790_000_000_000)
    assert not matches(run, from_date=1_790_000_000_001)
    assert not matches(FailedRun({"dlqId": "abc"}), from_date=1_790_000_000_000)


@pytest.mark.usefixtures("newer")
def test_a_filter_that_is_new_in_the_spec_cannot_be_applied_here() -> None:
    with pytest.raises(TypeError, match="is new in the spec: the service applies it"):
        Matcher({"min_priority": 1})
