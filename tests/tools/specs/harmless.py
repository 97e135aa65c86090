"""Prints newer.yaml without what breaks. `nox -s rehearse` holds all tests against what is left."""

from __future__ import annotations

import sys
from pathlib import Path

NEWER = Path(__file__).with_name("newer.yaml")

MISSING_RUN = """\
        '404':
          description: DLQ message not found
"""

EDITS = (
    (
        "  - url: https://qstash.upstash.example\n",
        "  - url: https://qstash.upstash.io\n  - url: https://qstash.upstash.example\n",
    ),
    (
        "          description: Workflow deleted successfully\n",
        f"          description: Workflow deleted successfully\n{MISSING_RUN}",
    ),
    ("      required:\n        - workflowRunId\n        - resumedFrom\n", ""),
)


def harmless(text: str) -> str:
    for old, new in EDITS:
        if text.count(old) != 1:
            raise SystemExit(f"{NEWER.name} has this {text.count(old)} times instead of once:\n{old}")
        text = text.replace(old, new)
    return text


if __name__ == "__main__":
    sys.stdout.write(harmless(NEWER.read_text("utf-8")))
