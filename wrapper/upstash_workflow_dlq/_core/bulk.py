"""Delete, resume and restart in bulk, as flows: which runs are meant, and batch after batch to the end."""

from __future__ import annotations

from collections.abc import AsyncIterable, Callable, Iterable, Mapping
from contextlib import suppress
from datetime import timedelta
from inspect import signature
from typing import Any, Generic, NamedTuple, TypeVar, cast
from urllib.parse import quote_plus

from upstash_workflow_rest.api.dlq import delete_failed_runs, restart_failed_runs, resume_failed_runs

from ..errors import (
    AuthenticationError,
    BadRequestError,
    BulkError,
    ClientClosedError,
    InvalidResponseError,
    NotFoundError,
    PaginationError,
    RateLimitError,
    clipped,
)
from . import checks
from .acting import Builder
from .answers import ONCE, SUCCESSES, Call, Flow, Payload, raise_unless_success, says_run_is_missing, unexpected_status
from .filters import Filters, RunFilters
from .overrides import FlowControl, Overrides, header_arguments
from .progress import BulkProgress, Callbacks, attach_progress, runs
from .reading import MAX_EMPTY_PAGES, Listing, PageWalk, get_run
from .run import FailedRun, StartedRun, id_of

__all__ = ["BulkOptions", "StartOptions"]

# What a batch did: a count of deleted runs, or the started runs.
T = TypeVar("T", int, list[StartedRun])

# Characters of ids in one URL. Servers commonly take request lines of 8 kB, proxies sometimes half of that.
MAX_IDS_LENGTH = 3500


class BulkOptions(RunFilters, total=False):
    """Which runs a bulk call is about (exactly one of `dlq_ids`, filters and `all=True`), and how it reports.

    With the filter `response_status`, which the service does not know, `workflow_run_id`, which it may take for a
    prefix, or one that only its list takes, the matching runs are listed first and then acted on by id.

    Attributes:
        dlq_ids: failed runs or their ids, such as `dlq.list(limit=5)`; for the async client also an async iterable. All
            are read and checked before anything is done; an empty one does nothing. A dry run sends one request for
            each.
        all: True for the whole queue.
        cursor: where a call with the same filters stopped, from its `BulkError`.
        on_batch: called with what each batch did, as soon as it is known: the started runs; for deletes, their number.
        on_progress: called after each batch with the number of runs done so far.

    ```python
    started = []
    try:
        dlq.resume_many(label="email", on_batch=started.extend)
    finally:
        print("resumed", [run.workflow_run_id for run in started])
    ```
    """

    dlq_ids: Iterable[FailedRun | str] | AsyncIterable[FailedRun | str] | FailedRun | str | None
    all: bool
    cursor: str | None
    on_batch: Callable[[Any], object] | None
    on_progress: Callable[[int], object] | None


class StartOptions(BulkOptions, total=False):
    """`BulkOptions`, and what the started runs do differently: `Overrides` by name, or together as `overrides`.

    `label` is a filter here; to override the labels, put it into `overrides`.
    """

    overrides: Overrides | None
    retries: int | None
    delay: timedelta | str | None
    retry_delay: str | None
    flow_control: FlowControl | None
    failure_callback: str | None


class Operation(NamedTuple, Generic[T]):
    """A bulk operation: who builds its requests, how many runs fit into one, how its answers are read."""

    name: str
    builder: Builder
    batch: int
    nothing: Callable[[], T]
    read: Callable[[Payload, list[str]], tuple[T, int]]
    """What an answer to a request (about these ids, if any) says was done, and to how many runs."""


def _deleted(payload: Payload, ids: list[str]) -> tuple[int, int]:
    deleted = payload.member("deleted", 0)
    if not isinstance(deleted, int) or isinstance(deleted, bool):
        raise InvalidResponseError(f"deleted in {payload.where} should be an integer, but is {type(deleted).__name__}")
    if deleted < 0:
        raise InvalidResponseError(f"deleted in {payload.where} is {deleted}, which is no number of runs")
    return deleted, deleted


def _started(payload: Payload, ids: list[str]) -> tuple[list[StartedRun], int]:
    members = payload.objects("workflowRuns")
    # It is not documented that started runs come in the order of the ids.
    only = ids[0] if len(ids) == len(members) == 1 else None
    runs = []
    for started in members:
        with suppress(InvalidResponseError):
            runs.append(StartedRun.read(started, payload.where, only))
    return runs, len(members)


DELETE = Operation("delete", delete_failed_runs._get_kwargs, 100, int, _deleted)
RESUME = Operation("resume", resume_failed_runs._get_kwargs, 50, list[StartedRun], _started)
RESTART = Operation("restart", restart_failed_runs._get_kwargs, 50, list[StartedRun], _started)


def delete_many(options: BulkOptions, *, dry_run: bool) -> Flow[int | list[FailedRun]]:
    return _many(DELETE, {}, dry_run, **options)


def resume_many(options: StartOptions, *, dry_run: bool) -> Flow[list[StartedRun] | list[FailedRun]]:
    return _start_many(RESUME, options, dry_run)


def restart_many(options: StartOptions, *, dry_run: bool) -> Flow[list[StartedRun] | list[FailedRun]]:
    return _start_many(RESTART, options, dry_run)


def _start_many(
    operation: Operation[list[StartedRun]], options: StartOptions, dry_run: bool
) -> Flow[list[StartedRun] | list[FailedRun]]:
    selection: dict[str, Any] = dict(options)
    overrides = selection.pop("overrides", None)
    if not isinstance(overrides, Mapping | None):
        raise TypeError(f"overrides takes a dict of Overrides, not {type(overrides).__name__}")
    named = {name: selection.pop(name) for name in Overrides.__annotations__.keys() & selection.keys() - {"label"}}
    headers = header_arguments(cast(Overrides, {**(overrides or {}), **named}))
    return _many(operation, headers, dry_run, **selection)


def refuse_whole_queue(dlq_ids: object) -> None:
    """A list that has lost its filters (`label=os.environ.get("LABEL")`) must not stand for everything by accident."""
    if getattr(dlq_ids, "selects_everything", False):
        raise ValueError("dlq_ids is a list without a filter or limit, the whole queue: to mean that, pass all=True")


def is_only_target(options: BulkOptions) -> bool:
    """Whether `dlq_ids` stands alone. If not, the call is refused, and reading an async `dlq_ids` would be in vain."""
    others = (*RunFilters.__annotations__, "all", "cursor")
    return options.keys() <= StartOptions.__annotations__.keys() and not any(options.get(name) for name in others)


def _many(
    operation: Operation[T],
    headers: dict[str, Any],
    dry_run: bool,
    *,
    dlq_ids: Any = None,
    all: Any = False,
    cursor: Any = None,
    on_batch: Any = None,
    on_progress: Any = None,
    **filters: Any,
) -> Flow[T | list[FailedRun]]:
    """What was done; on a dry run, the failed runs it would be done to."""
    if "limit" in filters:
        raise TypeError("a bulk call takes no limit; for the first five, pass dlq_ids=dlq.list(limit=5)")
    selected = Filters.parse(filters)
    checks.flag("dry_run", dry_run)
    _check_one_target(dlq_ids is not None, selected, checks.flag("all", all))
    callbacks = Callbacks.checked(on_batch, on_progress)
    only_listed = [name for name in selected.query if not _takes(operation.builder, name)]
    goes_by_ids = dlq_ids is not None or selected.response_status or only_listed
    if cursor is not None and dry_run and not goes_by_ids:
        raise ValueError("cursor cannot be combined with dry_run: leave one of them out")
    if cursor is not None and goes_by_ids:
        raise ValueError(
            "cursor cannot be combined with dlq_ids, dry_run, response_status, workflow_run_id or a filter that only "
            "list() takes; to continue, pass dlq_ids=error.remaining"
        )
    if not goes_by_ids and not dry_run:
        batches = Batches(operation, selected.query | headers, callbacks, cursor=checks.cursor(cursor))
        return (yield from batches.to_the_end())
    if dlq_ids is not None:
        ids = _ids_of(dlq_ids)
        if dry_run:
            return (yield from _existing(ids))
    else:
        runs = yield from _matching(selected)
        if dry_run:
            return runs
        ids = _ids_of(runs, error=InvalidResponseError)
    batches = Batches(operation, headers, callbacks, ids=ids, skip_missing=dlq_ids is None)
    return (yield from batches.to_the_end())


class Batches(Generic[T]):
    """The requests of one bulk call: by ids, in batches that fit; else by `arguments` until the cursor ends."""

    def __init__(
        self,
        operation: Operation[T],
        arguments: dict[str, Any],
        callbacks: Callbacks,
        *,
        ids: list[str] | None = None,
        skip_missing: bool = False,
        cursor: str | None = None,
    ) -> None:
        self._operation: Operation[T] = operation
        self._arguments = arguments
        self._callbacks = callbacks
        self._goes_by_ids = ids is not None
        self._ids_left: list[str] = ids or []
        self._skip_missing = skip_missing
        self._cursor = cursor
        self._cursors_seen = {cursor}
        self._empty_batches = 0
        self._ended = ids == []
        self._has_begun = False
        # Whether a request was sent that may have done what `_done` does not say.
        self._is_in_doubt = False
        self._done: T = operation.nothing()
        self._done_of_ids = 0

    def to_the_end(self) -> Flow[T]:
        try:
            while not self._ended:
                yield from self._next_batch()
        except Exception as error:
            if not self._has_begun and isinstance(error, _NOTHING_DONE):
                raise
            doubt = "; whether the last request did anything is unknown" if self._is_in_doubt else ""
            raise BulkError(
                f"{self._operation.name} stopped after {runs(self._count())}: {error}{doubt}",
                **self._progress()._asdict(),
            ) from error
        except BaseException as interrupt:
            attach_progress(interrupt, self._operation.name, self._progress())
            raise
        return self._done

    def _progress(self) -> BulkProgress:
        cursor = None if self._goes_by_ids else self._cursor
        return BulkProgress(self._done, cursor, tuple(self._ids_left), self._ended)

    def _next_batch(self) -> Flow[None]:
        ids: list[str] = _fitting(self._ids_left, self._operation.batch)
        self._is_in_doubt = True
        answer = yield self._call(ids)
        if answer.status_code not in SUCCESSES and answer.status_code < 500:
            self._is_in_doubt = False
        try:
            raise_unless_success(answer, also=SUCCESSES)
        except NotFoundError:
            # Nothing was done, because some ids are gone. If a filter found them, continue with those that are left.
            if not self._skip_missing:
                raise
            left: list[FailedRun] = yield from _existing(ids)
            if len(left) == len(ids):
                raise
            self._ids_left = [*map(id_of, left), *self._ids_left[len(ids) :]]
            self._begin_batch()
            return
        self._has_begun = True
        payload = Payload.of(answer)
        batch, count = self._operation.read(payload, ids)
        unreadable = count - len(batch) if isinstance(batch, list) else 0
        self._done += batch
        self._done_of_ids += count
        try:
            if answer.status_code != 200:
                raise InvalidResponseError(unexpected_status(answer))
            self._is_in_doubt = False
            self._advance(payload, ids, count)
        finally:
            # In any case: who keeps a record of what was started needs it most if something is wrong.
            self._callbacks.batch_done(batch)
        if unreadable:
            raise InvalidResponseError(f"{unreadable} started runs have no readable workflowRunId in {payload.where}")
        self._callbacks.progressed(self._count())

    def _advance(self, payload: Payload, ids: list[str], count: int) -> None:
        """To what the next request is about."""
        done_of_ids = self._done_of_ids
        self._cursor = payload.cursor
        if self._cursor is None:
            self._ids_left = self._ids_left[len(ids) :]
            self._begin_batch()
        elif self._cursor in self._cursors_seen:
            raise PaginationError(f"the service sent the cursor {clipped(repr(self._cursor), 200)} twice")
        self._cursors_seen.add(self._cursor)
        self._empty_batches = 0 if count or self._cursor is None else self._empty_batches + 1
        if self._empty_batches > MAX_EMPTY_PAGES:
            raise PaginationError(
                f"the service did nothing in {self._empty_batches:,} batches in a row, with new cursors"
            )
        if ids and done_of_ids > len(ids):
            raise InvalidResponseError(f"{payload.where} brings it to {done_of_ids} runs, but {len(ids)} were named")

    def _begin_batch(self) -> None:
        """A cursor belongs to the ids that it was sent for."""
        self._cursor = None
        self._cursors_seen = {None}
        self._done_of_ids = 0
        self._ended = not self._ids_left

    def _call(self, ids: list[str]) -> Call:
        arguments = {**self._arguments, "count": self._operation.batch}
        if ids:
            arguments["dlq_ids"] = ids
        if self._cursor is not None:
            arguments["cursor"] = self._cursor
        return Call(self._operation.builder(**arguments), ONCE)

    def _count(self) -> int:
        return self._done if isinstance(self._done, int) else len(self._done)


# The service refused the request, or it was never sent.
_NOTHING_DONE = (AuthenticationError, BadRequestError, ClientClosedError, RateLimitError)


def _takes(builder: Builder, filter: str) -> bool:
    """Whether the service applies this filter exactly. In bulk, it may take workflow_run_id for a prefix."""
    return filter != "workflow_run_id" and filter in signature(builder).parameters


def _check_one_target(ids: bool, selected: Filters, everything: bool) -> None:
    filters = not selected.is_empty
    if selected.query and not (ids or filters or everything):
        names = ", ".join(selected.query)
        raise ValueError(
            f"{names}: new in the spec, and perhaps no filter but an order: list the runs, look at them, and "
            "pass their ids as dlq_ids="
        )
    if ids + (filters or bool(selected.query)) + everything != 1:
        targets = {"dlq_ids=": ids, "filters": filters, "all=True": everything}
        given = " and ".join(name for name, is_given in targets.items() if is_given) or "none"
        raise ValueError(f"pass exactly one of dlq_ids=, filters or all=True; got {given}")


def _ids_of(runs: Any, error: type[Exception] = ValueError) -> list[str]:
    refuse_whole_queue(runs)
    if isinstance(runs, str | FailedRun):
        runs = [runs]
    elif isinstance(runs, bytes) or not isinstance(runs, Iterable):
        raise TypeError(f"dlq_ids takes failed runs or their ids, not {type(runs).__name__}")
    ids = []
    for run in runs:
        try:
            dlq_id = id_of(run)
        except ValueError as refused:
            raise error(str(refused)) from None
        if "," in dlq_id:
            raise error(f"the dlq_id {dlq_id!r} has a comma: the service would split it in bulk; act on it by itself")
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
        try:
            runs.append((yield from get_run(dlq_id)))
        except NotFoundError as error:
            if not says_run_is_missing(error.body, dlq_id):
                raise
    return runs
