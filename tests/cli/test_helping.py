"""Help, its examples, completion, and the doctor."""

from __future__ import annotations

import re
import shlex
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from email.utils import formatdate
from pathlib import Path

import click
import pytest
from command_line import Cli
from conftest import TOKEN
from raw import RawServer, response
from upstash_workflow_dlq import FailedRun
from upstash_workflow_dlq.archive import Archive
from upstash_workflow_dlq.cli._app import app
from upstash_workflow_dlq.cli._options import Once
from upstash_workflow_dlq.cli.commands.completion import SHELLS, script
from upstash_workflow_dlq.cli.commands.doctor import _region as region_of
from upstash_workflow_dlq.emulator import Emulator, failed_runs, faults

CONTEXT = click.Context(app)
NAMES = app.list_commands(CONTEXT)
IDS = [run["dlqId"] for run in failed_runs(60)]


def command_of(typed: str) -> click.Command:
    """One that may have words in it, as `redrive plan`."""
    found: click.Command = app
    for word in typed.split():
        assert isinstance(found, click.Group)
        below = found.get_command(CONTEXT, word)
        assert below is not None
        found = below
    return found


def all_commands() -> Iterator[str]:
    for name in NAMES:
        yield name
        command = command_of(name)
        if isinstance(command, click.Group):
            yield from (f"{name} {below}" for below in command.list_commands(CONTEXT))


def examples(name: str) -> list[str]:
    command = command_of(name)
    return [line.strip() for line in (command.epilog or "").splitlines() if line.strip()]


def test_every_command_of_the_design_is_there() -> None:
    assert [
        *("list", "show", "count", "summary", "watch", "check", "doctor", "resume", "restart", "delete"),
        *("redrive", "archive", "callback", "completion", "emulator", "report"),
    ] == NAMES
    assert {name for name in all_commands() if " " in name} == {
        *("redrive plan", "redrive run", "redrive status", "redrive results", "redrive rate"),
        *("archive sync", "archive stats", "archive list", "archive show", "archive summary", "archive export"),
    }


@pytest.mark.parametrize("name", [name for name in all_commands() if name != "emulator"])
def test_each_command_has_help_with_examples(cli: Cli, name: str) -> None:
    result = cli(*name.split(), "--help")
    assert (result.status, result.err) == (0, "")
    assert "Examples:" in result.out
    assert len(examples(name)) >= 2
    assert all(example in result.out for example in examples(name))
    assert max(map(len, result.lines)) <= 110
    assert not re.search(r"x>|as the next|Show it\.", result.out)
    for option in command_of(name).params:
        if isinstance(option, click.Option) and option.multiple and not isinstance(option, Once):
            assert option.help, option.name
            assert "Repeatable." in option.help, option.name


EXAMPLES = [example for name in ("", *all_commands()) for example in examples(name) if " watch " not in example]


@pytest.mark.parametrize("example", EXAMPLES)
def test_an_example_works_as_it_is_written(
    cli: Cli, queue: Emulator, example: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "left.txt").write_text(f"{IDS[0]}\n{IDS[1]}\n")
    profile = f'[[profile]]\nname = "a"\nurl = "{queue.url}"\ntoken_env = "QSTASH_TOKEN"\n'
    (tmp_path / "queues.toml").write_text(profile)
    with Archive("failed.db") as archive:
        list(archive.keep([FailedRun({"dlqId": "1752829295505-0"})], origin="a"))
    queue.update(
        IDS[0], failureCallbackInfo={"state": "CALLBACK_INPROGRESS" if "cancel" in example else "CALLBACK_FAIL"}
    )
    command = re.sub(r" > .*", "", example)
    if command.startswith("eval"):
        command = re.findall(r"\$\((.*)\)", command)[0]
    program, *arguments = shlex.split(command)
    assert program == "upstash-dlq"
    if arguments[0] == "redrive" and arguments[1] != "plan":
        assert cli("redrive", "plan", arguments[2], "--action", "resume", *IDS[:5]).status == 0
    asks = ("resume", "restart", "delete", "callback", "redrive run")
    if "--dry-run" not in arguments and " ".join(arguments).startswith(asks) and "--yes" not in arguments:
        arguments.append("--yes")
    if arguments[:2] == ["redrive", "run"]:
        arguments += ["--watch", "0s"]
    result = cli(*arguments)
    if "us-east-1" in example:
        assert result.status == 4  # its token is not here
    else:
        assert result.status in (0, 1 if arguments[0] == "check" else 0), result.err


def test_help_is_as_wide_as_a_person_reads(cli: Cli) -> None:
    result = cli("--help")
    assert result.status == 0
    assert all(f"\n  {name} " in result.out for name in NAMES)
    without = cli()
    assert (without.status, without.out) == (2, "")
    assert "Commands:" in without.err


def test_the_version(cli: Cli) -> None:
    from upstash_workflow_dlq import __version__

    assert cli("--version").out == f"upstash-dlq {__version__}\n"


class TestCompletion:
    @pytest.mark.parametrize("shell", SHELLS)
    def test_what_is_shipped_is_what_the_command_prints(self, cli: Cli, shell: str) -> None:
        shipped = {"bash": "upstash-dlq", "zsh": "_upstash-dlq", "fish": "upstash-dlq.fish"}[shell]
        path = Path(__file__).parents[2] / "completions" / shipped
        assert cli("completion", shell).out == path.read_text("utf-8") == f"{script(shell)}\n"

    @pytest.mark.parametrize(
        ("typed", "offered"),
        [
            ("upstash-dlq su", {"summary"}),
            ("upstash-dlq summary --b", {"--by"}),
            ("upstash-dlq summary --by wo", {"workflow"}),
            ("upstash-dlq list -o js", {"json", "jsonl"}),
            ("upstash-dlq redrive r", {"run", "results", "rate"}),
            ("upstash-dlq redrive run a.redrive --ma", {"--max-failures"}),
            ("upstash-dlq redrive plan a.redrive --action re", {"resume", "restart"}),
        ],
    )
    def test_bash_completes_commands_options_and_values(self, typed: str, offered: set[str], tmp_path: Path) -> None:
        if shutil.which("bash") is None:
            pytest.skip("bash is not here")
        program = tmp_path / "upstash-dlq"
        program.write_text(f'#!/bin/sh\nexec {sys.executable} -m upstash_workflow_dlq "$@"\n')
        program.chmod(0o755)
        words = typed.split()
        driver = "\n".join(
            [
                script("bash"),
                f"COMP_WORDS=({typed}); COMP_CWORD={len(words) - 1}",
                f"_upstash_dlq_completion {program}",
                'printf "%s\\n" "${COMPREPLY[@]}"',
            ]
        )
        done = subprocess.run(["bash", "-c", driver], capture_output=True, text=True, check=True)  # noqa: S603, S607
        assert set(done.stdout.split()) == offered


class TestDoctor:
    def test_all_is_well(self, cli: Cli, queue: Emulator) -> None:
        found = cli("doctor", "-o", "json")
        assert found.status == 0
        assert found.json["token_accepted"] is found.json["reachable"] is True
        assert found.json["failed_runs"] == 60
        assert found.json["variables"]["QSTASH_URL"] == queue.url
        assert queue.token not in found.out
        assert "token accepted        yes" in cli("doctor").out

    def test_a_wrong_token(self, cli: Cli, queue: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("QSTASH_TOKEN", "wrong-token")
        result = cli("doctor")
        assert result.status == 4
        assert "Each region has its own token" in result.err
        assert "wrong-token" not in result.out + result.err

    def test_no_token(self, cli: Cli, queue: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv("QSTASH_TOKEN")
        result = cli("doctor")
        assert result.status == 4
        assert "https://console.upstash.com" in result.err

    def test_nobody_there(self, cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("QSTASH_TOKEN", "t0ken")
        result = cli("doctor", "--url", "http://127.0.0.1:1")
        assert result.status == 1
        assert "Check the network, the proxy variables and the URL" in result.err

    @pytest.mark.parametrize(
        ("url", "region"),
        [
            ("https://qstash.upstash.io", "eu-central-1"),
            ("https://qstash-eu-central-1.upstash.io/v2", "eu-central-1"),
            ("https://QSTASH-us-east-1.upstash.io.", "us-east-1"),
            ("http://127.0.0.1:8080", "unknown"),
        ],
    )
    def test_the_region_is_that_of_the_host(self, url: str, region: str) -> None:
        assert region_of(url) == region

    def test_without_a_date_the_clock_is_unknown(self, cli: Cli, queue: Emulator) -> None:
        found = cli("doctor").out
        assert "region                unknown\n" in found
        assert "clock skew, seconds   unknown\n" in found
        assert cli("doctor", "-o", "json").json["clock_skew_seconds"] is None

    @pytest.mark.parametrize(("ahead", "code"), [(0, 0), (3600, 1)])
    def test_a_clock_that_is_off(self, cli: Cli, monkeypatch: pytest.MonkeyPatch, ahead: int, code: int) -> None:
        def answer(connection: socket.socket, number: int, head: bytes) -> None:
            date = formatdate(time.time() - ahead, usegmt=True)
            connection.sendall(response(b'{"messages": []}', f"Date: {date}"))

        with RawServer(answer) as server:
            monkeypatch.setenv("QSTASH_URL", server.url)
            monkeypatch.setenv("QSTASH_TOKEN", TOKEN)
            result = cli("doctor", "-o", "json")
        assert result.status == code
        assert ahead <= result.json["clock_skew_seconds"] <= ahead + 2
        assert ("ahead" in result.err) is bool(ahead)

    def test_what_is_not_the_tokens_fault_gets_no_advice_about_tokens(self, cli: Cli, queue: Emulator) -> None:
        result = cli("doctor", "--region", "mars")
        assert result.status == 4
        assert "--region must be" in result.err
        assert "Copy the token" not in result.err

    def test_a_service_that_fails(self, cli: Cli, queue: Emulator) -> None:
        queue.fail(faults.html(400), times=5)
        assert cli("doctor").status == 1
