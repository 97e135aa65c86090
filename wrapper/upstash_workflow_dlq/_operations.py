"""Every operation as a flow: what to send next, and what an answer means. No I/O; both clients drive the same."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from upstash_workflow_rest.api.dlq import delete_failed_run, get_failed_run, list_failed_runs

from ._calls import Call, Flow, raise_unless_success, read_object
from ._filters import Filters, RunFilters
from ._run import FailedRun
from .errors import InvalidResponseError, PaginationError

MAX_PAGE_SIZE = 100


@dataclass(frozen=True)
class Page:
    """Failed runs as one answer brought them, and the cursor to go on from; None at the end.

    With a `response_status` filter a page may hold fewer runs than it was asked for, or none, and have a next one.
    """

    runs: tuple[FailedRun, ...]
    cursor: str | None


@dataclass(frozen=True)
class Listing:
    """A checked request to list runs. `limit` None: all of them."""

    filters: Filters
    cursor: str | None = None
    page_size: int = MAX_PAGE_SIZE
    limit: int | None = None

    @classmethod
    def parse(
        cls, filters: RunFilters, *, cursor: str | None = None, page_size: int = MAX_PAGE_SIZE, limit: int | None = None
    ) -> Listing:
        _check_whole_number("page_size", page_size)
        if not 1 <= page_size <= MAX_PAGE_SIZE:
            raise ValueError(f"page_size is {page_size}; the service takes 1 to {MAX_PAGE_SIZE}")
        if limit is not None:
            _check_whole_number("limit", limit)
            if limit < 0:
                raise ValueError(f"limit is {limit}; it must not be negative (None lists all)")
        if cursor is not None:
            if not isinstance(cursor, str):
                raise TypeError(f"cursor takes a string, not {type(cursor).__name__}")
            if not cursor.strip():
                raise ValueError("cursor is empty: leave it out to begin at the beginning")
        return cls(Filters.parse(filters), cursor, page_size, limit)

    def first(self) -> Listing:
        return replace(self, limit=1 if self.limit is None else min(1, self.limit))


class PageWalk:
    """One walk through a listing. `next_page()` is a flow; it returns None after the last page."""

    def __init__(self, listing: Listing, *, exact_cursors: bool) -> None:
        self._listing = listing
        # Asking for no more than is wanted keeps the cursor behind the last page exact: nothing is read and then cut
        # off. With a filter applied on this side that takes many small pages: done only where cursors are seen.
        self._ask_only_for_what_is_left = exact_cursors or not listing.filters.response_status
        self._left = listing.limit
        self._cursor = listing.cursor
        self._cursors_seen = {listing.cursor}
        self._ended = False
        self._going_in_circles = False

    def next_page(self) -> Flow[Page | None]:
        if self._ended or self._left == 0:
            return None
        if self._going_in_circles:
            raise PaginationError(
                f"the service sent the cursor {self._cursor!r} a second time; stopped after that page"
            )
        count = self._listing.page_size
        if self._left is not None and self._ask_only_for_what_is_left:
            count = min(count, self._left)
        arguments: dict[str, Any] = {**self._listing.filters.query, "count": count}
        if self._cursor is not None:
            arguments["cursor"] = self._cursor
        answer = yield Call(list_failed_runs._get_kwargs(**arguments), repeatable=True)
        raise_unless_success(answer)
        return self._read(read_object(answer))

    def _read(self, payload: dict[str, Any]) -> Page:
        messages, cursor = payload.get("messages"), payload.get("cursor")
        if messages is None:
            # Empty fields may be left out; but an object of other things is no page, and must not read as an empty one.
            if not payload.keys() <= {"messages", "cursor"}:
                raise InvalidResponseError(f"a page without messages, but with {', '.join(sorted(payload))}")
            messages = []
        if not isinstance(messages, list) or not all(isinstance(message, dict) for message in messages):
            raise InvalidResponseError("messages of a page should be a list of objects")
        if cursor is not None and not isinstance(cursor, str):
            raise InvalidResponseError(f"cursor of a page should be a string, but is {type(cursor).__name__}")
        self._cursor = cursor or None
        self._ended = self._cursor is None
        self._going_in_circles = self._cursor in self._cursors_seen
        self._cursors_seen.add(self._cursor)
        runs = [FailedRun(message) for message in messages]
        if self._listing.filters.response_status:
            runs = [run for run in runs if _has_status(run, self._listing.filters.response_status)]
        if self._left is not None:
            runs = runs[: self._left]
            self._left -= len(runs)
        return Page(tuple(runs), self._cursor)


def count_runs(listing: Listing) -> Flow[int]:
    walk = PageWalk(listing, exact_cursors=False)
    total = 0
    while (page := (yield from walk.next_page())) is not None:
        total += len(page.runs)
    return total


def get_run(run: FailedRun | str) -> Flow[FailedRun]:
    answer = yield Call(get_failed_run._get_kwargs(checked_id(run)), repeatable=True)
    raise_unless_success(answer)
    return FailedRun(read_object(answer))


def delete_run(run: FailedRun | str) -> Flow[None]:
    answer = yield Call(delete_failed_run._get_kwargs(checked_id(run)), repeatable=True)
    # The try before may have deleted it without its answer arriving.
    if not (answer.status_code == 404 and answer.tries > 1):
        raise_unless_success(answer)


def checked_id(run: FailedRun | str) -> str:
    """The id to put into a path. An empty one would address the whole queue, dots another path."""
    dlq_id = run.dlq_id if isinstance(run, FailedRun) else run
    if dlq_id is None:
        raise ValueError(f"{run!r} has no dlq_id")
    if not isinstance(dlq_id, str):
        raise TypeError(f"a failed run is named by a FailedRun or its dlq_id, not by {type(dlq_id).__name__}")
    if not dlq_id.strip():
        raise ValueError("the dlq_id is empty: that would address the whole queue")
    if not dlq_id.isprintable():
        raise ValueError(f"the dlq_id {dlq_id!r} has control characters")
    # Slashes travel encoded, but a proxy may decode them.
    if any(step in {"", ".", ".."} for step in dlq_id.replace("\\", "/").split("/")):
        raise ValueError(f"the dlq_id {dlq_id!r} would be read as a path")
    return dlq_id


def _has_status(run: FailedRun, statuses: frozenset[int]) -> bool:
    try:
        return run.response_status in statuses
    except InvalidResponseError:
        return False


def _check_whole_number(name: str, value: object) -> None:
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError(f"{name} takes an int, not {type(value).__name__}")
