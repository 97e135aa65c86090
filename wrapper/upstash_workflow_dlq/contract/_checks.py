"""Where an answer drifts from the spec. No I/O, and no answer is kept."""

from __future__ import annotations

import functools
import json
import re
import sys
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any, NoReturn

import jsonschema_rs
from jsonschema_rs import ValidationErrorKind as Rule

from ._drift import Drift, DriftKind
from ._spec import Spec

# Per answer. Each costs microseconds, and a page can have any number of them.
MAX_VIOLATIONS = 2_000

# Of a list in an undocumented field: how many tell of what type they are.
MAX_ITEMS_SHOWN = 100
# Lists within lists: below these, a list is just an array.
MAX_LISTS_SHOWN = 5

# Of an int that fits into a float, too.
MAX_DIGITS = 300
LARGE_INT: int = 10**MAX_DIGITS

# Where a schema holds other schemas of the same value.
IN_PLACE = ("allOf", "anyOf", "oneOf")

# What was found, where, and how the schema puts it.
Finding = tuple[DriftKind, str, str]


class Contract:
    """Checks answers against one spec. Each body's validator is made when its first answer comes."""

    def __init__(self, spec: Spec) -> None:
        self.spec = spec
        self._bodies: dict[tuple[str, int], Body | None] = {}

    def drifts(self, method: str, path: str, status: int, content: bytes) -> set[Drift]:
        """All drift of this answer, each once. `path` is the path of the request, encoded as on the wire."""
        operation = self.spec.operation(method, path)
        if operation is None:
            return {Drift(DriftKind.UNDOCUMENTED_OPERATION, self.spec.masked(method, path), status)}
        response = operation.response(status)
        if response is None:
            return {Drift(DriftKind.UNDOCUMENTED_STATUS, operation.id, status)}
        key = (operation.id, status)
        if key not in self._bodies:
            self._bodies[key] = self._body(response)
        body = self._bodies[key]
        findings = body.findings(content) if body else ()
        return {Drift(kind, operation.id, status, where, detail) for kind, where, detail in findings}

    def _body(self, response: Any) -> Body | None:
        """Only JSON is compared with its schema. None: no body is documented, so any is allowed."""
        for name, media in self.spec.resolved(response).get("content", {}).items():
            content_type = name.partition(";")[0].strip().lower()
            if content_type == "application/json" or content_type.endswith("+json"):
                return Body(self.spec, media.get("schema", {}))
        return None


class Body:
    """A documented JSON body: jsonschema-rs checks the rules of its schema, `Shape` looks for undocumented fields."""

    def __init__(self, spec: Spec, schema: Any) -> None:
        self._shape = Shape(spec, [schema])
        document = {"components": spec.document.get("components", {}), "paths": spec.document["paths"]}
        self._rules = jsonschema_rs.Draft202012Validator({**document, "allOf": [schema]}, retriever=_refuse_to_fetch)

    def findings(self, content: bytes) -> Iterator[Finding]:
        try:
            value = _decoded(content)
        except ValueError:
            yield DriftKind.NOT_JSON, "", "" if content else "no body"
            return
        for path, held in self._shape.undocumented(value):
            yield DriftKind.UNDOCUMENTED_FIELD, path, held
        for error in self._violations(value, content):
            yield from self._described(error)

    def _violations(self, value: Any, content: bytes) -> Iterator[jsonschema_rs.ValidationError]:
        try:
            errors = self._rules.iter_errors(value)
        except ValueError:
            # Half a surrogate pair: JSON allows it, the validator cannot hold it. Any letter does instead.
            letters = re.sub(rb"\\u[dD][89a-fA-F][0-9a-fA-F]{2}", rb"\\u0061", content)
            errors = self._rules.iter_errors(_decoded(letters))
        return islice(errors, MAX_VIOLATIONS)

    def _described(self, error: jsonschema_rs.ValidationError) -> Iterator[Finding]:
        path = self._shape.path(error.instance_path)
        rule = error.kind
        if isinstance(rule, Rule.Type):
            yield DriftKind.WRONG_TYPE, path, f"{_type_name(error.instance)} instead of {' or '.join(rule.types)}"
        elif isinstance(rule, Rule.Required):
            yield DriftKind.MISSING_FIELD, _joined(path, rule.property), ""
        # The schema itself is closed: the search has found that field already.
        elif not isinstance(rule, Rule.AdditionalProperties | Rule.UnevaluatedProperties):
            yield DriftKind.SCHEMA_VIOLATION, path, f"against {error.schema_path[-1]}"


class Shape:
    """The fields that a schema names, in all of its parts together, whichever of them apply to a value.

    An object with properties counts as closed, unless the schema allows others. A validator would find undocumented
    fields too, if the schema were closed with `unevaluatedProperties: false`. But every real payload has some, and an
    error object for each costs several times this search.
    """

    def __init__(self, spec: Spec, schemas: list[Any]) -> None:
        self._spec = spec
        self._schemas = list(self._parts(schemas))

    @functools.cached_property
    def fields(self) -> dict[str, Shape]:
        named: dict[str, list[Any]] = {}
        for schema in self._schemas:
            for name, field in schema.get("properties", {}).items():
                named.setdefault(name, []).append(field)
        return {name: Shape(self._spec, schemas) for name, schemas in named.items()}

    @functools.cached_property
    def others(self) -> Shape:
        """The values of a map."""
        return self._below("additionalProperties")

    @functools.cached_property
    def items(self) -> Shape:
        return self._below("items")

    @functools.cached_property
    def is_closed(self) -> bool:
        opening = ("additionalProperties", "unevaluatedProperties", "patternProperties")
        opened = any(schema.get(word, False) is not False for schema in self._schemas for word in opening)
        return bool(self.fields) and not opened

    def undocumented(self, value: Any) -> set[tuple[str, str]]:
        """The fields that the schema does not name: path, such as `messages[].notBefore`, and type of the value."""
        found: set[tuple[str, str, str]] = set()
        self._search(value, "", found)
        return {(_joined(path, name), held) for path, name, held in found}

    def path(self, location: Iterable[str | int]) -> str:
        """A place in a value, with `*` for what the schema does not name: the keys of a map are data, too."""
        path, shape = "", self
        for step in location:
            if isinstance(step, int):
                path, shape = f"{path}[]", shape.items
            elif step in shape.fields:
                path, shape = _joined(path, step), shape.fields[step]
            else:
                path, shape = f"{path}.*".removeprefix("."), shape.others
        return path

    def _search(self, value: Any, path: str, found: set[tuple[str, str, str]]) -> None:
        if isinstance(value, dict):
            others = value.keys() - self.fields.keys()
            if self.is_closed:
                found.update((path, name, _shown_type(value[name])) for name in others)
            for name, field in self._searched.items():
                if name in value:
                    field._search(value[name], _joined(path, name), found)
            if self.others.has_closed:
                for name in others:
                    self.others._search(value[name], f"{path}.*".removeprefix("."), found)
        elif isinstance(value, list) and self.items.has_closed:
            for item in value:
                self.items._search(item, f"{path}[]", found)

    @functools.cached_property
    def _searched(self) -> dict[str, Shape]:
        return {name: field for name, field in self.fields.items() if field.has_closed}

    @functools.cached_property
    def has_closed(self) -> bool:
        """Whether there is a closed object here or below."""
        return self._has_closed(frozenset())

    def _has_closed(self, above: frozenset[int]) -> bool:
        here = above.union(map(id, self._schemas))
        if self.is_closed or here == above:  # the same as above: a schema that contains itself
            return self.is_closed
        return any(below._has_closed(here) for below in (*self.fields.values(), self.others, self.items))

    def _below(self, word: str) -> Shape:
        return Shape(self._spec, [schema[word] for schema in self._schemas if word in schema])

    def _parts(self, schemas: list[Any]) -> Iterator[dict[str, Any]]:
        pending, seen = list(schemas), set()
        while pending:
            schema = pending.pop()
            if isinstance(schema, dict) and id(schema) not in seen:
                seen.add(id(schema))
                yield schema
                if "$ref" in schema:
                    pending.append(self._spec.resolved(schema))
                pending += (part for word in IN_PLACE for part in schema.get(word, ()))


def _decoded(content: bytes) -> Any:
    """Strictly what RFC 8259 allows. Python's own reading is wider: NaN, Infinity, UTF-16, a byte order mark."""
    return json.loads(content.decode(), parse_constant=_refuse_constant, parse_float=_float, parse_int=_int)


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


# Numbers beyond those of a float are JSON, but the validator takes them for null. The largest that it can hold have the
# same type and sign.


def _float(digits: str) -> float:
    return max(-sys.float_info.max, min(float(digits), sys.float_info.max))


def _int(digits: str) -> int:
    if len(digits) <= MAX_DIGITS:
        return int(digits)
    return -LARGE_INT if digits.startswith("-") else LARGE_INT


def _joined(path: str, name: str) -> str:
    # Names come from outside. One with a dot, a space or a line break is written as in JSON.
    shown = name if re.fullmatch(r"[\w$@-]+", name, re.ASCII) else json.dumps(name)
    return f"{path}.{shown}" if path else shown


def _type_name(value: Any) -> str:
    names = {dict: "object", list: "array", str: "string", bool: "boolean", type(None): "null"}
    return names.get(type(value), "number")


def _shown_type(value: Any, lists: int = MAX_LISTS_SHOWN) -> str:
    """As `integer`, `array of string` or `array of (array of integer or null)`: all but one word is in parentheses."""
    if not isinstance(value, list):
        return "integer" if type(value) is int else _type_name(value)
    held = sorted({_shown_type(item, lists - 1) for item in value[:MAX_ITEMS_SHOWN]}) if lists else []
    shown = " or ".join(held)
    return f"array of {f'({shown})' if ' ' in shown else shown}" if held else "array"


def _refuse_to_fetch(uri: str) -> NoReturn:
    raise ValueError("the spec refers to another document")
