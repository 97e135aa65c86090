"""Async requests that end cleanly: at a deadline, and however often their task is cancelled."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

import httpx
import sniffio

T = TypeVar("T")


async def within(seconds: float | None, act: Callable[[], Awaitable[T]]) -> T:
    """Raise ReadTimeout if it takes longer."""
    import anyio

    with anyio.move_on_after(seconds):
        return await act()
    raise httpx.ReadTimeout(f"not complete after {seconds:.3g} s, the time that was left for it")


async def undisturbed(cleanup: Coroutine[Any, Any, None]) -> None:
    """Run it to its end. A shield of anyio, such as httpcore's, does not hold off a task's own `cancel` on asyncio."""
    import anyio

    with anyio.CancelScope(shield=True):
        if sniffio.current_async_library() == "asyncio":
            import asyncio

            await asyncio.shield(asyncio.get_running_loop().create_task(cleanup))
        else:
            await cleanup
