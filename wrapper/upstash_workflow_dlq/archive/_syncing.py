"""Reading a queue into an archive: what is decided for each batch. Whoever reads drives it, sync or async."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from typing import NamedTuple

from .. import FailedRun
from ._writing import BATCH, Writer, now

__all__ = ["SyncResult"]

# What tells a sync how far it is: runs that are safe.
Progress = Callable[[int], None]


class SyncResult(NamedTuple):
    """What a sync found: runs that were `new` or `known` to the archive, and how many turned out to be `gone`."""

    new: int
    known: int
    gone: int


class Sync:
    """One reading of a queue. `is_whole`: without filters, so that what does not come is not there any more."""

    def __init__(
        self, connection: sqlite3.Connection, origin: str, *, is_whole: bool, on_progress: Progress | None
    ) -> None:
        self._connection = connection
        self._writer = Writer(connection)
        self._origin = self._writer.origin(origin)
        self._is_whole = is_whole
        self._on_progress = on_progress
        self._waiting: list[FailedRun] = []
        self._new = self._known = 0
        # What another sync has noticed since, this one does not know better.
        self._begun_after = self._writer.last_transaction()
        cursor = connection.execute("INSERT INTO syncs (origin, started_at) VALUES (?, ?)", (self._origin, now()))
        self._id = cursor.lastrowid
        # Of this connection alone, and on the disk where it gets large.
        connection.execute("CREATE TEMP TABLE IF NOT EXISTS seen (id INTEGER PRIMARY KEY)")
        connection.execute("DELETE FROM seen")

    def take(self, run: FailedRun) -> bool:
        """Whether it is time to `write`."""
        self._waiting.append(run)
        return len(self._waiting) >= BATCH

    def write(self) -> None:
        """What was taken, to the disk."""
        batch, self._waiting = self._waiting, []
        if not batch:
            return
        new, known = self._writer.add(self._origin, batch)
        self._new += new
        self._known += len(batch) - new
        if self._is_whole:
            self._remember([run.id for run in known.values()])
        back = [run.id for run in known.values() if run.is_gone]
        if back:
            with self._writer.transaction() as number:
                self._connection.executemany(
                    "UPDATE runs SET gone_at = NULL, news = ? WHERE id = ? AND news <= ?",
                    [(number, id, self._begun_after) for id in back],
                )
        if self._on_progress is not None:
            self._on_progress(self._new + self._known)

    def _remember(self, ids: list[int]) -> None:
        self._connection.execute("BEGIN")
        self._connection.executemany("INSERT OR IGNORE INTO seen VALUES (?)", [(id,) for id in ids])
        self._connection.execute("COMMIT")

    def finish(self) -> SyncResult:
        """After the last run."""
        self.write()
        gone = 0
        with self._writer.transaction() as number:
            if self._is_whole:
                gone = self._connection.execute(
                    "UPDATE runs SET gone_at = ?, news = ? WHERE origin = ? AND gone_at IS NULL AND news <= ? "
                    "AND id NOT IN (SELECT id FROM seen)",
                    (now(), number, self._origin, self._begun_after),
                ).rowcount
            self._connection.execute(
                "UPDATE syncs SET finished_at = ?, is_whole = ?, new = ?, known = ?, gone = ? WHERE id = ?",
                (now(), self._is_whole, self._new, self._known, gone, self._id),
            )
        self._connection.execute("DELETE FROM seen")
        return SyncResult(self._new, self._known, gone)
