"""`upstash-dlq watch`."""

from __future__ import annotations

import sys
import time
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import click

from .._cells import are, cell, safe
from .._exits import say
from .._options import FilteringCommand, filters, output, with_session
from .._output import FIELDS, Fields, as_json, emit
from .._selection import Selection
from .._session import Session
from .._times import SPAN

if TYPE_CHECKING:
    from upstash_workflow_dlq import DLQClient

# The service lists the newest first, which is not documented. So now and then everything is looked at.
LOOKS_BETWEEN_FULL_ONES = 10


@click.command(
    "watch",
    short_help="Each new failure, as it comes.",
    cls=FilteringCommand,
    epilog="""
    upstash-dlq watch --label billing
    upstash-dlq watch --interval 1m -o jsonl >> failures.jsonl
    """,
)
@filters
@click.option("--interval", type=SPAN, default="10s", show_default=True, metavar="SPAN", help="Between two looks.")
@output("table", "jsonl", "ids")
@with_session
def command(session: Session, interval: timedelta, output: str, **options: Any) -> None:
    """Each new failure once, as it comes, until Ctrl-C. What is in the queue already is not shown.

    Rate limits and outages are said on stderr, and it goes on.
    """
    from upstash_workflow_dlq import AuthenticationError, DLQError

    selection = Selection.taken_from(options)
    with session.client() as dlq:
        seen = _there_already(dlq, selection, interval)
        say(f"Watching; {are(len(seen), 'failed run')} there already.")
        look = 0
        while True:
            time.sleep(interval.total_seconds())
            look += 1
            new = []
            try:
                for page in dlq.list(**selection.query).pages():
                    unseen = [run for run in page.runs if _key(run) not in seen]
                    new += unseen
                    if not unseen and page.runs and look % LOOKS_BETWEEN_FULL_ONES:
                        break
            except AuthenticationError:
                raise
            except DLQError as error:
                _say_that_it_cannot_look(error)
            for run in reversed(new):
                if (key := _key(run)) not in seen:
                    seen.add(key)
                    if not selection.is_applied_here or selection.matches(run):
                        _show(run, output)
            sys.stdout.flush()


def _there_already(dlq: DLQClient, selection: Selection, interval: timedelta) -> set[Any]:
    from upstash_workflow_dlq import AuthenticationError, DLQError

    while True:
        try:
            return {_key(run) for run in selection.runs(dlq, fast=True)}
        except AuthenticationError:
            raise
        except DLQError as error:
            _say_that_it_cannot_look(error)
            time.sleep(interval.total_seconds())


def _say_that_it_cannot_look(error: Exception) -> None:
    say(f"{time.strftime('%H:%M:%S')} cannot look: {safe(str(error))}; trying again")


def _key(run: Any) -> Any:
    (dlq_id,) = Fields(["dlq_id"]).values(run)
    return dlq_id or run


def _show(run: Any, output: str) -> None:
    if output == "jsonl":
        emit(as_json(run.to_dict()))
    elif output == "ids":
        (dlq_id,) = Fields(["dlq_id"]).values(run)
        if dlq_id:
            emit(safe(dlq_id))
    else:
        emit("\t".join(safe(cell(value)) for value in Fields(FIELDS).values(run)))
