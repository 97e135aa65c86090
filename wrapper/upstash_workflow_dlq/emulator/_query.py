"""Query parameters: what a call selects, how many runs it may handle, and where it continues."""

import re
from collections.abc import Collection
from dataclasses import dataclass
from urllib.parse import parse_qsl

from ._payloads import Position
from ._queue import FRONT
from ._selection import Between, Check, OneOf, Selection, StartsWith
from ._settings import Settings

PAGE_SIZE = 100
TOKEN = "qstash_token"  # noqa: S105 - the name of a parameter
_INT64_END = 2**63
_INTEGER = re.compile(r"[+-]?[0-9]{1,19}")
_CURSOR = re.compile(r"([0-9]{1,19})-([0-9]{1,19})(?:-([0-9]{1,9}))?")

_SEVERAL = ("workflowUrl", "label", "failureFunctionState", "callerIp", "flowControlKey")
"""The filters that take several values."""
_SEVERAL_WHEN_SHARED = ("url", "messageId")
"""Those that only the queue knows that workflows share with other messages."""

BULK = ("cursor", "count", "fromDate", "toDate", "workflowRunId", "workflowCreatedAt", *_SEVERAL, "dlqIds")
LIST = (*BULK, "trimBody")
SHARED_LIST = (*LIST, "source", "responseStatus", *_SEVERAL_WHEN_SHARED)
SHARED_DELETE = ("dlqIds",)


class Refused(Exception):
    """A request that the service answers with an error; nothing was done."""

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(sentence)
        self.status = status
        self.sentence = sentence


class Query:
    """The parameters of a request. Refuses those that are not in `known`; an empty value counts as absent."""

    def __init__(self, query_string: bytes, known: Collection[str] = ()) -> None:
        self._values: dict[str, list[str]] = {}
        for name, value in _pairs(query_string):
            self._values.setdefault(name, []).append(value)
        unknown = [name for name in self._values if name not in known and name != TOKEN]
        if unknown:
            takes = f"the parameters {', '.join(known)}" if known else "no parameters"
            raise Refused(400, f"Unknown parameters: {', '.join(unknown)}. This call takes {takes}.")

    def first(self, name: str) -> str:
        """The first value of a parameter; empty if it is absent."""
        return self._values.get(name, [""])[0]

    def several(self, name: str) -> tuple[str, ...]:
        """All values of a parameter, repeated or separated by commas."""
        return tuple(part for value in self._values.get(name, ()) for part in value.split(",") if part)

    def integer(self, name: str) -> int | None:
        text = self.first(name)
        return _integer(name, text) if text else None

    def integers(self, name: str) -> tuple[int, ...]:
        return tuple(_integer(name, text) for text in self.several(name))


@dataclass(frozen=True, slots=True)
class Cursor:
    """Where a list continues: behind the position of the last run handled, wherever other runs come and go.

    Before the first page, that is in front of every run.

    `requests` counts the pages so far. Clients see it only while `Settings.empty_pages` needs it; it also makes the
    cursor of an empty page differ from the one it was requested with.
    """

    position: Position = FRONT
    requests: int = 0

    @classmethod
    def parse(cls, text: str) -> "Cursor":
        if not text:
            return cls()
        match = _CURSOR.fullmatch(text)
        if match is None:
            raise Refused(400, "The cursor is not one that a page of this list returned.")
        return cls((int(match[1]), int(match[2])), int(match[3] or 0))

    def after(self, position: Position, *, counting: bool) -> str:
        text = f"{position[0]}-{position[1]}"
        return f"{text}-{self.requests + 1}" if counting else text


def read_count(query: Query, most: int) -> int:
    """How many runs a call may handle.

    A count between `most` and 100 means `most`: the vendor's own SDK asks for 100 runs where the service restarts 50.
    """
    count = query.integer("count")
    if count is None:
        return most
    if not 1 <= count <= PAGE_SIZE:
        raise Refused(400, f"The value of count must be from 1 to {PAGE_SIZE}.")
    return min(count, most)


def read_filters(query: Query, settings: Settings, *, run_id_prefix: bool = False) -> Selection:
    """The runs that a call selects. With `run_id_prefix`, workflowRunId is a prefix."""
    since, until = query.integer("fromDate"), query.integer("toDate")
    names = (*_SEVERAL, *_SEVERAL_WHEN_SHARED)
    checks: list[Check] = [OneOf(name, values) for name in names if (values := query.several(name))]
    if statuses := query.integers("responseStatus"):
        checks.append(OneOf("responseStatus", statuses))
    if run_id := query.first("workflowRunId"):
        checks.append(StartsWith("workflowRunId", run_id) if run_id_prefix else OneOf("workflowRunId", (run_id,)))
    if (created := query.integer("workflowCreatedAt")) is not None:
        checks.append(Between("workflowCreatedAt", created, created))
    if settings.date_field != "dlqId" and (since, until) != (None, None):
        start, end = -_INT64_END if since is None else since, _INT64_END if until is None else until
        checks.append(Between(settings.date_field, start, end))
        since = until = None
    return Selection(since, until, checks)


def read_tokens(query_string: bytes) -> list[str]:
    return [value for name, value in _pairs(query_string) if name == TOKEN]


def check_trim_body(query: Query) -> None:
    """The vendor's own MCP server sends `trimBody` to the list. What it does there is not known; here, nothing."""
    trim = query.integer("trimBody")
    if trim is not None and trim < -1:
        raise Refused(400, "The value of trimBody must be a number of bytes, or -1 for no bodies.")


def _pairs(query_string: bytes) -> list[tuple[str, str]]:
    return parse_qsl(query_string.decode("latin-1"), keep_blank_values=True)


def _integer(name: str, text: str) -> int:
    if not _INTEGER.fullmatch(text) or not -_INT64_END <= int(text) < _INT64_END:
        raise Refused(400, f"The value of {name} must be a whole number.")
    return int(text)
