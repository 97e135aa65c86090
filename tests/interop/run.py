"""`nox -s interop`: the vendor's JavaScript SDK and our client at the same queue, the emulator's.

`python run.py FOLDER`, where FOLDER is the one that npm installed the SDK in.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

from upstash_workflow_dlq import DLQClient, FailedRun, FailureFunctionState
from upstash_workflow_dlq.emulator import Emulator

RUNS = 260
STAGES = (
    *("read", "delete some", "resume some", "restart some", "call back"),
    *("delete all", "resume all", "restart all"),
)
SCRIPT = Path(__file__).with_name("dlq.mjs")


def main(folder: Path) -> None:
    # Node looks for packages beside the script.
    script = Path(shutil.copy(SCRIPT, folder))
    for stage in STAGES:
        with Emulator(RUNS) as emulator, DLQClient(emulator.token, base_url=emulator.url) as dlq:
            seen = run_node(script, stage, emulator)
            check_requests(emulator)
            assert [run.workflow_run_id for run in emulator.started] == seen["started"]
            assert {run.kind for run in emulator.started} <= {stage.split()[0], "callback"}
            assert [run.dlq_id for run in dlq.list()] == seen["left"]
            assert dlq.count() == len(seen["left"])
            if stage == "call back":
                check_callback(dlq, emulator)
            print(f"{stage}: {RUNS} runs, {len(emulator.started)} started, {len(seen['left'])} left, as we see it too")


def run_node(script: Path, stage: str, emulator: Emulator) -> dict[str, Any]:
    """What the SDK saw at the end of a stage."""
    finished = subprocess.run(  # noqa: S603 - our own script
        ["node", script, stage],  # noqa: S607 - wherever it is installed
        env={**os.environ, **emulator.environ},
        stdout=subprocess.PIPE,
        text=True,
        timeout=120,
    )
    if finished.returncode:
        sys.exit(f"The stage {stage!r} failed; see above.\n{finished.stdout}")
    seen: dict[str, Any] = json.loads(finished.stdout.splitlines()[-1])
    return seen


def check_requests(emulator: Emulator) -> None:
    """What the SDK is known to send; where this fails, a new version of it has something to teach us."""
    acting = "/v2/workflows/dlq"
    for request in emulator.requests:
        query = parse_qs(request.query, keep_blank_values=True)
        assert request.headers["authorization"] == f"Bearer {emulator.token}"
        if request.method == "GET":
            assert (request.path, query["source"]) == ("/v2/dlq", ["workflow"])
        elif not request.path.startswith(f"{acting}/callback/"):
            # One id or several: always a bulk call, ids repeated, and then nothing else but the cursor.
            assert (request.method, request.path) in {
                ("DELETE", acting),
                ("POST", f"{acting}/resume"),
                ("POST", f"{acting}/restart"),
            }
            assert query.keys() <= {"dlqIds", "cursor"} if "dlqIds" in query else "count" in query
            assert not any("," in dlq_id for dlq_id in query.get("dlqIds", []))
    for run in emulator.started:
        assert run.overrides.keys() <= {"upstash-retries", "upstash-flow-control-key", "upstash-flow-control-value"}
        assert run.overrides.get("upstash-flow-control-value") in (None, "parallelism=5, rate=10, period=1m")


def check_callback(dlq: DLQClient, emulator: Emulator) -> None:
    (started,) = emulator.started
    run: FailedRun = dlq.get(started.dlq_id)
    assert run.failure_function is not None
    assert run.failure_function.state == FailureFunctionState.CALLBACK_INPROGRESS


if __name__ == "__main__":
    main(Path(sys.argv[1]))
