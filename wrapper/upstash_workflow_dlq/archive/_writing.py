"""Putting runs into an archive: in transactions, each on the disk before it is reported."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import NamedTuple, TypeVar

from .. import FailedRun
from ._blocks import MOST_RUNS, Blocks, compressed
from ._rows import Kind, Row, Rows, key_of

T = TypeVar("T")

# Runs of one transaction: each waits for the disk, and what it holds is in memory.
BATCH = 1_000

# SQLite takes at least 999 values of one statement.
MOST_VALUES = 900

# Kinds whose numbers are remembered.
MOST_KINDS = 10_000

_INSERT_RUN = f"""
INSERT OR IGNORE INTO runs (
    origin, dlq_id, kind, failed_at, entered_at, created_at, workflow_run_id, workflow_created_at, caller_ip,
    flow_control_key, failure_function_state, message, is_exact, archived_at, news, block, start, size
) VALUES ({", ".join("?" * 18)})
"""


class Known(NamedTuple):
    """A run that is in the archive already."""

    id: int
    is_gone: bool


class Writer:
    """Writes to one archive. Not for two threads at once."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._blocks = Blocks(connection)
        self._rows = Rows()
        self._kinds: dict[Kind, int] = {}

    def origin(self, name: str) -> int:
        with self.transaction():
            self._connection.execute("INSERT OR IGNORE INTO origins (name) VALUES (?)", (name,))
        return origin_id(self._connection, name) or 0

    def add(self, origin: int, runs: Sequence[FailedRun]) -> tuple[int, dict[str, Known]]:
        """How many are new, and those that were there. Both are true also where others write at the same time."""
        keyed = {key_of(run): run for run in runs}
        known = self.known(origin, list(keyed))
        rows = [self._rows.of(run, key) for key, run in keyed.items() if key not in known]
        # Runs of one time are asked for together, and look alike.
        rows.sort(key=lambda row: row.failed_at or 0)
        new = 0
        if rows:
            with self.transaction() as number:
                new = self._insert(origin, rows, number)
        return new, known

    def known(self, origin: int, keys: Sequence[str]) -> dict[str, Known]:
        found = {}
        for some in _chunks(keys, MOST_VALUES):
            query = (
                f"SELECT dlq_id, id, gone_at FROM runs WHERE origin = ? AND dlq_id IN ({', '.join('?' * len(some))})"
            )
            for key, id, gone_at in self._connection.execute(query, (origin, *some)):
                found[key] = Known(id, gone_at is not None)
        return found

    def mark_gone(self, origin: str, keys: Sequence[str]) -> int:
        """How many were. A sync that began earlier does not undo it, though it may still have seen them."""
        at = now()
        with self.transaction() as number:
            return self._connection.executemany(
                "UPDATE runs SET gone_at = ?, news = ? WHERE origin = (SELECT id FROM origins WHERE name = ?) "
                "AND dlq_id = ? AND gone_at IS NULL",
                [(at, number, origin, key) for key in keys],
            ).rowcount

    @contextmanager
    def transaction(self) -> Iterator[int]:
        """Gives its number. What it wrote is on the disk when it ends."""
        execute = self._connection.execute
        execute("BEGIN IMMEDIATE")
        try:
            execute("UPDATE transactions SET number = number + 1")
            yield self.last_transaction()
            execute("COMMIT")
        except BaseException:
            with suppress(sqlite3.Error):  # SQLite does so by itself where the disk is full
                execute("ROLLBACK")
            self._kinds.clear()
            raise

    def last_transaction(self) -> int:
        number: int = self._connection.execute("SELECT number FROM transactions").fetchone()[0]
        return number

    def _insert(self, origin: int, rows: Sequence[Row], number: int) -> int:
        before, at = self._connection.total_changes, now()
        others = 0
        for some in _chunks(rows, MOST_RUNS):
            counted = self._connection.total_changes
            block = self._block([row.payload for row in some])
            kinds = [self._kind(row.kind) for row in some]
            others += self._connection.total_changes - counted
            start, values = 0, []
            for row, kind in zip(some, kinds, strict=True):
                size = len(row.payload)
                place = block, start, size
                values.append((origin, row.dlq_id, kind, *row[2:11], row.is_exact, at, number, *place))
                start += size
            self._connection.executemany(_INSERT_RUN, values)
        return self._connection.total_changes - before - others

    def _block(self, payloads: Sequence[bytes]) -> int:
        base, dictionary = self._blocks.base_for(sum(map(len, payloads))) or (None, None)
        content = compressed(payloads, dictionary)
        cursor = self._connection.execute("INSERT INTO blocks (base, content) VALUES (?, ?)", (base, content))
        return cursor.lastrowid or 0

    def _kind(self, kind: Kind) -> int:
        if kind not in self._kinds:
            key = kind.key
            marks = ", ".join("?" * (len(kind) + 1))
            self._connection.execute(
                f"INSERT OR IGNORE INTO kinds (key, {', '.join(Kind._fields)}) VALUES ({marks})", (key, *kind)
            )
            if len(self._kinds) >= MOST_KINDS:
                self._kinds.clear()
            found = self._connection.execute("SELECT id FROM kinds WHERE key = ?", (key,))
            self._kinds[kind] = found.fetchone()[0]
        return self._kinds[kind]


def origin_id(connection: sqlite3.Connection, name: str) -> int | None:
    found = connection.execute("SELECT id FROM origins WHERE name = ?", (name,)).fetchone()
    return None if found is None else found[0]


def now() -> int:
    return time.time_ns() // 1_000_000


def _chunks(values: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    for start in range(0, len(values), size):
        yield values[start : start + size]
