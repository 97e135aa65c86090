"""What failed, how often and since when: failed runs in groups. Pure: it reads runs, and asks nobody.

```python
from upstash_workflow_dlq.triage import summarize

for group in summarize(dlq.scan()).groups[:5]:
    print(group.count, group.failure, group.workflows)
```
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property, lru_cache
from hashlib import blake2b
from typing import Any, Generic, Literal, TypeVar, get_args
from urllib.parse import urlsplit

from . import FailedRun, Failure
from .timelines import Timeline

__all__ = [
    "By",
    "Group",
    "Summarizer",
    "Summary",
    "fingerprint",
    "fingerprint_of",
    "kept_for",
    "summarize",
    "workflow_path",
]

T = TypeVar("T")

By = Literal["failure", "workflow", "label", "status", "hour", "day"]
"""What failed runs are grouped by."""

_VERSION = 1
"""Of the fingerprints. Whatever gives other groups needs another one: people keep fingerprints in scripts."""

_READ = 2_000
_COMPARED = 500
"""Characters of a message that are looked at, and that count once the variable parts are out of it."""

_SHOWN = 10
"""Of the workflows and statuses of a group."""

_RETENTIONS = (timedelta(days=3), timedelta(days=7), timedelta(days=90))
"""How long entries are kept, by the plan. The API does not say which it is."""

_NEVER = datetime.min.replace(tzinfo=UTC)

_DATE = """(?: Mon | Tue | Wed | Thu | Fri | Sat | Sun | Jan(?:uary)? | Feb(?:ruary)? | Mar(?:ch)? | Apr(?:il)? | May
    | June? | July? | Aug(?:ust)? | Sept?(?:ember)? | Oct(?:ober)? | Nov(?:ember)? | Dec(?:ember)? )"""
_UNIT = "(?: [kKMGT]?B | ms | s | seconds? | minutes? | hours? | days? | AM | PM | EUR | USD | GMT )"
_CODE = "(?:code|exit|with|atus|rrno|gnal|ered|rned|nded)"
"""Ends of the words that a code may follow: all as long, as a look-behind wants them."""

# What differs between two runs that failed alike, and the signs in front of it. The group is what counts of it: codes
# and versions that say what went wrong, and the word of worker7. A match begins at a sign, a repetition can be divided
# in one way only, and what is tried at a sign is bounded: the time stays linear in the message, which may be anybody's.
_VARIABLE = re.compile(
    r"""
    [^A-Za-z0-9] [\W_]{0,2}+ (?! [a-z]++[ ] (?: \D | (?<! CODE[ ] ) ) ) (?: # few words come further
      [\da-fA-F]{8} (?:-[\da-fA-F]{4}){3} -[\da-fA-F]{12} # UUID
    | (?! [23](?:FA|DS)(?![^\W_]) ) \d[^\W_]*+ (?: [.,:/_+-]\d[^\W_]*+ )*+ (?: @[\w.-]+ | [ ]?% | [ ] UNIT (?![^\W_]) )?
    | [A-Za-z]++ (?: ://[^\s"'<>()`{}[\],]+ | [\w.+-]{0,64}+@[\w.-]+ )
    | (?: eyJ | wfr_ | msg_ ) [\w.-]+ # eyJ: a JWT
    | (?<=["'`]) [A-Z]{1,4}-\d[^\W_]*+ # "INV-2025"
    | (?=[A-Z][a-z]) (?: DATE (?= ,?[ -] (?: \d | [A-Z][a-z]{2}[ ]\d ) ) | (?<=\() [A-Z][A-Za-z ]{1,40} Time\) )
    | ( (?: [Cc]ode[ :=]{1,2}\d{1,5} | [Ss]tatus[ :=]{1,2}\d{1,3} | HTTP(?:/\d(?:\.\d)?)?[ ]\d{3} | SQLSTATE\W{1,2}\w{5}
          | exit[ ]\d{1,3} | signal[ ]\d\d? | errno[ ]\d{1,3}
          | answered[ ][45]\d\d | returned[ ][45]\d\d | responded[ ][45]\d\d | with[ ][45]\d\d
          | v\d\d? | IPv\d | UTF-\d\d? | SHA-\d{1,3} | S3 | EC2 | base\d\d | [EP]\d{4,5} | [A-Z]++\d[A-Z][a-z]+
        ) (?! [^\W_] | -\d )
      | (?! [\da-fA-F]{7} ) [A-Za-z]{2,}+ (?= \d++ (?! [^\W_] | :[\da-fA-F:] ) ) # worker7, but no hash and no IPv6
      ) \d*+
    | [A-Za-z]++\d[^\W_]*+
    )
    """.replace("DATE", _DATE).replace("UNIT", _UNIT).replace("CODE", _CODE),
    re.VERBOSE,
)  # fmt: skip


def fingerprint(run: FailedRun) -> str:
    """An id of what went wrong: runs of one workflow that failed alike have the same, such as `1-0b1f22a4c9d8`.

    It is made from the failure's name, from its message without what differs from run to run (ids, numbers, times,
    addresses), and from the workflow's path. Programs may remember it: the part before the hyphen is the version of the
    rules, and will be another one where they give another result.

    ```python
    from upstash_workflow_dlq.triage import fingerprint

    known = {"1-0b1f22a4c9d8"}
    for run in dlq.list(limit=20):
        if fingerprint(run) not in known:
            print("new:", run.failure)
    ```
    """
    try:
        failure = run.failure
    except ValueError:
        failure = None
    return fingerprint_of(failure, workflow_path(run))


def workflow_path(run: FailedRun) -> str:
    """The path of the run's workflow URL, without host and query; the URL if it has none, and "" without a URL."""
    try:
        return _path(run.workflow_url or "")
    except ValueError:
        return ""


@lru_cache(maxsize=1024)
def _path(url: str) -> str:
    try:
        path = urlsplit(url).path
    except ValueError:
        return url
    return path if path.strip("/") else url


def kept_for(age: timedelta, retention: timedelta | None = None) -> timedelta:
    """How much longer the service keeps a run that entered the queue an `age` ago; negative if it is due.

    If the `retention` of the plan is unknown, at least: by the shortest of all plans that such a run can be on.

    ```python
    from datetime import timedelta

    from upstash_workflow_dlq.triage import kept_for

    age = timedelta(days=4)
    print(kept_for(age, retention=timedelta(days=30)))  # 26 days, 0:00:00
    print(kept_for(age))  # 3 days, 0:00:00
    ```
    """
    return (retention or next((span for span in _RETENTIONS if age < span), _RETENTIONS[-1])) - age


def fingerprint_of(failure: Failure | None, path: str) -> str:
    """As `fingerprint`, for a run whose failure and path were read already.

    Args:
        failure: why it failed; None if that cannot be read.
        path: its `workflow_path`.
    """
    name, message = failure or ("", "")
    # The name of a class stays as it is. Other services put whole sentences there.
    return _digest(name if name.isidentifier() else _normalised(name), _normalised(message), path)


@lru_cache(maxsize=1024)
def _digest(name: str, message: str, path: str) -> str:
    # Not Python's repr, which changes with the Unicode tables of its version.
    content = f"{_VERSION}\n{len(name)}\n{name}{len(message)}\n{message}{path}".encode("utf-8", "surrogatepass")
    return f"{_VERSION}-{blake2b(content, digest_size=6).hexdigest()}"


@lru_cache(maxsize=2048)
def _normalised(text: str) -> str:
    # Pieces between two matches that meet are empty: a list or a time counts as one number.
    text = "#".join(filter(None, _VARIABLE.split(f" {text[:_READ]} ")))
    if "  " in text or not text.isprintable():
        text = " ".join(text.split())
    return text.strip()[:_COMPARED]


@dataclass(frozen=True, slots=True)
class Group:
    """Failed runs with the same key.

    Attributes:
        key: what they have in common. By failure, a fingerprint.
        failure: that of the newest run; None if it cannot be read.
        count: how many they are.
        first: when the first of them entered the queue, or else was created; None if unknown.
        last: when the last of them did.
        workflows: the most frequent paths of workflows, at most 10.
        statuses: the most frequent HTTP statuses that were answered, at most 10.
        example: the dlq_id of the newest run.
    """

    key: str
    failure: Failure | None
    count: int
    first: datetime | None
    last: datetime | None
    workflows: tuple[str, ...]
    statuses: tuple[int, ...]
    example: str | None


@dataclass(frozen=True, slots=True)
class Summary:
    """Failed runs in groups.

    Attributes:
        by: what they are grouped by.
        total: how many runs were read. By label, the counts of the groups may add up to more.
        groups: the largest first; groups of one size by key.
        timeline: how many runs failed when: start and count of equal spans of time, without gaps, at most 200.
        entered: the same, of the runs alone whose `entered_at` is known: what expires is counted from there.
        first: the time of the first run; None if no run has one.
        last: the time of the last run.
    """

    by: str
    total: int
    groups: tuple[Group, ...]
    timeline: tuple[tuple[datetime, int], ...]
    entered: tuple[tuple[datetime, int], ...]
    first: datetime | None
    last: datetime | None


def summarize(runs: Iterable[FailedRun], *, by: By = "failure") -> Summary:
    """Groups `runs` by failure, workflow, label, status, or by the hour or day of their failure.

    The key is "" for runs that have nothing of the kind. A run counts in the group of each of its labels. Memory grows
    with the number of groups, not of runs. For runs that come asynchronously, see `Summarizer`. Raises `ValueError` for
    another `by`.

    ```python
    from upstash_workflow_dlq.triage import summarize

    summary = summarize(dlq.scan(), by="label")
    for group in summary.groups:
        print(f"{group.count:5} of {summary.total} {group.key}, since {group.first}")
    ```
    """
    summarizer = Summarizer(by=by)
    for run in runs:
        summarizer.add(run)
    return summarizer.summary()


class Summarizer:
    """Groups runs one by one, wherever they come from: `add` each of them, then take the `summary`.

    Args:
        by: as in `summarize`.

    ```python
    import asyncio

    from upstash_workflow_dlq import AsyncDLQClient
    from upstash_workflow_dlq.triage import Summarizer


    async def main() -> None:
        summarizer = Summarizer(by="workflow")
        async with AsyncDLQClient() as dlq:
            async for run in dlq.scan():
                summarizer.add(run)
        print(summarizer.summary().groups[0])


    asyncio.run(main())
    ```
    """

    def __init__(self, *, by: By = "failure") -> None:
        if by not in get_args(By):
            raise ValueError(f"by is {by!r}; it must be one of {', '.join(get_args(By))}")
        self._by = by
        self._total = 0
        self._groups: dict[str, _Group] = {}
        self._timeline, self._entered = Timeline(), Timeline()
        self._first: datetime | None = None
        self._last: datetime | None = None

    def add(self, run: FailedRun) -> None:
        """Count a run. One whose fields cannot be read counts, too."""
        entered = _read(run, "entered_at")
        facts = _Facts(run, entered or _read(run, "created_at"))
        keys = self._keys(facts)
        self._total += 1
        if facts.moment is not None:
            self._timeline.add(facts.moment)
            self._first = min(self._first or facts.moment, facts.moment)
            self._last = max(self._last or facts.moment, facts.moment)
        if entered is not None:
            self._entered.add(entered)
        for key in keys:
            group = self._groups.get(key)
            if group is None:
                group = self._groups[key] = _Group()
            group.add(facts)

    def summary(self) -> Summary:
        """Of the runs so far. It does not change when more are added."""
        groups = [group.result(key) for key, group in self._groups.items()]
        groups.sort(key=lambda group: (-group.count, group.key))
        timelines = self._timeline.result(), self._entered.result()
        return Summary(self._by, self._total, tuple(groups), *timelines, self._first, self._last)

    def _keys(self, facts: _Facts) -> Iterable[str]:
        if self._by == "failure":
            return (fingerprint_of(facts.failure, facts.path),)
        if self._by == "workflow":
            return (facts.path,)
        if self._by == "label":
            return dict.fromkeys(_read(facts.run, "labels", ())) or ("",)
        if self._by == "status":
            return (str(facts.status or ""),)
        if facts.moment is None:
            return ("",)
        text = facts.moment.isoformat()
        return (text[:10] if self._by == "day" else f"{text[:13]}:00Z",)


class _Facts:
    """What groups want to know of a run, read once."""

    def __init__(self, run: FailedRun, moment: datetime | None) -> None:
        self.run = run
        self.moment = moment
        self.path = workflow_path(run)
        status = _read(run, "response_status")
        # No HTTP status has more than three digits, and of numbers that anybody makes up there is no end.
        self.status = status if status is not None and 0 < status < 1000 else None
        self.dlq_id = _read(run, "dlq_id")

    @cached_property
    def failure(self) -> Failure | None:
        failure: Failure | None = _read(self.run, "failure")
        return failure


class _Group:
    """What is known of a group so far. Of its runs only one is remembered, by its id and failure."""

    def __init__(self) -> None:
        self.count = 0
        self.first: datetime | None = None
        self.newest: tuple[datetime, int, str] | None = None
        self.failure: Failure | None = None
        self.workflows = _Frequent[str]()
        self.statuses = _Frequent[int]()

    def add(self, facts: _Facts) -> None:
        self.count += 1
        self.workflows.add(facts.path)
        self.statuses.add(facts.status)
        if facts.moment is not None:
            self.first = min(self.first or facts.moment, facts.moment)
        # Of one millisecond the id with the highest number is the newest, whatever the order in which they come.
        dlq_id = facts.dlq_id or ""
        place = (facts.moment or _NEVER, len(dlq_id), dlq_id)
        if self.newest is None or place > self.newest:
            self.newest, self.failure = place, facts.failure

    def result(self, key: str) -> Group:
        moment, _, example = self.newest or (_NEVER, 0, "")
        last = None if moment == _NEVER else moment
        workflows, statuses = self.workflows.most(), self.statuses.most()
        return Group(key, self.failure, self.count, self.first, last, workflows, statuses, example or None)


class _Frequent(Generic[T]):
    """The most frequent values. Exact while there are few; of many, those that were rare so far are forgotten."""

    def __init__(self) -> None:
        self._counts: Counter[T] = Counter()

    def add(self, value: T | None) -> None:
        if value is None or value == "":
            return
        self._counts[value] += 1
        if len(self._counts) > 10 * _SHOWN:
            self._counts = Counter(dict(self._counts.most_common(5 * _SHOWN)))

    def most(self) -> tuple[T, ...]:
        ordered = sorted(self._counts.items(), key=lambda item: (-item[1], item[0]))
        return tuple(value for value, _ in ordered[:_SHOWN])


def _read(run: FailedRun, name: str, default: Any = None) -> Any:
    """An attribute, or the default if it cannot be read: such a run is to be counted, too."""
    try:
        return getattr(run, name)
    except ValueError:  # InvalidResponseError is one
        return default
