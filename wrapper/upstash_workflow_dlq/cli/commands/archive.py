"""`upstash-dlq archive`: what the queue forgets, in a file."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

import click

from .._archives import as_an_end, opened
from .._cells import cell, many, plain, safe
from .._exits import Exit, Stopped, ended, say
from .._files import FILE, ORIGIN
from .._options import (
    Command,
    FilteringCommand,
    Group,
    Once,
    everywhere,
    filters,
    options,
    output,
    retention,
    with_session,
)
from .._output import FORMATS, as_json, emit
from .._profiles import Profile, profiles_of
from .._screen import progress
from .._selection import Selection
from .._session import Session
from .._sources import Source, archived
from . import list as listing
from . import show as showing
from . import summary as summing

if TYPE_CHECKING:
    from upstash_workflow_dlq.archive import Archive, SyncResult

command = Group(
    "archive",
    help="Keep failed runs in a file, and look at them when the queue has forgotten them.",
    short_help="Keep failed runs in a file.",
    params=[*everywhere()],
    callback=lambda: None,
    epilog="""
    upstash-dlq archive sync failed.db
    upstash-dlq archive summary failed.db --since 30d
    upstash-dlq archive list failed.db --gone --failure FetchError
    upstash-dlq archive export failed.db failed.csv
    """,
)

file = click.argument("file", type=FILE, metavar="FILE")
where = options(
    click.option("--gone/--not-gone", default=None, help="Only runs that have left the queue, or only the others."),
    click.option("--origin", "origins", type=ORIGIN, multiple=True, metavar="NAME", help="Of this queue. Repeatable."),
)


def _source(given: dict[str, Any]) -> AbstractContextManager[Source]:
    return archived(given.pop("file"), gone=given.pop("gone", None), origins=given.pop("origins", ()))


@command.command(
    "sync",
    short_help="Add what is new in the queue.",
    cls=FilteringCommand,
    epilog="""
    upstash-dlq archive sync failed.db
    upstash-dlq archive sync failed.db --profiles queues.toml
    """,
)
@file
@filters
@click.option(
    "--profiles",
    type=FILE,
    metavar="FILE",
    help="Sync several queues: a TOML file with their names and the variables of their tokens.",
)
@click.option("--origin", type=ORIGIN, cls=Once, metavar="NAME", help="Name of this queue in FILE. Default: its URL.")
@output("table", "json")
@with_session
def sync(session: Session, file: str, profiles: str | None, origin: str | None, output: str, **options: Any) -> int:
    """Read the queue, and add to FILE what is new. Makes FILE if it is not there.

    Without filters, it marks the runs that have left the queue as gone. --failure, --contains and --fingerprint are for
    looking at the archive: sync refuses them. If it is interrupted, run it again: nothing is lost.
    """
    selection = Selection.taken_from(options)
    if selection.is_applied_here:
        raise click.UsageError(
            "sync takes the filters of the service: --failure, --contains and --fingerprint look at the archive",
            click.get_current_context(),
        )
    if profiles is not None:
        if origin is not None or session.url or session.region or session.token_file:
            raise click.UsageError(
                "--profiles names queues and tokens: pass it without --origin, --url, --region and --token-file",
                click.get_current_context(),
            )
        queues = profiles_of(profiles)
        with opened(file, makes=True) as archive:
            return _sync_all(session, archive, queues, selection, output)
    with opened(file, makes=True) as archive, session.client() as dlq:
        result = _synced(session, archive, dlq, origin, selection)
    if output == "json":
        emit(as_json(result._asdict()))
    else:
        emit(_told(result))
    return Exit.DONE


def _synced(session: Session, archive: Archive, dlq: Any, origin: str | None, selection: Selection) -> SyncResult:
    kept = 0
    try:
        with progress(session, "Archiving") as advance:

            def count(runs: int) -> None:
                nonlocal kept
                kept = runs
                advance(runs)

            return archive.sync(dlq, origin=origin, on_progress=count, **selection.query)
    except KeyboardInterrupt:
        say(f"{many(kept)} of the queue {'is' if kept == 1 else 'are'} in {safe(archive.path)}; run it again to go on")
        raise


def _sync_all(session: Session, archive: Archive, queues: list[Profile], selection: Selection, form: str) -> int:
    """Each of them, whatever happens to the others."""
    from upstash_workflow_dlq import DLQError

    results: list[dict[str, Any]] = []
    failures = []
    for profile in queues:
        try:
            with profile.client(session) as dlq:
                result = _synced(session, archive, dlq, profile.name, selection)
        except (DLQError, OSError, Stopped) as error:
            say(f"{safe(profile.name)}: failed")
            failures.append(ended(as_an_end(error), debug=session.debug))
            results.append({"origin": profile.name, "error": str(error)})
        else:
            results.append({"origin": profile.name, **result._asdict()})
            if form != "json":
                emit(f"{safe(profile.name)}: {_told(result)}")
    if form == "json":
        emit(as_json(results, indent=2))
    if not failures:
        return Exit.DONE
    return Exit.PARTLY if len(failures) < len(queues) else failures[0]


def _told(result: SyncResult) -> str:
    return f"{many(result.new, 'new run')}, {result.known:,} known, {result.gone:,} gone"


@command.command(
    "stats",
    short_help="How many runs it has, of which queues and times.",
    cls=Command,
    epilog="""
    upstash-dlq archive stats failed.db
    upstash-dlq archive stats failed.db -o json
    """,
)
@file
@output("table", "json")
@with_session
def stats(session: Session, file: str, output: str) -> None:
    """How many runs FILE has, of which queues, from when to when."""
    with opened(file) as archive:
        rows = [(None, archive.stats()), *((name, archive.stats(origin=name)) for name in archive.origins())]
    if output == "json":
        (_, total), *origins = rows
        documents = [{"origin": name, **plain(each)} for name, each in origins]
        emit(as_json({**plain(total), "origins": documents}, indent=2))
        return
    for name, each in rows:
        shown = {"runs": f"{each.runs:,}", "gone": f"{each.gone:,}", "first": each.first, "last": each.last}
        shown |= {"synced at": each.synced_at, "bytes": f"{each.size:,}"}
        emit("all queues" if name is None else safe(name))
        for word, value in shown.items():
            emit(f"  {word:10}  {cell(value)}".rstrip())


@command.command(
    "list",
    short_help="Which runs failed, when and why.",
    cls=FilteringCommand,
    epilog="""
    upstash-dlq archive list failed.db --since 30d
    upstash-dlq archive list failed.db --gone --failure FetchError -o jsonl
    """,
)
@file
@listing.listing
@where
@retention
@output(*FORMATS)
@with_session
def list_(session: Session, **given: Any) -> None:
    """Failed runs of FILE, the newest first; otherwise as `upstash-dlq list`."""
    listing.look(session, _source(given), **given)


@command.command(
    "show",
    short_help="Everything about one run.",
    cls=Command,
    epilog="""
    upstash-dlq archive show failed.db 1752829295505-0
    upstash-dlq archive show failed.db 1752829295505-0 -o json
    """,
)
@file
@click.argument("dlq_ids", nargs=-1, required=True, metavar="DLQ_ID...")
@click.option("--origin", type=ORIGIN, cls=Once, metavar="NAME", help="Of this queue, where several have that id.")
@retention
@output("table", "json")
@with_session
def show(session: Session, origin: str | None, **given: Any) -> int:
    """Everything about a run of FILE, as `upstash-dlq show`."""
    given["origins"] = (origin,) if origin is not None else ()
    return showing.look(session, _source(given), **given)


@command.command(
    "summary",
    short_help="Groups of failures, the largest first.",
    cls=FilteringCommand,
    epilog="""
    upstash-dlq archive summary failed.db
    upstash-dlq archive summary failed.db --by day --label billing -o json
    """,
)
@file
@summing.grouping
@where
@retention
@output("table", "json")
@with_session
def summary(session: Session, **given: Any) -> None:
    """Groups of failed runs of FILE, as `upstash-dlq summary`."""
    summing.look(session, _source(given), **given)


@command.command(
    "export",
    short_help="Write runs as JSON lines, CSV or Parquet.",
    cls=FilteringCommand,
    epilog="""
    upstash-dlq archive export failed.db failed.jsonl.gz --until 90d
    upstash-dlq archive export failed.db failed.csv --label billing
    """,
)
@file
@click.argument("target", type=FILE, metavar="TARGET")
@filters
@where
@with_session
def export(
    session: Session, file: str, target: str, gone: bool | None, origins: tuple[str, ...], **options: Any
) -> None:
    """Write runs of FILE to TARGET: a name in .jsonl, .jsonl.gz, .csv or .parquet, or a folder/ for Parquet by day.

    Parquet needs the extra `parquet`. TARGET is replaced once the new one is whole.
    """
    selection = Selection.taken_from(options)
    with opened(file) as archive:
        count = archive.export(target, gone=gone, origin=origins or None, **selection.filters)
    say(f"Wrote {many(count)} to {safe(target)}.")
