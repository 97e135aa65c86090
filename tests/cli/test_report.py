"""`upstash-dlq report`: the page of a selection, in one file or in none."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from command_line import Cli
from report_page import ReportPage
from upstash_workflow_dlq import FailedRun
from upstash_workflow_dlq.archive import Archive
from upstash_workflow_dlq.emulator import Emulator, failed_runs, faults


def test_its_numbers_are_those_of_the_summary_and_of_its_picture(
    cli: Cli, queue: Emulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("matplotlib")
    drawn: list[Any] = []
    monkeypatch.setattr("upstash_workflow_dlq.cli._plot.draw", lambda summary, by, path: drawn.append(summary))
    filters = ("--since", "2025-07-18T08:00:00Z", "--retention", "3d")
    path = tmp_path / "report.html"
    result = cli("report", "-o", str(path), *filters)
    page = ReportPage(path.read_text("utf-8"))
    for by in ("failure", "workflow", "label"):
        summary = cli("summary", "--by", by, "-o", "json", "--plot", "a.svg", *filters).json
        assert page.groups(by) == {group["key"]: group["count"] for group in summary["groups"]}
        assert page.groups(by) == {group.key: group.count for group in drawn[-1].groups}
        assert len(page.groups(by)) > 5
        assert page.figure("total") == summary["total"] == len(page.rows)
        assert page.figure("expiring") == summary["expiring_within_a_day"]
        timeline = [(span["start"], span["count"]) for span in summary["timeline"] if span["count"]]
        assert page.timeline == [(start[:16].replace("T", " "), count) for start, count in timeline]
        assert page.timeline == [(f"{start:%Y-%m-%d %H:%M}", n) for start, n in drawn[-1].timeline if n]
    assert (result.status, result.out, result.err) == (0, "", f"{len(page.rows)} failed runs in {path}.\n")


def test_an_old_report_is_replaced_whole_or_not_at_all(cli: Cli, queue: Emulator, tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    path.write_text("old")
    queue.fail(faults.status(400), times=9)
    assert cli("report", "-o", str(path)).status == 1
    assert [file.read_text() for file in tmp_path.iterdir()] == ["old"]


@pytest.mark.parametrize("name", ["json", "-", "none/report.html", "folder.html"])
def test_bad_places_are_refused_before_anything_is_sent(
    cli: Cli, queue: Emulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("folder.html").mkdir()
    assert cli("report", "-o", name).error.startswith(f"upstash-dlq: -o {name}")
    assert cli("report", "-o", name).status == 2
    assert queue.requests == []


def test_an_archive_is_not_replaced_by_its_own_report(
    cli: Cli, queue: Emulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert cli("archive", "sync", "a.html").status == 0
    before = Path("a.html").read_bytes()
    result = cli("report", "-o", "./a.html", "--archive", "a.html")
    assert (result.status, "is the same file as --archive a.html" in result.error) == (2, True)
    assert Path("a.html").read_bytes() == before


def test_a_place_is_needed(cli: Cli, queue: Emulator) -> None:
    assert (cli("report").status, queue.requests) == (2, [])


def test_without_the_extra_it_says_which_one_to_install(
    cli: Cli, queue: Emulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    result = cli("report", "-o", str(tmp_path / "report.html"))
    assert (result.status, queue.requests) == (4, [])
    assert (
        result.error == 'upstash-dlq: report needs an extra: python -m pip install "upstash-workflow-dlq[cli,report]"'
    )


def test_its_options_reach_the_page(cli: Cli, queue: Emulator, tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    assert cli("report", "-o", str(path), "--title", "Night & day", "--limit", "5", "--no-bodies").status == 0
    page = ReportPage(path.read_text("utf-8"))
    assert "<h1>Night &amp; day</h1>" in page.source
    assert (len(page.rows), page.figure("total")) == (5, 60)
    assert "Bodies" in page.details[0]["texts"]
    assert cli("report", "-o", str(path), "--limit", "all", "--failure", "HTTP 502").status == 0
    assert {row["failure"] for row in ReportPage(path.read_text("utf-8")).rows} == {"HTTP 502: Bad Gateway"}


def test_it_reads_an_archive_instead_of_the_service(cli: Cli, queue: Emulator, tmp_path: Path) -> None:
    path, kept = tmp_path / "report.html", tmp_path / "kept.db"
    runs = [FailedRun(payload) for payload in failed_runs(400)]
    with Archive(kept) as archive:
        assert len(list(archive.keep(runs, origin="a"))) == 400
    options = ("--archive", str(kept), "--label", "billing", "--failure", "HTTP 502")
    result = cli("report", "-o", str(path), *options)
    assert (result.status, queue.requests) == (0, [])
    assert {row["failure"] for row in ReportPage(path.read_text("utf-8")).rows} == {"HTTP 502: Bad Gateway"}
