"""The requests of a scan, and how it handles odd answers. tests/network shows that it is exact."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from conftest import Connect
from fakes import FakeClock, Sent, Wire, page
from upstash_workflow_dlq import DLQClient, InvalidResponseError, PaginationError, RateLimitError, Retry
from upstash_workflow_dlq._core.retries import LEAST_WAIT_FOR_LIMITS, RateLimitWait
from upstash_workflow_dlq._net.lists import PageIterator

T = 1_790_000_000_000


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"workers": 0}, ValueError, "workers is 0; it must be 1 to 64"),
        ({"workers": 65}, ValueError, "workers is 65"),
        ({"workers": True}, TypeError, "workers takes an int"),
        ({"workers": "8"}, TypeError, "workers takes an int"),
        ({"from_date": 1790000000002, "to_date": 1790000000001}, ValueError, "from_date is after to_date"),
        ({"from_date": "2026-11-22"}, ValueError, "no time zone"),
        ({"label": ""}, ValueError, "label is empty"),
        ({"flavour": "sour"}, TypeError, "there is no filter 'flavour'"),
        ({"limit": 5}, TypeError, "there is no filter 'limit'"),
    ],
)
def test_bad_arguments_are_refused_before_anything_is_sent(
    connect: Connect, arguments: dict[str, Any], error: type[Exception], message: str
) -> None:
    wire = Wire()
    with pytest.raises(error, match=message):
        connect(transport=wire).scan(**arguments)
    assert wire.sent == []


def test_prefetch_is_true_or_false(connect: Connect) -> None:
    with pytest.raises(TypeError, match="prefetch takes True or False, not int"):
        connect(transport=Wire()).list(prefetch=1)  # type: ignore[arg-type]


def test_one_worker_reads_everything_there_is(connect: Connect) -> None:
    wire = Wire(page("1", "2", cursor="a"), page("3"))
    runs = connect(transport=wire).scan(workers=1, label="billing")
    assert wire.sent == []
    assert [run.dlq_id for run in runs] == ["1", "2", "3"]
    assert wire.sent == [
        "GET /v2/workflows/dlq?count=100&fromDate=0&label=billing",
        "GET /v2/workflows/dlq?cursor=a&count=100&fromDate=0&label=billing",
    ]


@pytest.mark.parametrize(
    ("dates", "windows"),
    [
        ((T, T + 9), {f"fromDate={T}&toDate={T + 4}", f"fromDate={T + 5}&toDate={T + 9}"}),
        ((T, T), {f"fromDate={T}&toDate={T}"}),
        ((T, T + 1), {f"fromDate={T}&toDate={T}", f"fromDate={T + 1}&toDate={T + 1}"}),
        ((4_000_000_000_000, None), {"fromDate=4000000000000"}),
    ],
)
def test_two_workers_share_the_range(connect: Connect, dates: tuple[int, int | None], windows: set[str]) -> None:
    wire = Wire(page(), forever=True)
    assert list(connect(transport=wire).scan(*dates, workers=2)) == []
    assert set(wire.sent) == {Sent(f"GET /v2/workflows/dlq?count=100&{window}") for window in windows}


def test_runs_without_an_id_come_too(connect: Connect) -> None:
    messages = [{"workflowRunId": "a"}, {"workflowRunId": "b"}, {"dlqId": 7}]
    wire = Wire({"messages": messages})
    assert [run.to_dict() for run in connect(transport=wire).scan(workers=1)] == messages


def test_a_cursor_that_repeats_is_an_error_after_its_page(connect: Connect) -> None:
    wire = Wire(page("1", cursor="a"), page("2", cursor="a"))
    runs = iter(connect(transport=wire).scan(workers=1))
    assert [next(runs).dlq_id, next(runs).dlq_id] == ["1", "2"]
    with pytest.raises(PaginationError, match="'a' twice"):
        next(runs)


def test_an_iterator_that_was_closed_has_ended() -> None:
    wire = Wire(page("1", cursor="a"), page("2"), forever=True)
    with DLQClient("t0ken", transport=wire) as client:
        for iterable in (client.list(prefetch=True), client.scan(workers=1)):
            pages = PageIterator(iter(iterable)._pages)  # type: ignore[attr-defined]
            assert next(pages).runs[0].dlq_id
            pages.close()
            assert next(pages, None) is None


def limited(retry_after: float | None = None) -> RateLimitError:
    error = RateLimitError("slow down", status_code=429, body=b"", method="GET", url="https://q", request_id=None)
    error.retry_after = retry_after
    return error


def test_scans_wait_as_asked_or_longer_each_time_until_a_page_arrives(clock: FakeClock) -> None:
    wait = RateLimitWait(Retry(total=1, backoff_factor=1.0, backoff_jitter=0.0, total_timeout=60), clock)
    assert [wait.after(limited(seconds)) for seconds in (3.0, None, None, 0.0)] == [3.0, 4.0, 8.0, 16.0]
    wait.page_arrived()
    assert wait.after(limited()) == 2.0


def test_scans_do_not_wait_for_a_limit_that_lifts_too_late(clock: FakeClock) -> None:
    assert RateLimitWait(..., clock).after(limited(59.0)) == 59.0
    assert RateLimitWait(..., clock).after(limited(61.0)) is None
    wait = RateLimitWait(Retry(total_timeout=10), clock)
    assert wait.after(limited(6.0)) == 6.0
    clock.sleep(6.0)
    assert wait.after(limited(6.0)) is None


def test_scans_wait_a_little_whatever_the_rules_say(clock: FakeClock) -> None:
    assert RateLimitWait(Retry(backoff_factor=0.0), clock).after(limited(0.0)) == LEAST_WAIT_FOR_LIMITS


def test_answers_that_are_no_pages_are_raised(connect: Connect) -> None:
    with pytest.raises(InvalidResponseError):
        list(connect(transport=Wire(httpx.Response(200, content=b"<html>"), forever=True), retry=None).scan(workers=2))
