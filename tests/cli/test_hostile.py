"""Whatever strangers put into a run, a terminal shows it and acts on none of it, and a spreadsheet runs none of it."""

from __future__ import annotations

import csv
import io
import json
import os
import shutil
import socket
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from command_line import Cli
from conftest import TOKEN
from raw import RawServer, response
from upstash_workflow_dlq.cli._cells import safe, spreadsheet
from upstash_workflow_dlq.cli._session import option_as_typed
from upstash_workflow_dlq.emulator import Emulator, faults

ATTACKS = {
    "clears the screen": "\x1b[2J\x1b[H",
    "sets a title": "\x1b]0;owned\x07",
    "a hyperlink": "\x1b]8;;https://evil.example\x1b\\click\x1b]8;;\x1b\\",
    "C1 controls": "\x9b31m\x90q\x9c",
    "turns the text around": "abc\u202egnp.exe\u2066x\u2069",
    "line breaks": "one\ntwo\r\nthree\rfour\u2028five\x85six",
    "a formula": '=HYPERLINK("https://evil.example")',
    "another formula": "  @SUM(1+1)*cmd|' /C calc'!A0",
    "a wide formula": "\uff1d1+1",
    "half a letter": "\ud83d",
    "rich's markup": "[bold red]x[/] [link=https://evil.example]y[/link] :skull:",
    "a megabyte": "x" * 1_000_000,
    "null": "a\x00b",
    "tabs": "a\tb",
}
FIELDS = ("workflowUrl", "workflowRunId", "url", "method", "callerIP", "flowControlKey", "failureCallback", "label")


def hostile(attack: str) -> dict[str, Any]:
    error = json.dumps({"error": attack, "message": attack, "stack": attack})
    short = attack[:50_000]
    return {
        "dlqId": "1752829295505-0",
        **dict.fromkeys(FIELDS, short),
        "labels": [short, "b"],
        "header": {"X-Name": [short]},
        "responseHeader": {"X-Name": [short]},
        "responseBody": error,
        "body": attack,
        "responseStatus": 500,
        "failureCallbackInfo": {"state": short, "responseBody": short},
        attack[:50]: attack,
    }


@pytest.fixture
def serve(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[dict[str, Any]], None]]:
    """A service with this run. (The emulator has no half letters.)"""
    payloads: list[dict[str, Any]] = []

    def answer(connection: socket.socket, number: int, head: bytes) -> None:
        is_list = b"/dlq?" in head.split(b"\r\n")[0]
        if head.startswith(b"POST"):
            error = json.dumps({"error": payloads[0]["workflowRunId"]}).encode()
            connection.sendall(response(error, status="400 Bad Request"))
            return
        body: Any = {"messages": payloads} if is_list else payloads[0]
        connection.sendall(response(json.dumps(body).encode()))

    with RawServer(answer) as server:
        monkeypatch.setenv("QSTASH_URL", server.url)
        monkeypatch.setenv("QSTASH_TOKEN", TOKEN)
        yield payloads.append


def is_harmless(text: str) -> bool:
    return all(line.isprintable() for line in text.split("\n"))


@pytest.mark.parametrize("attack", ATTACKS.values(), ids=list(ATTACKS))
def test_no_command_lets_it_through(cli: Cli, serve: Callable[..., None], attack: str) -> None:
    payload = hostile(attack)
    serve(payload)
    for command in (
        *("list", "list --fields labels,failure,body_text,headers", "summary", "summary --by label", "check"),
        *("show 1752829295505-0", "list -o ids", "resume --all --dry-run", "delete 1752829295505-0 --dry-run"),
    ):
        result = cli(*command.split())
        assert result.status in (0, 1), result.err
        assert is_harmless(result.out.replace("\t", "")), command
        assert is_harmless(result.err), command
    for command in ("list", "summary", "list --fields dlq_id,labels"):
        for line in cli(*command.split()).lines:
            assert "\r" not in line
    # JSON keeps every byte.
    assert cli("list", "-o", "json").json == [payload]
    assert cli("show", "1752829295505-0", "-o", "json").json == payload


@pytest.mark.parametrize("attack", ATTACKS.values(), ids=list(ATTACKS))
def test_no_redrive_lets_it_through(
    cli: Cli, attack: str, serve: Callable[..., None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    serve(hostile(attack))
    for command, code in (
        ("plan a.redrive --action resume --all --dry-run", 0),
        ("plan a.redrive --action resume --all", 0),
        ("run a.redrive --yes --watch 0s", 3),  # it is answered with the run, which was refused as it was
        ("run a.redrive --yes", 3),
        *(("status a.redrive", 0), ("status a.redrive -o json", 0)),
        *(("results a.redrive", 0), ("results a.redrive -o csv", 0)),
    ):
        result = cli("redrive", *command.split())
        assert result.status == code, result.err
        assert is_harmless(result.out.replace("\t", "")), command
        assert is_harmless(result.err.replace("\t", "")), command
        assert all("\r" not in line for line in (*result.lines, *result.err.splitlines()))
    csv.field_size_limit(5_000_000)
    rows = list(csv.reader(io.StringIO(cli("redrive", "results", "a.redrive", "-o", "csv").out)))
    assert [len(row) for row in rows] == [6, 6]
    assert not any(cell.lstrip().startswith(("=", "+", "@", "\uff1d")) for cell in rows[1])


@pytest.mark.parametrize("attack", ATTACKS.values(), ids=list(ATTACKS))
@pytest.mark.parametrize("form", ["csv", "tsv"])
def test_no_cell_is_a_formula_or_breaks_its_row(cli: Cli, serve: Callable[..., None], attack: str, form: str) -> None:
    serve(hostile(attack))
    out = cli("list", "-o", form, "--fields", "workflow_url,failure,labels,response_status,dlq_id").out
    csv.field_size_limit(5_000_000)
    rows = list(csv.reader(io.StringIO(out))) if form == "csv" else [line.split("\t") for line in out.splitlines()]
    assert [len(row) for row in rows] == [5, 5]
    assert not any(cell.lstrip().startswith(("=", "+", "@", "\uff1d")) for cell in rows[1])
    assert rows[1][3:] == ["500", "1752829295505-0"]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain ünïcode 名前", "plain ünïcode 名前"),
        ("\x1b[31m", r"\x1b[31m"),
        ("a\nb\tc", r"a\nb\tc"),
        ("\u202e\u200b", r"\u202e\u200b"),
        ("\ud83d", r"\ud83d"),
        ("\xa0", r"\xa0"),
    ],
)
def test_what_cannot_be_seen_is_written_out(text: str, shown: str) -> None:
    assert safe(text) == shown


@pytest.mark.parametrize("text", ["=1", "+1", "-1", "@a", " =1", "\uff1d1"])
def test_a_formula_is_text_in_a_spreadsheet(text: str) -> None:
    assert spreadsheet(text).startswith("'")


@pytest.mark.parametrize(
    "value", ["plain", "a b", "bill'ing", "a\\b\u200b'", "\n\x1b[2J", "\u202ecod\xa0", "\udcff1", "-\t9"]
)
@pytest.mark.parametrize("shell", ["bash", "zsh"])
def test_a_value_that_is_to_be_typed_again_is_the_same_in_a_shell_and_can_be_seen(value: str, shell: str) -> None:
    program = shutil.which(shell)
    if program is None:
        pytest.skip(f"there is no {shell}")
    shown = option_as_typed("--label", value)
    assert shown.isprintable()
    typed = shown.replace("--label=", "--label ")
    script = f"printf %s\\\\0 {typed}"
    given = subprocess.run([program, "-c", script], capture_output=True, check=True).stdout  # noqa: S603
    assert given == b"--label\0" + os.fsencode(value) + b"\0"


def test_ids_that_remain_are_in_a_file_that_can_be_named_again(
    cli: Cli, queue: Emulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    queue.fail(faults.status(500), times=100, method="POST", after=1)
    said = cli("resume", "--all", "--yes", "--save", "a\u200b.txt").err
    assert r"go on with --from $'a\xe2\x80\x8b.txt'" in said
    said = cli("redrive", "plan", "a\x1b.redrive", "--action", "resume", "--all").err
    assert r"To begin: upstash-dlq redrive run $'a\x1b.redrive'" in said
