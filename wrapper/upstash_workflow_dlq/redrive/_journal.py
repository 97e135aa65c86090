"""The journal: which runs, what is to be done with them, how far it is. A file of SQLite.

Write-ahead logging with full synchronisation: a transaction is on the disk before the next line runs. Each change is
one transaction, so that whoever is killed leaves the state before it or the state after it.
"""

from __future__ import annotations

import errno
import json
import os
import sqlite3
import stat
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from functools import wraps
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, TypeVar
from zlib import compress, decompress

from .. import FailedRun
from ._lock import is_locked
from ._model import JournalError, RedriveResult, Settings, State, Wave, WaveState
from ._records import About, Item, Outcome

T = TypeVar("T")
P = ParamSpec("P")

APPLICATION = 0x55444C51
"""The application_id of the file: "UDLQ" in ASCII."""
VERSION = 1

SCHEMA = """
CREATE TABLE about (key TEXT PRIMARY KEY, value) WITHOUT ROWID;
CREATE TABLE run (
    number INTEGER PRIMARY KEY,
    dlq_id TEXT NOT NULL UNIQUE,
    entered INTEGER,            -- Unix milliseconds; the oldest is sent first, since it expires first
    state TEXT NOT NULL,
    wave INTEGER,
    attempts INTEGER NOT NULL DEFAULT 0,
    workflow_run_id TEXT,
    failed_again_as TEXT,
    error TEXT,
    at INTEGER                  -- Unix milliseconds of the last change
);
CREATE TABLE payload (number INTEGER PRIMARY KEY, json BLOB NOT NULL, size INTEGER NOT NULL);
CREATE TABLE failure (number INTEGER PRIMARY KEY, wave INTEGER, json BLOB NOT NULL, size INTEGER NOT NULL);
CREATE TABLE wave (
    number INTEGER PRIMARY KEY,
    size INTEGER NOT NULL,
    state TEXT NOT NULL,
    began INTEGER NOT NULL,     -- Unix milliseconds by this machine's clock
    since INTEGER,              -- when the first of its runs was started, by the service's clock
    failed_again INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX run_order ON run (state, wave, attempts, entered, number);
CREATE INDEX run_wave ON run (wave, state) WHERE wave IS NOT NULL;
CREATE INDEX run_started ON run (workflow_run_id) WHERE workflow_run_id IS NOT NULL;
"""


Method = Callable[Concatenate["SQLiteJournal", P], T]


def _as_journal_error(method: Method[P, T]) -> Method[P, T]:
    """One thread at a time, and errors in our words."""

    @wraps(method)
    def call(self: SQLiteJournal, /, *args: P.args, **kwargs: P.kwargs) -> T:
        with self._lock, self._errors():
            return method(self, *args, **kwargs)

    return call


class SQLiteJournal:
    """The one implementation. Threads may share it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.RLock()
        self._connection = _connected(path)
        self._place = _place(path)
        try:
            with self._errors():
                self._check()
                if _is_read_only(path):
                    return
                # Where the file system has no shared memory, SQLite keeps its older log, which is as safe.
                self._connection.execute("PRAGMA journal_mode = WAL")
                self._connection.execute("PRAGMA synchronous = FULL")
                self._connection.execute("PRAGMA fullfsync = ON")  # of macOS, where a sync by itself does not last
        except BaseException:
            self._connection.close()
            raise

    def _check(self) -> None:
        (application,) = self._connection.execute("PRAGMA application_id").fetchone()
        (version,) = self._connection.execute("PRAGMA user_version").fetchone()
        if application != APPLICATION:
            raise JournalError(f"{self.path} is no journal of a redrive; plan one under another name")
        if version > VERSION:
            raise JournalError(
                f"{self.path} is a journal of version {version}; this release reads up to {VERSION}: update it"
            )

    def _check_place(self) -> None:
        """Before runs are claimed. What is written to a file that nobody finds again is as good as not written."""
        if self._place != _place(self.path):
            raise JournalError(
                f"{self.path} was moved, deleted or replaced while it was open; nothing more is sent: move it back, "
                f"since what was written last is in {self.path}-wal, and run it again"
            )

    def close(self) -> None:
        with self._lock:
            self._connection.close()

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            if isinstance(error, sqlite3.DatabaseError) and "not a database" in str(error):
                raise JournalError(f"{self.path} is no journal of a redrive; plan one under another name") from None
            raise JournalError(f"{self.path} cannot be used: {error}") from error
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            raise JournalError(f"{self.path} is damaged, or was changed by hand: {error!r}") from error

    @contextmanager
    def _changing(self) -> Iterator[sqlite3.Connection]:
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield self._connection
            self._connection.execute("COMMIT")
        except BaseException:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            raise

    def _rows(self, query: str, *values: object) -> list[Any]:
        return self._connection.execute(query, values).fetchall()

    @_as_journal_error
    def about(self) -> About:
        known = dict(self._rows("SELECT key, value FROM about"))
        planned_at = datetime.fromtimestamp(known["planned_at"] / 1000, UTC)
        overrides = json.loads(known["overrides"])
        return About(
            known["action"], overrides, known["base_url"], known["region"], planned_at, known.get("left_out", 0)
        )

    @_as_journal_error
    def settings(self) -> Settings:
        ((text,),) = self._rows("SELECT value FROM about WHERE key = 'settings'")
        known = json.loads(text)
        return Settings(**{**known, "watch": timedelta(seconds=known["watch"])})

    @_as_journal_error
    def change_settings(self, settings: Settings) -> None:
        self.note("settings", settings_as_json(settings))

    @_as_journal_error
    def note(self, key: str, value: object) -> None:
        with self._changing() as connection:
            connection.execute("INSERT OR REPLACE INTO about VALUES (?, ?)", (key, _text(value)))

    @_as_journal_error
    def noted(self, key: str) -> Any:
        rows = self._rows("SELECT value FROM about WHERE key = ?", key)
        return rows[0][0] if rows else None

    @_as_journal_error
    def counts(self) -> dict[State, int]:
        found = dict(self._rows("SELECT state, count(*) FROM run GROUP BY state"))
        return {state: found.get(state, 0) for state in State}

    @_as_journal_error
    def planned(self, count: int) -> list[str]:
        """Ids of the next that would be sent."""
        query = "SELECT dlq_id FROM run WHERE state = ? ORDER BY wave, attempts, entered, number LIMIT ?"
        return [dlq_id for (dlq_id,) in self._rows(query, State.PLANNED, count)]

    @_as_journal_error
    def unsettled(self) -> list[Item]:
        """Runs of which a request may have been sent, and whose outcome is not known."""
        query = "SELECT dlq_id, attempts, wave FROM run WHERE state IN (?, ?)"
        return [Item(*row) for row in self._rows(query, State.SENDING, State.UNKNOWN)]

    @_as_journal_error
    def turn(self, outcomes: Sequence[Outcome], at: int, claim: int = 0, wave: int = 0) -> list[Item]:
        """Write outcomes, and claim the next runs of the wave: one transaction, and one wait for the disk."""
        if claim:
            self._check_place()
        with self._changing() as connection:
            connection.executemany(
                "UPDATE run SET state = ?, workflow_run_id = coalesce(?, workflow_run_id), error = ?, at = ?,"
                " attempts = attempts - ? WHERE dlq_id = ?",
                [(o.state, _text(o.workflow_run_id), _text(o.error), at, not o.sent, o.dlq_id) for o in outcomes],
            )
            times = [outcome.created_at for outcome in outcomes if outcome.created_at is not None]
            if times:
                connection.execute(
                    "UPDATE wave SET since = min(coalesce(since, ?1), ?1) WHERE number = ?2", (min(times), wave)
                )
            if not claim:
                return []
            query = (
                "SELECT number, dlq_id, attempts + 1, wave FROM run WHERE state = ? AND wave = ?"
                " ORDER BY attempts, entered, number LIMIT ?"
            )
            rows = self._rows(query, State.PLANNED, wave, claim)
            connection.executemany(
                "UPDATE run SET state = ?, attempts = attempts + 1, at = ? WHERE number = ?",
                [(State.SENDING, at, number) for number, *_ in rows],
            )
        return [Item(*item) for _, *item in rows]

    @_as_journal_error
    def last_wave(self) -> Wave | None:
        rows = self._rows("SELECT number, size, state, failed_again FROM wave ORDER BY number DESC LIMIT 1")
        if not rows:
            return None
        number, size, state, failed_again = rows[0]
        counts = dict(self._rows("SELECT state, count(*) FROM run WHERE wave = ? GROUP BY state", number))
        done = {name: counts.get(name, 0) for name in State}
        started = done[State.STARTED] + done[State.FAILED_AGAIN] + done[State.DELETED]
        query = "SELECT count(*) FROM run WHERE wave = ? AND state = 'started' AND workflow_run_id IS NULL"
        ((unidentified,),) = self._rows(query, number)
        return Wave(number, size, state, started, failed_again, done[State.REFUSED], done[State.GONE], unidentified)

    @_as_journal_error
    def begin_wave(self, size: int, at: int) -> Wave | None:
        """The next planned runs as a wave; None if there are none. A pause ends with it."""
        with self._changing() as connection:
            connection.execute("UPDATE wave SET state = 'done' WHERE state = 'paused'")
            connection.execute("INSERT OR REPLACE INTO about VALUES ('paused', NULL), ('canary', NULL)")
            query = (
                "UPDATE run SET wave = (SELECT coalesce(max(number), 0) + 1 FROM wave) WHERE number IN (SELECT number"
                " FROM run WHERE state = 'planned' AND wave IS NULL ORDER BY attempts, entered, number LIMIT ?)"
            )
            count = connection.execute(query, (size,)).rowcount
            if not count:
                return None
            connection.execute(
                "INSERT INTO wave (number, size, state, began)"
                " SELECT coalesce(max(number), 0) + 1, ?, 'sending', ? FROM wave",
                (count, at),
            )
        return self.last_wave()

    @_as_journal_error
    def began(self, wave: int) -> tuple[int, int | None]:
        """By this machine's clock, and by the service's if that is known."""
        ((began, since),) = self._rows("SELECT began, since FROM wave WHERE number = ?", wave)
        return began, since

    @_as_journal_error
    def set_wave_state(self, wave: int, state: WaveState, paused: str | None = None) -> None:
        with self._changing() as connection:
            connection.execute("UPDATE wave SET state = ? WHERE number = ?", (state, wave))
            if state in ("done", "paused"):
                # What was not sent before it paused comes in a later wave.
                connection.execute("UPDATE run SET wave = NULL WHERE wave = ? AND state = ?", (wave, State.PLANNED))
            connection.execute("INSERT OR REPLACE INTO about VALUES ('paused', ?)", (paused,))

    @_as_journal_error
    def found(self, wave: int, runs: Iterable[tuple[str, str, FailedRun]], at: int) -> int:
        """Of runs in the queue (workflow_run_id, dlq_id, run), mark those that were started here. How many are new."""
        count = 0
        with self._changing() as connection:
            for workflow_run_id, dlq_id, run in runs:
                query = "SELECT number FROM run WHERE workflow_run_id = ? AND state = ?"
                for (number,) in self._rows(query, _text(workflow_run_id), State.STARTED):
                    connection.execute(
                        "UPDATE run SET state = ?, failed_again_as = ?, at = ? WHERE number = ?",
                        (State.FAILED_AGAIN, _text(dlq_id), at, number),
                    )
                    connection.execute(
                        "INSERT OR REPLACE INTO failure VALUES (?, ?, ?, ?)", (number, wave, *packed(run))
                    )
                    count += 1
            connection.execute("UPDATE wave SET failed_again = failed_again + ? WHERE number = ?", (count, wave))
        return count

    def failures(self, wave: int | None = None) -> Iterator[FailedRun]:
        """The runs that failed again, as they came into the queue again; found while that wave was watched, or all."""
        query = (
            "SELECT number, json FROM failure WHERE number > ? AND (wave = ? OR ? IS NULL) ORDER BY number LIMIT 500"
        )
        return self._by_number(query, lambda row: unpacked(row[1]), wave, wave)

    def results(self) -> Iterator[RedriveResult]:
        """In the order of the plan."""
        query = (
            "SELECT number, dlq_id, state, workflow_run_id, failed_again_as, error, at FROM run WHERE number > ?"
            " ORDER BY number LIMIT 1000"
        )

        def result(row: Any) -> RedriveResult:
            _, dlq_id, state, workflow_run_id, failed_again_as, error, at = row
            moment = None if at is None else datetime.fromtimestamp(at / 1000, UTC)
            return RedriveResult(dlq_id, State(state), workflow_run_id, failed_again_as, error, moment)

        return self._by_number(query, result)

    def _by_number(self, query: str, read: Callable[[Any], T], *values: object) -> Iterator[T]:
        # In steps: a reader that stands still would keep the log from being shortened.
        after = 0
        while True:
            with self._lock, self._errors():
                rows = self._rows(query, after, *values)
                found = [read(row) for row in rows]
            yield from found
            if not rows:
                return
            after = rows[-1][0]

    @_as_journal_error
    def payload_of(self, dlq_id: str) -> FailedRun | None:
        rows = self._rows("SELECT json FROM payload JOIN run USING (number) WHERE dlq_id = ?", dlq_id)
        return unpacked(rows[0][0]) if rows else None

    @_as_journal_error
    def plan_again(self) -> int:
        """Plan the runs that failed again, under their new ids, once each, with a canary first. How many are new."""
        with self._changing() as connection:
            added = connection.execute(
                "INSERT OR IGNORE INTO run (dlq_id, entered, state) SELECT failed_again_as, at, 'planned' FROM run"
                " WHERE state = 'failed again' AND failed_again_as IS NOT NULL"
            ).rowcount
            if added:
                connection.execute("INSERT OR REPLACE INTO about VALUES ('canary', 1)")
        return added

    @property
    def is_running(self) -> bool:
        return is_locked(self.path)


def _connected(path: Path) -> sqlite3.Connection:
    # Never opened by ourselves, not even to see whether it can be read: POSIX drops all locks that a process has on a
    # file when it closes any descriptor of it. Without those of SQLite, the next process that looks at the journal
    # takes itself for the only one, and deletes the log while we write to it.
    try:
        mode = path.stat().st_mode
        if stat.S_ISDIR(mode):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        if not stat.S_ISREG(mode):
            raise JournalError(f"{path} is no file, and so no journal of a redrive; plan one under another name")
        if not os.access(path, os.R_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    except OSError as error:
        raise JournalError(f"{path} cannot be read: {error.strerror}") from None
    place = str(path)
    if _is_read_only(path) and not path.with_name(f"{path.name}-wal").exists():
        # SQLite would want to write beside it even to read. Nobody writes to it, so it can be read as it is.
        place = f"{path.resolve().as_uri()}?mode=ro&immutable=1"
    return sqlite3.connect(place, timeout=10, isolation_level=None, check_same_thread=False, uri=place != str(path))


def _place(path: Path) -> tuple[int, int] | None:
    """Which file has that name."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _is_read_only(path: Path) -> bool:
    """Then it can be looked at, and not run."""
    return not (os.access(path, os.W_OK) and os.access(path.parent, os.W_OK))


def _text(value: Any) -> Any:
    """Half of a surrogate pair, which JSON may hold and SQLite may not, is written out."""
    return value.encode("utf-8", "backslashreplace").decode() if isinstance(value, str) else value


def packed(run: FailedRun) -> tuple[bytes, int]:
    content = run.to_json()
    return compress(content, 1), len(content)


def unpacked(content: bytes) -> FailedRun:
    return FailedRun.from_json(decompress(content))


def settings_as_json(settings: Settings) -> str:
    return json.dumps({**asdict(settings), "watch": settings.watch.total_seconds()})
