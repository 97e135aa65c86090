"""The page: the counts, the newest runs as a table, and one file of it all."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from importlib.resources import files
from itertools import islice

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from upstash_workflow_dlq import FailedRun, __version__

from ._counts import Counts, Largest, bars, length_of_a_bar
from ._runs import details, milliseconds, moment_of, read, row
from ._text import json_in_html, one_line

MOST_ROWS = 10_000
# A browser reads the details of so many runs when one of them is opened.
PART = 100
# Characters of all details together. Beyond them runs come without bodies, which are most of it; the newest come first.
BUDGET = 25_000_000


def render(
    runs: Iterable[FailedRun],
    *,
    title: str = "Failed runs",
    retention: timedelta | None = None,
    rows: int | None = MOST_ROWS,
    bodies: bool = True,
    generated_at: datetime | None = None,
) -> str:
    """A page of HTML that needs nothing else. Write it as UTF-8.

    All runs are counted, as `triage.summarize` counts them. Memory and page grow with the rows, not with the runs.
    Raises `ValueError` for a naive `generated_at`, a `retention` that is not above zero, and `rows` below 0.

    Args:
        runs: any iterable, such as `dlq.scan()`. Runs of an async client are collected first.
        title: what stands at the top.
        retention: how long your plan keeps failed runs. None: unknown, and the page says when they end at the earliest.
        rows: so many runs are in the table, the newest. None: all.
        bodies: whether the table has the bodies of requests and responses, and the results of steps.
        generated_at: an aware datetime that is taken for now.

    ```python
    from datetime import timedelta
    from pathlib import Path

    from upstash_workflow_dlq.report import render

    page = render(dlq.scan(), title="Last night", retention=timedelta(days=7))
    Path("report.html").write_text(page, "utf-8")
    ```
    """
    now = datetime.now(UTC) if generated_at is None else generated_at
    if now.utcoffset() is None:
        raise ValueError(f"generated_at {now} has no time zone: add tzinfo")
    if retention is not None and retention <= timedelta():
        raise ValueError(f"retention is {retention}; it must be longer than nothing")
    if rows is not None and rows < 0:
        raise ValueError(f"rows is {rows}; it must be at least 0, or None for all")
    counts = Counts(now.astimezone(UTC), retention)
    newest = Largest(rows)
    for run in counts.each(runs):
        newest.add(_age(run), run)
    shown = newest.runs()
    room = files(__package__)
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters.update(moment=_moment, hash=_hash)
    summary = counts.summary()
    page = environment.from_string(room.joinpath("page.html").read_text("utf-8")).render(
        title=one_line(title, 200),
        version=__version__,
        counts=counts,
        summary=summary,
        bars=bars(summary),
        length_of_a_bar=length_of_a_bar(summary),
        kinds=list(counts.kinds()),
        script=Markup(room.joinpath("page.js").read_text("utf-8")),  # noqa: S704 - ours
        rows=json_in_html([row(run, counts.now, retention) for run in shown]),
        shown=len(shown),
        parts=_parts(shown, bodies=bodies),
        size_of_a_part=PART,
        now=milliseconds(counts.now),
    )
    # Halves of surrogate pairs are no UTF-8. This is how JSON writes them.
    return page.encode("utf-8", "backslashreplace").decode()


def _age(run: FailedRun) -> tuple[float, int, str]:
    """The newest has the largest. Of one millisecond it is the id with the highest number, as in `triage`."""
    moment, dlq_id = moment_of(run), read(run, "dlq_id") or ""
    return moment.timestamp() if moment else float("-inf"), len(dlq_id), dlq_id


def _parts(runs: list[FailedRun], *, bodies: bool) -> Iterator[Markup]:
    left = BUDGET
    remaining = iter(runs)
    while part := list(islice(remaining, PART)):
        written = json_in_html([details(run, bodies=bodies and left > 0) for run in part])
        left -= len(written)
        yield written


def _moment(moment: datetime | None, length: int = 16) -> str:
    return "" if moment is None else moment.isoformat(" ")[:length]


def _hash(content: str) -> str:
    """What a Content-Security-Policy allows an inline element by."""
    return f"'sha256-{b64encode(sha256(content.encode()).digest()).decode()}'"
