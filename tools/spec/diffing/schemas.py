"""What the change of a schema means.

A change of what is sent is fine if the service takes more, a change of what is answered if it promises more:

    wider   (more types, values, a looser bound)    request: widened     response: breaking
    narrower                                        request: breaking    response: added
    neither, or not known                           breaking

Each keyword is judged on its own: if each changes in the harmless direction, so does the whole.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from enum import StrEnum
from typing import Any

from tools.spec.diffing import normal
from tools.spec.diffing.normal import Schema, Spelling
from tools.spec.diffing.report import Kind, Place, Report, breaks
from tools.spec.document import MARK, Unusable, canonical, same

# Our own spec takes 600. Alternatives within alternatives multiply.
MAX_COMPARISONS = 50_000


class Relation(StrEnum):
    """What the new set of allowed values is to the old one."""

    SAME = "same"
    WIDER = "wider"
    NARROWER = "narrower"
    OTHER = "other"


# Each of these only takes values away, and the ones in a group mean something together.
_RESTRICTIONS = (
    ("uniqueItems",),
    ("pattern",),
    ("not",),
    ("contains", "minContains", "maxContains"),
    ("propertyNames",),
    ("prefixItems",),
    ("patternProperties",),
    ("dependentRequired",),
    ("dependentSchemas",),
    ("if", "then", "else"),
    ("unevaluatedItems",),
    ("unevaluatedProperties",),
    ("allOf",),
)
_SIZES = ("maxLength", "maxItems", "maxProperties", "minLength", "minItems", "minProperties")
_RANGES = ("maximum", "exclusiveMaximum", "minimum", "exclusiveMinimum")
_COMPARED = {
    *("type", "enum", "format", "default", "deprecated", "required", "properties", "items", "additionalProperties"),
    *("oneOf", "anyOf", "multipleOf", "readOnly", "writeOnly", *_SIZES, *_RANGES),
    *(keyword for group in _RESTRICTIONS for keyword in group),
}
# Pairs of formats of which the second has all values of the first.
_WIDER_FORMATS = {("int32", "int64"), ("float", "double"), ("int32", "double")}


class SchemaDiff:
    def __init__(self, old: Spelling, new: Spelling, report: Report, counter: list[int] | None = None) -> None:
        self.old, self.new, self.report = old, new, report
        self._seen: set[tuple[str, ...]] = set()  # pairs of models, by operation and direction
        self._open: set[tuple[str, str]] = set()  # pairs that are being compared
        self._counter = [0] if counter is None else counter

    def compare(self, old: Any, new: Any, place: Place) -> None:
        self._counter[0] += 1
        if self._counter[0] > MAX_COMPARISONS:
            raise Unusable("the schemas have too many alternatives to compare; pass simpler documents")
        models = _model(old), _model(new)
        pair = canonical(old), canonical(new)
        known = (place.operation, place.direction, *models)
        if pair in self._open or (all(models) and known in self._seen):
            return
        self._seen.add(known)
        self._open.add(pair)
        if models[1]:
            place = replace(place, model=models[1], property="")
        ours, theirs = self.old.flat(old), self.new.flat(new)
        self.wording(ours, theirs, place)
        self.deprecation(ours, theirs, place)
        self.default(ours.get("default"), theirs.get("default"), place)
        if any(key in side for key in ("oneOf", "anyOf") for side in (ours, theirs)):
            self._alternatives(ours, theirs, place)
        else:
            self._keywords(ours, theirs, place)
        self._open.remove(pair)

    def constrained(self, relation: Relation, place: Place, message: str) -> None:
        harmless, kind = (
            (Relation.WIDER, Kind.WIDENED) if place.direction == "request" else (Relation.NARROWER, Kind.ADDED)
        )
        if relation is not Relation.SAME:
            self.report.add(kind if relation is harmless else Kind.BREAKING, place, message)

    def wording(self, old: Mapping[str, Any], new: Mapping[str, Any], place: Place) -> None:
        if MARK in old and MARK not in new:
            self.report.add(Kind.WORDING, place, "is documented by the vendor now")
            return  # in words that replace all of ours
        for key in either(old, new):
            if (key in normal.WORDING or key.startswith("x-")) and not same(old.get(key), new.get(key)):
                self.report.add(Kind.WORDING, place, f"{key} has other words")

    def deprecation(self, old: Mapping[str, Any], new: Mapping[str, Any], place: Place) -> None:
        before, after = old.get("deprecated") is True, new.get("deprecated") is True
        if after and not before:
            self.report.add(Kind.DEPRECATED, place, "is deprecated")
        if before and not after:
            self.report.add(Kind.WORDING, place, "is not deprecated any more")

    def default(self, old: Any, new: Any, place: Place) -> None:
        if normal.number_key(old) == normal.number_key(new):
            return
        message = f"default was {shown(old)} and is {shown(new)}"
        if place.direction == "response":
            self.report.add(Kind.WORDING, place, message)
        else:
            # What the same call means changes; the generated client sends the default where nothing is given.
            self.report.add(Kind.BREAKING, place, message)

    def necessity(self, before: bool, after: bool, place: Place) -> None:
        if before == after:
            return
        if after and place.direction == "response":
            self.report.add(Kind.BREAKING, place, "is required now: reading an answer without it raises")
        else:
            message = "is required now" if after else "is not required any more"
            self.constrained(Relation.NARROWER if after else Relation.WIDER, place, message)

    def is_harmless(self, old: Any, new: Any, direction: str) -> bool:
        trial = SchemaDiff(self.old, self.new, Report(), self._counter)
        trial._open = set(self._open)
        trial.compare(old, new, Place(direction=direction))
        return not breaks(trial.report.changes())

    # One level

    def _keywords(self, ours: Schema, theirs: Schema, place: Place) -> None:
        before, after = normal.types(ours), normal.types(theirs)
        if before != after:
            self.constrained(relation(before, after), place, f"type was {_listed(before)} and is {_listed(after)}")
        common = before & after
        if not common:
            return  # nothing else in them can be compared
        self._format(ours.get("format"), theirs.get("format"), place)
        self._enum(ours, theirs, place)
        self._ranges(ours, theirs, place)
        self._multiple_of(ours.get("multipleOf"), theirs.get("multipleOf"), place)
        self._sizes(ours, theirs, place)
        self._visibility(ours, theirs, place)
        self._restrictions(ours, theirs, place)
        self._others(ours, theirs, place)
        if "object" in common:
            self._properties(ours, theirs, place)
            self._additional(ours.get("additionalProperties"), theirs.get("additionalProperties"), place)
        if "array" in common and ("items" in ours or "items" in theirs):
            self._items(ours, theirs, place)

    def _format(self, old: Any, new: Any, place: Place) -> None:
        if same(old, new):
            return
        if old is None or new is None:
            found = Relation.NARROWER if old is None else Relation.WIDER
        elif (old, new) in _WIDER_FORMATS:
            found = Relation.WIDER
        else:
            found = Relation.NARROWER if (new, old) in _WIDER_FORMATS else Relation.OTHER
        self.constrained(found, place, f"format was {shown(old)} and is {shown(new)}")

    def _enum(self, old: Schema, new: Schema, place: Place) -> None:
        ours, theirs = normal.values(old), normal.values(new)
        if ours is None and theirs is not None:
            self.constrained(Relation.NARROWER, place, f"has only the values {_some(theirs)}")
        elif ours is not None and theirs is None:
            self.constrained(Relation.WIDER, place, "has any value, not only listed ones")
        elif ours is not None and theirs is not None:
            lost = {key: ours[key] for key in ours if key not in theirs}
            gained = {key: theirs[key] for key in theirs if key not in ours}
            if lost:
                self.constrained(Relation.NARROWER, place, f"lost the values {_some(lost)}")
            if gained:
                self.constrained(Relation.WIDER, place, f"gained the values {_some(gained)}")

    def _ranges(self, old: Schema, new: Schema, place: Place) -> None:
        for key, exclusive, sign in (("maximum", "exclusiveMaximum", 1), ("minimum", "exclusiveMinimum", -1)):
            before, after = (_bound(side, key, exclusive, sign) for side in (old, new))
            if before != after:
                found = (
                    Relation.WIDER if after is None or (before is not None and after > before) else Relation.NARROWER
                )
                values = ", ".join(
                    f"{name} was {shown(old.get(name))} and is {shown(new.get(name))}"
                    for name in (key, exclusive)
                    if not same(old.get(name), new.get(name))
                )
                self.constrained(found, place, values)

    def _multiple_of(self, old: Any, new: Any, place: Place) -> None:
        if normal.number_key(old) == normal.number_key(new):
            return
        found = Relation.OTHER
        if old is None or new is None:
            found = Relation.NARROWER if old is None else Relation.WIDER
        elif _is_number(old) and _is_number(new) and old and new:
            found = Relation.NARROWER if new % old == 0 else Relation.WIDER if old % new == 0 else Relation.OTHER
        self.constrained(found, place, f"multipleOf was {shown(old)} and is {shown(new)}")

    def _sizes(self, old: Schema, new: Schema, place: Place) -> None:
        for key in _SIZES:
            before, after = old.get(key), new.get(key)
            if normal.number_key(before) == normal.number_key(after):
                continue
            found = Relation.OTHER
            if before is None or after is None:
                found = Relation.NARROWER if before is None else Relation.WIDER
            elif _is_number(before) and _is_number(after):
                found = Relation.WIDER if (after > before) == key.startswith("max") else Relation.NARROWER
            self.constrained(found, place, f"{key} was {shown(before)} and is {shown(after)}")

    def _visibility(self, old: Schema, new: Schema, place: Place) -> None:
        """A property that is read-only is not for requests, and one that is write-only not for answers."""
        for key, hides in (("readOnly", "request"), ("writeOnly", "response")):
            before, after = old.get(key) is True, new.get(key) is True
            if before == after:
                continue
            message = f"{key} is {str(after).lower()}"
            if place.direction != hides:
                self.report.add(Kind.WORDING, place, message)
            elif place.direction == "request":
                self.constrained(Relation.NARROWER if after else Relation.WIDER, place, message)
            else:
                self.constrained(Relation.WIDER if after else Relation.NARROWER, place, message)

    def _restrictions(self, old: Schema, new: Schema, place: Place) -> None:
        for group in _RESTRICTIONS:
            ours, theirs = ({key: side[key] for key in group if key in side} for side in (old, new))
            if not (ours or theirs) or self.old.same(ours, self.new, theirs):
                continue
            found = Relation.OTHER
            # Where these are, the other items and properties are what they do not name.
            if group not in {("prefixItems",), ("patternProperties",)} or not _names_the_rest(group, old, new):
                found = Relation.OTHER if ours and theirs else Relation.NARROWER if theirs else Relation.WIDER
            changed = [key for key in group if not same(ours.get(key), theirs.get(key))] or [group[0]]
            self.constrained(
                found,
                place,
                ", ".join(f"{key} was {shown(ours.get(key))} and is {shown(theirs.get(key))}" for key in changed),
            )

    def _others(self, old: Schema, new: Schema, place: Place) -> None:
        """Keywords whose meaning is not known here."""
        for key in either(old, new):
            is_known = key in _COMPARED | normal.WORDING or key.startswith("x-")
            if not is_known and not same(old.get(key), new.get(key)):
                message = f"{key} was {shown(old.get(key))} and is {shown(new.get(key))}"
                self.constrained(Relation.OTHER, place, message)

    # Objects and lists

    def _properties(self, old: Schema, new: Schema, place: Place) -> None:
        ours, theirs = mapping(old.get("properties")), mapping(new.get("properties"))
        before, after = ({str(name) for name in items(side.get("required"))} for side in (old, new))
        for name in either(ours, theirs):
            here = place.below(name)
            if name not in theirs:
                self.report.add(Kind.BREAKING, here, "is gone")
            elif name in ours:
                self.necessity(name in before, name in after, here)
                self.compare(ours[name], theirs[name], here)
            else:
                self._new_property(old.get("additionalProperties", True), theirs[name], name in after, here)
        for name in sorted((before ^ after) - set(ours) - set(theirs)):  # of which nothing else is known
            found = Relation.NARROWER if name in after else Relation.WIDER
            verb = "is required now" if name in after else "is not required any more"
            self.constrained(found, place.below(name), verb)

    def _new_property(self, rest: Any, schema: Any, required: bool, here: Place) -> None:
        if required:
            why = ": reading an answer without it raises" if here.direction == "response" else ""
            self.report.add(Kind.BREAKING, here, f"is new and required{why}")
        elif isinstance(rest, Mapping):
            if here.direction == "response" or not self.is_harmless(rest, schema, here.direction):
                self.report.add(Kind.BREAKING, here, "is new, and was among the additional properties")
            else:
                self.report.add(Kind.ADDED, here, "is new")
        else:
            self.report.add(Kind.ADDED, here, "is new")

    def _additional(self, old: Any, new: Any, place: Place) -> None:
        ours, theirs = self._width(self.old, old), self._width(self.new, new)
        if ours == theirs == 1:
            self.compare(old, new, place.below("*"))
        elif ours < theirs and place.direction == "response":
            kind = Kind.BREAKING if ours else Kind.ADDED
            self.report.add(kind, place, "may have other properties" + (" of any type" if ours else ""))
        elif ours != theirs:
            found = Relation.WIDER if ours < theirs else Relation.NARROWER
            self.constrained(found, place, "additionalProperties changed")

    def _width(self, spelling: Spelling, schema: Any) -> int:
        """2 for any additional properties, 1 for those of a schema, 0 for none."""
        found = {key: value for key, value in spelling.flat(schema).items() if key not in normal.WORDING}
        return 0 if not normal.types(found) else 1 if found else 2

    def _items(self, old: Schema, new: Schema, place: Place) -> None:
        self.compare(old.get("items", {}), new.get("items", {}), place.below("[]"))

    # Alternatives

    def _alternatives(self, ours: Schema, theirs: Schema, place: Place) -> None:
        keys = ["oneOf" if "oneOf" in side else "anyOf" if "anyOf" in side else "" for side in (ours, theirs)]
        if all(keys) and keys[0] != keys[1]:
            wider = Relation.WIDER if keys[1] == "anyOf" else Relation.NARROWER
            self.constrained(wider, place, f"{keys[0]} became {keys[1]}")
        if not same(ours.get("discriminator"), theirs.get("discriminator")):
            self.constrained(Relation.OTHER, place, "discriminator changed")
        before, after = (_distributed(side, key) for side, key in zip((ours, theirs), keys, strict=True))
        gone, come = list(before), list(after)
        for schema in before:
            for other in come:
                if self.old.same(schema, self.new, other):
                    self.compare(schema, other, place)  # their wording
                    gone.remove(schema)
                    come.remove(other)
                    break
        if len(gone) == len(come) == 1:
            self.compare(gone[0], come[0], place)
        elif place.direction == "request":
            self._lost(gone, after, place)
            self._gained(come, before, place, keys[1])
        else:
            self._promised(gone, come, before, place)

    def _lost(self, gone: list[Any], after: list[Any], place: Place) -> None:
        lost = [schema for schema in gone if not any(self.is_harmless(schema, other, "request") for other in after)]
        if lost:
            self.constrained(Relation.NARROWER, place, f"lost {_alternatives(len(lost))}")

    def _gained(self, come: list[Any], before: list[Any], place: Place, key: str) -> None:
        if not come:
            return
        taken = frozenset().union(*(normal.types(self.old.flat(schema)) for schema in before))
        if key == "oneOf" and any(normal.types(self.new.flat(schema)) & taken for schema in come):
            message = f"gained {_alternatives(len(come))}, and a value for two alternatives of a oneOf is refused"
            self.constrained(Relation.OTHER, place, message)
        else:
            self.constrained(Relation.WIDER, place, f"gained {_alternatives(len(come))}")

    def _promised(self, gone: list[Any], come: list[Any], before: list[Any], place: Place) -> None:
        more = [schema for schema in come if not any(self.is_harmless(other, schema, "response") for other in before)]
        if more:
            self.constrained(Relation.WIDER, place, f"gained {_alternatives(len(more))}")
        elif gone or come:
            self.constrained(Relation.NARROWER, place, f"lost {_alternatives(max(1, len(gone)))}")


def relation(old: frozenset[str], new: frozenset[str]) -> Relation:
    if old == new:
        return Relation.SAME
    return Relation.WIDER if old < new else Relation.NARROWER if old > new else Relation.OTHER


def mapping(node: Any) -> Mapping[str, Any]:
    return node if isinstance(node, Mapping) else {}


def items(node: Any) -> list[Any]:
    return node if isinstance(node, list) else []


def either(old: Iterable[str], new: Iterable[str]) -> list[str]:
    return list(dict.fromkeys([*old, *new]))


def shown(value: Any) -> str:
    text = "absent" if value is None else value if isinstance(value, str) else canonical(value)
    return text if len(text) <= 80 else f"{text[:79]}…"


def _distributed(schema: Schema, key: str) -> list[Any]:
    """The alternatives of a schema, each with what holds for all of them."""
    if not key:
        return [normal.as_written(schema)]
    common = {
        name: value
        for name, value in schema.items()
        if name not in {key, "discriminator", "default", "deprecated", *normal.WORDING} and not name.startswith("x-")
    }
    alternatives = items(schema[key])
    return [{"allOf": [normal.as_written(common), each]} for each in alternatives] if common else alternatives


def _model(schema: Any) -> str:
    """The name of a schema that is referred to."""
    reference = mapping(schema).get("$ref")
    return reference.rpartition("/")[2] if isinstance(reference, str) else ""


def _names_the_rest(group: tuple[str, ...], old: Schema, new: Schema) -> bool:
    rest = "items" if group == ("prefixItems",) else "additionalProperties"
    return any(rest in side for side in (old, new))


def _bound(schema: Schema, key: str, exclusive: str, sign: int) -> tuple[float, int] | None:
    """The looser a bound, the greater it is. None for no bound."""
    found = [(sign * schema[key], 0)] if _is_number(schema.get(key)) else []
    if _is_number(schema.get(exclusive)):
        whole = normal.types(schema) <= {"integer", "null"} and float(schema[exclusive]).is_integer()
        found.append((sign * schema[exclusive] - 1, 0) if whole else (sign * schema[exclusive], -1))
    return min(found) if found else None


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _listed(kinds: frozenset[str]) -> str:
    if kinds == normal.ALL_TYPES:
        return "anything"
    return " or ".join(sorted(kinds - {"integer"} if "number" in kinds else kinds)) or "nothing"


def _some(values: Mapping[str, Any]) -> str:
    some = [shown(value) for value in list(values.values())[:5]]
    return ", ".join(some) + (f" and {len(values) - 5} more" if len(values) > 5 else "")


def _alternatives(number: int) -> str:
    return f"{number} alternative{'s' * (number > 1)}"
