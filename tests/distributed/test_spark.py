"""The Spark recipe of docs/past-one-machine.md as it stands, against an emulator: what it shows, and what it asks for.

Run by `nox -s distributed`, which has PySpark, on a machine that has Java.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from pages import code_of
from upstash_workflow_dlq import DLQClient
from upstash_workflow_dlq.emulator import Emulator, faults

pytest.importorskip("pyspark", reason="nox -s distributed installs it")


@contextmanager
def recipe_on(master: str, queue: Emulator, folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """The recipe as a script that runs Spark on loopback, and must end well. It writes into files in the folder."""
    script = folder / "recipe.py"
    script.write_text(code_of("past-one-machine.md", "python spark")[0], "utf-8")
    conf = {
        "spark.master": master,
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        # Half the processor time: what runs for seconds is not worth the second compiler.
        "spark.driver.extraJavaOptions": "-XX:TieredStopAtLevel=1",
        "spark.executorEnv.QSTASH_TOKEN": queue.token,
    }
    environ = {
        **os.environ,
        # The script itself only cuts windows. A request with this token would be refused.
        "QSTASH_TOKEN": "of-the-driver",
        "PYSPARK_SUBMIT_ARGS": " ".join([*(f"--conf {name}={value}" for name, value in conf.items()), "pyspark-shell"]),
        "PYSPARK_PYTHON": sys.executable,
        "SPARK_LOCAL_IP": "127.0.0.1",
    }
    with (
        (folder / "stdout").open("w") as out,
        (folder / "stderr").open("w") as err,
        subprocess.Popen([sys.executable, str(script)], env=environ, stdout=out, stderr=err, cwd=folder) as spark,  # noqa: S603 - our own page
    ):
        try:
            yield spark
            assert spark.wait() == 0, (folder / "stderr").read_text()
        finally:
            spark.kill()


def check_what_is_shown(folder: Path) -> None:
    """The ten largest groups, and how many runs there are: as the client counts them."""
    with DLQClient() as dlq:
        runs = list(dlq.list(from_date="2025-07-18T00:00:00Z", to_date="2025-07-18T12:00:00Z"))
    expected = Counter((run.workflow_url, run.response_status) for run in runs)
    lines = (folder / "stdout").read_text("utf-8").splitlines()
    table = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("|")]
    assert table[0] == ["workflow_url", "response_status", "count"]
    shown = [((url, None if status == "NULL" else int(status)), int(count)) for url, status, count in table[1:]]
    assert len(shown) == len(dict(shown)) == 10
    assert dict(shown).items() <= expected.items()
    assert [count for _, count in shown] == [count for _, count in expected.most_common(10)]
    assert lines[-1] == f"{len(runs)} runs"


def test_the_recipe_counts_what_the_client_counts_and_reads_each_window_once(queue: Emulator, tmp_path: Path) -> None:
    with recipe_on("local[2]", queue, tmp_path):
        pass
    asked = [request.query for request in queue.requests]
    assert len(asked) >= 32
    assert len(asked) == len(set(asked)), "two questions, and the queue was read once"
    check_what_is_shown(tmp_path)


def test_each_run_is_counted_once_though_workers_are_killed_midway(queue: Emulator, tmp_path: Path) -> None:
    queue.fail(faults.slow(60), after=7)
    with recipe_on("local[2,4]", queue, tmp_path) as spark:  # as many tries as a cluster gives a task
        while len(queue.requests) < 8:
            assert spark.poll() is None, (tmp_path / "stderr").read_text()
            time.sleep(0.01)
        # All, since one of them waits for the slow answer.
        for worker in workers_of(spark.pid):
            os.kill(worker, signal.SIGKILL)
    asked = [request.query for request in queue.requests]
    assert len(asked) > len(set(asked)), "what a dead worker had begun was read again"
    check_what_is_shown(tmp_path)


def workers_of(spark: int) -> list[int]:
    """The Python processes that Spark reads windows in. A daemon, below the JVM, forks them."""
    listed = subprocess.run(["ps", "-Ao", "pid=,ppid=,args="], capture_output=True, text=True, check=True).stdout  # noqa: S607
    processes = [
        (int(pid), int(parent), args) for pid, parent, args in (line.split(None, 2) for line in listed.splitlines())
    ]
    [jvm] = [pid for pid, parent, _ in processes if parent == spark]
    [daemon] = [pid for pid, parent, args in processes if parent == jvm and "pyspark.daemon" in args]
    return [pid for pid, parent, _ in processes if parent == daemon]
