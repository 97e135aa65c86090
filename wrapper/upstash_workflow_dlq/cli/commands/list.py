"""`upstash-dlq list`."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from datetime import timedelta
from itertools import islice
from typing import Any

import click

from .._cells import are, cell
from .._exits import say, writing
from .._numbers import LIMIT
from .._options import FilteringCommand, filters, options, output, retention, with_session
from .._output import FORMATS, Fields, write_runs
from .._screen import RUN_COLUMNS, Column, console, run_rows, shows_tables, table
from .._selection import Selection
from .._session import Session
from .._sources import Source, queue

# A terminal shows so many, unless --limit says otherwise.
SCREENFUL = 50


listing = options(
    filters,
    click.option("--limit", type=LIMIT, metavar="N|all", help="Stop after N. Default: all; on a terminal, 50."),
    click.option("--fields", metavar="A,B", help="These attributes of a run, such as dlq_id,failure,body_text."),
)


@click.command(
    "list",
    short_help="Which runs failed, when and why.",
    cls=FilteringCommand,
    epilog="""
    upstash-dlq list --since 2h
    upstash-dlq list --label billing --status 502 --status 504
    upstash-dlq list --failure FetchError -o ids > ids.txt
    upstash-dlq list --fields dlq_id,failure,steps -o jsonl --limit all
    """,
)
@listing
@click.option("--fast", is_flag=True, help="Read in parallel, in no order.")
@retention
@output(*FORMATS)
@with_session
def command(session: Session, **given: Any) -> None:
    """Failed runs, in the order of the service: when, which workflow, why.

    JSON is the payload as it was received. A table in a pipe is whole, separated by tabs and without a heading.
    """
    look(session, queue(session), **given)


def look(
    session: Session,
    source: AbstractContextManager[Source],
    *,
    limit: Any,
    fields: str | None,
    retention: timedelta | None,
    output: str,
    fast: bool = False,
    **options: Any,
) -> None:
    selection = Selection.taken_from(options)
    chosen = Fields.parse(fields, retention)
    most = None if limit == "all" else limit
    on_screen = output == "table" and shows_tables()
    if limit is None and on_screen:
        most = SCREENFUL
    with source as there:
        # One more than is shown tells whether there are others.
        asked = most + 1 if on_screen and most is not None else most
        runs = there.runs(selection, fast=fast, limit=asked) if asked != 0 else iter(())
        if not on_screen:
            write_runs(runs, output, chosen)
            return
        found = list(islice(runs, most))
        if chosen is None:
            columns: Sequence[Column] = RUN_COLUMNS
            rows = list(run_rows(found, retention))
        else:
            columns = [Column(name, is_text=name != "dlq_id") for name in chosen.names]
            rows = [[cell(value) for value in chosen.values(run)] for run in found]
        if found:
            out = console(session)
            with writing():
                out.print(table(columns, rows, out.width))
        if next(runs, None) is not None:
            say(f"{are(len(found))} shown, and there are more: --limit all, or -o jsonl")
        elif not found:
            say("No failed runs match." if not selection.is_empty else there.empty)
