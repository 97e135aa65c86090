"""Resume, restart, failure callbacks, and everything in bulk, as flows. No I/O; both clients drive the same."""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterable, Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, cast
from urllib.parse import quote_plus

from upstash_workflow_rest.api.dlq import (
    cancel_failure_callback,
    delete_failed_runs,
    restart_failed_run,
    restart_failed_runs,
    resume_failed_run,
    resume_failed_runs,
    retry_failure_callback,
)

from ._calls import Call, Flow, raise_unless_success, read_object
from ._filters import Filters, RunFilters
from ._operations import Listing, PageWalk, checked_cursor, checked_id, get_run, read_cursor, read_member, read_objects
from ._overrides import Overrides, header_arguments
from ._run import FailedRun, StartedRun
from .errors import (
    AuthenticationError,
    BadRequestError,
    BulkError,
    ClientClosedError,
    InvalidResponseError,
    NotFoundError,
    PaginationError,
    RateLimitError,
)

Builder = Callable[..., dict[str, Any]]

# Characters of ids in one URL. Servers commonly take request lines of 8 kB, proxies sometimes half of that.
MAX_IDS_LENGTH = 3500


class BulkOptions(RunFilters, total=False):
    """What a bulk call is about, exactly one of `dlq_ids`, filters and `all=True`; and how to go about it."""

    dlq_ids: Iterable[FailedRun | str] | AsyncIterable[FailedRun | str] | FailedRun | str | None
    """Failed runs or their ids; for the async client also an async iterable of them.

    All are read and checked before anything is sent; none at all do nothing.
    """
    all: bool
    """True for the whole queue."""
    cursor: str | None
    """Where a call with the same filters stopped, from its `BulkError`."""
    on_progress: Callable[[int], object] | None
    """Called after each batch with how many runs are done so far."""


class StartOptions(BulkOptions, total=False):
    """`BulkOptions`, and what the started runs do differently."""

    overrides: Overrides | None


@dataclass(frozen=True)
class Bulk:
    """A bulk operation: who builds its requests, how many runs fit into one, and how its answers count."""

    name: str
    builder: Builder
    batch: int
    nothing: Callable[[], Any]
    read: Callable[[dict[str, Any]], Any]


def _deleted(payload: dict[str, Any]) -> int:
    deleted = read_member(payload, "deleted", 0)
    if not isinstance(deleted, int) or isinstance(deleted, bool):
        raise InvalidResponseError(f"deleted should be an integer, not this {type(deleted).__name__}")
    return deleted


def _started(payload: dict[str, Any]) -> list[StartedRun]:
    return [StartedRun.read(run) for run in read_objects(payload, "workflowRuns")]


DELETE = Bulk("delete", delete_failed_runs._get_kwargs, 100, int, _deleted)
RESUME = Bulk("resume", resume_failed_runs._get_kwargs, 50, list, _started)
RESTART = Bulk("restart", restart_failed_runs._get_kwargs, 50, list, _started)


def resume_run(run: FailedRun | str, overrides: Overrides) -> Flow[StartedRun]:
    return _start_one(resume_failed_run._get_kwargs, run, header_arguments(overrides))


def restart_run(run: FailedRun | str, overrides: Overrides) -> Flow[StartedRun]:
    return _start_one(restart_failed_run._get_kwargs, run, header_arguments(overrides))


def retry_callback(run: FailedRun | str) -> Flow[StartedRun]:
    return _start_one(retry_failure_callback._get_kwargs, run, {})


def _start_one(builder: Builder, run: FailedRun | str, headers: dict[str, Any]) -> Flow[StartedRun]:
    answer = yield Call(builder(checked_id(run), **headers), repeatable=False)
    raise_unless_success(answer)
    return StartedRun.read(read_object(answer))


def cancel_callback(run: FailedRun | str) -> Flow[None]:
    answer = yield Call(cancel_failure_callback._get_kwargs(checked_id(run)), repeatable=False)
    if answer.status_code != 302:  # this operation's success, a redirect to nowhere
        raise_unless_success(answer)


def delete_many(options: BulkOptions, *, dry_run: bool) -> Flow[Any]:
    return _many(DELETE, {}, dry_run, **options)


def start_many(bulk: Bulk, options: StartOptions, *, dry_run: bool) -> Flow[Any]:
    selection = dict(options)
    headers = header_arguments(cast(Overrides, selection.pop("overrides", None) or {}))
    return _many(bulk, headers, dry_run, **selection)


def _many(
    bulk: Bulk,
    headers: dict[str, Any],
    dry_run: bool,
    *,
    dlq_ids: Any = None,
    all: Any = False,
    cursor: Any = None,
    on_progress: Any = None,
    **filters: Any,
) -> Flow[Any]:
    """What was done: a count, or the started runs. On a dry run, the failed runs it would be done to."""
    selected = Filters.parse(filters)
    ids = None if dlq_ids is None else _ids_of(dlq_ids)
    _check_one_target(ids is not None, bool(selected), all)
    if inspect.iscoroutinefunction(on_progress):
        raise TypeError("on_progress is called and not awaited: pass a plain function")
    # Filters that only this side knows, or that the service may take more widely here than in a list, become ids first.
    by_ids = ids is not None or selected.response_status or "workflow_run_id" in selected.query
    if cursor is not None and (by_ids or dry_run):
        raise ValueError("cursor goes on with filters that the service applies itself; here, pass what dlq_ids remain")
    if dry_run:
        return (yield from (_matching(selected) if ids is None else _existing(ids)))
    if by_ids:
        if ids is None:
            ids = _ids_of((yield from _matching(selected)))
        walk = BulkWalk(bulk, headers, on_progress, ids=ids)
    else:
        walk = BulkWalk(bulk, selected.arguments(bulk.builder) | headers, on_progress, cursor=checked_cursor(cursor))
    return (yield from walk.to_the_end())


class BulkWalk:
    """The calls of one bulk operation: by ids, in batches that fit; else by `arguments` until the cursor ends."""

    def __init__(
        self,
        bulk: Bulk,
        arguments: dict[str, Any],
        on_progress: Callable[[int], object] | None,
        *,
        ids: list[str] | None = None,
        cursor: str | None = None,
    ) -> None:
        self._bulk = bulk
        self._arguments = arguments
        self._on_progress = on_progress
        self._ids_left = ids or []
        self._cursor = cursor
        self._cursors_seen = {cursor}
        self._ended = ids == []
        self._begun = False
        self._done = bulk.nothing()

    def to_the_end(self) -> Flow[Any]:
        try:
            while not self._ended:
                yield from self._next_batch()
        except Exception as error:
            if not self._begun and isinstance(error, _NOTHING_DONE):
                raise
            raise BulkError(
                f"{self._bulk.name} stopped after {self._count()} runs: {error}",
                done=self._done,
                cursor=self._cursor,
                remaining=tuple(self._ids_left),
            ) from error
        return self._done

    def _next_batch(self) -> Flow[None]:
        ids = _fitting(self._ids_left, self._bulk.batch)
        arguments = {**self._arguments, "count": self._bulk.batch}
        if ids:
            arguments["dlq_ids"] = ids
        if self._cursor is not None:
            arguments["cursor"] = self._cursor
        answer = yield Call(self._bulk.builder(**arguments), repeatable=False)
        raise_unless_success(answer)
        self._begun = True
        payload = read_object(answer)
        batch = self._bulk.read(payload)
        self._done += batch
        self._cursor = read_cursor(payload)
        if self._cursor is None:
            self._ids_left = self._ids_left[len(ids) :]
            self._ended = not self._ids_left
        elif self._cursor in self._cursors_seen and not batch:
            raise PaginationError(f"the service sent the cursor {self._cursor!r} again, and did nothing in between")
        self._cursors_seen.add(self._cursor)
        if self._on_progress is not None:
            self._on_progress(self._count())

    def _count(self) -> int:
        return self._done if isinstance(self._done, int) else len(self._done)


# Refused by the service, or never sent.
_NOTHING_DONE = (AuthenticationError, BadRequestError, ClientClosedError, RateLimitError)


def _check_one_target(ids: bool, filters: bool, everything: object) -> None:
    if not isinstance(everything, bool):
        raise TypeError(f"all takes True or False, not {everything!r}")
    if ids + filters + everything != 1:
        targets = {"dlq_ids": ids, "filters": filters, "all=True": everything}
        given = " and ".join(name for name, there in targets.items() if there) or "none of them"
        raise ValueError(f"a bulk call takes exactly one of {', '.join(targets)}, not {given}")


def _ids_of(runs: Any) -> list[str]:
    if isinstance(runs, str | FailedRun):
        runs = [runs]
    elif isinstance(runs, bytes) or not isinstance(runs, Iterable):
        raise TypeError(f"dlq_ids takes failed runs or their ids, not {type(runs).__name__}")
    ids = [checked_id(run) for run in runs]
    for dlq_id in ids:
        if "," in dlq_id:
            raise ValueError(
                f"the dlq_id {dlq_id!r} has a comma, where the service would split it: act on it by itself"
            )
    return list(dict.fromkeys(ids))


def _fitting(ids: list[str], most: int) -> list[str]:
    """The first ids, as many as fit into one request; at least one."""
    length = 0
    for number, dlq_id in enumerate(ids[:most]):
        length += len("&dlqIds=") + len(quote_plus(dlq_id))
        if length > MAX_IDS_LENGTH and number:
            return ids[:number]
    return ids[:most]


def _matching(selected: Filters) -> Flow[list[FailedRun]]:
    walk = PageWalk(Listing(selected), exact_cursors=False)
    wanted = selected.query.get("workflow_run_id")
    runs: list[FailedRun] = []
    while (page := (yield from walk.next_page())) is not None:
        runs += (run for run in page.runs if wanted is None or run.workflow_run_id == wanted)
    return runs


def _existing(ids: list[str]) -> Flow[list[FailedRun]]:
    runs = []
    for dlq_id in ids:
        with suppress(NotFoundError):  # nothing would be done to it
            runs.append((yield from get_run(dlq_id)))
    return runs
