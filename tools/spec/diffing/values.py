"""What keywords about single values (types, enums, bounds, formats) say about the old set of values and the new one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import Any

from tools.spec.diffing import normal
from tools.spec.diffing.normal import Schema
from tools.spec.document import canonical, same


class Relation(StrEnum):
    """What the new set of allowed values is to the old one."""

    SAME = "same"
    WIDER = "wider"
    NARROWER = "narrower"
    OTHER = "other"


SIZES = ("maxLength", "maxItems", "maxProperties", "minLength", "minItems", "minProperties")
RANGES = (("maximum", "exclusiveMaximum", 1), ("minimum", "exclusiveMinimum", -1))
# Pairs of formats: every value of the first is one of the second.
_WIDER_FORMATS = {("int32", "int64"), ("float", "double"), ("int32", "double")}

Finding = tuple[Relation, str]


def relation(old: frozenset[str], new: frozenset[str]) -> Relation:
    if old == new:
        return Relation.SAME
    return Relation.WIDER if old < new else Relation.NARROWER if old > new else Relation.OTHER


def value_changes(old: Schema, new: Schema) -> Iterator[Finding]:
    """What differs, apart from types."""
    yield from _format(old.get("format"), new.get("format"))
    yield from _enum(normal.values(old), normal.values(new))
    for key, exclusive, sign in RANGES:
        yield from _range(old, new, key, exclusive, sign)
    yield from _multiple_of(old.get("multipleOf"), new.get("multipleOf"))
    for key in SIZES:
        yield from _size(key, old.get(key), new.get(key))


def type_change(old: frozenset[str], new: frozenset[str]) -> Finding:
    return relation(old, new), f"type was {_listed(old)} and is {_listed(new)}"


def presence(old: Any, new: Any) -> Relation:
    """Of a keyword that only takes values away."""
    if old and new:
        return Relation.OTHER
    return Relation.NARROWER if new else Relation.WIDER


def shown(value: Any) -> str:
    text = "absent" if value is None else value if isinstance(value, str) else canonical(value)
    return text if len(text) <= 80 else f"{text[:79]}…"


def became(key: str, old: Any, new: Any) -> str:
    return f"{key} was {shown(old)} and is {shown(new)}"


def _format(old: Any, new: Any) -> Iterator[Finding]:
    if same(old, new):
        return
    found = presence(old, new)
    if (old, new) in _WIDER_FORMATS:
        found = Relation.WIDER
    elif (new, old) in _WIDER_FORMATS:
        found = Relation.NARROWER
    yield found, became("format", old, new)


def _enum(old: dict[str, Any] | None, new: dict[str, Any] | None) -> Iterator[Finding]:
    if old is None and new is not None:
        yield Relation.NARROWER, f"has only the values {_some(new)}"
    elif old is not None and new is None:
        yield Relation.WIDER, "has any value, not only listed ones"
    elif old is not None and new is not None:
        if lost := {key: old[key] for key in old if key not in new}:
            yield Relation.NARROWER, f"lost the values {_some(lost)}"
        if gained := {key: new[key] for key in new if key not in old}:
            yield Relation.WIDER, f"gained the values {_some(gained)}"


def _range(old: Schema, new: Schema, key: str, exclusive: str, sign: int) -> Iterator[Finding]:
    before, after = (_bound(side, key, exclusive, sign) for side in (old, new))
    if before != after:
        is_wider = after is None or (before is not None and after > before)
        changed = [name for name in (key, exclusive) if not same(old.get(name), new.get(name))]
        message = ", ".join(became(name, old.get(name), new.get(name)) for name in changed)
        yield Relation.WIDER if is_wider else Relation.NARROWER, message


def _bound(schema: Schema, key: str, exclusive: str, sign: int) -> tuple[float, int] | None:
    """The looser a bound, the greater this is. None for no bound."""
    found = [(sign * schema[key], 0)] if is_number(schema.get(key)) else []
    if is_number(schema.get(exclusive)):
        is_whole = normal.types(schema) <= {"integer", "null"} and float(schema[exclusive]).is_integer()
        found.append((sign * schema[exclusive] - 1, 0) if is_whole else (sign * schema[exclusive], -1))
    return min(found) if found else None


def _multiple_of(old: Any, new: Any) -> Iterator[Finding]:
    if normal.number_key(old) == normal.number_key(new):
        return
    found = presence(old, new)
    if is_number(old) and is_number(new) and old and new:
        found = Relation.NARROWER if new % old == 0 else Relation.WIDER if old % new == 0 else Relation.OTHER
    yield found, became("multipleOf", old, new)


def _size(key: str, old: Any, new: Any) -> Iterator[Finding]:
    if normal.number_key(old) == normal.number_key(new):
        return
    found = Relation.OTHER
    if old is None or new is None:
        found = Relation.NARROWER if old is None else Relation.WIDER
    elif is_number(old) and is_number(new):
        found = Relation.WIDER if (new > old) == key.startswith("max") else Relation.NARROWER
    yield found, became(key, old, new)


def is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _listed(kinds: frozenset[str]) -> str:
    if kinds == normal.ALL_TYPES:
        return "anything"
    return " or ".join(sorted(kinds - {"integer"} if "number" in kinds else kinds)) or "nothing"


def _some(values: Mapping[str, Any]) -> str:
    some = [shown(value) for value in list(values.values())[:5]]
    return ", ".join(some) + (f" and {len(values) - 5} more" if len(values) > 5 else "")
