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
from typing import Any

from tools.spec.diffing import normal
from tools.spec.diffing.normal import Schema, Spelling
from tools.spec.diffing.report import Kind, Place, Report, breaks
from tools.spec.diffing.values import RANGES, SIZES, Relation, became, presence, shown, type_change, value_changes
from tools.spec.document import MARK, Unusable, canonical, same

# Our own spec takes 600. Alternatives within alternatives multiply.
MAX_COMPARISONS = 50_000


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
_COMPARED = {
    *("type", "enum", "format", "default", "deprecated", "required", "properties", "items", "additionalProperties"),
    *("oneOf", "anyOf", "multipleOf", "readOnly", "writeOnly", *SIZES),
    *(keyword for keywords in RANGES for keyword in keywords[:2]),
    *(keyword for group in _RESTRICTIONS for keyword in group),
}


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

    def constrained(self, relation: Relation, message: str, place: Place) -> None:
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
            self.constrained(Relation.NARROWER if after else Relation.WIDER, message, place)

    def is_harmless(self, old: Any, new: Any, direction: str) -> bool:
        trial = SchemaDiff(self.old, self.new, Report(), self._counter)
        trial._open = set(self._open)
        trial.compare(old, new, Place(direction=direction))
        return not breaks(trial.report.changes())

    # One level

    def _keywords(self, ours: Schema, theirs: Schema, place: Place) -> None:
        before, after = normal.types(ours), normal.types(theirs)
        self.constrained(*type_change(before, after), place)
        common = before & after
        if not common:
            return  # nothing else in them can be compared
        for found, message in value_changes(ours, theirs):
            self.constrained(found, message, place)
        self._visibility(ours, theirs, place)
        self._restrictions(ours, theirs, place)
        self._others(ours, theirs, place)
        if "object" in common:
            self._properties(ours, theirs, place)
            self._additional(ours.get("additionalProperties"), theirs.get("additionalProperties"), place)
        if "array" in common and ("items" in ours or "items" in theirs):
            self._items(ours, theirs, place)

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
                self.constrained(Relation.NARROWER if after else Relation.WIDER, message, place)
            else:
                self.constrained(Relation.WIDER if after else Relation.NARROWER, message, place)

    def _restrictions(self, old: Schema, new: Schema, place: Place) -> None:
        for group in _RESTRICTIONS:
            ours, theirs = ({key: side[key] for key in group if key in side} for side in (old, new))
            if not (ours or theirs) or self.old.same(ours, self.new, theirs):
                continue
            # `items` and `additionalProperties` are about what these do not name.
            rest = {"prefixItems": "items", "patternProperties": "additionalProperties"}.get(group[0])
            found = Relation.OTHER if rest in old or rest in new else presence(ours, theirs)
            changed = [key for key in group if not same(ours.get(key), theirs.get(key))] or [group[0]]
            self.constrained(found, ", ".join(became(key, ours.get(key), theirs.get(key)) for key in changed), place)

    def _others(self, old: Schema, new: Schema, place: Place) -> None:
        """Keywords whose meaning is not known here."""
        for key in either(old, new):
            is_known = key in _COMPARED | normal.WORDING or key.startswith("x-")
            if not is_known and not same(old.get(key), new.get(key)):
                self.constrained(Relation.OTHER, became(key, old.get(key), new.get(key)), place)

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
        for name in sorted((before ^ after) - set(ours) - set(theirs)):  # nothing else is known about them
            found = Relation.NARROWER if name in after else Relation.WIDER
            verb = "is required now" if name in after else "is not required any more"
            self.constrained(found, verb, place.below(name))

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
            self.constrained(found, "additionalProperties changed", place)

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
            self.constrained(wider, f"{keys[0]} became {keys[1]}", place)
        if not same(ours.get("discriminator"), theirs.get("discriminator")):
            self.constrained(Relation.OTHER, "discriminator changed", place)
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
            self.constrained(Relation.NARROWER, f"lost {_alternatives(len(lost))}", place)

    def _gained(self, come: list[Any], before: list[Any], place: Place, key: str) -> None:
        if not come:
            return
        taken = frozenset().union(*(normal.types(self.old.flat(schema)) for schema in before))
        if key == "oneOf" and any(normal.types(self.new.flat(schema)) & taken for schema in come):
            message = f"gained {_alternatives(len(come))}, and a value for two alternatives of a oneOf is refused"
            self.constrained(Relation.OTHER, message, place)
        else:
            self.constrained(Relation.WIDER, f"gained {_alternatives(len(come))}", place)

    def _promised(self, gone: list[Any], come: list[Any], before: list[Any], place: Place) -> None:
        more = [schema for schema in come if not any(self.is_harmless(other, schema, "response") for other in before)]
        if more:
            self.constrained(Relation.WIDER, f"gained {_alternatives(len(more))}", place)
        elif gone or come:
            self.constrained(Relation.NARROWER, f"lost {_alternatives(max(1, len(gone)))}", place)


def mapping(node: Any) -> Mapping[str, Any]:
    return node if isinstance(node, Mapping) else {}


def items(node: Any) -> list[Any]:
    return node if isinstance(node, list) else []


def either(old: Iterable[str], new: Iterable[str]) -> list[str]:
    return list(dict.fromkeys([*old, *new]))


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


def _alternatives(number: int) -> str:
    return f"{number} alternative{'s' * (number > 1)}"
