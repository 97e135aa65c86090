"""The recipe of docs/past-one-machine.md as it stands: a cluster of two processes reads windows, each run exactly once.

Run by `nox -s distributed`, which has Dask.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from pages import code_of
from upstash_workflow_dlq import DLQClient
from upstash_workflow_dlq.emulator import Emulator

distributed = pytest.importorskip("dask.distributed", reason="nox -s distributed installs it")

# A closing scheduler leaves sockets and tasks to the garbage collector. That is not ours to mend.
pytestmark = pytest.mark.filterwarnings("default")

PAGE = "past-one-machine.md"
WINDOWS = 24


def entered(run: dict[str, Any]) -> int:
    return int(run["dlqId"].partition("-")[0])


def test_the_recipe_reads_each_run_of_its_range_once(queue: Emulator, tmp_path: Path) -> None:
    script = tmp_path / "recipe.py"
    script.write_text(code_of(PAGE, "python dask")[0], "utf-8")
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, check=False, cwd=tmp_path)  # noqa: S603
    with DLQClient() as dlq:
        expected = dlq.count(from_date="2025-07-18T00:00:00Z", to_date="2025-07-18T12:00:00Z")
    assert expected > 100
    assert done.stdout == f"{expected} runs\n", done.stderr
    asked = {request.query for request in queue.requests}
    assert len(asked) > 32, "every window was asked for, with dates of its own"


def test_each_run_comes_once_though_a_worker_is_killed_midway(queue: Emulator) -> None:
    # Not importable, so that Dask sends the functions themselves, as it does for those of a script.
    namespace: dict[str, Any] = {"__name__": "not_importable"}
    exec(compile(code_of(PAGE, "python dask")[0], PAGE, "exec"), namespace)  # noqa: S102 - our own page
    expected = sorted(run["dlqId"] for run in queue.runs)
    with DLQClient() as dlq:
        windows = dlq.windows(min(map(entered, queue.runs)), max(map(entered, queue.runs)), WINDOWS)
    queue.settings.latency = 0.2
    before = len(queue.requests)
    cluster = distributed.LocalCluster(n_workers=2, threads_per_worker=2, dashboard_address=None)
    with cluster, distributed.Client(cluster) as dask:
        [victim, _] = [worker.pid for worker in cluster.workers.values()]
        requests_at_the_kill: list[int] = []

        def kill() -> None:
            while len(queue.requests) < before + WINDOWS // 2:
                time.sleep(0.01)
            os.kill(victim, signal.SIGKILL)
            requests_at_the_kill.append(len(queue.requests) - before)

        killer = threading.Thread(target=kill)
        killer.start()
        found = sorted(run.dlq_id for run in namespace["read_all"](dask, windows))
        killer.join()
        assert victim not in [worker.pid for worker in cluster.workers.values()]
    assert found == expected
    asked = [request.query for request in queue.requests[before:]]
    assert requests_at_the_kill[0] < len(asked), "it was killed while there was something to do"
    assert len(asked) > len(set(asked)), "what the dead worker had begun was read again"
