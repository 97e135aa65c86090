"""Whether a failed run matches filters: those of the client, and three that look at why it failed. Pure.

```python
from upstash_workflow_dlq.matching import Matcher

lost = Matcher({"label": ["billing", "search"], "contains": "connection"})
print(sum(1 for run in dlq.scan() if lost.matches(run)))
```
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from datetime import datetime
from typing import Any, NamedTuple, Unpack

from . import FailedRun, RunFilters, parse_filters
from .triage import fingerprint, fingerprint_of, workflow_path

__all__ = ["Facts", "MatchFilters", "Matcher", "matches"]


class MatchFilters(RunFilters, total=False):
    """`RunFilters`, and three more. Several values of one filter are ORed, filters are ANDed.

    Attributes:
        failure: one or several names of failures, such as "FetchError".
        contains: a text in the failure's message, whatever its case.
        fingerprint: one or several fingerprints of `upstash_workflow_dlq.triage`.
    """

    failure: str | Iterable[str] | None
    contains: str | None
    fingerprint: str | Iterable[str] | None


class Facts(NamedTuple):
    """What filters compare of a run, under their names; times are Unix milliseconds, None is what it does not have.

    `message` is that of the failure, which `failure` names.
    """

    label: tuple[str, ...] = ()
    workflow_url: str | None = None
    workflow_run_id: str | None = None
    workflow_created_at: int | None = None
    failure_function_state: str | None = None
    caller_ip: str | None = None
    flow_control_key: str | None = None
    response_status: int | None = None
    entered_at: int | None = None
    created_at: int | None = None
    failure: str | None = None
    message: str | None = None
    fingerprint: str | None = None

    @property
    def failed_at(self) -> int | None:
        """What `from_date` and `to_date` are compared with: when it entered the queue, or when it was created."""
        return self.created_at if self.entered_at is None else self.entered_at

    @classmethod
    def of(cls, run: FailedRun, names: Iterable[str] | None = None) -> Facts:
        """Those with these `names`; all of them for None. A field that cannot be read is one that is not there."""
        if names is None:
            try:
                return cls._all_of(run)
            except ValueError:  # InvalidResponseError is one
                names = cls._fields
        found: dict[str, Any] = {}
        for name in names:
            with suppress(ValueError):
                found[name] = _READERS[name](run)
        return cls(**found)

    @classmethod
    def _all_of(cls, run: FailedRun) -> Facts:
        """In two thirds of the time; of a run that can be read, as nearly all can."""
        failure = run.failure
        return cls(
            run.labels,
            run.workflow_url,
            run.workflow_run_id,
            milliseconds(run.workflow_created_at),
            _state(run),
            run.caller_ip,
            run.flow_control_key,
            run.response_status,
            milliseconds(run.entered_at),
            milliseconds(run.created_at),
            *failure,
            fingerprint_of(failure, workflow_path(run)),
        )


def milliseconds(moment: datetime | None) -> int | None:
    """Unix milliseconds of a time of a run, which is exact to them."""
    # A quarter of the time of subtracting the epoch; a float of milliseconds is exact beyond the year 9999.
    return None if moment is None else round(moment.timestamp() * 1000)


def _state(run: FailedRun) -> str | None:
    function = run.failure_function
    # Plain, also where it is a member of the enum.
    return None if function is None or function.state is None else str.__str__(function.state)


_READERS: dict[str, Callable[[FailedRun], Any]] = {
    "label": lambda run: run.labels,
    "workflow_url": lambda run: run.workflow_url,
    "workflow_run_id": lambda run: run.workflow_run_id,
    "workflow_created_at": lambda run: milliseconds(run.workflow_created_at),
    "failure_function_state": _state,
    "caller_ip": lambda run: run.caller_ip,
    "flow_control_key": lambda run: run.flow_control_key,
    "response_status": lambda run: run.response_status,
    "entered_at": lambda run: milliseconds(run.entered_at),
    "created_at": lambda run: milliseconds(run.created_at),
    "failure": lambda run: run.failure.name,
    "message": lambda run: run.failure.message,
    "fingerprint": fingerprint,
}


def matches(run: FailedRun, **filters: Unpack[MatchFilters]) -> bool:
    """Whether a run matches all of these filters. For many runs, make a `Matcher` once. Raises what that raises."""
    return Matcher(filters).matches(run)


class Matcher:
    """Checked filters (see `MatchFilters`). Raises `ValueError` and `TypeError`, as the client does for its own.

    Attributes:
        since, until: what `from_date` and `to_date` mean in Unix milliseconds, both included; None for no bound.
    """

    def __init__(self, filters: MatchFilters | Mapping[str, Any]) -> None:
        given = {name: value for name, value in filters.items() if value is not None}
        here = {name: given.pop(name) for name in ("failure", "contains", "fingerprint") if name in given}
        parsed = parse_filters(given)
        self.since: int | None = parsed.pop("from_date", None)
        self.until: int | None = parsed.pop("to_date", None)
        self._wanted: dict[str, frozenset[Any]] = {}
        for name, value in parsed.items():
            if name not in Facts._fields:
                raise TypeError(f"{name} is new in the spec: the service applies it, and nothing here can")
            self._wanted[name] = frozenset([value] if isinstance(value, str | int) else value)
        for name in ("failure", "fingerprint"):
            if name in here:
                self._wanted[name] = frozenset(_texts(name, here[name]))
        self._contained = None
        if "contains" in here:
            [text] = _texts("contains", [here["contains"]])
            self._contained = text.casefold()
        self._names = [*self._wanted]
        if (self.since, self.until) != (None, None):
            self._names += ["entered_at", "created_at"]
        if self._contained is not None:
            self._names.append("message")

    @property
    def is_empty(self) -> bool:
        """Whether every run matches."""
        return not self._names

    def matches(self, run: FailedRun) -> bool:
        """Whether a run matches all of the filters. A field that cannot be read matches none."""
        return self.accepts(Facts.of(run, self._names))

    def accepts(self, facts: Facts) -> bool:
        """As `Matcher.matches`, for a run whose `facts` were read already."""
        for name, wanted in self._wanted.items():
            value = getattr(facts, name)
            if wanted.isdisjoint(value) if name == "label" else value not in wanted:
                return False
        if self._contained is not None and (facts.message is None or self._contained not in facts.message.casefold()):
            return False
        if self.since is None and self.until is None:
            return True
        moment = facts.failed_at
        return moment is not None and (
            (self.since is None or moment >= self.since) and (self.until is None or moment <= self.until)
        )


def _texts(name: str, value: Any) -> list[str]:
    texts = [value] if isinstance(value, str) else value
    if not isinstance(texts, Iterable) or isinstance(texts, bytes):
        raise TypeError(f"{name} takes a string or several, not {type(value).__name__}")
    texts = list(texts)
    for text in texts:
        if not isinstance(text, str):
            raise TypeError(f"{name} takes strings, not {type(text).__name__}")
    if not texts or not all(text.strip() for text in texts):
        raise ValueError(f"{name} is empty: leave it out to match any {name}")
    return texts
