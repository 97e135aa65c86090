"""The queue: failed runs in the order in which they entered it."""

import threading
import time
from bisect import bisect_left, insort
from collections.abc import Callable, Container, Iterable, Iterator, Mapping
from heapq import heappop, heappush, merge
from itertools import count, islice
from operator import attrgetter
from typing import Any

from ._payloads import AddedRun, Payload, Position, Run, position_of
from ._sample_runs import SampleRuns
from ._selection import Selection, passes

FRONT: Position = (2**63, 0)
"""A position in front of every run."""


class Queue:
    """Sample runs, which are made when they are needed, and payloads that were added. Thread-safe."""

    def __init__(self, samples: SampleRuns) -> None:
        self._lock = threading.Lock()
        self._samples = samples
        # For each sample run, 1 while it is in the queue: those that are gone are skipped at the speed of memchr.
        self._present = bytearray(b"\1") * len(samples)
        self._added: dict[Position, AddedRun] = {}
        self._positions: list[Position] = []  # of what was added, ascending: the start of a page is found by bisection
        self._by_id: dict[str, Position] = {}
        self._coming: list[tuple[int, int, Callable[[], Payload]]] = []  # a heap: moment, number, and what enters then
        self._numbers = count()  # of those: an id is not used twice, even after its run is gone

    def add(self, payloads: Iterable[Mapping[str, Any]]) -> list[str]:
        """Add copies of the payloads, all or none, and return their ids. A payload without a `dlqId` gets one.

        Raises ValueError for an id that is taken, empty or not a string, ValueError or TypeError for what is not JSON.
        """
        with self._lock:
            self._enter_due()
            new: dict[Position, AddedRun] = {}
            ids: dict[str, None] = {}
            for payload in payloads:
                dlq_id, position = self._place(payload, new)
                if dlq_id in ids or self._find(dlq_id) is not None:
                    raise ValueError(f"the queue already holds a run with the dlqId {dlq_id!r}")
                new[position] = AddedRun(position, {**payload, "dlqId": dlq_id})
                ids[dlq_id] = None
            for position in sorted(new):
                self._insert(new[position])
        return list(ids)

    def add_later(self, moment: int, make: Callable[[], Payload]) -> None:
        """Add a payload, under an id of its own, when its moment (Unix ms) has come.

        Nothing runs until then: whatever looks at the queue lets in what is due, at the moment when it was due.
        """
        with self._lock:
            heappush(self._coming, (moment, next(self._numbers), make))

    def get(self, dlq_id: str) -> Run | None:
        with self._lock:
            self._enter_due()
            position = self._find(dlq_id)
            return None if position is None else self._at(position)

    def get_ids(self, dlq_ids: Iterable[str]) -> list[Run]:
        """The runs with these ids that are in the queue, newest first."""
        with self._lock:
            self._enter_due()
            positions = {position for dlq_id in dlq_ids if (position := self._find(dlq_id)) is not None}
            return [self._at(position) for position in sorted(positions, reverse=True)]

    def edit(self, dlq_id: str, edit: Callable[[Payload], Mapping[str, Any]]) -> None:
        """Replace the payload with this id. What `edit` raises passes through, and nothing changes.

        Raises KeyError if there is no such run, ValueError or TypeError for what is not JSON or has a different id.
        """
        with self._lock:
            self._enter_due()
            position = self._find(dlq_id)
            if position is None:
                raise KeyError(dlq_id)
            edited = dict(edit(self._at(position).payload()))
            if edited.get("dlqId") != dlq_id:
                raise ValueError("the dlqId of a run in the queue cannot change")
            run = AddedRun(position, edited)
            self._remove(position)
            self._insert(run)

    def select(self, count: int, selection: Selection, *, before: Position = FRONT) -> tuple[list[Run], bool]:
        """The newest `count` selected runs before a position, and whether there are more."""
        with self._lock:
            self._enter_due()
            return self._select(count, selection, before)

    def take(self, count: int, selection: Selection, *, before: Position = FRONT) -> tuple[list[Run], bool]:
        """The same, and remove them from the queue."""
        with self._lock:
            self._enter_due()
            found, more = self._select(count, selection, before)
            for run in found:
                self._remove(run.position)
        return found, more

    def take_ids(self, dlq_ids: Iterable[str], *, required: Iterable[str] = ()) -> list[Run]:
        """Remove the runs with these ids, and return those that were in the queue.

        Raises KeyError, and removes nothing, if one of the required ids is not there.
        """
        with self._lock:
            self._enter_due()
            for dlq_id in required:
                if self._find(dlq_id) is None:
                    raise KeyError(dlq_id)
            return [self._remove(position) for dlq_id in dlq_ids if (position := self._find(dlq_id)) is not None]

    def newest_first(self) -> list[Payload]:
        """Copies of all payloads."""
        with self._lock:
            self._enter_due()
            return [run.payload() for run in self._matching(Selection(), FRONT)]

    def _enter_due(self) -> None:
        """Let in what is due. Everything that looks at the queue calls this first."""
        while self._coming and self._coming[0][0] <= time.time_ns() // 1_000_000:
            moment, number, make = heappop(self._coming)
            while self._is_taken((moment, number), f"{moment}-{number}"):
                number = next(self._numbers)
            self._insert(AddedRun((moment, number), {**make(), "dlqId": f"{moment}-{number}"}))

    def _is_taken(self, position: Position, dlq_id: str) -> bool:
        return position in self._added or dlq_id in self._by_id or self._holds_sample(position)

    def _select(self, count: int, selection: Selection, before: Position) -> tuple[list[Run], bool]:
        runs = self._matching(selection, before)
        found = list(islice(runs, count))
        return found, next(runs, None) is not None

    def _matching(self, selection: Selection, before: Position) -> Iterator[Run]:
        """The selected runs before a position, newest first."""
        if selection.until is not None:
            before = min(before, (selection.until + 1, 0))
        since = None if selection.since is None else (selection.since, 0)
        samples = self._samples
        start, end = samples.older_than(before), len(samples) if since is None else samples.older_than(since)
        matching = samples.matching(selection.checks, self._present, start, end)
        if not self._added:  # merging would slow down every page of samples
            return matching
        return merge(matching, self._matching_added(selection, since, before), key=attrgetter("position"), reverse=True)

    def _matching_added(self, selection: Selection, since: Position | None, before: Position) -> Iterator[Run]:
        start = 0 if since is None else bisect_left(self._positions, since)
        for index in range(bisect_left(self._positions, before) - 1, start - 1, -1):
            run = self._added[self._positions[index]]
            if passes(run.facts, selection.checks):
                yield run

    def _find(self, dlq_id: str) -> Position | None:
        """The position of a run by its id."""
        position = self._by_id.get(dlq_id)
        if position is None:
            position = position_of(dlq_id)
            if position is not None and not self._holds_sample(position):
                return None
        return position

    def _holds_sample(self, position: Position) -> bool:
        index = self._samples.find(position)
        return index >= 0 and self._present[index] == 1

    def _at(self, position: Position) -> Run:
        return self._added.get(position) or self._samples[self._samples.find(position)]

    def _insert(self, run: AddedRun) -> None:
        self._added[run.position] = run
        self._by_id[run.dlq_id] = run.position
        insort(self._positions, run.position)

    def _remove(self, position: Position) -> Run:
        run = self._at(position)
        if position in self._added:
            del self._added[position], self._by_id[run.dlq_id]
            del self._positions[bisect_left(self._positions, position)]
        else:
            self._present[self._samples.find(position)] = 0
        return run

    def _place(self, payload: Mapping[str, Any], taken: Container[Position]) -> tuple[str, Position]:
        """The id of a run and a free position. An id like the service's is a position; any other enters now."""
        dlq_id = payload.get("dlqId", "")
        if not isinstance(dlq_id, str) or (not dlq_id and "dlqId" in payload):
            raise ValueError(f"a dlqId must be a string that is not empty, got {dlq_id!r}")
        moment, number = position_of(dlq_id) or (time.time_ns() // 1_000_000, 0)
        while (moment, number) in self._added or (moment, number) in taken or self._holds_sample((moment, number)):
            number += 1
        return dlq_id or f"{moment}-{number}", (moment, number)
