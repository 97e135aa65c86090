"""`upstash-dlq show`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import click

from .._cells import cell, many, plain, safe_lines
from .._exits import Exit, say
from .._options import Command, output, retention, with_session
from .._output import as_json, emit
from .._screen import expires_in, shows_tables
from .._session import Session
from .._sources import Source, queue

if TYPE_CHECKING:
    from upstash_workflow_dlq import FailedRun

# Lines of a body or a stack. -o json has all of it.
MOST_LINES = 200
MOST_CHARACTERS = 20_000
# Of one line, such as a failure's message.
LONGEST_LINE = 2_000
CUT = "… (cut; -o json has all of it)"


@click.command(
    "show",
    short_help="Everything about one run.",
    cls=Command,
    epilog="""
    upstash-dlq show 1752829295505-0
    upstash-dlq show 1752829295505-0 -o json
    """,
)
@click.argument("dlq_ids", nargs=-1, required=True, metavar="DLQ_ID...")
@retention
@output("table", "json")
@with_session
def command(session: Session, dlq_ids: tuple[str, ...], retention: timedelta | None, output: str) -> int:
    """Everything about a run: why it failed, the request and the response, the steps that were done, when it expires.

    JSON is the payload as it was received: an object for one id, a list for several.
    """
    return look(session, queue(session), dlq_ids, retention, output)


def look(
    session: Session,
    source: AbstractContextManager[Source],
    dlq_ids: tuple[str, ...],
    retention: timedelta | None,
    output: str,
) -> int:
    found, missing = [], []
    with source as there:
        for dlq_id in dict.fromkeys(dlq_ids):
            run = there.find(dlq_id)
            if run is None:
                missing.append(dlq_id)
            else:
                found.append(run)
    if output == "json" and found:
        documents = [run.to_dict() for run in found]
        emit(as_json(documents if len(dlq_ids) > 1 else documents[0], indent=2))
    elif found:
        for number, run in enumerate(found):
            if number:
                emit()
            _show(session, run, retention)
    for dlq_id in missing:
        say(f"upstash-dlq: there is no failed run {cell(dlq_id)!r}: {there.absent}")
    if not missing:
        return Exit.DONE
    return Exit.PARTLY if found else Exit.FAILED


def _show(session: Session, run: FailedRun, retention: timedelta | None) -> None:
    has_color = session.has_color and shows_tables()
    for heading, lines in _sections(run, retention):
        shown = [line for line in lines if line.strip()]
        if shown:
            emit(click.style(heading, bold=True) if has_color else heading)
            for line in lines:
                emit(f"  {line}".rstrip())


def _sections(run: FailedRun, retention: timedelta | None) -> Iterator[tuple[str, list[str]]]:
    yield (
        f"Failed run {_one_line(run, 'dlq_id')}",
        _table(
            run,
            *("failure", "response_status", "workflow_url", "workflow_run_id", "labels", "entered_at", "created_at"),
            *("workflow_created_at", "caller_ip", "max_retries", "retry_delay_expression", "flow_control_key"),
            *("parallelism", "rate", "period", "failure_callback", "redacted"),
            expires=expires_in(run, retention),
        ),
    )
    yield "Stack", _text(_read(run, "stack"))
    yield "Steps done", list(_steps(run))
    yield "Request", [*_table(run, "method", "url"), *_headers(run, "headers")]
    yield "Input of the run", _body(_read(run, "initial_payload"))
    if _read(run, "steps") == ():
        body = _read(run, "body")
        if body != _read(run, "initial_payload"):
            yield "Body", _body(body)
    yield "Response", _headers(run, "response_headers")
    yield "Response body", _body(_read(run, "response_body"))
    yield "Failure function", list(_failure_function(run))
    yield "More that the service sent", _text(as_json(_read(run, "extra"), indent=2)) if _read(run, "extra") else []


def _read(run: Any, name: str) -> Any:
    from upstash_workflow_dlq import InvalidResponseError

    try:
        return getattr(run, name)
    except InvalidResponseError as error:
        return f"(unreadable: {error})"


def _one_line(run: Any, name: str) -> str:
    return " ".join(safe_lines(cell(_read(run, name))))


def _table(run: Any, *names: str, **more: str) -> list[str]:
    values = {name: _read(run, name) for name in names} | more
    shown = {name: " ".join(safe_lines(cell(value))) for name, value in values.items() if value not in (None, "", ())}
    width = max((len(name) for name in shown), default=0)
    return [f"{name.replace('_', ' '):{width}}  {_cut(text)}" for name, text in shown.items()]


def _headers(run: Any, name: str) -> list[str]:
    found = _read(run, name)
    if isinstance(found, str):
        return _text(found)
    return [_cut(line) for key, value in found.multi_items() for line in safe_lines(f"{key}: {value}")]


def _cut(line: str) -> str:
    return line if len(line) <= LONGEST_LINE else f"{line[:LONGEST_LINE]}{CUT}"


def _text(text: str | None) -> list[str]:
    if not text:
        return []
    lines = [_cut(line) for line in safe_lines(text[:MOST_CHARACTERS])]
    cut = len(lines) > MOST_LINES or len(text) > MOST_CHARACTERS
    return [*lines[:MOST_LINES], *([CUT] if cut else [])]


def _body(body: Any) -> list[str]:
    """JSON indented, text as it is, anything else by its size."""
    import json

    if not isinstance(body, bytes):
        return _text(body)
    try:
        text = body.decode()
    except UnicodeDecodeError:
        return [f"{many(len(body), 'byte')}, not text; -o json has them in base64"]
    if text.startswith("REDACTED:"):
        return [f"redacted by the service; SHA-256 {' '.join(safe_lines(text.removeprefix('REDACTED:')))}"]
    try:
        return _text(json.dumps(json.loads(text), indent=2, ensure_ascii=False))
    except (ValueError, RecursionError):
        return _text(text)


def _steps(run: FailedRun) -> Iterator[str]:
    steps = _read(run, "steps")
    if isinstance(steps, str):
        yield from _text(steps)
        return
    for step in steps:
        result = "planned" if step.is_plan else " ".join(safe_lines(as_json(plain(step.output))))[:200]
        yield f"{step.id:3}  {' '.join(safe_lines(step.name))} ({' '.join(safe_lines(step.type))})  {result}"
    if steps:
        yield "     then it failed"


def _failure_function(run: FailedRun) -> Iterator[str]:
    function = _read(run, "failure_function")
    if isinstance(function, str):
        yield from _text(function)
    elif function is not None:
        yield from _table(function, "state", "response_status")
        yield from _body(_read(function, "response_body"))
