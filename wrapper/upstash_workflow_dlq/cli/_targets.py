"""Which runs a command acts on: their ids, fixed before anybody is asked."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from ._cells import many, safe
from ._exits import say
from ._files import text_of
from ._screen import progress
from ._selection import Selection
from ._session import Session, is_terminal
from ._summaries import Reading

if TYPE_CHECKING:
    from upstash_workflow_dlq import DLQClient, FailedRun

# To see what more ids than that are, the whole queue is read in parallel, instead of one after the other.
MOST_SINGLE_LOOKUPS = 200
MOST_MISSING = 10
# Characters of a file of ids: 5,000,000 of them.
MOST_TEXT = 100_000_000


@dataclass
class Target:
    """What was selected: ids, what a person sees of the runs, and what cannot be acted on."""

    ids: list[str]
    reading: Reading | None = None
    payloads: list[dict[str, Any]] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    unnamed: int = 0


def named_ids(dlq_ids: tuple[str, ...], source: str | None) -> list[str] | None:
    """Ids that were written out; None if there are none."""
    if dlq_ids and source is not None:
        raise click.UsageError("pass ids or --from, not both", click.get_current_context())
    if source is None:
        return list(dict.fromkeys(dlq_ids)) or None
    if source == "-" and is_terminal(sys.stdin):
        say("Ids, one in a line; Ctrl-D ends.")
    lines = text_of(source, "--from", takes="ids, one in a line", most=MOST_TEXT).splitlines()
    return list(dict.fromkeys(line.strip() for line in lines if line.strip()))


def taken_ids(session: Session, given: dict[str, Any], selection: Selection) -> list[str] | None:
    """Those of a command's options; None if it selects by something else. Exactly one target is needed."""
    if session.token_file == given["source"] == "-":  # noqa: S105
        raise click.UsageError("--token-file and --from cannot both be -", click.get_current_context())
    named = named_ids(given["dlq_ids"], given["source"])
    check_target(named, selection, given["everything"])
    return named


def check_target(named: list[str] | None, selection: Selection, everything: bool) -> None:
    given = {"ids": named is not None, "filters": not selection.is_empty, "--all": everything}
    # A filter that is new in the spec is none by itself, and goes with no other target.
    if sum(given.values()) != 1 or (selection.query and not given["filters"]):
        got = " and ".join(name for name, is_given in given.items() if is_given) or "none"
        message = f"pass exactly one of ids (or --from), filters and --all; got {got}"
        raise click.UsageError(message, click.get_current_context())


class Wanted(NamedTuple):
    """What is needed of the runs, besides their ids. 100,000 payloads would be 600 MB.

    `keep`: gives back each run once it is archived; those that it does not give back are not selected.
    """

    look: bool
    payloads: bool
    keep: Callable[[Iterable[FailedRun]], Iterator[FailedRun]] | None = None


def selected(session: Session, dlq: DLQClient, named: list[str] | None, selection: Selection, wanted: Wanted) -> Target:
    """The ids are fixed here, before anybody is asked."""
    if named is not None and not wanted.look and wanted.keep is None:
        return Target(named)
    with progress(session, "Reading") as advance:
        found = _collected(selected_runs(dlq, named, selection), wanted, advance)
    if named is None:
        return found
    there = set(found.ids)
    found.missing = [dlq_id for dlq_id in named if dlq_id not in there]
    found.ids = [dlq_id for dlq_id in named if dlq_id in there]
    return found


def selected_runs(dlq: DLQClient, named: list[str] | None, selection: Selection) -> Iterator[FailedRun]:
    """In no order. Of ids, those that are there."""
    if named is None:
        yield from selection.runs(dlq, fast=True)
    elif len(named) > MOST_SINGLE_LOOKUPS:
        those = set(named)
        yield from (run for run in dlq.scan() if run.sendable_id in those)
    else:
        yield from _each(dlq, named)


def _collected(runs: Iterable[FailedRun], wanted: Wanted, advance: Callable[[int], None]) -> Target:
    """Each run once, whatever the service does."""
    target = Target([], Reading() if wanted.look else None)
    if wanted.keep is not None:
        runs = wanted.keep(runs)
    ids: dict[str, None] = {}
    for number, run in enumerate(runs, start=1):
        dlq_id = run.sendable_id
        if dlq_id is None:
            target.unnamed += 1
        elif dlq_id not in ids:
            ids[dlq_id] = None
            if target.reading is not None:
                target.reading.add(run)
            if wanted.payloads:
                target.payloads.append(run.to_dict())
        if number % 100 == 0:
            advance(number)
    target.ids = list(ids)
    return target


def _each(dlq: DLQClient, ids: Iterable[str]) -> Iterator[FailedRun]:
    from upstash_workflow_dlq import NotFoundError

    for dlq_id in ids:
        try:
            yield dlq.get(dlq_id)
        except NotFoundError:
            continue


def say_what_is_left_out(target: Target) -> None:
    if target.unnamed:
        say(f"upstash-dlq: {many(target.unnamed)} without an id that can be sent: left out")
    for dlq_id in target.missing[:MOST_MISSING]:
        say(f"upstash-dlq: there is no failed run {safe(dlq_id)}")
    if len(target.missing) > MOST_MISSING:
        more = len(target.missing) - MOST_MISSING
        say(f"upstash-dlq: and {more:,} more that {'is' if more == 1 else 'are'} not there")


def still_there(dlq: DLQClient, ids: tuple[str, ...]) -> list[str]:
    if len(ids) <= MOST_SINGLE_LOOKUPS:
        found = {run.sendable_id for run in _each(dlq, ids)}
    else:
        found = {run.sendable_id for run in dlq.scan()}
    return [dlq_id for dlq_id in ids if dlq_id in found]
