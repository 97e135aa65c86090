"""Resume, restart, delete and callbacks: what was confirmed is what is done, and what was not done is told."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from command_line import Cli
from upstash_workflow_dlq import DLQClient
from upstash_workflow_dlq.emulator import Emulator, failed_runs, faults

IDS = [run["dlqId"] for run in failed_runs(60)]
BILLING = [run["dlqId"] for run in failed_runs(60) if "billing" in (run.get("labels") or [run.get("label")])]
PROGRAM = [sys.executable, "-m", "upstash_workflow_dlq"]
VERBS = ["resume", "restart", "delete"]


def writes(queue: Emulator) -> list[str]:
    return [f"{request.method} {request.path}" for request in queue.requests if request.method != "GET"]


class TestTargets:
    @pytest.mark.parametrize("verb", VERBS)
    @pytest.mark.parametrize(
        ("typed", "got"),
        [
            ([], "none"),
            (["1-0", "--all"], "ids and --all"),
            (["--label", "billing", "--all"], "filters and --all"),
            (["1-0", "--label", "billing"], "ids and filters"),
        ],
    )
    def test_exactly_one_is_needed(self, cli: Cli, queue: Emulator, verb: str, typed: list[str], got: str) -> None:
        result = cli(verb, *typed, "--yes")
        assert result.status == 2
        assert f"pass exactly one of ids (or --from), filters and --all; got {got}" in result.error
        assert queue.requests == []

    @pytest.mark.parametrize("verb", VERBS)
    def test_without_a_terminal_only_yes_is_a_yes(self, cli: Cli, queue: Emulator, verb: str) -> None:
        for target in (["--all"], [IDS[0]], ["--label", "billing"], ["--from", "-"]):
            result = cli(verb, *target, stdin=f"{IDS[0]}\ny\n")
            assert result.status == 2
            assert "nothing was sent" in result.error
        assert queue.requests == []

    @pytest.mark.parametrize("verb", VERBS)
    def test_a_dry_run_sends_only_reads(self, cli: Cli, queue: Emulator, verb: str) -> None:
        result = cli(verb, "--label", "billing", "--dry-run", "-o", "json")
        assert result.status == 0
        assert result.json["total"] == len(BILLING)
        assert "Nothing was sent but reads." in result.error
        assert writes(queue) == []

    def test_ids_come_from_a_file_or_from_stdin(self, cli: Cli, queue: Emulator, tmp_path: Path) -> None:
        path = tmp_path / "ids.txt"
        path.write_text(f"{IDS[3]}\n\n  {IDS[4]}  \n{IDS[3]}\n")
        assert cli("resume", "--from", str(path), "--yes").status == 0
        assert cli("resume", "--from", "-", "--yes", stdin=f"{IDS[5]}\n").status == 0
        assert {run.dlq_id for run in queue.started} == {*IDS[3:6]}

    @pytest.mark.parametrize("content", [b"\xff\xfe\x00", None])
    def test_a_file_that_cannot_be_read_is_refused(
        self, cli: Cli, queue: Emulator, tmp_path: Path, content: bytes | None
    ) -> None:
        path = tmp_path / "ids.txt"
        if content is not None:
            path.write_bytes(content)
        result = cli("delete", "--from", str(path), "--yes")
        assert result.status == 2
        assert str(path) in result.error
        assert queue.requests == []

    def test_an_empty_file_is_nothing_and_not_everything(self, cli: Cli, queue: Emulator, tmp_path: Path) -> None:
        path = tmp_path / "ids.txt"
        path.write_text("\n \n")
        result = cli("delete", "--from", str(path), "--yes")
        assert (result.status, result.error) == (0, "No failed runs match; nothing was sent.")
        assert queue.requests == []

    @pytest.mark.parametrize("bad", ["", " ", "..", "a\x1bb"])
    def test_an_id_that_would_be_another_path_is_refused(self, cli: Cli, queue: Emulator, bad: str) -> None:
        result = cli("delete", IDS[0], bad, "--yes")
        assert result.status == 2
        assert "dlq_id" in result.error
        assert "\x1b" not in result.error
        assert writes(queue) == []


class TestDoing:
    @pytest.mark.parametrize(("verb", "kind"), [("resume", "resume"), ("restart", "restart")])
    def test_runs_of_a_filter_are_started_by_their_ids(self, cli: Cli, queue: Emulator, verb: str, kind: str) -> None:
        result = cli(verb, "--label", "billing", "--yes", "-o", "json")
        assert (result.status, result.json["gone"], result.json["remaining"]) == (0, 0, [])
        assert sorted(run.dlq_id for run in queue.started) == sorted(BILLING)
        assert {run.kind for run in queue.started} == {kind}
        assert sorted(run["workflow_run_id"] for run in result.json["started"]) == sorted(
            run.workflow_run_id for run in queue.started
        )
        sent = [request.query for request in queue.requests if request.method == "POST"]
        assert all("dlqIds=" in query and "label" not in query for query in sent)

    def test_started_runs_are_printed_as_they_come(self, cli: Cli, queue: Emulator) -> None:
        result = cli("resume", "--all", "--yes", "-o", "ids")
        assert sorted(result.lines) == sorted(run.workflow_run_id for run in queue.started)
        assert len(result.lines) == 60
        assert result.error == "Resumed 60 of 60 runs."

    def test_all_is_the_whole_queue(self, cli: Cli, queue: Emulator) -> None:
        result = cli("delete", "--all", "--yes")
        assert (result.status, result.out) == (0, "Deleted 60 of 60 runs.\n")
        assert queue.runs == []

    def test_overrides_reach_the_service(self, cli: Cli, queue: Emulator) -> None:
        overrides = [
            *("--retries", "2", "--delay", "10s", "--retry-delay", "1000", "--flow-key", "k", "--parallelism", "3"),
            *("--rate-limit", "60", "--period", "1m", "--set-label", "a", "--set-label", "b"),
            *("--failure-url", "https://my.app/failed"),
        ]
        assert cli("resume", IDS[0], *overrides, "--yes").status == 0
        [started] = queue.started
        assert started.overrides == {
            "upstash-retries": "2",
            "upstash-delay": "10s",
            "upstash-retry-delay": "1000",
            "upstash-flow-control-key": "k",
            "upstash-flow-control-value": "parallelism=3, rate=60, period=1m",
            "upstash-label": "a,b",
            "upstash-failure-callback": "https://my.app/failed",
        }

    @pytest.mark.parametrize(
        ("typed", "complaint"),
        [
            (["--parallelism", "3"], "pass --flow-key"),
            (["--retries", "-1"], "'-1' is no whole number"),
            (["--delay", "soon\n"], "delay"),
            (["--retries", "many"], "'many' is no whole number"),
        ],
    )
    def test_overrides_that_cannot_be_sent_are_refused(
        self, cli: Cli, queue: Emulator, typed: list[str], complaint: str
    ) -> None:
        result = cli("resume", IDS[0], *typed, "--yes")
        assert result.status == 2
        assert complaint in result.error
        assert writes(queue) == []


class TestBadNights:
    @pytest.mark.parametrize("verb", VERBS)
    def test_runs_that_are_gone_are_told_and_the_others_are_done(self, cli: Cli, queue: Emulator, verb: str) -> None:
        result = cli(verb, IDS[0], "1-0", IDS[1], "2-0", "--yes")
        assert result.status == 3
        assert result.out.endswith(
            "2 of 4 runs. 2 were gone already: expired, or resumed or deleted by somebody else.\n"
        )
        assert {run["dlqId"] for run in queue.runs} == {*IDS} - {*IDS[:2]}

    def test_a_failure_midway_is_partly_done_and_the_rest_can_be_saved(
        self, cli: Cli, queue: Emulator, tmp_path: Path
    ) -> None:
        left = tmp_path / "what is left.txt"
        queue.fail(faults.status(500), times=100, method="POST", after=1)
        result = cli("resume", "--all", "--yes", "--save", str(left), "-o", "ids")
        assert result.status == 3
        assert len(result.lines) == len(queue.started) == 50
        assert "Resumed 50 of 60 runs." in result.err
        assert f"10 runs remain; their ids are in {left}: go on with --from '{left}'" in result.err
        assert sorted(left.read_text().split()) == sorted({*IDS} - {run.dlq_id for run in queue.started})
        queue._plan._planned.clear()
        assert cli("resume", "--from", str(left), "--yes").status == 0
        assert sorted(run.dlq_id for run in queue.started) == sorted(IDS)

    def test_what_remains_may_replace_the_ids_that_were_read(self, cli: Cli, queue: Emulator, tmp_path: Path) -> None:
        left = tmp_path / "left.txt"
        left.write_text("\n".join(IDS))
        queue.fail(faults.status(500), times=100, method="POST", after=1)
        command = ("resume", "--from", str(left), "--save", str(left), "--yes")
        assert cli(*command).status == 3
        assert len(left.read_text().split()) == 10
        queue._plan._planned.clear()
        assert cli(*command).status == 0
        assert sorted(run.dlq_id for run in queue.started) == sorted(IDS)

    def test_a_lost_answer_is_in_doubt_and_going_on_starts_nothing_twice(
        self, cli: Cli, queue: Emulator, tmp_path: Path
    ) -> None:
        left = tmp_path / "left.txt"
        queue.fail(faults.reset_after_acting(), method="POST", after=1)
        result = cli("resume", "--all", "--yes", "--save", str(left))
        assert result.status == 3
        assert "whether the last request did anything is unknown" in result.err
        assert len(left.read_text().split()) == 10
        again = cli("resume", "--from", str(left), "--yes")
        assert again.status == 1  # nothing was left to do
        assert "10 were gone already" in again.out
        assert sorted(run.dlq_id for run in queue.started) == sorted(IDS)

    def test_a_first_failure_is_a_failure(self, cli: Cli, queue: Emulator) -> None:
        queue.fail(faults.status(400), times=10, method="POST")
        result = cli("resume", "--all", "--yes")
        assert (result.status, result.out) == (1, "")
        assert queue.started == []

    def test_a_rate_limit_is_waited_for(self, cli: Cli, queue: Emulator) -> None:
        queue.fail(faults.too_many_requests(retry_after=0), method="POST")
        assert cli("resume", "--all", "--yes").status == 0
        assert len(queue.started) == 60

    def test_a_place_that_cannot_be_written_is_refused_before_anything_is_done(
        self, cli: Cli, queue: Emulator, tmp_path: Path
    ) -> None:
        result = cli("delete", "--all", "--yes", "--save", str(tmp_path / "none" / "left.txt"))
        assert result.status == 2
        assert "nothing was sent" in result.error
        assert queue.requests == []

    def test_nothing_is_saved_where_nothing_remains(self, cli: Cli, queue: Emulator, tmp_path: Path) -> None:
        left = tmp_path / "left.txt"
        assert cli("delete", "--all", "--yes", "--save", str(left)).status == 0
        assert not left.exists()


class TestWhatIsTold:
    @pytest.mark.parametrize("form", ["table", "json", "ids"])
    def test_a_stdout_that_is_full_loses_neither_the_report_nor_the_rest(
        self, queue: Emulator, tmp_path: Path, form: str
    ) -> None:
        left = tmp_path / "left.txt"
        queue.fail(faults.status(500), times=100, method="POST", after=1)
        command = [
            sys.executable,
            "-m",
            "upstash_workflow_dlq",
            "resume",
            "--all",
            "--yes",
            "--save",
            str(left),
            "-o",
            form,
        ]
        with open("/dev/full", "w") as full:
            done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False)  # noqa: S603
        assert done.returncode == 3
        assert "Resumed 50 of 60 runs." in done.stderr
        assert len(left.read_text().split()) == 10

    def test_a_reader_that_goes_away_does_not_stop_what_is_under_way(self, queue: Emulator) -> None:
        command = (
            f"{sys.executable} -m upstash_workflow_dlq resume --all --yes -o ids | head -n 1; exit ${{PIPESTATUS[0]}}"
        )
        done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)  # noqa: S603, S607
        assert done.returncode == 0
        assert len(queue.started) == 60

    @pytest.mark.parametrize("body", ["{}", '{"workflowRuns": []}'])
    def test_an_answer_that_says_nothing_is_not_taken_for_gone(self, cli: Cli, queue: Emulator, body: str) -> None:
        queue.fail(faults.Answer(200, body.encode(), (("Content-Type", "application/json"),)), method="POST", after=1)
        result = cli("resume", "--all", "--yes", "-o", "json")
        assert result.status == 3
        assert (result.json["resumed"], result.json["gone"], len(result.json["remaining"])) == (50, 0, 10)
        assert "10 runs are still there, and the service does not say what it did" in result.err

    def test_a_run_that_is_listed_twice_is_one(
        self, cli: Cli, queue: Emulator, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        scan = DLQClient.scan
        monkeypatch.setattr(DLQClient, "scan", lambda dlq, **filters: [*scan(dlq, **filters)] * 3)
        result = cli("resume", "--all", "--yes")
        assert (result.status, result.out) == (0, "Resumed 60 of 60 runs.\n")

    def test_ids_that_cannot_be_sent_are_left_out_and_told(self, cli: Cli, queue: Emulator) -> None:
        queue.add({"dlqId": "a\nb"}, {"dlqId": "x/../y"}, {"dlqId": "a,b"})
        result = cli("delete", "--all", "--yes")
        assert result.status == 3
        assert "3 runs without an id that can be sent: left out" in result.err
        assert len(queue.runs) == 3

    def test_no_match_is_a_document_too(self, cli: Cli, queue: Emulator) -> None:
        result = cli("resume", "--label", "nobody", "--yes", "-o", "json")
        assert (result.status, result.json) == (0, {"resumed": 0, "gone": 0, "remaining": [], "started": []})

    def test_many_that_are_missing_are_counted(self, cli: Cli, queue: Emulator) -> None:
        result = cli("resume", *[f"nope-{number}" for number in range(30)], "--dry-run")
        assert result.status == 1
        assert "and 20 more that are not there" in result.err
        assert len(result.err.splitlines()) == 12

    @pytest.mark.parametrize(
        ("typed", "complaint"),
        [
            (["--retries", "-1"], "-1"),
            (["--delay", ""], "delay"),
            (["--set-label", ""], "label"),
            (["--flow-key", "k"], "flow"),
        ],
    )
    def test_a_dry_run_refuses_overrides_as_the_real_one_does(
        self, cli: Cli, queue: Emulator, typed: list[str], complaint: str
    ) -> None:
        for how in ("--dry-run", "--yes"):
            result = cli("resume", IDS[0], *typed, how)
            assert result.status == 2
            assert complaint in result.error
        assert queue.requests == []

    def test_saving_follows_a_link_and_replaces_files_only(self, cli: Cli, queue: Emulator, tmp_path: Path) -> None:
        target, link, pipe = tmp_path / "target", tmp_path / "link", tmp_path / "pipe"
        target.write_text("old")
        link.symlink_to(target)
        os.mkfifo(pipe)
        queue.fail(faults.status(500), times=100, method="POST", after=1)
        assert cli("resume", "--all", "--yes", "--save", str(link)).status == 3
        assert link.is_symlink()
        assert len(target.read_text().split()) == 10
        before = len(queue.requests)
        for bad in (pipe, tmp_path, tmp_path / ("x" * 300), Path("/dev/full")):
            result = cli("resume", "--all", "--yes", "--save", str(bad))
            assert result.status == 2
            assert "nothing was sent" in result.error
        assert len(queue.requests) == before
        assert sorted(path.name for path in tmp_path.iterdir()) == ["link", "pipe", "target"]

    def test_a_terminated_command_keeps_what_remains(self, queue: Emulator, tmp_path: Path) -> None:
        left = tmp_path / "left.txt"
        queue.fail(faults.slow(10), method="POST", after=1)
        command = [*PROGRAM, "resume", "--all", "--yes", "--save", str(left)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:  # noqa: S603
            while len(queue.requests) < 2 or queue.requests[-1].method != "POST" or len(queue.started) < 50:
                time.sleep(0.01)
            time.sleep(0.2)
            process.send_signal(signal.SIGTERM)
            out, err = process.communicate(timeout=20)
        assert process.returncode == 130
        assert out == "Resumed 50 of 60 runs.\n"
        assert "whether the last request did anything is unknown" in err
        assert len(left.read_text().split()) == 10

    def test_the_token_and_the_ids_cannot_both_come_from_stdin(self, cli: Cli, queue: Emulator) -> None:
        result = cli("--token-file", "-", "resume", "--from", "-", "--yes", stdin="x\n")
        assert result.status == 2
        assert "cannot both be -" in result.error

    def test_a_file_of_ids_may_begin_with_a_byte_order_mark(self, cli: Cli, queue: Emulator, tmp_path: Path) -> None:
        path = tmp_path / "ids.txt"
        path.write_text(f"{IDS[0]}\r\n{IDS[1]}\r\n", "utf-8-sig")
        assert cli("resume", "--from", str(path), "--yes").status == 0
        assert len(queue.started) == 2


class TestCallback:
    def test_it_is_called_again(self, cli: Cli, queue: Emulator) -> None:
        queue.update(IDS[0], failureCallbackInfo={"state": "CALLBACK_FAIL"})
        result = cli("callback", "retry", IDS[0], "--yes", "-o", "jsonl")
        assert result.status == 0
        assert result.json["workflow_run_id"] == queue.started[0].workflow_run_id

    def test_it_is_canceled(self, cli: Cli, queue: Emulator) -> None:
        queue.update(IDS[0], failureCallbackInfo={"state": "CALLBACK_INPROGRESS"})
        assert cli("callback", "cancel", IDS[0], "--yes").out == f"canceled the failure callback of {IDS[0]}\n"

    def test_one_that_cannot_be_is_told_and_so_are_those_behind_it(self, cli: Cli, queue: Emulator) -> None:
        queue.update(IDS[0], failureCallbackInfo={"state": "CALLBACK_FAIL"})
        result = cli("callback", "retry", IDS[0], IDS[1], IDS[2], "--yes")
        assert result.status == 3
        assert f"1 of 3 is done; not done: {IDS[1]} {IDS[2]}" in result.err

    def test_it_asks_too(self, cli: Cli, queue: Emulator) -> None:
        assert cli("callback", "retry", IDS[0]).status == 2
        assert queue.requests == []


def test_an_interrupt_says_what_was_done(cli: Cli, queue: Emulator, tmp_path: Path, monkeypatch: Any) -> None:
    from upstash_workflow_dlq.cli import _acting

    def interrupted(printer: Any, batch: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(_acting.Printer, "started", interrupted)
    left = tmp_path / "left.txt"
    result = cli("resume", "--all", "--yes", "--save", str(left))
    assert result.status == 130
    assert result.out == "Resumed 50 of 60 runs.\n"
    assert len(left.read_text().split()) == 10
    sys.stdout.flush()
