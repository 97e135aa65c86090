"""Edits of a document whose class is known, since it follows from how they are made.

Edits of schemas come as pairs; the first schema allows less than the second. From the first to the second is wider:
harmless in a request, breaking in an answer. The way back is narrower: breaking in a request, harmless in an answer.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

Schema = dict[str, Any]
Document = dict[str, Any]
Change = Callable[[Document], None]

STRING: Schema = {"type": "string"}
INTEGER: Schema = {"type": "integer"}


@dataclass(frozen=True)
class Edit:
    name: str
    slot: str  # edits of different slots are independent of each other
    before: Change
    after: Change
    expected: str  # the class, or "" for no change at all

    def __repr__(self) -> str:
        return f"{self.name} ({self.slot}): {self.expected or 'nothing'}"


def base() -> Document:
    """A document with something of each kind. Its operations are as small as they can be."""
    run: Schema = {
        "type": "object",
        "required": ["id"],
        "properties": {
            "id": STRING,
            "createdAt": STRING,
            "value": STRING,
            "values": {"type": "array", "items": STRING},
            "map": {"type": "object", "additionalProperties": STRING},
            "shared": {"$ref": "#/components/schemas/Answered"},
            "hidden": {"type": "array", "prefixItems": [{"$ref": "#/components/schemas/InAnswer"}]},
        },
    }
    start: Schema = copy.deepcopy(run)
    del start["required"]
    start["properties"]["shared"] = {"$ref": "#/components/schemas/Sent"}
    start["properties"]["hidden"]["prefixItems"] = [{"$ref": "#/components/schemas/InRequest"}]
    error = {"description": "no", "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}}}
    page = {"type": "object", "properties": {"runs": {"type": "array", "items": {"$ref": "#/components/schemas/Run"}}}}
    document = {
        "openapi": "3.1.0",
        "info": {"title": "t", "version": "1"},
        "servers": [{"url": "https://a.example"}],
        "security": [{"bearer": []}],
        "paths": {
            "/runs": {
                "get": {
                    "operationId": "listRuns",
                    "tags": ["DLQ"],
                    "summary": "s",
                    "parameters": [
                        {"in": "query", "name": "value", "schema": STRING},
                        {"in": "query", "name": "label", "schema": {"type": "array", "items": STRING}},
                        {"in": "query", "name": "page", "schema": STRING},
                        {"in": "query", "name": "fromDate", "schema": STRING},
                        {"in": "header", "name": "X-Trace", "schema": STRING},
                        {"in": "cookie", "name": "session", "schema": STRING},
                    ],
                    "responses": {
                        "200": {
                            "description": "yes",
                            "headers": {"X-Rest": {"schema": INTEGER}},
                            "content": {"application/json": {"schema": page}},
                        },
                        "400": error,
                    },
                }
            },
            "/runs/{id}": {
                "post": {
                    "operationId": "startRun",
                    "tags": ["DLQ"],
                    "parameters": [{"in": "path", "name": "id", "required": True, "schema": STRING}],
                    "requestBody": {
                        "required": True,
                        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Start"}}},
                    },
                    "responses": {"200": {"description": "yes"}, "400": error},
                },
                "delete": {
                    "operationId": "deleteRun",
                    "tags": ["DLQ"],
                    "parameters": [{"in": "path", "name": "id", "required": True, "schema": STRING}],
                    "responses": {"204": {"description": "yes"}},
                },
            },
        },
        "components": {
            "schemas": {
                "Run": run,
                "Start": start,
                "Error": {"type": "object", "required": ["error"], "properties": {"error": STRING}},
                "Answered": STRING,
                "Sent": STRING,
                "InAnswer": STRING,
                "InRequest": STRING,
            },
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer"},
                "key": {"type": "apiKey", "in": "query", "name": "token"},
            },
        },
    }
    copied: Document = json.loads(json.dumps(document))  # copy.deepcopy would keep what is shared
    return copied


def at(document: Document, *steps: Any) -> Any:
    for step in steps:
        document = document[step]
    return document


def operation(document: Document, name: str = "listRuns") -> Document:
    return next(
        node for item in document["paths"].values() for node in item.values() if node.get("operationId") == name
    )


def parameter(document: Document, name: str) -> Document:
    return next(node for node in operation(document)["parameters"] if node["name"] == name)


def _property(model: str, *steps: str) -> tuple[str, ...]:
    return ("components", "schemas", model, "properties", *steps)


# Where a schema is, by direction: the way to it.
SLOTS: dict[str, dict[str, tuple[str, ...]]] = {
    "request": {
        "property of a body": _property("Start", "value"),
        "item in a body": _property("Start", "values", "items"),
        "additional property of a body": _property("Start", "map", "additionalProperties"),
        "shared schema of a body": ("components", "schemas", "Sent"),
    },
    "response": {
        "property of an answer": _property("Run", "value"),
        "item in an answer": _property("Run", "values", "items"),
        "additional property of an answer": _property("Run", "map", "additionalProperties"),
        "shared schema of an answer": ("components", "schemas", "Answered"),
    },
}


def put(steps: tuple[str, ...], schema: Schema) -> Change:
    def change(document: Document) -> None:
        at(document, *steps[:-1])[steps[-1]] = copy.deepcopy(schema)

    return change


def put_query(schema: Schema, **more: Any) -> Change:
    return lambda document: parameter(document, "value").update(copy.deepcopy({"schema": schema, **more}))


@dataclass(frozen=True)
class Pair:
    """Two schemas, the narrower first; and in which direction the harmless way still costs the generated client."""

    name: str
    narrow: Schema
    wide: Schema
    costs: str = ""  # "request": to widen it; "response": to narrow it; "both"
    in_query: bool = True


def _object(**keywords: Any) -> Schema:
    return {"type": "object", "properties": {"a": STRING}, **keywords}


def _list(**keywords: Any) -> Schema:
    return {"type": "array", "items": STRING, **keywords}


def _strings(**keywords: Any) -> Schema:
    return {"type": "string", **keywords}


def _numbers(**keywords: Any) -> Schema:
    return {"type": "integer", **keywords}


PAIRS = [
    Pair("number instead of integer", INTEGER, {"type": "number"}),
    Pair("or null, by a list of types", STRING, {"type": ["string", "null"]}),
    Pair("or null, by nullable", STRING, _strings(nullable=True)),
    Pair("or null, by anyOf", STRING, {"anyOf": [STRING, {"type": "null"}]}),
    Pair("or null, by oneOf", INTEGER, {"oneOf": [INTEGER, {"type": "null"}]}),
    Pair("another type, too", STRING, {"type": ["string", "integer"]}),
    Pair("a third type", {"type": ["string", "integer"]}, {"type": ["string", "integer", "boolean"]}),
    Pair("any type", STRING, {}),
    Pair("any type but null", {"type": "boolean"}, {"type": ["string", "number", "boolean"]}),
    Pair("a higher maximum", _numbers(maximum=5), _numbers(maximum=9)),
    Pair("no maximum", _numbers(maximum=5), INTEGER),
    Pair("a lower minimum", _numbers(minimum=2), _numbers(minimum=1)),
    Pair("no minimum", _numbers(minimum=2), INTEGER),
    Pair("a maximum that is allowed itself", _numbers(exclusiveMaximum=5), _numbers(maximum=5)),
    Pair(
        "a maximum of numbers that is allowed itself",
        {"type": "number", "exclusiveMaximum": 5},
        {"type": "number", "maximum": 5},
    ),
    Pair("a minimum that is allowed itself", _numbers(exclusiveMinimum=5), _numbers(minimum=5)),
    Pair("no exclusive maximum", _numbers(exclusiveMaximum=5), INTEGER),
    Pair("no exclusive minimum", _numbers(exclusiveMinimum=5), INTEGER),
    Pair(
        "a minimum that is not exclusive any more, as in 3.0",
        _numbers(minimum=5, exclusiveMinimum=True),
        _numbers(minimum=5),
    ),
    Pair(
        "a maximum that is not exclusive any more, as in 3.0",
        _numbers(maximum=5, exclusiveMaximum=True),
        _numbers(maximum=5, exclusiveMaximum=False),
    ),
    Pair("one of two maximums", _numbers(maximum=5, exclusiveMaximum=9), _numbers(exclusiveMaximum=9)),
    Pair("a divisor of the multiple", _numbers(multipleOf=10), _numbers(multipleOf=5)),
    Pair("no multiple", _numbers(multipleOf=10), INTEGER),
    Pair("longer texts", _strings(maxLength=5), _strings(maxLength=9)),
    Pair("texts of any length", _strings(maxLength=5), STRING),
    Pair("shorter texts", _strings(minLength=5), _strings(minLength=2)),
    Pair("empty texts", _strings(minLength=1), STRING),
    Pair("any text", _strings(pattern="^a"), STRING),
    Pair("another value", _strings(enum=["a"]), _strings(enum=["a", "b"]), "response"),
    Pair("another number", _numbers(enum=[1]), _numbers(enum=[1, 2]), "response"),
    Pair("any value", _strings(enum=["a"]), STRING, "both"),
    Pair("any value instead of a constant", {"const": "a"}, STRING, "response"),
    Pair("a list of values instead of a constant", {"const": "a"}, _strings(enum=["a", "b"]), "both"),
    Pair("64 bits", _numbers(format="int32"), _numbers(format="int64")),
    Pair("double precision", {"type": "number", "format": "float"}, {"type": "number", "format": "double"}),
    Pair("no format", _strings(format="uri"), STRING),
    Pair("texts that are no addresses", _strings(format="email"), STRING),
    Pair("no format of a number", _numbers(format="int64"), INTEGER),
    Pair("texts that are no moments", _strings(format="date-time"), STRING, "both"),
    Pair("texts that are no dates", _strings(format="date"), STRING, "both"),
    Pair("texts that are no uuids", _strings(format="uuid"), STRING, "both"),
    Pair("longer lists", _list(maxItems=5), _list(maxItems=9)),
    Pair("lists of any length", _list(maxItems=5), _list()),
    Pair("shorter lists", _list(minItems=5), _list(minItems=2)),
    Pair("empty lists", _list(minItems=1), _list()),
    Pair("items that repeat", _list(uniqueItems=True), _list()),
    Pair("wider items", {"type": "array", "items": INTEGER}, {"type": "array", "items": {"type": "number"}}),
    Pair("items of another type, too", _list(), {"type": "array", "items": {"type": ["string", "integer"]}}),
    # The generator cannot do without `items`.
    Pair("items of any type", _list(), {"type": "array"}, "request"),
    Pair("items of any type, said explicitly", _list(), {"type": "array", "items": {}}),
    Pair("lists that contain anything", _list(contains={"const": "a"}), _list()),
    Pair("lists that contain fewer", _list(contains={"const": "a"}, minContains=2), _list()),
    Pair("lists that begin with anything", {"type": "array", "prefixItems": [INTEGER]}, {"type": "array"}, "request"),
    Pair("more properties", _object(maxProperties=5), _object(maxProperties=9), in_query=False),
    Pair("fewer properties", _object(minProperties=5), _object(minProperties=2), in_query=False),
    Pair("any number of properties", _object(minProperties=1, maxProperties=5), _object(), in_query=False),
    Pair("any names", _object(propertyNames={"pattern": "^a"}), _object(), in_query=False),
    Pair("any pattern of properties", _object(patternProperties={"^b": INTEGER}), _object(), in_query=False),
    Pair("properties that need no others", _object(dependentRequired={"a": ["b"]}), _object(), in_query=False),
    Pair(
        "properties without conditions", _object(dependentSchemas={"a": {"required": ["b"]}}), _object(), in_query=False
    ),
    Pair("no unevaluated properties refused", _object(unevaluatedProperties=False), _object(), in_query=False),
    Pair(
        "no condition", _object(**{"if": {"required": ["b"]}, "then": {"required": ["c"]}}), _object(), in_query=False
    ),
    Pair("nothing refused", _strings(**{"not": {"const": "a"}}), STRING),
    Pair(
        "wider additional properties",
        {"type": "object", "additionalProperties": INTEGER},
        {"type": "object", "additionalProperties": {"type": "number"}},
        in_query=False,
    ),
    Pair(
        "additional properties of any type",
        {"type": "object", "additionalProperties": INTEGER},
        {"type": "object"},
        in_query=False,
    ),
    Pair("a property that may be left out", _object(required=["a"]), _object(), "response", in_query=False),
    Pair("a property of its own that may be left out", _object(required=["b"]), _object(), in_query=False),
    Pair(
        "a wider property",
        _object(properties={"a": INTEGER}),
        _object(properties={"a": {"type": "number"}}),
        in_query=False,
    ),
    Pair(
        "a wider property of a property",
        _object(properties={"a": _object(properties={"b": INTEGER})}),
        _object(properties={"a": _object(properties={"b": {"type": "number"}})}),
        in_query=False,
    ),
    Pair("an alternative of oneOf", {"oneOf": [STRING, INTEGER]}, {"oneOf": [STRING, INTEGER, {"type": "boolean"}]}),
    Pair("an alternative of anyOf", {"anyOf": [STRING, INTEGER]}, {"anyOf": [STRING, INTEGER, {"type": "boolean"}]}),
    Pair("a wider alternative", {"anyOf": [STRING, _numbers(maximum=5)]}, {"anyOf": [STRING, INTEGER]}),
    Pair("alternatives at all", STRING, {"anyOf": [STRING, INTEGER]}),
    Pair(
        "alternatives that include each other",
        {"anyOf": [_numbers(maximum=5), _strings(maxLength=5)]},
        {"anyOf": [INTEGER, STRING, {"type": "boolean"}]},
    ),
    Pair(
        "alternatives that may overlap",
        {"oneOf": [_numbers(maximum=5), _numbers(minimum=3)]},
        {"anyOf": [_numbers(maximum=5), _numbers(minimum=3)]},
    ),
    Pair("no alternatives any more", {"anyOf": [STRING, INTEGER]}, {}),
    Pair(
        "a looser part of allOf",
        {"allOf": [_numbers(maximum=5), _numbers(minimum=1)]},
        {"allOf": [_numbers(maximum=9), _numbers(minimum=1)]},
        in_query=False,
    ),
    Pair(
        "one part of allOf less",
        {"allOf": [_numbers(maximum=5), _numbers(maximum=9)]},
        {"allOf": [_numbers(maximum=9)]},
        in_query=False,
    ),
    Pair(
        "allOf beside a bound",
        {"type": "integer", "maximum": 9, "allOf": [{"maximum": 5}]},
        {"type": "integer", "maximum": 9},
        in_query=False,
    ),
    Pair(
        "a property that one part of allOf requires",
        {"allOf": [_object(), {"required": ["a"]}]},
        {"allOf": [_object()]},
        "response",
        in_query=False,
    ),
]

# Neither includes the other.
DIFFERENT: list[tuple[str, Schema, Schema]] = [
    ("type", STRING, INTEGER),
    ("list or one", _list(), STRING),
    ("object or text", _object(), STRING),
    ("pattern", _strings(pattern="^a"), _strings(pattern="^b")),
    ("values", _strings(enum=["a"]), _strings(enum=["b"])),
    ("constant", {"const": "a"}, {"const": "b"}),
    ("format", _strings(format="uri"), _strings(format="email")),
    ("date or moment", _strings(format="date"), _strings(format="date-time")),
    ("encoding", STRING, _strings(contentEncoding="base64")),
    ("encoding, as in 3.0", STRING, _strings(format="byte")),
    ("media type within a text", _strings(contentMediaType="text/html"), _strings(contentMediaType="application/json")),
    ("multiple", _numbers(multipleOf=2), _numbers(multipleOf=3)),
    ("range", _numbers(minimum=1, maximum=5), _numbers(minimum=3, maximum=9)),
    ("items", _list(), {"type": "array", "items": INTEGER}),
    ("first items", {"type": "array", "prefixItems": [INTEGER]}, {"type": "array", "prefixItems": [STRING]}),
    ("first items before others", _list(prefixItems=[INTEGER]), _list()),
    ("what is refused", _strings(**{"not": {"const": "a"}}), _strings(**{"not": {"const": "b"}})),
    ("what lists contain", _list(contains={"const": "a"}), _list(contains={"const": "b"})),
    ("alternatives", {"anyOf": [STRING, INTEGER]}, {"anyOf": [{"type": "boolean"}, INTEGER]}),
    ("pattern of properties", _object(patternProperties={"^a": INTEGER}), _object(patternProperties={"^a": STRING})),
    (
        "properties by pattern instead of others",
        _object(additionalProperties=False, patternProperties={"^b": STRING}),
        _object(additionalProperties=False),
    ),
    ("dependent properties", _object(dependentRequired={"a": ["b"]}), _object(dependentRequired={"a": ["c"]})),
    (
        "condition",
        _object(**{"if": {"required": ["b"]}, "then": {"required": ["c"]}}),
        _object(**{"if": {"required": ["b"]}, "else": {"required": ["c"]}}),
    ),
    ("keyword that nobody knows", STRING, _strings(frobnicate=True)),
    (
        "bound that a part of allOf has",
        {"allOf": [_numbers(maximum=5)], "type": "integer"},
        {"allOf": [_numbers(minimum=5)], "type": "integer"},
    ),
]

# Two spellings of the same.
EQUAL: list[tuple[str, Schema, Schema]] = [
    ("type in a list", STRING, {"type": ["string"]}),
    ("nullable or a list of types", _strings(nullable=True), {"type": ["string", "null"]}),
    ("anyOf null or a list of types", {"anyOf": [STRING, {"type": "null"}]}, {"type": ["null", "string"]}),
    ("oneOf null or nullable", {"oneOf": [STRING, {"type": "null"}]}, _strings(nullable=True)),
    ("not nullable", STRING, _strings(nullable=False)),
    ("order of types", {"type": ["string", "integer"]}, {"type": ["integer", "string"]}),
    ("oneOf or anyOf of different types", {"oneOf": [STRING, INTEGER]}, {"anyOf": [STRING, INTEGER]}),
    ("types as alternatives", {"anyOf": [STRING, INTEGER]}, {"type": ["string", "integer"]}),
    ("order of alternatives", {"anyOf": [STRING, INTEGER]}, {"anyOf": [INTEGER, STRING]}),
    ("exclusive minimum, 3.0 or 3.1", _numbers(minimum=5, exclusiveMinimum=True), _numbers(exclusiveMinimum=5)),
    ("exclusive maximum, 3.0 or 3.1", _numbers(maximum=5, exclusiveMaximum=True), _numbers(exclusiveMaximum=5)),
    ("not exclusive", _numbers(minimum=5, exclusiveMinimum=False), _numbers(minimum=5)),
    ("exclusive bound of integers", _numbers(exclusiveMaximum=6), _numbers(maximum=5)),
    ("whole number", _numbers(maximum=5), _numbers(maximum=5.0)),
    ("bounds that bound nothing", _strings(minLength=0), STRING),
    ("no items at least", _list(minItems=0, uniqueItems=False), _list()),
    ("no requirement", _object(required=[]), _object()),
    ("any additional property", _object(additionalProperties=True), _object(additionalProperties={})),
    ("additional properties by default", _object(additionalProperties=True), _object()),
    ("order of values", _strings(enum=["a", "b"]), _strings(enum=["b", "a"])),
    ("base64, 3.0 or 3.1", _strings(format="byte"), _strings(contentEncoding="base64")),
    ("anyOf of one", {"anyOf": [STRING]}, STRING),
    ("order of keys", _strings(maxLength=5, minLength=1), {"minLength": 1, "maxLength": 5, "type": "string"}),
    ("order of required", _object(required=["b", "c"]), _object(required=["c", "b"])),
    ("comment", STRING, _strings(**{"$schema": "https://json-schema.org/draft/2020-12/schema"})),
]


def schema_edits() -> Iterator[Edit]:
    for direction, slots in SLOTS.items():
        harmless = "widened" if direction == "request" else "added"
        for slot, steps in slots.items():
            for pair in PAIRS:
                wide_kind, narrow_kind = ("breaking",) * 2
                if pair.costs not in {direction, "both"}:
                    wide_kind, narrow_kind = (
                        (harmless, "breaking") if direction == "request" else ("breaking", harmless)
                    )
                narrow, wide = put(steps, pair.narrow), put(steps, pair.wide)
                yield Edit(f"{pair.name}: widened", slot, narrow, wide, wide_kind)
                yield Edit(f"{pair.name}: narrowed", slot, wide, narrow, narrow_kind)
            for name, one, other in DIFFERENT:
                yield Edit(f"another {name}", slot, put(steps, one), put(steps, other), "breaking")
                yield Edit(f"another {name}, reversed", slot, put(steps, other), put(steps, one), "breaking")
            for name, one, other in EQUAL:
                yield Edit(f"the same: {name}", slot, put(steps, one), put(steps, other), "")
                yield Edit(f"the same: {name}, reversed", slot, put(steps, other), put(steps, one), "")
    for pair in (pair for pair in PAIRS if pair.in_query):
        wide_kind = "breaking" if pair.costs in {"request", "both"} else "widened"
        narrow, wide = put_query(pair.narrow), put_query(pair.wide)
        yield Edit(f"{pair.name}: widened", "query", narrow, wide, wide_kind)
        yield Edit(f"{pair.name}: narrowed", "query", wide, narrow, "breaking")


def _noop(document: Document) -> None:
    pass


def structural_edits() -> Iterator[Edit]:
    for slot, edits in STRUCTURAL.items():
        for name, change, forth, back in edits:
            yield Edit(name, slot, _noop, change, forth)
            yield Edit(f"{name}, undone", slot, change, _noop, back)


def _add_parameter(**keywords: Any) -> Change:
    node = {"in": "query", "name": "new", "schema": STRING, **keywords}
    return lambda document: operation(document)["parameters"].append(copy.deepcopy(node))


def _update(steps: tuple[Any, ...], **keywords: Any) -> Change:
    return lambda document: at(document, *steps).update(copy.deepcopy(keywords))


def _set_parameter(name: str, /, **keywords: Any) -> Change:
    return lambda document: parameter(document, name).update(copy.deepcopy(keywords))


def _of(name: str, /, **keywords: Any) -> Change:
    return lambda document: operation(document, name).update(copy.deepcopy(keywords))


def _drop(*steps: Any) -> Change:
    def change(document: Document) -> None:
        del at(document, *steps[:-1])[steps[-1]]

    return change


_GET, _POST = ("paths", "/runs", "get"), ("paths", "/runs/{id}", "post")
_OK = (*_GET, "responses", "200")
_BODY = (*_POST, "requestBody")
_RUN, _START = _property("Run"), _property("Start")
_NEW_ANSWER = {"description": "new"}
_JSON = {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}}


def _rename_component(document: Document) -> None:
    schemas = document["components"]["schemas"]
    schemas["Failure"] = schemas.pop("Run")
    at(document, *_OK, "content", "application/json", "schema", "properties", "runs")["items"] = {
        "$ref": "#/components/schemas/Failure"
    }


def _inline_component(document: Document) -> None:
    at(document, *_OK, "content", "application/json", "schema", "properties", "runs")["items"] = document["components"][
        "schemas"
    ].pop("Run")


def _rename_path(document: Document) -> None:
    item = document["paths"].pop("/runs/{id}")
    for node in item.values():
        node["parameters"][0]["name"] = "runId"
    document["paths"]["/runs/{runId}"] = item


def _refer_to_parameter(document: Document) -> None:
    parameters = operation(document)["parameters"]
    document["components"]["parameters"] = {"shared": parameters[1]}
    parameters[1] = {"$ref": "#/components/parameters/shared"}


def _add_required_property(document: Document) -> None:
    run = document["components"]["schemas"]["Run"]
    run["properties"]["new"] = STRING
    run["required"].append("new")


def _parameter_of_path(document: Document) -> None:
    document["paths"]["/runs"]["parameters"] = [operation(document)["parameters"].pop()]


# Name, change, its class, the class of undoing it; by slot.
STRUCTURAL: dict[str, list[tuple[str, Change, str, str]]] = {
    "parameters": [
        ("a new parameter", _add_parameter(), "added", "breaking"),
        ("a new required parameter", _add_parameter(required=True), "breaking", "breaking"),
        ("a new header", _add_parameter(**{"in": "header", "name": "X-New"}), "added", "breaking"),
        ("a new cookie", _add_parameter(**{"in": "cookie"}), "added", "breaking"),
        (
            "a header named like a query parameter",
            _add_parameter(**{"in": "header", "name": "value"}),
            "breaking",
            "breaking",
        ),
        ("a parameter that differs by its spelling", _add_parameter(name="FromDate"), "breaking", "breaking"),
        ("the order of parameters", lambda document: operation(document)["parameters"].reverse(), "", ""),
        ("a parameter by reference", _refer_to_parameter, "", ""),
        ("a parameter of the whole path", _parameter_of_path, "", ""),
    ],
    "a parameter": [
        ("a required parameter", _set_parameter("label", required=True), "breaking", "widened"),
        ("a deprecated parameter", _set_parameter("label", deprecated=True), "deprecated", "wording"),
        ("words for a parameter", _set_parameter("label", description="d"), "wording", "wording"),
        ("another style", _set_parameter("label", style="pipeDelimited"), "breaking", "breaking"),
        ("no explode", _set_parameter("label", explode=False), "breaking", "breaking"),
        ("the default of style and explode", _set_parameter("label", style="form", explode=True), "", ""),
        ("reserved characters", _set_parameter("label", allowReserved=True), "breaking", "breaking"),
        ("empty values", _set_parameter("label", allowEmptyValue=True), "widened", "breaking"),
        ("several values", lambda document: parameter(document, "label").update(schema=STRING), "breaking", "widened"),
        (
            "serialized as JSON",
            lambda document: parameter(document, "label").update(
                content={"application/json": {"schema": parameter(document, "label").pop("schema")}}
            ),
            "breaking",
            "breaking",
        ),
    ],
    "page": [
        ("a default", _set_parameter("page", schema={"type": "string", "default": "a"}), "breaking", "breaking"),
        ("an example", _set_parameter("page", example="a"), "wording", "wording"),
        ("examples", _set_parameter("page", examples={"a": {"value": "a"}}), "wording", "wording"),
        ("a style without a meaning", _set_parameter("page", explode=False), "", ""),
    ],
    "header": [
        ("another spelling of a header", _set_parameter("X-Trace", name="x-trace"), "", ""),
        ("a required header", _set_parameter("X-Trace", required=True), "breaking", "widened"),
        (
            "no header any more",
            lambda document: operation(document)["parameters"].remove(parameter(document, "X-Trace")),
            "breaking",
            "added",
        ),
    ],
    "cookie": [
        ("a required cookie", _set_parameter("session", required=True), "breaking", "widened"),
        ("another type of cookie", _set_parameter("session", schema=INTEGER), "breaking", "breaking"),
    ],
    "path parameter": [
        ("a longest id", _update((*_POST, "parameters", 0, "schema"), maxLength=9), "breaking", "widened"),
        ("another type of id", _update((*_POST, "parameters", 0), schema=INTEGER), "breaking", "breaking"),
        ("another style of id", _update((*_POST, "parameters", 0), style="label"), "breaking", "breaking"),
        ("another name of the id", _rename_path, "breaking", "breaking"),
        (
            "values for the id",
            _update((*_POST, "parameters", 0), schema={"type": "string", "enum": ["a"]}),
            "breaking",
            "breaking",
        ),
    ],
    "body": [
        ("a body that may be left out", _update(_BODY, required=False), "widened", "breaking"),
        (
            "another media type",
            _update((*_BODY, "content"), **{"application/vnd.run+json": {"schema": STRING}}),
            "widened",
            "breaking",
        ),
        ("words for a body", _update(_BODY, description="d"), "wording", "wording"),
        ("no body", _drop(*_BODY), "breaking", "breaking"),
        (
            "encodings",
            _update((*_BODY, "content", "application/json"), encoding={"value": {"style": "form"}}),
            "breaking",
            "breaking",
        ),
    ],
    "properties of a body": [
        ("a new property", _update(_START, new=STRING), "added", "breaking"),
        ("a property that is read only", _update((*_START, "id"), readOnly=True), "breaking", "widened"),
        ("a property that is write only", _update((*_START, "id"), writeOnly=True), "wording", "wording"),
        ("a default", _update((*_START, "id"), default="a"), "breaking", "breaking"),
        ("a required property", _update(_START[:-1], required=["id"]), "breaking", "widened"),
        ("a property that differs by its spelling", _update(_START, CreatedAt=STRING), "breaking", "breaking"),
    ],
    "properties of an answer": [
        ("a new property", _update(_RUN, new=STRING), "added", "breaking"),
        ("a new property that is always there", _add_required_property, "breaking", "breaking"),
        ("a property that is always there", _update(_RUN[:-1], required=["id", "value"]), "breaking", "breaking"),
        ("a property that is write only", _update((*_RUN, "id"), writeOnly=True), "breaking", "added"),
        ("a property that is read only", _update((*_RUN, "id"), readOnly=True), "wording", "wording"),
        ("a default", _update((*_RUN, "id"), default="a"), "wording", "wording"),
        ("a deprecated property", _update((*_RUN, "id"), deprecated=True), "deprecated", "wording"),
        ("words for a property", _update((*_RUN, "id"), description="d"), "wording", "wording"),
        ("a title of a property", _update((*_RUN, "id"), title="t"), "wording", "wording"),
        ("an extension", _update((*_RUN, "id"), **{"x-extension": 1}), "wording", "wording"),
        ("a property that differs by its spelling", _update(_RUN, CreatedAt=STRING), "breaking", "breaking"),
        ("no other properties", _update(_RUN[:-1], additionalProperties=False), "breaking", "added"),
    ],
    "name of a schema": [
        ("another name of a schema", _rename_component, "breaking", "breaking"),
        ("a schema without a name", _inline_component, "breaking", "breaking"),
        (
            "a title of an answer",
            _update((*_OK, "content", "application/json", "schema"), title="Page"),
            "breaking",
            "breaking",
        ),
    ],
    "answers": [
        ("a new answer", _update((*_GET, "responses"), **{"404": _NEW_ANSWER}), "added", "breaking"),
        ("a default answer", _update((*_GET, "responses"), default=_NEW_ANSWER), "added", "breaking"),
        ("words for an answer", _update(_OK, description="d"), "wording", "wording"),
        (
            "another media type of an answer",
            _update((*_OK, "content"), **{"text/csv": {"schema": STRING}}),
            "breaking",
            "breaking",
        ),
        ("content of an answer", _update((*_POST, "responses", "200"), content=_JSON), "added", "breaking"),
        ("a link", _update(_OK, links={"next": {"operationId": "listRuns"}}), "added", "breaking"),
    ],
    "answer headers": [
        ("a new header of an answer", _update((*_OK, "headers"), **{"X-New": {"schema": STRING}}), "added", "breaking"),
        ("another type of header", _update((*_OK, "headers", "X-Rest"), schema=STRING), "breaking", "breaking"),
        ("a header that is always there", _update((*_OK, "headers", "X-Rest"), required=True), "added", "breaking"),
        ("words for a header", _update((*_OK, "headers", "X-Rest"), description="d"), "wording", "wording"),
    ],
    "operation": [
        ("words for an operation", _of("listRuns", summary="other", description="d"), "wording", "wording"),
        ("a deprecated operation", _of("listRuns", deprecated=True), "deprecated", "wording"),
        ("another tag", _of("listRuns", tags=["Runs"]), "breaking", "breaking"),
        ("another spelling of a tag", _of("listRuns", tags=["dlq"]), "", ""),
        ("another operationId", _of("listRuns", operationId="allRuns"), "breaking", "breaking"),
        ("no operationId", lambda document: operation(document).pop("operationId"), "", ""),
        ("callbacks", _of("listRuns", callbacks={"done": {}}), "breaking", "breaking"),
    ],
    "operations": [
        ("no operation any more", _drop("paths", "/runs/{id}", "delete"), "breaking", "added"),
        (
            "another path",
            _update(("paths",), **{"/count": {"get": {"operationId": "count", "responses": {"200": _NEW_ANSWER}}}}),
            "added",
            "breaking",
        ),
    ],
    "servers": [
        ("another server", _update((), servers=[{"url": "https://b.example"}]), "breaking", "breaking"),
        (
            "one server more",
            _update((), servers=[{"url": "https://a.example"}, {"url": "https://b.example"}]),
            "added",
            "breaking",
        ),
        (
            "one server before",
            _update((), servers=[{"url": "https://b.example"}, {"url": "https://a.example"}]),
            "breaking",
            "breaking",
        ),
        ("a slash at the end of a server", _update((), servers=[{"url": "https://a.example/"}]), "", ""),
        ("words for a server", _update(("servers", 0), description="d"), "wording", "wording"),
        (
            "a variable with the old server as its default",
            _update(
                (), servers=[{"url": "https://{x}.example", "variables": {"x": {"default": "a", "enum": ["a", "b"]}}}]
            ),
            "added",
            "breaking",
        ),
        (
            "a variable with another default",
            _update(
                (), servers=[{"url": "https://{x}.example", "variables": {"x": {"default": "b", "enum": ["a", "b"]}}}]
            ),
            "breaking",
            "breaking",
        ),
        (
            "a variable without the old server",
            _update((), servers=[{"url": "https://{x}.example", "variables": {"x": {"default": "b"}}}]),
            "breaking",
            "breaking",
        ),
        ("a server of one operation", _of("listRuns", servers=[{"url": "https://b.example"}]), "breaking", "breaking"),
    ],
    "security": [
        ("another way to authenticate", _update((), security=[{"bearer": []}, {"key": []}]), "widened", "breaking"),
        ("no authentication at all", _update((), security=[]), "breaking", "breaking"),
        ("no authentication, too", _update((), security=[{"bearer": []}, {}]), "widened", "breaking"),
        ("both ways at once", _update((), security=[{"bearer": [], "key": []}]), "breaking", "breaking"),
        ("the same for one operation", _of("startRun", security=[{"bearer": []}]), "breaking", ""),
        (
            "another name of the token",
            _update(("components", "securitySchemes", "bearer"), scheme="basic"),
            "breaking",
            "breaking",
        ),
        (
            "words for a token",
            _update(("components", "securitySchemes", "bearer"), bearerFormat="JWT"),
            "wording",
            "wording",
        ),
    ],
    "info": [
        ("another version", _update(("info",), version="2"), "wording", "wording"),
        ("words for the API", _update(("info",), description="d"), "wording", "wording"),
        ("another version of OpenAPI", _update((), openapi="3.1.1"), "wording", "wording"),
    ],
    "schema behind a reference in an answer": [
        (
            "another type where only a reference leads",
            put(("components", "schemas", "InAnswer"), INTEGER),
            "breaking",
            "breaking",
        ),
    ],
    "schema behind a reference in a body": [
        (
            "another type where only a reference leads",
            put(("components", "schemas", "InRequest"), INTEGER),
            "breaking",
            "breaking",
        ),
    ],
}

EDITS = [*schema_edits(), *structural_edits()]
