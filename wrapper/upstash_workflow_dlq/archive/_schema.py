"""The SQLite file: its tables, its version, and how it is opened. docs/archive.md describes it for other programs."""

from __future__ import annotations

import os
import sqlite3
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from time import monotonic, sleep
from typing import Any
from urllib.parse import quote

from ._errors import ArchiveError, explained

APPLICATION_ID = 0x57_44_4C_51  # "WDLQ"
VERSION = 1

# Seconds to wait while another program writes.
BUSY = 60.0

# Of a moment in Unix milliseconds, as people and other programs read it.
_ISO = "strftime('%Y-%m-%dT%H:%M:%fZ', {0} / 1000.0, 'unixepoch')"


def _iso(column: str) -> str:
    return f"{_ISO.format(f'r.{column}')} AS {column}"


SCHEMA = f"""
CREATE TABLE origins (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);

-- Payloads of up to 100 runs, one behind the other, compressed with zlib. `base`: the block whose last 32 kB are the
-- preset dictionary; NULL for none.
CREATE TABLE blocks (id INTEGER PRIMARY KEY, base INTEGER REFERENCES blocks, content BLOB NOT NULL);

-- What runs have in common. `key` is a hash of the other columns.
CREATE TABLE kinds (
    id INTEGER PRIMARY KEY,
    key BLOB NOT NULL UNIQUE,
    workflow_url TEXT,
    workflow TEXT NOT NULL,
    status INTEGER,
    failure TEXT,
    fingerprint TEXT NOT NULL,
    labels TEXT NOT NULL
);

-- Times are Unix milliseconds. `failed_at` is `entered_at`, or else `created_at`; stored, since an index of a virtual
-- column does not save SQLite a look at the row. `start` and `size` are the place of the payload in its block.
-- `is_exact` is 0 where a column cannot hold what the payload says, such as a very long message. `news` is the number
-- of the transaction that put the run here, or noticed last that it left the queue or came back.
CREATE TABLE runs (
    id INTEGER PRIMARY KEY,
    origin INTEGER NOT NULL REFERENCES origins,
    dlq_id TEXT NOT NULL,
    kind INTEGER NOT NULL REFERENCES kinds,
    entered_at INTEGER,
    created_at INTEGER,
    failed_at INTEGER,
    workflow_run_id TEXT,
    workflow_created_at INTEGER,
    caller_ip TEXT,
    flow_control_key TEXT,
    failure_function_state TEXT,
    message TEXT,
    archived_at INTEGER NOT NULL,
    gone_at INTEGER,
    news INTEGER NOT NULL,
    is_exact INTEGER NOT NULL,
    block INTEGER NOT NULL REFERENCES blocks,
    start INTEGER NOT NULL,
    size INTEGER NOT NULL
);
CREATE UNIQUE INDEX runs_by_id ON runs (origin, dlq_id);
CREATE INDEX runs_by_kind ON runs (kind, failed_at);
CREATE INDEX runs_by_time ON runs (failed_at, entered_at);

-- Readings of queues. `finished_at` is NULL where one was interrupted; `is_whole`: without filters, to its end.
CREATE TABLE syncs (
    id INTEGER PRIMARY KEY,
    origin INTEGER NOT NULL REFERENCES origins,
    started_at INTEGER NOT NULL,
    finished_at INTEGER,
    is_whole INTEGER NOT NULL DEFAULT 0,
    new INTEGER NOT NULL DEFAULT 0,
    known INTEGER NOT NULL DEFAULT 0,
    gone INTEGER NOT NULL DEFAULT 0
);

-- Numbers the transactions that write.
CREATE TABLE transactions (number INTEGER NOT NULL);
INSERT INTO transactions VALUES (0);

-- For people and other programs: times in ISO 8601, labels as a JSON list.
CREATE VIEW failed_runs AS
SELECT
    r.id,
    o.name AS origin,
    r.dlq_id,
    {_iso("failed_at")},
    {_iso("entered_at")},
    {_iso("created_at")},
    k.workflow,
    k.workflow_url,
    r.workflow_run_id,
    {_iso("workflow_created_at")},
    k.status,
    k.failure,
    r.message,
    k.fingerprint,
    k.labels,
    r.caller_ip,
    r.flow_control_key,
    r.failure_function_state,
    {_iso("archived_at")},
    {_iso("gone_at")}
FROM runs r JOIN kinds k ON k.id = r.kind JOIN origins o ON o.id = r.origin;

PRAGMA application_id = {APPLICATION_ID};
PRAGMA user_version = {VERSION};
"""


def open_archive(path: str, *, create: bool) -> sqlite3.Connection | None:
    """None if there is no file yet, or an empty one, and none is to be made."""
    if not path:
        raise ArchiveError("the name of the archive is empty: pass that of a file")
    place = Path(path)
    try:
        found = place.stat()
        is_there = found.st_size > 0
        if stat.S_ISDIR(found.st_mode):
            raise ArchiveError(f"{path} is a folder, and an archive is a file: name a file in it")
        if not stat.S_ISREG(found.st_mode):
            raise ArchiveError(f"{path} is no file, and so no archive; `Archive.sync` makes one under another name")
        if not os.access(place, os.R_OK):
            raise ArchiveError(f"{path} cannot be read; check its permissions")
    except FileNotFoundError:
        is_there = False
    except OSError as error:
        raise ArchiveError(f"{path} cannot be opened: {error.strerror}") from None
    if not is_there and not create:
        return None
    if not place.absolute().parent.is_dir():
        raise ArchiveError(f"{path}: there is no such folder; make it first")
    with explained(path):
        if is_there and not _is_writable(place):
            if create:
                raise ArchiveError(f"{path} cannot be written; check its permissions and those of its folder")
            connection = _read_only(path, place)
        else:
            connection = _connect(place, "rwc" if create else "rw")
        try:
            with _transaction(connection, "DEFERRED"):
                is_one = _is_one(path, connection)
            if not is_one and not create:
                connection.close()
                return None
            if not is_one:
                _create(path, connection)
            if create:
                _write_ahead(connection)
        except BaseException:
            connection.close()
            raise
    return connection


def place_of(path: str) -> tuple[int, int] | None:
    """Which file has that name. Never by opening it: SQLite loses its locks where another descriptor is closed."""
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _connect(place: Path, mode: str, **options: Any) -> sqlite3.Connection:
    # As bytes: a name may be no text at all.
    uri = f"file:{quote(os.fsencode(place.absolute()))}?mode={mode}"
    # Transactions are begun and ended where they are written.
    options |= {"uri": True, "timeout": BUSY, "isolation_level": None, "check_same_thread": False}
    connection: sqlite3.Connection = sqlite3.connect(uri, **options)
    try:
        # What a commit has reported is on the disk, also when the power fails.
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA cache_size = -8000")
    except BaseException:
        connection.close()
        raise
    return connection


def _is_writable(place: Path) -> bool:
    return os.access(place, os.W_OK) and os.access(place.absolute().parent, os.W_OK)


def _read_only(path: str, place: Path) -> sqlite3.Connection:
    before, connection = _state_of(place), None
    try:
        connection = _connect(place, "ro")
        connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
        return connection
    except sqlite3.OperationalError as error:
        if connection is not None:
            connection.close()
        if error.sqlite_errorcode & 0xFF not in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN):
            raise
        # SQLite wants to make a file beside it, for its locks.
        if Path(f"{place}-wal").exists():
            raise ArchiveError(
                f"{path} was not closed, and its folder cannot be written, which SQLite needs to read what is in "
                f"{path}-wal: copy both files to another folder, and read them there"
            ) from None
        return _connect(place, "ro&immutable=1", factory=partial(Unlocked, place, before))


class Unlocked(sqlite3.Connection):
    """Where SQLite can make no locks. What it reads is right if nobody has written to the file meanwhile."""

    def __init__(self, place: Path, state: tuple[object, ...], *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.place, self.state = place, state


def is_outdated(connection: sqlite3.Connection) -> bool:
    return isinstance(connection, Unlocked) and _state_of(connection.place) != connection.state


def _state_of(place: Path) -> tuple[object, ...]:
    """Differs once somebody writes: first beside it, then to it."""
    try:
        found = place.stat()
    except OSError:
        return ()
    return found.st_ino, found.st_size, found.st_mtime_ns, Path(f"{place}-wal").exists()


def _is_one(path: str, connection: sqlite3.Connection) -> bool:
    """False for an empty database. Call it in a transaction: another program may be making an archive of it."""
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if application != APPLICATION_ID:
        (tables,) = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
        if application or version or tables:
            raise ArchiveError(
                f"{path} is an SQLite file of another program, and no archive; `Archive.sync` makes one under another "
                "name"
            )
        return False
    if version > VERSION:
        raise ArchiveError(
            f"{path} is an archive of version {version}, and this upstash-workflow-dlq knows up to {VERSION}: update it"
        )
    return True


def _create(path: str, connection: sqlite3.Connection) -> None:
    with _transaction(connection, "EXCLUSIVE"):
        # Another program may have been faster.
        if not _is_one(path, connection):
            for statement in _statements():
                connection.execute(statement)


@contextmanager
def _transaction(connection: sqlite3.Connection, kind: str) -> Iterator[None]:
    connection.execute(f"BEGIN {kind}")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        with suppress(sqlite3.Error):
            connection.execute("ROLLBACK")
        raise


def _write_ahead(connection: sqlite3.Connection) -> None:
    """Readers do not wait for writers, and writers not for readers. The file stays so once it is."""
    until = monotonic() + BUSY
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL").fetchone()
            return
        except sqlite3.OperationalError as error:
            # SQLite's own timeout does not apply here while another program writes.
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or monotonic() > until:
                raise
            sleep(0.01)


def _statements() -> list[str]:
    statements, begun = [], ""
    for line in SCHEMA.splitlines():
        begun += f"{line}\n"
        if sqlite3.complete_statement(begun):
            statements.append(begun)
            begun = ""
    return statements
