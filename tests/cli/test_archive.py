"""`upstash-dlq archive`, and `delete --archive`: the same options and output as the live commands, from a file."""

from __future__ import annotations

import json
import os
import re
import resource
import signal
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from command_line import Cli
from upstash_workflow_dlq import DLQClient
from upstash_workflow_dlq.archive import Archive, ArchiveError, _syncing
from upstash_workflow_dlq.emulator import Emulator, failed_runs, faults


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / "failed.db")


@pytest.fixture
def synced(cli: Cli, queue: Emulator, path: str) -> str:
    assert cli("archive", "sync", path).out == "60 new runs, 0 known, 0 gone\n"
    queue.settings.latency = 0
    return path


class TestSync:
    def test_it_adds_what_is_new(self, cli: Cli, queue: Emulator, synced: str) -> None:
        queue.add({"dlqId": "1890000000000-0"})
        result = cli("archive", "sync", synced, "-o", "json")
        assert (result.status, result.json) == (0, {"new": 1, "known": 60, "gone": 0})

    def test_it_takes_the_filters_of_the_service(self, cli: Cli, queue: Emulator, path: str) -> None:
        result = cli("archive", "sync", path, "--label", "billing", "-o", "json")
        assert result.json["new"] == len(cli("list", "--label", "billing", "-o", "ids").lines) > 0
        refused = cli("archive", "sync", path, "--failure", "FetchError")
        assert refused.status == 2
        assert "--failure, --contains and --fingerprint look at the archive" in refused.error

    @pytest.mark.parametrize("typed", ["--debug archive sync", "archive --debug sync", "archive sync --debug"])
    def test_options_of_the_session_are_taken_everywhere(
        self, cli: Cli, queue: Emulator, path: str, typed: str
    ) -> None:
        Path(path).write_text("hello")
        result = cli(*typed.split(), path)
        assert result.status == 2
        assert "Traceback" in result.err

    def test_a_mistyped_command_is_told_what_there_is(self, cli: Cli, path: str) -> None:
        result = cli("archive", "sinc", path)
        assert result.status == 2
        assert "there is no command 'sinc'; did you mean sync?" in result.error


class TestLooking:
    @pytest.mark.parametrize(
        "typed",
        [
            ["list"],
            ["list", "-o", "json"],
            ["list", "-o", "jsonl", "--limit", "7"],
            ["list", "-o", "csv", "--label", "billing"],
            ["list", "-o", "tsv", "--fields", "dlq_id,failure,body_text"],
            ["list", "-o", "ids", "--failure", "FetchError"],
            ["list", "-o", "ids", "--contains", "TIMED OUT", "--status", "500", "--status", "502"],
            ["list", "--limit", "0"],
            ["summary"],
            ["summary", "-o", "json"],
            ["summary", "-o", "json", "--by", "label", "--limit", "2", "--retention", "7d"],
            ["summary", "--by", "hour", "--label", "billing"],
        ],
        ids=" ".join,
    )
    def test_it_prints_what_the_live_command_prints(self, cli: Cli, synced: str, typed: list[str]) -> None:
        command, *options = typed
        live = cli(command, *options)
        assert live.status == 0
        assert cli("archive", command, synced, *options) == live

    def test_show_prints_what_the_live_command_prints(self, cli: Cli, synced: str) -> None:
        ids = cli("list", "-o", "ids").lines[:3]
        for options in ([], ["-o", "json"]):
            assert cli("archive", "show", synced, *ids, *options).out == cli("show", *ids, *options).out
        missing = cli("archive", "show", synced, "1-0", ids[0], "-o", "json")
        assert missing.status == 3
        assert missing.error == "upstash-dlq: there is no failed run '1-0': it was never archived"

    def test_nothing_is_sent(self, cli: Cli, queue: Emulator, synced: str, monkeypatch: pytest.MonkeyPatch) -> None:
        before = len(queue.requests)
        monkeypatch.delenv("QSTASH_TOKEN")
        for typed in (["list"], ["summary"], ["stats"]):
            assert cli("archive", typed[0], synced, *typed[1:]).status == 0
        assert len(queue.requests) == before

    def test_gone_runs_can_be_looked_at_alone(self, cli: Cli, synced: str) -> None:
        [first, second, *others] = cli("list", "-o", "ids").lines
        cli("delete", first, second, "--yes")
        cli("archive", "sync", synced)
        assert cli("archive", "list", synced, "--gone", "-o", "ids").lines == [first, second]
        assert cli("archive", "list", synced, "--not-gone", "-o", "ids").lines == others
        assert len(cli("archive", "list", synced, "-o", "ids").lines) == 60
        assert cli("archive", "summary", synced, "--gone", "-o", "json").json["expiring_within_a_day"] == 0

    def test_without_an_archive_it_says_so_and_makes_none(self, cli: Cli, path: str) -> None:
        for name in ("stats", "list", "summary"):
            result = cli("archive", name, path)
            assert result.status == 2
            assert result.error == f"upstash-dlq: {path}: there is no such archive; upstash-dlq archive sync makes one"
        assert not Path(path).exists()

    def test_stats_say_how_much_there_is(self, cli: Cli, queue: Emulator, synced: str) -> None:
        document = cli("archive", "stats", synced, "-o", "json").json
        assert (document["runs"], document["gone"]) == (60, 0)
        assert [origin["origin"] for origin in document["origins"]] == [queue.url]
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT.*Z", document["first"])
        lines = cli("archive", "stats", synced).lines
        assert lines[:2] == ["all queues", "  runs        60"]
        assert queue.url in lines

    def test_an_export_is_written_and_said(self, cli: Cli, synced: str, tmp_path: Path) -> None:
        target = tmp_path / "failed.jsonl"
        result = cli("archive", "export", synced, str(target), "--label", "billing")
        assert (result.status, result.out) == (0, "")
        live = cli("list", "--label", "billing", "-o", "jsonl").lines
        assert list(map(json.loads, target.read_text().splitlines())) == list(map(json.loads, live)) != []
        refused = cli("archive", "export", synced, f"{target}.doc")
        assert refused.status == 2
        assert "says no format" in refused.error


class TestProfiles:
    @pytest.fixture
    def profiles(self, tmp_path: Path, queue: Emulator, monkeypatch: pytest.MonkeyPatch) -> Any:
        for name in ("ONE", "TWO"):
            monkeypatch.setenv(f"{name}_TOKEN", queue.token)
        monkeypatch.delenv("QSTASH_TOKEN")

        def write(text: str) -> str:
            (tmp_path / "queues.toml").write_text(text)
            return str(tmp_path / "queues.toml")

        return write

    def profile(self, queue: Emulator, name: str, variable: str) -> str:
        return f'[[profile]]\nname = "{name}"\nurl = "{queue.url}"\ntoken_env = "{variable}"\n'

    def test_each_queue_is_read_under_its_name(self, cli: Cli, queue: Emulator, path: str, profiles: Any) -> None:
        file = profiles(self.profile(queue, "one", "ONE_TOKEN") + self.profile(queue, "two", "TWO_TOKEN"))
        result = cli("archive", "sync", path, "--profiles", file)
        assert (result.status, result.err) == (0, "")
        assert result.lines == [f"{name}: 60 new runs, 0 known, 0 gone" for name in ("one", "two")]
        assert len(cli("archive", "list", path, "--origin", "two", "-o", "ids").lines) == 60
        several = cli("archive", "show", path, cli("archive", "list", path, "-o", "ids").lines[0])
        assert "of each of 'one', 'two': name one with --origin" in several.error

    def test_the_others_are_read_if_one_fails(self, cli: Cli, queue: Emulator, path: str, profiles: Any) -> None:
        file = profiles(
            self.profile(queue, "one", "NOT_SET")
            + self.profile(queue, "two", "TWO_TOKEN")
            + '[[profile]]\nname = "three"\nurl = "http://127.0.0.1:9"\ntoken_env = "ONE_TOKEN"\n'
        )
        result = cli("archive", "sync", path, "--profiles", file, "--timeout", "1")
        assert result.status == 3
        assert result.lines == ["two: 60 new runs, 0 known, 0 gone"]
        assert "one: failed" in result.err
        assert "the variable NOT_SET is not set" in result.err
        assert "three: failed" in result.err
        assert queue.token not in result.err

    def test_if_all_fail_it_is_no_success(self, cli: Cli, queue: Emulator, path: str, profiles: Any) -> None:
        file = profiles(self.profile(queue, "one", "NOT_SET"))
        result = cli("archive", "sync", path, "--profiles", file, "-o", "json")
        assert result.status == 4
        assert [entry["origin"] for entry in result.json] == ["one"]

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("", "should have one or several [[profile]]"),
            ("[[profile]]", "profile 1 has no name"),
            ("profile = 1", "should have one or several"),
            ("profile = [1]", "profile 1 is no table"),
            ("= 1", "is not TOML"),
            ('[[profile]]\nname = "a"\ntoken_env = "T"', "should have either url or region"),
            ('[[profile]]\nname = "a"\nregion = "r"\nurl = "u"\ntoken_env = "T"', "should have either url or region"),
            ('[[profile]]\nname = "a"\nregion = "r"', "has no token_env"),
            ('[[profile]]\nname = ""\nregion = "r"\ntoken_env = "T"', "name should be a text that is not empty"),
            ('[[profile]]\nname = 1\nregion = "r"\ntoken_env = "T"', "name should be a text that is not empty"),
            ('[[profile]]\nname = "a"\nregion = "r"\ntoken = "s3cret"', "a token must not be in the file"),
            (
                '[[profile]]\nname = "a"\nregion = "r"\ntoken_env = "eyJ.s3cret="',
                "is the name of an environment variable",
            ),
            ('[[profile]]\nname = "a"\nregion = "r"\ntoken_env = "T"\n' * 2, "has two profiles 'a'"),
        ],
    )
    def test_a_file_that_is_wrong_is_refused_before_anything_is_sent(
        self, cli: Cli, queue: Emulator, path: str, profiles: Any, text: str, message: str
    ) -> None:
        result = cli("archive", "sync", path, "--profiles", profiles(text))
        assert result.status == 2
        assert message in result.error
        assert "s3cret" not in result.error
        assert queue.requests == []
        assert not Path(path).exists()

    def test_profiles_go_with_no_other_queue(self, cli: Cli, path: str, profiles: Any) -> None:
        result = cli("archive", "sync", path, "--profiles", profiles(""), "--region", "us-east-1")
        assert result.status == 2
        assert "--profiles names queues and tokens" in result.error


class TestDelete:
    @pytest.mark.parametrize("target", [["--label", "billing"], ["--all"], ["IDS"]])
    def test_what_is_deleted_is_archived(self, cli: Cli, queue: Emulator, path: str, target: list[str]) -> None:
        with DLQClient(queue.token, base_url=queue.url) as dlq:
            runs = {run.dlq_id: run for run in dlq.list()}
        ids = cli("list", "-o", "ids").lines[:3]
        result = cli("delete", *(ids if target == ["IDS"] else target), "--archive", path, "--yes", "-o", "json")
        assert result.status == 0
        left = set(cli("list", "-o", "ids").lines)
        with Archive(path) as archive:
            kept = {run.dlq_id: run for run in archive.runs()}
            assert archive.origins() == [queue.url]
        assert result.json["deleted"] == len(kept) == 60 - len(left) > 0
        assert kept == {dlq_id: run for dlq_id, run in runs.items() if dlq_id not in left}

    def test_what_is_deleted_is_marked_as_gone_and_nothing_else(self, cli: Cli, queue: Emulator, path: str) -> None:
        """Of two requests the second fails: what it was about is in the queue, or may be."""
        for run in failed_runs(160)[60:]:
            queue.add(run)
        queue.fail(faults.status(500), times=100, method="DELETE", after=1)
        result = cli("delete", "--all", "--archive", path, "--yes", "-o", "json")
        assert result.status == 3
        gone = cli("archive", "list", path, "--gone", "-o", "ids").lines
        left = cli("archive", "list", path, "--not-gone", "-o", "ids").lines
        assert sorted(left) == sorted(result.json["remaining"]) == sorted(run["dlqId"] for run in queue.runs)
        assert len(gone) == result.json["deleted"] == 160 - len(queue.runs) > 0

    def test_what_was_gone_already_is_marked_too(self, cli: Cli, queue: Emulator, path: str, tmp_path: Path) -> None:
        """As after an answer that was lost."""
        for run in failed_runs(160)[60:]:
            queue.add(run)
        left = tmp_path / "left.txt"
        queue.fail(faults.reset_after_acting(), method="DELETE")
        lost = cli("delete", "--all", "--archive", path, "--yes", "--save", str(left))
        assert (lost.status, len(left.read_text().split()), len(queue.runs)) == (1, 160, 60)
        assert cli("archive", "list", path, "--gone", "-o", "ids").lines == []
        on = cli("delete", "--from", str(left), "--archive", path, "--yes", "-o", "json")
        assert (on.status, on.json["deleted"], on.json["gone"]) == (3, 60, 100)
        assert len(cli("archive", "list", path, "--gone", "-o", "ids").lines) == 160
        assert cli("archive", "sync", path).out == "0 new runs, 0 known, 0 gone\n"

    def test_where_all_were_gone_already_they_are_marked_too(self, cli: Cli, queue: Emulator, synced: str) -> None:
        ids = cli("list", "-o", "ids").lines
        assert cli("delete", "--all", "--yes").status == 0
        assert cli("delete", *ids, "1-0", "--archive", synced, "--yes").status == 1
        assert sorted(cli("archive", "list", synced, "--gone", "-o", "ids").lines) == sorted(ids)
        assert cli("archive", "list", synced, "--not-gone", "-o", "ids").lines == []

    def test_what_cannot_be_marked_is_told_and_deleted_all_the_same(
        self, cli: Cli, queue: Emulator, path: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def full(*_: object, **__: object) -> int:
            raise ArchiveError("the disk is full; do `Archive.sync`")

        monkeypatch.setattr(Archive, "mark_gone", full)
        result = cli("delete", "--all", "--archive", path, "--yes")
        assert (result.status, result.out) == (0, "Deleted 60 of 60 runs.\n")
        why = "the disk is full; do upstash-dlq archive sync"
        assert f"the next archive sync marks what is gone; it cannot be marked now: {why}" in result.err

    def test_a_dry_run_archives_nothing(self, cli: Cli, queue: Emulator, path: str) -> None:
        assert cli("delete", "--all", "--archive", path, "--dry-run").status == 0
        assert not Path(path).exists()

    def test_the_queue_can_be_named(self, cli: Cli, queue: Emulator, path: str) -> None:
        assert cli("delete", "--all", "--archive", path, "--origin", "production", "--yes").status == 0
        with Archive(path) as archive:
            assert archive.count(origin="production") == 60
        refused = cli("delete", "--all", "--origin", "production", "--yes")
        assert (refused.status, "pass --archive, too" in refused.error) == (2, True)

    def test_nothing_is_deleted_where_it_cannot_be_archived(self, cli: Cli, queue: Emulator, path: str) -> None:
        """A disk that is full, a file that is no archive, and a folder that is not there."""
        ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        limits = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, limits[1]))
        try:
            full = cli("delete", "--all", "--archive", path, "--yes")
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
            signal.signal(signal.SIGXFSZ, ignored)
        assert full.status == 1
        assert "disk" in full.error
        other = f"{path}.txt"
        Path(other).write_text("hello")
        for file in (other, f"{path}/no/such"):
            assert cli("delete", "--all", "--archive", file, "--yes").status == 2
        assert [request for request in queue.requests if request.method != "GET"] == []
        assert len(queue.runs) == 60

    def test_the_payload_is_committed_before_the_first_delete_is_sent(
        self, cli: Cli, queue: Emulator, path: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Seen by another program at the moment of the request."""
        seen: list[int] = []
        delete_many = DLQClient.delete_many

        def looking(self: DLQClient, **options: Any) -> Any:
            if options.get("dlq_ids"):
                connection = sqlite3.connect(path)
                seen.append(connection.execute("SELECT count(*) FROM runs").fetchone()[0])
                connection.close()
            return delete_many(self, **options)

        monkeypatch.setattr(DLQClient, "delete_many", looking)
        assert cli("delete", "--all", "--archive", path, "--yes").status == 0
        assert seen == [60]


def test_an_interrupted_sync_says_so_and_goes_on_later(
    cli: Cli, queue: Emulator, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_syncing, "BATCH", 20)
    write = _syncing.Sync.write
    calls: list[None] = []

    def interrupted(self: _syncing.Sync) -> None:
        write(self)
        calls.append(None)
        if len(calls) == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr(_syncing.Sync, "write", interrupted)
    result = cli("archive", "sync", path)
    assert (result.status, result.out) == (130, "")
    assert result.err == f"40 runs of the queue are in {path}; run it again to go on\nupstash-dlq: interrupted\n"
    monkeypatch.undo()
    for name, value in queue.environ.items():
        monkeypatch.setenv(name, value)
    assert cli("archive", "sync", path).out == "20 new runs, 40 known, 0 gone\n"


def test_an_outage_is_an_error_and_marks_nothing(cli: Cli, queue: Emulator, synced: str) -> None:
    queue.fail(faults.status(400), times=50)
    result = cli("archive", "sync", synced)
    assert result.status == 1
    assert "HTTP 400" in result.error
    with Archive(synced) as archive:
        assert archive.count(gone=True) == 0
    assert os.path.exists(synced)
