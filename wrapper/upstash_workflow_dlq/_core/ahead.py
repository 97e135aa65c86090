"""Reading ahead: pages are read in the background while the caller looks at earlier ones.

What to begin and what to deliver is decided here; `_net/threads.py` and `_net/tasks.py` drive it.
"""

from __future__ import annotations

from collections import deque
from typing import Generic, Protocol, TypeVar

from .answers import Flow
from .reading import Page, PageWalk


class Part(Protocol):
    """Something that is read page by page, one page at a time."""

    def next_page(self) -> Flow[Page | None]: ...


P = TypeVar("P", bound=Part)


class Source(Protocol[P]):
    """What is read ahead: parts that may be read at once."""

    @property
    def limit(self) -> int:
        """How many parts may be read at once."""

    @property
    def resume_at(self) -> float:
        """Nothing is to be sent before this time, by a clock that never goes back."""

    @property
    def is_exhausted(self) -> bool:
        """Whether all has been read, provided that nothing is being read."""

    def take(self) -> P | None:
        """A part to read a page of; None if there is none now."""

    def put_back(self, part: P) -> None:
        """Its page was not read."""

    def done(self, part: P, page: Page | None) -> Page | None:
        """The part of the page to deliver."""

    def failed(self, part: P, error: Exception) -> bool:
        """Whether to continue in spite of the error. The part is put back."""


class OneWalk:
    """A list as a source: one part, whose pages come in order."""

    limit = 1
    resume_at = 0.0

    def __init__(self, walk: PageWalk) -> None:
        self._walk: PageWalk | None = walk

    @property
    def is_exhausted(self) -> bool:
        return self._walk is None

    def take(self) -> PageWalk | None:
        walk, self._walk = self._walk, None
        return walk

    def put_back(self, walk: PageWalk) -> None:
        self._walk = walk

    def done(self, walk: PageWalk, page: Page | None) -> Page | None:
        if page is not None:
            self._walk = walk
        return page

    def failed(self, walk: PageWalk, error: Exception) -> bool:
        self._walk = walk
        return False


class Stopped(Exception):
    """How a worker stops. Never reaches the caller."""


class Plan(Generic[P]):
    """What to begin, and what to deliver. At most `ahead` pages are read, or being read, before they are asked for.

    The threads or tasks that read pages call `begin`, `done` and `failed`, one at a time. The caller's side only looks
    at what is ready, and may be interrupted at any instruction.
    """

    def __init__(self, source: Source[P], ahead: int) -> None:
        self.source = source
        self.is_waited_for = False
        # Whether all that is to come before the end or an error is ready.
        self.is_settled = False
        # Pages by number, until the next one is asked for.
        self._ready: deque[tuple[int, Page]] = deque()
        self._delivered = 0
        self._produced = 0
        self._running = 0
        self._ahead = ahead
        self._error: Exception | None = None

    def begin(self) -> P | None:
        """A part to read a page of, now."""
        part = self.source.take() if self.has_room else None
        self._running += part is not None
        self._settle()
        return part

    @property
    def has_room(self) -> bool:
        """Whether another part may be begun, if there is one."""
        unclaimed = self._running + self._produced - self._delivered - self.is_waited_for
        return self._error is None and self._running < self.source.limit and unclaimed < self._ahead

    @property
    def has_ended(self) -> bool:
        """Whether nothing will be begun any more, unless the caller goes on after an error."""
        return self._error is not None or self.is_settled

    def done(self, part: P, page: Page | None) -> None:
        self._running -= 1
        delivered = self.source.done(part, page)
        if delivered is not None:
            self._produced += 1
            self._ready.append((self._produced, delivered))
        self._settle()

    def failed(self, part: P, error: BaseException) -> None:
        self._running -= 1
        if not isinstance(error, Exception) or isinstance(error, Stopped):
            self.source.put_back(part)
        elif not self.source.failed(part, error):
            self._error = self._error or error
        self._settle()

    def _settle(self) -> None:
        self.is_settled = not self._running and (self._error is not None or self.source.is_exhausted)

    def page_after(self, number: int) -> tuple[int, Page] | None:
        """The page that comes after the one of that number, if it is ready."""
        while self._ready and self._ready[0][0] <= number:
            self._ready.popleft()
        if not self._ready:
            return None
        self._delivered = number + 1
        return self._ready[0]

    def raise_error(self) -> None:
        """After all pages that were read before it."""
        if self._error is not None:
            self.is_settled = False  # in this order: an interrupt in between must not end the iteration
            error, self._error = self._error, None
            raise error
