from __future__ import annotations

import io
import sys
from collections.abc import Iterator

import pytest
from command_line import Cli, Result
from upstash_workflow_dlq.cli import main
from upstash_workflow_dlq.emulator import Emulator


@pytest.fixture
def queue(monkeypatch: pytest.MonkeyPatch) -> Iterator[Emulator]:
    """An emulated queue of 60 runs, which the commands of this test are about."""
    yield from serving(60, monkeypatch)


@pytest.fixture
def empty_queue(monkeypatch: pytest.MonkeyPatch) -> Iterator[Emulator]:
    yield from serving(0, monkeypatch)


def serving(runs: int, monkeypatch: pytest.MonkeyPatch) -> Iterator[Emulator]:
    with Emulator(runs=runs) as emulator:
        for name, value in emulator.environ.items():
            monkeypatch.setenv(name, value)
        yield emulator


@pytest.fixture
def cli(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Cli:
    """Runs one command in this process, in pipes."""

    def run(*arguments: str, stdin: str = "") -> Result:
        monkeypatch.setattr(sys, "stdin", io.StringIO(stdin))
        code = main(arguments)
        sys.stdout.flush()
        return Result(code, *capfd.readouterr())

    return run
