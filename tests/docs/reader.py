"""Somebody who follows a page from top to bottom: runs its code, types its commands, saves its files."""

from __future__ import annotations

import io
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from installing import INSTALLING
from pages import README, ROOT, Block, Typed, blocks, name_of, typed
from ruamel.yaml import YAML
from terminal import Terminal

TUTORIAL = ROOT / "docs" / "tutorial.md"
# What the pages say, and what it is replaced with where the emulator took another port.
URL = "http://127.0.0.1:8080"

EMULATOR = re.compile(r"^(?:upstash-dlq |python -m upstash_workflow_dlq\.)emulator .*--port 8080.*$", re.MULTILINE)
# A session of our own, which is no part of itself.
NOX = re.compile(r"^(?:python -m pip install nox && )?(?:python -m )?nox -s (\w+)(?: -- .*)?$")
# Where one is missing, the page is skipped from there on. Only Datasette is Python's, and installed by `tests_of_docs`.
PROGRAMS = ("bash", "curl", "jq", "sqlite3", "datasette")

# Other sessions run these; the files are asserted to look for them.
ELSEWHERE = {
    "python dask": "tests/distributed/test_dask.py",
    "python spark": "tests/distributed/test_spark.py",
    "python qstash": "tests/interop/migrating.py",
    "js": "tests/interop/migrating.py",
}


class Reader:
    def __init__(self, page: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """In an empty folder, which is at home, too. UPDATE_DOCS=1 writes what is printed into the page."""
        self.page = page
        self.printed: list[tuple[Typed | Block, str]] = []
        self._url = URL
        self._home = folder
        self._namespace: dict[str, Any] = {"__name__": page.stem}
        self._set = monkeypatch.setenv
        monkeypatch.chdir(folder)
        # Commands are those of this Python.
        self._set("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
        self._set("HOME", str(folder))
        self._kinds: dict[str, Callable[[Block], None]] = {
            "python": self._run_code,
            "console": self._type_and_compare,
            "sh": self._run_shell,
            "cron": self._run_cron,
            "yaml": self._run_step,
            "toml": self._save_profiles,
            "sql": self._query,
        }

    @property
    def kinds(self) -> set[str]:
        return set(self._kinds)

    def follow(self) -> None:
        with self._queue(), webhook() as address:
            self._set("WEBHOOK_URL", address)
            for block in blocks(self.page):
                if block.kind in self._kinds:
                    self._kinds[block.kind](block)

    @contextmanager
    def _queue(self) -> Iterator[None]:
        """Served by the page's own command, wherever it stands; by the tutorial's for pages that show what is printed
        without such a command, and by the README's for the others."""
        has_console = any(block.kind == "console" for block in blocks(self.page))
        for page in (self.page, TUTORIAL if has_console else README):
            shell = "\n".join(block.content for block in blocks(page) if block.kind == "sh")
            if found := EMULATOR.search(shell):
                break
        else:
            raise AssertionError("no page says how to serve a queue")
        command = ["bash", "-c", f"exec {found[0].replace('8080', '0')}"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as emulator:  # noqa: S603
            try:
                assert emulator.stdout is not None
                for line in emulator.stdout:
                    name, _, value = line.strip().partition("=")
                    if name.startswith("QSTASH_"):
                        self._set(name, value)
                    if name == "QSTASH_TOKEN":
                        break
                else:
                    raise AssertionError(f"the emulator did not start: {found[0]}")
                self._url = os.environ["QSTASH_URL"]
                self._keep_tokens()
                yield
            finally:
                emulator.kill()

    def _keep_tokens(self) -> None:
        """Where the pages have them: in files that nobody else can read, and in variables of their own."""
        folder = self._home / ".config" / "upstash"
        folder.mkdir(parents=True)
        for name in ("token", "shop", "blog"):
            (folder / name).write_text(os.environ["QSTASH_TOKEN"], "utf-8")
            (folder / name).chmod(0o600)
        for name in ("EU_QSTASH_TOKEN", "STAGING_QSTASH_TOKEN"):
            self._set(name, os.environ["QSTASH_TOKEN"])

    def _run_code(self, block: Block) -> None:
        printed = io.StringIO()
        with redirect_stdout(printed):
            # Padded, so that a traceback points into the page.
            padded = "\n" * (block.line - 1) + block.content
            exec(compile(padded, str(self.page), "exec"), self._namespace)  # noqa: S102 - our own page
        self._compare(block, block.output, printed.getvalue())

    def _type_and_compare(self, block: Block) -> None:
        for command in typed(block):
            program, *arguments = shlex.split(command.command)
            assert program == "upstash-dlq"
            with Terminal(*arguments, columns=110, lines=80) as terminal:
                terminal.answer_until_ended("[y/N]: ", "y\n")
                self._compare(command, command.printed, self._steady(terminal.screen))

    def _run_shell(self, block: Block) -> None:
        left = [line for line in block.content.splitlines() if not (INSTALLING.match(line) or NOX.match(line))]
        self._bash("\n".join(line for line in left if not EMULATOR.match(line)), block.line)

    def _run_cron(self, block: Block) -> None:
        for number, line in enumerate(block.content.splitlines()):
            if name := re.match(r"([A-Z]+)=(\S+)$", line):
                self._set(name[1], name[2])
                continue
            schedule = re.match(r"(?:[\d*/,-]+ ){5}", line)
            assert schedule is not None, f"no line of a crontab: {line}"
            self._bash(line[schedule.end() :], block.line + number)

    def _run_step(self, block: Block) -> None:
        """Of a GitHub workflow. Nobody waits here."""
        for step in YAML(typ="safe", pure=True).load(block.content):
            for name, value in step["env"].items():
                assert value == f"${{{{ secrets.{name} }}}}"
            self._bash(f"sleep() {{ :; }}\n{step['run']}", block.line)

    def _save_profiles(self, block: Block) -> None:
        """All of them are the same queue here."""
        url = f'url = "{self._url}"'
        there = re.sub(r'^(?:url = "https://.*"|region = ".*")$', url, block.content, flags=re.MULTILINE)
        assert there.count(url) == block.content.count("[[profile]]")
        Path("queues.toml").write_text(there, "utf-8")

    def _query(self, block: Block) -> None:
        import duckdb

        found = duckdb.sql(block.content)
        assert found is not None
        assert found.fetchall(), f"{self.page.name}, line {block.line}: it found nothing"

    def _bash(self, commands: str, line: int) -> None:
        """Each of them has to end with 0. What it exports is there for what follows."""
        if not commands.strip():
            return
        for program in PROGRAMS:
            if re.search(rf"\b{program} ", f"bash {commands}") and shutil.which(program) is None:
                pytest.skip(f"{name_of(self.page)} needs {program} from line {line} on")
        commands = commands.replace(URL, self._url)
        # Nobody watches for two minutes here, and what serves is asked once.
        commands = re.sub(r"^(upstash-dlq redrive run (?!.*--watch)\S+)", r"\1 --watch 0s", commands, flags=re.M)
        commands = re.sub(r"^datasette (\w+)\.db$", r"datasette \1.db --get /\1/failed_runs.json", commands, flags=re.M)
        script = f"{commands}\nenv -0 > exported"
        with Terminal(command=("bash", "-euo", "pipefail", "-c", script), columns=110, lines=80) as terminal:
            status = terminal.answer_until_ended("[y/N]: ", "y\n")
            assert status == 0, f"{name_of(self.page)}, line {line}: status {status}\n{terminal.screen}"
        for pair in Path("exported").read_text("utf-8").split("\0"):
            name, _, value = pair.partition("=")
            if name.startswith("QSTASH_"):
                self._set(name, value)

    def _steady(self, screen: str) -> str:
        """Without what differs each time."""
        screen = screen.replace(self._url, URL)
        return re.sub(r"^(planned at +)\S+", r"\g<1>2025-07-18T09:05:00.000Z", screen, flags=re.MULTILINE)

    def _compare(self, part: Typed | Block, shown: str, printed: str) -> None:
        if os.environ.get("UPDATE_DOCS"):
            self.printed.append((part, printed))
        else:
            what = f"$ {part.command}" if isinstance(part, Typed) else "the code"
            assert printed == shown, f"{name_of(self.page)}, line {part.line}: {what}"

    def write(self) -> None:
        """What was printed, into the page."""
        lines = self.page.read_text("utf-8").split("\n")
        for part, printed in reversed(self.printed):
            if isinstance(part, Typed):
                first, length = part.line, part.printed.count("\n") + 1 if part.printed else 0
            elif part.output or printed:
                assert bool(part.output) == bool(printed), f"line {part.line}: write its ```text block by hand"
                first, length = lines.index("```text", part.line) + 1, part.output.count("\n")
            else:
                continue
            lines[first : first + length] = printed.rstrip("\n").split("\n") if printed else []
        self.page.write_text("\n".join(lines), "utf-8")


class Hook(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        text = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["text"]
        self.send_response(200 if "failed runs match" in text else 400)
        self.end_headers()

    def log_message(self, format: str, *arguments: object) -> None:
        pass


@contextmanager
def webhook() -> Iterator[str]:
    """Takes a message as chats do, and refuses one without the news."""
    with HTTPServer(("127.0.0.1", 0), Hook) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()
