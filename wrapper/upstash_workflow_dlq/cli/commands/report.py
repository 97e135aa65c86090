"""`upstash-dlq report`."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .._cells import many, safe
from .._exits import Exit, Stopped, say
from .._files import FILE
from .._keeping import check_output, write_aside
from .._numbers import LIMIT
from .._options import FilteringCommand, filters, retention, with_session
from .._screen import progress
from .._selection import Selection
from .._session import Session

if TYPE_CHECKING:
    from upstash_workflow_dlq import FailedRun


@click.command(
    "report",
    short_help="Write a page of HTML, to look at and to send on.",
    cls=FilteringCommand,
    epilog="""
    upstash-dlq report -o report.html --since 24h
    upstash-dlq report -o billing.html --label billing --retention 7d --title "Billing, this week"
    """,
)
@click.option(
    "-o",
    "--output",
    "path",
    type=FILE,
    required=True,
    metavar="FILE",
    help="Where to write it. Replaced if it is there.",
)
@filters
@click.option("--archive", type=FILE, metavar="FILE", help="Read the runs from this archive, not from the service.")
@click.option("--title", default="Failed runs", metavar="TEXT", help="Title of the page.")
@click.option("--limit", type=LIMIT, metavar="N|all", help="List the newest N runs; all are counted. Default: 10000.")
@click.option("--no-bodies", is_flag=True, help="Leave out bodies of requests and responses, and results of steps.")
@retention
@with_session
def command(
    session: Session,
    path: str,
    archive: str | None,
    title: str,
    limit: Any,
    no_bodies: bool,
    retention: timedelta | None,
    **options: Any,
) -> None:
    """A page to look at and to send on: when runs failed, groups of failures, what expires soon, and a table to search.

    It is one file and needs no network. It contains what runs were sent and what they answered: see --no-bodies. Needs
    the extra `report`.
    """
    selection = Selection.taken_from(options)
    if importlib.util.find_spec("jinja2") is None:
        raise Stopped(
            Exit.CONFIGURATION, 'report needs an extra: python -m pip install "upstash-workflow-dlq[cli,report]"'
        )
    # Elsewhere -o names a format.
    if not path.lower().endswith((".html", ".htm")):
        page = Path(path) / "report.html" if os.path.isdir(path) else "report.html"
        message = f"-o {path} is no page: pass a name that ends in .html, such as {page}"
        raise click.UsageError(message, click.get_current_context())
    check_output("-o", path, {"--archive": archive, "--token-file": session.token_file})
    from upstash_workflow_dlq.report import render

    with _runs(session, selection, archive) as runs, progress(session, "Reading") as advance:
        count = 0

        def counted() -> Iterator[FailedRun]:
            nonlocal count
            for count, run in enumerate(runs, start=1):
                if count % 100 == 0:
                    advance(count)
                yield run

        rows = {} if limit is None else {"rows": None if limit == "all" else limit}
        page = render(counted(), title=title, retention=retention, bodies=not no_bodies, **rows)
    try:
        write_aside(Path(path), page.encode())
    except OSError as error:
        raise Stopped(Exit.FAILED, f"-o {path} cannot be written: {error.strerror or error}") from error
    say(f"{many(count, 'failed run')} in {safe(path)}.")


@contextmanager
def _runs(session: Session, selection: Selection, archive: str | None) -> Iterator[Iterator[FailedRun]]:
    if archive is not None:
        from .._archives import opened

        with opened(archive) as kept:
            yield kept.runs(**selection.filters)
    else:
        with session.client() as dlq:
            yield selection.runs(dlq, fast=True)
