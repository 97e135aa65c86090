"""One run is no "1 runs", wherever it is counted."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from command_line import Cli
from terminal import Terminal
from upstash_workflow_dlq.emulator import Emulator, failed_runs, faults

PLURAL = re.compile(
    r"\b1 (\S+ )?(runs|groups|fields|bytes|characters)\b|\b1 (are|were|have|remain)\b|\b1 more that are\b"
)
FAST = ("--yes", "--rate", "1000", "--watch", "0s")


@pytest.fixture
def one(empty_queue: Emulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Emulator:
    monkeypatch.chdir(tmp_path)
    empty_queue.add(failed_runs(1)[0])
    return empty_queue


def said(cli: Cli, typed: str) -> str:
    result = cli(*typed.split())
    text = result.out + result.err
    assert "1" in text
    assert not PLURAL.search(text)
    return text


@pytest.mark.parametrize(
    "typed",
    [
        "check",
        "check --max 0",
        "resume --all --dry-run",
        "resume --all --yes",
        "delete --all --yes --archive a.db",
        "archive sync a.db",
        "redrive plan a.redrive --action resume --all",
        "report -o a.html",
    ],
)
def test_commands(cli: Cli, one: Emulator, typed: str) -> None:
    said(cli, typed)


def test_more_than_one_is_allowed(cli: Cli, one: Emulator) -> None:
    one.add({"dlqId": "1890000000000-0"})
    assert "and 1 is allowed" in said(cli, "check --max 1")


def test_fields_and_ids(cli: Cli, one: Emulator) -> None:
    one.fail(
        faults.status(200, '{"messages": [{"workflowUrl": "https://a.example/1", "responseStatus": "x"}]}'), times=9
    )
    assert "1 field is of a wrong type" in said(cli, "list --fields response_status")
    assert "1 run without a dlq_id is left out" in said(cli, "list -o ids")


def test_one_remains(cli: Cli, one: Emulator) -> None:
    for run in failed_runs(51)[1:]:
        one.add(run)
    one.fail(faults.status(500), times=100, method="POST", after=1)
    assert "1 run remains; its id is in left.txt" in said(cli, "resume --all --yes --save left.txt")


class TestRedrive:
    def test_one_that_is_refused(self, cli: Cli, one: Emulator) -> None:
        said(cli, "redrive plan a.redrive --action resume --all")
        one.fail(faults.status(400), times=9, method="POST")
        assert "of the 1 run of wave 1, 1 was refused" in said(cli, " ".join(["redrive run a.redrive", *FAST]))

    def test_one_that_fails_again(self, cli: Cli, one: Emulator) -> None:
        one.settings.refail, one.settings.refail_after = 1.0, 0.1
        said(cli, "redrive plan a.redrive --action resume --all")
        typed = "redrive run a.redrive --yes --watch 2s"
        assert "of the 1 run of wave 1, 1 failed again" in said(cli, typed)

    def test_one_that_is_gone(self, cli: Cli, one: Emulator) -> None:
        for run in failed_runs(3)[1:]:
            one.add(run)
        said(cli, "redrive plan a.redrive --action delete --all")
        assert cli("delete", failed_runs(3)[2]["dlqId"], "--yes").status == 0
        typed = " ".join(["redrive run a.redrive --canary 1", *FAST])
        assert "the only run of wave 1 was gone from the queue already" in said(cli, typed)


def test_on_a_terminal(one: Emulator) -> None:
    one.add({"dlqId": "1890000000000-0"})
    with Terminal("list", "--limit", "1") as terminal:
        assert terminal.ended() == 0
        assert "1 run is shown, and there are more" in terminal.screen
    with Terminal("watch", "--run-id", failed_runs(1)[0]["workflowRunId"]) as terminal:
        terminal.wait_for("1 failed run is there already.")
        terminal.interrupt()
        terminal.ended()
