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
from ._cells import are, many, plain, safe
from ._exits import Exit, Stopped, as_typed, discard_output, say
from ._files import FILE, ORIGIN
from ._options import FilteringCommand, dry_run, options, output, target, with_session, yes
from ._output import as_json, emit
from ._overrides import overrides, taken_overrides
from ._screen import progress
from ._selection import Selection
from ._session import Session
from ._summaries import draw, show, summary_of_same
from ._targets import Target, Wanted, say_what_is_left_out, selected, still_there, taken_ids

if TYPE_CHECKING:
    from upstash_workflow_dlq import DLQClient, StartedRun
    from upstash_workflow_dlq.archive import Archive

MOST_GROUPS = 10
# The most runs of one request. Of so many, some may turn out to be gone.
BATCH = 100

DONE = {"resume": "resumed", "restart": "restarted", "delete": "deleted"}


keeping = options(
    click.option(
        "--archive", type=FILE, metavar="FILE", help="Keep a copy there first: what is not in it is not deleted."
    ),
    click.option(
        "--origin", type=ORIGIN, metavar="NAME", help="What this queue is called in the archive. Default: its URL."
    ),
)


def command(verb: str, help: str, epilog: str) -> click.Command:
    """The command that does this to failed runs."""

    def act(session: Session, **given: Any) -> int:
        return _run(session, verb, given)

    starts = verb != "delete"
    decorated: Any = with_session(act)
    for option in reversed(
        [
            target,
            *([overrides] if starts else [keeping]),
            dry_run,
            yes,
            click.option(
                "--save", type=FILE, metavar="FILE", help="Where to put the ids that remain if it stops midway."
            ),
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
    how = taken_overrides(given) if verb != "delete" else {}
    named = taken_ids(session, given, selection)
    archive, origin = given.pop("archive", None), given.pop("origin", None)
    if origin is not None and archive is None:
        raise click.UsageError("--origin is a name in an archive: pass --archive, too", click.get_current_context())
    is_sure, only_looks, form, save = given["yes"], given["dry_run"], given["output"], given["save"]
    refuse_without_an_answer(yes=is_sure, dry_run=only_looks)
    if save is not None:
        from ._keeping import check_output  # pathlib takes a twentieth of a start

        # The file of --from may be replaced: its ids are read by then, and those that remain are some of them.
        check_output("--save", save, {"--archive": archive, "--token-file": session.token_file})
    with session.client() as dlq, ExitStack() as stack:
        # Of no runs: checks the overrides, and sends nothing.
        getattr(dlq, f"{verb}_many")(dlq_ids=[], **how)
        keep = kept = None
        origin = origin or dlq.base_url
        if archive is not None and not only_looks:
            from ._archives import opened

            kept = stack.enter_context(opened(archive, makes=True))
            keep = partial(kept.keep, origin=origin)
        wanted = Wanted(look=only_looks or not is_sure, payloads=only_looks and form == "jsonl", keep=keep)
        found = selected(session, dlq, named, selection, wanted)
        say_what_is_left_out(found)
        if not found.ids:
            code = _nothing(verb, found, form)
            _mark_gone(kept, origin, {*found.missing})
            return code
        more = None if named is not None else summary_of_same(session)
        if only_looks:
            return _look(session, verb, found, form, more)
        if not is_sure and found.reading is not None:
            draw(session, found.reading, MOST_GROUPS, stderr=True, more=more)
            count = len(found.ids)
            by_count = given["everything"] or (verb == "delete" and count > 1)
            question = f"{verb.capitalize()} {many(count)} in the queue at {safe(dlq.base_url)}?"
            confirm(question, count=count, type_the_count=by_count)
        if kept is not None:
            _check_copies(kept, origin, found.ids)
        outcome = _act(session, dlq, verb, found.ids, how, form)
        code = _report(verb, found, outcome, form, save)
        # After the report, which must not be lost while an archive is locked.
        _mark_gone(kept, origin, {*found.ids, *found.missing} - {*outcome.remaining})
    return code


def _nothing(verb: str, target: Target, form: str) -> int:
    say("No failed runs match; nothing was sent.")
    if form == "json":
        emit(as_json(_document(verb, Outcome(), len(target.missing)), indent=2))
    return Exit.FAILED if target.missing or target.unnamed else Exit.DONE


def _look(session: Session, verb: str, target: Target, form: str, more: str | None) -> int:
    if form == "ids":
        for dlq_id in target.ids:
            emit(safe(dlq_id))
    elif form == "jsonl":
        for payload in target.payloads:
            emit(as_json(payload))
    elif target.reading is not None:
        show(session, target.reading, form, MOST_GROUPS, more=more)
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
        raise Stopped(Exit.FAILED, f"{are(len(there))} still there, and the service does not say what it did")


def _leave_out_the_gone(dlq: DLQClient, outcome: Outcome) -> None:
    """Of the batch that was refused as a whole."""
    batch, rest = outcome.remaining[:BATCH], outcome.remaining[BATCH:]
    there = still_there(dlq, batch)
    if len(there) == len(batch):
        raise Stopped(Exit.FAILED, "the service refuses runs as missing, and yet lists all of them: try again later")
    outcome.gone += len(batch) - len(there)
    outcome.remaining = (*there, *rest)


def _check_copies(archive: Archive, origin: str, dlq_ids: list[str]) -> None:
    """The question may have waited for hours."""
    from upstash_workflow_dlq.archive import ArchiveError

    try:
        missing = archive.missing(dlq_ids, origin=origin)
    except ArchiveError as error:
        raise Stopped(Exit.FAILED, f"{as_typed(str(error))}; nothing was deleted") from error
    if missing:
        message = f"{archive.path} has no copy of {many(len(missing))} any more; nothing was deleted"
        raise Stopped(Exit.FAILED, message)


def _mark_gone(archive: Archive | None, origin: str, dlq_ids: set[str]) -> None:
    """What the service has said is not in the queue any more. The next sync would notice, so it is no failure."""
    if archive is None or not dlq_ids:
        return
    from upstash_workflow_dlq.archive import ArchiveError

    try:
        archive.mark_gone(dlq_ids, origin=origin)
    except ArchiveError as error:
        why = safe(as_typed(str(error)))
        say(f"upstash-dlq: the next archive sync marks what is gone; it cannot be marked now: {why}")


def _is_midway(error: BaseException) -> bool:
    from upstash_workflow_dlq import BulkError

    # Then even the first request may have done something.
    return isinstance(error, BulkError | KeyboardInterrupt)


class Lines:
    """Prints lines as they come. Whoever reads them may go away: what is under way goes on, and is told."""

    def __init__(self) -> None:
        self.is_read = True

    def print(self, line: str) -> None:
        if self.is_read:
            try:
                emit(line)
                sys.stdout.flush()
            except (OSError, Stopped):
                self.is_read = False
                discard_output()


class Printer(Lines):
    """Prints started runs."""

    def __init__(self, form: str) -> None:
        super().__init__()
        self._form = form

    def started(self, batch: Iterable[StartedRun]) -> None:
        for run in batch:
            if self._form == "jsonl":
                self.print(as_json({name: plain(value) for name, value in run._asdict().items()}))
            elif self._form == "ids":
                self.print(safe(run.workflow_run_id))


@contextmanager
def hangups_as_interrupts(on_interrupt: Callable[[], object] | None = None) -> Iterator[None]:
    """A lost connection (SIGHUP) or a stop (SIGTERM) ends it as Ctrl-C does: with a report, and what remains kept.

    `on_interrupt` is called first, for Ctrl-C too.
    """
    import signal

    def interrupt(number: int, frame: object) -> None:
        if on_interrupt is not None:
            on_interrupt()
        raise KeyboardInterrupt

    names = [name for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]
    names += ["SIGINT"] if on_interrupt is not None else []
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
