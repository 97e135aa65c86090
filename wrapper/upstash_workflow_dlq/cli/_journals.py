"""The file of a redrive, as a command takes it, and what its errors say to those who type."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from ._cells import safe
from ._exits import Exit, Stopped, as_typed
from ._files import about_file
from ._session import Session, quoted

if TYPE_CHECKING:
    from upstash_workflow_dlq.redrive import Redrive


@contextmanager
def opened(file: str) -> Iterator[Redrive]:
    """A journal that was planned before. Any other file is as wrong as an option that does not exist."""
    from upstash_workflow_dlq.redrive import JournalError, Redrive

    with Redrive(file) as redrive:
        try:
            redrive.settings()
        except JournalError as error:
            raise about_file(error) from error
        with in_options():
            yield redrive


@contextmanager
def in_options() -> Iterator[None]:
    """The library speaks of its arguments: here they are options."""
    from upstash_workflow_dlq.redrive import RedriveError

    try:
        yield
    except RedriveError as error:
        raise as_an_end(error) from error


def as_an_end(error: BaseException) -> BaseException:
    from upstash_workflow_dlq.redrive import RedriveError

    if not isinstance(error, RedriveError):
        return error
    stopped = Stopped(Exit.FAILED, as_typed(str(error)))
    stopped.__cause__ = error
    return stopped


def next_command(what: str, file: str, *options: str) -> str:
    """To be copied. Only `run` connects: to the queue that was named to this command."""
    name = f"./{file}" if file.startswith("-") else file
    session = click.get_current_context().find_object(Session) if what == "run" else None
    queue = session.queue_as_typed if session else []
    return safe(" ".join(["upstash-dlq redrive", what, quoted(name), *options, *queue]))
