"""`upstash-dlq count`."""

from __future__ import annotations

from typing import Any

import click

from .._options import FilteringCommand, filters, output, with_session
from .._output import as_json, emit
from .._screen import progress
from .._selection import Selection
from .._session import Session


@click.command(
    "count",
    short_help="How many runs failed.",
    cls=FilteringCommand,
    epilog="""
    upstash-dlq count
    upstash-dlq count --since 1h --failure FetchError
    """,
)
@filters
@output("table", "json")
@with_session
def command(session: Session, output: str, **options: Any) -> None:
    """How many failed runs match. Reads them all, in parallel: the service has no call that counts."""
    selection = Selection.taken_from(options)
    total = 0
    with session.client() as dlq, progress(session, "Counting") as advance:
        for total, _ in enumerate(selection.runs(dlq, fast=True), start=1):
            if total % 100 == 0:
                advance(total)
    emit(as_json({"count": total}) if output == "json" else str(total))
