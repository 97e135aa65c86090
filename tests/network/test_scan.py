"""`scan` over real connections, sync and async: each run exactly once, even with faults and changes meanwhile."""

from __future__ import annotations

import asyncio
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from itertools import pairwise
from typing import Any, Literal

import anyio
import httpx
import pytest
import sniffio
import trio
from blocking import collect
from conftest import TOKEN, Connect
from pairs import CLIENTS, in_pairs
from upstash_workflow_dlq import (
    AsyncDLQClient,
    ClientClosedError,
    DLQClient,
    RateLimitError,
    Retry,
    ServerError,
    TransportError,
)
from upstash_workflow_dlq.emulator import Emulator, faults

DAY = 86_400_000
START = 1_790_000_000_000
END = START + 7 * DAY
DateField = Literal["dlqId", "createdAt", "workflowCreatedAt"]


def runs_at(moments: list[int], seed: int = 0) -> list[dict[str, Any]]:
    """Runs that entered the queue at these moments; their messages and runs are from before, by different spans."""
    rng = random.Random(seed)
    made = []
    for number, moment in enumerate(moments):
        created = moment - rng.randrange(60_000)
        began = created - rng.randrange(DAY)
        made.append({"dlqId": f"{moment}-{number}", "createdAt": created, "workflowCreatedAt": began, "labels": ["a"]})
    return made


def uniform(count: int) -> list[int]:
    return [START + (END - START) * number // count for number in range(count)]


def bursty(count: int) -> list[int]:
    rng = random.Random(1)
    burst = START + DAY
    moments = [burst + rng.randrange((END - START) // 20) for _ in range(count * 4 // 5)]
    return moments + [START + rng.randrange(END - START) for _ in range(count // 5)]


SHAPES = {
    "uniform": uniform(900),
    "bursty": bursty(1000),
    "a single millisecond": [START] * 700,
    "two milliseconds side by side": [START] * 350 + [START + 1] * 350,
    "few": uniform(7),
    "one": [START],
    "empty": [],
}


@pytest.fixture
def emulator() -> Iterator[Emulator]:
    with Emulator(token=TOKEN) as emulator:
        yield emulator


def ids(runs: Any) -> list[str]:
    return [run.dlq_id for run in collect(runs)]


def query_of(request: Any) -> httpx.QueryParams:
    return httpx.QueryParams(request.query)


def expected(emulator: Emulator) -> list[str]:
    return sorted(run["dlqId"] for run in emulator.runs)


@pytest.mark.untraced
@in_pairs({"connect": CLIENTS, "shape": list(SHAPES), "date_field": ["dlqId", "createdAt", "workflowCreatedAt"]})
def test_each_run_comes_exactly_once_whichever_moment_the_dates_mean(
    emulator: Emulator, connect: Connect, shape: str, date_field: DateField
) -> None:
    emulator.settings.date_field = date_field
    emulator.add(*runs_at(SHAPES[shape]))
    client = connect(base_url=emulator.url)
    assert sorted(ids(client.scan())) == expected(emulator)
    assert sorted(ids(client.scan(START - 2 * DAY, END))) == expected(emulator)


@pytest.mark.untraced
@pytest.mark.parametrize("workers", [1, 3, 64])
def test_any_number_of_workers_reads_the_same(emulator: Emulator, connect: Connect, workers: int) -> None:
    emulator.add(*runs_at(bursty(1000)))
    assert sorted(ids(connect(base_url=emulator.url).scan(workers=workers))) == expected(emulator)


@pytest.mark.parametrize("date_field", ["dlqId", "createdAt", "workflowCreatedAt"])
@pytest.mark.untraced
def test_dates_and_filters_select_as_in_a_list(emulator: Emulator, connect: Connect, date_field: DateField) -> None:
    emulator.settings.date_field = date_field
    for number, payload in enumerate(runs_at(uniform(600))):
        status = {"responseStatus": 500 + number % 3} if number % 5 else {"responseStatus": "broken"}
        emulator.add({**payload, "label": "odd" if number % 2 else "even", **status})
    client = connect(base_url=emulator.url)
    filters: dict[str, Any] = {"label": "odd", "response_status": [500, 502]}
    for dates in [(START + DAY, START + 3 * DAY), (START + DAY, None), (None, START + 3 * DAY), (START, START)]:
        listed = ids(client.list(from_date=dates[0], to_date=dates[1], **filters))
        assert sorted(ids(client.scan(*dates, **filters))) == sorted(listed)


def test_windows_are_disjoint_and_cover_all_of_time(emulator: Emulator, connect: Connect) -> None:
    now = time.time() * 1000
    assert list(connect(base_url=emulator.url).scan(workers=8)) == []
    queries = list(map(query_of, emulator.requests))
    windows = sorted((int(query["fromDate"]), int(query.get("toDate", 2**63))) for query in queries)
    assert len(windows) == 8, "nothing was there to split"
    assert windows[0][0] <= now - 92 * DAY, "the longest retention is three months"
    assert windows[-1][1] == 2**63, "clocks differ: the newest have no end"
    for (_, end), (start, _) in pairwise(windows):
        assert start == end + 1


@pytest.mark.untraced
def test_no_cursor_is_sent_with_other_dates_than_it_came_with(emulator: Emulator, connect: Connect) -> None:
    emulator.add(*runs_at(bursty(3000)))
    collect(connect(base_url=emulator.url).scan(START, END))
    walks: dict[tuple[str, str], list[str]] = {}
    for request in emulator.requests:
        query = query_of(request)
        walks.setdefault((query["fromDate"], query.get("toDate", "")), []).append(query.get("cursor", ""))
    assert all(cursors[0] == "" for cursors in walks.values())
    assert len(walks) > 8, "something was split"


@pytest.mark.untraced
def test_splitting_costs_a_bounded_number_of_requests(emulator: Emulator, connect: Connect) -> None:
    for shape in ("bursty", "a single millisecond", "uniform"):
        emulator.add(*({**run, "dlqId": run["dlqId"] + f"-{shape}"} for run in runs_at(SHAPES[shape])))
    pages = len(emulator.runs) / 100
    collect(connect(base_url=emulator.url).scan(workers=8))
    assert len(emulator.requests) < pages * 1.25 + 60


@pytest.mark.untraced
def test_it_survives_resets_limits_and_truncated_bodies(emulator: Emulator, connect: Connect) -> None:
    emulator.add(*runs_at(bursty(2000)))
    client = connect(base_url=emulator.url, retry=Retry(total=8, backoff_factor=0.001, total_timeout=60))
    emulator.settings.fault_shares = {
        faults.reset(): 0.05,
        faults.truncated(): 0.05,
        faults.status(503): 0.05,
        faults.too_many_requests(): 0.1,
    }
    assert sorted(ids(client.scan(START, END))) == expected(emulator)


def test_a_rate_limit_slows_all_workers_down_together(emulator: Emulator, connect: Connect) -> None:
    emulator.add(*runs_at(uniform(1000)))
    emulator.settings.latency = 0.02
    emulator.fail(faults.too_many_requests(retry_after=1), after=12)
    client = connect(base_url=emulator.url)
    with ThreadPoolExecutor() as pool:
        scanned = pool.submit(lambda: ids(client.scan(START, END, workers=8)))
        while len(emulator.requests) < 13:
            time.sleep(0.01)
        time.sleep(0.3)
        sent = len(emulator.requests)
        time.sleep(0.3)
        assert len(emulator.requests) == sent, "nobody sends anything while the limit holds"
        assert sorted(scanned.result()) == expected(emulator)


@pytest.mark.parametrize("retry", [None, Retry(status_forcelist=[503])], ids=["off", "not for limits"])
@pytest.mark.untraced
def test_with_no_retries_a_rate_limit_is_raised(emulator: Emulator, connect: Connect, retry: Retry | None) -> None:
    emulator.add(*runs_at(uniform(1000)))
    emulator.fail(faults.too_many_requests(retry_after=1), after=3)
    client = connect(base_url=emulator.url, retry=retry)
    with pytest.raises(RateLimitError):
        list(client.scan(START, END))


def test_a_limit_that_lifts_too_late_is_raised_at_once(emulator: Emulator, connect: Connect) -> None:
    emulator.add(*runs_at(uniform(1000)))
    emulator.fail(faults.daily_limit(reset_in=3600), after=4, times=8)
    before = time.monotonic()
    with pytest.raises(RateLimitError, match="No requests are left"):
        list(connect(base_url=emulator.url).scan(START, END))
    assert time.monotonic() - before < 20


@pytest.mark.untraced
def test_after_an_error_it_goes_on_and_nothing_is_lost_or_comes_twice(emulator: Emulator, connect: Connect) -> None:
    emulator.add(*runs_at(bursty(1500)))
    emulator.fail(faults.status(500), after=12, times=2)
    runs = iter(connect(base_url=emulator.url).scan(START, END))
    seen: list[str | None] = []
    errors = 0
    while True:
        try:
            seen.append(next(runs).dlq_id)
        except ServerError:
            errors += 1
            assert_no_background_threads()
        except StopIteration:
            break
    assert errors in {1, 2}
    assert Counter(seen) == Counter(expected(emulator))


@pytest.mark.untraced
def test_runs_that_are_there_throughout_come_exactly_once(emulator: Emulator, connect: Connect) -> None:
    stay = runs_at(bursty(1600))
    go = [{**run, "dlqId": run["dlqId"] + "-go"} for run in runs_at(bursty(400), seed=2)]
    emulator.add(*stay, *go)
    emulator.settings.latency = 0.002
    client = connect(base_url=emulator.url)
    with DLQClient(TOKEN, base_url=emulator.url) as other:
        seen: list[str | None] = []
        new = iter(runs_at([moment + 1 for moment in bursty(400)], seed=3))
        for number, run in enumerate(client.scan()):
            seen.append(run.dlq_id)
            if number % 20 == 0 and go:
                other.delete(go.pop()["dlqId"])
                fresh = next(new)
                emulator.add({**fresh, "dlqId": fresh["dlqId"] + "-new"})
    staying = {run["dlqId"] for run in stay}
    assert Counter(id for id in seen if id in staying) == Counter(staying)
    assert len(seen) == len(set(seen))


def background_threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("upstash-workflow-dlq-ahead")]


def assert_no_background_threads() -> None:
    """They end by themselves: nobody waits for them."""
    for _ in range(500):
        if not background_threads():
            return
        time.sleep(0.01)
    raise AssertionError(background_threads())


@pytest.mark.parametrize("arguments", [{"prefetch": True}, {}], ids=["list", "scan"])
def test_leaving_the_loop_stops_the_threads(emulator: Emulator, arguments: dict[str, Any]) -> None:
    emulator.add(*runs_at(uniform(2000)))
    emulator.settings.latency = 0.01
    with DLQClient(TOKEN, base_url=emulator.url) as client:
        for _ in client.list(**arguments) if arguments else client.scan():
            assert background_threads()
            break
        assert_no_background_threads()
        time.sleep(0.05)  # what was sent before has arrived by then
        sent = len(emulator.requests)
        time.sleep(0.05)
        assert len(emulator.requests) == sent
        with suppress(KeyError):
            for _ in client.list(**arguments) if arguments else client.scan():
                raise KeyError
        assert_no_background_threads()


def run_asyncio(main: Callable[[], Coroutine[Any, Any, Any]]) -> Any:
    # Not by anyio.run: that tells sniffio the library even where plain asyncio does not.
    return asyncio.run(main())


def run_trio(main: Callable[[], Coroutine[Any, Any, Any]]) -> Any:
    return trio.run(main)


LOOPS = pytest.mark.parametrize("run_loop", [run_asyncio, run_trio], ids=["asyncio", "trio"])
Loop = Callable[[Callable[[], Coroutine[Any, Any, Any]]], Any]


@LOOPS
@pytest.mark.untraced
def test_tasks_read_on_a_bare_event_loop(emulator: Emulator, run_loop: Loop) -> None:
    emulator.add(*runs_at(bursty(2000)))

    async def read() -> tuple[list[str | None], list[str | None]]:
        async with AsyncDLQClient(TOKEN, base_url=emulator.url) as client:
            scanned = [run.dlq_id async for run in client.scan()]
            return scanned, [run.dlq_id async for run in client.list(prefetch=True)]

    for seen in run_loop(read):
        assert Counter(seen) == Counter(expected(emulator))


@LOOPS
@pytest.mark.parametrize("arguments", [{"prefetch": True}, {}], ids=["list", "scan"])
@pytest.mark.untraced
def test_leaving_the_loop_stops_the_tasks(emulator: Emulator, run_loop: Loop, arguments: dict[str, Any]) -> None:
    emulator.add(*runs_at(uniform(2000)))
    emulator.settings.latency = 0.05

    async def leave() -> None:
        async with AsyncDLQClient(TOKEN, base_url=emulator.url) as client:
            async for _ in client.list(**arguments) if arguments else client.scan():
                break
            with anyio.fail_after(5):
                while background_tasks():
                    await anyio.sleep(0.01)
            sent = len(emulator.requests)
            await anyio.sleep(0.1)
            assert len(emulator.requests) == sent
            with anyio.move_on_after(0.01):
                async for _ in client.list(**arguments) if arguments else client.scan():
                    await anyio.sleep(0.001)
            async for _ in client.list(**arguments) if arguments else client.scan():
                break  # and closed at once

    run_loop(leave)


@LOOPS
@pytest.mark.parametrize("arguments", [{"prefetch": True}, {}], ids=["list", "scan"])
def test_an_iterator_that_is_kept_does_not_keep_the_event_loop(run_loop: Loop, arguments: dict[str, Any]) -> None:
    sent: list[httpx.Request] = []
    kept: list[Any] = []

    async def answer(request: httpx.Request) -> httpx.Response:
        sent.append(request)
        await anyio.sleep(0.01)
        return httpx.Response(200, json={"messages": [{"dlqId": str(len(sent))}], "cursor": str(len(sent))})

    async def leave() -> None:
        client = AsyncDLQClient(TOKEN, transport=httpx.MockTransport(answer))
        kept.append(aiter(client.list(**arguments) if arguments else client.scan()))
        assert await anext(kept[0])

    run_loop(leave)
    assert len(sent) < 40


@LOOPS
def test_pages_that_are_closed_have_ended_and_their_tasks_too(emulator: Emulator, run_loop: Loop) -> None:
    emulator.add(*runs_at(uniform(500)))

    async def close() -> None:
        async with AsyncDLQClient(TOKEN, base_url=emulator.url) as client:
            pages: Any = client.list(prefetch=True).pages()
            assert len((await anext(pages)).runs) == 100
            await pages.aclose()
            assert background_tasks() == []
            assert await anext(pages, None) is None

    run_loop(close)


def background_tasks() -> list[str]:
    """Names of our tasks on the running event loop."""
    if sniffio.current_async_library() == "asyncio":
        names = [task.get_name() for task in asyncio.all_tasks()]
    else:
        root = trio.lowlevel.current_root_task()
        assert root is not None
        names = [task.name for nursery in root.child_nurseries for task in nursery.child_tasks]
    return [name for name in names if "upstash-workflow-dlq" in name]


@pytest.mark.untraced
def test_a_slow_consumer_holds_the_workers_back(emulator: Emulator, connect: Connect) -> None:
    emulator.add(*runs_at(uniform(5000)))
    runs = iter(connect(base_url=emulator.url).scan(START, END, workers=4))
    next(runs)
    time.sleep(0.5)
    assert len(emulator.requests) <= 1 + 2 * 4, "two pages a worker, and the one that is looked at"
    assert len(collect(runs)) == 4999


@pytest.mark.untraced
def test_a_client_that_is_closed_stops_its_scans(emulator: Emulator, connect: Connect) -> None:
    emulator.add(*runs_at(uniform(3000)))
    client = connect(base_url=emulator.url)
    runs = iter(client.scan(START, END))
    next(runs)
    client.close()
    assert_no_background_threads()
    with pytest.raises(ClientClosedError):
        list(runs)


@pytest.mark.untraced
@pytest.mark.parametrize("arguments", [{"prefetch": True}, {}], ids=["list", "scan"])
def test_a_client_closed_meanwhile_does_not_look_like_the_end(
    emulator: Emulator, connect: Connect, arguments: dict[str, Any]
) -> None:
    emulator.add(*runs_at(uniform(3000)))
    client = connect(base_url=emulator.url, retry=None)
    runs = iter(client.list(**arguments) if arguments else client.scan(START, END))
    next(runs)
    emulator.settings.latency = 0.3
    with ThreadPoolExecutor() as pool:
        reading = pool.submit(list, runs)
        time.sleep(0.15)
        client.close()
        with pytest.raises((ClientClosedError, TransportError)):
            reading.result()


def test_leaving_a_scan_ends_its_wait_for_a_limit(emulator: Emulator, connect: Connect) -> None:
    emulator.add(*runs_at(uniform(1000)))
    emulator.fail(faults.too_many_requests(retry_after=30), after=2, times=50)
    runs = iter(connect(base_url=emulator.url).scan(START, END, workers=4))
    next(runs)
    time.sleep(0.2)
    before = time.monotonic()
    del runs
    assert_no_background_threads()
    assert time.monotonic() - before < 10


def test_leaving_a_scan_ends_its_wait_between_tries(emulator: Emulator) -> None:
    emulator.add(*runs_at(uniform(1000)))
    emulator.fail(faults.status(503, headers=(("Retry-After", "30"),)), after=2, times=50)
    with DLQClient(TOKEN, base_url=emulator.url) as client:
        before = time.monotonic()
        for _ in client.scan(START, END, workers=4):
            time.sleep(0.2)
            break
        assert_no_background_threads()
        assert time.monotonic() - before < 10


def test_an_iterator_serves_one_reader_at_a_time(emulator: Emulator) -> None:
    emulator.add(*runs_at(uniform(1000)))
    emulator.settings.latency = 0.2
    with DLQClient(TOKEN, base_url=emulator.url) as client:
        runs = iter(client.scan(START, END))
        first = threading.Thread(target=next, args=[runs])
        first.start()
        time.sleep(0.05)
        with pytest.raises(RuntimeError, match="another thread or task"):
            next(runs)
        first.join()


def test_a_scan_can_be_iterated_again(emulator: Emulator, connect: Connect) -> None:
    emulator.add(*runs_at(uniform(500)))
    runs = connect(base_url=emulator.url).scan(START, END)
    assert emulator.requests == []
    assert sorted(ids(runs)) == sorted(ids(runs)) == expected(emulator)


@pytest.mark.untraced
def test_each_worker_keeps_its_connection() -> None:
    connections = 0

    class Counting(asyncio.Protocol):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            nonlocal connections
            connections += 1
            assert isinstance(transport, asyncio.Transport)
            self.transport = transport

        def data_received(self, data: bytes) -> None:
            body = b'{"messages": []%b}' % (b"" if b"cursor=" in data else b', "cursor": "a"')
            head = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body)
            asyncio.get_running_loop().call_later(0.1, self.transport.write, head + body)

    async def read() -> None:
        server = await asyncio.get_running_loop().create_server(Counting, "127.0.0.1", 0)
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        async with server, AsyncDLQClient(TOKEN, base_url=url) as client:
            assert [run async for run in client.scan(START, END, workers=40)] == []

    asyncio.run(read())
    assert connections == 40


def test_nothing_listens(connect: Connect) -> None:
    client = connect(base_url="http://127.0.0.1:9", retry=None)
    with pytest.raises(TransportError):
        list(client.scan())


def test_scanned_runs_can_be_acted_on(emulator: Emulator, connect: Connect) -> None:
    emulator.add(*runs_at(uniform(250)))
    client = connect(base_url=emulator.url)
    client.delete_many(dlq_ids=collect(client.scan(START, END)))
    assert emulator.runs == []


def test_prefetch_reads_the_same_and_one_page_ahead(emulator: Emulator, connect: Connect) -> None:
    emulator.add(*runs_at(uniform(1000)))
    runs = iter(connect(base_url=emulator.url).list(prefetch=True))
    seen = [next(runs).dlq_id]
    while len(emulator.requests) < 2:
        time.sleep(0.01)
    time.sleep(0.1)
    assert len(emulator.requests) == 2
    seen += ids(runs)
    assert seen == [run["dlqId"] for run in emulator.runs]


def test_prefetch_keeps_to_limits_cursors_and_pages(emulator: Emulator, connect: Connect) -> None:
    emulator.add(*runs_at(uniform(600)))
    client = connect(base_url=emulator.url)
    choices: list[dict[str, Any]] = [{"limit": 250}, {"page_size": 30, "limit": 90}, {"limit": 0}, {"page_size": 100}]
    for options in choices:
        assert list(client.list(prefetch=True, **options).pages()) == list(client.list(**options).pages())
    sent = len(emulator.requests)
    first = client.list(prefetch=True).first()
    assert first is not None
    assert first.dlq_id == emulator.runs[0]["dlqId"]
    assert len(emulator.requests) == sent + 1


def test_prefetch_raises_errors_in_their_place_and_goes_on(emulator: Emulator, connect: Connect) -> None:
    emulator.add(*runs_at(uniform(500)))
    emulator.fail(faults.status(500), after=2)
    runs = iter(connect(base_url=emulator.url).list(prefetch=True))
    seen = [next(runs).dlq_id for _ in range(200)]
    with pytest.raises(ServerError):
        next(runs)
    assert seen + ids(runs) == [run["dlqId"] for run in emulator.runs]


@pytest.mark.untraced
@in_pairs({"connect": CLIENTS, "parts": [1, 3, 50], "date_field": ["dlqId", "createdAt", "workflowCreatedAt"]})
def test_the_lists_of_windows_are_together_the_list_of_the_range(
    emulator: Emulator, connect: Connect, parts: int, date_field: DateField
) -> None:
    emulator.settings.date_field = date_field
    emulator.add(*runs_at([*bursty(500), *[START + DAY] * 150]))
    client = connect(base_url=emulator.url)
    dates: dict[str, Any] = {"from_date": START + DAY // 2, "to_date": START + 5 * DAY}
    windows = client.windows(**dates, parts=parts, label="a")
    assert len(windows) == parts
    whole = ids(client.list(**dates, label="a"))
    assert 200 < len(whole) < 650
    assert sorted(run for window in windows for run in ids(client.list(**window))) == sorted(whole)
