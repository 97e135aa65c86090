"""Random sequences of all operations on the emulator, compared with a model of the queue.

Each answer is checked against the spec. The state machines of schemathesis would not do: they draw some values from a
random source that no setting fixes, do not begin with the list, and do not know that runs leave the queue.
"""

from __future__ import annotations

import os
from typing import Any

import httpx
import pytest
from conformance import validate
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    initialize,
    invariant,
    multiple,
    rule,
    run_state_machine_as_test,
)
from upstash_workflow_dlq.emulator import Emulator

pytestmark = pytest.mark.untraced

LABELS = ["billing", "email", "search"]
STATES = ["CALLBACK_INPROGRESS", "CALLBACK_SUCCESS", "CALLBACK_FAIL", "CALLBACK_CANCELED"]

kinds = st.sampled_from(["resume", "restart"])
filters = st.fixed_dictionaries(
    {},
    optional={
        "label": st.lists(st.sampled_from(LABELS), min_size=1, max_size=2, unique=True),
        "failureFunctionState": st.sampled_from(STATES),
        "fromDate": st.integers(1, 10),
        "toDate": st.integers(1, 10),
    },
)
failures = st.tuples(st.sampled_from(LABELS), st.sampled_from([*STATES, None]))
counts = st.integers(1, 4)


class Walk(RuleBasedStateMachine):
    """`queue` and `started` are what is expected. Ids that are gone stay in the bundle and are requested again."""

    ids: Bundle[str] = Bundle("ids")
    some_ids = st.lists(ids, min_size=1, max_size=6)

    def __init__(self) -> None:
        super().__init__()
        self.queue: dict[str, dict[str, Any]] = {}
        self.started: list[tuple[str, str]] = []
        self.moment = 0
        self.emulator = Emulator().start()
        headers = {"Authorization": f"Bearer {self.emulator.token}"}
        self.http = httpx.Client(base_url=self.emulator.url + "/v2/workflows", headers=headers, trust_env=False)

    def teardown(self) -> None:
        self.http.close()
        self.emulator.stop()

    @initialize(cursor_end=st.sampled_from(["absent", "empty"]), empty_pages=st.integers(0, 2))
    def settle(self, cursor_end: Any, empty_pages: int) -> None:
        self.emulator.settings.cursor_end = cursor_end
        self.emulator.settings.empty_pages = empty_pages

    @initialize(target=ids, failures=st.lists(failures, min_size=4, max_size=8))
    def fail_many(self, failures: list[tuple[str, str | None]]) -> Any:
        return multiple(*(self.fail(*failure) for failure in failures))

    @rule(target=ids, failure=failures)
    def fail_one_more(self, failure: tuple[str, str | None]) -> str:
        return self.fail(*failure)

    @rule(filters=filters, count=counts)
    def list_runs(self, filters: dict[str, Any], count: int) -> None:
        answers = self.follow("listFailedRuns", "GET", "/dlq", count, filters)
        assert [run["dlqId"] for answer in answers for run in answer["messages"]] == self.matching(filters)

    @rule(dlq_id=ids)
    def get_run(self, dlq_id: str) -> None:
        response = self.send("getFailedRun", "GET", f"/dlq/{dlq_id}", 200 if dlq_id in self.queue else 404)
        if dlq_id in self.queue:
            assert response.json() == self.queue[dlq_id]

    @rule(dlq_id=ids)
    def delete_run(self, dlq_id: str) -> None:
        self.send("deleteFailedRun", "DELETE", f"/dlq/{dlq_id}", 200 if dlq_id in self.queue else 404)
        self.queue.pop(dlq_id, None)

    @rule(dlq_id=ids, kind=kinds)
    def start_run(self, dlq_id: str, kind: str) -> None:
        self.send(f"{kind}FailedRun", "POST", f"/dlq/{kind}/{dlq_id}", 200 if dlq_id in self.queue else 404)
        if self.queue.pop(dlq_id, None):
            self.started.append((kind, dlq_id))

    @rule(dlq_ids=some_ids, count=counts)
    def delete_runs_by_ids(self, dlq_ids: list[str], count: int) -> None:
        there = {dlq_id for dlq_id in dlq_ids if dlq_id in self.queue}
        answers = self.follow("deleteFailedRuns", "DELETE", "/dlq", count, {"dlqIds": dlq_ids})
        assert sum(answer["deleted"] for answer in answers) == len(there)
        for dlq_id in there:
            del self.queue[dlq_id]

    @rule(filters=filters, count=counts)
    def delete_runs_by_filters(self, filters: dict[str, Any], count: int) -> None:
        matching = self.matching(filters)
        answers = self.follow("deleteFailedRuns", "DELETE", "/dlq", count, filters)
        assert sum(answer["deleted"] for answer in answers) == len(matching)
        for dlq_id in matching:
            del self.queue[dlq_id]

    @rule(dlq_ids=some_ids, count=counts, kind=kinds)
    def start_runs_by_ids(self, dlq_ids: list[str], count: int, kind: str) -> None:
        if all(dlq_id in self.queue for dlq_id in dlq_ids):
            answers = self.follow(f"{kind}FailedRuns", "POST", f"/dlq/{kind}", count, {"dlqIds": dlq_ids})
            self.expect_started(kind, list(dict.fromkeys(dlq_ids)), answers)
        else:
            self.send(f"{kind}FailedRuns", "POST", f"/dlq/{kind}", 404, {"dlqIds": dlq_ids, "count": count})

    @rule(filters=filters, count=counts, kind=kinds)
    def start_runs_by_filters(self, filters: dict[str, Any], count: int, kind: str) -> None:
        matching = self.matching(filters)
        answers = self.follow(f"{kind}FailedRuns", "POST", f"/dlq/{kind}", count, filters)
        self.expect_started(kind, matching, answers)

    @rule(dlq_id=ids)
    def retry_callback(self, dlq_id: str) -> None:
        status = self.move_callback(dlq_id, "CALLBACK_FAIL", "CALLBACK_INPROGRESS", 200, without=400)
        self.send("retryFailureCallback", "POST", f"/dlq/callback/{dlq_id}", status)
        if status == 200:
            self.started.append(("callback", dlq_id))

    @rule(dlq_id=ids)
    def cancel_callback(self, dlq_id: str) -> None:
        status = self.move_callback(dlq_id, "CALLBACK_INPROGRESS", "CALLBACK_CANCELED", 302, without=404)
        self.send("cancelFailureCallback", "DELETE", f"/dlq/callback/{dlq_id}", status)

    @invariant()
    def the_queue_holds_what_it_should(self) -> None:
        assert self.emulator.runs == list(reversed(self.queue.values()))
        assert [(run.kind, run.dlq_id) for run in self.emulator.started] == self.started
        assert len({run.workflow_run_id for run in self.emulator.started}) == len(self.started)

    def fail(self, label: str, state: str | None) -> str:
        self.moment += 1
        dlq_id = f"{self.moment}-0"
        run = {"dlqId": dlq_id, "labels": [label], **({"failureFunctionState": state} if state else {})}
        self.emulator.add(run)
        self.queue[dlq_id] = run
        return dlq_id

    def matching(self, filters: dict[str, Any]) -> list[str]:
        return [
            dlq_id
            for dlq_id, run in reversed(self.queue.items())
            if ("label" not in filters or run["labels"][0] in filters["label"])
            and filters.get("failureFunctionState") in (None, run.get("failureFunctionState"))
            and filters.get("fromDate", 0) <= int(dlq_id.removesuffix("-0")) <= filters.get("toDate", self.moment)
        ]

    def move_callback(self, dlq_id: str, state: str, new_state: str, success: int, *, without: int) -> int:
        run = self.queue.get(dlq_id)
        if run is None:
            return 404
        if "failureFunctionState" not in run:
            return without
        if run.get("failureFunctionState") != state:
            return 400
        run["failureFunctionState"] = new_state
        return success

    def expect_started(self, kind: str, dlq_ids: list[str], answers: list[dict[str, Any]]) -> None:
        new = [run["workflowRunId"] for answer in answers for run in answer["workflowRuns"]]
        assert new == [run.workflow_run_id for run in self.emulator.started[len(self.started) :]]
        for dlq_id in dlq_ids:
            self.started.append((kind, dlq_id))
            del self.queue[dlq_id]

    def follow(
        self, operation_id: str, method: str, path: str, count: int, params: dict[str, Any]
    ) -> list[dict[str, Any]]:
        """The answers up to the one without a cursor."""
        answers: list[dict[str, Any]] = []
        cursor = ""
        while True:
            answers.append(
                self.send(operation_id, method, path, 200, {**params, "count": count, "cursor": cursor}).json()
            )
            following = answers[-1].get("cursor", "")
            if not following:
                return answers
            assert following != cursor
            cursor = following

    def send(
        self, operation_id: str, method: str, path: str, status: int, params: dict[str, Any] | None = None
    ) -> httpx.Response:
        response = self.http.request(method, path, params=params)
        validate(operation_id, response)
        assert response.status_code == status
        return response


def test_a_walk_over_all_operations_agrees_with_the_model() -> None:
    run_state_machine_as_test(
        Walk,
        settings=settings(
            max_examples=30,
            stateful_step_count=30,
            deadline=None,
            phases=set(Phase) - {Phase.explain},  # minutes, where a walk fails
            derandomize=bool(os.environ.get("CI")),
            suppress_health_check=list(HealthCheck),
        ),
    )
