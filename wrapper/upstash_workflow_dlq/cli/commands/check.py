"""`upstash-dlq check`."""

from __future__ import annotations

from typing import Any

import click

from .._exits import Exit, say
from .._numbers import WHOLE
from .._options import FilteringCommand, filters, output, with_session
from .._selection import Selection
from .._session import Session
from .._sources import queue
from .._summaries import show, summary_of_same

# A terminal shows so many groups.
SCREENFUL = 10


@click.command(
    "check",
    short_help="Exit with 1 if too many runs failed: for cron and CI.",
    cls=FilteringCommand,
    epilog="""
    upstash-dlq check --since 15m
    upstash-dlq check --label billing --max 10
    """,
)
@filters
@click.option("--max", "most", type=WHOLE, default=0, show_default=True, metavar="N", help="How many may match.")
@output("table", "json")
@with_session
def command(session: Session, most: int, output: str, **options: Any) -> int:
    """Exit with 0 if at most N failed runs match, else with 1, and show the groups. For cron, CI and health checks."""
    selection = Selection.taken_from(options)
    with queue(session) as source:
        reading = source.reading(selection, "failure", None)
    if reading.count <= most:
        if output == "json":
            show(session, reading, output, SCREENFUL)
        return Exit.DONE
    show(session, reading, output, SCREENFUL, more=summary_of_same(session))
    match = "failed run matches" if reading.count == 1 else "failed runs match"
    say(f"upstash-dlq: {reading.count:,} {match}, and {most:,} {'is' if most == 1 else 'are'} allowed")
    return Exit.FAILED
