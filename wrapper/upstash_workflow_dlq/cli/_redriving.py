"""`redrive run`: the question, the waves, and what was done when it ends, however it ends."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from upstash_workflow_dlq.redrive import (
    JournalError,
    Redrive,
    RedrivePaused,
    RedriveRunning,
    RedriveStatus,
    Settings,
    State,
)

from ._acting import Lines, hangups_as_interrupts
from ._asking import confirm, refuse_without_an_answer
from ._cells import age, many, safe
from ._exits import Exit, Stopped, as_typed, ended, say
from ._journals import as_an_end, next_command, opened
from ._redrive_view import View, draw_groups, summary
from ._session import Session

if TYPE_CHECKING:
    from upstash_workflow_dlq import DLQClient
    from upstash_workflow_dlq.triage import Group

MOST_REFUSALS = 3


@dataclass(frozen=True)
class How:
    """The options of one run. `settings`: those that were given, by the names of the library."""

    settings: dict[str, Any]
    force: bool
    again: bool
    is_sure: bool


def run(session: Session, file: str, how: How) -> int:
    Settings(**how.settings)  # checks them
    with opened(file) as redrive:
        before = redrive.status()
        if before.running:
            raise _running(file)
        if before.paused is not None and not how.force:
            _say_paused(session, redrive, file, before.paused, redrive.failed_again().groups)
            return Exit.PARTLY
        count = before.remaining + (_not_redriven_yet(redrive) if how.again else 0)
        with session.client(retry=None) as dlq:
            if not _is_queue_of(dlq, before.base_url):
                raise Stopped(
                    Exit.CONFIGURATION,
                    f"{file} is about the queue at {before.base_url}, and this is {dlq.base_url}; nothing was sent: "
                    "set --url, --region or QSTASH_URL as when it was planned",
                )
            settings = replace(redrive.settings(), **how.settings)
            if count:
                refuse_without_an_answer(yes=how.is_sure)
                _ask(before, settings, count, how)
            else:
                say("Nothing is left to send.")
            _say_what_is_watched(before, settings, count)
            lines = Lines()
            error = _drive(session, redrive, dlq, how, lines)
        return _report(session, redrive, file, before, error, lines)


def _running(file: str) -> Stopped:
    return Stopped(Exit.FAILED, f"{file} is being run already; to look: {next_command('status', file)}")


def _is_queue_of(dlq: DLQClient, base_url: str) -> bool:
    """A region has several addresses. (The token, which would tell the account, is in no journal.)"""
    from upstash_workflow_dlq import DLQClient

    if dlq.base_url == base_url or dlq.region is None:
        return dlq.base_url == base_url
    with DLQClient("no-token", base_url=base_url, allow_insecure=True) as other:
        return other.region == dlq.region


def _not_redriven_yet(redrive: Redrive) -> int:
    """How many --again adds: runs that failed again, whose new ids are not in the journal yet."""
    ids, new = set(), set()
    for result in redrive.results():
        ids.add(result.dlq_id)
        if result.failed_again_as is not None:
            new.add(result.failed_again_as)
    return len(new - ids)


def _ask(before: RedriveStatus, settings: Settings, count: int, how: How) -> None:
    """What is going to be done is said, whether somebody is asked or not."""
    action = before.action
    say(f"{action.capitalize()} {many(count)} in the queue at {safe(before.base_url)}")
    say(f"  at most {settings.rate:,g} a second; {_waves(before, settings, count)}")
    if action == "delete":
        say(f"  pauses if more than {settings.max_failures * 100:g} % of a wave are refused")
    else:
        watch = f"each wave is watched for {age(settings.watch)}" if settings.watch else "after each wave it looks once"
        say(f"  {watch}; pauses if more than {settings.max_failures * 100:g} % of a wave fail again or are refused")
    if not how.is_sure:
        confirm(f"{action.capitalize()} {many(count)}?", count=count, type_the_count=action == "delete" and count > 1)


def _say_what_is_watched(before: RedriveStatus, settings: Settings, count: int) -> None:
    """If it was stopped before a wave had been watched, that comes first, and may be all that is left."""
    wave = before.wave
    if wave is None or before.action == "delete" or not settings.watch:
        return
    if wave.state in ("watching", "unknown") or (wave.state == "sending" and not count):
        say(f"Wave {wave.number} was sent before: watching {age(settings.watch)} for runs of it that fail again")


def _waves(before: RedriveStatus, settings: Settings, count: int) -> str:
    growth = f"{settings.growth:g} times as many in each wave, {settings.wave_max:,} at most"
    if before.wave is not None and before.paused is None:
        return f"{many(before.done)} sent before; {growth}"
    first = min(settings.canary, settings.wave_max, count)
    return f"{many(first)} first{f', then {growth}' if first < count else ''}"


def _drive(session: Session, redrive: Redrive, dlq: DLQClient, how: How, lines: Lines) -> BaseException | None:
    """To the end, or as far as it gets: then the error that ended it."""
    try:
        with View(session, redrive) as view, hangups_as_interrupts(view.stopping):
            waves = redrive.run(dlq, force=how.force, again=how.again, on_progress=view.show, **how.settings)
            with closing(waves):
                for wave in waves:
                    if not view.wave(wave):
                        lines.print(str(wave))
    except (Exception, KeyboardInterrupt) as error:
        return error
    return None


def _report(
    session: Session, redrive: Redrive, file: str, before: RedriveStatus, error: BaseException | None, lines: Lines
) -> int:
    if isinstance(error, RedriveRunning):  # since just now: what was done is the other's work
        raise _running(file)
    _say_unwritten(error)
    after = redrive.status()
    if isinstance(error, RedrivePaused):
        if error.wave is not None:
            _print(lines, str(error.wave))
        _print(lines, summary(after))
        _say_paused(session, redrive, file, after.paused or str(error), error.groups)
        return Exit.PARTLY
    if error is None:
        _print(lines, summary(after))
        if after.counts[State.GONE] or after.counts[State.REFUSED] or after.counts[State.FAILED_AGAIN]:
            say(f"To see which: {next_command('results', file)}")
        return _code(after)
    was_interrupted, did_some = isinstance(error, KeyboardInterrupt), after.done > before.done
    if was_interrupted or did_some:
        _print(lines, summary(after))
    code = ended(as_an_end(error), debug=session.debug)
    if was_interrupted or did_some:
        say(f"To go on: {next_command('run', file)}")
    return Exit.PARTLY if did_some and not was_interrupted else code


def _code(status: RedriveStatus) -> int:
    """As of resume: what was not done counts, and not what failed again afterwards."""
    counts = status.counts
    if not (counts[State.GONE] or counts[State.REFUSED]):
        return Exit.DONE
    return Exit.PARTLY if status.done > counts[State.GONE] + counts[State.REFUSED] else Exit.FAILED


def _say_unwritten(error: BaseException | None) -> None:
    """Nobody else has these."""
    unwritten = error.unwritten if isinstance(error, JournalError) else ()
    if unwritten:
        count = many(len(unwritten), "result")
        say(f"upstash-dlq: {count} could not be written; the next run asks what became of these runs:")
    for result in unwritten:
        parts = (result.dlq_id, result.state, result.workflow_run_id or "", result.error or "")
        say("\t".join(map(safe, parts)))


def _say_paused(session: Session, redrive: Redrive, file: str, reason: str, groups: Sequence[Group]) -> None:
    say(f"Paused: {safe(as_typed(reason))}.")
    draw_groups(session, groups)
    refused = Counter(result.error for result in redrive.results() if result.state is State.REFUSED)
    for message, count in refused.most_common(MOST_REFUSALS):
        say(f"{count:,} refused: {safe(message or '')}")
    status = redrive.status()
    if count := status.remaining:
        left = f"{count:,} {'is' if count == 1 else 'are'} left"
        say(f"{left}. To go on all the same: {next_command('run', file, '--force')}")
    elif status.counts[State.FAILED_AGAIN]:
        say(f"Nothing is left. To try those that failed again: {next_command('run', file, '--force', '--again')}")


def _print(lines: Lines, line: str) -> None:
    """On stdout; if nobody reads that any more, on stderr."""
    lines.print(line)
    if not lines.is_read:
        say(line)
