"""The queue: failed runs in the order in which they entered it."""

import json
import re
import threading
import time
from bisect import bisect_left, insort
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Payload = dict[str, Any]
Position = tuple[int, int]
"""When a run entered the queue (Unix ms), and a number that distinguishes runs of the same millisecond."""

_ID = re.compile(r"(0|[1-9][0-9]{0,18})-(0|[1-9][0-9]{0,18})")


def _labels(payload: Payload) -> list[Any]:
    labels = payload.get("labels")
    return [payload.get("label"), *(labels if isinstance(labels, list) else ())]


def callback_states(payload: Payload) -> list[Any]:
    info = payload.get("failureCallbackInfo")
    return [info.get("state") if isinstance(info, dict) else None, payload.get("failureFunctionState")]


_FACTS: dict[str, Callable[[Payload], list[Any]]] = {
    "callerIp": lambda payload: [payload.get("callerIP")],
    "createdAt": lambda payload: [payload.get("createdAt")],
    "failureFunctionState": callback_states,
    "flowControlKey": lambda payload: [payload.get("flowControlKey")],
    "label": _labels,
    "url": lambda payload: [payload.get("url")],
    "workflowCreatedAt": lambda payload: [payload.get("workflowCreatedAt")],
    "workflowRunId": lambda payload: [payload.get("workflowRunId")],
    "workflowUrl": lambda payload: [payload.get("workflowUrl")],
}
"""The values that filters compare, and where a payload has them."""


class Run:
    """A failed run as JSON, ready to be sent, and the few values that filters compare."""

    __slots__ = ("dlq_id", "facts", "json")

    def __init__(self, payload: Payload) -> None:
        self.dlq_id: str = payload["dlqId"]
        self.json = encode(payload)
        self.facts = {
            name: tuple(value for value in values(payload) if isinstance(value, str | int))
            for name, values in _FACTS.items()
        }

    def payload(self) -> Payload:
        payload: Payload = json.loads(self.json)
        return payload


def encode(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()


@dataclass(frozen=True, slots=True)
class Selection:
    """Runs that entered the queue between two times (Unix ms, inclusive) and pass all checks."""

    since: int | None = None
    until: int | None = None
    checks: Sequence[Callable[[Run], bool]] = ()


class Queue:
    """Failed runs by position. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._positions: list[Position] = []  # ascending, so that the start of a page is found by bisection
        self._runs: dict[Position, Run] = {}
        self._by_id: dict[str, Position] = {}

    def add(self, payloads: Iterable[Mapping[str, Any]]) -> list[str]:
        """Add copies of the payloads, all or none, and return their ids. A payload without a `dlqId` gets one.

        Raises ValueError for an id that is taken, empty or not a string, ValueError or TypeError for what is not JSON.
        """
        with self._lock:
            runs: dict[Position, Run] = {}
            ids: dict[str, Position] = {}
            for payload in payloads:
                dlq_id, position = self._place(payload, runs)
                if dlq_id in self._by_id or dlq_id in ids:
                    raise ValueError(f"the queue already holds a run with the dlqId {dlq_id!r}")
                runs[position] = Run({**payload, "dlqId": dlq_id})
                ids[dlq_id] = position
            self._runs |= runs
            self._by_id |= ids
            for position in sorted(runs):
                insort(self._positions, position)
        return list(ids)

    def get(self, dlq_id: str) -> Run | None:
        with self._lock:
            position = self._by_id.get(dlq_id)
            return None if position is None else self._runs[position]

    def edit(self, dlq_id: str, edit: Callable[[Payload], Mapping[str, Any]]) -> None:
        """Replace the payload with this id. What `edit` raises passes through, and nothing changes.

        Raises KeyError if there is no such run, ValueError or TypeError for what is not JSON or has a different id.
        """
        with self._lock:
            position = self._by_id[dlq_id]
            edited = dict(edit(self._runs[position].payload()))
            if edited.get("dlqId") != dlq_id:
                raise ValueError("the dlqId of a run in the queue cannot change")
            self._runs[position] = Run(edited)

    def select(self, count: int, selection: Selection, *, before: Position) -> tuple[list[tuple[Position, Run]], bool]:
        """The newest `count` selected runs before a position, and whether there are more."""
        with self._lock:
            return self._select(count, selection, before)

    def take(self, count: int, selection: Selection, *, before: Position) -> tuple[list[tuple[Position, Run]], bool]:
        """The same, and remove them from the queue."""
        with self._lock:
            found, more = self._select(count, selection, before)
            for _, run in found:
                self._remove(run.dlq_id)
        return found, more

    def take_ids(self, dlq_ids: Iterable[str], *, required: Iterable[str] = ()) -> list[str]:
        """Remove the runs with these ids, and return the ids of those that were in the queue.

        Raises KeyError, and removes nothing, if one of the required ids is not there.
        """
        with self._lock:
            for dlq_id in required:
                self._by_id[dlq_id]
            return [dlq_id for dlq_id in dlq_ids if self._remove(dlq_id)]

    def newest_first(self) -> list[Payload]:
        """Copies of all runs."""
        with self._lock:
            return [self._runs[position].payload() for position in reversed(self._positions)]

    def _remove(self, dlq_id: str) -> bool:
        position = self._by_id.pop(dlq_id, None)
        if position is None:
            return False
        del self._runs[position]
        del self._positions[bisect_left(self._positions, position)]
        return True

    def _select(self, count: int, selection: Selection, before: Position) -> tuple[list[tuple[Position, Run]], bool]:
        found: list[tuple[Position, Run]] = []
        since, until = selection.since, selection.until
        end = bisect_left(self._positions, before if until is None else min(before, (until + 1, 0)))
        start = 0 if since is None else bisect_left(self._positions, (since, 0))
        for index in range(end - 1, start - 1, -1):
            position = self._positions[index]
            run = self._runs[position]
            if all(check(run) for check in selection.checks):
                if len(found) == count:
                    return found, True
                found.append((position, run))
        return found, False

    def _place(self, payload: Mapping[str, Any], taken: Collection[Position]) -> tuple[str, Position]:
        """The id of a run and a free position. An id like the service's is a position; any other enters now."""
        dlq_id = payload.get("dlqId", "")
        if not isinstance(dlq_id, str) or (not dlq_id and "dlqId" in payload):
            raise ValueError(f"a dlqId must be a string that is not empty, got {dlq_id!r}")
        match = _ID.fullmatch(dlq_id)
        moment, number = (int(match[1]), int(match[2])) if match else (time.time_ns() // 1_000_000, 0)
        while (moment, number) in self._runs or (moment, number) in taken:
            number += 1
        return dlq_id or f"{moment}-{number}", (moment, number)
