"""How far a redrive is, in words, and as a view that is drawn again and again while it runs."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from datetime import timedelta
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from upstash_workflow_dlq.redrive import Redrive, RedriveStatus, State, Wave

from ._acting import DONE
from ._cells import age, many, safe
from ._exits import say
from ._screen import Column, console, encodable, shows_tables, table
from ._session import Session, is_terminal

if TYPE_CHECKING:
    from rich.live import Live

    from upstash_workflow_dlq.triage import Group

DOING = {"resume": "Resuming", "restart": "Restarting", "delete": "Deleting"}
MOST_GROUPS = 5
COLUMNS = (
    Column("failed again", justify="right"),
    Column("what", is_text=True),
    Column("workflows", is_text=True, drop=1),
    Column("fingerprint"),
)
# Groups are made of all runs that failed again: no more than a twentieth of the time.
REST = 20


def summary(status: RedriveStatus) -> str:
    """In one line."""
    counts = status.counts
    done = counts[State.STARTED] + counts[State.DELETED] + counts[State.FAILED_AGAIN]
    named = [*((state, state) for state in (State.FAILED_AGAIN, State.GONE, State.REFUSED)), (State.PLANNED, "left")]
    parts = [f"{counts[state]:,} {word}" for state, word in named if counts[state]]
    if doubtful := counts[State.SENDING] + counts[State.UNKNOWN]:
        parts.append(f"{doubtful:,} in doubt")
    text = f"{DONE[status.action].capitalize()} {done:,} of {many(status.total)}"
    return f"{text}: {', '.join(parts)}." if parts else f"{text}."


def group_rows(groups: Iterable[Group]) -> list[list[str]]:
    return [[f"{group.count:,}", str(group.failure or ""), ", ".join(group.workflows), group.key] for group in groups]


def draw_groups(session: Session, groups: Sequence[Group]) -> None:
    """On stderr."""
    rows = group_rows(groups[:MOST_GROUPS])
    if rows and is_terminal(sys.stderr):
        out = console(session, stderr=True)
        out.print(table(COLUMNS, rows, out.width))
    else:
        for row in rows:
            say("\t".join(map(safe, row)))
    if len(groups) > MOST_GROUPS:
        say(f"and {many(len(groups) - MOST_GROUPS, 'more group')}")


class View:
    """On a terminal, drawn a few times a second; elsewhere, only what it waits for is said."""

    def __init__(self, session: Session, redrive: Redrive) -> None:
        self._session = session
        self._redrive = redrive
        self._live: Live | None = None
        self._status: RedriveStatus | None = None
        self._watched = 0
        self._watched_until = 0.0
        self._groups: tuple[Group, ...] = ()
        self._grouped = 0
        self._group_again = 0.0
        self._is_stopping = False

    def __enter__(self) -> Self:
        if is_terminal(sys.stderr) and os.environ.get("TERM") != "dumb":
            from rich.live import Live

            self._live = Live(
                get_renderable=self._drawn,
                console=console(self._session, stderr=True),
                transient=True,
                redirect_stdout=False,
                redirect_stderr=False,
            )
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._live is not None:
            with suppress(OSError):  # the terminal is gone
                self._live.stop()

    def show(self, status: RedriveStatus) -> None:
        problem = None if self._status is None else self._status.problem
        self._status = status
        if self._live is None:
            if status.problem is not None and status.problem != problem:
                say(f"{time.strftime('%H:%M:%S')} {safe(status.problem)}")
            return
        wave = status.wave
        if wave is not None and wave.state == "watching" and wave.number > self._watched:
            self._watched = wave.number
            self._watched_until = time.monotonic() + self._redrive.settings().watch.total_seconds()
        count, now = status.counts[State.FAILED_AGAIN], time.monotonic()
        if count != self._grouped and now >= self._group_again:
            self._grouped, self._groups = count, self._redrive.failed_again().groups
            self._group_again = now + REST * (time.monotonic() - now)

    def wave(self, wave: Wave) -> bool:
        """One that has ended. Whether it is shown; if not, a line on stdout is for the caller to print."""
        if self._live is None or not shows_tables():
            return False
        with suppress(OSError):
            self._live.console.print(str(wave))
        return True

    def stopping(self) -> None:
        """Somebody wants it to end."""
        self._is_stopping = True

    def _drawn(self) -> Any:
        from rich.console import Group as Lines
        from rich.constrain import Constrain
        from rich.progress_bar import ProgressBar
        from rich.table import Table
        from rich.text import Text

        status = self._status
        if status is None:
            return Text("Looking at the queue")
        # Not to the edge, where the ^C that a terminal shows would begin a line.
        width = (80 if self._live is None else self._live.console.width) - 3
        bar = Table.grid(padding=(0, 2, 0, 0))
        for _ in range(3):
            bar.add_column(no_wrap=True)
        bar.add_row(
            ProgressBar(total=max(1, status.total), completed=status.done, width=max(8, min(40, width - 40))),
            f"{status.done:,}/{status.total:,}",
            "" if status.time_left is None else f"{age(status.time_left)} left at least",
        )
        lines = [f"{DOING[status.action]}, at most {status.rate:,g} a second: {_counted(status)}"]
        if status.wave is not None:
            lines.append(self._waved(status.wave))
        if status.problem is not None:
            lines.append(f"Waiting: {status.problem}")
        if self._is_stopping:
            lines.append("Stopping: waits for the requests under way. Ctrl-C again does not wait.")
        below = [Text(encodable(safe(line)), overflow="ellipsis", no_wrap=True) for line in lines]
        parts: list[Any] = [bar, *below]
        if self._groups:
            parts.append(table(COLUMNS, group_rows(self._groups[:MOST_GROUPS]), width))
        return Constrain(Lines(*parts), width)

    def _waved(self, wave: Wave) -> str:
        sent = wave.started + wave.refused + wave.gone
        text = f"Wave {wave.number}, {many(wave.size)}: {sent:,} sent"
        if wave.failed_again:
            text += f", {wave.failed_again:,} failed again"
        left = timedelta(seconds=max(0.0, self._watched_until - time.monotonic()))
        if wave.state == "watching" and wave.number == self._watched:
            text += f"; watching for runs that fail again, {age(left)} more"
        return text


def _counted(status: RedriveStatus) -> str:
    states = {
        state: count for state, count in status.counts.items() if count and state not in (State.PLANNED, State.SENDING)
    }
    return ", ".join(f"{count:,} {state}" for state, count in states.items()) or "nothing done yet"
