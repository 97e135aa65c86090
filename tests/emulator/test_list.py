"""GET /v2/workflows/dlq on the wire."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from upstash_workflow_dlq.emulator import Emulator, failed_runs


def pages(http: httpx.Client, **params: Any) -> Iterator[list[str]]:
    cursors: list[str | None] = [None]
    while True:
        page = http.get("/dlq", params=params | ({"cursor": cursors[-1]} if cursors[-1] else {})).json()
        yield [run["dlqId"] for run in page["messages"]]
        if not page.get("cursor"):
            return
        assert page["cursor"] not in cursors
        cursors.append(page["cursor"])


def list_all(http: httpx.Client, **params: Any) -> list[str]:
    return [dlq_id for page in pages(http, **params) for dlq_id in page]


def listed(http: httpx.Client, query: str) -> list[str]:
    return [run["dlqId"] for run in http.get(f"/dlq?{query}").raise_for_status().json()["messages"]]


def test_an_empty_queue_is_an_empty_page_without_a_cursor(http: httpx.Client) -> None:
    response = http.get("/dlq")
    assert response.status_code == 200
    assert response.headers["content-type"] == "application/json"
    assert response.json() == {"messages": []}


def test_a_page_has_at_most_a_hundred_runs(dlq_emulator: Emulator, http: httpx.Client) -> None:
    dlq_emulator.add(*failed_runs(250))
    assert [len(page) for page in pages(http)] == [100, 100, 50]


def test_a_page_has_as_many_runs_as_count_says(dlq_emulator: Emulator, http: httpx.Client) -> None:
    dlq_emulator.add(*failed_runs(10))
    assert [len(page) for page in pages(http, count=4)] == [4, 4, 2]


def test_a_full_last_page_has_no_cursor(dlq_emulator: Emulator, http: httpx.Client) -> None:
    dlq_emulator.add(*failed_runs(100))
    assert [len(page) for page in pages(http, count=50)] == [50, 50]


def test_runs_are_listed_newest_first_and_unchanged(dlq_emulator: Emulator, http: httpx.Client) -> None:
    runs = failed_runs(20)
    dlq_emulator.add(*reversed(runs))
    assert http.get("/dlq").json()["messages"] == runs


def test_runs_of_the_same_millisecond_are_ordered_by_number(dlq_emulator: Emulator, http: httpx.Client) -> None:
    dlq_emulator.add({"dlqId": "5-9"}, {"dlqId": "5-10"}, {"dlqId": "40-0"})
    assert list_all(http) == ["40-0", "5-10", "5-9"]


def test_a_cursor_is_the_position_of_the_last_run_on_the_page(dlq_emulator: Emulator, http: httpx.Client) -> None:
    dlq_emulator.add({"dlqId": "1-0"}, {"dlqId": "2-7"}, {"dlqId": "3-0"})
    assert http.get("/dlq?count=2").json()["cursor"] == "2-7"


def test_a_trailing_slash_lists_the_same_without_a_redirect(dlq_emulator: Emulator, http: httpx.Client) -> None:
    dlq_emulator.add(*failed_runs(3))
    response = http.get("/dlq/")
    assert response.status_code == 200
    assert response.json() == http.get("/dlq").json()


def test_runs_that_come_and_go_between_pages_shift_no_other_run(dlq_emulator: Emulator, http: httpx.Client) -> None:
    ids = dlq_emulator.add(*({"dlqId": f"{moment}-0"} for moment in range(90, 0, -10)))
    remaining = pages(http, count=3)
    seen = next(remaining)
    http.delete("/dlq/70-0").raise_for_status()  # the cursor's own run
    http.delete("/dlq/40-0").raise_for_status()
    dlq_emulator.add({"dlqId": "95-0"}, {"dlqId": "55-0"})
    seen += [dlq_id for page in remaining for dlq_id in page]
    assert len(seen) == len(set(seen))
    assert set(ids) - {"70-0", "40-0"} <= set(seen)


@pytest.mark.parametrize(
    "query",
    [
        "count=0",
        "count=101",
        "count=-1",
        "count=ten",
        "count=1.5",
        "count=1_0",
        "count=%D9%A3",
        "fromDate=yesterday",
        "toDate=2025-07-18",
        "fromDate=99999999999999999999",
        "toDate=9223372036854775808",
        "workflowCreatedAt=now",
        "cursor=next",
        "cursor=1752570296426",
        "cursor=1752570296426-0-1-1",
        "cursor=99999999999999999999-0",
    ],
)
def test_an_invalid_value_is_a_bad_request(http: httpx.Client, query: str) -> None:
    response = http.get(f"/dlq?{query}")
    assert response.status_code == 400
    assert response.headers["content-type"] == "application/json"
    assert list(response.json()) == ["error"]
    assert response.json()["error"].endswith(".")


def test_an_empty_value_counts_as_absent(dlq_emulator: Emulator, http: httpx.Client) -> None:
    dlq_emulator.add(*failed_runs(3))
    names = [
        "cursor",
        "count",
        "fromDate",
        "toDate",
        "workflowUrl",
        "workflowRunId",
        "workflowCreatedAt",
        "label",
        "failureFunctionState",
        "callerIp",
        "flowControlKey",
    ]
    assert len(listed(http, "&".join(f"{name}=" for name in names))) == 3


def test_the_first_of_repeated_single_values_counts(dlq_emulator: Emulator, http: httpx.Client) -> None:
    dlq_emulator.add(*failed_runs(5))
    assert len(listed(http, "count=2&count=4")) == 2


def test_dates_are_inclusive_and_filter_the_entry_into_the_queue(dlq_emulator: Emulator, http: httpx.Client) -> None:
    dlq_emulator.add(*({"dlqId": f"{moment}-{number}"} for moment in (10, 20, 30) for number in (0, 1)))
    assert listed(http, "fromDate=20") == ["30-1", "30-0", "20-1", "20-0"]
    assert listed(http, "toDate=20") == ["20-1", "20-0", "10-1", "10-0"]
    assert listed(http, "fromDate=20&toDate=20") == ["20-1", "20-0"]
    assert listed(http, "fromDate=30&toDate=10") == []
    assert list_all(http, fromDate=20, toDate=30, count=1) == ["30-1", "30-0", "20-1", "20-0"]


@pytest.mark.parametrize("field", ["createdAt", "workflowCreatedAt"])
def test_dates_can_filter_another_time(dlq_emulator: Emulator, http: httpx.Client, field: Any) -> None:
    dlq_emulator.settings.date_field = field
    dlq_emulator.add({"dlqId": "50-0", field: 10}, {"dlqId": "40-0", field: 20}, {"dlqId": "30-0"})
    assert listed(http, "fromDate=10&toDate=10") == ["50-0"]
    assert listed(http, "fromDate=11") == ["40-0"]
    assert listed(http, "toDate=19") == ["50-0"]
    assert listed(http, "") == ["50-0", "40-0", "30-0"]


@pytest.mark.parametrize(
    ("name", "field"),
    [("workflowUrl", "workflowUrl"), ("callerIp", "callerIP"), ("flowControlKey", "flowControlKey")],
)
def test_a_filter_takes_several_values(dlq_emulator: Emulator, http: httpx.Client, name: str, field: str) -> None:
    dlq_emulator.add({"dlqId": "1-0", field: "a"}, {"dlqId": "2-0", field: "b"}, {"dlqId": "3-0", field: "c"})
    dlq_emulator.add({"dlqId": "4-0"}, {"dlqId": "5-0", field: None})
    assert listed(http, f"{name}=a") == ["1-0"]
    assert listed(http, f"{name}=a&{name}=c") == ["3-0", "1-0"]
    assert listed(http, f"{name}=a,c") == ["3-0", "1-0"]
    assert listed(http, f"{name}=a%2C,b") == ["2-0", "1-0"]
    assert listed(http, f"{name}=none") == []


def test_a_label_may_be_in_either_field(dlq_emulator: Emulator, http: httpx.Client) -> None:
    dlq_emulator.add(
        {"dlqId": "1-0", "label": "old"},
        {"dlqId": "2-0", "labels": ["new", "münchen"]},
        {"dlqId": "3-0", "label": "old", "labels": ["old", "new"]},
        {"dlqId": "4-0", "labels": "new"},
        {"dlqId": "5-0", "labels": [{"new": 1}]},
    )
    assert listed(http, "label=old") == ["3-0", "1-0"]
    assert listed(http, "label=new") == ["3-0", "2-0"]
    assert listed(http, "label=m%C3%BCnchen&label=old") == ["3-0", "2-0", "1-0"]


def test_a_failure_function_state_may_be_in_either_field(dlq_emulator: Emulator, http: httpx.Client) -> None:
    dlq_emulator.add(
        {"dlqId": "1-0", "failureFunctionState": "CALLBACK_FAIL"},
        {"dlqId": "2-0", "failureCallbackInfo": {"state": "CALLBACK_FAIL"}},
        {"dlqId": "3-0", "failureCallbackInfo": {"state": "CALLBACK_SUCCESS"}},
        {"dlqId": "4-0", "failureCallbackInfo": "CALLBACK_FAIL"},
    )
    assert listed(http, "failureFunctionState=CALLBACK_FAIL") == ["2-0", "1-0"]
    assert listed(http, "failureFunctionState=CALLBACK_FAIL,CALLBACK_SUCCESS") == ["3-0", "2-0", "1-0"]


def test_runs_can_be_filtered_by_run_id_and_by_creation_time(dlq_emulator: Emulator, http: httpx.Client) -> None:
    dlq_emulator.add(
        {"dlqId": "1-0", "workflowRunId": "wfr_1", "workflowCreatedAt": 5},
        {"dlqId": "2-0", "workflowRunId": "wfr_12", "workflowCreatedAt": 6},
    )
    assert listed(http, "workflowRunId=wfr_1") == ["1-0"]
    assert listed(http, "workflowCreatedAt=6") == ["2-0"]


def test_different_filters_must_all_match(dlq_emulator: Emulator, http: httpx.Client) -> None:
    dlq_emulator.add(
        {"dlqId": "1-0", "label": "a", "callerIP": "x"},
        {"dlqId": "2-0", "label": "a", "callerIP": "y"},
        {"dlqId": "3-0", "label": "b", "callerIP": "x"},
    )
    assert listed(http, "label=a,b&callerIp=x") == ["3-0", "1-0"]
    assert listed(http, "label=a&callerIp=x&toDate=1") == ["1-0"]


def test_the_pages_of_a_filtered_list_have_every_match_once(dlq_emulator: Emulator, http: httpx.Client) -> None:
    runs = failed_runs(300)
    dlq_emulator.add(*runs)
    state = "CALLBACK_CANCELED"
    wanted = [
        run["dlqId"]
        for run in runs
        if state in (run.get("failureFunctionState"), run.get("failureCallbackInfo", {}).get("state"))
    ]
    assert list_all(http, failureFunctionState=state, count=7) == wanted
