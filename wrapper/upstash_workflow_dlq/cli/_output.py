"""Formats of runs on stdout: JSON, CSV, TSV, ids, and tables for pipes. `_screen` has those for people."""

from __future__ import annotations

import csv
import io
import json
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import click

from ._cells import are, cell, many, plain, safe, spreadsheet
from ._exits import say, writing

if TYPE_CHECKING:
    from upstash_workflow_dlq import FailedRun

FORMATS = ("table", "json", "jsonl", "csv", "tsv", "ids")
FIELDS = ("entered_at", "workflow_url", "failure", "response_status", "labels", "dlq_id")


def emit(text: str = "") -> None:
    """A line on stdout, in whatever encoding it has."""
    with writing():
        sys.stdout.write(f"{text}\n")


def as_json(value: Any, *, indent: int | None = None) -> str:
    """In UTF-8, as JSON is; where stdout has another encoding, or a letter is half of a surrogate pair, in ASCII."""
    if (getattr(sys.stdout, "encoding", None) or "").lower().replace("-", "") == "utf8":
        text = json.dumps(value, ensure_ascii=False, indent=indent)
        if is_unicode(text):
            return text
    return json.dumps(value, indent=indent)


def is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


class Fields:
    """Some attributes of runs."""

    def __init__(self, names: Sequence[str], retention: timedelta | None = None) -> None:
        self.names = tuple(names)
        self._retention = retention
        self.unreadable = 0

    @classmethod
    def parse(cls, text: str | None, retention: timedelta | None) -> Fields | None:
        """Of `--fields a,b`; None if it is not given."""
        if text is None:
            return None
        known = field_names()
        names = [name.strip() for name in text.split(",")]
        for name in names:
            if name not in known:
                from difflib import get_close_matches

                like = get_close_matches(name, known, n=1)
                hint = f"did you mean {like[0]}?" if like else f"there are {', '.join(known)}"
                raise click.UsageError(f"there is no field {name!r}; {hint}", click.get_current_context())
        if "expires_at" in names and retention is None:
            raise click.UsageError("expires_at needs --retention: how long your plan keeps failed runs")
        return cls(names, retention)

    def values(self, run: Any) -> list[Any]:
        return [self._value(run, name) for name in self.names]

    def _value(self, run: Any, name: str) -> Any:
        from upstash_workflow_dlq import InvalidResponseError

        try:
            value = getattr(run, name)
            return value(self._retention) if name == "expires_at" else value
        except InvalidResponseError:
            self.unreadable += 1
            return None


def field_names() -> list[str]:
    """FailedRun's attributes, those that the spec has gained included."""
    from upstash_workflow_dlq import FailedRun

    left_out = {"to_dict", "to_json", "from_json", "response_json", "message"}
    return [name for name in dir(FailedRun({})) if not name.startswith("_") and name not in left_out]


def write_runs(runs: Iterable[Any], form: str, fields: Fields | None) -> None:
    """Nothing is kept: a queue may be larger than the memory."""
    chosen = fields or Fields(FIELDS)
    if form in ("json", "jsonl"):
        documents = (run.to_dict() if fields is None else _chosen(run, fields) for run in runs)
        lines = _json(documents) if form == "json" else map(as_json, documents)
    else:
        lines = _ROWS[form](runs, chosen)
    for line in lines:
        emit(line)
    if chosen.unreadable:
        say(f"{are(chosen.unreadable, 'field')} of a wrong type, and left empty; -o json has them as they came")


def _chosen(run: FailedRun, fields: Fields) -> dict[str, Any]:
    return dict(zip(fields.names, map(plain, fields.values(run)), strict=True))


def _json(documents: Iterable[dict[str, Any]]) -> Iterator[str]:
    """One list, a document in a line."""
    before = None
    for document in documents:
        yield "[" if before is None else f"  {before},"
        before = as_json(document)
    yield "[]" if before is None else f"  {before}\n]"


def _csv(runs: Iterable[FailedRun], fields: Fields) -> Iterator[str]:
    for cells in _rows_for_spreadsheets(runs, fields):
        line = io.StringIO()
        csv.writer(line, lineterminator="").writerow(cells)
        yield line.getvalue()


def _tsv(runs: Iterable[FailedRun], fields: Fields) -> Iterator[str]:
    # No cell has a tab or the end of a line in it.
    yield from map("\t".join, _rows_for_spreadsheets(runs, fields))


def _rows_for_spreadsheets(runs: Iterable[FailedRun], fields: Fields) -> Iterator[list[str]]:
    yield list(fields.names)
    for run in runs:
        # Numbers are no formulas, whatever their sign.
        yield [str(value) if type(value) in (int, float) else spreadsheet(cell(value)) for value in fields.values(run)]


def _table(runs: Iterable[FailedRun], fields: Fields) -> Iterator[str]:
    """For pipes: whole, separated by tabs, without a heading."""
    for run in runs:
        yield "\t".join(safe(cell(value)) for value in fields.values(run))


def _ids(runs: Iterable[FailedRun], fields: Fields) -> Iterator[str]:
    nameless = 0
    for run in runs:
        (dlq_id,) = Fields(["dlq_id"]).values(run)
        if dlq_id:
            yield safe(dlq_id)
        else:
            nameless += 1
    if nameless:
        say(f"{many(nameless)} without a dlq_id {'is' if nameless == 1 else 'are'} left out")


_ROWS: dict[str, Callable[[Iterable[FailedRun], Fields], Iterator[str]]] = {
    "csv": _csv,
    "tsv": _tsv,
    "table": _table,
    "ids": _ids,
}
