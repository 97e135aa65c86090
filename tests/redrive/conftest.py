from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from redrives import opened, planned
from upstash_workflow_dlq.emulator import Emulator


@pytest.fixture
def queue() -> Iterator[Emulator]:
    with Emulator(runs=60) as emulator:
        yield emulator


@pytest.fixture
def dlq(queue: Emulator, connect: Callable[..., Any]) -> Any:
    """A client of the emulated queue, sync or async, that leaves waiting to the redrive."""
    return connect(queue.token, base_url=queue.url, retry=None)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "billing.redrive"


@pytest.fixture
def plan(dlq: Any, path: Path) -> Iterator[Callable[..., Any]]:
    """Plans a redrive at `path`."""
    made: list[Any] = []

    def plan(action: str = "resume", **selection: Any) -> Any:
        made.append(planned(dlq, path, action, **(selection or {"all": True})))
        return made[-1]

    yield plan
    for redrive in made:
        redrive.close()


@pytest.fixture
def reopen(dlq: Any, path: Path) -> Iterator[Callable[[], Any]]:
    made: list[Any] = []

    def reopen() -> Any:
        made.append(opened(dlq, path))
        return made[-1]

    yield reopen
    for redrive in made:
        redrive.close()
