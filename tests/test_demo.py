"""The demo does what it prints."""

from __future__ import annotations

import re
import runpy
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[1] / "examples"


def test_the_demo_lists_groups_shows_deletes_and_resumes(capsys: pytest.CaptureFixture[str]) -> None:
    runpy.run_path(str(EXAMPLES / "triage.py"), run_name="__main__")
    printed = capsys.readouterr().out
    assert "250 failed runs at http://127.0.0.1:" in printed
    assert 'the label "billing" or "email"' in printed
    assert "message_id           msg_26hZCxZCuWyyTWPmSVBrNC1RADwpgWxPcak2rQD51EMjFMuzcW7qYXpPiDyw8Gd" in printed
    assert "WorkflowNonRetryableError: this workflow has stopped" in printed
    assert "gone: HTTP 404" in printed
    assert "250 failed runs before, 249 now" in printed
    would = re.search(r"would resume (\d+) billing runs", printed)
    assert would is not None
    count = int(would[1])
    assert f"  50 of {count}" in printed
    assert f" {count} of {count}" in printed
    assert f"0 billing runs are left, {249 - count} in all. The service started {count}, each once." in printed
