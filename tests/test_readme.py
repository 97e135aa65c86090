"""The code in the README runs, in its order, against the emulator."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest
from markdown_it import MarkdownIt
from upstash_workflow_dlq.emulator import Emulator, failed_runs

README = Path(__file__).parents[1] / "README.md"


def code_blocks() -> list[tuple[int, str]]:
    tokens = MarkdownIt().parse(README.read_text("utf-8"))
    return [(token.map[0] + 1, token.content) for token in tokens if token.info == "python" and token.map]


def test_the_readme_has_code() -> None:
    assert len(code_blocks()) >= 4


def test_the_code_in_the_readme_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    namespace: dict[str, Any] = {"__name__": "readme"}
    # Half of the runs failed today and half when the recorded one did, so that both kinds of example find some.
    runs = [*failed_runs(125), *failed_runs(126, newest=int(time.time() * 1000))[:-1]]
    with Emulator(runs) as emulator:
        for name, value in emulator.environ.items():
            monkeypatch.setenv(name, value)
        for line, code in code_blocks():
            # Padded, so that a traceback points into the README.
            exec(compile("\n" * line + code, str(README), "exec"), namespace)  # noqa: S102
        assert len(emulator.runs) < 250
