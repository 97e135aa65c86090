"""The ids that remain when a command stops midway: kept in a file, whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path

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
        write_aside(Path(save), "".join(f"{dlq_id}\n" for dlq_id in remaining))
    except OSError as error:
        say(f"upstash-dlq: --save {safe(save)} cannot be written ({error.strerror}); the ids that remain:")
        for dlq_id in remaining:
            say(safe(dlq_id))
    else:
        where = f"{'its id is' if is_one else 'their ids are'} in {safe(save)}"
        say(f"{count}; {where}: go on with {safe(option_as_typed('--from', save))}")


def write_aside(path: Path, text: str) -> None:
    """Whole, or not at all; behind a link, where that leads."""
    import tempfile

    path = path.resolve()
    handle, aside = tempfile.mkstemp(prefix=".upstash-dlq.", dir=path.parent)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        os.replace(aside, path)
    except BaseException:
        os.unlink(aside)
        raise


def check_place(file: str, named: str) -> None:
    """Before anything is done. Only a file is replaced, never a device or a pipe."""
    path = Path(file).resolve()
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
