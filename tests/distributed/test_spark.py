"""The Spark recipe of docs/past-one-machine.md as it stands: counts by URL and status, and each window read once.

Run by `nox -s distributed`, which has PySpark, on a machine that has Java.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from recipes import recipe
from upstash_workflow_dlq import DLQClient
from upstash_workflow_dlq.emulator import Emulator

pytest.importorskip("pyspark", reason="nox -s distributed installs it")


def settings(token: str) -> dict[str, str]:
    """Spark in one process on loopback, whose workers run this Python."""
    conf = {
        "spark.master": "local[2]",
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        "spark.executorEnv.QSTASH_TOKEN": token,
    }
    arguments = " ".join(f"--conf {name}={value}" for name, value in conf.items())
    return {
        "PYSPARK_SUBMIT_ARGS": f"{arguments} pyspark-shell",
        "PYSPARK_PYTHON": sys.executable,
        "SPARK_LOCAL_IP": "127.0.0.1",
    }


def test_the_recipe_counts_what_the_client_counts_and_reads_each_window_once(queue: Emulator, tmp_path: Path) -> None:
    script = tmp_path / "recipe.py"
    script.write_text(recipe("past-one-machine.md", "python spark"), "utf-8")
    # The script itself only cuts windows. A request with its token would be refused.
    environ = {**os.environ, "QSTASH_TOKEN": "of-the-driver", **settings(queue.token)}
    done = subprocess.run(  # noqa: S603 - our own page
        [sys.executable, str(script)], env=environ, capture_output=True, text=True, check=False, cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr
    asked = [request.query for request in queue.requests]
    assert len(asked) >= 32
    assert len(asked) == len(set(asked)), "two questions, and the queue was read once"

    with DLQClient() as dlq:
        runs = list(dlq.list(from_date="2025-07-18T00:00:00Z", to_date="2025-07-18T12:00:00Z"))
    expected = Counter((run.workflow_url, run.response_status) for run in runs)
    lines = done.stdout.splitlines()
    table = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("|")]
    assert table[0] == ["workflow_url", "response_status", "count"]
    shown = [((url, None if status == "NULL" else int(status)), int(count)) for url, status, count in table[1:]]
    assert len(shown) == len(dict(shown)) == 10
    assert dict(shown).items() <= expected.items()
    assert [count for _, count in shown] == [count for _, count in expected.most_common(10)]
    assert f"{len(runs)} runs" in lines
