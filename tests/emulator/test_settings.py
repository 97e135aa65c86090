"""`Settings`, which apply to every request."""

import logging
from typing import Any

import httpx
import pytest
from upstash_workflow_dlq.emulator import Emulator, Settings, failed_runs, faults


def page_sizes(http: httpx.Client, **params: Any) -> tuple[list[int], list[str]]:
    sizes: list[int] = []
    ids: list[str] = []
    cursors: list[str] = []
    while True:
        page = http.get("/dlq", params=params).json()
        sizes.append(len(page["messages"]))
        ids += [run["dlqId"] for run in page["messages"]]
        if "cursor" not in page:
            return sizes, ids
        assert page["cursor"] not in cursors
        cursors.append(page["cursor"])
        params["cursor"] = page["cursor"]


@pytest.mark.parametrize(
    ("end", "text"),
    [
        ("absent", '{"messages":[]}'),
        ("empty", '{"cursor":"","messages":[]}'),
        ("null", '{"cursor":null,"messages":[]}'),
    ],
)
def test_a_list_can_end_in_three_ways(dlq_emulator: Emulator, http: httpx.Client, end: Any, text: str) -> None:
    dlq_emulator.settings.cursor_end = end
    assert http.get("/dlq").text == text


@pytest.mark.parametrize(
    ("every", "sizes"),
    [
        (0, [2, 2, 2, 2, 1]),
        (1, [0, 2, 0, 2, 0, 2, 0, 2, 0, 1]),
        (2, [2, 0, 2, 2, 0, 2, 1]),
        (3, [2, 2, 0, 2, 2, 1]),
        (9, [2, 2, 2, 2, 1]),
    ],
)
def test_empty_pages_lose_no_runs(dlq_emulator: Emulator, http: httpx.Client, every: int, sizes: list[int]) -> None:
    ids = dlq_emulator.add(*failed_runs(9))
    dlq_emulator.settings.empty_pages = every
    assert page_sizes(http, count=2) == (sizes, ids)


def test_an_empty_list_has_an_empty_page_too(dlq_emulator: Emulator, http: httpx.Client) -> None:
    dlq_emulator.settings.empty_pages = 1
    assert page_sizes(http, label="none") == ([0, 0], [])


def test_fields_can_be_left_out_or_null_in_every_run(dlq_emulator: Emulator, http: httpx.Client) -> None:
    dlq_emulator.add({"dlqId": "1-0", "url": "u", "method": "POST"})
    dlq_emulator.settings.missing = ["url", "body"]
    dlq_emulator.settings.null = ["method", "header"]
    delivered = {"dlqId": "1-0", "method": None, "header": None}
    assert http.get("/dlq").json()["messages"] == [delivered]
    assert http.get("/dlq/1-0").json() == delivered
    assert dlq_emulator.runs == [{"dlqId": "1-0", "url": "u", "method": "POST"}]


def test_filters_compare_the_run_and_not_what_is_delivered(dlq_emulator: Emulator, http: httpx.Client) -> None:
    dlq_emulator.add({"dlqId": "1-0", "label": "a"})
    dlq_emulator.settings.missing = ["label"]
    assert http.get("/dlq?label=a").json()["messages"] == [{"dlqId": "1-0"}]


def test_latency_makes_a_client_wait(dlq_emulator: Emulator, http: httpx.Client) -> None:
    http.get("/dlq").raise_for_status()
    dlq_emulator.settings.latency = 30
    with pytest.raises(httpx.ReadTimeout):
        http.get("/dlq", timeout=0.05)
    dlq_emulator.settings.latency = 0.01
    assert http.get("/dlq").status_code == 200


def test_fault_shares_hit_the_same_requests_every_time() -> None:
    settings = Settings(fault_shares={faults.status(503): 0.3, faults.burst_limit(): 0.2})
    seen = []
    for _ in range(2):
        with Emulator(settings=settings) as dlq, httpx.Client(base_url=dlq.url) as client:
            path = f"/v2/workflows/dlq?qstash_token={dlq.token}"
            seen.append([client.get(path).status_code for _ in range(60)])
    assert seen[0] == seen[1]
    assert 8 < seen[0].count(503) < 28
    assert 4 < seen[0].count(429) < 20
    assert set(seen[0]) == {200, 429, 503}


def test_a_setting_that_does_not_exist_cannot_be_set() -> None:
    with pytest.raises(AttributeError):
        Settings().latencies = 1  # type: ignore[attr-defined]


def test_a_bug_in_the_emulator_is_an_internal_server_error(
    dlq_emulator: Emulator, http: httpx.Client, caplog: pytest.LogCaptureFixture
) -> None:
    dlq_emulator.settings.cursor_end = "never"  # type: ignore[assignment]
    with caplog.at_level(logging.ERROR):
        response = http.get("/dlq")
        dlq_emulator.stop()  # the log is written after the response
    assert response.status_code == 500
    assert list(response.json()) == ["error"]
    assert "KeyError: 'never'" in caplog.text
