"""`python -m upstash_workflow_dlq.emulator`."""

import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest
from upstash_workflow_dlq.emulator import Emulator, Settings, _command_line, failed_runs, faults


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Emulator]]:
    """The emulators that a command starts. Each is told to stop as soon as it serves."""
    emulators: list[Emulator] = []
    start = Emulator.start

    def start_and_signal(self: Emulator) -> Emulator:
        emulators.append(start(self))
        signal.raise_signal(signal.SIGINT)
        return self

    monkeypatch.setattr(Emulator, "start", start_and_signal)
    yield emulators
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("upstash-workflow-dlq")]


def test_it_prints_the_variables_to_copy(started: list[Emulator], capsys: pytest.CaptureFixture[str]) -> None:
    before = signal.getsignal(signal.SIGINT)
    assert _command_line.main(["--port", "0", "--runs", "7", "--token", "t"]) == 0
    assert signal.getsignal(signal.SIGINT) is before
    lines = capsys.readouterr().out.splitlines()
    assert "7 made-up failed runs" in lines[0]
    assert lines[2:] == [f"QSTASH_URL={started[0].url}", "QSTASH_TOKEN=t"]
    assert len(started[0].runs) == 7


def test_it_waits_for_a_signal(started: list[Emulator], monkeypatch: pytest.MonkeyPatch) -> None:
    answers = iter([False, False, True])
    monkeypatch.setattr(
        threading.Event,
        "wait",
        lambda self, timeout=None, wait=threading.Event.wait: next(answers) if timeout == 1 else wait(self, timeout),
    )
    assert _command_line.main(["--port", "0"]) == 0
    assert list(answers) == []


def test_its_newest_run_has_just_failed(started: list[Emulator], capsys: pytest.CaptureFixture[str]) -> None:
    before = time.time_ns() // 1_000_000
    _command_line.main(["--port", "0", "--runs", "3"])
    after = time.time_ns() // 1_000_000
    entered = [int(run["dlqId"].split("-")[0]) for run in started[0].runs]
    assert before <= entered[0] <= after
    assert entered[-1] > before - 3_600_000
    assert "the newest from just now" in capsys.readouterr().out


def test_its_runs_can_be_the_same_at_every_start(started: list[Emulator], capsys: pytest.CaptureFixture[str]) -> None:
    _command_line.main(["--port", "0", "--runs", "3", "--fixed"])
    assert started[0].runs == failed_runs(3)
    assert started[0].runs[0]["dlqId"] == "1752829295505-0"
    assert "the newest from July 2025" in capsys.readouterr().out


def test_its_options_are_the_settings(started: list[Emulator]) -> None:
    options = (
        "--port 0 --runs 0 --latency 0.5 --cursor-end null --empty-pages 3 --missing url --missing body --null method "
        "--date-field createdAt --fault burst=0.1 --fault reset=0.02 --fault 503=0.05 --refail 0.3 --refail-after 7.5"
    )
    assert _command_line.main(options.split()) == 0
    assert started[0].settings == Settings(
        latency=0.5,
        cursor_end="null",
        empty_pages=3,
        missing=["url", "body"],
        null=["method"],
        date_field="createdAt",
        fault_shares={faults.burst_limit(): 0.1, faults.reset(): 0.02, faults.status(503): 0.05},
        refail=0.3,
        refail_after=7.5,
    )


def test_runs_can_fail_again_after_a_time_from_a_range(started: list[Emulator]) -> None:
    assert _command_line.main(["--port", "0", "--refail", "1", "--refail-after", "1-90"]) == 0
    assert _command_line.main(["--port", "0", "--refail", "0.1"]) == 0
    ranged, default = (emulator.settings for emulator in started)
    assert (ranged.refail, ranged.refail_after) == (1, (1, 90))
    assert (default.refail, default.refail_after) == (0.1, Settings().refail_after)


@pytest.mark.parametrize(
    "options",
    [
        "--port 70000",
        "--port here",
        "--runs -1",
        "--latency -1",
        "--latency nan",
        "--cursor-end never",
        "--date-field age",
        "--fault burst",
        "--fault burst=2",
        "--fault fire=0.1",
        "--fault 42=0.1",
        "--fault burst=0.6 --fault reset=0.6",
        "--refail 30",
        "--refail nan",
        "--refail-after 5",
        *(f"--refail 0.3 --refail-after {after}" for after in ("-1", "soon", "90-1", "1-", "1-2-3", "nan", "1-inf")),
    ],
)
def test_an_invalid_option_is_a_usage_error(options: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exit_:
        _command_line.main(options.split())
    assert exit_.value.code == 2
    assert "error: " in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ("--port abc", "expected a number, got 'abc'"),
        ("--fault boom=0.1", "or one of burst"),
        ("--latency nan", "expected a number from 0"),
        ("--refail 30%", "expected a number, got '30%'"),
        ("--refail-after 5", "--refail-after needs --refail"),
        ("--refail 1 --refail-after 90-1", "expected a range such as 1-90, the lower number first, got '90-1'"),
    ],
)
def test_a_usage_error_says_what_is_expected(options: str, complaint: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        _command_line.main(options.split())
    assert complaint in capsys.readouterr().err


def test_a_taken_port_prints_one_line_and_exits_with_1(capsys: pytest.CaptureFixture[str]) -> None:
    with Emulator() as dlq:
        assert _command_line.main(["--port", dlq.url.rpartition(":")[2]]) == 1
    output = capsys.readouterr()
    assert output.out == ""
    assert len(output.err.splitlines()) == 1
    assert "the port is taken" in output.err


def test_a_host_that_is_not_loopback_prints_one_line_and_exits_with_1(capsys: pytest.CaptureFixture[str]) -> None:
    assert _command_line.main(["--host", "192.0.2.1"]) == 1
    assert "loopback" in capsys.readouterr().err


def start(preparation: str) -> subprocess.CompletedProcess[str]:
    """The command in a process of its own, after a line of code."""
    code = (
        f"import runpy, signal, sys\n{preparation}\n"
        "runpy.run_module('upstash_workflow_dlq.emulator', run_name='__main__', alter_sys=True)\n"
    )
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)  # noqa: S603 - ourselves


@pytest.mark.parametrize("missing", ["starlette.types", "uvicorn"])
def test_a_missing_extra_prints_one_line_and_exits_with_1(missing: str) -> None:
    finished = start(f"sys.modules[{missing!r}] = None")
    assert finished.returncode == 1
    assert len(finished.stderr.splitlines()) == 1
    assert 'pip install "upstash-workflow-dlq[emulator]"' in finished.stderr


@contextmanager
def process(*options: str) -> "Iterator[subprocess.Popen[str]]":
    command = [sys.executable, "-W", "error", "-m", "upstash_workflow_dlq.emulator", *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as running:  # noqa: S603 - ourselves
        try:
            yield running
        finally:
            running.kill()


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_process_serves_until_a_signal(number: signal.Signals) -> None:
    with process("--port", "0", "--runs", "2") as running:
        assert running.stdout is not None
        lines = [running.stdout.readline().strip() for _ in range(4)]
        environ = dict(line.split("=", 1) for line in lines[2:])
        with httpx.Client(headers={"Authorization": f"Bearer {environ['QSTASH_TOKEN']}"}, trust_env=False) as client:
            page = client.get(f"{environ['QSTASH_URL']}/v2/workflows/dlq").json()
            running.send_signal(number)
            out, err = running.communicate(timeout=10)
    assert len(page["messages"]) == 2
    assert (running.returncode, out, err) == (0, "", "")


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
def test_an_interrupt_while_it_starts_prints_no_traceback() -> None:
    interrupt = "lambda *_, **__: signal.raise_signal(signal.SIGINT)"
    finished = start(f"import upstash_workflow_dlq.emulator as emulator; emulator.Emulator = {interrupt}")
    assert (finished.returncode, finished.stdout, finished.stderr) == (-signal.SIGINT, "", "")
