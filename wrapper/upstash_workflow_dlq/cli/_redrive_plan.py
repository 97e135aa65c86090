"""`redrive plan`: which runs, shown as they are written down."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import click

from ._acting import DONE, MOST_GROUPS, hangups_as_interrupts
from ._cells import many, safe
from ._exits import Exit, Stopped, say
from ._journals import in_options, next_command
from ._keeping import check_place
from ._overrides import taken_overrides
from ._screen import progress
from ._selection import Selection
from ._session import Session
from ._summaries import Reading, show, summary_of_same
from ._targets import Target, say_what_is_left_out, selected_runs, taken_ids

if TYPE_CHECKING:
    from upstash_workflow_dlq import DLQClient, FailedRun


@dataclass
class Found:
    """What was seen of the runs on their way into the file. The payloads are not kept."""

    reading: Reading
    ids: set[str] = field(default_factory=set)
    missing: list[str] = field(default_factory=list)
    unnamed: int = 0
    is_complete: bool = False

    def passing(self, runs: Iterable[FailedRun], advance: Callable[[int], None]) -> Iterator[FailedRun]:
        """Each run once, whatever the service does."""
        for number, run in enumerate(runs, start=1):
            dlq_id = run.sendable_id
            if dlq_id is None:
                self.unnamed += 1
            elif dlq_id in self.ids:
                continue
            else:
                self.ids.add(dlq_id)
                self.reading.add(run)
            yield run
            if number % 100 == 0:
                advance(number)

    def with_missing(self, runs: Iterable[FailedRun], named: list[str] | None) -> Iterator[FailedRun | str]:
        """The ids that are not there come last: the journal says so of them."""
        yield from runs
        self.missing = [dlq_id for dlq_id in named or () if dlq_id not in self.ids]
        yield from self.missing
        self.is_complete = True


def plan(session: Session, file: str, action: str, given: dict[str, Any]) -> int:
    selection = Selection.taken_from(given)
    how = taken_overrides(given)
    if action == "delete" and how:
        raise click.UsageError("--action delete starts no run, and takes no overrides", click.get_current_context())
    named = taken_ids(session, given, selection)
    check_new(file)
    found = Found(Reading())
    with session.client() as dlq, hangups_as_interrupts():
        if action != "delete":
            # Of no runs: checks the overrides, and sends nothing.
            getattr(dlq, f"{action}_many")(dlq_ids=[], **how)
        with progress(session, "Reading") as advance:
            runs = found.with_missing(found.passing(selected_runs(dlq, named, selection), advance), named)
            if given["dry_run"]:
                for _ in runs:
                    pass
            else:
                _write(dlq, file, action, runs, how, found)
    more = None if named is not None else summary_of_same(session)
    return _report(session, file, action, found, more, is_dry=given["dry_run"])


def check_new(file: str) -> None:
    """Before anything is read."""
    if os.path.lexists(file):
        look = next_command("status", file)
        raise Stopped(
            Exit.USAGE,
            f"{file} exists already, and a plan replaces nothing: pass another name (if it is a redrive: {look})",
        )
    check_place(file, file)
    for left in (f"{file}-wal", f"{file}-journal"):
        if os.path.lexists(left):
            message = f"{left} is left of an earlier redrive of that name: delete it, or pass another name"
            raise Stopped(Exit.USAGE, message)


def _write(
    dlq: DLQClient, file: str, action: Any, runs: Iterator[FailedRun | str], how: dict[str, Any], found: Found
) -> None:
    from upstash_workflow_dlq.redrive import Redrive

    try:
        with in_options(), _nothing_is_no_error(found):
            Redrive.plan(file, dlq, action, dlq_ids=runs, **how).close()
    except Stopped:
        check_new(file)  # somebody else may have planned one meanwhile
        raise


@contextmanager
def _nothing_is_no_error(found: Found) -> Iterator[None]:
    """That no run matches is said in other words."""
    from upstash_workflow_dlq.redrive import JournalError, RedriveError

    try:
        yield
    except JournalError:
        raise
    except RedriveError:
        if found.ids or not found.is_complete:
            raise


def _report(session: Session, file: str, action: str, found: Found, more: str | None, *, is_dry: bool) -> int:
    say_what_is_left_out(Target([], missing=found.missing, unnamed=found.unnamed))
    if not found.ids:
        say("No failed runs match; no file was made, and nothing was sent but reads.")
        return Exit.FAILED
    show(session, found.reading, "table", MOST_GROUPS, more=more)
    what = f"{many(len(found.ids))} {{}} be {DONE[action]}, the oldest first."
    if is_dry:
        say(f"Dry run: {what.format('would')} No file was made, and nothing was sent but reads.")
    else:
        say(f"{safe(file)}: {what.format('will')} Nothing was sent but reads.")
        say(f"To begin: {next_command('run', file)}")
    return Exit.PARTLY if found.missing or found.unnamed else Exit.DONE
