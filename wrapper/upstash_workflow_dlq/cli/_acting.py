"""Resume, restart and delete: which runs, the question, and what became of each of them."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

import click

from ._asking import confirm, refuse_without_an_answer
from ._cells import many, plain, safe
from ._exits import Exit, Stopped, discard_output, say
from ._numbers import WHOLE
from ._options import FilteringCommand, dry_run, filters, options, output, with_session, yes
from ._output import as_json, emit
from ._screen import progress
from ._selection import Selection
from ._session import Session
from ._summaries import draw, show
from ._targets import Target, Wanted, check_target, named_ids, say_what_is_left_out, selected, still_there

if TYPE_CHECKING:
    from upstash_workflow_dlq import DLQClient, StartedRun

MOST_GROUPS = 10
# The most runs of one request. Of so many, some may turn out to be gone.
BATCH = 100

DONE = {"resume": "resumed", "restart": "restarted", "delete": "deleted"}

overrides = options(
    click.option("--retries", type=WHOLE, metavar="N", help="Retry each step so often."),
    click.option("--delay", metavar="SPAN", help="Wait before the start, such as 10s or 5m."),
    click.option(
        "--retry-delay", metavar="EXPR", help='Milliseconds between retries, such as "pow(2, retried) * 1000".'
    ),
    click.option("--flow-key", metavar="KEY", help="Flow control key; its limits are the next three."),
    click.option("--parallelism", type=WHOLE, metavar="N", help="Steps at once."),
    click.option("--rate-limit", type=WHOLE, metavar="N", help="Starts in each period."),
    click.option("--period", metavar="SPAN", help="Length of a period, such as 1m."),
    click.option("--set-label", multiple=True, metavar="LABEL", help="Labels of the new runs. Repeatable."),
    click.option("--failure-url", metavar="URL", help="Called if the new run fails for good."),
)


keeping = options(
    click.option("--archive", metavar="FILE", help="Keep a copy there first: what is not in it is not deleted."),
    click.option("--origin", metavar="NAME", help="What this queue is called in the archive. Default: its URL."),
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
            *([overrides] if starts else [keeping]),
            dry_run,
            yes,
            click.option("--save", metavar="FILE", help="Where to put the ids that remain if it stops midway."),
            output(*(("table", "json", "jsonl", "ids") if starts else ("table", "json"))),
        ]
    ):
        decorated = option(decorated)
    return click.command(verb, cls=FilteringCommand, help=help, epilog=epilog)(decorated)


@dataclass
class Outcome:
    done: int = 0
    started: list[StartedRun] = field(default_factory=list)
    gone: int = 0
    remaining: tuple[str, ...] = ()
    error: BaseException | None = None


def _run(session: Session, verb: str, given: dict[str, Any]) -> int:
    selection = Selection.taken_from(given)
    how = _overrides(given) if verb != "delete" else {}
    if session.token_file == given["source"] == "-":  # noqa: S105
        raise click.UsageError("--token-file and --from cannot both be -", click.get_current_context())
    named = named_ids(given["dlq_ids"], given["source"])
    check_target(named, selection, given["everything"])
    archive, origin = given.pop("archive", None), given.pop("origin", None)
    if origin is not None and archive is None:
        raise click.UsageError("--origin is a name in an archive: pass --archive, too", click.get_current_context())
    is_sure, only_looks, form, save = given["yes"], given["dry_run"], given["output"], given["save"]
    refuse_without_an_answer(yes=is_sure, dry_run=only_looks)
    if save is not None:
        from ._keeping import check_place  # pathlib takes a twentieth of a start

        check_place(save)
    with session.client() as dlq, ExitStack() as stack:
        # Of no runs: checks the overrides, and sends nothing.
        getattr(dlq, f"{verb}_many")(dlq_ids=[], **how)
        keep = None
        if archive is not None and not only_looks:
            from upstash_workflow_dlq.archive import Archive

            kept = stack.enter_context(Archive(archive))
            keep = partial(kept.keep, origin=origin or dlq.base_url)
        wanted = Wanted(look=only_looks or not is_sure, payloads=only_looks and form == "jsonl", keep=keep)
        target = selected(session, dlq, named, selection, wanted)
        say_what_is_left_out(target)
        if not target.ids:
            return _nothing(verb, target, form)
        if only_looks:
            return _look(session, verb, target, form)
        if not is_sure and target.reading is not None:
            draw(session, target.reading, MOST_GROUPS, stderr=True)
            count = len(target.ids)
            by_count = given["everything"] or (verb == "delete" and count > 1)
            confirm(f"{verb.capitalize()} {many(count)}?", count=count, type_the_count=by_count)
        outcome = _act(session, dlq, verb, target.ids, how, form)
    return _report(verb, target, outcome, form, save)


def _nothing(verb: str, target: Target, form: str) -> int:
    say("No failed runs match; nothing was sent.")
    if form == "json":
        emit(as_json(_document(verb, Outcome(), len(target.missing)), indent=2))
    return Exit.FAILED if target.missing or target.unnamed else Exit.DONE


def _look(session: Session, verb: str, target: Target, form: str) -> int:
    if form == "ids":
        for dlq_id in target.ids:
            emit(safe(dlq_id))
    elif form == "jsonl":
        for payload in target.payloads:
            emit(as_json(payload))
    elif target.reading is not None:
        show(session, target.reading, form, MOST_GROUPS)
    say(f"Dry run: {many(len(target.ids))} would be {DONE[verb]}. Nothing was sent but reads.")
    return Exit.PARTLY if target.missing or target.unnamed else Exit.DONE


def _act(session: Session, dlq: DLQClient, verb: str, ids: list[str], how: dict[str, Any], form: str) -> Outcome:
    """To the end, or as far as it gets."""
    outcome = Outcome(remaining=tuple(ids))
    printer = Printer(form)
    with progress(session, verb.capitalize(), len(ids)) as advance, hangups_as_interrupts():

        def on_batch(batch: Any) -> None:
            if isinstance(batch, int):
                outcome.done += batch
            else:
                outcome.done += len(batch)
                outcome.started += batch
                printer.started(batch)
            advance(outcome.done + outcome.gone)

        try:
            while outcome.remaining:
                _step(dlq, verb, outcome, on_batch, how)
        except (Exception, KeyboardInterrupt) as error:
            if not (outcome.done or outcome.gone) and not _is_midway(error):
                raise
            outcome.error = error
    return outcome


def _step(dlq: DLQClient, verb: str, outcome: Outcome, on_batch: Any, how: dict[str, Any]) -> None:
    """All that remain, in one call. Where some are gone, look which they are, and leave them out."""
    from upstash_workflow_dlq import BulkError, NotFoundError, bulk_progress

    asked = outcome.remaining
    before = outcome.done
    call: Callable[..., Any] = getattr(dlq, f"{verb}_many")
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
        _account_for(dlq, verb, outcome, asked, len(asked) - (outcome.done - before))


def _account_for(dlq: DLQClient, verb: str, outcome: Outcome, asked: tuple[str, ...], unsaid: int) -> None:
    """Runs of which the answers say nothing. Deleting by ids counts those that were there; starting names each."""
    if unsaid <= 0:
        return
    if verb == "delete":
        outcome.gone += unsaid
        return
    there = still_there(dlq, asked)
    outcome.remaining = tuple(there)
    outcome.gone += max(0, unsaid - len(there))
    if there:
        raise Stopped(Exit.FAILED, f"the service does not say what became of {many(len(there))}, which are still there")


def _leave_out_the_gone(dlq: DLQClient, outcome: Outcome) -> None:
    """Of the batch that was refused as a whole."""
    batch, rest = outcome.remaining[:BATCH], outcome.remaining[BATCH:]
    there = still_there(dlq, batch)
    if len(there) == len(batch):
        raise Stopped(Exit.FAILED, "the service refuses runs as missing, and yet lists all of them: try again later")
    outcome.gone += len(batch) - len(there)
    outcome.remaining = (*there, *rest)


def _is_midway(error: BaseException) -> bool:
    from upstash_workflow_dlq import BulkError

    # Then even the first request may have done something.
    return isinstance(error, BulkError | KeyboardInterrupt)


class Printer:
    """Prints started runs as they come. Whoever reads them may go away: what is under way goes on, and is told."""

    def __init__(self, form: str) -> None:
        self._form = form
        self._is_read = True

    def started(self, batch: Iterable[StartedRun]) -> None:
        for run in batch:
            if self._form == "jsonl":
                self._print(as_json({name: plain(value) for name, value in run._asdict().items()}))
            elif self._form == "ids":
                self._print(safe(run.workflow_run_id))

    def _print(self, line: str) -> None:
        if self._is_read:
            try:
                emit(line)
                sys.stdout.flush()
            except (OSError, Stopped):
                self._is_read = False
                discard_output()


@contextmanager
def hangups_as_interrupts() -> Iterator[None]:
    """A lost connection (SIGHUP) or a stop (SIGTERM) ends it as Ctrl-C does: with a report, and what remains kept."""
    import signal

    def interrupt(number: int, frame: object) -> None:
        raise KeyboardInterrupt

    names = [name for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]
    try:
        before = {name: signal.signal(getattr(signal, name), interrupt) for name in names}
    except ValueError:  # not in the main thread
        before = {}
    try:
        yield
    finally:
        for name, handler in before.items():
            signal.signal(getattr(signal, name), handler)


def _report(verb: str, target: Target, outcome: Outcome, form: str, save: str | None) -> int:
    """What remains is kept first: it must not be lost because nobody reads the rest."""
    if outcome.remaining:
        from ._keeping import keep

        keep(outcome.remaining, save)
    gone = outcome.gone + len(target.missing)
    text = f"{DONE[verb].capitalize()} {outcome.done:,} of {many(len(target.ids) + len(target.missing))}."
    if gone:
        text += (
            f" {gone:,} {'was' if gone == 1 else 'were'} gone already: expired, or resumed or deleted by somebody else."
        )
    try:
        if form == "json":
            emit(as_json(_document(verb, outcome, gone), indent=2))
        elif form == "table":
            emit(text)
        sys.stdout.flush()
    except (OSError, Stopped):
        discard_output()
        say(text)
    else:
        if form != "table":
            say(text)
    if outcome.error is not None:
        say(f"upstash-dlq: {safe(_why(outcome.error))}")
    if isinstance(outcome.error, KeyboardInterrupt):
        return Exit.INTERRUPTED
    if outcome.error is None and not gone and not target.unnamed:
        return Exit.DONE
    return Exit.PARTLY if outcome.done else Exit.FAILED


def _document(verb: str, outcome: Outcome, gone: int) -> dict[str, Any]:
    started = {"started": [plain(run) for run in outcome.started]} if verb != "delete" else {}
    return {DONE[verb]: outcome.done, "gone": gone, "remaining": list(outcome.remaining), **started}


def _why(error: BaseException) -> str:
    if isinstance(error, KeyboardInterrupt):
        return "interrupted; whether the last request did anything is unknown"
    return str(error)


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
