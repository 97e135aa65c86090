"""What a terminal shows: tables that fit its width, bars, progress. The only module that loads rich."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from ._cells import age, cell, safe
from ._session import RETENTIONS, Session, is_terminal

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from upstash_workflow_dlq import FailedRun
    from upstash_workflow_dlq.triage import Group, Summary

BAR = "█"
SPARKS = "▁▂▃▄▅▆▇█"


def shows_tables() -> bool:
    return is_terminal(sys.stdout)


def console(session: Session, *, stderr: bool = False) -> Console:
    from rich.console import Console

    return Console(stderr=stderr, no_color=not session.has_color, highlight=False, emoji=False, markup=False)


def _is_narrow_encoding() -> bool:
    """Whether stdout cannot show blocks and lines."""
    try:
        f"{BAR}{SPARKS}─…".encode(sys.stdout.encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return True
    return False


def table(headings: Sequence[str], rows: Iterable[Sequence[str]], *, right: Sequence[int] = ()) -> Table:
    """Cells are cut where the terminal ends; the last column, the one to copy, never is."""
    from rich.table import Table
    from rich.text import Text

    shown = Table(box=None, pad_edge=False, header_style="bold", show_edge=False)
    for number, heading in enumerate(headings):
        is_last = number == len(headings) - 1
        shown.add_column(
            heading,
            no_wrap=True,
            overflow="fold" if is_last else "ellipsis" if not _is_narrow_encoding() else "crop",
            justify="right" if number in right else "left",
        )
    for row in rows:
        # Longer text than any screen is wide only costs time.
        shown.add_row(*(Text(safe(text[:500])) for text in row))
    return shown


def run_rows(runs: Iterable[FailedRun], retention: timedelta | None) -> Iterator[list[str]]:
    from upstash_workflow_dlq.triage import workflow_path

    for run in runs:
        yield [
            _time(_read(lambda run: run.entered_at or run.created_at, run)),
            cell(_read(workflow_path, run)),
            *(cell(_read(attrgetter(name), run)) for name in ("failure", "response_status", "labels")),
            expires_in(run, retention),
            cell(_read(attrgetter("dlq_id"), run)),
        ]


RUN_HEADINGS = ("failed at (UTC)", "workflow", "failure", "status", "labels", "expires in", "dlq_id")


def _read(get: Callable[[FailedRun], Any], run: FailedRun) -> Any:
    from upstash_workflow_dlq import InvalidResponseError

    try:
        return get(run)
    except InvalidResponseError:
        return "(unreadable)"


def _time(moment: Any) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S}" if isinstance(moment, datetime) else cell(moment)


def expires_in(run: FailedRun, retention: timedelta | None) -> str:
    """If the plan is unknown: the earliest end that the run's age leaves, marked with a sign."""
    now = datetime.now(UTC)
    entered = run.entered_at
    if entered is None:
        return ""
    if retention is not None:
        left = entered + retention - now
        return age(left) if left > timedelta() else "any moment"
    kept = next((span for span in RETENTIONS if now - entered < span), None)
    return "any moment" if kept is None else f">{age(entered + kept - now)}"


def group_rows(summary: Summary, limit: int | None, width: int = 12) -> tuple[tuple[str, ...], list[list[str]]]:
    """Heading and rows of a summary."""
    rows = []
    most = max((group.count for group in summary.groups), default=1)
    for group in summary.groups[:limit]:
        bar = "" if _is_narrow_encoding() else BAR * max(1, round(width * group.count / most))
        rows.append(
            [
                f"{group.count:,}",
                f"{group.count / summary.total:.0%}",
                bar,
                name_of(group),
                ", ".join(group.workflows),
                _time(group.first),
                _time(group.last),
                group.key,
                cell(group.example),
            ]
        )
    headings = ("runs", "share", "", "what", "workflows", "first (UTC)", "last (UTC)", "key", "example")
    return headings, rows


def name_of(group: Group) -> str:
    return str(group.failure) if group.failure is not None else group.key or "(none)"


def sparkline(counts: Sequence[int]) -> str:
    if not counts or _is_narrow_encoding():
        return " ".join(map(str, counts))
    most = max(counts)
    # Nothing is blank, and something is never nothing.
    return "".join(" " if not count else SPARKS[(len(SPARKS) - 1) * count // most] for count in counts)


@contextmanager
def progress(session: Session, description: str, total: int | None = None) -> Iterator[Callable[[int], None]]:
    """A bar with rate and time left on stderr, if that is a terminal. Gives a function that takes how many are done."""
    if not is_terminal(sys.stderr):
        yield lambda done: None
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    rate = TextColumn("{task.fields[rate]}")
    columns = [TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), rate, TimeRemainingColumn()]
    if total is None:
        columns = [TextColumn("{task.description} {task.completed:,.0f} runs"), rate]
    bars = Progress(*columns, console=console(session, stderr=True), transient=True)
    with bars:
        task = bars.add_task(description, total=total, rate="")

        def advance(done: int) -> None:
            speed = bars.tasks[0].finished_speed or bars.tasks[0].speed
            bars.update(task, completed=done, rate=f"{speed:,.0f}/s" if speed else "")

        yield advance
