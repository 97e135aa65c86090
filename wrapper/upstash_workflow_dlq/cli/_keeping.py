"""The ids that remain when a command stops midway: kept in a file, whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import click

from ._cells import many, safe
from ._exits import Exit, Stopped, say
from ._session import option_as_typed


def keep(remaining: tuple[str, ...], save: str | None) -> None:
    """The ids that remain. Those of a request without an answer are among them: if they were done, they are gone."""
    is_one = len(remaining) == 1
    count = f"{many(len(remaining))} {'remains' if is_one else 'remain'}"
    if save is None:
        again = "run the same command again; filters also match what has failed since. (--save FILE keeps the ids.)"
        say(f"{count}. To go on, {again}")
        return
    try:
        write_aside(Path(save), "".join(f"{dlq_id}\n" for dlq_id in remaining).encode())
    except OSError as error:
        say(f"upstash-dlq: --save {safe(save)} cannot be written ({error.strerror}); the ids that remain:")
        for dlq_id in remaining:
            say(safe(dlq_id))
    else:
        where = f"{'its id is' if is_one else 'their ids are'} in {safe(save)}"
        say(f"{count}; {where}: go on with {safe(option_as_typed('--from', save))}")


def write_aside(path: Path, content: bytes, *, mode: int = 0o600) -> None:
    """Whole, or not at all; behind a link, where that leads. A file that is replaced keeps its own mode."""
    import shutil
    from secrets import token_hex

    path = Path(os.path.realpath(path))  # which raises nothing for links in a circle
    aside = path.with_name(f".upstash-dlq.{token_hex(4)}")
    try:
        with open(aside, "xb", opener=lambda name, flags: os.open(name, flags, mode)) as file:
            file.write(content)
        with suppress(FileNotFoundError):
            shutil.copymode(path, aside)
        os.replace(aside, path)
    except BaseException:
        aside.unlink(missing_ok=True)
        raise


def check_output(option: str, file: str, inputs: Mapping[str, str | None]) -> None:
    """Before anything is done: the file that is replaced in the end is none that is needed.

    Before SQLite opens a file, too: it loses its locks where this process closes another descriptor of that file.
    """
    name = f"{option} {file}"
    if file == "-":
        message = f"{name} is no name of a file: pass one, such as left.txt"
        raise click.UsageError(message, click.get_current_context())
    for other, path in inputs.items():
        if path is not None and path != "-" and _is_same(file, path):
            message = f"{name} is the same file as {other} {path}, or belongs to it: pass another name"
            raise click.UsageError(message, click.get_current_context())
    check_place(file, name)
    with suppress(OSError), open(file, "rb") as found:  # there is none yet
        if found.read(16) == b"SQLite format 3\0":
            message = f"{safe(name)} is an SQLite file, such as an archive or a redrive: pass another name"
            raise Stopped(Exit.USAGE, message)


def _is_same(output: str, taken: str) -> bool:
    """Or one that SQLite makes beside it. Neither may be there yet."""
    with suppress(OSError):  # one of them is not there
        if os.path.samefile(output, taken):
            return True
    there = os.path.realpath(taken)
    return os.path.realpath(output) in {f"{there}{end}" for end in ("", "-wal", "-shm", "-journal")}


def check_place(file: str, named: str) -> None:
    """Before anything is done. Only a file is replaced, never a device or a pipe."""
    path = Path(os.path.realpath(file))
    name = safe(named)
    try:
        if path.exists() and not path.is_file():
            what = "a folder: name a file in it" if path.is_dir() else "no file: pass another name"
            raise Stopped(Exit.USAGE, f"{name} is {what}; nothing was sent")
        beside = path.with_name(f".upstash-dlq.{os.getpid()}")
        beside.touch(exist_ok=False)
        beside.unlink()
        os.stat(path)  # which fails for a name that is too long
    except FileNotFoundError:
        if not path.parent.is_dir():
            raise Stopped(Exit.USAGE, f"{name}: there is no such folder; nothing was sent") from None
    except OSError as error:
        message = f"{name} cannot be written ({error.strerror}); nothing was sent"
        raise Stopped(Exit.USAGE, message) from None
