"""What the page says of each run: a row to search and sort, and details to open."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

from upstash_workflow_dlq import FailedRun
from upstash_workflow_dlq.triage import fingerprint, kept_for, workflow_path

from ._text import clipped, one_line, visible

# Characters that are shown: of the failure in a row, where the search looks at it; of the texts of details; of a line.
IN_A_ROW = 300
IN_A_TEXT = {"message": 2_000, "stack": 4_000, "body": 2_000}
IN_A_LINE = 500
STEPS = 50
# A body that is longer is not indented.
INDENTED = 50_000

UNREADABLE = "(unreadable)"
LEFT_OUT = "left out of this page"
FACTS = (
    *("dlq_id", "workflow_run_id", "workflow_url", "url", "method", "response_status", "entered_at", "created_at"),
    *("workflow_created_at", "caller_ip", "max_retries", "retry_delay_expression", "flow_control_key", "parallelism"),
    *("rate", "period", "failure_callback", "redacted"),
)


def read(run: Any, name: str, otherwise: Any = None) -> Any:
    """An attribute; what is said instead if it is of a wrong type."""
    try:
        return getattr(run, name)
    except ValueError:  # InvalidResponseError is one
        return otherwise


def moment_of(run: FailedRun) -> datetime | None:
    """When it failed, as `triage` counts it."""
    moment: datetime | None = read(run, "entered_at") or read(run, "created_at")
    return moment


def ends_at(run: FailedRun, now: datetime, retention: timedelta | None) -> datetime | None:
    """When the service drops it: not before, if the retention is unknown."""
    entered = read(run, "entered_at")
    try:
        return None if entered is None else now + kept_for(now - entered, retention)
    except OverflowError:
        return None


def milliseconds(moment: datetime | None) -> int | None:
    return None if moment is None else round(moment.timestamp() * 1000)


def row(run: FailedRun, now: datetime, retention: timedelta | None) -> dict[str, Any]:
    failure = read(run, "failure")
    return {
        "at": milliseconds(moment_of(run)),
        "workflow": one_line(workflow_path(run), IN_A_LINE),
        "failure": UNREADABLE if failure is None else one_line(str(failure), IN_A_ROW),
        "status": read(run, "response_status"),
        "labels": [one_line(label, IN_A_LINE) for label in read(run, "labels", ())],
        "ends": milliseconds(ends_at(run, now, retention)),
        "id": one_line(str(read(run, "dlq_id", UNREADABLE) or ""), IN_A_LINE),
        "run": one_line(str(read(run, "workflow_run_id", UNREADABLE) or ""), IN_A_LINE),
        "group": fingerprint(run),
    }


def details(run: FailedRun, *, bodies: bool) -> dict[str, Any]:
    """`facts`: names and values. `texts`: headings, texts, and what is to be said of each."""
    facts = [(name.replace("_", " "), _fact(read(run, name, UNREADABLE))) for name in FACTS]
    function = read(run, "failure_function")
    if function is not None:
        facts.append(("failure function", _fact(read(function, "state", UNREADABLE))))
    failure = read(run, "failure")
    texts = [
        ("Message", *_text(failure.message if failure else UNREADABLE, IN_A_TEXT["message"])),
        ("Stack", *_text(read(run, "stack", UNREADABLE), IN_A_TEXT["stack"])),
        ("Steps done", *_steps(read(run, "steps", UNREADABLE), bodies=bodies)),
        *(_bodies(run) if bodies else [("Bodies", "", LEFT_OUT)]),
    ]
    return {"facts": [fact for fact in facts if fact[1]], "texts": [text for text in texts if text[1] or text[2]]}


def _bodies(run: FailedRun) -> Iterator[tuple[str, str, str]]:
    given, body = read(run, "initial_payload", UNREADABLE), read(run, "body", UNREADABLE)
    yield ("Input of the run", *_body(given, IN_A_TEXT["body"]))
    if not given and read(run, "steps") == ():
        yield ("Request body", *_body(body, IN_A_TEXT["body"]))
    yield ("Response body", *_body(read(run, "response_body", UNREADABLE), IN_A_TEXT["body"]))
    function = read(run, "failure_function")
    if function is not None:
        answer = read(function, "response_body", UNREADABLE)
        yield ("Response to the failure function", *_body(answer, IN_A_TEXT["body"]))


def _fact(value: Any) -> str:
    if value is None or value == ():
        return ""
    if isinstance(value, datetime):
        return value.isoformat(" ", "milliseconds").replace("+00:00", " UTC")
    return one_line(", ".join(value) if isinstance(value, tuple) else str(value), IN_A_LINE)


def _text(text: str | None, most: int) -> tuple[str, str]:
    """The beginning, and how much that is of it."""
    if not text:
        return "", ""
    shown = text[:most]
    return visible(shown), f"the first {most:,} of {len(text):,} characters" if len(text) > most else ""


def _body(body: bytes | str | None, most: int) -> tuple[str, str]:
    """JSON indented, text as it is, anything else by its size."""
    if not isinstance(body, bytes):
        return _text(body, most)
    try:
        text = body.decode()
    except UnicodeDecodeError:
        return "", f"{len(body):,} byte{'s' * (len(body) != 1)}, not text"
    if text.startswith("REDACTED:"):
        return "", f"redacted by the service; SHA-256 {one_line(text.removeprefix('REDACTED:'), 100)}"
    if len(text) <= INDENTED and text[:1] in ("{", "["):
        with suppress(ValueError, RecursionError):
            text = json.dumps(json.loads(text), indent=2, ensure_ascii=False)
    return _text(text, most)


def _steps(steps: Any, *, bodies: bool) -> tuple[str, str]:
    if isinstance(steps, str):
        return steps, ""
    note = f"the first {STEPS} of {len(steps):,}" if len(steps) > STEPS else ""
    return "\n".join(_lines(steps[:STEPS], bodies=bodies)), note


def _lines(steps: Any, *, bodies: bool) -> Iterator[str]:
    for step in steps:
        line = f"{step.id:3}  {one_line(step.name, 100)} ({one_line(step.type, 100)})"
        if step.is_plan:
            line += "  planned"
        elif bodies:
            try:
                line += f"  {visible(json.dumps(step.output, ensure_ascii=False))}"
            except (ValueError, RecursionError):
                line += f"  {UNREADABLE}"
        yield clipped(line, 300)
