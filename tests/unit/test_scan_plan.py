"""The plan of a scan against a service made of a list, with any number of requests under way, in any order."""

from __future__ import annotations

import json
import random
from collections import Counter
from datetime import UTC, datetime
from itertools import product
from typing import Any

import pytest
from pairs import in_pairs
from upstash_workflow_dlq import RunFilters
from upstash_workflow_dlq._core.answers import Answer
from upstash_workflow_dlq._core.reading import Page
from upstash_workflow_dlq._core.scan import Scan, ScanRequest
from upstash_workflow_dlq._core.times import to_milliseconds
from upstash_workflow_dlq._core.window import Window

DAY = 86_400_000
START = 1_790_000_000_000
NOW = START + 10 * DAY


class Service:
    """Its dates look at a moment that no payload need show, its order is its own, its cursors are offsets."""

    def __init__(self, runs: list[tuple[int, dict[str, Any]]]) -> None:
        self.runs = runs
        self.requests = 0

    def answer(self, params: dict[str, Any]) -> Answer:
        self.requests += 1
        first, last = params["fromDate"], params.get("toDate", 2**63)
        matching = [run for moment, run in self.runs if first <= moment <= last]
        begin = int(params.get("cursor", 0))
        payload: dict[str, Any] = {"messages": matching[begin : begin + params["count"]]}
        if begin + params["count"] < len(matching):
            payload["cursor"] = str(begin + params["count"])
        return Answer(
            200, {}, json.dumps(payload).encode(), "GET", "https://q", maybe_done_before=False, received_at=0.0
        )


def planned(dates: RunFilters, workers: int) -> Scan:
    return Scan(ScanRequest.parse(dates, workers), None, now=lambda: 0.0, started_at=NOW)


def read(window: Window, service: Service) -> Page | None:
    flow = window.next_page()
    try:
        call = next(flow)
        flow.send(service.answer(call.kwargs["params"]))
    except StopIteration as returned:
        page: Page | None = returned.value
        return page
    raise AssertionError("a page takes one request")


def scanned(service: Service, rng: random.Random, workers: int, **dates: int | datetime) -> list[dict[str, Any]]:
    scan = planned({**dates}, workers)  # type: ignore[typeddict-item]
    under_way: list[Window] = []
    seen: list[dict[str, Any]] = []
    while True:
        while len(under_way) < workers and (window := scan.take()) is not None:
            under_way.append(window)
        if not under_way:
            return seen
        window = under_way.pop(rng.randrange(len(under_way)))
        if rng.random() < 0.05:
            if not scan.failed(window, ValueError("it broke")):
                scan.put_back(window)
            continue
        page = scan.done(window, read(window, service))
        seen += [run.to_dict() for run in page.runs] if page else []


def moments(rng: random.Random, shape: str, count: int) -> list[int]:
    if shape == "one millisecond":
        return [START] * count
    if shape == "bursts":
        bursts = [START + rng.randrange(30 * DAY) for _ in range(3)]
        return [rng.choice(bursts) + rng.randrange(3_600_000) for _ in range(count)]
    if shape == "long ago":
        return [rng.randrange(10**9) for _ in range(count)]
    return [START + rng.randrange(7 * DAY) for _ in range(count)]


SHAPES = ["spread", "bursts", "one millisecond", "long ago"]
ORDERS = ["newest first", "oldest first", "none"]
SHOWN = ["the moment", "another", "nothing", "nonsense"]
WORKERS = [1, 2, 8, 64]


@pytest.mark.untraced
# Where a window is split depends on three of these at once.
@in_pairs({("shape", "shown"): list(product(SHAPES, SHOWN)), "order": ORDERS, "workers": WORKERS})
def test_each_run_comes_exactly_once(shape: str, shown: str, order: str, workers: int) -> None:
    check_that_each_run_comes_once(700, shape, shown, order, workers)


@in_pairs({"count": [0, 1, 99, 100, 101], "shape": SHAPES, "shown": SHOWN, "order": ORDERS, "workers": WORKERS})
def test_each_run_of_a_page_or_so_comes_exactly_once(
    count: int, shape: str, shown: str, order: str, workers: int
) -> None:
    check_that_each_run_comes_once(count, shape, shown, order, workers)


def check_that_each_run_comes_once(count: int, shape: str, shown: str, order: str, workers: int) -> None:
    rng = random.Random(f"{count} {shape} {shown} {order} {workers}")
    runs: list[tuple[int, dict[str, Any]]] = []
    for number, moment in enumerate(sorted(moments(rng, shape, count))):
        payloads: dict[str, dict[str, Any]] = {
            "the moment": {"createdAt": moment},
            "another": {"createdAt": moment - rng.randrange(DAY)},
            "nothing": {},
            "nonsense": {"createdAt": rng.choice([None, "x", -5, 2**70, START, [1]])},
        }
        runs.append((moment, {"dlqId": f"{number}-x", **payloads[shown]}))
    if order == "none":
        rng.shuffle(runs)
    elif order == "newest first":
        runs.reverse()
    service = Service(runs)
    seen = scanned(service, rng, workers)
    assert Counter(run["dlqId"] for run in seen) == Counter(run["dlqId"] for _, run in runs)
    assert service.requests <= len(runs) / 100 * 2 + 6 * workers + 5


def test_runs_with_odd_ids_or_none_come_exactly_once_where_windows_are_split() -> None:
    rng = random.Random(1)
    odd: list[dict[str, Any]] = [
        {},
        {"dlqId": ""},
        {"dlqId": None},
        {"dlqId": 7},
        {"dlqId": "a\0b"},
        {"dlqId": "a"},
        {"dlqId": "b"},
    ]
    runs = [
        (START + number * 1000, {**(odd[number] if number < len(odd) else {}), "workflowRunId": str(number)})
        for number in range(1000)
    ]
    service = Service(runs[::-1])
    seen = scanned(service, rng, 8)
    assert Counter(run["workflowRunId"] for run in seen) == Counter(run["workflowRunId"] for _, run in runs)
    assert service.requests > 11, "something was split"


def shown(moments: list[int], *, newest_first: bool = True) -> Service:
    """Runs that show the moment that dates look at."""
    ordered = sorted(moments, reverse=newest_first)
    return Service([(moment, {"dlqId": f"{moment}-{n}", "createdAt": moment}) for n, moment in enumerate(ordered)])


def rounds_taken(service: Service, workers: int, dates: RunFilters) -> int:
    """How many rounds a scan takes whose workers send their requests at the same time."""
    scan = planned(dates, workers)
    rounds, seen = 0, 0
    while windows := [window for _ in range(workers) if (window := scan.take()) is not None]:
        rounds += 1
        for window in windows:
            page = scan.done(window, read(window, service))
            seen += len(page.runs) if page else 0
    assert seen == len(service.runs)
    return rounds


def burst(rng: random.Random, runs: int, start: int, length: int) -> list[int]:
    return [start + rng.randrange(length) for _ in range(runs)]


HOUR = 3_600_000


def test_a_burst_is_shared_by_all_workers() -> None:
    service = shown(burst(random.Random(1), 4000, START + 5 * DAY, HOUR))
    rounds = rounds_taken(service, 8, {"from_date": START, "to_date": START + 7 * DAY})
    assert rounds < 16, "of forty pages in an hour of a week"


@pytest.mark.untraced
@pytest.mark.parametrize("newest_first", [True, False])
@pytest.mark.parametrize("days_ago", [30, 59, 80])
def test_without_dates_finding_an_old_week_costs_three_rounds_at_most(days_ago: int, newest_first: bool) -> None:
    start = NOW - days_ago * DAY
    service = shown([start + 7 * DAY * number // 10_000 for number in range(10_000)], newest_first=newest_first)
    assert rounds_taken(service, 8, {}) <= 13 + 3
    assert service.requests <= 125, "of a hundred pages"


@pytest.mark.untraced
def test_without_dates_a_week_is_found_whose_end_lies_far_from_where_it_could_be() -> None:
    start = NOW - 66 * DAY
    service = shown([start + 7 * DAY * number // 10_000 for number in range(10_000)])
    assert rounds_taken(service, 8, {}) <= 14
    assert service.requests <= 112


@pytest.mark.untraced
def test_without_dates_bursts_are_shared_by_all_workers_and_few_requests_are_in_vain() -> None:
    taken = []
    for seed in range(5):
        rng = random.Random(seed)
        start = NOW - 60 * DAY
        loud = burst(rng, 8000, start + rng.randrange(6 * DAY), 7 * DAY // 20)
        service = shown(loud + burst(rng, 2000, start, 7 * DAY))
        taken.append(rounds_taken(service, 8, {}))
        assert service.requests <= 100 + 3 * 8 + service.requests / 4
    assert sum(taken) / len(taken) < 20, "of a hundred pages, eighty in a twentieth of the time"


def test_without_dates_a_window_that_may_be_endless_is_shared_as_soon_as_its_first_page_is_there() -> None:
    service = shown([NOW - 50 * DAY + number * 60_000 for number in range(1000)])
    scan = planned({}, 8)
    windows = [window for _ in range(8) if (window := scan.take()) is not None]
    answers = [(window, read(window, service)) for window in windows]
    # The one with runs is answered first.
    answers.sort(key=lambda answer: answer[1] is None or not answer[1].runs)
    parts = []
    for window, page in answers:
        scan.done(window, page)
        part = scan.take()
        assert part is not None
        parts.append(part)
    assert len({*windows, *parts}) == 16, "every worker has a part of its own"


def test_dates_before_1970_are_dates() -> None:
    first, last = datetime(1960, 1, 1, tzinfo=UTC), datetime(1969, 1, 1, tzinfo=UTC)
    start, end = to_milliseconds(first), to_milliseconds(last)
    runs = [(moment, {"dlqId": str(moment)}) for moment in (start, (start + end) // 2, end, 0, 5)]
    assert len(scanned(Service(runs), random.Random(0), 2, from_date=first, to_date=last)) == 3
    assert len(scanned(Service(runs), random.Random(0), 2, to_date=datetime(1965, 1, 1, tzinfo=UTC))) <= 2
