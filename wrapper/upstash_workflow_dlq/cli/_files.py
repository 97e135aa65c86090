"""Files that are named to a command: their names, the text in them, and what is said if one is the wrong one."""

from __future__ import annotations

import sys
from typing import Any

import click

from ._cells import safe
from ._exits import Exit, Stopped, as_typed
from ._numbers import ParamType


class FileName(click.Path):
    """Shells complete it. Whoever takes the file says what is wrong with it."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        return _filled(value, param, ctx, "the name of a file")


class QueueName(ParamType[str]):
    name = "text"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        return _filled(value, param, ctx, "the name of a queue in the archive")


def _filled(value: str, param: click.Parameter | None, ctx: click.Context | None, what: str) -> str:
    """Not empty, as a variable is that is not set."""
    if value.strip():
        return value
    named = param.metavar if isinstance(param, click.Argument) else param.opts[0] if param else "it"
    raise click.UsageError(f"{named} is empty: pass {what}", ctx)


FILE, ORIGIN = FileName(), QueueName()


def text_of(path: str, named: str, *, takes: str, most: int, code: Exit = Exit.USAGE) -> str:
    """At most so many characters: a device may have no end. `takes` says in an error what is expected."""
    name = f"{named} {safe(path)}"
    try:
        if path == "-":
            if sys.stdin is None:
                raise Stopped(code, f"{name} takes {takes}, and stdin is closed")
            text = sys.stdin.read(most + 1)
        else:
            with open(path, encoding="utf-8-sig") as file:  # some editors begin a file with a byte order mark
                text = file.read(most + 1)
    except UnicodeDecodeError:
        raise Stopped(code, f"{name} is not text; it takes {takes}") from None
    except OSError as error:
        raise Stopped(code, f"{name} cannot be read: {error.strerror}; it takes {takes}") from None
    if len(text) > most:
        raise Stopped(code, f"{name} has more than {most:,} characters; it takes {takes}")
    return text.removeprefix("\ufeff")


def about_file(error: BaseException) -> Stopped:
    """Of an error of an archive or a redrive. One without a cause is about what was typed: the wrong file."""
    cause = error.__cause__
    code = Exit.USAGE if cause is None else Exit.CONFIGURATION if isinstance(cause, ImportError) else Exit.FAILED
    return Stopped(code, as_typed(str(error)))
