"""One process runs a journal. The lock dies with its process.

It is SQLite's own lock on an empty file beside the journal: a lock of the operating system (of POSIX, or of Windows),
which is released when the process ends, however it ends, and which SQLite shares well between threads. It cannot be one
on the journal itself, which others read and change while it is run. On a network file system it holds as far as the
file system's locks do.
"""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

from ._model import JournalError, RedriveRunning


def lock_path(path: Path) -> Path:
    """Beside the journal itself, whichever link leads there."""
    path = path.resolve()
    return path.with_name(f"{path.name}-lock")


class RunLock:
    """Taken when it is made, until `release`. Raises RedriveRunning if somebody else has it."""

    def __init__(self, path: Path, *, wait: float = 1.0) -> None:
        try:
            self._connection = sqlite3.connect(
                lock_path(path), timeout=wait, isolation_level=None, check_same_thread=False
            )
            try:
                self._connection.execute("BEGIN EXCLUSIVE")
            except BaseException:
                self._connection.close()
                raise
        except sqlite3.OperationalError as error:
            if _is_busy(error):
                raise RedriveRunning(f"{path} is being run already, by another process or another Redrive") from None
            raise JournalError(f"{lock_path(path)} cannot be locked: {error}") from None
        except sqlite3.DatabaseError as error:
            raise JournalError(f"{lock_path(path)} cannot be locked: {error}; it should be an empty file") from None

    def release(self) -> None:
        self._connection.close()


def is_locked(path: Path) -> bool:
    """Whether somebody runs the journal. Does not make the lock's file."""
    try:
        connection = sqlite3.connect(
            f"file:{_quoted(lock_path(path))}?mode=rw", uri=True, timeout=0, isolation_level=None
        )
    except sqlite3.OperationalError:
        return False
    try:
        # A shared lock: it does not keep a process from starting for longer than this takes.
        connection.execute("PRAGMA schema_version")
    except sqlite3.DatabaseError as error:
        return isinstance(error, sqlite3.OperationalError) and _is_busy(error)
    finally:
        connection.close()
    return False


def _is_busy(error: sqlite3.OperationalError) -> bool:
    return error.sqlite_errorname.startswith(("SQLITE_BUSY", "SQLITE_LOCKED"))


def _quoted(path: Path) -> str:
    from urllib.parse import quote

    # As bytes: a name may be no text at all.
    return quote(os.fsencode(path.resolve()))
