"""Asking an archive: which of its runs, in which order, and their payloads."""

from __future__ import annotations

import json
import sqlite3
from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any

from .. import FailedRun
from ..matching import Facts, Matcher, MatchFilters
from ._blocks import Blocks
from ._rows import storable

__all__ = ["ArchiveFilters"]

# Runs whose payloads are in memory at once.
CHUNK = 500

# In the order of the service: the newest first. Of one millisecond, the highest number.
ORDER = "ORDER BY r.failed_at DESC, length(r.dlq_id) DESC, r.dlq_id DESC, r.id"


class ArchiveFilters(MatchFilters, total=False):
    """`MatchFilters`, and what only an archive knows.

    Attributes:
        gone: True for runs that are not in the queue any more, False for those that are, as far as a sync has noticed.
        origin: one or several names of queues; see `Archive.sync`.
    """

    gone: bool | None
    origin: str | Iterable[str] | None


# The columns that make `Facts`, in their order.
_FACTS = """k.labels, k.workflow_url, r.workflow_run_id, r.workflow_created_at, r.failure_function_state, r.caller_ip,
    r.flow_control_key, k.status, r.entered_at, r.created_at, k.failure, r.message, k.fingerprint"""


class Selected:
    """Some runs of an archive, as SQL: what follows FROM, with its parameters. For one statement at a time."""

    def __init__(self, connection: sqlite3.Connection, filters: Mapping[str, Any]) -> None:
        given = {name: value for name, value in filters.items() if value is not None}
        gone, origins = given.pop("gone", None), given.pop("origin", None)
        matcher = Matcher(given)
        conditions: list[str] = []
        self.parameters: list[Any] = []
        if gone is not None:
            if not isinstance(gone, bool):
                raise TypeError(f"gone takes True or False, not {type(gone).__name__}")
            conditions.append(f"r.gone_at IS {'NOT ' if gone else ''}NULL")
        if origins is not None:
            names = [origins] if isinstance(origins, str) else list(origins)
            marks = ", ".join("?" * len(names))
            conditions.append(f"r.origin IN (SELECT id FROM origins WHERE name IN ({marks}))")
            self.parameters += names
        for sign, moment in ((">=", matcher.since), ("<=", matcher.until)):
            if moment is not None:
                # The index finds these; the matcher has the last word.
                conditions.append(f"r.failed_at {sign} ?")
                self.parameters.append(moment)
        self.tables = "runs r"
        if not matcher.is_empty:
            self.tables = "runs r JOIN kinds k ON k.id = r.kind"
            conditions.append(f"matching(r.id, r.is_exact, {_FACTS})")
            connection.create_function("matching", -1, self._matching(matcher, connection))
        self.where = f"WHERE {' AND '.join(conditions)}" if conditions else ""

    def _matching(self, matcher: Matcher, connection: sqlite3.Connection) -> Any:
        blocks = Blocks(connection)

        def matching(id: int, is_exact: int, labels: str, *others: Any) -> bool:
            facts = Facts(_labels(labels), *others) if is_exact else Facts.of(runs_of(connection, blocks, [id])[id])
            return matcher.accepts(facts)

        return matching

    def also(self, condition: str) -> str:
        """The tables, with one more condition."""
        return f"{self.tables} {self.where} {'AND' if self.where else 'WHERE'} {condition}"

    def __str__(self) -> str:
        return f"{self.tables} {self.where}"


@lru_cache(maxsize=1024)
def _labels(text: str) -> tuple[str, ...]:
    return tuple(json.loads(text))


def ids_of(connection: sqlite3.Connection, selected: Selected) -> array[int]:
    """Eight bytes for each run, and as they are at this moment."""
    found = connection.execute(f"SELECT r.id FROM {selected} {ORDER}", selected.parameters)
    return array("q", (id for (id,) in found))


def chunks_of(ids: array[int]) -> Iterator[list[int]]:
    for start in range(0, len(ids), CHUNK):
        yield list(ids[start : start + CHUNK])


def payloads_of(connection: sqlite3.Connection, blocks: Blocks, ids: Sequence[int]) -> dict[int, bytes]:
    """Of at most 500 runs. Block by block, so that each is decompressed once."""
    marks = ", ".join("?" * len(ids))
    found = connection.execute(
        f"SELECT id, block, start, size FROM runs WHERE id IN ({marks}) ORDER BY block",
        list(ids),
    )
    return {id: blocks.content(block)[start : start + size] for id, block, start, size in found.fetchall()}


def runs_of(connection: sqlite3.Connection, blocks: Blocks, ids: Sequence[int]) -> dict[int, FailedRun]:
    return {id: FailedRun.from_json(payload) for id, payload in payloads_of(connection, blocks, ids).items()}


def rows_of(connection: sqlite3.Connection, blocks: Blocks, ids: Sequence[int]) -> dict[int, dict[str, Any]]:
    """What an export has of these runs."""
    payloads = payloads_of(connection, blocks, ids)
    marks = ", ".join("?" * len(ids))
    found = connection.execute(f"SELECT * FROM failed_runs WHERE id IN ({marks})", list(ids))
    names = [column[0] for column in found.description]
    rows = {}
    for values in found.fetchall():
        row = dict(zip(names, values, strict=True))
        id = row.pop("id")
        # Without what no other program reads, as the other texts are.
        row["labels"] = list(map(storable, json.loads(row["labels"])))
        rows[id] = {**row, "payload": payloads[id].decode("utf-8", "replace")}
    return rows
