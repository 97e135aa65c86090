"""When the next request may begin. Pure: moments come in as seconds on a clock that never goes back."""

from __future__ import annotations

from math import floor

# A request that begins late does not delay the next ones, up to so many seconds in all. More than that is not made up
# for: after a wait there is no burst, and no ten seconds have 5 % more requests than they should.
MOST_BEHIND = 0.25


class Pace:
    """So many requests a second, evenly. The first one may begin at once."""

    def __init__(self, rate: float, now: float) -> None:
        self._rate = rate
        self._next = now
        self._held = now

    @property
    def next(self) -> float:
        """The moment of the next request."""
        return max(self._next, self._held)

    def due(self, now: float) -> int:
        """How many requests may begin now."""
        if self.is_held(now):
            return 0
        self._next = max(self._next, self._held, now - MOST_BEHIND)
        # A timer that fires a microsecond early must not cost another turn.
        return max(0, floor((now - self._next) * self._rate + 1 + 1e-6))

    def took(self, count: int) -> None:
        self._next += count / self._rate

    def change(self, rate: float, now: float) -> None:
        """From now on. A wait of the old rate does not go on."""
        if rate != self._rate:
            self._next = min(self._next, max(now, self._next - 1 / self._rate + 1 / rate))
            self._rate = rate

    def is_held(self, now: float) -> bool:
        return now < self._held

    def hold(self, until: float) -> None:
        """Nothing begins before this moment, and nothing is made up for."""
        self._held = max(self._held, until)
