"""Draws a report as Chromium shows it."""

from __future__ import annotations

import subprocess
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

from upstash_workflow_dlq import FailedRun
from upstash_workflow_dlq.emulator import failed_runs
from upstash_workflow_dlq.report import render

NEWEST = datetime(2026, 11, 26, 3, tzinfo=UTC)
SIZE = "1280,1800"


def draw(picture: Path, chromium: str) -> None:
    page = render(
        map(FailedRun, failed_runs(500, newest=int(NEWEST.timestamp() * 1000))),
        title="Failed runs of the night",
        retention=timedelta(days=3),
        generated_at=NEWEST + timedelta(hours=4),
    )
    picture.unlink(missing_ok=True)
    # Beside the picture: as a snap, Chromium reads and writes neither temporary nor hidden folders.
    with tempfile.TemporaryDirectory(prefix="chromium-", dir=picture.parent, ignore_cleanup_errors=True) as folder:
        file = Path(folder, "report.html").resolve()
        file.write_text(page, "utf-8")
        command = [
            chromium,
            "--headless",
            "--no-sandbox",  # in containers, where this runs as root, Chromium has none; the page is our own
            "--hide-scrollbars",
            f"--user-data-dir={file.parent / 'profile'}",
            f"--window-size={SIZE}",
            f"--screenshot={picture.resolve()}",
            file.as_uri(),
        ]
        ran = subprocess.run(command, capture_output=True, text=True, timeout=120)  # noqa: S603
    if not picture.exists():
        raise SystemExit(f"{chromium} drew no picture (CHROMIUM names another browser): {ran.stderr[-2000:]}")
