"""The one clock of a client. Tests put another in its place."""

from __future__ import annotations

import time


class SystemClock:
    """`now`: seconds on a clock that never goes back. `time`: Unix seconds. `sleep` and `asleep` wait for seconds."""

    def now(self) -> float:
        return time.monotonic()

    def time(self) -> float:
        return time.time()

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)

    async def asleep(self, seconds: float) -> None:
        import anyio  # few requests wait

        await anyio.sleep(seconds)
