"""What can go wrong, in one line: what was given, what is expected, what to do."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from .. import DLQError

__all__ = ["ArchiveError", "NotArchivedError"]


class ArchiveError(DLQError):
    """The file cannot be used as an archive, or what was asked of it cannot be done."""


class NotArchivedError(ArchiveError, LookupError):
    """There is no such run in the archive."""


# What SQLite says, and what to do about it.
_ADVICE = {
    "database or disk is full": "the disk is full; free some space and do it again: what was archived before is safe",
    "disk I/O error": "the disk fails or is full; what was archived before is safe",
    "database is locked": "another program has kept it locked for a minute; try again when that has ended",
    "attempt to write a readonly database": "it cannot be written; check its permissions and those of its folder",
    "unable to open database file": "it cannot be opened; check the folder and the permissions",
    "file is not a database": "it is no archive; `Archive.sync` makes one under another name",
    "database disk image is malformed": "it is damaged; restore a copy",
}


@contextmanager
def explained(path: str) -> Iterator[None]:
    """SQLite's errors as `ArchiveError`s about this file."""
    try:
        yield
    except sqlite3.Error as error:
        said = str(error)
        advice = next((advice for start, advice in _ADVICE.items() if said.startswith(start)), said)
        # That it is no archive is no fault of SQLite or of the disk.
        raise ArchiveError(f"{path}: {advice}") from None if error.sqlite_errorcode == sqlite3.SQLITE_NOTADB else error
