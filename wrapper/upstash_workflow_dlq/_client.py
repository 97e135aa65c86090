"""The sync client. What its methods do is in `_core`; `_net` does the I/O."""

from __future__ import annotations

import builtins
from types import EllipsisType, TracebackType
from typing import TYPE_CHECKING, Literal, Self, Unpack, overload

from ._base_client import BaseClient
from ._core.filters import DateLike, RunFilters, ScanFilters
from ._core.reading import MAX_PAGE_SIZE, Listing, count_runs, delete_run, get_run
from ._core.run import FailedRun, StartedRun
from ._net.lists import FailedRuns, ScannedRuns

if TYPE_CHECKING:
    import httpx
    from httpx_retries import Retry

    from ._core.bulk import BulkOptions, StartOptions
    from ._core.overrides import Overrides
    from ._net.connection import Connection

__all__ = ["DLQClient"]


class DLQClient(BaseClient["Connection", "httpx.BaseTransport"]):
    """The dead-letter queue of Upstash Workflow. Threads may share a client. Close it, or use it in a `with`.

    Methods raise the errors of `upstash_workflow_dlq.errors`. Bad arguments raise `ValueError` or `TypeError` before
    anything is sent.

    In the examples below `dlq` is such a client.

    ```python
    from upstash_workflow_dlq import DLQClient

    with DLQClient() as dlq:
        for run in dlq.list(label="billing", limit=3):
            print(run.dlq_id, run.workflow_url, run.failure)
    ```
    """

    def _connect(
        self,
        retry: Retry | EllipsisType | None,
        transport: httpx.BaseTransport | None,
        trust_connect_errors: bool,
    ) -> Connection:
        from ._net.connection import Connection

        return Connection(self._config, self._limits, retry, transport, trust_connect_errors, self._clock)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections. Any further call raises `ClientClosedError`; closing again does nothing."""
        self._connection.close()

    def list(
        self,
        *,
        cursor: str | None = None,
        page_size: int = MAX_PAGE_SIZE,
        limit: int | None = None,
        prefetch: bool = False,
        **filters: Unpack[RunFilters],
    ) -> FailedRuns:
        """Failed runs that match all filters, in the order of the service. Lazy: nothing is sent yet.

        Args:
            cursor: where to continue, from a `Page`.
            page_size: runs per request, 1 to 100.
            limit: stop after so many runs; None lists all.
            prefetch: read the next page in the background while you look at this one. Leaving the loop stops that.
            **filters: see `RunFilters`.

        ```python
        from datetime import UTC, datetime, timedelta

        yesterday = datetime.now(UTC) - timedelta(days=1)
        for run in dlq.list(label=["billing", "email"], from_date=yesterday, limit=20):
            print(run.entered_at, run.workflow_url, run.failure)
        ```
        """
        return FailedRuns(self._connection, Listing.parse(filters, cursor, page_size, limit, prefetch))

    def scan(
        self,
        from_date: DateLike | None = None,
        to_date: DateLike | None = None,
        *,
        workers: int = 8,
        **filters: Unpack[ScanFilters],
    ) -> ScannedRuns:
        """The same failed runs as `list`, in no order, read by several threads at once. Lazy: nothing is sent yet.

        Each run comes exactly once, whichever time of a run the service's dates mean. It pays from about ten pages on,
        most with both dates, and sends up to a quarter more requests than `list`, and a few for each worker. A rate
        limit makes all workers wait. An error stops them; the next run asked for starts them again. Leaving the loop
        drops the requests under way.

        Args:
            from_date: inclusive, as in `RunFilters`; None goes back past the longest retention.
            to_date: inclusive; None has no end.
            workers: requests at a time, 1 to 64. At most twice as many pages wait for you.
            **filters: see `RunFilters`.

        ```python
        from collections import Counter
        from datetime import UTC, datetime, timedelta

        now = datetime.now(UTC)
        runs = dlq.scan(now - timedelta(days=3), now)
        print(Counter(run.failure.name for run in runs).most_common(5))
        ```
        """
        from ._core.scan import ScanRequest

        request = ScanRequest.parse({**filters, "from_date": from_date, "to_date": to_date}, workers)
        return ScannedRuns(self._connection, request)

    def windows(
        self, from_date: DateLike, to_date: DateLike, parts: int, **filters: Unpack[ScanFilters]
    ) -> builtins.list[RunFilters]:
        """The range cut into windows that other processes or machines can `list(**window)`. Nothing is sent.

        Each run of the range is in exactly one of them, whichever time of a run the service's dates mean. Each is a
        plain dict that can be pickled, or sent as JSON. They are equally long, so the runs in them may be many or none.

        Args:
            from_date: inclusive, as in `RunFilters`.
            to_date: inclusive.
            parts: how many windows, 1 to 100,000. No window is shorter than a millisecond: a range of fewer
                milliseconds gives fewer windows.
            **filters: are in each window.

        ```python
        import json
        from datetime import UTC, datetime, timedelta

        now = datetime.now(UTC)
        windows = dlq.windows(now - timedelta(days=1), now, parts=24, label="billing")
        tasks = [json.dumps(window) for window in windows]

        # Elsewhere, for each of these:
        print(dlq.count(**json.loads(tasks[-1])))
        ```
        """
        from ._core.windows import windows

        return windows(from_date, to_date, parts, filters)

    def count(self, **filters: Unpack[RunFilters]) -> int:
        """How many failed runs match `filters`. Reads through all of them: the service has no call that counts."""
        return self._connection.run(count_runs(Listing.parse(filters)))

    def get(self, dlq_id: FailedRun | str) -> FailedRun:
        """One failed run, by its `dlq_id`; given a run, read anew. Raises `NotFoundError`."""
        return self._connection.run(get_run(dlq_id))

    def delete(self, run: FailedRun | str) -> None:
        """Delete one failed `run` for good. Raises `NotFoundError`, unless an earlier try may have deleted it."""
        self._connection.run(delete_run(run))

    def resume(self, run: FailedRun | str, **overrides: Unpack[Overrides]) -> StartedRun:
        """Continue from the step that failed, as a new run; the failed one leaves the queue. Raises `NotFoundError`.

        Sent at most once, unless it is certain that nothing was done. After a `TransportError` it may have been done.

        Args:
            run: the failed run, or its `dlq_id`.
            **overrides: what the new run does differently, see `Overrides`.

        ```python
        from datetime import timedelta

        run = dlq.list(label="billing").first()
        started = dlq.resume(run, retries=5, delay=timedelta(minutes=10))
        print(run.dlq_id, "goes on as", started.workflow_run_id)
        ```
        """
        from ._core.acting import resume_run

        return self._connection.run(resume_run(run, overrides))

    def restart(self, run: FailedRun | str, **overrides: Unpack[Overrides]) -> StartedRun:
        """Start again from the first step; otherwise as `resume`."""
        from ._core.acting import restart_run

        return self._connection.run(restart_run(run, overrides))

    def retry_failure_callback(self, run: FailedRun | str) -> StartedRun:
        """Call the failure callback of `run` again. `BadRequestError` unless it failed. At most once, as `resume`.

        ```python
        from upstash_workflow_dlq import FailureFunctionState

        failed = list(dlq.list(failure_function_state=FailureFunctionState.CALLBACK_FAIL))
        for run in failed:
            dlq.retry_failure_callback(run)
        ```
        """
        from ._core.acting import retry_callback

        return self._connection.run(retry_callback(run))

    def cancel_failure_callback(self, run: FailedRun | str) -> None:
        """Cancel the callback of `run`. `BadRequestError` unless it is in progress. At most once, as `resume`."""
        from ._core.acting import cancel_callback

        self._connection.run(cancel_callback(run))

    @overload
    def delete_many(self, *, dry_run: Literal[False] = False, **options: Unpack[BulkOptions]) -> int: ...
    @overload
    def delete_many(self, *, dry_run: Literal[True], **options: Unpack[BulkOptions]) -> builtins.list[FailedRun]: ...
    def delete_many(self, *, dry_run: bool = False, **options: Unpack[BulkOptions]) -> int | builtins.list[FailedRun]:
        """Delete failed runs for good. Pass exactly one of `dlq_ids=`, filters, or `all=True` for the whole queue.

        Returns how many were deleted; with `dry_run=True`, the failed runs that would be, after only reading. Raises
        `BulkError` with what was done if it stops midway.

        Args:
            dry_run: look, and do nothing.
            **options: see `BulkOptions` and `RunFilters`.

        ```python
        from datetime import UTC, datetime, timedelta

        an_hour_ago = datetime.now(UTC) - timedelta(hours=1)
        would = dlq.delete_many(label="digest", to_date=an_hour_ago, dry_run=True)
        print(len(would), "runs, the first because of", would[0].failure)
        print(dlq.delete_many(dlq_ids=would), "deleted")
        ```
        """
        from ._core.bulk import delete_many

        return self._connection.run(delete_many(options, dry_run=dry_run))

    @overload
    def resume_many(
        self, *, dry_run: Literal[False] = False, **options: Unpack[StartOptions]
    ) -> builtins.list[StartedRun]: ...
    @overload
    def resume_many(self, *, dry_run: Literal[True], **options: Unpack[StartOptions]) -> builtins.list[FailedRun]: ...
    def resume_many(
        self, *, dry_run: bool = False, **options: Unpack[StartOptions]
    ) -> builtins.list[StartedRun] | builtins.list[FailedRun]:
        """Resume failed runs; otherwise as `delete_many`. Returns the started runs.

        Args:
            dry_run: look, and do nothing.
            **options: see `StartOptions`, `BulkOptions` and `RunFilters`.

        ```python
        would = dlq.resume_many(label="billing", response_status=[500, 502], dry_run=True)
        print(len(would), "runs, the first because of", would[0].failure)

        # Exactly what you have looked at, and none that failed since.
        started = dlq.resume_many(dlq_ids=would, delay="5m", on_progress=print)
        print([run.workflow_run_id for run in started])
        ```
        """
        from ._core.bulk import resume_many

        return self._connection.run(resume_many(options, dry_run=dry_run))

    @overload
    def restart_many(
        self, *, dry_run: Literal[False] = False, **options: Unpack[StartOptions]
    ) -> builtins.list[StartedRun]: ...
    @overload
    def restart_many(self, *, dry_run: Literal[True], **options: Unpack[StartOptions]) -> builtins.list[FailedRun]: ...
    def restart_many(
        self, *, dry_run: bool = False, **options: Unpack[StartOptions]
    ) -> builtins.list[StartedRun] | builtins.list[FailedRun]:
        """Restart failed runs; otherwise as `resume_many`."""
        from ._core.bulk import restart_many

        return self._connection.run(restart_many(options, dry_run=dry_run))
