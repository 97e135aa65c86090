"""`redrive status`, `results` and `rate`: what the file says. The service is not asked."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from itertools import islice
from typing import Any

from upstash_workflow_dlq.redrive import RedriveStatus, Settings, State

from ._cells import age, are, cell, many, plain, safe
from ._exits import say, writing
from ._journals import next_command, opened
from ._output import Fields, as_json, emit, write_runs
from ._redrive_view import COLUMNS, MOST_GROUPS, group_rows
from ._screen import Column, console, shows_tables, table
from ._session import Session

SCREENFUL = 50
RESULT = ("dlq_id", "state", "workflow_run_id", "failed_again_as", "error", "at")


def show_status(session: Session, file: str, form: str) -> None:
    with opened(file) as redrive:
        status, settings = redrive.status(), redrive.settings()
        if form == "json":
            emit(as_json(_document(file, status, settings), indent=2))
            return
        rows = list(_rows(file, status, settings))
        if not shows_tables():
            for name, value in rows:
                emit(f"{name}\t{safe(value)}")
            return
        for name, value in rows:
            emit(f"{name:18}  {safe(value)}")
        if groups := redrive.failed_again().groups if status.counts[State.FAILED_AGAIN] else ():
            out = console(session)
            with writing():
                out.print()
                out.print(table(COLUMNS, group_rows(groups[:MOST_GROUPS]), out.width))
                if len(groups) > MOST_GROUPS:
                    out.print(f"and {many(len(groups) - MOST_GROUPS, 'more group')}")


def _document(file: str, status: RedriveStatus, settings: Settings) -> dict[str, Any]:
    """The keys are documented in docs/redrive.md."""
    return {
        "file": file,
        "action": status.action,
        "base_url": status.base_url,
        "planned_at": plain(status.planned_at),
        "running": status.running,
        "paused": status.paused,
        "problem": status.problem,
        "total": status.total,
        "done": status.done,
        "remaining": status.remaining,
        "left_out": status.left_out,
        "time_left_seconds": plain(status.time_left),
        "counts": {str(state): count for state, count in status.counts.items()},
        "wave": None if status.wave is None else asdict(status.wave),
        "settings": {
            "rate": settings.rate,
            "canary": settings.canary,
            "growth": settings.growth,
            "wave_max": settings.wave_max,
            "watch_seconds": plain(settings.watch),
            "max_failures": settings.max_failures,
        },
    }


def _rows(file: str, status: RedriveStatus, settings: Settings) -> Iterator[tuple[str, str]]:
    yield "file", file
    yield "action", status.action
    yield "queue", status.base_url
    yield "planned at", cell(status.planned_at)
    yield "running", "yes" if status.running else "no"
    if status.paused is not None:
        yield "paused", status.paused
    if status.problem is not None:
        yield "waiting", status.problem
    yield "runs", f"{status.total:,}"
    for state, count in status.counts.items():
        if count:
            yield f"  {state}", f"{count:,}"
    if status.left_out:
        yield "left out", f"{status.left_out:,} without an id that can be sent"
    if status.wave is not None:
        yield "latest wave", str(status.wave)
    yield "rate", f"{settings.rate:,g} a second, at most"
    yield "waves", f"{settings.canary:,} first, then times {settings.growth:g}, {settings.wave_max:,} at most"
    if status.action != "delete":
        yield "watched for", age(settings.watch)
    yield "pauses above", f"{settings.max_failures * 100:g} % of a wave"
    if status.time_left is not None:
        yield "time left", f"{age(status.time_left)}, at least"


def show_results(session: Session, file: str, limit: Any, form: str) -> None:
    on_screen = form == "table" and shows_tables()
    most = SCREENFUL if limit is None and on_screen else None if limit == "all" else limit
    fields = Fields(RESULT)
    with opened(file) as redrive:
        results = redrive.results()
        if not on_screen:
            write_runs(islice(results, most), form, fields)
            return
        rows = [[cell(value) for value in fields.values(result)] for result in islice(results, most)]
        is_text = ("error", "at")
        columns = [Column(name, is_text=name in is_text, drop=1 if name == "at" else 0) for name in RESULT]
        out = console(session)
        with writing():
            out.print(table(columns, rows, out.width))
        if next(results, None) is not None:
            say(f"{are(len(rows))} shown, and there are more: --limit all, or -o jsonl")


def set_rate(file: str, rate: float) -> None:
    with opened(file) as redrive:
        redrive.set_rate(rate)
        running = redrive.status().running
    now = "" if running else f" Nobody runs it now; it holds from the next run on: {next_command('run', file)}"
    say(f"{safe(file)}: at most {rate:,g} a second.{now}")
