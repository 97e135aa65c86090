"""`nox -s contract -- --live`, run against the emulator."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import live
import pytest
from upstash_workflow_dlq import TransportError
from upstash_workflow_dlq.emulator import Emulator

ROOT = Path(__file__).parents[2]


def run_live(environ: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pytest", "tests/contract/live.py", "-rs", *arguments]
    environ = {**os.environ, **environ}
    return subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, text=True, check=False)  # noqa: S603


def test_a_report_of_the_drift_is_written(tmp_path: Path) -> None:
    with Emulator(runs=120) as emulator:
        ran = run_live(emulator.environ, "--report", str(tmp_path / "report.json"))
        assert len(emulator.runs) == 120
    assert ran.returncode == 0, ran.stdout
    assert "kinds of drift in 8 answers" in ran.stdout
    report = json.loads((tmp_path / "report.json").read_text())
    assert report["checked"] == 8
    assert {drift["kind"] for drift in report["drift"]} == {"undocumented_field"}
    assert "messages[].messageId" in {drift["path"] for drift in report["drift"]}
    assert emulator.token not in json.dumps(report)


def test_failures_are_in_the_report_too(tmp_path: Path) -> None:
    with Emulator(runs=1) as emulator:
        emulator.update("1752829295505-0", createdAt="yesterday", unheardOf=1)
        ran = run_live(emulator.environ, "--report", str(tmp_path / "report.json"))
    assert ran.returncode == 1
    paths = {drift["path"] for drift in json.loads((tmp_path / "report.json").read_text())["drift"]}
    assert {"createdAt", "messages[].createdAt", "unheardOf", "messages[].unheardOf"} <= paths


def test_without_a_token_it_sends_and_writes_nothing_and_says_so(tmp_path: Path) -> None:
    ran = run_live({}, "--report", str(tmp_path / "report.json"))
    assert ran.returncode == 0
    assert "nothing was sent, no report written: set QSTASH_TOKEN" in ran.stdout
    assert "passed" not in ran.stdout
    assert not (tmp_path / "report.json").exists()


def test_nothing_but_reads_goes_out(monkeypatch: pytest.MonkeyPatch) -> None:
    with Emulator(runs=3) as emulator:
        for name, value in emulator.environ.items():
            monkeypatch.setenv(name, value)
        with live.read_only_client() as dlq:
            assert dlq.count() == 3
            for act in (dlq.delete, dlq.resume, dlq.cancel_failure_callback):
                with pytest.raises(AssertionError, match="only reads"):
                    act("1752829295505-0")
        assert len(emulator.runs) == 3


@pytest.fixture
def proxy() -> Iterator[HTTPServer]:
    """A proxy that lets nobody through, and remembers where they wanted to go."""

    class Refusing(BaseHTTPRequestHandler):
        def do_CONNECT(self) -> None:
            asked.append(self.path)
            self.send_error(403)

        def log_message(self, *arguments: Any) -> None: ...

    asked: list[str] = []
    with HTTPServer(("127.0.0.1", 0), Refusing) as server:
        server.asked = asked  # type: ignore[attr-defined]
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def test_the_service_is_reached_through_the_proxy_of_the_environment(
    monkeypatch: pytest.MonkeyPatch, waits: list[float], proxy: HTTPServer
) -> None:
    monkeypatch.setenv("QSTASH_TOKEN", "t0ken")
    monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{proxy.server_port}")
    with live.read_only_client() as dlq, pytest.raises(TransportError):
        dlq.get("1")
    assert set(proxy.asked) == {"qstash.upstash.io:443"}  # type: ignore[attr-defined]


def test_the_environment_is_kept_before_the_tests_hide_it() -> None:
    code = "import sys; sys.path[:0] = ['tests', 'tests/contract']; import live; print(*sorted(live.ENVIRON))"
    environ = {**os.environ, "QSTASH_TOKEN": "t0ken", "https_proxy": "http://127.0.0.1:9", "NO_PROXY": "localhost"}
    command = [sys.executable, "-c", code]
    ran = subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, text=True, check=True)  # noqa: S603
    assert ran.stdout.split() == ["NO_PROXY", "QSTASH_TOKEN", "https_proxy"]
