"""Over real connections, sync and async: no fault of the service loses or doubles a run."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from blocking import collect
from conftest import Connect
from upstash_workflow_dlq import DLQClient, NotFoundError, RateLimitError, Retry, TransportError
from upstash_workflow_dlq.emulator import Emulator, Settings, failed_runs, faults

QUICK = Retry(total=5, backoff_factor=0.001, total_timeout=5)


def ids(runs: Any) -> list[str]:
    return [run.dlq_id for run in collect(runs)]


def expected(count: int) -> list[str]:
    return [run["dlqId"] for run in failed_runs(count)]


@pytest.mark.untraced
@pytest.mark.parametrize(
    "fault",
    [
        faults.reset(),
        faults.reset_after_acting(),
        faults.truncated(),
        faults.burst_limit(reset_in=0),
        faults.too_many_requests(retry_after=0),
        faults.html(502),
        faults.status(503),
    ],
    ids=str,
)
def test_a_walk_survives_faults_on_any_page(connect: Connect, fault: faults.Fault) -> None:
    with Emulator(runs=250) as emulator:
        client = connect(emulator.token, base_url=emulator.url, retry=QUICK)
        for page in range(3):
            emulator.fail(fault, times=2, after=page)
        assert ids(client.list(page_size=60)) == expected(250)
        assert len(emulator.requests) == 5 + 3 * 2


@pytest.mark.parametrize("fault", [faults.reset(), faults.reset_after_acting(), faults.truncated()], ids=str)
def test_a_delete_survives_a_lost_answer(connect: Connect, fault: faults.Fault) -> None:
    with Emulator(runs=3) as emulator:
        client = connect(emulator.token, base_url=emulator.url, retry=QUICK)
        emulator.fail(fault, method="DELETE")
        client.delete(expected(3)[1])
        assert ids(client.list()) == [expected(3)[0], expected(3)[2]]
        with pytest.raises(NotFoundError):
            client.delete(expected(3)[1])


@pytest.mark.untraced
@pytest.mark.parametrize("cursor_end", ["absent", "empty", "null"])
def test_a_walk_survives_the_ways_of_the_service(connect: Connect, cursor_end: Any) -> None:
    settings = Settings(cursor_end=cursor_end, empty_pages=2, missing=("labels",), null=("responseStatus", "header"))
    with Emulator(runs=250, settings=settings) as emulator:
        client = connect(emulator.token, base_url=emulator.url)
        runs = list(client.list(page_size=40))
        assert ids(runs) == expected(250)
        assert {run.response_status for run in runs} == {None}
        assert client.count() == 250


@pytest.mark.untraced
def test_filters_reach_the_service(connect: Connect) -> None:
    with Emulator(runs=250) as emulator:
        client = connect(emulator.token, base_url=emulator.url, auth="query")
        labelled = list(client.list(label=["billing", "email"]))
        assert labelled
        assert all({"billing", "email"} & set(run.labels) for run in labelled)
        assert len(labelled) == sum(1 for run in client.list() if {"billing", "email"} & set(run.labels))
        [newest] = client.list(from_date=labelled[0].workflow_created_at, limit=1)
        assert newest.dlq_id == expected(250)[0]
        assert client.count(response_status=489) == sum(1 for run in client.list() if run.response_status == 489)


@pytest.mark.untraced
def test_a_walk_goes_on_from_a_cursor_while_runs_are_deleted(connect: Connect) -> None:
    with Emulator(runs=100) as emulator:
        client = connect(emulator.token, base_url=emulator.url)
        first = next(client.list(page_size=30).pages())
        for run in first.runs[-5:]:
            client.delete(run)
        rest = ids(client.list(cursor=first.cursor, page_size=30))
        assert ids(first.runs) + rest == expected(100)


def test_a_daily_limit_is_raised_at_once(connect: Connect) -> None:
    with Emulator(runs=3) as emulator:
        client = connect(emulator.token, base_url=emulator.url)
        emulator.fail(faults.daily_limit())
        with pytest.raises(RateLimitError) as caught:
            client.count()
        assert caught.value.kind == "daily"
        assert caught.value.remaining == 0
        assert len(emulator.requests) == 1


def test_a_server_that_is_gone_is_a_transport_error(connect: Connect) -> None:
    emulator = Emulator()
    with emulator:
        client = connect(emulator.token, base_url=emulator.url, retry=None)
        assert client.count() == 0
    with pytest.raises(TransportError):
        client.count()


def test_an_answer_that_takes_too_long_is_a_transport_error(connect: Connect) -> None:
    with Emulator(runs=1) as emulator:
        emulator.fail(faults.slow(1))
        with pytest.raises(TransportError, match="ReadTimeout"):
            connect(emulator.token, base_url=emulator.url, retry=None, timeout=0.05).count()


@pytest.mark.untraced
def test_a_client_is_shared_between_threads() -> None:
    with Emulator(runs=250) as emulator, DLQClient(emulator.token, base_url=emulator.url, retry=QUICK) as client:
        emulator.fail(faults.reset(), times=3)
        seen: list[list[str]] = []
        threads = [threading.Thread(target=lambda: seen.append(ids(client.list(page_size=50)))) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert seen == [expected(250)] * 8


@pytest.mark.untraced
@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_a_client_is_shared_between_tasks(backend: str) -> None:
    import anyio
    from upstash_workflow_dlq import AsyncDLQClient

    seen: list[list[str | None]] = []

    async def walk(client: AsyncDLQClient) -> None:
        seen.append([run.dlq_id async for run in client.list(page_size=50)])

    async def main(emulator: Emulator) -> None:
        async with (
            AsyncDLQClient(emulator.token, base_url=emulator.url, retry=QUICK) as client,
            anyio.create_task_group() as tasks,
        ):
            for _ in range(8):
                tasks.start_soon(walk, client)

    with Emulator(runs=250) as emulator:
        emulator.fail(faults.reset(), times=3)
        anyio.run(main, emulator, backend=backend)
    assert seen == [expected(250)] * 8


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_an_iterator_shared_by_tasks_doubles_nothing_and_says_so(backend: str) -> None:
    import anyio
    from upstash_workflow_dlq import AsyncDLQClient

    seen: list[str | None] = []
    refused: list[str] = []

    async def main(emulator: Emulator) -> None:
        async with AsyncDLQClient(emulator.token, base_url=emulator.url) as client:
            iterator = aiter(client.list(page_size=10))

            async def walk() -> None:
                try:
                    async for run in iterator:
                        seen.append(run.dlq_id)
                except RuntimeError as error:
                    refused.append(str(error))

            async with anyio.create_task_group() as tasks:
                for _ in range(4):
                    tasks.start_soon(walk)

    with Emulator(runs=100) as emulator:
        anyio.run(main, emulator, backend=backend)
    assert sorted(map(str, seen)) == sorted(expected(100))
    assert refused == ["another thread or task is reading from this iterator: give each its own"] * 3


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_a_walk_goes_on_after_it_was_cancelled(backend: str) -> None:
    import anyio
    from upstash_workflow_dlq import AsyncDLQClient

    seen: list[str | None] = []

    async def main(emulator: Emulator) -> None:
        async with AsyncDLQClient(emulator.token, base_url=emulator.url) as client:
            iterator = aiter(client.list(page_size=10))
            while True:
                with anyio.move_on_after(0.03) as scope:
                    try:
                        seen.append((await anext(iterator)).dlq_id)
                    except StopAsyncIteration:
                        return
                if scope.cancelled_caught:
                    emulator.settings.latency = 0

    with Emulator(runs=100) as emulator:
        emulator.settings.latency = 0.2
        anyio.run(main, emulator, backend=backend)
    assert seen == expected(100)


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_leaving_a_walk_early_leaves_nothing_behind(backend: str) -> None:
    import anyio
    from upstash_workflow_dlq import AsyncDLQClient

    async def main(emulator: Emulator) -> None:
        async with AsyncDLQClient(emulator.token, base_url=emulator.url) as client:
            async for _ in client.list(page_size=10):
                break
            async for _ in client.list(page_size=10).pages():
                break
            with anyio.move_on_after(0.05):
                emulator.fail(faults.slow(1))
                await client.count()
            assert await client.count() == 30

    with Emulator(runs=30) as emulator:
        anyio.run(main, emulator, backend=backend)
