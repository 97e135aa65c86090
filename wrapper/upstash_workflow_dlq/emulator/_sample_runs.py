"""Sample runs that are made when they are needed: a million of them start as fast as a thousand."""

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import compress

from ._payloads import AddedRun, Payload, Position, Run, Values, encode, position_of
from ._selection import Between, Check, OneOf, StartsWith, passes

VARIETY = 1_009
"""How many different failures there are. Older runs repeat them, round after round, with other ids and times.

A prime number, so that the pages of a list differ.
"""

_STEP = 10_000_000
"""Milliseconds. Rounds are a multiple of this apart, so that only the leading digits of their times differ.

To make a run is then to fill these digits into prepared text: 1 microsecond, where making one up takes 100.
"""

_TIMES = ("notBefore", "createdAt", "workflowCreatedAt")
_IDS = ("messageId", "workflowRunId")
_ID_END = 6
"""How many characters at the end of an id give way to leading digits."""

_MASKS = 64
"""How many filters are remembered: a bound for an emulator that runs for days."""


class SampleRuns:
    """Sample runs by index, newest first. `payloads` are the first round, or all of them if they are fewer.

    Raises ValueError if the oldest would be from before 1970.
    """

    def __init__(self, count: int, payloads: Sequence[Payload]) -> None:
        positions = [position_of(payload["dlqId"]) or (0, 0) for payload in payloads] or [(0, 0)]
        self._count = count
        self._newest = positions[0][0]
        self._keys = [(self._newest - moment, -number) for moment, number in positions]
        self._steps = self._keys[-1][0] // _STEP + 1
        """How many steps the rounds are apart."""
        rounds, place = divmod(max(count - 1, 0), VARIETY)
        oldest = positions[place][0] - rounds * self._steps * _STEP
        if count and oldest < 2 * _STEP:  # its leading digits, and those of its other times, must not be 0
            raise ValueError(f"there is no time for {count:,} sample runs between 1970 and the newest")
        self._templates = [
            _Template(position, payload, self._newest // _STEP)
            for position, payload in zip(positions, payloads, strict=False)
        ]
        self._later = [template.later() for template in self._templates] if rounds else []
        self._fills = {later.fill for later in self._later}
        self._last_step = max((template.last_step for template in self._templates), default=0)
        self._masks: dict[tuple[Check, ...], int] = {}

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[Run]:
        for start in range(0, self._count, VARIETY):
            yield from self._runs(start // VARIETY, range(min(self._count - start, VARIETY)))

    def __getitem__(self, index: int) -> Run:
        number, place = divmod(index, VARIETY)
        return next(self._runs(number, [place]))

    def older_than(self, position: Position) -> int:
        """The index of the newest run older than a position; `len` if there is none."""
        number, age = divmod(self._newest - position[0], self._steps * _STEP)
        if number < 0:
            return 0
        return min(number * VARIETY + bisect_right(self._keys, (age, -position[1])), self._count)

    def find(self, position: Position) -> int:
        """The index of the run at a position; -1 if there is none."""
        index = self.older_than(position) - 1
        return index if index >= 0 and self[index].position == position else -1

    def matching(self, checks: Sequence[Check], present: bytearray, start: int, end: int) -> Iterator[Run]:
        """The runs from index `start` to `end` that are 1 in `present` and pass all checks, in order."""
        times = [check for check in checks if isinstance(check, Between)]
        others = tuple(check for check in checks if not isinstance(check, Between))
        own = [*times, *(check for check in others if check.fact in _IDS)]
        for check in times:
            start, end = self._narrow(check, start, end)
        start = present.find(1, start, end)
        if start < 0:
            return
        mask = self._mask(others)
        for number in range(start // VARIETY, -(-end // VARIETY)):
            base = number * VARIETY
            chosen: bytes | bytearray = present[base : min(base + VARIETY, end)]
            if mask is not None:  # as integers: the whole round at once
                chosen = (int.from_bytes(chosen, "little") & mask).to_bytes(VARIETY, "little")
            skipped = max(start - base, 0)
            if chosen.find(1, skipped) < 0:
                continue
            places: Iterable[int] = compress(range(skipped, VARIETY), chosen[skipped:])
            if own:
                steps = number * self._steps
                places = [place for place in places if passes(self._templates[place].own_facts(steps), own)]
            yield from self._runs(number, places)

    def _runs(self, number: int, places: Iterable[int]) -> Iterator[Run]:
        """The runs at these places of a round."""
        if number == 0:
            for place in places:
                yield self._templates[place].first
            return
        later = self._later
        shift = number * self._steps * _STEP
        digits = [b"%d" % ((self._newest - shift) // _STEP - step) for step in range(self._last_step + 1)]
        fills = {fill: [digits[fill[0]]] * fill[1] for fill in self._fills}
        for place in places:
            template = later[place]
            parts = template.text.copy()
            parts[1::2] = fills[template.fill]
            for hole, step in template.odd_holes:
                parts[hole] = digits[step]
            run = Run()
            run.moment, run.number, run.parts = template.moment - shift, template.number, parts
            yield run

    def _narrow(self, check: Between, start: int, end: int) -> tuple[int, int]:
        """The range in which runs can pass: they fail soon after they are created."""
        ages = [template.first.moment - template.times[check.fact] for template in self._templates] or [0]
        first = self.older_than((check.until + max(ages) + 1, 0))
        return max(start, first), min(end, self.older_than((check.since + min(ages), 0)))

    def _mask(self, checks: tuple[OneOf | StartsWith, ...]) -> int | None:
        """An integer with a byte for each template: 1 if runs made from it can pass. None without checks."""
        if not checks:
            return None
        mask = self._masks.get(checks)
        if mask is None:
            if len(self._masks) >= _MASKS:
                self._masks.clear()
            possible = bytes(all(map(template.can_pass, checks)) for template in self._templates)
            mask = self._masks[checks] = int.from_bytes(possible, "little")
        return mask


class _Template:
    """A run of the first round, from which the runs at the same place of later rounds are made.

    Steps are counted back from the one of the newest run.
    """

    def __init__(self, position: Position, payload: Payload, first_step: int) -> None:
        self.first = AddedRun(position, payload)
        self.times: dict[str, int] = {name: payload[name] for name in _TIMES}
        self._payload = payload
        self._id_starts: dict[str, str] = {name: payload[name][:-_ID_END] for name in _IDS}
        self._first_step = first_step
        self.last_step = max(map(self._step, self.times.values()))

    def later(self) -> "_Later":
        """What is needed to make the runs of later rounds quickly."""
        step = self._step(self.first.moment)
        open_ids = {name: f"{start}<<{step}>>" for name, start in self._id_starts.items()}
        open_times = {name: self._open(moment) for name, moment in self.times.items()}
        dlq_id = f"{self._open(self.first.moment)}-{self.first.number}"
        text = encode({**self._payload, **open_ids, **open_times, "dlqId": dlq_id})
        text = re.sub(rb'"(<<\d+>>\d{7})"', rb"\1", text)  # times are numbers
        run_id = self._payload["workflowRunId"].encode()  # in a header, too
        text = text.replace(run_id, open_ids["workflowRunId"].encode())
        parts = re.split(rb"<<(\d+)>>", text + b",")
        steps = [(hole, int(parts[hole])) for hole in range(1, len(parts), 2)]
        odd_holes = [(hole, other) for hole, other in steps if other != step]
        return _Later(self.first.moment, self.first.number, parts, (step, len(steps)), odd_holes)

    def can_pass(self, check: OneOf | StartsWith) -> bool:
        """Whether a run of any round passes a check."""
        start = self._id_starts.get(check.fact)
        if start is None:
            return check.accepts(self.first.facts[check.fact])
        if isinstance(check, StartsWith):
            return start.startswith(check.prefix) or check.prefix.startswith(start)
        return any(str(value).startswith(start) for value in check.wanted)

    def own_facts(self, steps: int) -> dict[str, Values]:
        """Those facts of the run so many steps earlier that differ from round to round."""
        digits = self._first_step - self._step(self.first.moment) - steps
        ids = {name: (f"{start}{digits}" if steps else self._payload[name],) for name, start in self._id_starts.items()}
        return {**ids, **{name: (moment - steps * _STEP,) for name, moment in self.times.items()}}

    def _open(self, moment: int) -> str:
        """A time with a hole instead of its leading digits."""
        return f"<<{self._step(moment)}>>{moment % _STEP:07}"

    def _step(self, moment: int) -> int:
        return self._first_step - moment // _STEP


@dataclass(slots=True)
class _Later:
    """Where a run stands in the first round, and its JSON with a hole for leading digits at each odd index.

    `fill` is the step of these digits and the number of holes; `odd_holes` are those with another step.
    """

    moment: int
    number: int
    text: list[bytes]
    fill: tuple[int, int]
    odd_holes: list[tuple[int, int]]
