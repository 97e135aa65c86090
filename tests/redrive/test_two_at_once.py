"""Two processes, or two objects of one process, with the same journal."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest
from upstash_workflow_dlq import DLQClient
from upstash_workflow_dlq.emulator import Emulator
from upstash_workflow_dlq.redrive import Redrive, RedriveRunning

RATE_ELSEWHERE = (
    "import sys; from upstash_workflow_dlq.redrive import Redrive; print(Redrive(sys.argv[1]).status().rate)"
)


@pytest.fixture
def emulator() -> Iterator[Emulator]:
    with Emulator(runs=12) as emulator:
        yield emulator


@pytest.fixture
def dlq(emulator: Emulator) -> Iterator[DLQClient]:
    with DLQClient(emulator.token, base_url=emulator.url) as dlq:
        yield dlq


def rate_elsewhere(path: Path) -> float:
    found = subprocess.run(  # noqa: S603
        [sys.executable, "-c", RATE_ELSEWHERE, str(path)], check=True, stdout=subprocess.PIPE
    )
    return float(found.stdout)


def test_what_is_written_stays_when_the_journal_is_opened_twice_here_and_closed_elsewhere(
    dlq: DLQClient, tmp_path: Path
) -> None:
    # POSIX drops the locks of a process on a file when it closes any descriptor of it. Then SQLite elsewhere deletes
    # the log that is written here.
    path = tmp_path / "all.redrive"
    with Redrive.plan(path, dlq, "resume", all=True) as redrive, Redrive(path) as other:
        redrive.set_rate(7)
        other.status()
        assert rate_elsewhere(path) == 7
        redrive.set_rate(9)
        assert rate_elsewhere(path) == 9


def test_a_new_journal_can_be_opened_while_another_process_writes_to_it(dlq: DLQClient, tmp_path: Path) -> None:
    """Whoever opened it first would have to change how it is written, for which SQLite does not wait."""
    path = tmp_path / "a.redrive"
    Redrive.plan(path, dlq, "resume", all=True).close()
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with Redrive(path) as redrive:
            assert redrive.status().total == 12
        other.execute("INSERT INTO about VALUES ('a', 'b')")
        other.execute("COMMIT")
        assert other.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_a_journal_is_run_once_at_a_time_whichever_path_leads_to_it(
    dlq: DLQClient, emulator: Emulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    path, link = tmp_path / "all.redrive", tmp_path / "link.redrive"
    link.symlink_to(path)
    with (
        Redrive.plan(path, dlq, "resume", all=True) as redrive,
        Redrive(link) as linked,
        Redrive(path.name) as relative,
    ):
        waves = iter(redrive.run(dlq, rate=1000, canary=1, growth=1, watch=timedelta(0)))
        next(waves)
        for other in (linked, relative):
            assert other.status().running
            with pytest.raises(RedriveRunning):
                next(iter(other.run(dlq)))
        assert len(emulator.started) == 1
        assert sum(1 for _ in waves) == 11
        assert not linked.status().running
