"""The demo does what it prints."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

EXAMPLES = Path(__file__).parents[1] / "examples"


def test_the_demo_counts_groups_shows_resumes_deletes_and_checks() -> None:
    command = [sys.executable, str(EXAMPLES / "night.py")]
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout  # noqa: S603
    screens = dict(re.findall(r"\$ upstash-dlq ([^\n]*)\n(.*?)(?=\n\$ |\Z)", printed, re.DOTALL))
    assert screens["count"] == "250\n"
    assert len(screens["summary --limit 5"].splitlines()) == 5
    [resumed] = re.findall(r"Resumed (\d+) of (\d+) runs\.", printed)
    assert resumed[0] == resumed[1]
    assert f"The service has started {resumed[0]} runs, each once." in printed
    assert "Deleted 1 of 1 run." in printed
    assert "token accepted        yes" in printed
