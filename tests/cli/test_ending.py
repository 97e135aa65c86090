"""How a command ends: exit codes, one line for an error, and nothing of the token."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from command_line import Cli
from upstash_workflow_dlq.cli._exits import as_typed
from upstash_workflow_dlq.emulator import Emulator, faults


def run(*arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
    """As a shell does."""
    command = [sys.executable, "-m", "upstash_workflow_dlq", *arguments]
    return subprocess.run(command, encoding="latin-1", capture_output=True, check=False, timeout=30, **options)  # noqa: S603


@pytest.mark.parametrize(
    ("typed", "complaint"),
    [
        (["lsit"], "there is no command 'lsit'; did you mean list?"),
        (["zzz"], "there is no command 'zzz'; there are list, show, "),
        (["list", "--lable", "a"], "--lable"),
        (["list", "--limit", "many"], "'many' is no whole number"),
        (["list", "--fields", "dlqid"], "there is no field 'dlqid'; did you mean dlq_id?"),
        (["list", "-o", "xml"], "'xml' is not one of"),
        (["list", "--since", "yesterday"], "--since 'yesterday' is not an ISO 8601 time"),
        (["list", "--since", "2026-11-22T03:00:00"], "has no time zone"),
        (["list", "--since", "1752829295"], "looks like Unix seconds"),
        (["list", "--since", "1h", "--until", "2h"], "--since is after --until"),
        (["list", "--label", "a,b"], "has a comma"),
        (["list", "--since", "2026-11-22T03:00:00"], "add an offset"),
        (["list", "--since", "15M"], "ages look like 15m"),
        (["list", "--since=-5m"], "ages look like 15m"),
        (["list", "--since", "999999999w"], "more than 10,000 days"),
        (["list", "--since", "9" * 5000], "is not an ISO 8601 time"),
        (["list", "--retention", "10001d"], "more than 10,000 days"),
        (["summary", "--retention", "9999999999s"], "more than 10,000 days"),
        (["watch", "--interval", "999999999w"], "more than 10,000 days"),
        (["watch", "--interval", "0s"], "is no length of time"),
        (["list", "--created-at", "15m"], "an age matches nothing"),
        (["count", "--created-at", "2026-11-22"], "--created-at"),
        (["list", "--limit", "1_000"], "is no whole number"),
        (["list", "--limit", "\u0661\u0660"], "is no whole number"),
        (["list", "--status", "5_02"], "is no whole number"),
        (["check", "--max", "\u0661"], "is no whole number"),
        (["check", "--max", "9" * 5000], "is no whole number"),
        (["count", "--timeout", "nan"], "is no number of seconds"),
        (["count", "--timeout", "inf"], "is no number of seconds"),
        (["count", "--timeout", "1" * 400], "is no number of seconds"),
        (["delete", "--contains", "a", "--contains", "b"], "--contains is given twice"),
        (["delete", "--since", "1h", "--since", "2h"], "--since is given twice"),
        (["delete", "--until", "1h", "--until", "2h"], "--until is given twice"),
        (["resume", "--run-id", "a", "--run-id", "b"], "--run-id is given twice"),
        (["list", "--created-at", "1752829293531", "--created-at", "1752829293531"], "--created-at is given twice"),
        (["summary", "--by", "colour"], "'colour' is not one of"),
        (["show"], "Missing argument"),
        (["check", "--max", "-1"], "-1"),
        (["--timeout", "0", "count"], "--timeout"),
        (["completion", "tcsh"], "'tcsh' is not one of"),
    ],
)
def test_bad_input_is_two_and_one_line(cli: Cli, queue: Emulator, typed: list[str], complaint: str) -> None:
    result = cli(*typed)
    assert (result.status, result.out) == (2, "")
    assert complaint in result.error
    assert result.error.startswith("upstash-dlq: ")
    assert queue.requests == []


@pytest.mark.parametrize(
    ("typed", "said", "has_hint"),
    [
        (["--region", "mars"], '--region must be "us-east-1" or "eu-central-1"', False),
        (["--url", "ftp://a.example"], "the URL (--url or QSTASH_URL) must be http(s)://host", True),
        (["--url", "http://a.example"], "would send the token in clear: use https", True),
    ],
)
def test_messages_of_the_client_name_what_is_typed(
    cli: Cli, queue: Emulator, typed: list[str], said: str, has_hint: bool
) -> None:
    result = cli("count", *typed)
    assert result.status == 4
    assert said in result.error
    assert "allow_insecure" not in result.error
    assert ("(upstash-dlq doctor looks into it)" in result.error) is has_hint


@pytest.mark.parametrize(
    ("message", "typed"),
    [
        ("from_date is after to_date", "--since is after --until"),
        ("label 'from_date' has a comma", "label 'from_date' has a comma"),
        ("no token: pass DLQClient(token=...) or set it", "no token: pass --token-file PATH or set it"),
        ("from_dates", "from_dates"),
    ],
)
def test_words_of_python_become_options_but_not_what_is_quoted(message: str, typed: str) -> None:
    assert as_typed(message) == typed


def test_choices_are_listed_in_one_line(cli: Cli) -> None:
    assert "Choose from: bash, zsh, fish; see" in cli("completion").error


def test_without_a_token_it_is_four(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("QSTASH_TOKEN", raising=False)
    result = cli("count")
    assert result.status == 4
    assert "QSTASH_TOKEN" in result.error


def test_a_wrong_token_is_four(cli: Cli, queue: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QSTASH_TOKEN", "wrong-token-of-somebody")
    for typed in (["count"], ["list"], ["show", "1-0"], ["delete", "--all", "--yes"]):
        result = cli(*typed)
        assert result.status == 4
        assert "wrong-token" not in result.error


def test_a_token_comes_from_a_file_or_from_stdin(
    cli: Cli, queue: Emulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("QSTASH_TOKEN")
    path = tmp_path / "token"
    path.write_text(f"{queue.token}\n")
    assert cli("--token-file", str(path), "count").out == "60\n"
    assert cli("count", "--token-file", str(path)).out == "60\n"
    assert cli("count", "--token-file", "-", stdin=f"{queue.token}\n").out == "60\n"
    path.write_text(" \n")
    for name in (str(path), str(tmp_path / "none")):
        result = cli("count", "--token-file", name)
        assert result.status == 4
        assert name in result.error


def test_there_is_no_option_that_would_show_the_token(cli: Cli, queue: Emulator) -> None:
    assert cli("--token", queue.token, "count").status == 2


def test_a_failure_of_the_service_is_one(cli: Cli, queue: Emulator) -> None:
    queue.fail(faults.html(400), times=20)
    for typed in (["list"], ["count"], ["summary"], ["check"]):
        result = cli(*typed)
        assert result.status == 1
        assert "HTTP 400" in result.error


def test_a_traceback_shows_only_where_it_is_asked_for_and_never_the_token(cli: Cli, queue: Emulator) -> None:
    queue.fail(faults.status(400), times=20)
    assert "Traceback" not in cli("count").err
    for typed in (["--debug", "count"], ["count", "--debug"]):
        result = cli(*typed)
        assert "Traceback" in result.err
        assert queue.token not in result.err


def test_the_last_of_two_places_wins(cli: Cli, queue: Emulator) -> None:
    assert cli("--url", "http://127.0.0.1:1", "count", "--url", queue.url).out == "60\n"


@pytest.mark.parametrize("missing", ["click", "rich"])
def test_without_its_extra_it_says_what_to_install(missing: str) -> None:
    """Also with half of it: the extra `emulator` brings click."""
    code = f"import sys; sys.modules[{missing!r}] = None; from upstash_workflow_dlq.cli import main; sys.exit(main())"
    command = [sys.executable, "-c", code, "archive", "sync", "failed.db"]
    result = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    assert (result.returncode, result.stdout) == (4, "")
    assert result.stderr == 'upstash-dlq needs an extra: python -m pip install "upstash-workflow-dlq[cli]"\n'


def test_a_pipe_that_is_closed_ends_it_quietly(queue: Emulator) -> None:
    for form in ("table", "json", "jsonl", "csv", "ids"):
        command = f"{sys.executable} -m upstash_workflow_dlq list -o {form} | head -n 1; exit ${{PIPESTATUS[0]}}"
        result = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)  # noqa: S603, S607
        assert (result.returncode, result.stderr) == (0, "")
        assert len(result.stdout.splitlines()) == 1


@pytest.mark.parametrize(
    "env",
    [
        {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
        {"PYTHONIOENCODING": "cp1252"},
        {"PYTHONIOENCODING": "ascii"},
    ],
)
def test_a_narrow_encoding_is_no_traceback_and_json_stays_whole(empty_queue: Emulator, env: dict[str, str]) -> None:
    name = "名前 \u20ac \U0001f600 é"
    empty_queue.add({"dlqId": "1752829295505-0", "labels": [name], "workflowUrl": "https://a.example/ü"})
    import json

    listed = run("list", "-o", "jsonl", env={**os.environ, **env})
    assert json.loads(listed.stdout)["labels"] == [name]
    for command in ("list", "summary", "show 1752829295505-0", "check", "doctor"):
        result = run(*command.split(), env={**os.environ, **env})
        assert result.returncode in (0, 1)
        assert "Traceback" not in result.stderr


@pytest.mark.parametrize(
    ("typed", "code"),
    [("list", 0), ("list -o json", 0), ("summary", 0), ("check", 1), ("show 1-0", 1), ("count --limit", 2)],
)
@pytest.mark.parametrize("closed", [">&-", "2>&-", ">&- 2>&-", ">&- 2>&- <&-"])
def test_a_closed_stream_changes_no_exit_code(queue: Emulator, typed: str, code: int, closed: str) -> None:
    command = f"{sys.executable} -m upstash_workflow_dlq {typed} {closed}"
    result = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)  # noqa: S603, S607
    assert result.returncode == code
    assert "Traceback" not in result.stderr
    if "2>&-" in closed and ">&- 2" not in closed:
        assert "upstash-dlq" not in result.stdout


def test_a_full_disk_is_one_line(queue: Emulator) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("there is no /dev/full")
    for typed in ("list", "count", "summary -o json", "show 1752829295505-0", "resume 1752829295505-0 --dry-run"):
        with open("/dev/full", "w") as full:
            command = [sys.executable, "-m", "upstash_workflow_dlq", *typed.split()]
            result = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False)  # noqa: S603
        assert result.returncode == 1
        assert result.stderr.endswith("upstash-dlq: cannot write to stdout: No space left on device\n")


def test_a_token_file_may_begin_with_a_byte_order_mark(
    cli: Cli, queue: Emulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("QSTASH_TOKEN")
    path = tmp_path / "token"
    path.write_text(f"{queue.token}\r\n", "utf-8-sig")
    assert cli("--token-file", str(path), "count").out == "60\n"
    assert cli("count", "--token-file", "-", stdin=f"\ufeff{queue.token}\n").out == "60\n"


def test_a_token_from_a_closed_stdin_is_four(queue: Emulator) -> None:
    command = f"{sys.executable} -m upstash_workflow_dlq count --token-file - <&-"
    result = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)  # noqa: S603, S607
    assert result.returncode == 4
    assert "stdin is closed" in result.stderr
    assert len(result.stderr.splitlines()) == 1


@pytest.mark.parametrize("module", ["click", "upstash_workflow_dlq.cli._app"])
def test_ctrl_c_while_it_starts_is_quiet(tmp_path: Path, module: str) -> None:
    (tmp_path / "sitecustomize.py").write_text(
        "import sys\n"
        "class Interrupts:\n"
        "    def find_spec(self, name, *_):\n"
        f"        if name == {module!r}: raise KeyboardInterrupt\n"
        "sys.meta_path.insert(0, Interrupts())\n"
    )
    path = os.pathsep.join([str(tmp_path), *sys.path])
    result = run("count", env={**os.environ, "PYTHONPATH": path})
    assert (result.returncode, result.stdout, result.stderr) == (130, "", "")


def test_stdin_may_be_closed(queue: Emulator) -> None:
    command = f"{sys.executable} -m upstash_workflow_dlq delete --all <&-"
    result = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)  # noqa: S603, S607
    assert result.returncode == 2
    assert len(queue.runs) == 60
