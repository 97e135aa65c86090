"""Exit codes, and what an error says in one line."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from enum import IntEnum

import click

from ._cells import safe


class Exit(IntEnum):
    """Fixed, for scripts."""

    DONE = 0
    FAILED = 1  # or `check` found too much
    USAGE = 2  # or a refusal to act without --yes
    PARTLY = 3
    CONFIGURATION = 4  # or authentication
    INTERRUPTED = 130


class Stopped(Exception):
    """Ends a command with this code and message."""

    def __init__(self, code: Exit, message: str) -> None:
        super().__init__(message)
        self.code = code


@contextmanager
def writing() -> Iterator[None]:
    """To stdout, whose errors name no file. A reader that went away is no error."""
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        raise Stopped(Exit.FAILED, f"cannot write to stdout: {error.strerror or error}") from error


def say(text: str) -> None:
    """A line on stderr: progress, notes and errors."""
    with suppress(OSError):  # nobody reads it
        print(text, file=sys.stderr, flush=True)


def ended(error: BaseException, *, debug: bool) -> Exit:
    """Say what went wrong. A traceback only where it was asked for, without variables: one of them is the token."""
    code, message = _code_and_message(error)
    if debug:
        import traceback

        say("".join(traceback.format_exception(error)).rstrip())
    if message:
        say(f"upstash-dlq: {safe(message)}")
    return code


def _code_and_message(error: BaseException) -> tuple[Exit, str]:
    from upstash_workflow_dlq import errors

    if isinstance(error, Stopped):
        return error.code, str(error)
    if isinstance(error, click.UsageError):
        command = error.ctx.command_path if error.ctx else "upstash-dlq"
        return Exit.USAGE, f"{error.format_message().rstrip('.')}; see {command} --help"
    if isinstance(error, click.ClickException):
        return Exit.FAILED, error.format_message()
    if isinstance(error, click.Abort | KeyboardInterrupt):
        return Exit.INTERRUPTED, _interrupted(error)
    if isinstance(error, errors.ConfigurationError | errors.AuthenticationError):
        return Exit.CONFIGURATION, f"{error} (upstash-dlq doctor looks into it)"
    if isinstance(error, errors.DLQError):
        return Exit.FAILED, str(error)
    if isinstance(error, OSError):
        name = f"{error.filename}: " if error.filename else ""
        return Exit.FAILED, f"{name}{error.strerror or error}"
    if isinstance(error, ValueError | TypeError):  # what the client refuses before it sends anything
        return Exit.USAGE, str(error)
    return Exit.FAILED, f"unexpected {type(error).__name__}: {error}; --debug shows where"


def _interrupted(error: BaseException) -> str:
    from upstash_workflow_dlq import bulk_progress

    progress = bulk_progress(error)
    if progress is None:
        return "interrupted"
    done = progress.done if isinstance(progress.done, int) else len(progress.done)
    return f"interrupted after {done:,} runs; whether the last request did anything is unknown"
