from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from upstash_workflow_dlq import DLQClient
from upstash_workflow_dlq.archive import Archive
from upstash_workflow_dlq.emulator import Emulator


@pytest.fixture
def queue() -> Iterator[Emulator]:
    with Emulator(runs=250) as emulator:
        yield emulator


@pytest.fixture
def dlq(queue: Emulator) -> Iterator[DLQClient]:
    with DLQClient(queue.token, base_url=queue.url) as client:
        yield client


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / "failed.db")


@pytest.fixture
def archive(path: str) -> Iterator[Archive]:
    with Archive(path) as archive:
        yield archive
