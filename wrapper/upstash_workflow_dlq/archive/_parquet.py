"""Parquet, by DuckDB (extra `parquet`)."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from ._errors import ArchiveError

# The columns of an export, with their types in DuckDB. A CSV file has the same.
TYPES = {
    "origin": "VARCHAR",
    "dlq_id": "VARCHAR",
    "failed_at": "TIMESTAMPTZ",
    "entered_at": "TIMESTAMPTZ",
    "created_at": "TIMESTAMPTZ",
    "workflow": "VARCHAR",
    "workflow_url": "VARCHAR",
    "workflow_run_id": "VARCHAR",
    "workflow_created_at": "TIMESTAMPTZ",
    "status": "BIGINT",
    "failure": "VARCHAR",
    "message": "VARCHAR",
    "fingerprint": "VARCHAR",
    "labels": "VARCHAR[]",
    "caller_ip": "VARCHAR",
    "flow_control_key": "VARCHAR",
    "failure_function_state": "VARCHAR",
    "archived_at": "TIMESTAMPTZ",
    "gone_at": "TIMESTAMPTZ",
    "payload": "JSON",
}

# Bytes of one run, at most.
MOST_BYTES = 2**30


def check() -> None:
    try:
        import duckdb  # noqa: F401
    except ImportError as error:
        raise ArchiveError('Parquet needs an extra: python -m pip install "upstash-workflow-dlq[parquet]"') from error


def write_parquet(rows: Iterable[dict[str, Any]], place: Path, *, by_day: bool) -> None:
    """To a file; by day, to a folder with one for each: `day=2026-11-26/…`."""
    import duckdb

    # DuckDB reads rows fastest from a file. It holds little of it in memory.
    lines = place.with_name(f"{place.name}.lines")
    # The payload is text there. What is not quite JSON, such as NaN, stays text in Parquet.
    types = ", ".join(f"{name}: '{type.replace('JSON', 'VARCHAR')}'" for name, type in TYPES.items())
    source = (
        f"read_json({_quoted(str(lines))}, format = 'newline_delimited', columns = {{{types}}}, "
        f"maximum_object_size = {MOST_BYTES}, timestampformat = 'iso')"
    )
    payload = "CASE WHEN json_valid(payload) THEN payload::JSON ELSE to_json(payload) END AS payload"
    columns = ", ".join(payload if name == "payload" else name for name in TYPES)
    if by_day:
        columns += ", coalesce(strftime(failed_at, '%Y-%m-%d'), 'unknown') AS day"
    options = "FORMAT parquet, COMPRESSION zstd" + (", PARTITION_BY (day)" if by_day else "")
    try:
        with lines.open("w", encoding="ascii") as out:
            for row in rows:
                out.write(json.dumps(row) + "\n")
        with duckdb.connect() as connection:
            connection.execute("SET TimeZone = 'UTC'")
            # Rows in their order would all be held in memory.
            connection.execute(f"SET preserve_insertion_order = {str(not by_day).lower()}")
            connection.execute(f"COPY (SELECT {columns} FROM {source}) TO {_quoted(str(place))} ({options})")
    except duckdb.Error as error:
        said = str(error).splitlines()[0]
        raise ArchiveError(f"the Parquet file cannot be written: {said}") from error
    finally:
        lines.unlink(missing_ok=True)
    if by_day:
        place.mkdir(exist_ok=True)  # of no runs, DuckDB makes none


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
