"""The async client. What its methods do is in `_core`; `_net` does the I/O."""

from __future__ import annotations

import builtins
from collections.abc import AsyncIterable
from types import EllipsisType, TracebackType
from typing import TYPE_CHECKING, Literal, Self, TypeVar, Unpack, overload

from ._base_client import BaseClient
from ._core.filters import DateLike, RunFilters, ScanFilters
from ._core.reading import MAX_PAGE_SIZE, Listing, count_runs, delete_run, get_run
from ._core.run import FailedRun, StartedRun
from ._net.lists import AsyncFailedRuns, AsyncScannedRuns

if TYPE_CHECKING:
    import httpx
    from httpx_retries import Retry

    from ._core.bulk import BulkOptions, StartOptions
    from ._core.overrides import Overrides
    from ._net.connection import AsyncConnection

__all__ = ["AsyncDLQClient"]

OptionsT = TypeVar("OptionsT", "BulkOptions", "StartOptions")


class AsyncDLQClient(BaseClient["AsyncConnection", "httpx.AsyncBaseTransport"]):
    """`DLQClient` for asyncio and trio. Tasks of one event loop may share a client. Close it, or use `async with`.

    ```python
    import asyncio

    from upstash_workflow_dlq import AsyncDLQClient


    async def main() -> None:
        async with AsyncDLQClient() as dlq:
            async for run in dlq.list(label="billing", limit=3):
                print(run.dlq_id, run.failure)
            started = await dlq.resume_many(label="billing", response_status=500)
            print(len(started), "resumed")


    asyncio.run(main())
    ```
    """

    def _connect(
        self,
        retry: Retry | EllipsisType | None,
        transport: httpx.AsyncBaseTransport | None,
        trust_connect_errors: bool,
    ) -> AsyncConnection:
        from ._net.connection import AsyncConnection

        return AsyncConnection(self._config, self._limits, retry, transport, trust_connect_errors, self._clock)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close the connections. Any further call raises `ClientClosedError`; closing again does nothing."""
        await self._connection.aclose()

    def list(
        self,
        *,
        cursor: str | None = None,
        page_size: int = MAX_PAGE_SIZE,
        limit: int | None = None,
        prefetch: bool = False,
        **filters: Unpack[RunFilters],
    ) -> AsyncFailedRuns:
        """As `DLQClient.list`, for `async for`."""
        return AsyncFailedRuns(self._connection, Listing.parse(filters, cursor, page_size, limit, prefetch))

    def scan(
        self,
        from_date: DateLike | None = None,
        to_date: DateLike | None = None,
        *,
        workers: int = 8,
        **filters: Unpack[ScanFilters],
    ) -> AsyncScannedRuns:
        """As `DLQClient.scan`, for `async for`. It reads by tasks, and leaving the loop cancels requests under way."""
        from ._core.scan import ScanRequest

        request = ScanRequest.parse({**filters, "from_date": from_date, "to_date": to_date}, workers)
        return AsyncScannedRuns(self._connection, request)

    def windows(
        self, from_date: DateLike, to_date: DateLike, parts: int, **filters: Unpack[ScanFilters]
    ) -> builtins.list[RunFilters]:
        """As `DLQClient.windows`. There is nothing to await: nothing is sent."""
        from ._core.windows import windows

        return windows(from_date, to_date, parts, filters)

    async def count(self, **filters: Unpack[RunFilters]) -> int:
        """As `DLQClient.count`."""
        return await self._connection.run(count_runs(Listing.parse(filters)))

    async def get(self, dlq_id: FailedRun | str) -> FailedRun:
        """As `DLQClient.get`."""
        return await self._connection.run(get_run(dlq_id))

    async def delete(self, run: FailedRun | str) -> None:
        """As `DLQClient.delete`."""
        await self._connection.run(delete_run(run))

    async def resume(self, run: FailedRun | str, **overrides: Unpack[Overrides]) -> StartedRun:
        """As `DLQClient.resume`."""
        from ._core.acting import resume_run

        return await self._connection.run(resume_run(run, overrides))

    async def restart(self, run: FailedRun | str, **overrides: Unpack[Overrides]) -> StartedRun:
        """As `DLQClient.restart`."""
        from ._core.acting import restart_run

        return await self._connection.run(restart_run(run, overrides))

    async def retry_failure_callback(self, run: FailedRun | str) -> StartedRun:
        """As `DLQClient.retry_failure_callback`."""
        from ._core.acting import retry_callback

        return await self._connection.run(retry_callback(run))

    async def cancel_failure_callback(self, run: FailedRun | str) -> None:
        """As `DLQClient.cancel_failure_callback`."""
        from ._core.acting import cancel_callback

        await self._connection.run(cancel_callback(run))

    @overload
    async def delete_many(self, *, dry_run: Literal[False] = False, **options: Unpack[BulkOptions]) -> int: ...
    @overload
    async def delete_many(
        self, *, dry_run: Literal[True], **options: Unpack[BulkOptions]
    ) -> builtins.list[FailedRun]: ...
    async def delete_many(
        self, *, dry_run: bool = False, **options: Unpack[BulkOptions]
    ) -> int | builtins.list[FailedRun]:
        """As `DLQClient.delete_many`."""
        from ._core.bulk import delete_many

        return await self._connection.run(delete_many(await _collected(options), dry_run=dry_run))

    @overload
    async def resume_many(
        self, *, dry_run: Literal[False] = False, **options: Unpack[StartOptions]
    ) -> builtins.list[StartedRun]: ...
    @overload
    async def resume_many(
        self, *, dry_run: Literal[True], **options: Unpack[StartOptions]
    ) -> builtins.list[FailedRun]: ...
    async def resume_many(
        self, *, dry_run: bool = False, **options: Unpack[StartOptions]
    ) -> builtins.list[StartedRun] | builtins.list[FailedRun]:
        """As `DLQClient.resume_many`."""
        from ._core.bulk import resume_many

        return await self._connection.run(resume_many(await _collected(options), dry_run=dry_run))

    @overload
    async def restart_many(
        self, *, dry_run: Literal[False] = False, **options: Unpack[StartOptions]
    ) -> builtins.list[StartedRun]: ...
    @overload
    async def restart_many(
        self, *, dry_run: Literal[True], **options: Unpack[StartOptions]
    ) -> builtins.list[FailedRun]: ...
    async def restart_many(
        self, *, dry_run: bool = False, **options: Unpack[StartOptions]
    ) -> builtins.list[StartedRun] | builtins.list[FailedRun]:
        """As `DLQClient.restart_many`."""
        from ._core.bulk import restart_many

        return await self._connection.run(restart_many(await _collected(options), dry_run=dry_run))


async def _collected(options: OptionsT) -> OptionsT:
    """The options, with `dlq_ids` read if it is an async iterable, such as a list of this client."""
    from ._core.bulk import is_only_target, refuse_whole_queue

    ids = options.get("dlq_ids")
    if isinstance(ids, AsyncIterable) and is_only_target(options):
        refuse_whole_queue(ids)
        options["dlq_ids"] = [run async for run in ids]
    return options
