from __future__ import annotations

from collections.abc import Iterator

import pytest
from upstash_workflow_dlq.emulator import Emulator


@pytest.fixture
def queue(monkeypatch: pytest.MonkeyPatch) -> Iterator[Emulator]:
    with Emulator(runs=2000) as emulator:
        for name, value in emulator.environ.items():
            monkeypatch.setenv(name, value)
        yield emulator
