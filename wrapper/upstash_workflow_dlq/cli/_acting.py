"""Resume, restart and delete: which runs, the question, and what became of each of them."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ._asking import confirm, refuse_without_an_answer
from ._cells import plain, safe
from ._exits import Exit, Stopped, say
from ._options import FilteringCommand, dry_run, filters, options, output, with_session, yes
from ._output import as_json, emit
from ._screen import progress
from ._selection import Selection
from ._session import Session
from ._summaries import Reading, draw, show

if TYPE_CHECKING:
    from upstash_workflow_dlq import DLQClient, FailedRun, StartedRun

# To see what more ids than that are, the whole queue is read in parallel, instead of one after the other.
MOST_SINGLE_LOOKUPS = 200
MOST_GROUPS = 10
# The most runs of one request. Of so many, some may turn out to be gone.
BATCH = 100

DONE = {"resume": "resumed", "restart": "restarted", "delete": "deleted"}

overrides = options(
    click.option("--retries", type=int, metavar="N", help="Retry each step so often."),
    click.option("--delay", metavar="SPAN", help="Wait before the start, such as 10s or 5m."),
    click.option(
        "--retry-delay", metavar="EXPR", help='Milliseconds between retries, such as "pow(2, retried) * 1000".'
    ),
    click.option("--flow-key", metavar="KEY", help="Flow control key; its limits are the next three."),
    click.option("--parallelism", type=int, metavar="N", help="Steps at once."),
    click.option("--rate-limit", type=int, metavar="N", help="Starts in each period."),
    click.option("--period", metavar="SPAN", help="Length of a period, such as 1m."),
    click.option("--set-label", multiple=True, metavar="LABEL", help="Labels of the new runs. Repeatable."),
    click.option("--failure-url", metavar="URL", help="Called if the new run fails for good."),
)


def command(verb: str, help: str, epilog: str) -> click.Command:
    """The command that does this to failed runs."""

    def act(session: Session, **given: Any) -> int:
        return _run(session, verb, given)

    starts = verb != "delete"
    decorated: Any = with_session(act)
    for option in reversed(
        [
            click.argument("dlq_ids", nargs=-1, metavar="[DLQ_ID]..."),
            click.option("--from", "source", metavar="FILE|-", help="Ids, one in a line."),
            click.option("--all", "everything", is_flag=True, help="The whole queue."),
            filters,
            *([overrides] if starts else []),
            dry_run,
            yes,
            click.option("--save", metavar="FILE", help="Where to put the ids that remain if it stops midway."),
            output(*(("table", "json", "jsonl", "ids") if starts else ("table", "json"))),
        ]
    ):
        decorated = option(decorated)
    return click.command(verb, cls=FilteringCommand, help=help, epilog=epilog)(decorated)


@dataclass
class Target:
    """What was selected: ids, and the runs where they have been read."""

    ids: list[str]
    runs: list[FailedRun] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)


@dataclass
class Outcome:
    done: int = 0
    started: list[StartedRun] = field(default_factory=list)
    gone: int = 0
    remaining: tuple[str, ...] = ()
    error: BaseException | None = None

    @property
    def is_interrupted(self) -> bool:
        return isinstance(self.error, KeyboardInterrupt)


def _run(session: Session, verb: str, given: dict[str, Any]) -> int:
    selection = Selection.taken_from(given)
    how = _overrides(given) if verb != "delete" else {}
    named = _named(given["dlq_ids"], given["source"])
    _check_target(named, selection, given["everything"])
    is_sure, only_looks, form, save = given["yes"], given["dry_run"], given["output"], given["save"]
    refuse_without_an_answer(yes=is_sure, dry_run=only_looks)
    if save is not None:
        _check_folder(save)
    with session.client() as dlq:
        target = _selected(session, dlq, named, selection, look=only_looks or not is_sure)
        for dlq_id in target.missing:
            say(f"upstash-dlq: there is no failed run {safe(dlq_id)}")
        if not target.ids:
            say("No failed runs match; nothing was sent.")
            return Exit.FAILED if target.missing else Exit.DONE
        if only_looks:
            return _look(session, verb, target, form)
        if not is_sure:
            draw(session, Reading().add_all(target.runs), MOST_GROUPS, stderr=True)
            count = len(target.ids)
            by_count = given["everything"] or (verb == "delete" and count > 1)
            confirm(f"{verb.capitalize()} {_runs(count)}?", count=count, type_the_count=by_count)
        outcome = _act(session, dlq, verb, target.ids, how, form)
    return _report(verb, target, outcome, form, save)


def _named(dlq_ids: tuple[str, ...], source: str | None) -> list[str] | None:
    """Ids that were written out; None if there are none."""
    if dlq_ids and source is not None:
        raise click.UsageError("pass ids or --from, not both", click.get_current_context())
    if source is None:
        return list(dict.fromkeys(dlq_ids)) or None
    if source == "-":
        lines = sys.stdin.read().splitlines()
    else:
        try:
            lines = Path(source).read_text("utf-8").splitlines()
        except UnicodeDecodeError:
            raise Stopped(Exit.USAGE, f"--from {source} is not text; it takes ids, one in a line") from None
        except OSError as error:
            raise Stopped(Exit.USAGE, f"--from {source} cannot be read: {error.strerror}") from None
    return list(dict.fromkeys(line.strip() for line in lines if line.strip()))


def _check_target(named: list[str] | None, selection: Selection, everything: bool) -> None:
    given = {"ids": named is not None, "filters": not selection.is_empty, "--all": everything}
    if sum(given.values()) != 1:
        got = " and ".join(name for name, is_given in given.items() if is_given) or "none"
        message = f"pass exactly one of ids (or --from), filters and --all; got {got}"
        raise click.UsageError(message, click.get_current_context())


def _selected(session: Session, dlq: DLQClient, named: list[str] | None, selection: Selection, *, look: bool) -> Target:
    """The ids are fixed here, before anybody is asked."""
    if named is not None and not look:
        return Target(named)
    with progress(session, "Reading") as advance:
        if named is None:
            runs = []
            for number, run in enumerate(selection.runs(dlq, fast=True), start=1):
                runs.append(run)
                if number % 100 == 0:
                    advance(number)
            return _with_ids(runs)
        return _looked_up(dlq, named)


def _with_ids(runs: list[FailedRun]) -> Target:
    from upstash_workflow_dlq import InvalidResponseError

    def id_of(run: FailedRun) -> str | None:
        try:
            return run.dlq_id
        except InvalidResponseError:
            return None

    named = [run for run in runs if id_of(run)]
    if len(named) < len(runs):
        say(f"upstash-dlq: {_runs(len(runs) - len(named))} have no dlq_id, and cannot be acted on")
    return Target([str(run.dlq_id) for run in named], named)


def _looked_up(dlq: DLQClient, ids: list[str]) -> Target:
    from upstash_workflow_dlq import NotFoundError

    found: dict[str, FailedRun] = {}
    if len(ids) > MOST_SINGLE_LOOKUPS:
        wanted = set(ids)
        found = {str(run.dlq_id): run for run in _with_ids(list(dlq.scan())).runs if run.dlq_id in wanted}
    else:
        for dlq_id in ids:
            try:
                found[dlq_id] = dlq.get(dlq_id)
            except NotFoundError:
                continue
    there = [dlq_id for dlq_id in ids if dlq_id in found]
    return Target(there, [found[dlq_id] for dlq_id in there], [dlq_id for dlq_id in ids if dlq_id not in found])


def _look(session: Session, verb: str, target: Target, form: str) -> int:
    if form in ("jsonl", "ids"):
        for run in target.runs:
            emit(as_json(run.to_dict()) if form == "jsonl" else safe(str(run.dlq_id)))
    else:
        show(session, Reading().add_all(target.runs), form, MOST_GROUPS)
    say(f"Dry run: {_runs(len(target.ids))} would be {DONE[verb]}. Nothing was sent but reads.")
    return Exit.PARTLY if target.missing else Exit.DONE


def _act(session: Session, dlq: DLQClient, verb: str, ids: list[str], how: dict[str, Any], form: str) -> Outcome:
    """To the end, or as far as it gets."""
    outcome = Outcome(remaining=tuple(ids))
    with progress(session, verb.capitalize(), len(ids)) as advance:

        def on_batch(batch: Any) -> None:
            if isinstance(batch, int):
                outcome.done += batch
            else:
                outcome.done += len(batch)
                outcome.started += batch
                _print_started(batch, form)
            advance(outcome.done + outcome.gone)

        call: Callable[..., Any] = getattr(dlq, f"{verb}_many")
        try:
            while outcome.remaining:
                _step(dlq, call, outcome, on_batch, how)
        except (Exception, KeyboardInterrupt) as error:
            if not (outcome.done or outcome.gone) and not _is_midway(error):
                raise
            outcome.error = error
    return outcome


def _step(dlq: DLQClient, call: Callable[..., Any], outcome: Outcome, on_batch: Any, how: dict[str, Any]) -> None:
    """All that remain, in one call. Where some are gone, look which they are, and leave them out."""
    from upstash_workflow_dlq import BulkError, NotFoundError, bulk_progress

    asked = outcome.remaining
    before = outcome.done
    try:
        call(dlq_ids=list(asked), on_batch=on_batch, **how)
    except NotFoundError:
        _leave_out_the_gone(dlq, outcome)
    except BulkError as error:
        outcome.remaining = error.remaining
        if not isinstance(error.__cause__, NotFoundError):
            raise
        _leave_out_the_gone(dlq, outcome)
    except KeyboardInterrupt as interrupt:
        made = bulk_progress(interrupt)
        outcome.remaining = made.remaining if made is not None else asked
        raise
    else:
        outcome.remaining = ()
        # Deleting by ids counts, and does not mind those that are gone.
        outcome.gone += len(asked) - (outcome.done - before)


def _leave_out_the_gone(dlq: DLQClient, outcome: Outcome) -> None:
    """Of the batch that was refused as a whole."""
    batch, rest = outcome.remaining[:BATCH], outcome.remaining[BATCH:]
    looked = _looked_up(dlq, list(batch))
    if not looked.missing:
        raise Stopped(Exit.FAILED, "the service says that some runs are gone, and has them all: try again")
    outcome.gone += len(looked.missing)
    outcome.remaining = (*looked.ids, *rest)


def _is_midway(error: BaseException) -> bool:
    from upstash_workflow_dlq import BulkError

    # Then even the first request may have done something.
    return isinstance(error, BulkError | KeyboardInterrupt)


def _print_started(batch: Iterable[StartedRun], form: str) -> None:
    for run in batch:
        if form == "jsonl":
            emit(as_json({name: plain(value) for name, value in run._asdict().items()}))
        elif form == "ids":
            emit(safe(run.workflow_run_id))
    sys.stdout.flush()


def _report(verb: str, target: Target, outcome: Outcome, form: str, save: str | None) -> int:
    asked = len(target.ids) + len(target.missing)
    gone = outcome.gone + len(target.missing)
    if form == "json":
        started = {"started": [plain(run) for run in outcome.started]} if verb != "delete" else {}
        counts = {DONE[verb]: outcome.done, "gone": gone, "remaining": list(outcome.remaining)}
        emit(as_json({**counts, **started}, indent=2))
    text = f"{DONE[verb].capitalize()} {outcome.done:,} of {_runs(asked)}."
    if gone:
        text += f" {gone:,} were gone already: expired, or resumed or deleted by somebody else."
    (emit if form == "table" else say)(text)
    if outcome.error is not None:
        say(f"upstash-dlq: {safe(str(outcome.error)) or 'interrupted'}")
    if outcome.remaining:
        _keep(outcome.remaining, save)
    if outcome.is_interrupted:
        return Exit.INTERRUPTED
    if outcome.error is None and not gone:
        return Exit.DONE
    return Exit.PARTLY if outcome.done or outcome.gone or outcome.remaining != tuple(target.ids) else Exit.FAILED


def _keep(remaining: tuple[str, ...], save: str | None) -> None:
    """The ids that remain. Those of a request without an answer are among them: if they were done, they are gone."""
    count = _runs(len(remaining))
    if save is None:
        again = "run the same command again: what was done has left the queue"
        say(f"{count} remain. To go on, {again}. (--save FILE keeps their ids.)")
        return
    try:
        write_aside(Path(save), "".join(f"{dlq_id}\n" for dlq_id in remaining))
    except OSError as error:
        say(f"upstash-dlq: --save {save} cannot be written ({error.strerror}); the ids that remain:")
        for dlq_id in remaining:
            say(safe(dlq_id))
    else:
        say(f"{count} remain; their ids are in {save}: go on with --from {save}")


def write_aside(path: Path, text: str) -> None:
    """Whole, or not at all."""
    import tempfile

    handle, aside = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.absolute().parent)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        os.replace(aside, path)
    except BaseException:
        os.unlink(aside)
        raise


def _check_folder(save: str) -> None:
    folder = Path(save).absolute().parent
    if not folder.is_dir() or not os.access(folder, os.W_OK) or Path(save).is_dir():
        raise Stopped(Exit.USAGE, f"--save {save} cannot be written there; nothing was sent")


def _overrides(given: dict[str, Any]) -> dict[str, Any]:
    """What the new runs do differently, as the client takes it."""
    from upstash_workflow_dlq import FlowControl

    flow = {name: given.pop(option) for name, option in _FLOW.items()}
    how = {name: given.pop(option) for name, option in _OVERRIDES.items()}
    how["label"] = list(how["label"]) or None
    if flow["key"] is not None:
        how["flow_control"] = FlowControl(**flow)
    elif any(value is not None for value in flow.values()):
        message = "--parallelism, --rate-limit and --period are limits of a key: pass --flow-key"
        raise click.UsageError(message, click.get_current_context())
    chosen = {name: value for name, value in how.items() if value is not None}
    return {"overrides": chosen} if chosen else {}


_FLOW = {"key": "flow_key", "parallelism": "parallelism", "rate": "rate_limit", "period": "period"}
_OVERRIDES = {
    "retries": "retries",
    "delay": "delay",
    "retry_delay": "retry_delay",
    "label": "set_label",
    "failure_callback": "failure_url",
}


def _runs(count: int) -> str:
    return f"{count:,} run{'s' * (count != 1)}"
