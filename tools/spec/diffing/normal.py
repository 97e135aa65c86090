"""Schemas in one spelling: references resolved, `allOf` joined, OpenAPI 3.0 and 3.1 alike."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from tools.spec.document import canonical, resolved

Schema = dict[str, Any]

# For people; they change nothing on the wire.
WORDING = {"description", "summary", "title", "example", "examples", "externalDocs", "xml", "$comment", "bearerFormat"}
ALL_TYPES = frozenset({"string", "number", "integer", "boolean", "array", "object", "null"})
UPPER_BOUNDS = {"maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties", "maxContains"}
LOWER_BOUNDS = {"minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties", "minContains"}
# Keywords whose value is a schema, a list of schemas, a mapping to schemas.
_ONE = {"items", "additionalProperties", "contains", "propertyNames", "not", "if", "then", "else"}
_ONE |= {"unevaluatedItems", "unevaluatedProperties", "contentSchema"}
_SEVERAL = {"anyOf", "oneOf", "allOf", "prefixItems"}
_NAMED = {"properties", "patternProperties", "dependentSchemas"}

_ANNOTATIONS = WORDING | {"default"}
_EITHER = {"uniqueItems", "deprecated", "readOnly", "writeOnly"}
_JOINED = {"items", "additionalProperties", "propertyNames"}
# A keyword with such a value says nothing.
_SAYS_NOTHING: list[tuple[str, Any]] = [
    *((key, False) for key in ("uniqueItems", "deprecated", "readOnly", "writeOnly", "nullable")),
    *((key, 0) for key in ("minLength", "minItems", "minProperties")),
    *((key, True) for key in (*_JOINED, "unevaluatedProperties", "unevaluatedItems", "required")),
    *((key, {}) for key in (*_JOINED, "unevaluatedProperties", "unevaluatedItems", *_NAMED)),
    ("required", []),
    ("required", False),
]
_IGNORED = {"$schema", "$id", "$defs", "definitions", "$anchor"}


class Spelling:
    """Reads the schemas of one document."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        self._document = document

    def resolve(self, node: Any) -> Mapping[str, Any]:
        found = resolved(self._document, node)
        return found if isinstance(found, Mapping) else {}

    def flat(self, node: Any) -> Schema:
        """One level in one spelling. `type` is a set or absent, `const` is an `enum`. Schemas within are as written."""
        parts = list(self._parts(node, frozenset()))
        _apply_additional(parts)
        joined: Schema = {}
        for part in parts:
            _intersect(joined, part)
        return self._tidy(joined)

    def same(self, one: Any, other_spelling: Spelling, other: Any) -> bool:
        """Whether two schemas say the same, apart from wording."""
        return canonical(self._deep(one, ())) == canonical(other_spelling._deep(other, ()))

    def _parts(self, node: Any, seen: frozenset[str]) -> Iterator[Schema]:
        """The schemas that all hold at once, the outermost first."""
        if node is False:
            yield {"not": {}}
        if not isinstance(node, Mapping):
            return
        own = _spelled({key: value for key, value in node.items() if key not in {"$ref", "allOf"}})
        members = list(_list(node.get("allOf")))
        for key in ("oneOf", "anyOf"):
            if len(_list(own.get(key))) == 1:
                members += own.pop(key)
        yield own
        reference = node.get("$ref")
        if isinstance(reference, str) and reference not in seen:
            target = resolved(self._document, {"$ref": reference})
            yield from self._parts(target, seen | {reference})
        for member in members:
            yield from self._parts(member, seen)

    def _tidy(self, schema: Schema) -> Schema:
        tidied = {
            key: value
            for key, value in schema.items()
            if not any(key == other and _equal(value, nothing) for other, nothing in _SAYS_NOTHING)
        }
        for key in ("oneOf", "anyOf"):
            if alternatives := _list(tidied.get(key)):
                self._fold(tidied, key, [self.flat(alternative) for alternative in alternatives])
        return tidied

    def _fold(self, schema: Schema, key: str, alternatives: list[Schema]) -> None:
        """Alternatives that `type` can say as well."""
        bare = [{name: value for name, value in each.items() if name not in WORDING} for each in alternatives]
        if all(set(each) == {"type"} for each in bare) and "type" not in schema:
            del schema[key]
            schema["type"] = frozenset().union(*(each["type"] for each in bare))
            return
        others = [
            each for each, alone in zip(alternatives, bare, strict=True) if alone != {"type": frozenset({"null"})}
        ]
        if len(others) == 1 and len(alternatives) == 2 and "type" not in schema:
            del schema[key]
            _intersect(schema, others[0])
            if "type" in schema:
                schema["type"] |= {"null"}
            if "enum" in schema:
                schema["enum"] = [*schema["enum"], None]

    def _deep(self, node: Any, above: tuple[str, ...]) -> Any:
        here = canonical(node)
        if here in above:
            return {"again": above.index(here)}
        above = (*above, here)
        found: Schema = {}
        for key, value in self.flat(node).items():
            if key in WORDING or key.startswith("x-"):
                continue
            if key == "type":
                found[key] = sorted(value)
            elif key in _ONE:
                found[key] = self._deep(value, above)
            elif key in _SEVERAL and isinstance(value, list):
                found[key] = [self._deep(each, above) for each in value]
            elif key in _NAMED and isinstance(value, Mapping):
                found[key] = {name: self._deep(each, above) for name, each in value.items()}
            else:
                found[key] = sorted(value, key=canonical) if key in {"required", "enum"} else value
        return found


def as_written(schema: Schema) -> Schema:
    """As a document would have it: in a flat schema, `type` is a set."""
    return {**schema, "type": sorted(schema["type"])} if "type" in schema else schema


def types(schema: Schema) -> frozenset[str]:
    """All types that a value may have. A number may be an integer."""
    if schema.get("not") in ({}, True):
        return frozenset()
    kinds: frozenset[str] = schema.get("type", ALL_TYPES)
    kinds = kinds | {"integer"} if "number" in kinds else kinds
    if "enum" in schema:
        kinds &= {kind for value in schema["enum"] for kind in _types_of(value)}
    return kinds


def _types_of(value: Any) -> set[str]:
    if isinstance(value, bool):
        return {"boolean"}
    if isinstance(value, int) or (isinstance(value, float) and value.is_integer()):
        return {"integer", "number"}
    return {_TYPES.get(type(value), "object")}


_TYPES = {float: "number", str: "string", list: "array", type(None): "null"}


def values(schema: Schema) -> dict[str, Any] | None:
    """The values of an enum by what tells them apart, or None for any value."""
    return {number_key(value): value for value in schema["enum"]} if "enum" in schema else None


def number_key(value: Any) -> str:
    """The same for 1 and 1.0, which are the same in JSON."""
    return canonical(int(value) if isinstance(value, float) and value.is_integer() else value)


def _list(node: Any) -> list[Any]:
    return node if isinstance(node, list) else []


def _equal(one: Any, other: Any) -> bool:
    return type(one) is type(other) and bool(one == other)


def _spelled(own: Schema) -> Schema:
    """One schema object in the spelling of OpenAPI 3.1."""
    own = {key: value for key, value in own.items() if key not in _IGNORED}
    kinds = own.pop("type", None)
    if isinstance(kinds, str | list | frozenset):
        own["type"] = frozenset(map(str, [kinds] if isinstance(kinds, str) else kinds))
    if own.pop("nullable", None) is True and "type" in own:
        own["type"] |= {"null"}
        if isinstance(own.get("enum"), list) and None not in own["enum"]:
            own["enum"] = [*own["enum"], None]
    for bound, exclusive in (("minimum", "exclusiveMinimum"), ("maximum", "exclusiveMaximum")):
        if isinstance(own.get(exclusive), bool) and own.pop(exclusive) and bound in own:
            own[exclusive] = own.pop(bound)
    if "const" in own:
        own["enum"] = [own.pop("const")]
    if not isinstance(own.get("enum", []), list):
        del own["enum"]
    if own.get("format") == "byte":
        del own["format"]
        own["contentEncoding"] = "base64"
    return own


def _apply_additional(parts: list[Schema]) -> None:
    """`additionalProperties` knows the properties of its own part only, so it holds for those of the other parts."""
    names = {name for part in parts for name in _properties(part)}
    for part in parts:
        if part.get("additionalProperties", True) not in (True, {}):
            rest = {name: part["additionalProperties"] for name in names if name not in _properties(part)}
            if rest:
                part["properties"] = {**_properties(part), **rest}


def _properties(part: Schema) -> Mapping[str, Any]:
    found = part.get("properties")
    return found if isinstance(found, Mapping) else {}


def _intersect(joined: Schema, part: Schema) -> None:
    """Make `joined` hold for what both hold for."""
    for key, value in part.items():
        mine = joined.get(key)
        if key not in joined:
            joined[key] = value
        elif key == "type":
            common = types({"type": mine}) & types({"type": value})
            joined[key] = common - {"integer"} if "number" in common else common
        elif _is_same(mine, value) or key in _ANNOTATIONS or key.startswith("x-"):
            continue
        elif key == "enum":
            keys = {number_key(each) for each in value}
            joined[key] = [each for each in _list(mine) if number_key(each) in keys]
        elif key in UPPER_BOUNDS | LOWER_BOUNDS and _are_numbers(mine, value):
            joined[key] = (min if key in UPPER_BOUNDS else max)(mine, value)
        elif key == "required" and isinstance(mine, list) and isinstance(value, list):
            joined[key] = list(dict.fromkeys([*mine, *value]))
        elif key == "properties" and isinstance(mine, Mapping) and isinstance(value, Mapping):
            both = {name: {"allOf": [mine[name], value[name]]} for name in mine if name in value}
            joined[key] = {**mine, **value, **both}
        elif key in _EITHER:
            joined[key] = bool(mine) or bool(value)
        elif key in _JOINED:
            joined[key] = {"allOf": [mine, value]}
        else:
            joined["allOf"] = [*_list(joined.get("allOf")), {key: value}]


def _is_same(one: Any, other: Any) -> bool:
    return one is other or canonical(one) == canonical(other)


def _are_numbers(*found: Any) -> bool:
    return all(isinstance(value, int | float) and not isinstance(value, bool) for value in found)
