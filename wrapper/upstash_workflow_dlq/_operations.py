"""Reading and single deletes as flows: what to send next, and what an answer means. No I/O; both clients drive them."""

from __future__ import annotations

from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from ._calls import Answer, Call, Flow, raise_unless_success, read_object
from ._filters import Filters, RunFilters, is_unicode
from ._json import split_page
from ._run import FailedRun
from .errors import InvalidResponseError, PaginationError

MAX_PAGE_SIZE = 100

# Parameters of the list, in the order of the spec.
LIST_PARAMETERS = {
    "cursor": "cursor",
    "count": "count",
    "from_date": "fromDate",
    "to_date": "toDate",
    "workflow_url": "workflowUrl",
    "workflow_run_id": "workflowRunId",
    "workflow_created_at": "workflowCreatedAt",
    "label": "label",
    "failure_function_state": "failureFunctionState",
    "caller_ip": "callerIp",
    "flow_control_key": "flowControlKey",
}


def list_request(arguments: dict[str, Any]) -> dict[str, Any]:
    """What the generated builder makes of these arguments; a test holds one against the other.

    The generated package brings attrs and all models, which take a sixth of the time from start to first page. Whoever
    only reads does without.
    """
    params = {wire: arguments[name] for name, wire in LIST_PARAMETERS.items() if name in arguments}
    return {"method": "get", "url": "/v2/workflows/dlq", "params": params}


class Page(Struct, frozen=True):
    """Failed runs as one answer brought them, and the cursor to go on from; None at the end.

    With a `response_status` filter a page may hold fewer runs than it was asked for, or none, and have a next one.
    """

    runs: tuple[FailedRun, ...]
    cursor: str | None


class Listing(Struct, frozen=True):
    """A checked request to list runs. `limit` None: all of them."""

    filters: Filters
    cursor: str | None = None
    page_size: int = MAX_PAGE_SIZE
    limit: int | None = None
    prefetch: bool = False

    @classmethod
    def parse(
        cls,
        filters: RunFilters,
        cursor: str | None = None,
        page_size: int = MAX_PAGE_SIZE,
        limit: int | None = None,
        prefetch: bool = False,
    ) -> Listing:
        check_whole_number("page_size", page_size)
        if not 1 <= page_size <= MAX_PAGE_SIZE:
            raise ValueError(f"page_size is {page_size}; the service takes 1 to {MAX_PAGE_SIZE}")
        if limit is not None:
            check_whole_number("limit", limit)
            if limit < 0:
                raise ValueError(f"limit is {limit}; it must not be negative (None lists all)")
        if not isinstance(prefetch, bool):
            raise TypeError(f"prefetch takes True or False, not {type(prefetch).__name__}")
        return cls(Filters.parse(filters), checked_cursor(cursor), page_size, limit, prefetch)

    def first(self) -> Listing:
        return replace(self, limit=1 if self.limit is None else min(1, self.limit), prefetch=False)


class PageWalk:
    """One walk through a listing. `next_page()` is a flow; it returns None after the last page.

    After an error it can be asked again, and goes on with the same page.
    """

    def __init__(self, listing: Listing, *, exact_cursors: bool, waits_for_limits: bool = True) -> None:
        self._listing = listing
        self._exact_cursors = exact_cursors
        self._waits_for_limits = waits_for_limits
        self._left = listing.limit
        self._cursor = listing.cursor
        self._cursors_seen = {listing.cursor}
        self._ended = False
        self._going_in_circles = False
        self._reading = False

    def next_page(self) -> Flow[Page | None]:
        if self._ended or self._left == 0:
            return None
        if self._going_in_circles:
            raise PaginationError(
                f"the service sent the cursor {self._cursor!r} a second time; stopped after that page"
            )
        if self._reading:
            raise RuntimeError("another thread or task is reading from this iterator: give each its own")
        self._reading = True
        try:
            return self._read(*(yield from self._fetch()))
        finally:
            self._reading = False

    def _fetch(self) -> Flow[tuple[list[FailedRun], str | None]]:
        count = self._listing.page_size
        if self._left is None:
            return (yield from self._ask(count))
        if not self._listing.filters.response_status:
            # No more than is wanted, so that the cursor is exact: nothing is read and then cut off.
            return (yield from self._ask(min(count, self._left)))
        runs, cursor = yield from self._ask(count)
        if self._exact_cursors and (enough := self._runs_until_enough(runs)) is not None:
            # Of this page only the beginning is wanted; asked for alone, it comes with the cursor behind it.
            return (yield from self._ask(enough))
        return runs, cursor

    def _ask(self, count: int) -> Flow[tuple[list[FailedRun], str | None]]:
        arguments = {**self._listing.filters.query, "count": count}
        if self._cursor is not None:
            arguments["cursor"] = self._cursor
        answer = yield Call(list_request(arguments), repeatable=True, waits_for_limits=self._waits_for_limits)
        raise_unless_success(answer)
        return _read_runs(answer)

    def _runs_until_enough(self, runs: list[FailedRun]) -> int | None:
        """How many runs of a page hold all that are left to find; None where there are not more than those."""
        statuses = self._listing.filters.response_status
        found = 0
        for number, run in enumerate(runs, start=1):
            found += has_status(run, statuses)
            if found == self._left:
                return number if number < len(runs) else None
        return None

    def _read(self, runs: list[FailedRun], cursor: str | None) -> Page:
        self._cursor = cursor
        self._ended = self._cursor is None
        self._going_in_circles = self._cursor in self._cursors_seen
        self._cursors_seen.add(self._cursor)
        if self._listing.filters.response_status:
            runs = [run for run in runs if has_status(run, self._listing.filters.response_status)]
        if self._left is not None:
            runs = runs[: self._left]
            self._left -= len(runs)
        return Page(tuple(runs), self._cursor)


def _read_runs(answer: Answer) -> tuple[list[FailedRun], str | None]:
    if (page := split_page(answer.content)) is not None:
        heads, contents, cursor = page
        return list(map(FailedRun._of_json, contents, heads)), read_cursor({"cursor": cursor})
    payload = read_object(answer)
    return [FailedRun(message) for message in read_objects(payload, "messages")], read_cursor(payload)


def count_runs(listing: Listing) -> Flow[int]:
    walk = PageWalk(listing, exact_cursors=False)
    total = 0
    while (page := (yield from walk.next_page())) is not None:
        total += len(page.runs)
        del page  # or it would be held while the next one is read
    return total


def get_run(dlq_id: FailedRun | str) -> Flow[FailedRun]:
    from upstash_workflow_rest.api.dlq import get_failed_run

    answer = yield Call(get_failed_run._get_kwargs(checked_id(dlq_id)), repeatable=True)
    raise_unless_success(answer)
    return FailedRun(read_object(answer))


def delete_run(run: FailedRun | str) -> Flow[None]:
    from upstash_workflow_rest.api.dlq import delete_failed_run

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
    if len(dlq_id) > 1000:
        raise ValueError(f"the dlq_id has {len(dlq_id)} characters: that is no id, and no URL takes it")
    if not dlq_id.isprintable():
        raise ValueError(f"the dlq_id {dlq_id!r} has control characters")
    # Slashes travel encoded, but a proxy may decode them.
    if any(step in {"", ".", ".."} for step in dlq_id.replace("\\", "/").split("/")):
        raise ValueError(f"the dlq_id {dlq_id!r} would be read as a path")
    return str.__str__(dlq_id)  # the builders use str(), which names the members of some enumerations instead


def checked_cursor(cursor: object) -> str | None:
    if cursor is None:
        return None
    if not isinstance(cursor, str):
        raise TypeError(f"cursor takes a string, not {type(cursor).__name__}")
    if not cursor.strip() or not is_unicode(cursor):
        raise ValueError("cursor is empty or not valid Unicode: leave it out to begin at the beginning")
    return str.__str__(cursor)


def read_member(payload: dict[str, Any], name: str, empty: Any) -> Any:
    """What an answer is about; `empty` where it is left out or null.

    An object of other things is no answer to the question, and must not read as an empty one.
    """
    value = payload.get(name)
    if value is None and not payload.keys() <= {name, "cursor"}:
        raise InvalidResponseError(f"an answer without {name}, but with {', '.join(sorted(payload))}")
    return empty if value is None else value


def read_objects(payload: dict[str, Any], name: str) -> list[dict[str, Any]]:
    objects: list[dict[str, Any]] = read_member(payload, name, [])
    if not isinstance(objects, list) or not all(isinstance(item, dict) for item in objects):
        raise InvalidResponseError(f"{name} should be a list of objects")
    return objects


def read_cursor(payload: dict[str, Any]) -> str | None:
    """Where to go on; None at the end, which is an absent, empty or null cursor."""
    cursor = payload.get("cursor")
    if cursor is not None and not (isinstance(cursor, str) and is_unicode(cursor)):
        raise InvalidResponseError(f"cursor should be Unicode text, not this {type(cursor).__name__}")
    return cursor or None


def has_status(run: FailedRun, statuses: frozenset[int]) -> bool:
    try:
        return run.response_status in statuses
    except InvalidResponseError:
        return False


def check_whole_number(name: str, value: object) -> None:
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError(f"{name} takes an int, not {type(value).__name__}")
