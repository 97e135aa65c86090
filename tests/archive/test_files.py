"""The file: what is refused, and what a full disk or another program's file does."""

from __future__ import annotations

import os
import re
import resource
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from upstash_workflow_dlq import DLQClient, DLQError, FailedRun
from upstash_workflow_dlq.archive import Archive, ArchiveError, NotArchivedError, SyncResult, _schema, _syncing
from upstash_workflow_dlq.emulator import Emulator

DOCS = Path(__file__).parents[2] / "docs" / "archive.md"


def made(path: str, *statements: str) -> None:
    connection = sqlite3.connect(path)
    for statement in statements:
        connection.execute(statement)
    connection.commit()
    connection.close()


def test_errors_are_of_the_family() -> None:
    assert issubclass(ArchiveError, DLQError)
    assert issubclass(NotArchivedError, ArchiveError)


def test_a_file_that_is_no_archive_is_refused_and_left_alone(path: str) -> None:
    for content in (b"hello", b"SQLite format 3\0" + b"x" * 5000):
        Path(path).write_bytes(content)
        with pytest.raises(
            ArchiveError, match=re.escape(f"{path}: it is no archive; `Archive.sync` makes one")
        ) as caught:
            Archive(path)
        assert "\n" not in str(caught.value)
        assert Path(path).read_bytes() == content


def test_a_file_of_another_program_is_refused(path: str) -> None:
    made(path, "CREATE TABLE mine (a)")
    with pytest.raises(ArchiveError, match="is an SQLite file of another program, and no archive"):
        Archive(path)


def test_an_archive_of_a_newer_version_is_refused(path: str, dlq: DLQClient) -> None:
    with Archive(path) as archive:
        archive.sync(dlq)
    made(path, "PRAGMA user_version = 2")
    with pytest.raises(ArchiveError, match=r"is an archive of version 2, and this .* knows up to 1: update it"):
        Archive(path)


def test_a_damaged_archive_says_so(path: str, dlq: DLQClient) -> None:
    with Archive(path) as archive:
        archive.sync(dlq)
    content = bytearray(Path(path).read_bytes())
    content[4096:40_000] = b"\xff" * (40_000 - 4096)
    Path(path).write_bytes(content)
    with pytest.raises(ArchiveError, match="is damaged; restore a copy"), Archive(path) as archive:
        list(archive.runs())


def test_reading_does_not_make_a_file(path: str) -> None:
    with Archive(path) as archive:
        for read in (archive.count, archive.stats, archive.summarize, lambda: archive.get("1-0")):
            with pytest.raises(ArchiveError, match=r"there is no such archive; `Archive\.sync` makes one"):
                read()
    assert not Path(path).exists()


def test_what_cannot_be_opened_is_said_in_a_line(tmp_path: Path, dlq: DLQClient) -> None:
    with pytest.raises(ArchiveError, match="is a folder, and an archive is a file"):
        Archive(tmp_path)
    with pytest.raises(ArchiveError, match="the name of the archive is empty"):
        Archive("")
    with pytest.raises(ArchiveError, match="/dev/null is no file, and so no archive"):
        Archive("/dev/null")
    with Archive(tmp_path / "no" / "failed.db") as archive, pytest.raises(ArchiveError, match="no such folder"):
        archive.sync(dlq)
    with pytest.raises(ArchiveError, match="cannot be opened: File name too long"):
        Archive(tmp_path / ("x" * 300))


def test_an_empty_file_becomes_an_archive(path: str, dlq: DLQClient) -> None:
    Path(path).touch()
    with Archive(path) as archive:
        assert archive.sync(dlq).new == 250
        assert archive.count() == 250


def test_many_make_the_same_new_archive_at_once(tmp_path: Path) -> None:
    failures: list[BaseException] = []

    def keep(path: Path, number: int, start: threading.Barrier) -> None:
        try:
            start.wait()
            with Archive(path) as archive:
                assert len(list(archive.keep([FailedRun({"dlqId": f"{number}-0"})], origin="a"))) == 1
        except BaseException as error:
            failures.append(error)

    for round in range(20):
        path, start = tmp_path / f"{round}.db", threading.Barrier(8)
        threads = [threading.Thread(target=keep, args=(path, number, start)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert failures == []
        with Archive(path) as archive:
            assert archive.count() == 8


@pytest.mark.parametrize("reads", [True, False])
def test_an_archive_that_is_made_while_it_is_opened_is_one(
    path: str, monkeypatch: pytest.MonkeyPatch, reads: bool
) -> None:
    """Each of the looks that tell an archive from another file may be the last before another program makes one."""
    run = FailedRun({"dlqId": "1-0"})
    made(path, "CREATE TABLE mine (a)", "DROP TABLE mine")  # an empty database: so it is there, and looked at
    others: list[threading.Thread] = []

    def make() -> None:
        with Archive(path) as archive:
            list(archive.keep([run], origin="a"))

    class Interrupted(sqlite3.Connection):
        def execute(self, query: str, *values: Any) -> sqlite3.Cursor:
            cursor = super().execute(query, *values)
            if query == "PRAGMA application_id" and not others:
                others.append(threading.Thread(target=make))
                others[0].start()
                others[0].join(0.5)  # it has to wait, or it is done by then
            return cursor

    connect = sqlite3.connect
    monkeypatch.setattr(sqlite3, "connect", lambda *args, **options: connect(*args, factory=Interrupted, **options))
    with Archive(path) as archive:
        if not reads:
            assert list(archive.keep([run], origin="b")) == [run]
        others[0].join()
        assert archive.count() == 2 - reads


def test_an_archive_whose_making_was_cut_short_is_finished(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the next that writes, which waits for another that does."""
    with Archive(path) as archive:
        list(archive.keep([FailedRun({"dlqId": "1-0"})], origin="a"))
    made(path, "PRAGMA journal_mode = DELETE")
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    waits: list[float] = []

    def wait(seconds: float) -> None:
        waits.append(seconds)
        if len(waits) == 3:
            other.execute("ROLLBACK")

    monkeypatch.setattr(_schema, "sleep", wait)
    with Archive(path) as archive, archive._writing() as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert len(waits) == 3
    other.close()


def test_an_archive_that_cannot_be_written_can_be_read(
    path: str, dlq: DLQClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Archive(path) as archive:
        archive.sync(dlq)
    # Root may write everywhere, so permissions would show nothing.
    monkeypatch.setattr("upstash_workflow_dlq.archive._schema._is_writable", lambda place: False)
    with Archive(path) as archive:
        assert archive.count() == 250
        with pytest.raises(ArchiveError, match="cannot be written; check its permissions"):
            archive.sync(dlq)


@pytest.fixture
def closed_folder(path: str, dlq: DLQClient) -> Iterator[Path]:
    """Of an archive, in which no file can be made."""
    with Archive(path) as archive:
        archive.sync(dlq)
    folder = Path(path).parent
    folder.chmod(0o555)
    try:
        if os.access(folder, os.W_OK):
            pytest.skip("root may write everywhere")
        yield folder
    finally:
        folder.chmod(0o755)


class TestInAClosedFolder:
    def test_it_can_be_read(self, path: str, closed_folder: Path) -> None:
        with Archive(path) as archive:
            assert (archive.count(), len(list(archive.runs()))) == (250, 250)
            with pytest.raises(ArchiveError, match="cannot be written; check its permissions"):
                archive.mark_gone(["1-0"], origin="a")

    def test_what_somebody_else_writes_meanwhile_is_seen_or_told(
        self, path: str, dlq: DLQClient, closed_folder: Path
    ) -> None:
        with Archive(path) as archive:
            assert archive.count() == 250
            closed_folder.chmod(0o755)
            with Archive(path) as other:
                other.sync(dlq, origin="other")
            closed_folder.chmod(0o555)
            assert archive.count() == 500

            def written_meanwhile(connection: sqlite3.Connection) -> None:
                os.utime(path, ns=(0, 0))

            with pytest.raises(ArchiveError, match="was written to while it was read without a lock: read it again"):
                archive._read(written_meanwhile)
            assert archive.count() == 500

    def test_one_that_was_not_closed_says_what_to_do(self, path: str, closed_folder: Path) -> None:
        closed_folder.chmod(0o755)
        Path(f"{path}-wal").write_bytes(b"")
        closed_folder.chmod(0o555)
        with pytest.raises(ArchiveError, match=r"was not closed, .* copy both files to another folder"):
            Archive(path)


def test_only_one_file_is_left(path: str, dlq: DLQClient) -> None:
    with Archive(path) as archive:
        archive.sync(dlq)
        archive.count()
    assert [each.name for each in Path(path).parent.iterdir()] == ["failed.db"]


def test_a_full_disk_keeps_what_was_reported(
    path: str, queue: Emulator, dlq: DLQClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_syncing, "BATCH", 20)
    reported = [0]
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (150_000, limits[1]))
    try:
        with Archive(path) as archive, pytest.raises(ArchiveError, match="disk") as caught:
            archive.sync(dlq, on_progress=reported.append)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, ignored)
    assert "\n" not in str(caught.value)
    assert 0 < reported[-1] < 250
    with Archive(path) as archive:
        assert archive.count() >= reported[-1]
        known = archive.count()
        assert archive.sync(dlq) == SyncResult(250 - known, known, 0)
        assert sorted(run.to_json() for run in archive.runs()) == sorted(run.to_json() for run in dlq.list())


DISK = """
import sys
from upstash_workflow_dlq import FailedRun
from upstash_workflow_dlq.archive import Archive
with Archive(sys.argv[1]) as archive:
    for run in archive.keep((FailedRun({"dlqId": f"1790000000{n:03}-0"}) for n in range(3000)), origin="a"):
        print(run.dlq_id, flush=True)
"""


def test_a_run_is_given_back_only_once_it_is_on_the_disk(path: str) -> None:
    command = [sys.executable, "-c", DISK, path]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603 - ourselves
        assert process.stdout is not None
        given = [process.stdout.readline().strip() for _ in range(5)]
        process.kill()
    with Archive(path) as archive:
        there = {run.dlq_id for run in archive.runs()}
    assert set(given) <= there
    assert len(there) < 3000, "it was killed before the end"


def test_what_is_committed_is_on_the_disk(path: str, archive: Archive) -> None:
    """Also when the power fails: SQLite waits for the disk at every commit."""
    list(archive.keep([FailedRun({"dlqId": "1-0"})], origin="a"))
    with archive._writing() as connection:
        assert connection.execute("PRAGMA synchronous").fetchone() == (2,)
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_the_schema_is_the_documented_one(path: str, dlq: DLQClient) -> None:
    """docs/archive.md describes each table and column."""
    with Archive(path) as archive:
        archive.sync(dlq)
    connection = sqlite3.connect(path)
    try:
        names = connection.execute("SELECT name FROM sqlite_schema WHERE type IN ('table', 'view')").fetchall()
        text = DOCS.read_text("utf-8")
        for (name,) in names:
            assert f"`{name}`" in text
            for column in connection.execute(f"SELECT * FROM {name} LIMIT 0").description:  # noqa: S608
                assert f"`{column[0]}`" in text, f"{name}.{column[0]}"
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        (application,) = connection.execute("PRAGMA application_id").fetchone()
        assert (version, application) == (1, 0x57444C51)
        assert f"`{application:#x}`" in text
    finally:
        connection.close()


@pytest.mark.skipif(sys.platform != "linux", reason="takes no such names")
def test_its_name_may_be_no_text(tmp_path: Path, dlq: DLQClient) -> None:
    path = os.fsencode(tmp_path) + b"/\xff.db"
    with Archive(os.fsdecode(path)) as archive:
        assert archive.sync(dlq).new == 250
        assert archive.count() == 250
    assert os.path.getsize(path) > 0
