"""What a call selects from the queue."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ._payloads import Values


@dataclass(frozen=True, slots=True)
class OneOf:
    """A fact has one of these values."""

    fact: str
    wanted: tuple[str | int, ...]

    def accepts(self, values: Values) -> bool:
        return any(value in self.wanted for value in values)


@dataclass(frozen=True, slots=True)
class StartsWith:
    """A fact is a string with this prefix."""

    fact: str
    prefix: str

    def accepts(self, values: Values) -> bool:
        return any(isinstance(value, str) and value.startswith(self.prefix) for value in values)


@dataclass(frozen=True, slots=True)
class Between:
    """A fact is a time (Unix ms) between these two, inclusive."""

    fact: str
    since: int
    until: int

    def accepts(self, values: Values) -> bool:
        return any(isinstance(value, int) and self.since <= value <= self.until for value in values)


Check = OneOf | StartsWith | Between


@dataclass(frozen=True, slots=True)
class Selection:
    """Runs that entered the queue between two times (Unix ms, inclusive) and pass all checks."""

    since: int | None = None
    until: int | None = None
    checks: Sequence[Check] = ()


def passes(facts: Mapping[str, Values], checks: Sequence[Check]) -> bool:
    return all(check.accepts(facts[check.fact]) for check in checks)
