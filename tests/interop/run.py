"""`nox -s interop`: the vendor's SDKs and our client on the same queue, the emulator's.

`python -m interop.run FOLDER…`, where each folder is one that npm installed a version of the JavaScript SDK in, the
newest last.
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

from interop.migrating import from_javascript, from_qstash
from upstash_workflow_dlq import DLQClient, FailureFunctionState
from upstash_workflow_dlq.emulator import Emulator

RUNS = 260
SCRIPT = Path(__file__).with_name("dlq.mjs")


def main(*folders: Path) -> None:
    delete_by_body()
    from_qstash()
    from_javascript(folders[-1])
    for folder in folders:
        # Node looks for packages beside the script.
        script = Path(shutil.copy(SCRIPT, folder))
        stages: list[str] = run_node(script, environ={"QSTASH_TOKEN": "unused"})
        for stage in stages:
            check(folder.name, script, stage)


def check(version: str, script: Path, stage: str) -> None:
    with Emulator(RUNS) as emulator, DLQClient(emulator.token, base_url=emulator.url) as dlq:
        seen = run_node(script, stage, environ=emulator.environ)
        check_requests(emulator)
        assert [run.workflow_run_id for run in emulator.started] == seen["started"]
        assert {run.kind for run in emulator.started} <= {stage.split()[0], "callback"}
        assert [run.dlq_id for run in dlq.list()] == seen["left"]
        assert dlq.count() == len(seen["left"])
        if stage == "call back":
            check_callback(dlq, emulator)
        print(f"{version}: {stage}: {len(emulator.started)} started and {len(seen['left'])} of {RUNS} left for both")


def run_node(script: Path, *arguments: str, environ: dict[str, str]) -> Any:
    """What the script prints last."""
    finished = subprocess.run(  # noqa: S603 - our own script
        ["node", str(script), *arguments],  # noqa: S607 - wherever it is installed
        env={**os.environ, **environ},
        stdout=subprocess.PIPE,
        text=True,
        timeout=120,
    )
    if finished.returncode:
        sys.exit(f"{script.parent.name}: {' '.join(arguments)} failed; see above.\n{finished.stdout}")
    return json.loads(finished.stdout.splitlines()[-1])


def check_requests(emulator: Emulator) -> None:
    """What the SDKs are known to send. If this fails, a new version has something to teach us."""
    path = "/v2/workflows/dlq"
    for request in emulator.requests:
        query = parse_qs(request.query, keep_blank_values=True)
        assert request.headers["authorization"] == f"Bearer {emulator.token}"
        if request.method == "GET":
            assert (request.path, query["source"]) == ("/v2/dlq", ["workflow"])
        elif not request.path.startswith(f"{path}/callback/"):
            # One id or several: always a bulk call with repeated ids, and nothing else.
            assert (request.method, request.path) in {
                ("DELETE", path),
                ("POST", f"{path}/resume"),
                ("POST", f"{path}/restart"),
            }
            assert query.keys() == {"dlqIds"} if "dlqIds" in query else "count" in query
            assert not any("," in dlq_id for dlq_id in query.get("dlqIds", []))
    for run in emulator.started:
        assert run.overrides.keys() <= {"upstash-retries", "upstash-flow-control-key", "upstash-flow-control-value"}
        flow_control = run.overrides.get("upstash-flow-control-value")
        assert flow_control in (None, "parallelism=5, rate=10, period=1m", "parallelism=5, rate=10, period=60s")


def check_callback(dlq: DLQClient, emulator: Emulator) -> None:
    (started,) = emulator.started
    run = dlq.get(started.dlq_id)
    assert run.failure_function is not None
    assert run.failure_function.state == FailureFunctionState.CALLBACK_INPROGRESS


def delete_by_body() -> None:
    """The vendor's Python SDK knows no workflows, but it deletes from the queue that they share with its messages."""
    from qstash import QStash

    with Emulator(RUNS) as emulator, DLQClient(emulator.token, base_url=emulator.url) as dlq:
        ids: list[str] = [run["dlqId"] for run in emulator.runs]
        assert QStash(emulator.token, base_url=emulator.url).dlq.delete_many([*ids[:120], "1-0"]) == 120
        assert emulator.requests[-1].query == ""
        assert [run.dlq_id for run in dlq.list()] == ids[120:]
        print(f"qstash: 120 deleted by ids in a body, {dlq.count()} of {RUNS} left for both")


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
