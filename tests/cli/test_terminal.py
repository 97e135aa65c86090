"""What a person sees and types, at a real pseudo-terminal."""

from __future__ import annotations

import re
import shlex
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from command_line import Cli
from terminal import Terminal, seen
from upstash_workflow_dlq.emulator import Emulator, failed_runs, faults

RECORDED = "1752829295505-0"
IDS = [run["dlqId"] for run in failed_runs(60)]


@pytest.mark.parametrize(
    ("name", "typed"),
    [
        ("list", ["list", "--limit", "12"]),
        ("list-fields", ["list", "--limit", "5", "--fields", "dlq_id,response_status,labels"]),
        ("show", ["show", RECORDED]),
        ("summary", ["summary"]),
        ("summary-by-day", ["summary", "--by", "day"]),
        ("check", ["check", "--max", "10"]),
        ("dry-run", ["resume", "--label", "billing", "--dry-run"]),
    ],
)
def test_a_screen(queue: Emulator, name: str, typed: list[str]) -> None:
    with Terminal(*typed, columns=120, lines=60) as terminal:
        assert terminal.ended() == (1 if name == "check" else 0)
        seen(name, terminal.screen)


def test_a_narrow_terminal_cuts_cells_and_never_the_id(queue: Emulator) -> None:
    with Terminal("list", "--limit", "8", columns=60) as terminal:
        terminal.ended()
        seen("list-narrow", terminal.screen)
        assert all(IDS[number] in terminal.screen for number in range(8))


def test_a_table_stops_at_a_screenful_and_says_so(queue: Emulator) -> None:
    with Terminal("list", lines=80) as terminal:
        assert terminal.ended() == 0
        assert "50 runs are shown, and there are more: --limit all, or -o jsonl" in terminal.screen
        assert IDS[49] in terminal.screen
        assert IDS[50] not in terminal.screen
    with Terminal("list", "--limit", "all", lines=80) as terminal:
        terminal.ended()
        assert IDS[59] in terminal.screen
        assert "there are more" not in terminal.screen


def test_an_empty_queue_is_said(empty_queue: Emulator) -> None:
    with Terminal("list") as terminal:
        assert terminal.ended() == 0
        assert terminal.screen == "The queue is empty."
    with Terminal("list", "--label", "a") as terminal:
        terminal.ended()
        assert terminal.screen == "No failed runs match."


@pytest.mark.parametrize(
    ("typed", "env"),
    [
        (["list"], {"NO_COLOR": "1"}),
        (["list"], {"TERM": "dumb"}),
        (["--no-color", "list"], {}),
        (["list", "--no-color"], {}),
        (["show", RECORDED], {"NO_COLOR": "1"}),
        (["show", "--no-color", RECORDED], {}),
    ],
)
def test_colours_can_be_switched_off(queue: Emulator, typed: list[str], env: dict[str, str]) -> None:
    coloured = re.compile(rb"\x1b\[[0-9;]*3[0-9][0-9;]*m")
    with Terminal(*typed, env=env) as terminal:
        terminal.ended()
        assert not coloured.search(terminal.said)


@pytest.mark.parametrize("encoding", ["ascii", "cp1252"])
def test_what_an_encoding_lacks_keeps_the_columns(empty_queue: Emulator, encoding: str) -> None:
    for number, path in enumerate(("名前" * 30, "plain", "é" * 40, "\U0001f4ec" * 9)):
        empty_queue.add(
            {"dlqId": f"175282929550{number}-0", "workflowUrl": f"https://a.example/{path}", "labels": [path]}
        )
    with Terminal("list", columns=100, env={"PYTHONIOENCODING": encoding, "PYTHONUTF8": "0"}) as terminal:
        assert terminal.ended() == 0
        heading, *rows = terminal.screen.splitlines()
        assert len(rows) == 4
        assert {row.index("17528292955") for row in rows} == {heading.index("dlq_id")}


def test_a_token_that_is_typed_is_not_shown(queue: Emulator) -> None:
    with Terminal("count", "--token-file", "-") as terminal:
        terminal.wait_for("Token (not shown):")
        terminal.enter(f"{queue.token}\n")
        assert terminal.ended() == 0
        assert "60" in terminal.screen
        assert queue.token.encode() not in terminal.said


def test_a_run_with_an_id_of_a_wrong_type_is_shown(queue: Emulator) -> None:
    broken = '{"messages": [{"dlqId": 5, "workflowUrl": "https://a.example/broken", "responseStatus": 500}]}'
    queue.fail(faults.status(200, broken), times=9)
    for name in ("list", "summary"):
        with Terminal(name, "--limit", "all", lines=90) as terminal:
            assert terminal.ended() == 0
            assert "/broken" in terminal.screen


def test_options_are_named_with_the_command_that_has_them(queue: Emulator) -> None:
    elsewhere = "upstash-dlq summary --limit all", "--retention of upstash-dlq summary"
    for typed, (limit, retention) in (
        (["summary", "--limit", "2"], ("--limit all", "--retention")),
        (["check"], elsewhere),
        (["resume", "--all", "--dry-run"], elsewhere),
    ):
        with Terminal(*typed, columns=120, lines=60) as terminal:
            terminal.ended()
            assert f"more groups: {limit}\n" in terminal.screen
            assert f"may expire within a day (see {retention})\n" in f"{terminal.screen}\n"


@pytest.mark.parametrize(
    "typed",
    [
        ["check"],
        ["resume", "--dry-run"],
        ["delete"],
        ["redrive", "plan", "a.redrive", "--action", "delete", "--dry-run"],
    ],
    ids=lambda typed: typed[0],
)
def test_the_command_that_a_hint_names_shows_the_same_runs(
    cli: Cli, queue: Emulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, typed: list[str]
) -> None:
    """With the filters and the queue as they were typed, for a shell to take apart."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("QSTASH_URL")
    with Emulator(runs=0) as emulator:
        for number, run in enumerate(failed_runs(60)):
            emulator.add({**run, "labels": ["other" if number % 2 else "bill'ing two"]})
        options = ["--url", emulator.url, "--contains", "e", "--label", "bill'ing two", "--label=-x", "--since", "500w"]
        with Terminal(*typed, *options, columns=100, lines=60) as terminal:
            said = terminal.wait_for("may expire within a day")
        [count] = re.findall(r"(\d+) failed runs in", said)
        # A terminal wraps it where it likes.
        [command] = re.findall(
            "more groups: (upstash-dlq summary .* --limit all)", "".join(line.ljust(100) for line in said.splitlines())
        )
        result = cli(*shlex.split(command)[1:], "-o", "json")
        assert (result.json["total"], result.status) == (int(count), 0)
        assert 0 < int(count) < 30


@pytest.mark.parametrize(
    "typed", [["resume", *IDS[:40], "--dry-run"], ["delete", *IDS[:40]]], ids=lambda typed: typed[0]
)
def test_no_command_is_named_where_none_shows_the_same_runs(queue: Emulator, typed: list[str]) -> None:
    with Terminal(*typed, columns=120, lines=60) as terminal:
        said = terminal.wait_for("may expire within a day")
        assert re.search(r"^and \d+ more groups$", said, re.MULTILINE)


class TestQuestions:
    def test_yes_resumes_what_was_shown(self, queue: Emulator) -> None:
        with Terminal("resume", "--label", "billing", columns=120) as terminal:
            seen("question", terminal.wait_for("[y/N]").replace(queue.url, "http://127.0.0.1:8080"))
            assert not any(request.method == "POST" for request in queue.requests)
            # Who comes meanwhile was not confirmed.
            queue.add({"dlqId": "1752829999999-0", "labels": ["billing"]})
            terminal.enter("y\n")
            assert terminal.ended() == 0
        assert queue.started
        assert "1752829999999-0" in {run["dlqId"] for run in queue.runs}

    @pytest.mark.parametrize("answer", ["n\n", "\n", "no\n"])
    def test_anything_else_sends_nothing(self, queue: Emulator, answer: str) -> None:
        with Terminal("resume", "--label", "billing") as terminal:
            terminal.wait_for("[y/N]")
            terminal.enter(answer)
            assert terminal.ended() == 1
            assert "Nothing was sent." in terminal.screen
        assert queue.started == []

    def test_the_end_of_input_sends_nothing(self, queue: Emulator) -> None:
        with Terminal("resume", "--label", "billing") as terminal:
            terminal.wait_for("[y/N]")
            terminal.enter("\x04")
            assert terminal.ended() == 130
            assert terminal.screen.endswith("Nothing was sent.")
        assert queue.started == []

    def test_deleting_several_takes_the_count(self, queue: Emulator) -> None:
        for answer, code, left in (("y\n", 1, 60), ("59\n", 1, 60), ("60\n", 0, 0)):
            with Terminal("delete", "--all") as terminal:
                terminal.wait_for("type 60")
                terminal.enter(answer)
                assert terminal.ended() == code
            assert len(queue.runs) == left

    def test_deleting_one_takes_a_yes(self, queue: Emulator) -> None:
        with Terminal("delete", RECORDED) as terminal:
            terminal.wait_for(f"Delete 1 run in the queue at {queue.url}? [y/N]")
            terminal.enter("y\n")
            assert terminal.ended() == 0
        assert len(queue.runs) == 59

    @pytest.mark.parametrize("was_there", [True, False])
    @pytest.mark.parametrize("what", ["removed", "moved", "replaced", "emptied"])
    def test_an_archive_that_goes_while_it_asks_deletes_nothing(
        self, cli: Cli, queue: Emulator, tmp_path: Path, what: str, was_there: bool
    ) -> None:
        path, aside = tmp_path / "a.db", tmp_path / "aside.db"
        if was_there:
            assert cli("archive", "sync", str(path)).status == 0
        with Terminal("delete", "--all", "--archive", str(path), columns=200) as terminal:
            terminal.wait_for("type 60")
            if what == "emptied":
                with closing(sqlite3.connect(path)) as other:
                    other.executescript("DELETE FROM runs WHERE rowid > 50")
            else:
                path.rename(aside)
            if what == "removed":
                aside.unlink()
            elif what == "replaced":
                with closing(sqlite3.connect(aside)) as old, closing(sqlite3.connect(path)) as new:
                    old.backup(new)
            terminal.enter("60\n")
            assert terminal.ended() == 1
        if what == "emptied":
            assert f"{path} has no copy of 10 runs any more; nothing was deleted" in terminal.screen
        else:
            assert f"{path} was moved, deleted or replaced" in terminal.screen
            assert "; nothing was deleted" in terminal.screen
        assert len(queue.runs) == 60
        assert path.exists() == (what in ("replaced", "emptied"))

    def test_ctrl_c_at_the_question_sends_nothing(self, queue: Emulator) -> None:
        with Terminal("delete", "--all") as terminal:
            terminal.wait_for("type 60")
            terminal.interrupt()
            assert terminal.ended() == 130
        assert len(queue.runs) == 60


def test_ctrl_c_says_what_was_done(queue: Emulator) -> None:
    queue.fail(faults.slow(10), method="POST", after=1)
    with Terminal("resume", "--all", "--yes") as terminal:
        terminal.wait_for("50/60")
        terminal.interrupt()
        assert terminal.ended() == 130
        assert "Resumed 50 of 60 runs." in terminal.screen
        assert "10 runs remain" in terminal.screen
    assert len(queue.started) <= 60


def test_a_terminal_that_is_closed_loses_nothing_of_what_remains(queue: Emulator, tmp_path: Path) -> None:
    left = tmp_path / "left.txt"
    queue.fail(faults.slow(10), method="POST", after=1)
    with Terminal("resume", "--all", "--yes", "--save", str(left)) as terminal:
        terminal.wait_for("50/60")
        terminal.close()
        assert terminal.process.wait(20) == 130
    assert len(left.read_text().split()) == 10


def test_data_goes_into_a_file_while_the_terminal_shows_a_bar(queue: Emulator, tmp_path: Path) -> None:
    path = tmp_path / "started.txt"
    with path.open("wb") as file, Terminal("resume", "--all", "--yes", "-o", "ids", stdout=file) as terminal:
        assert terminal.ended() == 0
        assert "wfr_" not in terminal.said.decode()
    assert sorted(path.read_text().split()) == sorted(run.workflow_run_id for run in queue.started)


def test_a_resized_terminal_is_used_as_it_is(queue: Emulator) -> None:
    with Terminal("resume", "--label", "billing", columns=120) as terminal:
        terminal.wait_for("[y/N]")
        terminal.resize(60)
        terminal.enter("y\n")
        assert terminal.ended() == 0
        assert "Resumed" in terminal.screen


def test_watch_shows_each_new_failure_once_until_ctrl_c(queue: Emulator) -> None:
    with Terminal("watch", "--interval", "1s", columns=140) as terminal:
        terminal.wait_for("Watching; 60 failed runs are there already.")
        queue.add({"dlqId": "1752829300000-0", "workflowUrl": "https://a.example/new", "responseStatus": 500})
        terminal.wait_for("https://a.example/new")
        queue.fail(faults.html(400), times=1)
        terminal.wait_for("cannot look")
        queue.add({"dlqId": "1752829300001-0", "workflowUrl": "https://a.example/newer", "responseStatus": 500})
        terminal.wait_for("https://a.example/newer")
        terminal.interrupt()
        assert terminal.ended() == 130
        assert terminal.screen.count("1752829300000-0") == 1
