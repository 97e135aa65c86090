"""`upstash-dlq summary`."""

from __future__ import annotations

from contextlib import AbstractContextManager
from datetime import timedelta
from typing import Any

import click

from .._cells import safe
from .._exits import say
from .._files import FILE
from .._numbers import LIMIT
from .._options import FilteringCommand, filters, options, output, retention, with_session
from .._selection import Selection
from .._session import Session
from .._sources import Source, queue
from .._summaries import show

# A terminal shows so many, unless --limit says otherwise.
SCREENFUL = 20
BY = ("failure", "workflow", "label", "status", "hour", "day")


grouping = options(
    filters,
    click.option("--by", type=click.Choice(BY), default="failure", show_default=True, help="What makes a group."),
    click.option("--limit", type=LIMIT, metavar="N|all", help="So many groups. Default: all; 20 on a terminal."),
    click.option("--plot", type=FILE, metavar="FILE", help="Draw it, as .svg or .png (extra `plot`)."),
)


@click.command(
    "summary",
    short_help="Groups of failures, the largest first.",
    cls=FilteringCommand,
    epilog="""
    upstash-dlq summary --since 24h
    upstash-dlq summary --by workflow --limit 5
    upstash-dlq summary -o json
    """,
)
@grouping
@retention
@output("table", "json")
@with_session
def command(session: Session, **given: Any) -> None:
    """Groups of failed runs, the largest first; below them when they failed, and what expires soon.

    Two runs are in one group if they failed alike: ids, numbers, times and the like in the message do not count.
    """
    look(session, queue(session), **given)


def look(
    session: Session,
    source: AbstractContextManager[Source],
    *,
    by: str,
    limit: Any,
    plot: str | None,
    retention: timedelta | None,
    output: str,
    **options: Any,
) -> None:
    selection = Selection.taken_from(options)
    if plot is not None:
        from .._plot import check

        check(plot, session.token_file)
    with source as there:
        reading = there.reading(selection, by, retention)
    show(session, reading, output, SCREENFUL, asked=limit, more="")
    if plot is not None:
        from .._plot import draw

        draw(reading.summary, by, plot)
        say(f"Drawn to {safe(plot)}.")
