"""An archive in other formats: written aside, and put in place once it is whole."""

from __future__ import annotations

import csv
import errno
import gzip
import json
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from secrets import token_hex
from typing import IO, Any

from ..harmless import spreadsheet
from ._errors import ArchiveError
from ._parquet import TYPES, check, write_parquet


class Export:
    """`rows` and `payloads` give the runs, by chunks."""

    def __init__(
        self,
        path: str,
        rows: Callable[[], Iterator[list[dict[str, Any]]]],
        payloads: Callable[[], Iterator[list[bytes]]],
    ) -> None:
        self._path = path
        self._rows = rows
        self._payloads = payloads
        self._count = 0

    def run(self) -> int:
        write, remove = self._writer()
        try:
            with aside(Path(self._path), remove) as place:
                write(place)
        except OSError as error:
            raise ArchiveError(f"{self._path} cannot be written: {error.strerror or error}") from error
        return self._count

    def _writer(self) -> tuple[Callable[[Path], None], Callable[[Path], None]]:
        """What writes this format, and what removes that again."""
        name = self._path.lower()
        if name.endswith("/"):
            check()
            self._check_folder()
            return lambda folder: write_parquet(self._counted(), folder, by_day=True), shutil.rmtree
        writers: dict[str, Callable[[Path], None]] = {
            ".parquet": lambda file: write_parquet(self._counted(), file, by_day=False),
            ".csv": self._csv,
            ".jsonl": self._jsonl,
            ".jsonl.gz": self._jsonl,
        }
        for end, write in writers.items():
            if name.endswith(end):
                if end == ".parquet":
                    check()
                if Path(self._path).is_dir():
                    raise ArchiveError(f"{self._path} is a folder: name a file in it, or end it in /")
                return write, os.unlink
        raise ArchiveError(
            f"{self._path} says no format: end it in {', '.join(writers)}, or in / for a folder of Parquet files"
        )

    def _check_folder(self) -> None:
        """What is there is replaced as a whole, so it must be an export, or nothing."""
        folder = Path(self._path)
        if folder.exists() and not folder.is_dir():
            raise ArchiveError(f"{self._path} is a file, and no folder")
        if folder.is_dir() and not all(child.name.startswith("day=") for child in folder.iterdir()):
            raise ArchiveError(f"{self._path} has something else in it than an export: name a new or an empty folder")

    def _jsonl(self, file: Path) -> None:
        with _opened(file, is_compressed=self._path.lower().endswith(".gz")) as out:
            for payloads in self._payloads():
                for payload in payloads:
                    # JSON has line breaks only between its parts.
                    out.write(payload.replace(b"\r", b" ").replace(b"\n", b" ") + b"\n")
                self._count += len(payloads)

    def _csv(self, file: Path) -> None:
        with file.open("w", encoding="utf-8", newline="") as out:
            writer = csv.writer(out, lineterminator="\n")
            writer.writerow(TYPES)
            for row in self._counted():
                writer.writerow(_cell(name, value) for name, value in row.items())

    def _counted(self) -> Iterator[dict[str, Any]]:
        for rows in self._rows():
            self._count += len(rows)
            yield from rows


@contextmanager
def aside(path: Path, remove: Callable[[Path], None]) -> Iterator[Path]:
    """A new name beside it for what is written; in place of what is there when that is done."""
    path = Path(os.path.realpath(path))
    if path.is_symlink():
        raise ArchiveError(f"{path}: {os.strerror(errno.ELOOP)}")
    if not path.parent.is_dir():
        raise ArchiveError(f"{path}: there is no such folder; make it first")
    if path.exists() and not (path.is_file() or path.is_dir()):
        raise ArchiveError(f"{path} is no file: pass another name")
    written = path.with_name(f".{path.name[:100]}.{token_hex(4)}")
    try:
        yield written
        if path.is_dir():
            # A folder cannot be replaced at once.
            before = path.with_name(f".{path.name[:100]}.{token_hex(4)}")
            path.rename(before)
            written.rename(path)
            shutil.rmtree(before)
        else:
            os.replace(written, path)
    finally:
        if written.exists():
            remove(written)


@contextmanager
def _opened(file: Path, *, is_compressed: bool) -> Iterator[IO[bytes]]:
    with file.open("wb") as out:
        if not is_compressed:
            yield out
        else:
            # Without a time, so that the same runs give the same file.
            with gzip.GzipFile("", "wb", fileobj=out, mtime=0) as packed:
                yield packed  # type: ignore[misc]


def _cell(name: str, value: Any) -> str:
    """Nothing that a spreadsheet runs. The payload stays JSON."""
    if value is None:
        return ""
    if name == "labels":
        return spreadsheet(json.dumps(value, ensure_ascii=False))
    if name == "payload":
        return "".join(letter if letter.isprintable() else _in_json(letter) for letter in value)
    return spreadsheet(value) if isinstance(value, str) else str(value)


def _in_json(letter: str) -> str:
    return " " if letter in "\r\n\t" else json.dumps(letter)[1:-1] if letter != "\x7f" else "\\u007f"
