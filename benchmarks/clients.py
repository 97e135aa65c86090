"""The compared clients. Each lists the queue at a URL, reads four fields of each run, returns the count."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

TOKEN = "benchmark-token"  # noqa: S105 - it guards nothing

# A redrive that nothing slows down: one wave, and a single look after it.
AT_FULL_SPEED: Any = {"rate": 10_000, "canary": 10**6, "wave_max": 10**6, "watch": timedelta(0)}

# Called with the count after each run, to measure while the list is being read.
Look = Callable[[int], object] | None


def ours(url: str, limit: int | None = None, look: Look = None) -> int:
    from upstash_workflow_dlq import DLQClient

    count = 0
    with DLQClient(TOKEN, base_url=url) as dlq:
        for run in dlq.list(limit=limit):
            _ = (run.dlq_id, run.workflow_run_id, run.created_at, run.response_status)
            count += 1
            if look is not None:
                look(count)
    return count


async def _ours_async(url: str) -> int:
    from upstash_workflow_dlq import AsyncDLQClient

    count = 0
    async with AsyncDLQClient(TOKEN, base_url=url) as dlq:
        async for run in dlq.list():
            _ = (run.dlq_id, run.workflow_run_id, run.created_at, run.response_status)
            count += 1
    return count


def scan(url: str, *dates: int, workers: int = 8) -> int:
    from upstash_workflow_dlq import DLQClient

    with DLQClient(TOKEN, base_url=url) as dlq:
        return len({run.dlq_id for run in dlq.scan(*dates, workers=workers)})


async def _scan_async(url: str, *dates: int) -> int:
    from upstash_workflow_dlq import AsyncDLQClient

    async with AsyncDLQClient(TOKEN, base_url=url) as dlq:
        return len({run.dlq_id async for run in dlq.scan(*dates)})


def qstash(url: str, limit: int | None = None, look: Look = None) -> int:
    from qstash import QStash

    client = QStash(TOKEN, base_url=url)
    count, cursor = 0, None
    while True:
        page = client.dlq.list(cursor=cursor, count=100)
        for message in page.messages:
            # It lacks workflow_run_id.
            _ = (message.dlq_id, message.message_id, message.created_at, message.response_status)
            count += 1
            if look is not None:
                look(count)
        cursor = page.cursor
        if not cursor or count == limit:
            return count


async def _qstash_async(url: str) -> int:
    from qstash import AsyncQStash

    client = AsyncQStash(TOKEN, base_url=url)
    count, cursor = 0, None
    while True:
        page = await client.dlq.list(cursor=cursor, count=100)
        for message in page.messages:
            _ = (message.dlq_id, message.message_id, message.created_at, message.response_status)
            count += 1
        cursor = page.cursor
        if not cursor:
            return count


def generated(url: str, limit: int | None = None, look: Look = None) -> int:
    from upstash_workflow_rest import AuthenticatedClient
    from upstash_workflow_rest.api.dlq import list_failed_runs
    from upstash_workflow_rest.models import FailedRunsPage
    from upstash_workflow_rest.types import UNSET

    with AuthenticatedClient(url, TOKEN) as client:
        count = 0
        cursor: Any = UNSET
        while True:
            page = list_failed_runs.sync(client=client, cursor=cursor)
            assert isinstance(page, FailedRunsPage)  # noqa: S101
            for message in page.messages or []:
                _ = (message.dlq_id, message.workflow_run_id, message.created_at, message.response_status)
                count += 1
                if look is not None:
                    look(count)
            cursor = page.cursor
            if not cursor or count == limit:
                return count


async def _generated_async(url: str) -> int:
    from upstash_workflow_rest import AuthenticatedClient
    from upstash_workflow_rest.api.dlq import list_failed_runs
    from upstash_workflow_rest.models import FailedRunsPage
    from upstash_workflow_rest.types import UNSET

    async with AuthenticatedClient(url, TOKEN) as client:
        count = 0
        cursor: Any = UNSET
        while True:
            page = await list_failed_runs.asyncio(client=client, cursor=cursor)
            assert isinstance(page, FailedRunsPage)  # noqa: S101
            for message in page.messages or []:
                _ = (message.dlq_id, message.workflow_run_id, message.created_at, message.response_status)
                count += 1
            cursor = page.cursor
            if not cursor:
                return count


def transport(url: str) -> int:
    """No client: the pages as bytes through httpx's transport, without retries, decoding or runs."""
    import httpx

    count, cursor = 0, ""
    with httpx.HTTPTransport() as http:
        while True:
            target = f"{url}/v2/workflows/dlq?count=100{cursor}"
            response = http.handle_request(httpx.Request("GET", target, headers={"Authorization": f"Bearer {TOKEN}"}))
            content = response.read()
            count += content.count(b'"dlqId"')
            _, found, rest = content[-40:].rpartition(b'"cursor":"')
            if not found:
                return count
            cursor = f"&cursor={rest[:-2].decode()}"


def ours_async(url: str) -> int:
    return asyncio.run(_ours_async(url))


def scan_async(url: str, *dates: int) -> int:
    return asyncio.run(_scan_async(url, *dates))


def qstash_async(url: str) -> int:
    return asyncio.run(_qstash_async(url))


def generated_async(url: str) -> int:
    return asyncio.run(_generated_async(url))


SYNC: dict[str, Callable[[str], int]] = {
    "ours": ours,
    "qstash": qstash,
    "generated": generated,
    "transport": transport,
}
ASYNC: dict[str, Callable[[str], int]] = {
    "ours": ours_async,
    "qstash": qstash_async,
    "generated": generated_async,
}


def resumes(url: str, ids: list[str], workers: int) -> int:
    """Each by itself, by so many threads."""
    from concurrent.futures import ThreadPoolExecutor

    from upstash_workflow_dlq import DLQClient

    with DLQClient(TOKEN, base_url=url) as dlq, ThreadPoolExecutor(workers) as threads:
        return len({started.workflow_run_id for started in threads.map(dlq.resume, ids)})


def resumes_async(url: str, ids: list[str], workers: int) -> int:
    from upstash_workflow_dlq import AsyncDLQClient

    async def resume() -> int:
        left, started = iter(ids), set()

        async def work() -> None:
            for dlq_id in left:
                started.add((await dlq.resume(dlq_id)).workflow_run_id)

        async with AsyncDLQClient(TOKEN, base_url=url) as dlq:
            await asyncio.gather(*(work() for _ in range(workers)))
        return len(started)

    return asyncio.run(resume())


def redrive(url: str, path: Path, workers: int) -> int:
    from upstash_workflow_dlq import DLQClient
    from upstash_workflow_dlq.redrive import Redrive

    with DLQClient(TOKEN, base_url=url) as dlq, Redrive(path) as redrive:
        return sum(wave.started for wave in redrive.run(dlq, workers=workers, **AT_FULL_SPEED))


def redrive_async(url: str, path: Path, workers: int) -> int:
    from upstash_workflow_dlq import AsyncDLQClient
    from upstash_workflow_dlq.redrive import AsyncRedrive

    async def run() -> int:
        async with AsyncDLQClient(TOKEN, base_url=url) as dlq, AsyncRedrive(path) as redrive:
            return sum([wave.started async for wave in redrive.run(dlq, workers=workers, **AT_FULL_SPEED)])

    return asyncio.run(run())
