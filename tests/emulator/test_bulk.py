"""DELETE /dlq, POST /dlq/resume and POST /dlq/restart on the wire: which runs they select, how they continue."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from upstash_workflow_dlq.emulator import Emulator, Settings, failed_runs

DELETE, RESUME, RESTART = ("DELETE", "/dlq"), ("POST", "/dlq/resume"), ("POST", "/dlq/restart")
STARTING = pytest.mark.parametrize(("method", "path"), [RESUME, RESTART])
ALL = pytest.mark.parametrize(("method", "path"), [DELETE, RESUME, RESTART])

IDS = [f"{moment}-0" for moment in range(130, 0, -1)]


@pytest.fixture
def queue(dlq_emulator: Emulator) -> Emulator:
    dlq_emulator.add(*({"dlqId": dlq_id} for dlq_id in IDS))
    return dlq_emulator


def left(dlq: Emulator) -> list[str]:
    return [run["dlqId"] for run in dlq.runs]


def handled(answer: dict[str, Any]) -> int:
    return answer["deleted"] if "deleted" in answer else len(answer["workflowRuns"])


def batches(http: httpx.Client, method: str, path: str, params: dict[str, Any]) -> Iterator[int]:
    cursor = ""
    while True:
        answer = http.request(method, path, params={**params, "cursor": cursor}).raise_for_status().json()
        yield handled(answer)
        cursor = answer.get("cursor")
        if not cursor:
            return


@pytest.mark.parametrize("path", ["/dlq", "/dlq/", "/dlq?label=&dlqIds=&fromDate=", "/dlq/?dlqIds=,"])
def test_a_delete_without_an_id_or_a_filter_purges_the_queue(queue: Emulator, http: httpx.Client, path: str) -> None:
    response = http.delete(path)
    assert response.status_code == 200
    assert response.headers["content-type"] == "application/json"
    assert response.json() == {"cursor": "31-0", "deleted": 100}
    assert left(queue) == IDS[100:]
    assert http.delete(path).json() == {"deleted": 30}
    assert left(queue) == []


@pytest.mark.parametrize("kind", ["resume", "restart"])
@pytest.mark.parametrize("slash", ["", "/", "/?dlqIds="])
def test_a_start_without_an_id_or_a_filter_starts_everything(
    queue: Emulator, http: httpx.Client, kind: str, slash: str
) -> None:
    answer = http.post(f"/dlq/{kind}{slash}").json()
    assert answer["cursor"] == "81-0"
    assert [(run.kind, run.dlq_id) for run in queue.started] == [(kind, dlq_id) for dlq_id in IDS[:50]]
    assert answer["workflowRuns"] == [
        {"workflowRunId": run.workflow_run_id, "workflowCreatedAt": run.workflow_created_at} for run in queue.started
    ]
    assert left(queue) == IDS[50:]


@ALL
def test_following_the_cursor_handles_every_run_once(
    queue: Emulator, http: httpx.Client, method: str, path: str
) -> None:
    assert list(batches(http, method, path, {})) == ([100, 30] if method == "DELETE" else [50, 50, 30])
    assert left(queue) == []


@ALL
def test_a_batch_has_as_many_runs_as_count_says(queue: Emulator, http: httpx.Client, method: str, path: str) -> None:
    assert list(batches(http, method, path, {"count": 30, "fromDate": 31})) == [30, 30, 30, 10]
    assert left(queue) == IDS[100:]


@STARTING
def test_a_count_above_the_limit_means_the_limit(queue: Emulator, http: httpx.Client, method: str, path: str) -> None:
    # The vendor's JavaScript SDK asks for 100 in every bulk call.
    assert list(batches(http, method, path, {"count": 100})) == [50, 50, 30]


@ALL
@pytest.mark.parametrize(
    "query", ["count=0", "count=101", "count=x", "cursor=x", "fromDate=x", "toDate=x", "workflowCreatedAt=x"]
)
def test_an_invalid_value_is_a_bad_request_and_does_nothing(
    queue: Emulator, http: httpx.Client, method: str, path: str, query: str
) -> None:
    for ids in ("", "&dlqIds=130-0"):
        response = http.request(method, f"{path}?{query}{ids}")
        assert response.status_code == 400
        assert list(response.json()) == ["error"]
    assert left(queue) == IDS
    assert queue.started == []


@ALL
@pytest.mark.parametrize(
    ("query", "left_over"),
    [
        ("label=a&label=b", ["2-0"]),
        ("label=a,b", ["2-0"]),
        ("label=a&callerIp=x", ["3-0", "2-0"]),
        ("workflowUrl=u", ["3-0", "1-0"]),
        ("flowControlKey=k,l", ["1-0"]),
        ("failureFunctionState=CALLBACK_FAIL", ["2-0", "1-0"]),
        ("workflowCreatedAt=7", ["3-0", "2-0"]),
        ("fromDate=2&toDate=2", ["3-0", "1-0"]),
        ("label=nobody", ["3-0", "2-0", "1-0"]),
    ],
)
def test_filters_select_runs(
    dlq_emulator: Emulator, http: httpx.Client, method: str, path: str, query: str, left_over: list[str]
) -> None:
    dlq_emulator.add(
        {"dlqId": "1-0", "labels": ["a"], "callerIP": "x", "workflowCreatedAt": 7},
        {"dlqId": "2-0", "labels": ["c"], "callerIP": "x", "workflowUrl": "u", "flowControlKey": "k"},
        {"dlqId": "3-0", "label": "b", "failureFunctionState": "CALLBACK_FAIL", "flowControlKey": "l"},
    )
    answer = http.request(method, f"{path}?{query}").raise_for_status().json()
    assert left(dlq_emulator) == left_over
    assert handled(answer) == 3 - len(left_over)
    assert "cursor" not in answer


@ALL
def test_a_workflow_run_id_is_a_prefix(dlq_emulator: Emulator, http: httpx.Client, method: str, path: str) -> None:
    dlq_emulator.add(
        {"dlqId": "1-0", "workflowRunId": "wfr_1"},
        {"dlqId": "2-0", "workflowRunId": "wfr_12"},
        {"dlqId": "3-0", "workflowRunId": "wfr_2"},
        {"dlqId": "4-0", "workflowRunId": 1},
    )
    http.request(method, f"{path}?workflowRunId=wfr_1")
    assert left(dlq_emulator) == ["4-0", "3-0"]


@ALL
def test_dates_can_filter_another_time(dlq_emulator: Emulator, http: httpx.Client, method: str, path: str) -> None:
    dlq_emulator.settings.date_field = "createdAt"
    dlq_emulator.add({"dlqId": "50-0", "createdAt": 10}, {"dlqId": "40-0", "createdAt": 20})
    http.request(method, f"{path}?toDate=19")
    assert left(dlq_emulator) == ["40-0"]


@ALL
@pytest.mark.parametrize("query", ["dlqIds=9-0&dlqIds=7-0", "dlqIds=9-0,7-0", "dlqIds=9-0,9-0&dlqIds=,7-0,"])
def test_ids_override_every_filter(queue: Emulator, http: httpx.Client, method: str, path: str, query: str) -> None:
    answer = http.request(method, f"{path}?{query}&label=nobody&toDate=1").json()
    assert handled(answer) == 2
    assert "cursor" not in answer
    assert left(queue) == [dlq_id for dlq_id in IDS if dlq_id not in ("9-0", "7-0")]


@ALL
def test_all_ids_are_handled_at_once(queue: Emulator, http: httpx.Client, method: str, path: str) -> None:
    answer = http.request(method, path, params={"dlqIds": IDS[:120], "count": 7, "cursor": "5-0"}).json()
    assert handled(answer) == 120
    assert left(queue) == IDS[120:]


@ALL
@pytest.mark.parametrize("ending", ["absent", "empty", "null"])
def test_an_answer_to_a_call_with_ids_has_no_cursor(
    queue: Emulator, http: httpx.Client, method: str, path: str, ending: Any
) -> None:
    queue.settings.cursor_end = ending
    queue.settings.empty_pages = 1
    answer = http.request(method, path, params={"dlqIds": IDS[:120]}).json()
    assert list(answer) in (["deleted"], ["workflowRuns"])
    assert left(queue) == IDS[120:]


def test_a_delete_skips_ids_that_are_not_there(queue: Emulator, http: httpx.Client) -> None:
    assert http.delete("/dlq?dlqIds=1-0,1000-0,2-0").json() == {"deleted": 2}
    assert http.delete("/dlq?dlqIds=1-0,1000-0,2-0").json() == {"deleted": 0}
    assert left(queue) == IDS[:-2]


@STARTING
def test_a_missing_id_starts_nothing(queue: Emulator, http: httpx.Client, method: str, path: str) -> None:
    missing_at_the_end = [*IDS[:60], "1000-0"]
    response = http.request(method, path, params={"dlqIds": missing_at_the_end})
    assert response.status_code == 404
    assert list(response.json()) == ["error"]
    assert left(queue) == IDS
    assert queue.started == []


@ALL
def test_runs_that_fail_meanwhile_stay(queue: Emulator, http: httpx.Client, method: str, path: str) -> None:
    batching = batches(http, method, path, {})
    first = next(batching)
    queue.add({"dlqId": "1000-0"})
    assert first + sum(batching) == len(IDS)
    assert left(queue) == ["1000-0"]


@ALL
@pytest.mark.parametrize(("ending", "last"), [("absent", ...), ("empty", ""), ("null", None)])
def test_the_cursor_of_the_last_batch_is_as_the_settings_say(method: str, path: str, ending: Any, last: object) -> None:
    with Emulator(3, settings=Settings(cursor_end=ending)) as dlq:
        url = f"{dlq.url}/v2/workflows{path}"
        answer = httpx.request(method, url, headers={"Authorization": f"Bearer {dlq.token}"}).json()
        assert answer.get("cursor", ...) == last
        assert handled(answer) == 3


@ALL
def test_a_batch_may_be_empty_and_still_have_a_cursor(
    queue: Emulator, http: httpx.Client, method: str, path: str
) -> None:
    queue.settings.empty_pages = 1
    assert list(batches(http, method, path, {"count": 50})) == [0, 50, 0, 50, 0, 30]
    assert left(queue) == []


def test_runs_are_started_in_the_order_of_the_ids(dlq_emulator: Emulator, http: httpx.Client) -> None:
    ids = dlq_emulator.add(*failed_runs(10))[::-1]
    http.post("/dlq/restart", params={"dlqIds": ids}).raise_for_status()
    assert [run.dlq_id for run in dlq_emulator.started] == ids
