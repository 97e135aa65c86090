"""What a terminal shows: tables that fit its width, bars, progress. The only module that loads rich."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Literal

from ._cells import UNREADABLE, age, cell, safe
from ._session import Session, is_terminal

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from upstash_workflow_dlq import FailedRun
    from upstash_workflow_dlq.triage import Group, Summary

BAR = "█"
BAR_WIDTH = 8
# A column of text is cut to no less; before that, columns are left out.
LEAST_TEXT = 12
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


def encodable(text: str) -> str:
    """What stdout's encoding lacks is escaped before the widths are measured: `\\u540d` is wider than the letter."""
    encoding = sys.stdout.encoding or "ascii"
    try:
        return text.encode(encoding, "backslashreplace").decode(encoding)
    except (LookupError, UnicodeError):
        return text


@dataclass(frozen=True)
class Column:
    """`is_text`: may be cut; the others are shown whole. `drop`: left out where the screen is too narrow, 1 first."""

    heading: str
    is_text: bool = False
    drop: int = 0
    justify: Literal["left", "right"] = "left"


def table(columns: Sequence[Column], rows: Iterable[Sequence[str]], width: int) -> Table:
    """As wide as the screen. The last column, the one to copy, is never cut."""
    from rich.cells import cell_len
    from rich.table import Table
    from rich.text import Text

    # Longer text than any screen is wide only costs time.
    cells = [[encodable(safe(text[:500])) for text in row] for row in rows]
    needed = [
        LEAST_TEXT if column.is_text else max(map(cell_len, [column.heading, *(row[number] for row in cells)]))
        for number, column in enumerate(columns)
    ]
    kept = list(range(len(columns)))
    for number in sorted((n for n in kept if columns[n].drop), key=lambda n: columns[n].drop):
        if sum(needed[n] + 2 for n in kept) - 2 > width:
            kept.remove(number)
    shown = Table(box=None, pad_edge=False, header_style="bold", show_edge=False, padding=(0, 2, 0, 0))
    cut: Literal["crop", "ellipsis"] = "crop" if _is_narrow_encoding() else "ellipsis"
    for number in kept:
        # Only columns that may wrap are made narrower; their cells do not wrap all the same.
        column = columns[number]
        shown.add_column(column.heading, no_wrap=not column.is_text, justify=column.justify)
    for row in cells:
        shown.add_row(
            *(
                Text(row[n], no_wrap=True, overflow=cut) if columns[n].is_text else Text(row[n], overflow="fold")
                for n in kept
            )
        )
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


RUN_COLUMNS = (
    Column("failed at (UTC)", drop=4),
    Column("workflow", is_text=True),
    Column("failure", is_text=True),
    Column("status", drop=3, justify="right"),
    Column("labels", is_text=True, drop=1),
    Column("expires in", drop=2),
    Column("dlq_id"),
)


def _read(get: Callable[[FailedRun], Any], run: FailedRun) -> Any:
    from upstash_workflow_dlq import InvalidResponseError

    try:
        return get(run)
    except InvalidResponseError:
        return UNREADABLE


def _time(moment: Any) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S}" if isinstance(moment, datetime) else cell(moment)


def entered_at(run: FailedRun) -> datetime | None:
    """None, too, where the id that tells it is of a wrong type: one such run is no reason to show none."""
    from upstash_workflow_dlq import InvalidResponseError

    try:
        return run.entered_at
    except InvalidResponseError:
        return None


def expires_in(run: FailedRun, retention: timedelta | None) -> str:
    """If the plan is unknown: the earliest end that the run's age leaves, marked with a sign."""
    from upstash_workflow_dlq.triage import kept_for

    now = datetime.now(UTC)
    entered = entered_at(run)
    if entered is None:
        return ""
    left = kept_for(now - entered, retention)
    if left <= timedelta():
        return "any moment"
    return age(left) if retention is not None else f">{age(left)}"


GROUP_COLUMNS = (
    Column("runs", justify="right"),
    Column("share", drop=3, justify="right"),
    Column("", drop=1),
    Column("what", is_text=True),
    Column("workflows", is_text=True, drop=2),
    Column("last (UTC)", drop=4),
    Column("example"),
)


def group_rows(summary: Summary, by: str, limit: int | None) -> list[dict[str, str]]:
    """The groups, largest first; as text, by the names that -o json has."""
    return [
        {
            "count": f"{group.count:,}",
            "share": f"{group.count / summary.total:.0%}",
            "name": name_of(group, by),
            "workflows": ", ".join(group.workflows),
            "first": _time(group.first),
            "last": _time(group.last),
            "key": group.key,
            "example": cell(group.example),
        }
        for group in summary.groups[:limit]
    ]


def bar(count: int, most: int) -> str:
    return "" if _is_narrow_encoding() else BAR * max(1, round(BAR_WIDTH * count / most))


def name_of(group: Group, by: str) -> str:
    return str(group.failure) if by == "failure" and group.failure is not None else group.key or "(none)"


def sparkline(counts: Sequence[int], width: int) -> str:
    """At most so many letters: neighbours are added up until they fit."""
    while len(counts) > max(1, width):
        counts = [sum(counts[place : place + 2]) for place in range(0, len(counts), 2)]
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
    # rich would write what goes to stdout above the bar: into the terminal, where it was meant for a file.
    above = shows_tables()
    bars = Progress(*columns, console=console(session, stderr=True), transient=True, redirect_stdout=above)
    bars.start()
    try:
        task = bars.add_task(description, total=total, rate="")

        def advance(done: int) -> None:
            speed = bars.tasks[0].finished_speed or bars.tasks[0].speed
            bars.update(task, completed=done, rate=f"{speed:,.0f}/s" if speed else "")

        yield advance
    finally:
        with suppress(OSError):  # the terminal is gone, and what remains is still to be kept
            bars.stop()
