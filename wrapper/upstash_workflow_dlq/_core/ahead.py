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
    """What to begin, and what to deliver. At most `ahead` pages are read, or being read, before they are asked for."""

    def __init__(self, source: Source[P], ahead: int) -> None:
        self.source = source
        self.running = 0
        self.is_waited_for = False
        self._ahead = ahead
        self._ready: deque[Page] = deque()
        self._error: Exception | None = None

    def begin(self) -> P | None:
        """A part to read a page of, now."""
        unclaimed = self.running + len(self._ready) - self.is_waited_for
        if self._error is not None or self.running >= self.source.limit or unclaimed >= self._ahead:
            return None
        part = self.source.take()
        self.running += part is not None
        return part

    def done(self, part: P, page: Page | None) -> None:
        self.running -= 1
        delivered = self.source.done(part, page)
        if delivered is not None:
            self._ready.append(delivered)

    def failed(self, part: P, error: BaseException) -> None:
        self.running -= 1
        if not isinstance(error, Exception) or isinstance(error, Stopped):
            self.source.put_back(part)
        elif not self.source.failed(part, error):
            self._error = self._error or error

    @property
    def has_news(self) -> bool:
        """Whether there is a page, an error, or the end. If nothing is read, all workers may just have been stopped."""
        return bool(self._ready) or (not self.running and (self._error is not None or self.source.is_exhausted))

    def page(self) -> Page | None:
        """The next page; None after the last one. An error is raised after all pages read before it."""
        if self._ready:
            return self._ready.popleft()
        error, self._error = self._error, None
        if error is not None:
            raise error
        return None

    def claim(self) -> None:
        if self.is_waited_for:
            raise RuntimeError("another thread or task is reading from this iterator: give each its own")
        self.is_waited_for = True
