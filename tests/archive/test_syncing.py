"""Reading a queue into an archive: everything once, byte for byte, whatever happens meanwhile."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import anyio
import hostile_runs as hostile
import httpx
import pytest
from fakes import Wire
from upstash_workflow_dlq import AsyncDLQClient, DLQClient, DLQError, FailedRun
from upstash_workflow_dlq.archive import Archive, ArchiveError, SyncResult, _syncing
from upstash_workflow_dlq.emulator import Emulator, faults


def ids(runs: Any) -> set[str]:
    return {run.dlq_id for run in runs}


@pytest.fixture
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_syncing, "BATCH", 50)


def test_what_is_new_is_added_and_what_is_known_is_counted(queue: Emulator, dlq: DLQClient, archive: Archive) -> None:
    assert archive.sync(dlq) == SyncResult(new=250, known=0, gone=0)
    assert archive.sync(dlq) == SyncResult(new=0, known=250, gone=0)
    queue.add({"dlqId": "1890000000000-0"})
    assert archive.sync(dlq) == SyncResult(new=1, known=250, gone=0)
    assert archive.count() == 251


def test_payloads_are_kept_byte_for_byte(path: str) -> None:
    content = b'{"messages": [' + b" ,\n".join(hostile.PAYLOADS) + b"]}"
    wire = Wire(httpx.Response(200, content=content), forever=True)
    # One worker: a scan would read windows beside it.
    with DLQClient("t0ken", transport=wire) as dlq, Archive(path) as archive:
        received = list(dlq.list())
        assert [run.to_json() for run in received] == [run.to_json() for run in hostile.RUNS]
        kept = list(archive.keep(received, origin="a"))
        assert kept == received
        assert sorted(run.to_json() for run in archive.runs()) == sorted(run.to_json() for run in received)


def test_payloads_of_the_service_are_kept_byte_for_byte(dlq: DLQClient, archive: Archive) -> None:
    archive.sync(dlq)
    received = list(dlq.list())
    assert [run.to_json() for run in archive.runs()] == [run.to_json() for run in received]
    assert list(archive.runs()) == received
    assert archive.get(str(received[7].dlq_id)) == received[7]


def test_what_left_the_queue_is_marked_and_what_comes_back_is_unmarked(
    queue: Emulator, dlq: DLQClient, archive: Archive
) -> None:
    archive.sync(dlq)
    [first, second, *_] = dlq.list()
    dlq.delete(first)
    dlq.delete(second)
    assert archive.sync(dlq) == SyncResult(new=0, known=248, gone=2)
    assert archive.sync(dlq) == SyncResult(new=0, known=248, gone=0)
    assert list(archive.runs(gone=True)) == [first, second]
    assert archive.count(gone=False) == 248
    queue.add(first.to_dict())
    assert archive.sync(dlq) == SyncResult(new=0, known=249, gone=0)
    assert list(archive.runs(gone=True)) == [second]


def test_what_somebody_has_deleted_can_be_marked_at_once(
    queue: Emulator, dlq: DLQClient, archive: Archive, path: str
) -> None:
    archive.sync(dlq)
    archive.sync(dlq, origin="other")
    [first, second, *_] = dlq.list()
    dlq.delete(first)
    with Archive(path) as other:
        assert other.mark_gone([str(first.dlq_id), "1-0"], origin=dlq.base_url) == 1
        assert other.mark_gone(iter([str(first.dlq_id)]), origin=dlq.base_url) == 0
        assert other.mark_gone([str(second.dlq_id)], origin="never seen") == 0
        assert other.mark_gone([], origin=dlq.base_url) == 0
    assert list(archive.runs(gone=True)) == [first]
    assert archive.count(gone=True, origin="other") == 0
    assert archive.sync(dlq) == SyncResult(new=0, known=249, gone=0)
    assert "never seen" not in archive.origins()


def test_marking_makes_no_file(path: str) -> None:
    with Archive(path) as archive, pytest.raises(ArchiveError, match="there is no such archive"):
        archive.mark_gone(["1-0"], origin="a")
    assert not os.path.exists(path)


def test_what_has_no_copy_is_told_before_it_is_deleted(dlq: DLQClient, archive: Archive, path: str) -> None:
    archive.sync(dlq)
    ids = [str(run.dlq_id) for run in dlq.list()]
    with Archive(path) as other:
        assert other.missing(ids, origin=dlq.base_url) == []
        assert other.missing(["2-0", *ids, "1-0"], origin=dlq.base_url) == ["2-0", "1-0"]
        assert other.missing(ids, origin="never seen") == ids
        assert other.origins() == [dlq.base_url]
    with Archive(f"{path}.none") as none, pytest.raises(ArchiveError, match="there is no such archive"):
        none.missing(ids, origin=dlq.base_url)


@pytest.mark.parametrize("what", ["removed", "replaced"])
def test_a_file_that_is_not_the_one_that_was_opened_is_not_written(dlq: DLQClient, path: str, what: str) -> None:
    with Archive(path) as archive:
        archive.sync(dlq)
        os.rename(path, f"{path}.old")
        if what == "replaced":
            with Archive(path) as other:
                other.sync(dlq)
        for use in (archive.missing, archive.mark_gone):
            with pytest.raises(ArchiveError, match="was moved, deleted or replaced while it was open"):
                use(["1-0"], origin=dlq.base_url)
        with pytest.raises(ArchiveError, match="was moved, deleted or replaced while it was open"):
            archive.sync(dlq)
    assert os.path.exists(path) == (what == "replaced")


def test_a_sync_that_saw_it_before_does_not_unmark_it(
    dlq: DLQClient, archive: Archive, path: str, small_batches: None
) -> None:
    archive.sync(dlq)
    everything = list(dlq.list())
    deleted: list[int] = []

    def delete(done: int) -> None:
        if not deleted:
            dlq.delete_many(dlq_ids=everything)
            with Archive(path) as other:
                deleted.append(other.mark_gone([str(run.dlq_id) for run in everything], origin=dlq.base_url))

    archive.sync(dlq, on_progress=delete)
    assert deleted == [250]
    assert archive.count(gone=True) == 250


def test_a_sync_with_filters_marks_nothing(dlq: DLQClient, archive: Archive) -> None:
    archive.sync(dlq)
    dlq.delete_many(label="billing")
    result = archive.sync(dlq, label="email")
    assert (result.new, result.gone) == (0, 0)
    assert result.known == dlq.count(label="email") > 0
    assert archive.sync(dlq, label=None).gone > 0, "None is no filter"


def test_a_sync_that_fails_marks_nothing_and_keeps_what_it_had(
    queue: Emulator, dlq: DLQClient, archive: Archive, small_batches: None
) -> None:
    archive.sync(dlq)
    dlq.delete_many(label="billing")
    queue.add(*({"dlqId": f"18900000000{number:02}-0"} for number in range(90)))
    reported: list[int] = []

    def stop(done: int) -> None:
        reported.append(done)
        if done >= 150:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        archive.sync(dlq, on_progress=stop)
    assert archive.count(gone=True) == 0
    assert reported == [50, 100, 150]
    queue.fail(faults.status(500), times=1000)
    with DLQClient(queue.token, base_url=queue.url, retry=None) as impatient, pytest.raises(DLQError):
        archive.sync(impatient)
    assert archive.count(gone=True) == 0


def test_runs_that_enter_while_it_reads_are_not_marked(
    queue: Emulator, dlq: DLQClient, archive: Archive, path: str, small_batches: None
) -> None:
    """Another sync archives a run that this one has not seen: it came after this one had looked there."""
    late = {"dlqId": "1890000000000-0"}

    def another(done: int) -> None:
        if done == 50:
            queue.add(late)
            with Archive(path) as second, DLQClient(queue.token, base_url=queue.url) as other:
                assert second.sync(other).new == 201
            other_ids.update(ids(archive.runs()))
            dlq.delete(late["dlqId"])

    other_ids: set[str] = set()
    result = archive.sync(dlq, on_progress=another)
    assert late["dlqId"] in other_ids
    assert result.gone == 0
    assert result.new + result.known in (250, 251)
    assert archive.count() == 251
    assert archive.sync(dlq).gone == 1, "the next sync knows"


def test_two_at_once_count_each_run_once(queue: Emulator, path: str, small_batches: None) -> None:
    results: list[SyncResult] = []
    failures: list[BaseException] = []

    def sync() -> None:
        try:
            with Archive(path) as archive, DLQClient(queue.token, base_url=queue.url) as dlq:
                results.append(archive.sync(dlq))
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=sync) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert sum(result.new for result in results) == 250
    assert all(result.new + result.known == 250 and result.gone == 0 for result in results)
    with Archive(path) as archive:
        assert archive.count() == len(ids(archive.runs())) == 250


KILLED = """
import os, sys
from upstash_workflow_dlq import DLQClient
from upstash_workflow_dlq.archive import Archive, _syncing
_syncing.BATCH = 20

def report(done):
    print(done, flush=True)

with DLQClient(sys.argv[2], base_url=sys.argv[3]) as dlq, Archive(sys.argv[1]) as archive:
    archive.sync(dlq, on_progress=report)
    print("ended", flush=True)
"""


@pytest.mark.parametrize("after", [1, 3, 6])
def test_killed_at_any_time_it_has_what_it_reported(queue: Emulator, dlq: DLQClient, path: str, after: int) -> None:
    queue.settings.latency = 0.05
    command = [sys.executable, "-c", KILLED, path, queue.token, queue.url]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603 - ourselves
        assert process.stdout is not None
        reported = [process.stdout.readline() for _ in range(after)]
        process.kill()
    queue.settings.latency = 0
    with Archive(path) as archive:
        there = archive.count()
        assert there >= int(reported[-1]) > 0
        received = {run.dlq_id: run for run in dlq.list()}
        assert all(received[run.dlq_id] == run for run in archive.runs())
        assert archive.sync(dlq) == SyncResult(new=250 - there, known=there, gone=0)


def test_several_queues_do_not_mark_each_others_runs(archive: Archive) -> None:
    with several({"a": 30, "b": 20}) as clients:
        for name, client in clients.items():
            archive.sync(client, origin=name)
        assert archive.origins() == ["a", "b"]
        assert archive.count() == 50, "although they have the same ids"
        assert archive.sync(clients["b"], origin="b") == SyncResult(0, 20, 0)
        assert archive.count(gone=True) == 0
        assert archive.count(origin="a") == 30
        assert archive.count(origin=["a", "b"]) == 50
        assert archive.count(origin="c") == 0
        assert archive.stats(origin="b").runs == 20


@contextmanager
def several(sizes: dict[str, int]) -> Iterator[dict[str, DLQClient]]:
    emulators = {name: Emulator(runs=size).start() for name, size in sizes.items()}
    clients = {name: DLQClient(each.token, base_url=each.url) for name, each in emulators.items()}
    try:
        yield clients
    finally:
        for client in clients.values():
            client.close()
        for emulator in emulators.values():
            emulator.stop()


def test_by_default_a_queue_is_named_by_its_url(dlq: DLQClient, archive: Archive, queue: Emulator) -> None:
    archive.sync(dlq)
    assert archive.origins() == [dlq.base_url] == [queue.url]


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_the_async_client_syncs_alike(
    queue: Emulator, dlq: DLQClient, archive: Archive, backend: str, small_batches: None
) -> None:
    reported: list[int] = []

    async def main(**filters: Any) -> SyncResult:
        async with AsyncDLQClient(queue.token, base_url=queue.url) as client:
            return await archive.sync_async(client, on_progress=reported.append, **filters)

    assert anyio.run(main, backend=backend) == SyncResult(250, 0, 0)
    assert reported == [50, 100, 150, 200, 250]
    dlq.delete_many(label="billing")
    filtered = anyio.run(lambda: main(label="email"), backend=backend)
    assert (filtered.new, filtered.gone) == (0, 0)
    assert anyio.run(main, backend=backend).gone == 250 - dlq.count() > 0
    assert ids(archive.runs(gone=False)) == ids(dlq.list())


def test_small_syncs_are_compressed_too(queue: Emulator, dlq: DLQClient, archive: Archive, path: str) -> None:
    """Such as one every few minutes: with what is there already as the dictionary."""
    runs = list(dlq.list())
    assert list(archive.keep(runs[50:], origin="a")) == runs[50:]
    for run in runs[:50]:
        assert list(archive.keep([run], origin="a")) == [run]
    assert list(archive.runs()) == runs
    import sqlite3

    with sqlite3.connect(path) as connection:
        (size,) = connection.execute("SELECT sum(length(content)) FROM blocks").fetchone()
    connection.close()
    assert size < sum(len(run.to_json()) for run in runs) / 4


def test_runs_without_an_id_are_archived_once(archive: Archive) -> None:
    nameless = [FailedRun({"workflowUrl": "https://a.example"}), FailedRun({"dlqId": 7})]
    for _ in range(2):
        assert list(archive.keep(nameless, origin="a")) == nameless
    assert archive.count() == 2
    assert [run.dlq_id for run in archive.runs(workflow_url="https://a.example")] == [None]
