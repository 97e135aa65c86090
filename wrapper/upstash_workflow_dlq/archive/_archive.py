"""An archive: what is public of it."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import datetime
from functools import partial
from threading import RLock
from types import TracebackType
from typing import Any, NamedTuple, Self, TypeVar, Unpack

from .. import AsyncDLQClient, DLQClient, FailedRun, RunFilters
from ..triage import By, Summary
from ._blocks import Blocks
from ._errors import ArchiveError, NotArchivedError, explained
from ._reading import ArchiveFilters, Selected, chunks_of, ids_of, payloads_of, rows_of
from ._schema import is_outdated, open_archive, place_of
from ._summary import Grouping, moment
from ._syncing import Progress, Sync, SyncResult
from ._writing import BATCH, Writer, origin_id

__all__ = ["Archive", "Stats"]

T = TypeVar("T")


class Stats(NamedTuple):
    """What is in an archive, of all queues or of one.

    Attributes:
        runs: how many are in it.
        gone: how many of them are not in their queue any more.
        first: when the first of them failed.
        last: when the last of them failed.
        synced_at: when the last sync ended that was not interrupted.
        size: bytes of the payloads, decompressed.
    """

    runs: int
    gone: int
    first: datetime | None
    last: datetime | None
    synced_at: datetime | None
    size: int


class Archive:
    """Failed runs in one SQLite file. Threads may share an archive. Close it, or use it in a `with`.

    The file is made by what first writes to it. Several programs may write to it and read it at once. Methods raise
    `ArchiveError` if it cannot be read or written, and where there is none yet to be read; `ValueError` and `TypeError`
    for bad filters.

    In the examples below `archive` is such an archive, and `dlq` an open `DLQClient`.

    ```python
    from upstash_workflow_dlq.archive import Archive

    with Archive("failed.db") as archive:
        found = archive.sync(dlq)
        print(f"{found.new} new runs, {found.gone} have left the queue")
    ```
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        """Raises `ArchiveError` if there is a file that is no archive, or one of a newer version."""
        self.path = os.fspath(path)
        self._lock = RLock()
        self._is_closed = False
        self._place: tuple[int, int] | None = None
        self._connection = self._opened(create=False)

    def __repr__(self) -> str:
        return f"Archive({self.path!r})"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Closing again does nothing."""
        with self._lock:
            self._is_closed = True
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    # Writing. Each call has a connection of its own, so that reading goes on meanwhile.

    def sync(
        self,
        dlq: DLQClient,
        *,
        origin: str | None = None,
        on_progress: Progress | None = None,
        **filters: Unpack[RunFilters],
    ) -> SyncResult:
        """Read the queue and add what is new. What is in the archive already stays as it was first seen.

        Without filters, runs that have left the queue are marked with the time when that was noticed; one that comes
        back is unmarked. What is reported is on the disk: an interrupted sync loses nothing of it, and the next one
        goes on. Raises what `dlq.scan` raises, too.

        Args:
            dlq: the queue.
            origin: a name for this queue, since one archive may hold several. Two accounts of one region need it. By
                default it is the client's `base_url`.
            on_progress: called with the number of runs that are safe, after each batch.
            **filters: see `RunFilters`.
        """
        with self._syncing(origin or dlq.base_url, filters, on_progress) as sync:
            for run in dlq.scan(**filters):
                if sync.take(run):
                    sync.write()
            return sync.finish()

    async def sync_async(
        self,
        dlq: AsyncDLQClient,
        *,
        origin: str | None = None,
        on_progress: Progress | None = None,
        **filters: Unpack[RunFilters],
    ) -> SyncResult:
        """As `sync`, from an async client. The file is written in a thread."""
        from anyio.to_thread import run_sync

        with ExitStack() as stack:
            syncing = self._syncing(origin or dlq.base_url, filters, on_progress)
            sync = await run_sync(stack.enter_context, syncing)
            async for run in dlq.scan(**filters):
                if sync.take(run):
                    await run_sync(sync.write)
            return await run_sync(sync.finish)

    def keep(self, runs: Iterable[FailedRun], *, origin: str) -> Iterator[FailedRun]:
        """Archive runs, and give back each of them once it is on the disk: for what is about to be deleted.

        Args:
            runs: any failed runs. Up to 1,000 of them are read before the first is given back.
            origin: the name of their queue, as in `sync`.

        ```python
        would = dlq.delete_many(label="billing", dry_run=True)
        # All are on the disk before the first is deleted.
        kept = archive.keep(would, origin=dlq.base_url)
        print(dlq.delete_many(dlq_ids=kept), "deleted")
        ```
        """
        with self._writing() as connection:
            writer = Writer(connection)
            number = writer.origin(origin)
            waiting: list[FailedRun] = []
            for run in runs:
                waiting.append(run)
                if len(waiting) >= BATCH:
                    writer.add(number, waiting)
                    yield from waiting
                    waiting = []
            if waiting:
                writer.add(number, waiting)
                yield from waiting

    def mark_gone(self, dlq_ids: Iterable[str], *, origin: str) -> int:
        """Note that these runs have left their queue, for whoever has just deleted or resumed them.

        A `sync` without filters would notice it, later. Returns how many were marked: those that are in the archive and
        were not marked before.

        Args:
            dlq_ids: their ids.
            origin: the name of their queue, as in `sync`.
        """
        ids = list(dlq_ids)
        with self._writing(create=False) as connection:
            return Writer(connection).mark_gone(origin, ids)

    def missing(self, dlq_ids: Iterable[str], *, origin: str) -> list[str]:
        """Which of these runs have no copy in the file, for whoever is about to delete them and has waited.

        Raises `ArchiveError` if it is not the file any more that was opened.

        Args:
            dlq_ids: their ids.
            origin: the name of their queue, as in `sync`.
        """
        ids = list(dlq_ids)
        with self._writing(create=False) as connection:
            known = Writer(connection).known(origin_id(connection, origin) or 0, ids)
        return [dlq_id for dlq_id in ids if dlq_id not in known]

    @contextmanager
    def _syncing(self, origin: str, filters: RunFilters, on_progress: Progress | None) -> Iterator[Sync]:
        is_whole = all(value is None for value in filters.values())
        with self._writing() as connection:
            yield Sync(connection, origin, is_whole=is_whole, on_progress=on_progress)

    @contextmanager
    def _writing(self, *, create: bool = True) -> Iterator[sqlite3.Connection]:
        self._check_open()
        with explained(self.path):
            connection = self._opened(create=create)
            if connection is None:
                raise self._absent()
            try:
                yield connection
            finally:
                connection.close()

    # Reading.

    def runs(self, **filters: Unpack[ArchiveFilters]) -> Iterator[FailedRun]:
        """Failed runs that match all filters, the newest first: those that are there when the first is asked for.

        Args:
            **filters: see `ArchiveFilters`.

        ```python
        from datetime import UTC, datetime, timedelta

        last_month = datetime.now(UTC) - timedelta(days=30)
        for run in archive.runs(contains="connection", from_date=last_month):
            print(run.entered_at, run.workflow_run_id, run.failure)
        ```
        """
        for payloads in self._payloads(filters):
            yield from map(FailedRun.from_json, payloads)

    def get(self, dlq_id: str, *, origin: str | None = None) -> FailedRun:
        """One failed run. Raises `NotArchivedError`; `ArchiveError` if several queues have that id.

        Args:
            dlq_id: its id.
            origin: the name of its queue; None for any.
        """

        def look(connection: sqlite3.Connection) -> list[tuple[str, int]]:
            found = connection.execute(
                "SELECT o.name, r.id FROM origins o JOIN runs r ON r.origin = o.id AND r.dlq_id = ?", (dlq_id,)
            )
            return [(name, id) for name, id in found if origin in (None, name)]

        found = self._read(look)
        if not found:
            raise NotArchivedError(f"{self.path} has no failed run {dlq_id!r}")
        if len(found) > 1:
            names = ", ".join(repr(name) for name, _ in found)
            raise ArchiveError(f"{self.path} has a failed run {dlq_id!r} of each of {names}: name one as origin")
        id = found[0][1]
        payload = self._read(lambda connection: payloads_of(connection, Blocks(connection), [id])[id])
        return FailedRun.from_json(payload)

    def count(self, **filters: Unpack[ArchiveFilters]) -> int:
        """How many failed runs match all filters.

        Args:
            **filters: see `ArchiveFilters`.
        """

        def counted(connection: sqlite3.Connection) -> int:
            selected = Selected(connection, filters)
            total: int = connection.execute(
                f"SELECT count(*) FROM {selected}",
                selected.parameters,
            ).fetchone()[0]
            return total

        return self._read(counted)

    def summarize(self, *, by: By = "failure", **filters: Unpack[ArchiveFilters]) -> Summary:
        """What `triage.summarize` makes of the same runs, without reading their payloads.

        Args:
            by: what they are grouped by.
            **filters: see `ArchiveFilters`.

        ```python
        for group in archive.summarize(by="day", label="billing").groups:
            print(group.key, group.count)
        ```
        """
        return self._read(lambda connection: Grouping(connection, Selected(connection, filters), by).summary())

    def entered_times(self, **filters: Unpack[ArchiveFilters]) -> Iterator[datetime]:
        """When the failed runs that match entered their queue, as far as it is known. They expire by that.

        Args:
            **filters: see `ArchiveFilters`.
        """

        def times(connection: sqlite3.Connection) -> list[int]:
            selected = Selected(connection, filters)
            query = f"SELECT r.entered_at FROM {selected.also('r.entered_at IS NOT NULL')}"
            return [time for (time,) in connection.execute(query, selected.parameters)]

        return map(moment, self._read(times))

    def stats(self, *, origin: str | None = None) -> Stats:
        """How much there is, and of when.

        Args:
            origin: the name of one queue; None for all of them.
        """

        def counted(connection: sqlite3.Connection) -> Stats:
            selected = Selected(connection, {"origin": origin})
            query = "count(*), count(r.gone_at), min(r.failed_at), max(r.failed_at), coalesce(sum(r.size), 0)"
            found = connection.execute(f"SELECT {query} FROM {selected}", selected.parameters)
            runs, gone, first, last, size = found.fetchone()
            query = "SELECT max(s.finished_at) FROM syncs s JOIN origins o ON o.id = s.origin"
            (synced,) = connection.execute(f"{query} WHERE ?1 IN (o.name, '')", (origin or "",)).fetchone()
            return Stats(runs, gone, moment(first), moment(last), moment(synced), size)

        return self._read(counted)

    def origins(self) -> list[str]:
        """The names of its queues."""
        return self._read(lambda connection: [name for (name,) in connection.execute("SELECT name FROM origins")])

    def export(self, path: str | os.PathLike[str], **filters: Unpack[ArchiveFilters]) -> int:
        """Write the runs that match to a file, in the format that its name ends in. Returns how many they are.

        `.jsonl` and `.jsonl.gz` hold the payloads as they were received. `.csv` and `.parquet` (extra `parquet`) have
        columns, see docs/archive.md; a path that ends in `/` is a folder of Parquet files, one for each day. A file
        that is there is replaced once the new one is whole. Raises `ArchiveError` for any other name, without the
        extra, and if it cannot be written.

        Args:
            path: the file or folder.
            **filters: see `ArchiveFilters`.

        ```python
        archive.export("billing.csv", label="billing")
        print(archive.export("failed.jsonl.gz"), "runs")
        ```
        """
        from ._exporting import Export

        with suppress(OSError):  # one of them is not there
            if os.path.samefile(path, self.path):
                raise ArchiveError(f"{os.fspath(path)} is the archive itself: name another file")
        rows, payloads = partial(self._rows, filters), partial(self._payloads, filters)
        return Export(os.fspath(path), rows, payloads).run()

    def _rows(self, filters: ArchiveFilters) -> Iterator[list[dict[str, Any]]]:
        """The columns of the view `failed_runs`, and the payload. By chunks."""
        ids = self._read(lambda connection: ids_of(connection, Selected(connection, filters)))
        for chunk in chunks_of(ids):
            rows = self._read(lambda connection: rows_of(connection, Blocks(connection), chunk))  # noqa: B023
            yield [rows[id] for id in chunk]

    def _payloads(self, filters: ArchiveFilters) -> Iterator[list[bytes]]:
        """By chunks. Nothing is held open between two of them."""
        ids = self._read(lambda connection: ids_of(connection, Selected(connection, filters)))
        for chunk in chunks_of(ids):
            payloads = self._read(lambda connection: payloads_of(connection, Blocks(connection), chunk))  # noqa: B023
            yield [payloads[id] for id in chunk]

    def _read(self, look: Callable[[sqlite3.Connection], T]) -> T:
        with self._lock, explained(self.path):
            self._check_open()
            if self._connection is not None and is_outdated(self._connection):
                self._connection.close()
                self._connection = None
            if self._connection is None:
                self._connection = self._opened(create=False)
            if self._connection is None:
                raise self._absent()
            try:
                return look(self._connection)
            finally:
                if is_outdated(self._connection):
                    raise ArchiveError(f"{self.path} was written to while it was read without a lock: read it again")

    def _opened(self, *, create: bool) -> sqlite3.Connection | None:
        """To the file that was opened first, and to no other that has its name by now."""
        if self._place is not None and self._place != place_of(self.path):
            raise ArchiveError(
                f"{self.path} was moved, deleted or replaced while it was open: move it back, since what was written "
                f"last may be in {self.path}-wal"
            )
        connection = open_archive(self.path, create=create)
        if connection is not None and self._place is None:
            self._place = place_of(self.path)
        return connection

    def _absent(self) -> ArchiveError:
        return ArchiveError(f"{self.path}: there is no such archive; `Archive.sync` makes one")

    def _check_open(self) -> None:
        if self._is_closed:
            raise ArchiveError(f"{self.path} is closed: open it again with Archive(path)")
