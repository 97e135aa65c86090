"""`summary --plot`: the groups and their times as a picture, by matplotlib (extra `plot`)."""

from __future__ import annotations

import importlib.util
from io import BytesIO
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ._cells import many, safe
from ._exits import Exit, Stopped
from ._keeping import check_output, write_aside
from ._screen import name_of

if TYPE_CHECKING:
    from upstash_workflow_dlq.triage import Summary

MOST_GROUPS = 15


def check(path: str, token_file: str | None) -> None:
    """Before anything is read."""
    if Path(path).suffix.lower() not in (".svg", ".png"):
        raise click.UsageError(f"--plot {path}: the name must end in .svg or .png", click.get_current_context())
    if importlib.util.find_spec("matplotlib") is None:
        raise Stopped(
            Exit.CONFIGURATION, '--plot needs an extra: python -m pip install "upstash-workflow-dlq[cli,plot]"'
        )
    check_output("--plot", path, {"--token-file": token_file})


def draw(summary: Summary, by: str, path: str) -> None:
    import logging
    import warnings

    # Letters that no font has are drawn as boxes; that is no news for stderr.
    logging.getLogger("matplotlib").setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        picture = _drawn(summary, by, Path(path).suffix.lower().removeprefix("."))
    try:
        write_aside(Path(path), picture, mode=0o666)
    except OSError as error:
        raise Stopped(Exit.FAILED, f"--plot {path} cannot be written: {error.strerror or error}") from error


def _drawn(summary: Summary, by: str, form: str) -> bytes:
    from matplotlib.figure import Figure

    shown = summary.groups[:MOST_GROUPS]
    # Not pyplot, which looks for a display.
    figure = Figure(figsize=(10, 2.5 + 0.32 * max(3, len(shown))), layout="constrained")
    groups, times = figure.subplots(2, 1, height_ratios=[max(3, len(shown)), 4])
    names = [_short(name_of(group, by)) for group in shown]
    places = range(len(shown))
    bars = groups.barh(places, [group.count for group in shown], color="#c0392b")
    groups.bar_label(bars, [f"{group.count:,}" for group in shown], padding=3)
    groups.set_yticks(places, names, parse_math=False)
    groups.invert_yaxis()
    groups.set_title(f"{many(summary.total, 'failed run')} in {many(len(summary.groups), 'group')}", loc="left")
    starts = [start for start, _ in summary.timeline]
    if starts:
        width = min((after - before for before, after in pairwise(starts)), default=None)
        times.bar(starts, [count for _, count in summary.timeline], width=width or 0.01, align="edge", color="#7f8c8d")
    times.set_title("when they failed (UTC)", loc="left")
    for axes in (groups, times):
        axes.spines[["top", "right"]].set_visible(False)
    # No date: the same runs give the same file.
    picture = BytesIO()
    figure.savefig(picture, format=form, metadata={"Date": None} if form == "svg" else None)
    return picture.getvalue()


def _short(text: str) -> str:
    shown = safe(text[:200])
    return shown if len(shown) <= 60 else f"{shown[:59]}…"
