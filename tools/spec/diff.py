"""What a change of the spec means to users: `nox -s spec_diff -- OLD NEW [--json]`.

A change of what is sent is fine when the service takes more, a change of what is answered when it promises more:

    wider   (more types, values, a looser bound)    request: widened     response: breaking
    narrower                                        request: breaking    response: added
    neither                                         breaking
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from tools.spec.command import run
from tools.spec.document import MARK, METHODS, Unusable, canonical, printable, resolved, same, template
from tools.spec.source import read_source


class Kind(StrEnum):
    """How a change concerns users, worst first."""

    BREAKING = "breaking"
    WIDENED = "widened"
    ADDED = "added"
    DEPRECATED = "deprecated"
    WORDING = "wording"


@dataclass(frozen=True)
class Place:
    """Where something changed. No operation: in all of them. A model is a schema with a name, wherever it is used."""

    operation: str = ""
    direction: str = ""  # "request", "response"
    status: str = ""
    parameter: str = ""  # like "query label"
    model: str = ""
    property: str = ""  # like "messages[].labels", within the model if there is one

    def below(self, step: str) -> Place:
        joint = "" if not self.property or step.startswith("[") else "."
        return replace(self, property=f"{self.property}{joint}{step}")

    def __str__(self) -> str:
        if self.model or self.property:
            whole = "".join([self.model, "." * bool(self.model and self.property), self.property])
            what = f"{'property' if self.property else 'model'} {whole}"
        else:
            what = ""
        parameter = f"{self.parameter.replace(' ', ' parameter ', 1)}" if self.parameter else ""
        status = f"answer {self.status}" if self.status else ""
        body = "request body" if self.direction == "request" and not (parameter or self.model) else ""
        return ", ".join(filter(None, [parameter, status, body, what]))


@dataclass(frozen=True)
class Change:
    kind: Kind
    place: Place
    message: str
    operations: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        location, _, parameter = self.place.parameter.partition(" ")
        place = {
            "direction": self.place.direction or None,
            "status": self.place.status or None,
            "in": location or None,
            "parameter": parameter or None,
            "model": self.place.model or None,
            "property": self.place.property or None,
        }
        return {"class": str(self.kind), "operations": list(self.operations), **place, "message": self.message}

    def __str__(self) -> str:
        first, rest = self.operations[:3], len(self.operations) - 3
        where = ", ".join(first) + (f" and {rest} more" if rest > 0 else "")
        return " ".join(filter(None, [": ".join(filter(None, [where, str(self.place)])), self.message]))


class Relation(StrEnum):
    """What the new set of allowed values is to the old."""

    SAME = "same"
    WIDER = "wider"
    NARROWER = "narrower"
    OTHER = "other"


def compare(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[Change]:
    """What changed between two OpenAPI documents, worst first. Raise Unusable for a `$ref` to nothing."""
    comparison = _Comparison(old, new)
    comparison.documents()
    return comparison.changes()


def breaks(changes: Iterable[Change]) -> bool:
    return any(change.kind is Kind.BREAKING for change in changes)


def as_text(changes: list[Change]) -> str:
    if not changes:
        return "Nothing changes for users."
    paragraphs = []
    for kind in Kind:
        of_kind = [f"- {printable(str(change))}" for change in changes if change.kind is kind]
        if of_kind:
            paragraphs.append("\n".join([f"{kind.capitalize()} ({len(of_kind)})", *of_kind]))
    return "\n\n".join(paragraphs)


def as_json(changes: list[Change]) -> dict[str, Any]:
    counts = {str(kind): sum(change.kind is kind for change in changes) for kind in Kind}
    return {"breaking": breaks(changes), "counts": counts, "changes": [change.as_json() for change in changes]}


# Said to people, and nothing on the wire.
_WORDING = {"description", "summary", "title", "example", "examples", "externalDocs", "xml", "$comment", "bearerFormat"}
# Compared one by one; for any other keyword of a schema, being there is narrower than not.
_COMPARED = {
    *("type", "nullable", "enum", "const", "format", "default", "deprecated", "required", "properties", "items"),
    *("additionalProperties", "oneOf", "anyOf", "allOf", "$ref", "$defs", "$schema", "$id"),
}
_UPPER_BOUNDS = {"maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties"}
_LOWER_BOUNDS = {"minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties"}
_ALL_TYPES = {"string", "number", "integer", "boolean", "array", "object", "null"}
# Pairs of formats of which the second has all values of the first.
_WIDER_FORMATS = {("int32", "int64"), ("float", "double")}
# Formats for which the generator makes other types than without.
_RETYPING_FORMATS = {"date", "date-time", "uuid", "binary"}


class _Comparison:
    def __init__(self, old: Mapping[str, Any], new: Mapping[str, Any]) -> None:
        self._old, self._new = old, new
        self._found: dict[tuple[Kind, Place, str], list[str]] = {}
        self._adopted: set[str] = set()  # operations that were ours; with the vendor's, all words are new
        self._seen: set[tuple[str, str, str, str]] = set()  # pairs of models, by operation and direction

    def changes(self) -> list[Change]:
        order = list(Kind)
        found = [Change(kind, place, text, tuple(names)) for (kind, place, text), names in self._found.items()]
        return sorted(found, key=lambda change: order.index(change.kind))

    def report(self, kind: Kind, place: Place, message: str) -> None:
        # A model is reported once, with all operations that have it.
        if kind is Kind.WORDING and place.operation in self._adopted and place.direction and not place.model:
            return
        everywhere = replace(place, operation="", status="" if place.model else place.status)
        operations = self._found.setdefault((kind, everywhere, message), [])
        if place.operation and place.operation not in operations:
            operations.append(place.operation)

    def constrained(self, relation: Relation, place: Place, message: str) -> None:
        fine = {"request": (Relation.WIDER, Kind.WIDENED), "response": (Relation.NARROWER, Kind.ADDED)}
        harmless, kind = fine[place.direction]
        if relation is not Relation.SAME:
            self.report(kind if relation is harmless else Kind.BREAKING, place, message)

    # Documents

    def documents(self) -> None:
        old, new = self._old, self._new
        for key in _either(_map(old.get("info")), _map(new.get("info"))):
            values = [_map(document.get("info")).get(key) for document in (old, new)]
            if not same(*values):
                shown = f" from {_shown(values[0])} to {_shown(values[1])}" if key in {"version", "title"} else ""
                self.report(Kind.WORDING, Place(), f"info.{key} changed{shown}")
        if not same(old.get("openapi"), new.get("openapi")):
            self.report(
                Kind.WORDING, Place(), f"OpenAPI {_shown(old.get('openapi'))} became {_shown(new.get('openapi'))}"
            )
        self.servers(_list(old.get("servers")), _list(new.get("servers")), Place())
        self.security(old.get("security"), new.get("security"), Place())
        self.security_schemes()
        olds, news = _operations(old), _operations(new)
        for at, (path, operation) in olds.items():
            if at not in news:
                self.report(Kind.BREAKING, Place(_name(operation, at[1], path)), "is gone")
        for at, (path, operation) in news.items():
            named = operation if operation.get("operationId") else olds.get(at, (path, operation))[1]
            place = Place(_name(named, at[1], path))
            if at not in olds:
                self.report(Kind.ADDED, place, f"is new: {at[1].upper()} {path}")
            else:
                self.operation(olds[at], (path, operation), place)

    def servers(self, old: list[Any], new: list[Any], place: Place) -> None:
        olds, news = ({_server(server): server for server in servers} for servers in (old, new))
        for url in (url for url in olds if url not in news):
            self.report(Kind.BREAKING, place, f"server {_shown(url)} is gone")
        for url in (url for url in news if url not in olds):
            self.report(Kind.ADDED, place, f"server {_shown(url)} is new")
        for url in (url for url in olds if url in news):
            self.wording(_map(olds[url]), _map(news[url]), place, f"of server {_shown(url)}")

    def security(self, old: Any, new: Any, place: Place) -> None:
        olds, news = _ways_to_authenticate(old), _ways_to_authenticate(new)
        for way in sorted(olds.keys() - news.keys()):
            self.report(Kind.BREAKING, place, f"security: {olds[way]} is not accepted any more")
        for way in sorted(news.keys() - olds.keys()):
            self.report(Kind.WIDENED, place, f"security: {news[way]} is accepted")

    def security_schemes(self) -> None:
        old, new = (_components(document, "securitySchemes") for document in (self._old, self._new))
        for name in (name for name in old if name in new):
            ours, theirs = _map(self.resolve_old(old[name])), _map(self.resolve_new(new[name]))
            for key in _either(ours, theirs):
                if key not in _WORDING and not key.startswith("x-") and not same(ours.get(key), theirs.get(key)):
                    self.report(Kind.BREAKING, Place(), f"security scheme {name}: {key} changed")
            self.wording(ours, theirs, Place(), f"of security scheme {name}")

    # Operations

    def operation(self, old: tuple[str, Mapping[str, Any]], new: tuple[str, Mapping[str, Any]], place: Place) -> None:
        (old_path, ours), (new_path, theirs) = old, new
        names = [ours.get("operationId"), theirs.get("operationId")]
        if all(names) and not same(*names):  # the vendor gives none
            self.report(Kind.BREAKING, place, f"was called {_shown(names[0])}")
        if _tag(ours) != _tag(theirs):
            # The generator makes one module per tag.
            self.report(Kind.BREAKING, place, f"moved from tag {_shown(_tag(ours))} to {_shown(_tag(theirs))}")
        if MARK in ours and MARK not in theirs:
            self._adopted.add(place.operation)
        self.wording(ours, theirs, place)
        self.deprecation(ours, theirs, place)
        self.parameters(_parameters(self._old, old_path, ours), _parameters(self._new, new_path, theirs), place)
        self.request_body(ours.get("requestBody"), theirs.get("requestBody"), replace(place, direction="request"))
        self.responses(_map(ours.get("responses")), _map(theirs.get("responses")), place)
        if "security" in ours or "security" in theirs:
            self.security(
                ours.get("security", self._old.get("security")),
                theirs.get("security", self._new.get("security")),
                place,
            )
        old_servers, new_servers = _own_servers(self._old, old_path, ours), _own_servers(self._new, new_path, theirs)
        if old_servers or new_servers:
            self.servers(
                old_servers or _list(self._old.get("servers")), new_servers or _list(self._new.get("servers")), place
            )
        if not same(ours.get("callbacks"), theirs.get("callbacks")):
            self.report(Kind.BREAKING, place, "callbacks changed")

    def wording(self, old: Mapping[str, Any], new: Mapping[str, Any], place: Place, of: str = "") -> None:
        if MARK in old and MARK not in new:
            self.report(Kind.WORDING, place, "is documented by the vendor now")
            return  # in words that replace ours altogether
        for key in _either(old, new):
            if (key in _WORDING or key.startswith("x-")) and not same(old.get(key), new.get(key)):
                self.report(Kind.WORDING, place, f"{key} {of}".strip() + " has other words")

    def deprecation(self, old: Mapping[str, Any], new: Mapping[str, Any], place: Place) -> None:
        before, after = old.get("deprecated") is True, new.get("deprecated") is True
        if after and not before:
            self.report(Kind.DEPRECATED, place, "is deprecated")
        if before and not after:
            self.report(Kind.WORDING, place, "is not deprecated any more")

    def parameters(self, old: dict[str, Any], new: dict[str, Any], operation: Place) -> None:
        for key in _either(old, new):
            parameter = new.get(key) or old[key]
            place = replace(operation, direction="request", parameter=f"{parameter.get('in')} {parameter.get('name')}")
            if key not in new:
                self.report(Kind.BREAKING, place, "is gone")
            elif key not in old:
                must = new[key].get("required") is True
                self.report(Kind.BREAKING if must else Kind.ADDED, place, "is new and required" if must else "is new")
            else:
                self.parameter(old[key], new[key], place)

    def parameter(self, old: Mapping[str, Any], new: Mapping[str, Any], place: Place) -> None:
        self.wording(old, new, place)
        self.deprecation(old, new, place)
        self.necessity(old, new, place)
        for key in ("allowReserved", "allowEmptyValue"):
            before, after = old.get(key) is True, new.get(key) is True
            if before != after:
                self.constrained(
                    Relation.WIDER if after else Relation.NARROWER, place, f"{key} is {str(after).lower()}"
                )
        ours, theirs = (_map(resolve(node.get("schema"))) for resolve, node in self.sides(old, new))
        if place.parameter.startswith("query ") and self.takes_several(ours, theirs):
            self.report(Kind.WIDENED, place, "takes several values")
            items = _map(self.resolve_new(theirs.get("items")))
            self.schema(_wire_half(ours), _wire_half(items), place)
            self.default(ours.get("default"), theirs.get("default"), place)
            if _number(theirs.get("minItems")) > 1:
                self.report(Kind.BREAKING, place, f"takes at least {_shown(theirs['minItems'])} values")
            return
        if _has_parts(ours) or _has_parts(theirs):
            for key, before, after in zip(("style", "explode"), _form(old), _form(new), strict=True):
                if before != after:
                    self.report(Kind.BREAKING, place, f"{key} was {_shown(before)} and is {_shown(after)}")
        self.schema(old.get("schema"), new.get("schema"), place)
        self.content(_map(old.get("content")), _map(new.get("content")), place)

    def takes_several(self, old: Mapping[str, Any], new: Mapping[str, Any]) -> bool:
        """From one value to an array of such: what was sent before still means the same."""
        if _types(old) is None or "array" in (_types(old) or ()) or _types(new) != {"array"}:
            return False
        items = _types(_map(self.resolve_new(new.get("items"))))
        return items is None or _relation(_types(old), items) in {Relation.SAME, Relation.WIDER}

    def necessity(self, old: Mapping[str, Any], new: Mapping[str, Any], place: Place) -> None:
        before, after = old.get("required") is True, new.get("required") is True
        if before != after:
            message = "is required now" if after else "is not required any more"
            self.constrained(Relation.NARROWER if after else Relation.WIDER, place, message)

    # Bodies

    def request_body(self, old: Any, new: Any, place: Place) -> None:
        ours, theirs = _map(self.resolve_old(old)), _map(self.resolve_new(new))
        if not ours or not theirs:
            if ours:
                self.report(Kind.BREAKING, place, "is gone")
            if theirs:
                must = theirs.get("required") is True
                self.report(Kind.BREAKING if must else Kind.ADDED, place, "is new and required" if must else "is new")
            return
        self.wording(ours, theirs, place)
        self.necessity(ours, theirs, place)
        self.content(_map(ours.get("content")), _map(theirs.get("content")), place)

    def responses(self, old: Mapping[str, Any], new: Mapping[str, Any], operation: Place) -> None:
        olds, news = ({str(status): node for status, node in responses.items()} for responses in (old, new))
        for status in _either(olds, news):
            place = replace(operation, direction="response", status=status)
            if status not in news:
                self.report(Kind.BREAKING, place, "is gone")
            elif status not in olds:
                self.report(Kind.ADDED, place, "is new")
            else:
                self.response(_map(self.resolve_old(olds[status])), _map(self.resolve_new(news[status])), place)

    def response(self, old: Mapping[str, Any], new: Mapping[str, Any], place: Place) -> None:
        self.wording(old, new, place)
        self.content(_map(old.get("content")), _map(new.get("content")), place)
        olds, news = ({name.lower(): node for name, node in _map(side.get("headers")).items()} for side in (old, new))
        for name in _either(olds, news):
            header = place.below(f"header {name}")
            if name not in news:
                self.report(Kind.BREAKING, header, "is gone")
            elif name not in olds:
                self.report(Kind.ADDED, header, "is new")
            else:
                ours, theirs = _map(self.resolve_old(olds[name])), _map(self.resolve_new(news[name]))
                self.wording(ours, theirs, header)
                self.necessity(ours, theirs, header)
                self.schema(ours.get("schema"), theirs.get("schema"), header)

    def content(self, old: Mapping[str, Any], new: Mapping[str, Any], place: Place) -> None:
        more = Kind.WIDENED if place.direction == "request" else Kind.ADDED
        for kind in _either(old, new):
            if kind not in new:
                self.report(Kind.BREAKING, place, f"{_shown(kind)} is gone")
            elif kind not in old:
                self.report(more, place, f"{_shown(kind)} is new")
            else:
                ours, theirs = _map(old[kind]), _map(new[kind])
                self.wording(ours, theirs, place)
                self.schema(ours.get("schema"), theirs.get("schema"), place)

    # Schemas

    def schema(self, old: Any, new: Any, place: Place) -> None:
        old_name, new_name = _model(old), _model(new)
        ours, theirs = _flat(self._old, old), _flat(self._new, new)
        if old_name and new_name:
            pair = (place.operation, place.direction, old_name, new_name)
            if pair in self._seen:
                return
            self._seen.add(pair)
        if old_name != new_name and any(_is_class(schema) for schema in (ours, theirs)):
            self.report(Kind.BREAKING, place, _renamed(old_name, new_name))
        if new_name:
            place = replace(place, model=new_name, property="")
        self.wording(ours, theirs, place)
        self.deprecation(ours, theirs, place)
        self.alternatives(ours, theirs, place)
        self.types(ours, theirs, place)
        if not _overlap(_types(ours), _types(theirs)):
            return  # nothing else in them can be compared
        self.format(ours.get("format"), theirs.get("format"), place)
        self.enumeration(ours, theirs, place)
        self.default(ours.get("default"), theirs.get("default"), place)
        self.keywords(ours, theirs, place)
        self.properties(ours, theirs, place)
        self.additional_properties(ours.get("additionalProperties"), theirs.get("additionalProperties"), place)
        if "items" in ours or "items" in theirs:
            self.schema(ours.get("items"), theirs.get("items"), place.below("[]"))

    def types(self, old: Mapping[str, Any], new: Mapping[str, Any], place: Place) -> None:
        ours, theirs = _types(old), _types(new)
        relation = _relation(ours, theirs)
        if (ours is None) != (theirs is None) and any("oneOf" in side or "anyOf" in side for side in (old, new)):
            return  # told by the alternatives
        self.constrained(relation, place, f"type was {_listed(ours)} and is {_listed(theirs)}")

    def format(self, old: Any, new: Any, place: Place) -> None:
        if same(old, new):
            return
        if old is None or new is None:
            relation = Relation.NARROWER if old is None else Relation.WIDER
        else:
            relation = Relation.OTHER
            if (old, new) in _WIDER_FORMATS:
                relation = Relation.WIDER
            if (new, old) in _WIDER_FORMATS:
                relation = Relation.NARROWER
        if {str(old), str(new)} & _RETYPING_FORMATS:
            relation = Relation.OTHER
        self.constrained(relation, place, f"format was {_shown(old)} and is {_shown(new)}")

    def enumeration(self, old: Mapping[str, Any], new: Mapping[str, Any], place: Place) -> None:
        ours, theirs = _values(old), _values(new)
        if ours is None and theirs is None:
            return
        if ours is None or theirs is None:
            relation, message = (
                (Relation.NARROWER, f"has only the values {_some(theirs or {})}")
                if ours is None
                else (Relation.WIDER, "has any value, not only listed ones")
            )
            self.constrained(relation, place, message)
            return
        for relation, values, verb in (
            (Relation.NARROWER, {key: ours[key] for key in ours if key not in theirs}, "lost"),
            (Relation.WIDER, {key: theirs[key] for key in theirs if key not in ours}, "gained"),
        ):
            if values:
                self.constrained(relation, place, f"{verb} the values {_some(values)}")

    def default(self, old: Any, new: Any, place: Place) -> None:
        if same(old, new):
            return
        # What the same call means changes with its default. One where none was told tells more.
        told = Kind.ADDED if old is None else Kind.BREAKING
        kind = Kind.WORDING if place.direction == "response" else told
        self.report(kind, place, f"default was {_shown(old)} and is {_shown(new)}")

    def keywords(self, old: Mapping[str, Any], new: Mapping[str, Any], place: Place) -> None:
        for key in _either(old, new):
            if key in _COMPARED | _WORDING or key.startswith("x-"):
                continue
            before, after = (None if value is False else value for value in (old.get(key), new.get(key)))
            if not same(before, after):
                self.constrained(
                    _bound(key, before, after), place, f"{key} was {_shown(before)} and is {_shown(after)}"
                )

    def properties(self, old: Mapping[str, Any], new: Mapping[str, Any], place: Place) -> None:
        ours, theirs = _map(old.get("properties")), _map(new.get("properties"))
        musts = [_list(side.get("required")) for side in (old, new)]
        for name in _either(ours, theirs):
            here, before, after = place.below(name), name in musts[0], name in musts[1]
            if name not in theirs:
                self.report(Kind.BREAKING, here, "is gone")
            elif name not in ours:
                # More in an answer harms nobody; what a request must have does.
                kind = Kind.BREAKING if after and place.direction == "request" else Kind.ADDED
                self.report(kind, here, "is new and required" if after else "is new")
            else:
                self.necessity({"required": before}, {"required": after}, here)
                self.schema(ours[name], theirs[name], here)

    def additional_properties(self, old: Any, new: Any, place: Place) -> None:
        ours, theirs = (True if value is None or value == {} else value for value in (old, new))
        if isinstance(ours, Mapping) and isinstance(theirs, Mapping):
            self.schema(ours, theirs, place.below("*"))
        elif not same(ours, theirs):
            widths = [2 if value is True else int(isinstance(value, Mapping)) for value in (ours, theirs)]
            if widths[1] > widths[0] and place.direction == "response":
                self.report(Kind.ADDED, place, "may have other properties")
            else:
                relation = Relation.WIDER if widths[1] > widths[0] else Relation.NARROWER
                self.constrained(relation, place, "additionalProperties changed")

    def alternatives(self, old: Mapping[str, Any], new: Mapping[str, Any], place: Place) -> None:
        for key in ("oneOf", "anyOf"):
            if key not in old and key not in new:
                continue
            # Where only one side has alternatives, the other is one.
            ours, theirs = (_list(side[key]) if key in side else [side] for side in (old, new))
            gone = [schema for schema in ours if not any(_alike(schema, other) for other in theirs)]
            come = [schema for schema in theirs if not any(_alike(schema, other) for other in ours)]
            for schema in ours:
                for other in (other for other in theirs if _alike(schema, other)):
                    self.schema(schema, other, place)
            if key in old and key in new and len(gone) == len(come):
                for schema, other in zip(gone, come, strict=True):
                    self.schema(schema, other, place)
                continue
            if gone:
                self.constrained(Relation.NARROWER, place, f"lost {len(gone)} of its alternatives")
            if come:
                self.constrained(Relation.WIDER, place, f"gained {len(come)} alternatives")

    def resolve_old(self, node: Any) -> Any:
        return resolved(self._old, node)

    def resolve_new(self, node: Any) -> Any:
        return resolved(self._new, node)

    def sides(
        self, old: Mapping[str, Any], new: Mapping[str, Any]
    ) -> tuple[tuple[Callable[[Any], Any], Mapping[str, Any]], tuple[Callable[[Any], Any], Mapping[str, Any]]]:
        return (self.resolve_old, old), (self.resolve_new, new)


def _map(node: Any) -> Mapping[str, Any]:
    return node if isinstance(node, Mapping) else {}


def _list(node: Any) -> list[Any]:
    return node if isinstance(node, list) else []


def _either(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    return list(dict.fromkeys([*old, *new]))


def _shown(value: Any) -> str:
    text = "absent" if value is None else value if isinstance(value, str) else canonical(value)
    return text if len(text) <= 80 else f"{text[:79]}…"


def _listed(types: set[str] | None) -> str:
    return "anything" if types is None else " or ".join(sorted(types)) or "nothing"


def _some(values: Mapping[str, Any]) -> str:
    shown = [_shown(value) for value in list(values.values())[:5]]
    return ", ".join(shown) + (f" and {len(values) - 5} more" if len(values) > 5 else "")


def _components(document: Mapping[str, Any], section: str) -> Mapping[str, Any]:
    return _map(_map(document.get("components")).get(section))


def _operations(document: Mapping[str, Any]) -> dict[tuple[str, str], tuple[str, Mapping[str, Any]]]:
    return {
        (template(path), method): (path, _map(operation))
        for path, item in _map(document.get("paths")).items()
        for method, operation in _map(resolved(document, item)).items()
        if method in METHODS
    }


def _name(operation: Mapping[str, Any], method: str, path: str) -> str:
    return str(operation.get("operationId") or f"{method.upper()} {path}")


def _tag(operation: Mapping[str, Any]) -> Any:
    return next(iter(_list(operation.get("tags"))), None)


def _parameters(document: Mapping[str, Any], path: str, operation: Mapping[str, Any]) -> dict[str, Any]:
    item = _map(resolved(document, _map(document.get("paths")).get(path)))
    found = {}
    for node in [*_list(item.get("parameters")), *_list(operation.get("parameters"))]:
        parameter = _map(resolved(document, node))
        name = str(parameter.get("name"))
        found[f"{parameter.get('in')} {name.lower() if parameter.get('in') == 'header' else name}"] = parameter
    return found


def _form(parameter: Mapping[str, Any]) -> tuple[Any, Any]:
    """Style and explode, with their defaults put in."""
    style = parameter.get("style") or ("form" if parameter.get("in") in {"query", "cookie"} else "simple")
    explode = parameter.get("explode")
    return style, style == "form" if explode is None else explode


def _has_parts(schema: Mapping[str, Any]) -> bool:
    types = _types(schema)
    return types is None or bool({"array", "object"} & types)


def _server(server: Any) -> str:
    node = _map(server)
    variables = {
        name: {key: value for key, value in _map(variable).items() if key not in _WORDING}
        for name, variable in _map(node.get("variables")).items()
    }
    return f"{node.get('url')}" + (f" with {canonical(variables)}" if variables else "")


def _own_servers(document: Mapping[str, Any], path: str, operation: Mapping[str, Any]) -> list[Any]:
    return _list(operation.get("servers")) or _list(_map(_map(document.get("paths")).get(path)).get("servers"))


def _ways_to_authenticate(security: Any) -> dict[str, str]:
    """Each way by what says the same, with its name. No requirement is a way too."""
    ways = [_map(way) for way in _list(security)] or [{}]
    return {canonical(way): " with ".join(way) or "no authentication" for way in ways}


def _model(schema: Any) -> str:
    """The name of a schema that is referred to."""
    reference = _map(schema).get("$ref")
    return reference.rpartition("/")[2] if isinstance(reference, str) else ""


def _is_class(schema: Mapping[str, Any]) -> bool:
    """Whether the generator makes a class of it, with its name."""
    return "properties" in schema or "enum" in schema


def _renamed(old: str, new: str) -> str:
    if old and new:
        return f"model {old} is called {new} now"
    return f"model {old} has no name any more" if old else f"has a model with a name now: {new}"


def _flat(document: Mapping[str, Any], schema: Any, depth: int = 0) -> Mapping[str, Any]:
    """Resolved, and with what `allOf` joins in one."""
    node = resolved(document, schema)
    if isinstance(node, bool):
        return {} if node else {"not": {}}
    node = _map(node)
    members = _list(node.get("allOf"))
    if not members or depth > 20:
        return node
    joined: dict[str, Any] = {}
    own = {key: value for key, value in node.items() if key != "allOf"}
    for part in [*(_flat(document, member, depth + 1) for member in members), own]:
        properties = {**_map(joined.get("properties")), **_map(part.get("properties"))}
        required = [*_list(joined.get("required")), *_list(part.get("required"))]
        joined |= part
        joined |= {"properties": properties} if properties else {}
        joined |= {"required": required} if required else {}
    return joined


def _types(schema: Mapping[str, Any]) -> set[str] | None:
    """None for any type."""
    given = schema.get("type")
    if given is None:
        return None
    types = {str(kind) for kind in given} if isinstance(given, list) else {str(given)}
    return types | {"null"} if schema.get("nullable") is True else types


def _relation(old: set[str] | None, new: set[str] | None) -> Relation:
    ours, theirs = (_ALL_TYPES if types is None else types for types in (old, new))
    ours, theirs = (types | {"integer"} if "number" in types else types for types in (ours, theirs))
    if ours == theirs:
        return Relation.SAME
    if ours < theirs:
        return Relation.WIDER
    return Relation.NARROWER if ours > theirs else Relation.OTHER


def _overlap(old: set[str] | None, new: set[str] | None) -> bool:
    return old is None or new is None or bool(old & new) or {"integer", "number"} <= old | new


def _values(schema: Mapping[str, Any]) -> dict[str, Any] | None:
    if "const" in schema:
        return {canonical(schema["const"]): schema["const"]}
    return {canonical(value): value for value in _list(schema["enum"])} if "enum" in schema else None


def _number(value: Any) -> float:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else 0


def _bound(key: str, old: Any, new: Any) -> Relation:
    if old is None or new is None:
        return Relation.NARROWER if old is None else Relation.WIDER
    numbers = all(isinstance(value, int | float) and not isinstance(value, bool) for value in (old, new))
    if not numbers or key not in _UPPER_BOUNDS | _LOWER_BOUNDS:
        return Relation.OTHER
    return Relation.WIDER if (new > old) == (key in _UPPER_BOUNDS) else Relation.NARROWER


def _wire_half(schema: Mapping[str, Any]) -> dict[str, Any]:
    """What bounds a single value."""
    return {key: value for key, value in schema.items() if key not in _WORDING | {"default"}}


def _alike(one: Any, other: Any) -> bool:
    """The same, words aside."""
    if _model(one) or _model(other):
        return _model(one) == _model(other)
    return same(_without_words(one), _without_words(other))


def _without_words(node: Any) -> Any:
    if isinstance(node, Mapping):
        return {
            key: _without_words(value)
            for key, value in node.items()
            if not (key in _WORDING and isinstance(value, str)) and not key.startswith("x-")
        }
    return [_without_words(item) for item in node] if isinstance(node, list) else node


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="spec_diff", description="What changed between two OpenAPI documents, classed from the view of users."
    )
    parser.add_argument("old", help="path or https URL of the older document")
    parser.add_argument("new", help="path or https URL of the newer document")
    parser.add_argument("--json", action="store_true", help="print JSON")
    options = parser.parse_args(arguments)
    return run("spec_diff", lambda: _compare_files(options))


def _compare_files(options: argparse.Namespace) -> int:
    old, new = (_one_document(where) for where in (options.old, options.new))
    changes = compare(old, new)
    print(json.dumps(as_json(changes), indent=2) if options.json else as_text(changes))
    return int(breaks(changes))


def _one_document(where: str) -> Mapping[str, Any]:
    documents = read_source(where)
    if len(documents) != 1:
        raise Unusable(f"{where} holds {len(documents)} documents: pass a page with one, or update from it first")
    return documents[0].root


if __name__ == "__main__":
    sys.exit(main())
