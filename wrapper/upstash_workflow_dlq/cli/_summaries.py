"""Summaries: read, and shown. `summary` and `check` share them, and so do the commands that act."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from ._cells import cell, many, plain, safe
from ._exits import writing
from ._output import as_json, emit
from ._screen import (
    GROUP_COLUMNS,
    Column,
    bar,
    console,
    entered_at,
    group_rows,
    name_of,
    shows_tables,
    sparkline,
    table,
)
from ._selection import Selection
from ._session import Session

if TYPE_CHECKING:
    from upstash_workflow_dlq import FailedRun
    from upstash_workflow_dlq.archive import Archive
    from upstash_workflow_dlq.triage import Summary

A_DAY = timedelta(days=1)


class Reading:
    """Summarizes runs as they come, and counts those that expire within a day."""

    def __init__(self, by: Any = "failure", retention: timedelta | None = None) -> None:
        from upstash_workflow_dlq.triage import Summarizer, kept_for

        self._summarizer = Summarizer(by=by)
        self._summary: Summary | None = None
        self._kept_for = kept_for
        self._retention = retention
        self._now = datetime.now(UTC)
        self.by = by
        self.retention_is_known = retention is not None
        self.count = self.expiring = 0

    def add(self, run: FailedRun) -> None:
        self._summarizer.add(run)
        self.count += 1
        self._look_when_it_expires(entered_at(run))

    @classmethod
    def of_archive(cls, archive: Archive, filters: dict[str, Any], by: Any, retention: timedelta | None) -> Reading:
        """Without reading runs. Those that left the queue do not expire any more."""
        reading = cls(by, retention)
        reading._summary = archive.summarize(by=by, **filters)
        reading.count = reading._summary.total
        if not filters.get("gone"):
            for entered in archive.entered_times(**{**filters, "gone": False}):
                reading._look_when_it_expires(entered)
        return reading

    def _look_when_it_expires(self, entered: datetime | None) -> None:
        self.expiring += entered is not None and self._kept_for(self._now - entered, self._retention) < A_DAY

    @property
    def summary(self) -> Summary:
        return self._summary or self._summarizer.summary()

    def as_json(self, limit: int | None) -> dict[str, Any]:
        summary = self.summary
        groups = [
            {
                "key": group.key,
                "name": name_of(group, self.by),
                "count": group.count,
                "share": round(group.count / summary.total, 4),
                "first": plain(group.first),
                "last": plain(group.last),
                "workflows": plain(group.workflows),
                "statuses": plain(group.statuses),
                "example": group.example,
            }
            for group in summary.groups[:limit]
        ]
        return {
            "total": summary.total,
            "groups": groups,
            "more_groups": len(summary.groups) - len(groups),
            "timeline": [{"start": plain(start), "count": count} for start, count in summary.timeline],
            "expiring_within_a_day": self.expiring,
            "retention_is_known": self.retention_is_known,
        }


def show(
    session: Session, reading: Reading, output: str, screenful: int, *, asked: Any = None, more: str | None = None
) -> None:
    """On stdout, as a terminal, a pipe or a program takes it. A screenful is for terminals; what was asked (a number,
    or "all") holds everywhere. `more`: see `below`."""
    on_screen = output == "table" and shows_tables()
    limit = screenful if asked is None and on_screen else None if asked == "all" else asked
    if on_screen:
        with writing():
            draw(session, reading, limit, more=more)
    elif output == "json":
        emit(as_json(reading.as_json(limit), indent=2))
    else:
        for row in group_rows(reading.summary, reading.by, limit):
            emit("\t".join(map(safe, row.values())))


def draw(
    session: Session, reading: Reading, limit: int | None, *, stderr: bool = False, more: str | None = None
) -> None:
    """For people, whose terminal it must be."""
    summary = reading.summary
    out = console(session, stderr=stderr)
    out.print(f"{many(summary.total, 'failed run')} in {many(len(summary.groups), 'group')}\n")
    most = max((group.count for group in summary.groups), default=1)
    rows = [
        [
            *(row["count"], row["share"], bar(group.count, most)),
            *(row["name"], row["workflows"], row["last"], row["key"] if reading.by == "failure" else row["example"]),
        ]
        for row, group in zip(group_rows(summary, reading.by, limit), summary.groups, strict=False)
    ]
    if rows:
        columns = [*GROUP_COLUMNS[:-1], Column("fingerprint" if reading.by == "failure" else "example")]
        out.print(table(columns, rows, out.width))
    for line in below(reading, limit, out.width, more):
        # A command that is copied has no line breaks in it.
        out.print(line, soft_wrap=True)


def below(reading: Reading, limit: int | None, width: int, more: str | None) -> list[str]:
    """What stands below the groups. `more`: the command that shows all groups of the same runs; "" if it is this one,
    None if there is none."""
    summary = reading.summary
    lines = []
    if (hidden := len(summary.groups) - len(summary.groups[:limit])) > 0:
        how = {None: "", "": ": --limit all"}.get(more, f": {more} --limit all")
        lines.append(f"and {many(hidden, 'more group')}{how}")
    if summary.timeline:
        counts = [count for _, count in summary.timeline]
        start, end = cell(summary.first), cell(summary.last)
        ends = f"{start[:16]}  ", f"  {end[:16]}"
        lines += ["", sparkline(counts, width - len("".join(ends))).join(ends)]
    if reading.expiring:
        lines.append(_expiring(reading, more))
    return lines


def summary_of_same(session: Session) -> str:
    """For `more`, in another command than `summary`: to be copied."""
    return safe(" ".join(["upstash-dlq summary", *session.queue_as_typed, *Selection.as_typed()]))


def _expiring(reading: Reading, more: str | None) -> str:
    who = "It" if reading.count == 1 else f"{reading.expiring:,} of them"
    if reading.retention_is_known:
        return f"{who} {'expires' if reading.expiring == 1 else 'expire'} within a day"
    return f"{who} may expire within a day (see --retention{'' if more == '' else ' of upstash-dlq summary'})"
