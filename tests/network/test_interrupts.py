"""Cancellations and Ctrl-C in a bulk call, over real connections: what was done reaches the caller."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable
from typing import Any

import anyio
import pytest
import trio
from upstash_workflow_dlq import AsyncDLQClient, BulkProgress, StartedRun, bulk_progress
from upstash_workflow_dlq.emulator import Emulator, faults

FIRST_BATCH = 50


async def resume_all(emulator: Emulator, seen: list[StartedRun]) -> None:
    """Begin with a batch that is answered, and go on with one that is not."""
    emulator.fail(faults.slow(5), method="POST", after=1)
    async with AsyncDLQClient(emulator.token, base_url=emulator.url) as client:
        await client.resume_many(all=True, on_batch=seen.extend)


def check(progress: BulkProgress | None, emulator: Emulator) -> None:
    assert progress is not None
    assert isinstance(progress.done, list)
    assert ids(progress.done) == ids(emulator.started)[:FIRST_BATCH]
    assert progress.cursor is not None


def ids(runs: Any) -> list[str]:
    return [run.workflow_run_id for run in runs]


async def until_first_batch(seen: list[StartedRun]) -> None:
    with anyio.fail_after(10):
        while not seen:
            await anyio.sleep(0.01)


async def _cancelled_task(emulator: Emulator, seen: list[StartedRun]) -> None:
    task = asyncio.create_task(resume_all(emulator, seen))
    await until_first_batch(seen)
    task.cancel()
    await task


async def _timeout(emulator: Emulator, seen: list[StartedRun]) -> None:
    async with asyncio.timeout(60) as timeout:
        task = asyncio.create_task(until_first_batch(seen))
        task.add_done_callback(lambda task: timeout.reschedule(0))
        await resume_all(emulator, seen)


async def _wait_for(emulator: Emulator, seen: list[StartedRun]) -> None:
    # Long enough for a first batch on a busy machine.
    await asyncio.wait_for(resume_all(emulator, seen), 1)


@pytest.mark.parametrize(
    ("interrupt", "kind"),
    [(_cancelled_task, asyncio.CancelledError), (_timeout, TimeoutError), (_wait_for, TimeoutError)],
)
def test_a_cancellation_in_asyncio_has_what_was_done(
    interrupt: Callable[[Emulator, list[StartedRun]], Awaitable[None]], kind: type[BaseException]
) -> None:
    seen: list[StartedRun] = []
    caught: list[BaseException] = []

    async def main(emulator: Emulator) -> None:
        try:
            await interrupt(emulator, seen)
        except kind as error:
            caught.append(error)

    with Emulator(runs=120) as emulator:
        asyncio.run(main(emulator))
        check(bulk_progress(caught[0]), emulator)
        assert ids(seen) == ids(emulator.started)[:FIRST_BATCH]


def test_a_cancellation_in_trio_has_what_was_done() -> None:
    seen: list[StartedRun] = []
    caught: list[BaseException] = []

    async def main(emulator: Emulator) -> None:
        async def resume() -> None:
            try:
                await resume_all(emulator, seen)
            except trio.Cancelled as error:
                caught.append(error)
                raise

        async with trio.open_nursery() as nursery:
            nursery.start_soon(resume)
            await until_first_batch(seen)
            nursery.cancel_scope.cancel()

    with Emulator(runs=120) as emulator:
        trio.run(main, emulator)
        check(bulk_progress(caught[0]), emulator)
        assert ids(seen) == ids(emulator.started)[:FIRST_BATCH]


SCRIPT = """
import sys
from upstash_workflow_dlq import DLQClient
with DLQClient() as client:
    client.resume_many(all=True, on_progress=lambda done: print(done, flush=True))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGINT to another process")
def test_ctrl_c_shows_what_was_started() -> None:
    with Emulator(runs=120) as emulator:
        emulator.fail(faults.slow(5), method="POST", after=1)
        environment = os.environ | {"QSTASH_URL": emulator.url, "QSTASH_TOKEN": emulator.token}
        command = [sys.executable, "-c", SCRIPT]
        pipe = subprocess.PIPE
        script = subprocess.Popen(command, env=environment, stdout=pipe, stderr=pipe, text=True)  # noqa: S603
        assert script.stdout is not None
        assert script.stdout.readline() == f"{FIRST_BATCH}\n"
        script.send_signal(signal.SIGINT)
        _, traceback = script.communicate(timeout=30)
        assert "KeyboardInterrupt" in traceback
        for run in emulator.started[:FIRST_BATCH]:
            assert run.workflow_run_id in traceback
