"""Where a command that looks takes its runs from: the queue, or an archive of it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from itertools import islice
from typing import TYPE_CHECKING, Any, Protocol

from ._screen import progress
from ._selection import Selection
from ._session import Session
from ._summaries import Reading

if TYPE_CHECKING:
    from upstash_workflow_dlq import DLQClient, FailedRun
    from upstash_workflow_dlq.archive import Archive


class Source(Protocol):
    # What is said of a run that is not there.
    absent: str
    # What is said where nothing is there at all.
    empty: str

    def runs(self, selection: Selection, *, fast: bool = False, limit: int | None = None) -> Iterator[FailedRun]:
        """In the order of the service; `fast`: in none, where that is faster."""

    def find(self, dlq_id: str) -> FailedRun | None: ...

    def reading(self, selection: Selection, by: str, retention: timedelta | None) -> Reading:
        """All runs of a selection, summarized."""


class Queue:
    absent = "it expired, or was resumed or deleted"
    empty = "The queue is empty."

    def __init__(self, session: Session, dlq: DLQClient) -> None:
        self._session = session
        self._dlq = dlq

    def runs(self, selection: Selection, *, fast: bool = False, limit: int | None = None) -> Iterator[FailedRun]:
        return selection.runs(self._dlq, fast=fast, limit=limit)

    def find(self, dlq_id: str) -> FailedRun | None:
        from upstash_workflow_dlq import NotFoundError

        try:
            return self._dlq.get(dlq_id)
        except NotFoundError:
            return None

    def reading(self, selection: Selection, by: str, retention: timedelta | None) -> Reading:
        reading = Reading(by, retention)
        with progress(self._session, "Reading") as advance:
            for run in self.runs(selection, fast=True):
                reading.add(run)
                if reading.count % 100 == 0:
                    advance(reading.count)
        return reading


class Archived:
    absent = "it was never archived"
    empty = "The archive is empty."

    def __init__(self, archive: Archive, gone: bool | None, origins: tuple[str, ...]) -> None:
        self._archive = archive
        self._origins = origins
        self._where: dict[str, Any] = {"gone": gone, "origin": origins or None}

    def runs(self, selection: Selection, *, fast: bool = False, limit: int | None = None) -> Iterator[FailedRun]:
        return islice(self._archive.runs(**selection.filters, **self._where), limit)

    def find(self, dlq_id: str) -> FailedRun | None:
        from upstash_workflow_dlq.archive import NotArchivedError

        try:
            return self._archive.get(dlq_id, origin=self._origins[0] if self._origins else None)
        except NotArchivedError:
            return None

    def reading(self, selection: Selection, by: str, retention: timedelta | None) -> Reading:
        return Reading.of_archive(self._archive, {**selection.filters, **self._where}, by, retention)


@contextmanager
def queue(session: Session) -> Iterator[Source]:
    with session.client() as dlq:
        yield Queue(session, dlq)


@contextmanager
def archived(path: str, *, gone: bool | None = None, origins: tuple[str, ...] = ()) -> Iterator[Source]:
    from ._archives import opened

    with opened(path) as archive:
        yield Archived(archive, gone, origins)
