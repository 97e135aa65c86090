"""How many runs failed when: counts over equal spans of time. Pure."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

__all__ = ["Timeline"]

_SPANS = 200
_FACTORS = {
    timedelta(minutes=1): 5,
    timedelta(minutes=5): 3,
    timedelta(minutes=15): 4,
    timedelta(hours=1): 3,
    timedelta(hours=3): 2,
    timedelta(hours=6): 4,
    timedelta(days=1): 7,
}
"""How a timeline widens its spans; those of weeks are doubled."""

_NEVER = datetime.min.replace(tzinfo=UTC)
"""A Monday at midnight: spans that are counted from here begin with minutes, hours, days and weeks."""


class Timeline:
    """Counts of equal spans of time, which grow so that there are never more than 200 of them.

    ```python
    from upstash_workflow_dlq.timelines import Timeline

    timeline = Timeline()
    for run in dlq.scan():
        if run.entered_at is not None:
            timeline.add(run.entered_at)
    for start, count in timeline.result():
        print(f"{start:%d %H:%M} {'#' * count}")
    ```
    """

    def __init__(self) -> None:
        self._width = timedelta(minutes=1)
        self._counts: dict[int, int] = {}
        self._least = self._most = 0

    @property
    def width(self) -> timedelta:
        """Of the spans, so far. They begin at a multiple of it after the year 1 began."""
        return self._width

    def add(self, moment: datetime, count: int = 1) -> None:
        """Count something that happened at `moment`, an aware datetime, `count` times. `TypeError` if it is naive."""
        place = (moment - _NEVER) // self._width
        if not self._counts:
            self._least = self._most = place
        if not self._least <= place <= self._most:
            self._least, self._most = min(self._least, place), max(self._most, place)
            while self._most - self._least >= _SPANS:
                self._widen()
            place = (moment - _NEVER) // self._width
        self._counts[place] = self._counts.get(place, 0) + count

    def _widen(self) -> None:
        # Each a multiple of the one before, so that spans can be added up.
        factor = _FACTORS.get(self._width, 2)
        self._width *= factor
        self._least, self._most = self._least // factor, self._most // factor
        counts, self._counts = self._counts, {}
        for place, count in counts.items():
            self._counts[place // factor] = self._counts.get(place // factor, 0) + count

    def result(self) -> tuple[tuple[datetime, int], ...]:
        """Start and count of each span, without gaps. Empty if nothing was counted."""
        if not self._counts:
            return ()
        places = range(self._least, self._most + 1)
        return tuple((_NEVER + place * self._width, self._counts.get(place, 0)) for place in places)
