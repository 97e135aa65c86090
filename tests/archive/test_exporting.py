"""Exports: every run once, with its types, whole or not at all; read again by DuckDB and Polars."""

from __future__ import annotations

import csv
import gzip
import json
import os
import re
import resource
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import hostile_runs as hostile
import polars
import pytest
from upstash_workflow_dlq import DLQClient, FailedRun
from upstash_workflow_dlq.archive import Archive, ArchiveError
from upstash_workflow_dlq.archive._parquet import TYPES
from upstash_workflow_dlq.emulator import failed_runs
from upstash_workflow_dlq.matching import Facts
from upstash_workflow_dlq.triage import workflow_path

SAMPLES = [*map(FailedRun, failed_runs(300)), *hostile.RUNS]


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Archive]:
    with Archive(tmp_path_factory.mktemp("archive") / "failed.db") as archive:
        list(archive.keep(SAMPLES, origin="a"))
        yield archive


def test_json_lines_are_the_payloads(full: Archive, tmp_path: Path) -> None:
    assert full.export(tmp_path / "a.jsonl") == len(SAMPLES)
    lines = (tmp_path / "a.jsonl").read_bytes().split(b"\n")
    assert lines.pop() == b""
    expected = [run.to_json() for run in full.runs()]
    assert [line for line in lines if b"spaced" not in line] == [line for line in expected if b"spaced" not in line]
    assert list(map(FailedRun.from_json, lines)) == list(full.runs())
    full.export(tmp_path / "a.jsonl.gz")
    assert gzip.decompress((tmp_path / "a.jsonl.gz").read_bytes()) == (tmp_path / "a.jsonl").read_bytes()


def test_filters_say_what_is_exported(full: Archive, tmp_path: Path) -> None:
    count = full.export(tmp_path / "a.jsonl", label="billing", gone=False)
    assert count == full.count(label="billing") > 0
    lines = (tmp_path / "a.jsonl").read_bytes().splitlines()
    assert all("billing" in FailedRun.from_json(line).labels for line in lines)
    assert len(lines) == count


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_csv_has_a_row_for_each_run_and_no_formula(full: Archive, tmp_path: Path) -> None:
    list(full.keep([FailedRun({"dlqId": "=1+1", "responseBody": '{"error": "+cmd|A0"}'})], origin="@sum"))
    full.export(tmp_path / "a.csv")
    rows = rows_of(tmp_path / "a.csv")
    assert len(rows) == full.count()
    assert list(rows[0]) == list(TYPES)
    for row in rows:
        assert not any(value.lstrip().startswith(("=", "+", "-", "@")) for value in row.values() if value)
        assert all(value.isprintable() for value in row.values())
        json.loads(row["payload"])
    [formula] = [row for row in rows if row["dlq_id"] == "'=1+1"]
    assert (formula["failure"], formula["origin"]) == ("'+cmd|A0", "'@sum")
    payloads = {json.dumps(json.loads(row["payload"])) for row in rows}
    assert payloads == {json.dumps(run.to_dict()) for run in full.runs()}


def test_parquet_has_types(full: Archive, tmp_path: Path) -> None:
    path = tmp_path / "it's.parquet"
    assert full.export(path) == full.count()
    with duckdb.connect() as connection:
        described = connection.execute("DESCRIBE SELECT * FROM read_parquet(?)", [str(path)]).fetchall()
        names = {"TIMESTAMPTZ": "TIMESTAMP WITH TIME ZONE"}
        assert {name: kind for name, kind, *_ in described} == {
            name: names.get(kind, kind) for name, kind in TYPES.items()
        }
        query = "SELECT dlq_id, failed_at, labels, status, payload ->> 'dlqId', payload::VARCHAR FROM read_parquet(?)"
        found = {row[0]: row[1:] for row in connection.execute(query, [str(path)]).fetchall()}
    for run in SAMPLES[:300]:
        failed_at, labels, status, dlq_id, payload = found[run.dlq_id]
        assert (failed_at, tuple(labels), status) == (run.entered_at, run.labels, run.response_status)
        assert failed_at.utcoffset().total_seconds() == 0
        assert (dlq_id, payload.encode()) == (run.dlq_id, run.to_json())


def test_columns_are_what_a_run_says(full: Archive, tmp_path: Path) -> None:
    full.export(tmp_path / "a.parquet")
    rows = {row["dlq_id"]: row for row in polars.read_parquet(tmp_path / "a.parquet").to_dicts()}
    for run in SAMPLES[:300]:
        row, facts = rows[run.dlq_id], Facts.of(run)
        assert (row["origin"], row["workflow"], row["gone_at"]) == ("a", workflow_path(run), None)
        assert row["archived_at"].tzinfo is not None
        assert row["created_at"] == run.created_at
        assert row["workflow_created_at"] == run.workflow_created_at
        for name in set(Facts._fields) & set(TYPES) - {"entered_at", "created_at", "workflow_created_at"}:
            assert row[name] == getattr(facts, name), name


def test_a_folder_has_a_file_for_each_day(full: Archive, tmp_path: Path) -> None:
    target = f"{tmp_path}/days/"
    for _ in range(2):  # the second replaces the first
        assert full.export(target) == full.count()
    by_day: dict[str, int] = {}
    for run in full.runs():
        moment = Facts.of(run).failed_at
        day = "unknown" if moment is None else f"{datetime.fromtimestamp(moment / 1000, UTC):%Y-%m-%d}"
        by_day[day] = by_day.get(day, 0) + 1
    with duckdb.connect() as connection:
        query = "SELECT day::VARCHAR, count(*) FROM read_parquet(?, hive_partitioning = true) GROUP BY ALL"
        assert dict(connection.execute(query, [f"{target}*/*.parquet"]).fetchall()) == by_day
    read = polars.read_parquet(target, hive_partitioning=True)
    assert dict(read.group_by("day").len().rows()) == by_day
    assert [path.name for path in tmp_path.iterdir()] == ["days"]


@pytest.mark.parametrize("name", ["a.jsonl", "a.jsonl.gz", "a.csv", "a.parquet", "days/"])
def test_an_export_of_nothing_is_empty_and_can_be_read(full: Archive, tmp_path: Path, name: str) -> None:
    assert full.export(f"{tmp_path}/{name}", label="nothing") == 0
    assert os.listdir(tmp_path) == [name.rstrip("/")]
    if name == "a.parquet":
        assert polars.read_parquet(tmp_path / name).shape == (0, len(TYPES))
    if name == "a.csv":
        assert rows_of(tmp_path / name) == []


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("a.txt", "says no format: end it in .parquet, .csv, .jsonl, .jsonl.gz, or in / for a folder of Parquet files"),
        ("a", "says no format"),
        ("a.gz", "says no format"),
        ("no/such/a.csv", "there is no such folder; make it first"),
        ("no/such/days/", "there is no such folder; make it first"),
        ("other/", "has something else in it than an export: name a new or an empty folder"),
        ("file/", "is a file, and no folder"),
        ("other", "says no format"),
        ("folder.csv", "is a folder"),
    ],
)
def test_what_cannot_be_written_is_said_in_a_line(full: Archive, tmp_path: Path, name: str, message: str) -> None:
    (tmp_path / "other").mkdir()
    (tmp_path / "folder.csv").mkdir()
    (tmp_path / "other" / "mine.txt").write_text("mine")
    (tmp_path / "file").write_text("mine")
    before = sorted(map(str, tmp_path.rglob("*")))
    with pytest.raises(ArchiveError, match=re.escape(message)) as caught:
        full.export(f"{tmp_path}/{name}")
    assert "\n" not in str(caught.value)
    assert sorted(map(str, tmp_path.rglob("*"))) == before


@contextmanager
def a_small_disk(size: int) -> Iterator[None]:
    """No file gets larger than that: what is beyond is refused, as a full disk refuses it."""
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, ignored)


@pytest.mark.skipif(sys.platform == "win32", reason="has no limit of this kind")
@pytest.mark.parametrize("name", ["a.jsonl", "a.csv", "a.parquet", "days/"])
def test_a_full_disk_leaves_what_was_there(full: Archive, tmp_path: Path, name: str) -> None:
    target = f"{tmp_path}/{name}"
    full.export(target, label="billing")
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    with a_small_disk(10_000), pytest.raises(ArchiveError) as caught:
        full.export(target)
    assert "\n" not in str(caught.value)
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


def test_a_link_is_followed(full: Archive, tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    (tmp_path / "link.jsonl").symlink_to(tmp_path / "there" / "a.jsonl")
    full.export(tmp_path / "link.jsonl", label="billing")
    assert (tmp_path / "link.jsonl").is_symlink()
    assert (tmp_path / "there" / "a.jsonl").stat().st_size > 0


def test_an_archive_is_not_replaced_by_its_own_export(tmp_path: Path) -> None:
    path = tmp_path / "failed.jsonl"
    with Archive(path) as archive:
        list(archive.keep(SAMPLES, origin="a"))
        (tmp_path / "link.csv").symlink_to(path)
        for name in ("failed.jsonl", "link.csv"):
            with pytest.raises(ArchiveError, match=f"{name} is the archive itself"):
                archive.export(tmp_path / name)
    with Archive(path) as archive:
        assert archive.count() == len(SAMPLES)


def test_gone_runs_say_since_when(dlq: DLQClient, archive: Archive, tmp_path: Path) -> None:
    archive.sync(dlq)
    run: Any = next(iter(dlq.list()))
    dlq.delete(run)
    archive.sync(dlq)
    archive.export(tmp_path / "a.csv")
    marked = [row for row in rows_of(tmp_path / "a.csv") if row["gone_at"]]
    assert [row["dlq_id"] for row in marked] == [run.dlq_id]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", marked[0]["gone_at"])
