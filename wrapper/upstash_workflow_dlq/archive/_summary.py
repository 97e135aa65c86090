"""Groups of archived runs, by the columns beside their payloads: what `triage.summarize` makes of the same runs."""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple, get_args

from .. import Failure
from ..timelines import Timeline
from ..triage import By, Group, Summary
from ._blocks import Blocks
from ._reading import Selected, runs_of
from ._rows import NO_ID

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)

# From the beginning of the year 1, so that nothing is negative: SQLite rounds towards zero.
_BEGINNING = datetime.min.replace(tzinfo=UTC)
_SINCE_BEGINNING = (_EPOCH - _BEGINNING) // _MILLISECOND

_WIDTHS = {"hour": timedelta(hours=1), "day": timedelta(days=1)}

# Of the workflows and statuses of a group.
_SHOWN = 10

_ID = f"iif(r.dlq_id GLOB '{NO_ID}*', '', r.dlq_id)"


class Part(NamedTuple):
    """Runs of one kind; by hour or day, of one of them."""

    span: int | None
    kind: int
    runs: int
    first: int | None
    last: int | None
    workflow: str
    status: int | None
    failure: str | None
    fingerprint: str
    labels: str

    def keys(self, by: By) -> Iterable[str]:
        if by == "failure":
            return (self.fingerprint,)
        if by == "workflow":
            return (self.workflow,)
        if by == "label":
            return json.loads(self.labels) or ("",)
        if by == "status":
            return (str(self.known_status or ""),)
        if self.span is None:
            return ("",)
        text = (_BEGINNING + self.span * _WIDTHS[by]).isoformat()
        return (text[:10] if by == "day" else f"{text[:13]}:00Z",)

    @property
    def known_status(self) -> int | None:
        return self.status if self.status is not None and 0 < self.status < 1000 else None


class Newest(NamedTuple):
    """The run that a group shows, in the order that says which it is."""

    length: int
    dlq_id: str
    failure: Failure | None


class Grouping:
    def __init__(self, connection: sqlite3.Connection, selected: Selected, by: By) -> None:
        if by not in get_args(By):
            raise ValueError(f"by is {by!r}; it must be one of {', '.join(get_args(By))}")
        self._connection = connection
        self._selected = selected
        self._by = by
        self._blocks = Blocks(connection)
        self._newest: dict[tuple[int, int | None], Newest] = {}

    def summary(self) -> Summary:
        parts: dict[str, list[Part]] = {}
        total = 0
        for part in self._parts():
            total += part.runs
            for key in part.keys(self._by):
                parts.setdefault(key, []).append(part)
        groups = [self._group(key, those) for key, those in parts.items()]
        groups.sort(key=lambda group: (-group.count, group.key))
        failed, entered = self._ends("failed_at"), self._ends("entered_at")
        if failed == entered:  # as it is if all ids say when: then one look is enough
            timeline, of_entered = self._counts("failed_at", failed, "count(*), count(r.entered_at)")
        else:
            [timeline], [of_entered] = self._counts("failed_at", failed), self._counts("entered_at", entered)
        return Summary(self._by, total, tuple(groups), timeline, of_entered, *failed)

    def _parts(self) -> list[Part]:
        width = _WIDTHS.get(self._by)
        span = "NULL" if width is None else _span("failed_at", width)
        found = self._connection.execute(
            f"""
            SELECT g.*, k.workflow, k.status, k.failure, k.fingerprint, k.labels FROM (
                SELECT {span} AS span, r.kind AS kind, count(*), min(r.failed_at), max(r.failed_at)
                FROM {self._selected} GROUP BY {"r.kind" if width is None else "r.kind, 1"}
            ) g JOIN kinds k ON k.id = g.kind
            """,
            self._selected.parameters,
        )
        return list(map(Part._make, found.fetchall()))

    def _group(self, key: str, parts: list[Part]) -> Group:
        workflows, statuses = Counter[str](), Counter[int]()
        for part in parts:
            if part.workflow:
                workflows[part.workflow] += part.runs
            if part.known_status is not None:
                statuses[part.known_status] += part.runs
        last = max((part.last for part in parts if part.last is not None), default=None)
        newest = max((self._newest_of(part) for part in parts if part.last == last), key=lambda newest: newest[:2])
        return Group(
            key,
            newest.failure,
            sum(part.runs for part in parts),
            moment(min((part.first for part in parts if part.first is not None), default=None)),
            moment(last),
            _most(workflows),
            _most(statuses),
            newest.dlq_id or None,
        )

    def _newest_of(self, part: Part) -> Newest:
        """Of one millisecond, the id with the highest number."""
        place = part.kind, part.last
        if place not in self._newest:
            found = self._connection.execute(
                f"SELECT r.id, {_ID}, r.message, r.is_exact "
                f"FROM {self._selected.also('r.kind = ? AND r.failed_at IS ?')} "
                f"ORDER BY length({_ID}) DESC, {_ID} DESC LIMIT 1",
                (*self._selected.parameters, *place),
            )
            id, dlq_id, message, is_exact = found.fetchone()
            failure = None if part.failure is None else Failure(part.failure, message or "")
            if not is_exact:
                try:
                    failure = runs_of(self._connection, self._blocks, [id])[id].failure
                except ValueError:
                    failure = None
            self._newest[place] = Newest(len(dlq_id), dlq_id, failure)
        return self._newest[place]

    def _ends(self, column: str) -> tuple[datetime | None, datetime | None]:
        """When the first and the last of them were. One by one, since each is one look into the index then."""
        found = (
            self._connection.execute(f"SELECT {end}(r.{column}) FROM {self._selected}", self._selected.parameters)
            for end in ("min", "max")
        )
        first, last = (moment(end.fetchone()[0]) for end in found)
        return first, last

    def _counts(
        self, column: str, ends: tuple[datetime | None, datetime | None], counted: str = "count(*)"
    ) -> list[tuple[tuple[datetime, int], ...]]:
        """How many were when, of each that is counted."""
        timelines = [Timeline() for _ in counted.split(",")]
        width = timedelta(minutes=1)
        for timeline in timelines:
            for end in filter(None, ends):
                timeline.add(end, 0)
            width = timeline.width
        found = self._connection.execute(
            f"SELECT {_span(column, width)}, {counted} "
            f"FROM {self._selected.also(f'r.{column} IS NOT NULL')} GROUP BY 1",
            self._selected.parameters,
        )
        for span, *counts in found.fetchall():
            for timeline, count in zip(timelines, counts, strict=True):
                timeline.add(_BEGINNING + span * width, count)
        return [timeline.result() for timeline in timelines]


def _span(column: str, width: timedelta) -> str:
    return f"(r.{column} + {_SINCE_BEGINNING}) / {width // _MILLISECOND}"


def moment(milliseconds: int | None) -> Any:
    return None if milliseconds is None else _EPOCH + milliseconds * _MILLISECOND


def _most(counts: Counter[Any]) -> tuple[Any, ...]:
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return tuple(value for value, _ in ordered[:_SHOWN])
