"""Query parameters: what a call selects, how many runs it may handle, and where it continues."""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from starlette.datastructures import QueryParams

from ._payloads import Position
from ._queue import FRONT
from ._selection import Between, Check, OneOf, Selection, StartsWith
from ._settings import Settings

PAGE_SIZE = 100
_INT64_END = 2**63
_SEVERAL = ("workflowUrl", "label", "failureFunctionState", "callerIp", "flowControlKey")
"""The filters that take several values."""
_INTEGER = re.compile(r"[+-]?[0-9]{1,19}")
_CURSOR = re.compile(r"([0-9]{1,19})-([0-9]{1,19})(?:-([0-9]{1,9}))?")


class Refused(Exception):
    """A request that the service answers with an error; nothing was done."""

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(sentence)
        self.status = status
        self.sentence = sentence


@dataclass(frozen=True, slots=True)
class Cursor:
    """Where a list continues: behind the position of the last run handled, wherever other runs come and go.

    Before the first page, that is in front of every run. A call with ids has `(how many of them are done, 0)` instead;
    sent without the ids by mistake, that is a time in 1970 and selects nothing.

    `requests` counts the pages so far. Clients see it only while `Settings.empty_pages` needs it; it also makes the
    cursor of an empty page differ from the one it was requested with.
    """

    position: Position = FRONT
    requests: int = 0

    @classmethod
    def parse(cls, text: str | None) -> "Cursor":
        if text is None:
            return cls()
        match = _CURSOR.fullmatch(text)
        if match is None:
            raise Refused(400, "The cursor is not one that a page of this list returned.")
        return cls((int(match[1]), int(match[2])), int(match[3] or 0))

    @property
    def done(self) -> int:
        """How many of the ids are done."""
        return 0 if self.position == FRONT else self.position[0]

    def after(self, position: Position, *, counting: bool) -> str:
        text = f"{position[0]}-{position[1]}"
        return f"{text}-{self.requests + 1}" if counting else text


def present(params: QueryParams) -> dict[str, str]:
    """The first value of each parameter. An empty value counts as absent."""
    query: dict[str, str] = {}
    for name, value in params.multi_items():
        query.setdefault(name, value)
    return {name: value for name, value in query.items() if value}


def several(params: QueryParams, name: str) -> list[str]:
    """All values of a parameter, repeated or separated by commas."""
    return [part for value in params.getlist(name) for part in value.split(",") if part]


def read_count(query: Mapping[str, str], most: int) -> int:
    """How many runs a call may handle.

    A count between `most` and 100 means `most`: the vendor's own SDK asks for 100 runs where the service restarts 50.
    """
    count = _integer(query, "count", PAGE_SIZE)
    if not 1 <= count <= PAGE_SIZE:
        raise Refused(400, f"The value of count must be from 1 to {PAGE_SIZE}.")
    return min(count, most)


def read_filters(
    params: QueryParams, settings: Settings, *, run_id_prefix: bool = False, others: Collection[str] = ()
) -> Selection:
    """The runs that a call selects. With `run_id_prefix`, workflowRunId is a prefix. `others`: further filters."""
    query = present(params)
    since, until = _bound(query, "fromDate"), _bound(query, "toDate")
    names = (*_SEVERAL, *others)
    checks: list[Check] = [OneOf(name, tuple(wanted)) for name in names if (wanted := several(params, name))]
    if run_id := query.get("workflowRunId"):
        checks.append(StartsWith("workflowRunId", run_id) if run_id_prefix else OneOf("workflowRunId", (run_id,)))
    if (created := _bound(query, "workflowCreatedAt")) is not None:
        checks.append(Between("workflowCreatedAt", created, created))
    if settings.date_field != "dlqId" and (since, until) != (None, None):
        start, end = -_INT64_END if since is None else since, _INT64_END if until is None else until
        checks.append(Between(settings.date_field, start, end))
        since = until = None
    return Selection(since, until, checks)


def _integer(query: Mapping[str, str], name: str, default: int) -> int:
    text = query.get(name)
    if text is None:
        return default
    if not _INTEGER.fullmatch(text) or not -_INT64_END <= int(text) < _INT64_END:
        raise Refused(400, f"The value of {name} must be a whole number.")
    return int(text)


def _bound(query: Mapping[str, str], name: str) -> int | None:
    return _integer(query, name, 0) if name in query else None
