"""Exit codes, and what an error says in one line."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from enum import IntEnum

import click

from ._cells import many, safe


class Exit(IntEnum):
    """Fixed, for scripts."""

    DONE = 0
    FAILED = 1  # or `check` found too much
    USAGE = 2  # or a refusal to act without --yes
    PARTLY = 3
    CONFIGURATION = 4  # or authentication
    INTERRUPTED = 130


# What the client's messages say to those who write Python, and what it is called here.
_WORDS = {
    "from_date": "--since",
    "to_date": "--until",
    "workflow_created_at": "--created-at",
    "workflow_run_id": "--run-id",
    "workflow_url": "--workflow-url",
    "failure_function_state": "--state",
    "response_status": "--status",
    "caller_ip": "--caller-ip",
    "flow_control_key": "--flow-control-key",
    "force=True": "--force",
    "again=True": "--again",
    "rate is": "--rate is",
    "canary is": "--canary is",
    "growth is": "--growth is",
    "wave_max": "--wave-max",
    "watch is": "--watch is",
    "max_failures": "--max-failures",
    "base_url": "the URL (--url or QSTASH_URL)",
    "region must": "--region must",
    "timeout must": "--timeout must",
    "DLQClient(token=...)": "--token-file PATH",
    "use https, or pass allow_insecure=True to accept that": "use https",
    "add tzinfo or an offset": "add an offset, such as Z or +02:00",
    "an aware datetime": "an ISO 8601 time",
    "`Archive.sync`": "upstash-dlq archive sync",
    "name one as origin": "name one with --origin",
}
# Not in quotes: that is what somebody typed.
_WORD = re.compile(rf"(?<![\w'\"-])(?:{'|'.join(map(re.escape, _WORDS))})(?![\w'\"])")


def as_typed(message: str) -> str:
    """A message of the client, said to somebody who types options."""
    return _WORD.sub(lambda found: _WORDS[found[0]], message)


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
        raise cannot_write(error) from error


def cannot_write(error: OSError) -> Stopped:
    return Stopped(Exit.FAILED, f"cannot write to stdout: {error.strerror or error}")


def say(text: str) -> None:
    """A line on stderr: progress, notes and errors."""
    with suppress(OSError):  # nobody reads it
        print(text, file=sys.stderr, flush=True)


def discard_output() -> None:
    """What is left in the buffer of a stdout that failed. Python would try again at the end, and complain."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


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
        # click lists choices one below the other.
        message = re.sub(r"\s*\n\s*", " ", error.format_message()).rstrip(".")
        return Exit.USAGE, f"{message}; see {command} --help"
    if isinstance(error, click.ClickException):
        return Exit.FAILED, error.format_message()
    if isinstance(error, click.Abort | KeyboardInterrupt):
        return Exit.INTERRUPTED, _interrupted(error)
    if isinstance(error, errors.ConfigurationError | errors.AuthenticationError):
        message = as_typed(str(error))
        # What was typed wrong, doctor would only repeat.
        is_usage = re.match("--(?!token)", message)
        return Exit.CONFIGURATION, message if is_usage else f"{message} (upstash-dlq doctor looks into it)"
    if isinstance(error, errors.DLQError):
        return Exit.FAILED, str(error)
    if isinstance(error, OSError):
        name = f"{error.filename}: " if error.filename else ""
        return Exit.FAILED, f"{name}{error.strerror or error}"
    if isinstance(error, ValueError | TypeError):  # what the client refuses before it sends anything
        return Exit.USAGE, as_typed(str(error))
    return Exit.FAILED, f"unexpected {type(error).__name__}: {error}; --debug shows where"


def _interrupted(error: BaseException) -> str:
    from upstash_workflow_dlq import bulk_progress

    progress = bulk_progress(error)
    if progress is None:
        return "interrupted"
    done = progress.done if isinstance(progress.done, int) else len(progress.done)
    return f"interrupted after {many(done)}; whether the last request did anything is unknown"
