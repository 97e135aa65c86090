"""Async requests that end cleanly: at a deadline, and however often their task is cancelled."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

import httpx
import sniffio

T = TypeVar("T")


async def within(seconds: float | None, act: Callable[[], Awaitable[T]]) -> T:
    """Raise ReadTimeout if it takes longer. On asyncio it runs in a task of its own.

    httpcore gives a connection back under a shield that holds off anyio's cancellation, and not that of asyncio: a
    task that is cancelled twice, or while it closes, would leave the connection in use for ever. So the caller's task
    may be cancelled as it likes, and the request is cancelled by a scope of anyio.
    """
    import anyio

    scope = anyio.CancelScope()
    result: list[T] = []

    async def run() -> None:
        with scope:
            await anyio.lowlevel.checkpoint_if_cancelled()
            if seconds is not None:
                scope.deadline = anyio.current_time() + seconds
            result.append(await act())

    if sniffio.current_async_library() == "asyncio":
        import asyncio

        task = asyncio.get_running_loop().create_task(run())
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError:
            scope.cancel()
            raise
    else:
        await run()
    if not result:
        raise httpx.ReadTimeout(f"not complete after {seconds:.3g} s, the time that was left for it")
    return result[0]
