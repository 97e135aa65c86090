"""Whether the pictures in docs/ are what the code draws now, as `nox -s docs` asks."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from conftest import ROOT

from tools.pictures.__main__ import stale
from tools.pictures.likeness import difference, elements

NIGHT = (ROOT / "docs" / "night.svg").read_text("utf-8")
REDRIVE = (ROOT / "docs" / "redrive.svg").read_text("utf-8")


def test_what_the_commands_print_is_read_line_by_line() -> None:
    lines = elements(NIGHT)
    for text in ("$ upstash-dlq summary --limit 5", "250 failed runs in 60 groups", "Resumed 64 of 64 runs."):
        assert len([line for line in lines if line.endswith(f">{text}</text>")]) == 1


def test_figures_that_are_drawn_as_paths_are_read_too() -> None:
    assert any("bulk resume: 18,380 failed again" in line for line in elements(REDRIVE))


def test_another_day_is_no_difference() -> None:
    dates = re.compile(r"20\d\d-\d\d-\d\d")
    assert len(dates.findall(NIGHT)) > 20
    later = re.sub(r"\b\d{13}-\d", "1999999999999-7", dates.sub("2031-01-02", NIGHT)).replace("▅", "▁")
    assert later != NIGHT
    assert difference(NIGHT, later) == ""


@pytest.mark.parametrize(
    ("picture", "old", "new"),
    [
        (NIGHT, "<text", '<text display="none"'),
        (NIGHT, 'fill="#', 'fill="#1'),
        (REDRIVE, "stroke: #", "stroke: #1"),
        (REDRIVE, "L 1", "L 2"),
    ],
)
def test_another_drawing_is_a_difference(picture: str, old: str, new: str) -> None:
    assert old in picture
    assert difference(picture, picture.replace(old, new, 1))


def test_a_picture_that_is_missing_is_said(tmp_path: Path) -> None:
    (tmp_path / "drawn").mkdir()
    (tmp_path / "drawn" / "night.svg").write_text(NIGHT, "utf-8")
    assert list(stale(tmp_path / "drawn", tmp_path)) == [f"{tmp_path / 'night.svg'} is missing: run nox -s record"]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("Resumed&#160;64&#160;of&#160;64", "Resumed&#160;63&#160;of&#160;64"),
        ("labels", "label"),
        ("████████&#160;", "███████&#160;&#160;"),
    ],
)
def test_another_text_is_a_difference(old: str, new: str) -> None:
    assert old in NIGHT
    found = difference(NIGHT, NIGHT.replace(old, new))
    assert old.split("&")[0] in found


def test_a_stale_picture_says_what_to_run(tmp_path: Path) -> None:
    committed, drawn = tmp_path / "docs", tmp_path / "drawn"
    for folder, figure in ((committed, "18,380"), (drawn, "18,381")):
        folder.mkdir()
        (folder / "night.svg").write_text(NIGHT, "utf-8")
        (folder / "redrive.svg").write_text(REDRIVE.replace("18,380", figure), "utf-8")
    [problem] = stale(drawn, committed)
    assert problem.splitlines()[0] == f"{committed / 'redrive.svg'} is not what the code draws now: run nox -s record"
    assert "bulk resume: 18,380 failed again" in problem
    assert "bulk resume: 18,381 failed again" in problem
    assert list(stale(committed, committed)) == []
