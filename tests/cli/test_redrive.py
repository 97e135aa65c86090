"""Redrives at the command line: a file of runs, sent in waves, each at most once, and what is said of it."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from command_line import Cli
from terminal import Terminal, seen
from upstash_workflow_dlq import DLQClient, FailedRun
from upstash_workflow_dlq.emulator import Emulator, failed_runs, faults
from upstash_workflow_dlq.redrive import (
    JournalError,
    Redrive,
    RedriveError,
    RedriveResult,
    RedriveRunning,
    State,
    Wave,
)
from upstash_workflow_dlq.triage import fingerprint

RUNS = failed_runs(60)
IDS = [run["dlqId"] for run in RUNS]
BILLING = [run["dlqId"] for run in RUNS if "billing" in (run.get("labels") or [run.get("label")])]
PROGRAM = [sys.executable, "-m", "upstash_workflow_dlq", "redrive"]
FAST = ("--yes", "--rate", "1000", "--watch", "0s")


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Files lie in a folder of their own, which no process of the tests shares."""
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def planned(cli: Cli, queue: Emulator) -> Emulator:
    """The whole queue as a.redrive."""
    assert cli("redrive", "plan", "a.redrive", "--action", "resume", "--all").status == 0
    return queue


def writes(queue: Emulator) -> list[str]:
    return [f"{request.method} {request.path}" for request in queue.requests if request.method != "GET"]


def started(queue: Emulator) -> list[str]:
    return sorted(run.dlq_id for run in queue.started)


def results(cli: Cli) -> dict[str, dict[str, Any]]:
    lines = map(json.loads, cli("redrive", "results", "a.redrive", "-o", "jsonl").lines)
    return {result["dlq_id"]: result for result in lines}


def files() -> list[str]:
    return sorted(os.listdir())


def alike(run: FailedRun) -> tuple[Any, str]:
    return run.failure, fingerprint(run)


class TestPlan:
    def test_it_reads_and_writes_a_file(self, cli: Cli, queue: Emulator) -> None:
        result = cli("redrive", "plan", "a.redrive", "--action", "resume", "--label", "billing")
        assert result.status == 0
        assert sum(int(line.split("\t")[0]) for line in result.lines) == len(BILLING)
        assert result.err.splitlines() == [
            f"a.redrive: {len(BILLING)} runs will be resumed, the oldest first. Nothing was sent but reads.",
            "To begin: upstash-dlq redrive run a.redrive",
        ]
        assert (files(), writes(queue)) == (["a.redrive"], [])
        assert results(cli).keys() == {*BILLING}

    def test_a_dry_run_makes_no_file(self, cli: Cli, queue: Emulator) -> None:
        result = cli("redrive", "plan", "a.redrive", "--action", "delete", "--all", "--dry-run")
        assert result.status == 0
        assert result.error == (
            "Dry run: 60 runs would be deleted, the oldest first. No file was made, and nothing was sent but reads."
        )
        assert (files(), writes(queue)) == ([], [])

    def test_filters_on_this_side_count_and_no_run_is_read_twice(self, cli: Cli, queue: Emulator) -> None:
        [one, *_] = [run for run in map(FailedRun, RUNS) if run.failure.name == "Error"]
        typed = ["--failure", "Error", "--contains", one.failure.message.upper(), "--fingerprint", fingerprint(one)]
        wanted = {
            run.dlq_id
            for run in map(FailedRun, RUNS)
            if (run.failure, fingerprint(run)) == (one.failure, fingerprint(one))
        }
        assert cli("redrive", "plan", "a.redrive", "--action", "restart", *typed).status == 0
        assert results(cli).keys() == wanted
        assert not [request.path for request in queue.requests if any(dlq_id in request.path for dlq_id in IDS)]
        assert queue.requests

    def test_ids_that_are_not_there_are_told_and_kept_as_gone(self, cli: Cli, queue: Emulator) -> None:
        Path("ids.txt").write_text(f"{IDS[1]}\nnope-1\n{IDS[0]}\n{IDS[1]}\n")
        result = cli("redrive", "plan", "a.redrive", "--action", "resume", "--from", "ids.txt")
        assert result.status == 3
        assert "there is no failed run nope-1" in result.err
        assert {name: found["state"] for name, found in results(cli).items()} == {
            IDS[0]: "planned", IDS[1]: "planned", "nope-1": "gone",
        }  # fmt: skip

    @pytest.mark.parametrize("typed", [["--label", "nobody"], ["nope-1", "nope-2"], ["--from", os.devnull]])
    @pytest.mark.parametrize("how", [[], ["--dry-run"]])
    def test_where_nothing_matches_no_file_is_made(
        self, cli: Cli, queue: Emulator, typed: list[str], how: list[str]
    ) -> None:
        result = cli("redrive", "plan", "a.redrive", "--action", "resume", *typed, *how)
        assert (result.status, result.out) == (1, "")
        assert "No failed runs match; no file was made" in result.err
        assert files() == []

    def test_what_is_there_is_not_replaced_and_nothing_is_read(self, cli: Cli, queue: Emulator) -> None:
        Path("file").write_text("mine")
        Path("link").symlink_to("nowhere")
        Path("folder").mkdir()
        for name in ("file", "link", "folder"):
            result = cli("redrive", "plan", name, "--action", "resume", "--all")
            assert result.status == 2
            assert f"{name} exists already" in result.error
        assert queue.requests == []
        assert Path("file").read_text() == "mine"

    @pytest.mark.parametrize("end", ["-wal", "-journal"])
    def test_what_is_left_of_an_earlier_file_is_not_taken_for_a_part_of_it(
        self, cli: Cli, queue: Emulator, end: str
    ) -> None:
        Path(f"a.redrive{end}").write_bytes(b"x")
        result = cli("redrive", "plan", "a.redrive", "--action", "resume", "--all")
        assert result.status == 2
        assert f"a.redrive{end} is left of an earlier redrive of that name" in result.error
        assert queue.requests == []

    def test_a_killed_redrive_that_was_removed_does_not_come_back(self, cli: Cli, planned: Emulator) -> None:
        command = [*PROGRAM, "run", "a.redrive", "--yes", "--rate", "20"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:  # noqa: S603
            while len(planned.started) < 3:
                time.sleep(0.01)
            process.kill()
        os.remove("a.redrive")
        assert cli("redrive", "plan", "a.redrive", "--action", "delete", IDS[0]).status == 2
        with (
            DLQClient(planned.token, base_url=planned.url) as dlq,
            pytest.raises(RedriveError, match="-wal is left of"),
        ):
            Redrive.plan("a.redrive", dlq, "delete", dlq_ids=IDS[0])
        assert "a.redrive" not in files()

    @pytest.mark.parametrize(
        ("name", "complaint"), [("none/a", "no such folder"), ("x" * 300, "too long"), ("", "FILE is empty")]
    )
    def test_a_place_that_cannot_be_written_is_refused(
        self, cli: Cli, queue: Emulator, name: str, complaint: str
    ) -> None:
        for how in ([], ["--dry-run"]):
            result = cli("redrive", "plan", name, "--action", "resume", "--all", *how)
            assert result.status == 2
            assert complaint in result.error
        assert (queue.requests, files()) == ([], [])

    @pytest.mark.parametrize(
        ("typed", "complaint"),
        [
            (["--action", "resume"], "pass exactly one of ids (or --from), filters and --all; got none"),
            (["--action", "resume", "--all", "1-0"], "got ids and --all"),
            (["--action", "resume", "--label", ""], "--label is empty"),
            (["--action", "delete", "--all", "--retries", "0"], "--action delete starts no run"),
            (["--action", "resume", "--all", "--parallelism", "3"], "pass --flow-key"),
            (["--action", "resume", "--all", "--delay", "soon\n"], "delay"),
            (["--action", "redo", "--all"], "'redo' is not one of"),
            (["--all"], "Missing option '--action'"),
            (["--action", "resume", "--all", "--debgu"], "--debgu"),
        ],
    )
    def test_bad_input_is_two_and_one_line(self, cli: Cli, queue: Emulator, typed: list[str], complaint: str) -> None:
        result = cli("redrive", "plan", "a.redrive", *typed)
        assert result.status == 2
        assert complaint in result.error
        assert (queue.requests, files()) == ([], [])

    def test_a_failure_leaves_nothing_behind(self, cli: Cli, queue: Emulator) -> None:
        queue.fail(faults.status(400), times=100)
        result = cli("redrive", "plan", "a.redrive", "--action", "resume", "--all")
        assert result.status == 1
        assert "HTTP 400" in result.error
        assert files() == []

    def test_overrides_reach_the_service(self, cli: Cli, queue: Emulator) -> None:
        typed = ["--retries", "0", "--delay", "10s", "--flow-key", "k", "--rate-limit", "60", "--period", "1m"]
        assert cli("redrive", "plan", "a.redrive", "--action", "restart", IDS[0], *typed).status == 0
        assert cli("redrive", "run", "a.redrive", *FAST).status == 0
        [run] = queue.started
        assert (run.kind, run.overrides) == (
            "restart",
            {
                "upstash-retries": "0",
                "upstash-delay": "10s",
                "upstash-flow-control-key": "k",
                "upstash-flow-control-value": "rate=60, period=1m",
            },
        )


class TestRun:
    def test_all_are_sent_once_and_each_wave_is_a_line(self, cli: Cli, planned: Emulator) -> None:
        result = cli("redrive", "run", "a.redrive", *FAST)
        assert result.status == 0
        assert result.lines == [
            "wave 1: 10 of 10 done (done)",
            "wave 2: 40 of 40 done (done)",
            "wave 3: 10 of 10 done (done)",
            "Resumed 60 of 60 runs.",
        ]
        assert result.err.splitlines() == [
            f"Resume 60 runs in the queue at {planned.url}",
            "  at most 1,000 a second; 10 runs first, then 4 times as many in each wave, 1,000 at most",
            "  after each wave it looks once; pauses if more than 10 % of a wave fail again or are refused",
        ]
        assert started(planned) == sorted(IDS)

    def test_once_more_there_is_nothing_to_do(self, cli: Cli, planned: Emulator) -> None:
        cli("redrive", "run", "a.redrive", *FAST)
        before = len(planned.requests)
        result = cli("redrive", "run", "a.redrive", "--yes")
        assert (result.status, result.out) == (0, "Resumed 60 of 60 runs.\n")
        assert result.error == "Nothing is left to send."
        assert len(planned.requests) == before

    def test_what_is_wrong_with_the_file_is_said_before_anybody_is_asked(self, cli: Cli, queue: Emulator) -> None:
        result = cli("redrive", "run", "nope.redrive")
        assert (result.status, result.error) == (
            2,
            "upstash-dlq: nope.redrive cannot be read: No such file or directory",
        )

    def test_without_a_terminal_only_yes_is_a_yes(self, cli: Cli, planned: Emulator) -> None:
        before = len(planned.requests)
        result = cli("redrive", "run", "a.redrive", stdin="y\n")
        assert result.status == 2
        assert "nobody can be asked here, and nothing was sent: pass --yes" in result.error
        assert len(planned.requests) == before

    def test_a_delete_deletes(self, cli: Cli, queue: Emulator) -> None:
        cli("redrive", "plan", "a.redrive", "--action", "delete", "--label", "billing")
        result = cli("redrive", "run", "a.redrive", *FAST)
        assert (result.status, result.lines[-1]) == (0, f"Deleted {len(BILLING)} of {len(BILLING)} runs.")
        assert {run["dlqId"] for run in queue.runs} == {*IDS} - {*BILLING}

    def test_runs_that_are_gone_are_partly_done(self, cli: Cli, planned: Emulator) -> None:
        assert cli("delete", IDS[0], IDS[1], "--yes").status == 0
        result = cli("redrive", "run", "a.redrive", *FAST)
        assert (result.status, result.lines[-1]) == (3, "Resumed 58 of 60 runs: 2 gone.")
        assert "To see which: upstash-dlq redrive results a.redrive" in result.err

    def test_settings_stay_for_the_next_time(self, cli: Cli, planned: Emulator) -> None:
        typed = ["--canary", "3", "--growth", "2", "--wave-max", "7", "--max-failures", "5%"]
        assert cli("redrive", "run", "a.redrive", *FAST, *typed).lines[:3] == [
            "wave 1: 3 of 3 done (done)",
            "wave 2: 6 of 6 done (done)",
            "wave 3: 7 of 7 done (done)",
        ]
        assert cli("redrive", "status", "a.redrive", "-o", "json").json["settings"] == {
            "rate": 1000.0, "canary": 3, "growth": 2.0, "wave_max": 7, "watch_seconds": 0.0, "max_failures": 0.05,
        }  # fmt: skip

    @pytest.mark.parametrize(
        ("typed", "complaint"),
        [
            (["--rate", "0"], "'0' is not a number of runs a second, such as 5 or 0.5 (up to 10,000)"),
            (["--rate", "fast"], "'fast' is not a number of runs a second"),
            (["--rate", "1e3"], "'1e3' is not"),
            (["--rate", "nan"], "'nan' is not"),
            (["--rate", "10001"], "'10001' is not"),
            (["--canary", "0"], "--canary is 0"),
            (["--wave-max", "0"], "--wave-max is 0"),
            (["--growth", "0.5"], "'0.5' is not a number from 1 to 1,000"),
            (["--watch", "2"], "'2' is no length of time"),
            (["--watch", "2d"], "--watch is 2 days"),
            (["--max-failures", "10"], "'10' is no share, such as 10% or 0.1"),
            (["--max-failures", "1"], "'1' is no share"),
            (["--max-failures", "101%"], "'101%' is no share"),
            (["--max-failures", "%"], "'%' is no share"),
        ],
    )
    def test_bad_input_is_two_and_one_line(self, cli: Cli, planned: Emulator, typed: list[str], complaint: str) -> None:
        before = len(planned.requests)
        result = cli("redrive", "run", "a.redrive", "--yes", *typed)
        assert (result.status, result.out) == (2, "")
        assert complaint in result.error
        assert len(planned.requests) == before

    def test_a_failure_stops_it_and_going_on_sends_nothing_twice(self, cli: Cli, planned: Emulator) -> None:
        for fault in (faults.status(500), faults.reset_after_acting()):
            planned.fail(fault, method="POST", after=5)
            result = cli("redrive", "run", "a.redrive", *FAST, "--rate", "50")
            assert result.status == 3
            assert re.fullmatch(r"Resumed \d+ of 60 runs: \d+ left\.", result.lines[-1])
            assert "To go on: upstash-dlq redrive run a.redrive" in result.err
        assert cli("redrive", "run", "a.redrive", *FAST).status == 0
        assert started(planned) == sorted(IDS)

    def test_a_first_failure_is_a_failure(self, cli: Cli, planned: Emulator) -> None:
        planned.fail(faults.status(500), times=100, method="POST")
        result = cli("redrive", "run", "a.redrive", *FAST, "--canary", "1")
        assert (result.status, result.out) == (1, "")
        assert "HTTP 500" in result.err

    def test_a_wrong_token_is_four(self, cli: Cli, planned: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("QSTASH_TOKEN", "wrong-token-of-somebody")
        result = cli("redrive", "run", "a.redrive", *FAST)
        assert result.status == 4
        assert "wrong-token" not in result.err
        assert started(planned) == []

    def test_what_it_waits_for_is_said(self, cli: Cli, planned: Emulator) -> None:
        planned.fail(faults.too_many_requests(retry_after=1), method="POST")
        result = cli("redrive", "run", "a.redrive", *FAST, "--canary", "1")
        assert result.status == 0
        assert re.search(r"^\d\d:\d\d:\d\d the service limits the rate: waiting$", result.err, re.MULTILINE)
        assert started(planned) == sorted(IDS)


class TestPausing:
    @pytest.fixture
    def paused(self, cli: Cli, planned: Emulator) -> Emulator:
        planned.settings.refail, planned.settings.refail_after = 1.0, 0.0
        result = cli("redrive", "run", "a.redrive", *FAST)
        assert result.status == 3
        assert result.lines == [
            "wave 1: 10 of 10 done, 10 failed again (paused)",
            "Resumed 10 of 60 runs: 10 failed again, 50 left.",
        ]
        self.err = result.err
        return planned

    def test_it_says_why_and_how_to_go_on(self, paused: Emulator) -> None:
        assert "Paused: of the 10 runs of wave 1, 10 failed again; at most 10 % may." in self.err
        assert "50 are left. To go on all the same: upstash-dlq redrive run a.redrive --force" in self.err
        assert "force=True" not in self.err
        groups = [line.split("\t") for line in self.err.splitlines() if "\t" in line]
        assert groups
        assert all(re.fullmatch(r"1-[0-9a-f]{12}", group[-1]) for group in groups)

    def test_it_goes_on_only_by_force(self, cli: Cli, paused: Emulator) -> None:
        before = len(paused.requests)
        result = cli("redrive", "run", "a.redrive", *FAST)
        assert (result.status, result.out) == (3, "")
        assert "Paused: of the 10 runs" in result.err
        assert len(paused.requests) == before
        paused.settings.refail = 0.0
        assert cli("redrive", "run", "a.redrive", *FAST, "--force").lines[0] == "wave 2: 10 of 10 done (done)"
        assert started(paused) == sorted(IDS)

    def test_what_failed_again_is_sent_only_with_again(self, cli: Cli, paused: Emulator) -> None:
        paused.settings.refail = 0.0
        assert cli("redrive", "run", "a.redrive", *FAST, "--force").status == 0
        assert len(paused.started) == 60
        result = cli("redrive", "run", "a.redrive", *FAST, "--again")
        assert (result.status, result.lines[-1]) == (0, "Resumed 70 of 70 runs: 10 failed again.")
        assert f"Resume 10 runs in the queue at {paused.url}" in result.err
        assert len(paused.started) == 70
        assert cli("redrive", "run", "a.redrive", *FAST, "--again").err.startswith("Nothing is left to send.")

    def test_runs_that_are_refused_are_told_with_the_reason(self, cli: Cli, planned: Emulator) -> None:
        planned.fail(faults.status(400, '{"error": "no such workflow \x1b[2J"}'), times=10, method="POST")
        result = cli("redrive", "run", "a.redrive", *FAST)
        assert result.status == 3
        assert re.search(r"^\d+ refused: .*no such workflow", result.err, re.MULTILINE)
        assert "\x1b" not in result.err


class TestTheWrongFile:
    COMMANDS = (
        ("run", "a.redrive", *FAST),
        ("status", "a.redrive"),
        ("results", "a.redrive"),
        ("rate", "a.redrive", "9"),
    )

    @pytest.mark.parametrize("typed", COMMANDS, ids=lambda typed: typed[0])
    @pytest.mark.parametrize("content", [None, b"", b"text", b"SQLite format 3\0" + bytes(200)])
    def test_no_journal(self, cli: Cli, queue: Emulator, typed: tuple[str, ...], content: bytes | None) -> None:
        if content is not None:
            Path("a.redrive").write_bytes(content)
        result = cli("redrive", *typed)
        assert (result.status, result.out) == (2, "")
        assert "a.redrive" in result.error
        assert queue.requests == []

    @pytest.mark.skipif(sys.platform == "win32", reason="has no such files")
    @pytest.mark.parametrize("typed", COMMANDS, ids=lambda typed: typed[0])
    def test_a_pipe(self, cli: Cli, queue: Emulator, typed: tuple[str, ...]) -> None:
        os.mkfifo("a.redrive")
        result = cli("redrive", *typed)
        assert (result.status, result.out) == (2, "")
        assert "a.redrive is no file, and so no journal of a redrive" in result.error
        assert queue.requests == []

    @pytest.mark.parametrize("typed", COMMANDS, ids=lambda typed: typed[0])
    def test_an_empty_name_as_of_a_variable_that_is_not_set(
        self, cli: Cli, queue: Emulator, typed: tuple[str, ...]
    ) -> None:
        result = cli("redrive", typed[0], "", *typed[2:])
        assert (result.status, result.out) == (2, "")
        assert "FILE is empty: pass the name of a file" in result.error
        assert queue.requests == []

    @pytest.mark.parametrize("typed", COMMANDS, ids=lambda typed: typed[0])
    def test_a_journal_of_a_newer_version(self, cli: Cli, planned: Emulator, typed: tuple[str, ...]) -> None:
        with closing(sqlite3.connect("a.redrive")) as file:
            file.execute("PRAGMA user_version = 99")
        before = len(planned.requests)
        result = cli("redrive", *typed)
        assert result.status == 2
        assert "is a journal of version 99" in result.error
        assert len(planned.requests) == before

    def test_one_of_another_queue(self, cli: Cli, planned: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
        with Emulator(runs=60) as other:
            result = cli("redrive", "run", "a.redrive", *FAST, "--url", other.url)
            assert result.status == 4
            assert f"a.redrive is about the queue at {planned.url}, and this is {other.url}" in result.error
            assert other.requests == []

    @pytest.mark.parametrize(
        ("planned_at", "url", "is_refused"),
        [
            ("https://qstash.upstash.io", "https://qstash-us-east-1.upstash.io", True),
            ("https://qstash.upstash.io", "https://qstash-eu-central-1.upstash.io", False),
            ("http://127.0.0.1:1", "https://qstash.upstash.io", True),
        ],
    )
    def test_one_of_another_region(
        self, cli: Cli, planned: Emulator, monkeypatch: pytest.MonkeyPatch, planned_at: str, url: str, is_refused: bool
    ) -> None:
        with closing(sqlite3.connect("a.redrive")) as file, file:
            file.execute("UPDATE about SET value = ? WHERE key = 'base_url'", (planned_at,))
        monkeypatch.setattr(Redrive, "run", lambda *_, **__: (number for number in range(0)))  # asks nobody out there
        result = cli("redrive", "run", "a.redrive", *FAST, "--url", url)
        assert result.status == (4 if is_refused else 0)
        assert ("nothing was sent: set --url" in result.err) is is_refused

    def test_one_of_another_account(self, cli: Cli, planned: Emulator) -> None:
        assert cli("delete", "--all", "--yes").status == 0
        before = writes(planned)
        result = cli("redrive", "run", "a.redrive", *FAST)
        assert result.status == 1
        assert "none of the next 5 runs is in this queue" in result.err
        assert "--force goes on all the same" in result.err
        assert writes(planned) == before


class TestTwoOperators:
    def test_the_second_is_refused_and_may_look(self, cli: Cli, planned: Emulator) -> None:
        with (
            DLQClient(planned.token, base_url=planned.url, retry=None) as dlq,
            Redrive("a.redrive") as redrive,
            closing(redrive.run(dlq, rate=1000, watch=timedelta(0))) as waves,
        ):
            next(waves)
            result = cli("redrive", "run", "a.redrive", *FAST)
            assert (result.status, result.out) == (1, "")
            assert "a.redrive is being run already; to look: upstash-dlq redrive status a.redrive" in result.error
            assert cli("redrive", "status", "a.redrive", "-o", "json").json["running"] is True
            assert len(cli("redrive", "results", "a.redrive").lines) == 60
        assert len(planned.started) == 10

    def test_one_that_began_at_the_same_moment_is_refused_and_counts_nothing_of_the_other(
        self, cli: Cli, planned: Emulator, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        run = Redrive.run

        def beaten(self: Redrive, dlq: DLQClient, **options: Any) -> Iterator[Wave]:
            list(run(self, dlq, **options))
            raise RedriveRunning("a.redrive is being run already, by another process or another Redrive")

        monkeypatch.setattr(Redrive, "run", beaten)
        result = cli("redrive", "run", "a.redrive", *FAST)
        assert (result.status, result.out) == (1, "")
        assert "a.redrive is being run already; to look: upstash-dlq redrive status a.redrive" in result.err
        assert "To go on" not in result.err
        assert len(planned.started) == 60

    def test_of_plans_made_at_the_same_moment_the_second_is_refused_as_a_later_one(
        self, cli: Cli, queue: Emulator, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        plan = Redrive.plan

        def beaten(path: Path, *arguments: Any, **options: Any) -> Redrive:
            with plan(path, *arguments, all=True):
                return plan(path, *arguments, **options)

        monkeypatch.setattr(Redrive, "plan", beaten)
        result = cli("redrive", "plan", "a.redrive", "--action", "resume", "--all")
        assert result.status == 2
        assert "a.redrive exists already, and a plan replaces nothing" in result.error

    def test_a_rate_set_by_another_process_is_obeyed(self, cli: Cli, planned: Emulator) -> None:
        # At this rate it would take an hour.
        command = [*PROGRAM, "run", "a.redrive", "--yes", "--rate", "0.02", "--watch", "0s"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:  # noqa: S603
            while not planned.started:
                time.sleep(0.01)
            changed = cli("redrive", "rate", "a.redrive", "1000")
            assert (changed.status, changed.err) == (0, "a.redrive: at most 1,000 a second.\n")
            out, _ = process.communicate(timeout=30)
        assert process.returncode == 0
        assert out.endswith("Resumed 60 of 60 runs.\n")


class TestStopping:
    @pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
    def test_it_ends_with_the_requests_under_way_and_the_journal_complete(
        self, cli: Cli, planned: Emulator, number: signal.Signals
    ) -> None:
        planned.settings.latency = 0.2
        command = [*PROGRAM, "run", "a.redrive", "--yes", "--rate", "20"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:  # noqa: S603
            while len(planned.started) < 3:
                time.sleep(0.01)
            process.send_signal(number)
            out, err = process.communicate(timeout=20)
        assert process.returncode == 130
        count = len(planned.started)
        assert out == f"Resumed {count} of 60 runs: {60 - count} left.\n"
        assert err.splitlines()[-2:] == [
            "upstash-dlq: interrupted",
            "To go on: upstash-dlq redrive run a.redrive",
        ]
        states = [result["state"] for result in results(cli).values()]
        assert (states.count("started"), states.count("planned")) == (count, 60 - count)

    @pytest.mark.parametrize("canary", ["10", "60"])
    def test_after_a_kill_it_says_that_it_watches_what_was_sent(self, cli: Cli, planned: Emulator, canary: str) -> None:
        """Nothing else is said for as long as it watches."""
        command = [*PROGRAM, "run", "a.redrive", "--yes", "--rate", "1000", "--watch", "1h", "--canary", canary]
        with (
            Redrive("a.redrive") as redrive,
            subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process,  # noqa: S603
        ):
            while (wave := redrive.status().wave) is None or wave.state != "watching":
                time.sleep(0.01)
            process.kill()
        result = cli("redrive", "run", "a.redrive", "--yes", "--watch", "1s")
        assert result.status == 0
        said = "Wave 1 was sent before: watching 1s for runs of it that fail again"
        assert result.err.splitlines()[-1] == said
        assert result.err.startswith("Resume 50 runs" if canary == "10" else "Nothing is left to send.")
        assert len(planned.started) == 60
        assert said not in cli("redrive", "run", "a.redrive", "--yes", "--watch", "1s").err

    def test_a_reader_that_goes_away_does_not_stop_it(self, planned: Emulator) -> None:
        command = f"{' '.join(PROGRAM)} run a.redrive {' '.join(FAST)} | head -n 1; exit ${{PIPESTATUS[0]}}"
        done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)  # noqa: S603, S607
        assert (done.returncode, done.stdout) == (0, "wave 1: 10 of 10 done (done)\n")
        assert len(planned.started) == 60

    def test_a_stdout_that_is_full_loses_no_report(self, planned: Emulator) -> None:
        with open("/dev/full", "w") as full:
            command = [*PROGRAM, "run", "a.redrive", *FAST]
            done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False)  # noqa: S603
        assert done.returncode == 0
        assert done.stderr.endswith("Resumed 60 of 60 runs.\n")

    def test_results_that_could_not_be_written_are_printed(
        self, cli: Cli, planned: Emulator, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        known = RedriveResult(IDS[0], State.STARTED, "wfr_\x1b[2J", None, None, datetime.now(UTC))

        def run(*_: object, **__: object) -> Iterator[Any]:
            raise JournalError("a.redrive cannot be used: database or disk is full", unwritten=(known,))
            yield

        monkeypatch.setattr(Redrive, "run", run)
        result = cli("redrive", "run", "a.redrive", *FAST)
        assert (result.status, result.out) == (1, "")
        assert f"{IDS[0]}\tstarted\twfr_\\x1b[2J\t" in result.err
        assert "upstash-dlq: a.redrive cannot be used: database or disk is full" in result.err


class TestLooking:
    def test_status_is_for_programs_too(self, cli: Cli, planned: Emulator) -> None:
        found = cli("redrive", "status", "a.redrive", "-o", "json").json
        assert found.keys() == {
            *("file", "action", "base_url", "planned_at", "running", "paused", "problem", "total", "done"),
            *("remaining", "left_out", "time_left_seconds", "counts", "wave", "settings"),
        }
        assert (found["total"], found["remaining"], found["running"]) == (60, 60, False)
        assert found["counts"].keys() == {*map(str, State)}
        piped = dict(line.split("\t") for line in cli("redrive", "status", "a.redrive").lines)
        assert (piped["action"], piped["runs"], piped["  planned"]) == ("resume", "60", "60")

    def test_neither_needs_a_token(self, cli: Cli, planned: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv("QSTASH_TOKEN")
        for name in ("status", "results"):
            assert cli("redrive", name, "a.redrive").status == 0

    def test_results_in_their_formats(self, cli: Cli, planned: Emulator) -> None:
        cli("redrive", "run", "a.redrive", *FAST)
        rows = list(csv.DictReader(io.StringIO(cli("redrive", "results", "a.redrive", "-o", "csv").out)))
        assert [row["dlq_id"] for row in rows] == [*results(cli)]
        assert {row["state"] for row in rows} == {"started"}
        assert sorted(row["workflow_run_id"] for row in rows) == sorted(run.workflow_run_id for run in planned.started)
        assert [line.split("\t")[0] for line in cli("redrive", "results", "a.redrive").lines] == [*results(cli)]
        assert len(cli("redrive", "results", "a.redrive", "--limit", "3").lines) == 3

    def test_a_pipe_that_is_closed_ends_it_quietly(self, planned: Emulator) -> None:
        command = f"{' '.join(PROGRAM)} results a.redrive | head -n 1; exit ${{PIPESTATUS[0]}}"
        done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)  # noqa: S603, S607
        assert (done.returncode, done.stderr, len(done.stdout.splitlines())) == (0, "", 1)

    @pytest.mark.parametrize("typed", ["0", "-1", "fast", "", "1_0"])
    def test_a_rate_that_is_none_is_refused(self, cli: Cli, planned: Emulator, typed: str) -> None:
        result = cli("redrive", "rate", "a.redrive", "--", typed)
        assert result.status == 2
        assert "is not a number of runs a second" in result.error

    def test_a_rate_that_nobody_obeys_yet_says_so(self, cli: Cli, planned: Emulator) -> None:
        result = cli("redrive", "rate", "a.redrive", "0.5")
        assert result.status == 0
        assert result.error == (
            "a.redrive: at most 0.5 a second. Nobody runs it now; it holds from the next run on: "
            "upstash-dlq redrive run a.redrive"
        )
        assert cli("redrive", "status", "a.redrive", "-o", "json").json["settings"]["rate"] == 0.5

    def test_names_that_a_shell_would_take_apart_are_quoted(self, cli: Cli, queue: Emulator) -> None:
        result = cli("redrive", "plan", "--action", "resume", "--all", "--", "-a b.redrive")
        assert "To begin: upstash-dlq redrive run './-a b.redrive'" in result.err

    def test_the_queue_that_was_named_is_named_again(
        self, cli: Cli, queue: Emulator, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.delenv("QSTASH_URL")
        planned = cli("--url", queue.url, "redrive", "plan", "a.redrive", "--action", "delete", "--all")
        [command] = re.findall("To begin: upstash-dlq (.*)", planned.err)
        assert command == f"redrive run a.redrive --url {queue.url}"
        assert cli(*command.split(), "--yes", "--rate", "1000").status == 0
        assert queue.runs == []


def shown(terminal: Terminal, queue: Emulator) -> str:
    screen = terminal.screen.replace(queue.url, "http://127.0.0.1:8080")
    return re.sub(r"20\d\d-\d\d-\d\dT[\d:.]+Z", "2026-11-22T03:00:00.000Z", screen)


class TestAtATerminal:
    def test_the_plan_is_shown(self, queue: Emulator) -> None:
        with Terminal(
            "redrive", "plan", "a.redrive", "--action", "resume", "--label", "billing", columns=120
        ) as terminal:
            assert terminal.ended() == 0
            seen("redrive-plan", terminal.screen)

    def test_it_asks_shows_how_far_it_is_and_pauses(self, cli: Cli, planned: Emulator) -> None:
        planned.settings.refail, planned.settings.refail_after = 1.0, 0.5
        with Terminal("redrive", "run", "a.redrive", "--rate", "40", "--watch", "4s", columns=120) as terminal:
            terminal.wait_for("[y/N]")
            seen("redrive-question", shown(terminal, planned))
            assert started(planned) == []
            terminal.enter("y\n")
            terminal.wait_for("Wave 1, 10 runs: ")
            terminal.wait_for("watching for runs that fail again")
            assert "10/60" in terminal.screen
            assert terminal.ended() == 3
            seen("redrive-paused", shown(terminal, planned))
        with Terminal("redrive", "status", "a.redrive", columns=120) as terminal:
            assert terminal.ended() == 0
            seen("redrive-status", shown(terminal, planned))
        with Terminal("redrive", "results", "a.redrive", columns=120, lines=60) as terminal:
            assert terminal.ended() == 0
            assert "50 runs are shown, and there are more: --limit all, or -o jsonl" in terminal.screen

    @pytest.mark.parametrize("answer", ["n\n", "\n"])
    def test_anything_but_yes_sends_nothing(self, planned: Emulator, answer: str) -> None:
        with Terminal("redrive", "run", "a.redrive") as terminal:
            terminal.wait_for("[y/N]")
            terminal.enter(answer)
            assert terminal.ended() == 1
            assert "Nothing was sent." in terminal.screen
        assert writes(planned) == []

    def test_deleting_takes_the_count(self, cli: Cli, queue: Emulator) -> None:
        cli("redrive", "plan", "a.redrive", "--action", "delete", "--all")
        for answer, code, left in (("y\n", 1, 60), ("60\n", 0, 0)):
            with Terminal("redrive", "run", "a.redrive", "--rate", "1000") as terminal:
                terminal.wait_for("type 60")
                terminal.enter(answer)
                assert terminal.ended() == code
            assert len(queue.runs) == left

    def test_ctrl_c_says_what_was_done_and_what_is_left(self, planned: Emulator) -> None:
        with Terminal("redrive", "run", "a.redrive", "--yes", "--rate", "1000", "--watch", "1h") as terminal:
            terminal.wait_for("59m 59s more")
            terminal.interrupt()
            assert terminal.ended() == 130
            assert "Resumed 10 of 60 runs: 50 left." in terminal.screen
            assert "To go on: upstash-dlq redrive run a.redrive" in terminal.screen

    def test_a_second_ctrl_c_does_not_wait(self, cli: Cli, planned: Emulator) -> None:
        planned.fail(faults.slow(60), method="POST", after=3)
        with Terminal("redrive", "run", "a.redrive", "--yes", "--rate", "1000") as terminal:
            terminal.wait_for("9 started")
            terminal.interrupt()
            terminal.wait_for("Ctrl-C again does not wait")
            terminal.interrupt()
            assert terminal.ended() == 130
        assert {"sending", "unknown"} & {result["state"] for result in results(cli).values()}

    def test_a_terminal_that_is_closed_stops_it(self, cli: Cli, planned: Emulator) -> None:
        with Terminal("redrive", "run", "a.redrive", "--yes", "--rate", "20") as terminal:
            terminal.wait_for("Wave 1, 10 runs: ")
            terminal.close()
            assert terminal.process.wait(20) in (130, -signal.SIGHUP)
        states = [result["state"] for result in results(cli).values()]
        assert states.count("started") == len(planned.started) < 60
        assert "sending" not in states

    def test_data_in_a_file_and_the_view_on_the_terminal(self, planned: Emulator) -> None:
        path = Path("waves.txt")
        with path.open("wb") as file, Terminal("redrive", "run", "a.redrive", *FAST, stdout=file) as terminal:
            assert terminal.ended() == 0
            assert "wave 1:" not in terminal.said.decode()
        assert path.read_text().splitlines()[0] == "wave 1: 10 of 10 done (done)"
