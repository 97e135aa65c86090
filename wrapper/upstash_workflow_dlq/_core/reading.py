"""Reading and single deletes, as flows: what to send next, and what an answer means."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

from .._redaction import redacted
from ..errors import InvalidResponseError, PaginationError, clipped
from . import checks
from .answers import (
    NO_CONTENT,
    REPEATABLE,
    Answer,
    Call,
    Flow,
    Payload,
    RetryPolicy,
    check_acknowledged,
    cursor_complaint,
    raise_unless_success,
    says_run_is_missing,
    where,
)
from .filters import FILTERS, LIST_OPTIONS, Filters, RunFilters, list_arguments
from .run import FailedRun, has_status, id_of

__all__ = ["Page"]

MAX_PAGE_SIZE = 100

# A filter may well leave some pages empty. So many in a row are a service that never ends.
MAX_EMPTY_PAGES = 1000

# The parameters of the list by their names here.
LIST_PARAMETERS = {name: name for name in LIST_OPTIONS} | {
    name: filter.wire for name, filter in FILTERS.items() if filter.wire is not None
}


def list_request(arguments: dict[str, Any]) -> dict[str, Any]:
    """What the generated builder makes of these arguments; a test compares the two.

    The generated package brings attrs and all models, a sixth of the time from start to first page. Reading a list
    does without.
    """
    if not arguments.keys() <= LIST_PARAMETERS.keys():  # filters that only the generated client knows
        return list_arguments(arguments)
    params = {LIST_PARAMETERS[name]: value for name, value in arguments.items()}
    return {"method": "get", "url": "/v2/workflows/dlq", "params": params}


@dataclass(frozen=True)
class Page:
    """Failed runs from one answer, and the cursor to continue from; None at the end.

    With a `response_status` filter a page may hold fewer runs than `page_size`, or none, and still have a cursor.
    """

    runs: tuple[FailedRun, ...]
    cursor: str | None

    def __repr__(self) -> str:
        return redacted(f"Page(runs={self.runs!r}, cursor={self.cursor!r})")


class Listing(NamedTuple):
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
        return cls(
            Filters.parse(filters),
            checks.cursor(cursor),
            checks.whole_number("page_size", page_size, least=1, most=MAX_PAGE_SIZE),
            None if limit is None else checks.whole_number("limit", limit, least=0),
            checks.flag("prefetch", prefetch),
        )

    @property
    def selects_everything(self) -> bool:
        return self.filters.is_empty and self.cursor is None and self.limit is None

    def first(self) -> Listing:
        return self._replace(limit=1 if self.limit is None else min(1, self.limit), prefetch=False)

    def __str__(self) -> str:
        """The arguments that were given, as a caller writes them."""
        options = {name: getattr(self, name) for name in ("cursor", "page_size", "limit", "prefetch")}
        given = {name: value for name, value in options.items() if value != self._field_defaults[name]}
        return shown_arguments(self.filters, given)


def shown_arguments(filters: Filters, options: dict[str, Any]) -> str:
    statuses = {"response_status": sorted(filters.response_status)} if filters.response_status else {}
    return "".join(f" {name}={value!r}" for name, value in {**filters.query, **statuses, **options}.items())


class Position(NamedTuple):
    """How far a walk has come: its latest page, by number (None: there is none after it), and what comes next."""

    number: int
    page: Page | None
    cursor: str | None
    left: int | None
    is_last: bool = False
    is_circular: bool = False
    empty_pages: int = 0


class PageWalk:
    """One walk through a listing. `next_page()` is a flow; it returns None after the last page.

    After an error it can be called again, and continues with the same page. So it does after an interrupt, which can
    come between any two instructions: the whole position changes in one.
    """

    def __init__(self, listing: Listing, *, exact_cursors: bool, policy: RetryPolicy = REPEATABLE) -> None:
        self._listing = listing
        self._exact_cursors = exact_cursors
        self._policy = policy
        self._cursors_seen: set[str | None] = set()
        self._is_reading = False
        self.position = Position(0, None, listing.cursor, listing.limit)

    def next_page(self) -> Flow[Page | None]:
        yield from self.advance()
        return self.position.page

    def advance(self) -> Flow[None]:
        """Read the next page into `position`."""
        # Without the page: it would be held while the next one is read.
        at = self.position = self.position._replace(page=None)
        if at.is_last or at.left == 0:
            self.position = at._replace(number=at.number + 1, is_last=True)
            return
        if at.is_circular:
            cursor = clipped(repr(at.cursor), 200)
            raise PaginationError(f"the service sent the cursor {cursor} twice; stopped after that page")
        if at.empty_pages > MAX_EMPTY_PAGES:
            raise PaginationError(f"the service sent {at.empty_pages:,} empty pages in a row, each with another cursor")
        if self._is_reading:
            raise RuntimeError("another thread or task is reading from this iterator: give each its own")
        self._is_reading = True
        try:
            self._cursors_seen.add(at.cursor)
            self.position = self._after(at, *(yield from self._fetch(at)))
        finally:
            self._is_reading = False

    def _fetch(self, at: Position) -> Flow[tuple[list[FailedRun], str | None]]:
        count = self._listing.page_size
        if at.left is None:
            return (yield from self._ask(at, count))
        if not self._listing.filters.response_status:
            # No more than is wanted, so that the cursor is exact: nothing is read and then cut off.
            return (yield from self._ask(at, min(count, at.left)))
        runs, cursor = yield from self._ask(at, count)
        if self._exact_cursors and (enough := self._runs_until_enough(at, runs)) is not None:
            # Only the beginning of this page is wanted. Read again with that count, it has the cursor behind it.
            return (yield from self._ask(at, enough))
        return runs, cursor

    def _ask(self, at: Position, count: int) -> Flow[tuple[list[FailedRun], str | None]]:
        arguments = {"count": count, **self._listing.filters.query}
        if at.cursor is not None:
            arguments["cursor"] = at.cursor
        answer = yield Call(list_request(arguments), self._policy)
        raise_unless_success(answer)
        return _read_runs(answer)

    def _runs_until_enough(self, at: Position, runs: list[FailedRun]) -> int | None:
        """How many runs of a page hold all that are still wanted; None if that takes the whole page."""
        statuses = self._listing.filters.response_status
        found = 0
        for number, run in enumerate(runs, start=1):
            found += has_status(run, statuses)
            if found == at.left:
                return number if number < len(runs) else None
        return None

    def _after(self, at: Position, runs: list[FailedRun], cursor: str | None) -> Position:
        empty_pages = 0 if runs else at.empty_pages + 1
        if self._listing.filters.response_status:
            runs = [run for run in runs if has_status(run, self._listing.filters.response_status)]
        left = at.left
        if left is not None and len(runs) > left and self._exact_cursors:
            # None would say that this is the end, and the cursor that was sent would skip what is cut off.
            raise InvalidResponseError(
                f"the service sent {len(runs)} runs instead of {left}, and its cursor points behind all of them: "
                "read pages without limit"
            )
        if left is not None:
            runs = runs[:left]
            left -= len(runs)
        page = Page(tuple(runs), cursor)
        is_circular = cursor in self._cursors_seen
        return Position(at.number + 1, page, cursor, left, cursor is None, is_circular, empty_pages)


def _read_runs(answer: Answer) -> tuple[list[FailedRun], str | None]:
    from .json import split_messages, split_page

    if (page := split_page(answer.content)) is not None:
        heads, contents, cursor = page
        if cursor and (complaint := cursor_complaint(cursor)) is not None:
            raise InvalidResponseError(f"cursor in {where(answer)} {complaint}")
        return list(map(FailedRun._of_json, contents, heads)), cursor or None
    payload = Payload.of(answer)
    messages = payload.objects("messages")
    received = split_messages(answer.content)
    if received is None or len(received) != len(messages):
        return list(map(FailedRun, messages)), payload.cursor
    return list(map(FailedRun._of_payload, messages, received)), payload.cursor


def count_runs(listing: Listing) -> Flow[int]:
    walk = PageWalk(listing, exact_cursors=False)
    total = 0
    while (page := (yield from walk.next_page())) is not None:
        total += len(page.runs)
        del page  # or it would be held while the next one is read
    return total


def get_run(dlq_id: FailedRun | str) -> Flow[FailedRun]:
    from upstash_workflow_rest.api.dlq import get_failed_run

    wanted = id_of(dlq_id)
    answer = yield Call(get_failed_run._get_kwargs(wanted), REPEATABLE)
    raise_unless_success(answer)
    payload = Payload.of(answer)
    payload.check_is_about(wanted)
    # No field of a run is required. But an object with neither of these shows nothing of a failed run.
    if payload.members.get("dlqId") is None and payload.members.get("workflowUrl") is None:
        raise InvalidResponseError(
            f"{payload.where} is no failed run: it has neither dlqId nor workflowUrl (it has: {payload.shown_names()})"
        )
    return FailedRun._of_payload(payload.members, answer.content)


def delete_run(run: FailedRun | str) -> Flow[None]:
    from upstash_workflow_rest.api.dlq import delete_failed_run

    dlq_id = id_of(run)
    answer = yield Call(delete_failed_run._get_kwargs(dlq_id), REPEATABLE)
    # This 404 has no schema, so it may have no body.
    is_gone = answer.status_code == 404 and (not answer.content or says_run_is_missing(answer.content, dlq_id))
    if is_gone and answer.maybe_done_before:
        return  # an earlier try has deleted it, and its answer was lost
    raise_unless_success(answer, also=NO_CONTENT)
    check_acknowledged(answer, dlq_id)
