"""A night on call, at the command line: what failed, why, one run in detail, and the ones to bring back.

Runs against the emulator. For your own queue, set QSTASH_TOKEN (and QSTASH_URL) and type the same commands.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time

from upstash_workflow_dlq.emulator import Emulator


def main() -> None:
    with Emulator(runs=250, newest=time.time_ns() // 1_000_000) as emulator:
        newest = emulator.runs[1]["dlqId"]
        environ = {**os.environ, **emulator.environ}
        for line in (
            "count",
            "summary --limit 5",
            "list --label billing --since 6h --limit 5",
            f"show {newest}",
            "resume --label billing --dry-run",
            "resume --label billing --flow-key payment-provider --rate-limit 60 --period 1m --yes",
            f"delete {newest} --yes",
            "check --label billing",
            "doctor",
        ):
            print(f"\n$ upstash-dlq {line}", flush=True)
            command = [sys.executable, "-m", "upstash_workflow_dlq", *line.split()]
            subprocess.run(command, env=environ, check=True)  # noqa: S603
        print(f"\nThe service has started {len(emulator.started)} runs, each once.")


if __name__ == "__main__":
    main()
