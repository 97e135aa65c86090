"""Resume, restart, failure callbacks, and everything in bulk, as flows. No I/O; both clients drive the same."""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterable, Callable, Iterable, Mapping
from contextlib import suppress
from datetime import timedelta
from typing import Any, cast
from urllib.parse import quote_plus

from msgspec import Struct
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
from ._overrides import FlowControl, Overrides, header_arguments
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
    """What a bulk call is about, exactly one of `dlq_ids`, filters and `all=True`; and how to go about it.

    `response_status`, which the service does not know, and `workflow_run_id`, which it may take for a prefix here, are
    settled on this side: the matching runs are listed first, and acted on by their ids.
    """

    dlq_ids: Iterable[FailedRun | str] | AsyncIterable[FailedRun | str] | FailedRun | str | None
    """Failed runs or their ids; for the async client also an async iterable of them.

    All are read and checked before anything is done; none at all do nothing. A dry run sends one request for each.
    """
    all: bool
    """True for the whole queue."""
    cursor: str | None
    """Where a call with the same filters stopped, from its `BulkError`."""
    on_progress: Callable[[int], object] | None
    """Called after each batch with how many runs are done so far. The only word of them if the call is interrupted."""


class StartOptions(BulkOptions, total=False):
    """`BulkOptions`, and what the started runs do differently: `Overrides` by name, or all together as `overrides`.

    `label` is a filter here; as an override it goes into `overrides`.
    """

    overrides: Overrides | None
    retries: int | None
    delay: timedelta | str | None
    retry_delay: str | None
    flow_control: FlowControl | None
    failure_callback: str | None


class Bulk(Struct, frozen=True):
    """A bulk operation: who builds its requests, how many runs fit into one, and how its answers count.

    `read` tells what an answer says was done, and how much of it cannot be read.
    """

    name: str
    builder: Builder
    batch: int
    nothing: Callable[[], Any]
    read: Callable[[dict[str, Any]], tuple[Any, int]]


def _deleted(payload: dict[str, Any]) -> tuple[int, int]:
    deleted = read_member(payload, "deleted", 0)
    if not isinstance(deleted, int) or isinstance(deleted, bool):
        raise InvalidResponseError(f"deleted should be an integer, not this {type(deleted).__name__}")
    return deleted, 0


def _started(payload: dict[str, Any]) -> tuple[list[StartedRun], int]:
    payloads = read_objects(payload, "workflowRuns")
    runs = []
    for started in payloads:
        with suppress(InvalidResponseError):
            runs.append(StartedRun.read(started))
    return runs, len(payloads) - len(runs)


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
    selection: dict[str, Any] = dict(options)
    overrides = selection.pop("overrides", None)
    if not isinstance(overrides, Mapping | None):
        raise TypeError(f"overrides takes a dict of Overrides, not {type(overrides).__name__}")
    named = {name: selection.pop(name) for name in Overrides.__annotations__.keys() & selection.keys() - {"label"}}
    return _many(bulk, header_arguments(cast(Overrides, {**(overrides or {}), **named})), dry_run, **selection)


def is_only_target(options: BulkOptions) -> bool:
    """Whether `dlq_ids` stands alone, so that reading it beforehand can make sense."""
    others = (*RunFilters.__annotations__, "all", "cursor")
    return options.keys() <= StartOptions.__annotations__.keys() and not any(options.get(name) for name in others)


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
    _check_switches(all=all, dry_run=dry_run)
    _check_one_target(dlq_ids is not None, bool(selected), all)
    if on_progress is not None and (not callable(on_progress) or inspect.iscoroutinefunction(on_progress)):
        raise TypeError("on_progress takes a plain function: it is called with a number, and not awaited")
    listed = bool(selected.response_status or "workflow_run_id" in selected.query)
    if cursor is not None and (dlq_ids is not None or listed or dry_run):
        raise ValueError("cursor goes on with filters that the service applies itself; here, pass what dlq_ids remain")
    if dlq_ids is None and not listed and not dry_run:
        arguments = selected.arguments(bulk.builder) | headers
        return (yield from BulkWalk(bulk, arguments, on_progress, cursor=checked_cursor(cursor)).to_the_end())
    if dlq_ids is not None:
        ids = _ids_of(dlq_ids)
        if dry_run:
            return (yield from _existing(ids))
    else:
        runs = yield from _matching(selected)
        if dry_run:
            return runs
        ids = _ids_of(runs, error=InvalidResponseError)
    return (yield from BulkWalk(bulk, headers, on_progress, ids=ids, skip_missing=listed).to_the_end())


class BulkWalk:
    """The calls of one bulk operation: by ids, in batches that fit; else by `arguments` until the cursor ends."""

    def __init__(
        self,
        bulk: Bulk,
        arguments: dict[str, Any],
        on_progress: Callable[[int], object] | None,
        *,
        ids: list[str] | None = None,
        skip_missing: bool = False,
        cursor: str | None = None,
    ) -> None:
        self._bulk = bulk
        self._arguments = arguments
        self._on_progress = on_progress
        self._by_ids = ids is not None
        self._ids_left = ids or []
        self._skip_missing = skip_missing
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
                cursor=None if self._by_ids else self._cursor,
                remaining=tuple(self._ids_left),
                finished=self._ended,
            ) from error
        return self._done

    def _next_batch(self) -> Flow[None]:
        ids = _fitting(self._ids_left, self._bulk.batch)
        try:
            payload = yield from self._ask(ids)
        except NotFoundError:
            # Nothing was done, because some ids are gone. Where a filter found them, what it is about is those left.
            there = (yield from _existing(ids)) if self._skip_missing else ids
            if len(there) == len(ids):
                raise
            self._ids_left = [*(checked_id(run) for run in there), *self._ids_left[len(ids) :]]
            self._begin_batch()
            return
        self._begun = True
        batch, unreadable = self._bulk.read(payload)
        self._done += batch
        self._cursor = read_cursor(payload)
        if self._cursor is None:
            self._ids_left = self._ids_left[len(ids) :]
            self._begin_batch()
        elif self._cursor in self._cursors_seen:
            raise PaginationError(f"the service sent the cursor {self._cursor!r} a second time")
        self._cursors_seen.add(self._cursor)
        if unreadable:
            raise InvalidResponseError(f"{unreadable} runs more were started, of which the answer does not tell the id")
        if self._on_progress is not None and inspect.isawaitable(self._on_progress(self._count())):
            raise TypeError("on_progress is called and not awaited: pass a plain function")

    def _begin_batch(self) -> None:
        """A cursor belongs to the ids that it was sent for."""
        self._cursor = None
        self._cursors_seen = {None}
        self._ended = not self._ids_left

    def _ask(self, ids: list[str]) -> Flow[dict[str, Any]]:
        arguments = {**self._arguments, "count": self._bulk.batch}
        if ids:
            arguments["dlq_ids"] = ids
        if self._cursor is not None:
            arguments["cursor"] = self._cursor
        answer = yield Call(self._bulk.builder(**arguments), repeatable=False)
        raise_unless_success(answer)
        return read_object(answer)

    def _count(self) -> int:
        return self._done if isinstance(self._done, int) else len(self._done)


# Refused by the service, or never sent.
_NOTHING_DONE = (AuthenticationError, BadRequestError, ClientClosedError, RateLimitError)


def _check_switches(**switches: object) -> None:
    for name, value in switches.items():
        if not isinstance(value, bool):
            raise TypeError(f"{name} takes True or False, not {type(value).__name__}")


def _check_one_target(ids: bool, filters: bool, everything: bool) -> None:
    if ids + filters + everything != 1:
        targets = {"dlq_ids": ids, "filters": filters, "all=True": everything}
        given = " and ".join(name for name, there in targets.items() if there) or "none of them"
        raise ValueError(f"a bulk call takes exactly one of {', '.join(targets)}, not {given}")


def _ids_of(runs: Any, error: type[Exception] = ValueError) -> list[str]:
    if isinstance(runs, str | FailedRun):
        runs = [runs]
    elif isinstance(runs, bytes) or not isinstance(runs, Iterable):
        raise TypeError(f"dlq_ids takes failed runs or their ids, not {type(runs).__name__}")
    ids = []
    for run in runs:
        try:
            dlq_id = checked_id(run)
        except ValueError as refused:
            raise error(str(refused)) from None
        if "," in dlq_id:
            raise error(f"the dlq_id {dlq_id!r} has a comma, where the service would split it: act on it by itself")
        ids.append(dlq_id)
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
