"""The async redrive, on asyncio and trio."""

from __future__ import annotations

import time
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Iterator
from functools import partial
from itertools import islice
from math import inf
from os import PathLike, fspath
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar, Unpack

import anyio
from anyio.to_thread import run_sync

from .. import FailedRun, NotFoundError
from ..triage import Summary
from ._base import PROGRESS_SECONDS, File, Progress, RunOptions, check_workers, given
from ._effects import Act, Ask, Begin, Effect, Finished, Flow, Keep, Request, Stopped, Tell, Tick, Until
from ._flow import redrive
from ._lock import RunLock
from ._model import Action, RedriveResult, RedriveStatus, Settings, Wave
from ._planning import Named, Planner, Selection
from ._sending import MAX_WORKERS

if TYPE_CHECKING:
    from anyio.abc import TaskGroup

    from .. import AsyncDLQClient

T = TypeVar("T")


class AsyncRedrive:
    """As `Redrive`. The journal is used in threads of its own, so that the event loop does not wait for the disk.

    ```python
    import asyncio

    from upstash_workflow_dlq import AsyncDLQClient
    from upstash_workflow_dlq.redrive import AsyncRedrive


    async def main() -> None:
        async with AsyncDLQClient() as dlq:
            redrive = await AsyncRedrive.plan(
                "email.redrive", dlq, "resume", label="email"
            )
            async with redrive:
                async for wave in redrive.run(dlq, rate=5):
                    print(wave)


    asyncio.run(main())
    ```
    """

    def __init__(self, path: str | PathLike[str]) -> None:
        """As `Redrive`."""
        self._file = File(path)

    @classmethod
    async def plan(
        cls,
        path: str | PathLike[str],
        dlq: AsyncDLQClient,
        action: Action,
        *,
        on_progress: Callable[[int], object] | None = None,
        **selection: Any,
    ) -> Self:
        """As `Redrive.plan`; `dlq_ids` may be an async iterable, too."""
        wanted = Selection(action, selection)
        if action != "delete":
            await getattr(dlq, f"{action}_many")(dlq_ids=[], overrides=wanted.overrides)  # checks, and sends nothing
        with Planner(Path(fspath(path)), wanted, dlq.base_url, dlq.region, on_progress) as planner:
            if wanted.ids is None:
                async for run in dlq.scan(**wanted.filters):
                    if wanted.matches(run):
                        planner.add(run)
            else:
                await _add_named(planner, dlq, wanted)
        return cls(path)

    def run(
        self,
        dlq: AsyncDLQClient,
        *,
        force: bool = False,
        again: bool = False,
        workers: int = MAX_WORKERS,
        on_progress: Progress | None = None,
        **settings: Unpack[RunOptions],
    ) -> AsyncIterator[Wave]:
        """As `Redrive.run`, for `async for`. Cancelling it waits for the requests that are under way."""
        given(settings)
        flow = redrive(force=force, again=again, workers=check_workers(workers))
        return _Waves(self._file, dlq, flow, on_progress, settings)

    async def status(self) -> RedriveStatus:
        """As `Redrive.status`."""
        return await run_sync(self._file.status)

    async def settings(self) -> Settings:
        """As `Redrive.settings`."""
        return await run_sync(self._file.settings)

    async def results(self) -> AsyncIterator[RedriveResult]:
        """As `Redrive.results`, for `async for`."""
        results = self._file.results()
        while many := await run_sync(_some, results):
            for result in many:
                yield result

    async def failed_again(self) -> Summary:
        """As `Redrive.failed_again`."""
        return await run_sync(self._file.failed_again)

    async def failed_run(self, dlq_id: str) -> FailedRun:
        """As `Redrive.failed_run`."""
        return await run_sync(self._file.failed_run, dlq_id)

    async def set_rate(self, rate: float) -> None:
        """As `Redrive.set_rate`."""
        await run_sync(self._file.set_rate, rate)

    async def aclose(self) -> None:
        """As `Redrive.close`."""
        await run_sync(self._file.close)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.aclose()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({str(self._file.path)!r})"


class _Waves(AsyncIterator[Wave]):
    """Drives the flow up to the next wave each time it is asked for one. Between waves nothing is under way."""

    def __init__(
        self,
        file: File,
        dlq: AsyncDLQClient,
        flow: Flow[None],
        on_progress: Progress | None,
        settings: RunOptions,
    ) -> None:
        self._file = file
        self._dlq = dlq
        self._flow = flow
        self._on_progress = on_progress
        self._settings = settings
        self._told: RedriveStatus | None = None
        self._told_at = -inf
        self._lock: RunLock | None = None
        self._finished: list[Finished] = []
        self._awake = anyio.Event()
        self._stop = self._has_begun = self._has_ended = False

    async def __anext__(self) -> Wave:
        if self._has_ended:
            raise StopAsyncIteration
        ended: Wave | BaseException | None = None

        async def drive() -> None:
            nonlocal ended
            # Whoever cancels: what is under way ends, and is written down.
            with anyio.CancelScope(shield=True):
                async with anyio.create_task_group() as requests:
                    try:
                        ended = await self._next_wave(requests)
                    except BaseException as error:
                        ended = error
            waiting.cancel_scope.cancel()

        async with anyio.create_task_group() as waiting:
            waiting.start_soon(drive)
            try:
                await anyio.sleep_forever()
            finally:
                self._stop = ended is None
                self._awake.set()
        if isinstance(ended, Wave):
            return ended
        raise StopAsyncIteration if ended is None or isinstance(ended, Stopped) else ended

    async def _next_wave(self, requests: TaskGroup) -> Wave | None:
        """None after the last one."""
        file = self._file
        self._lock = await run_sync(file.unparked, self._lock)
        wave = None
        try:
            if not self._has_begun:
                self._has_begun = True
                await run_sync(file.begin, self._dlq, self._settings)
            wave = await self._drive(requests)
        finally:
            if wave is None:
                self._has_ended = True
                await run_sync(self._lock.release)
            else:
                file.parked = self._lock
        return wave

    async def _drive(self, requests: TaskGroup) -> Wave | None:
        perform = _performer(self._dlq, self._file.about.action, self._file.overrides)
        step: Callable[[], Effect] = partial(self._flow.send, None)
        while True:
            await self._tell()
            try:
                # The flow itself waits for nothing, and costs little.
                effect = step()
            except StopIteration:
                return None
            if isinstance(effect, Tell) and effect.wave is not None:
                self._told_at = -inf
                await self._tell()
                return effect.wave
            try:
                answer = await self._do(effect, requests, perform)
            except Exception as error:
                step = partial(self._flow.throw, error)
            else:
                step = partial(self._flow.send, answer)

    async def _do(self, effect: Effect, requests: TaskGroup, perform: Callable[[Request], Awaitable[Any]]) -> Any:
        if isinstance(effect, Until):
            return await self._wait(effect.moment)
        if isinstance(effect, Keep):
            return await run_sync(effect.call, self._file.journal)
        if isinstance(effect, Begin):
            for request in effect.requests:
                requests.start_soon(self._request, request, perform)
        return None

    async def _wait(self, moment: float) -> Tick:
        with anyio.move_on_after(max(0.0, moment - time.monotonic())):
            await self._awake.wait()
        self._awake = anyio.Event()
        finished, self._finished = self._finished, []
        return Tick(time.monotonic(), time.time_ns() // 1_000_000, finished, self._stop)

    async def _request(self, request: Request, perform: Callable[[Request], Awaitable[Any]]) -> None:
        try:
            finished = Finished(request, await perform(request))
        except Exception as error:
            finished = Finished(request, error=error)
        self._finished.append(finished)
        self._awake.set()

    async def _tell(self) -> None:
        now = time.monotonic()
        if now < self._told_at + PROGRESS_SECONDS:
            return
        self._told_at = now
        if self._on_progress is not None and (status := await run_sync(self._file.status)) != self._told:
            self._told = status
            self._on_progress(status)


async def _add_named(planner: Planner, dlq: AsyncDLQClient, wanted: Selection) -> None:
    named = Named(planner)
    if isinstance(wanted.ids, AsyncIterable):
        async for item in wanted.ids:
            named.take(item)
    else:
        for item in [wanted.ids] if isinstance(wanted.ids, FailedRun | str) else wanted.ids:
            named.take(item)
    if named.needs_scan:
        async for run in dlq.scan():
            named.take_of_scan(run)
        named.rest_is_missing()
        return
    for dlq_id in named.ids:
        try:
            planner.add(await dlq.get(dlq_id))
        except NotFoundError:
            planner.add_missing(dlq_id)


def _performer(dlq: AsyncDLQClient, action: str, overrides: dict[str, Any]) -> Callable[[Request], Awaitable[Any]]:
    act: Callable[..., Awaitable[Any]] = getattr(dlq, action)

    async def perform(request: Request) -> Any:
        if isinstance(request, Act):
            return await act(request.dlq_id, **overrides)
        if isinstance(request, Ask):
            try:
                await dlq.get(request.dlq_id)
            except NotFoundError:
                return False
            return True
        return await anext(dlq.list(cursor=request.cursor, from_date=request.since).pages())

    return perform


def _some(results: Iterator[T]) -> list[T]:
    return list(islice(results, 1000))
