"""What people hold in their hands of the generated client: its functions and classes, by where they come from."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from openapi_python_client.parser.properties import EnumProperty, LiteralEnumProperty, ModelProperty

from tools.spec import generator
from tools.spec.document import template

# Of a class within an operation or another class: like ("get /runs", "response 200") or ("messages", "[]").
Place = tuple[str, ...]


@dataclass(frozen=True)
class Argument:
    name: str
    wire_name: str
    type: frozenset[str]


@dataclass(frozen=True)
class Attribute:
    name: str
    type: frozenset[str]
    required: bool


@dataclass(frozen=True)
class Class:
    module: str
    attributes: Mapping[str, Attribute]  # by the name on the wire
    members: Mapping[str, Any]  # of an enum
    additional: frozenset[str]  # the type of additional properties; empty if there are none
    parts: Mapping[Place, str]  # the classes of its properties


@dataclass(frozen=True)
class Function:
    module: str
    takes_any_client: bool  # not only one that authenticates
    arguments: Mapping[str, Argument]  # by place and name, like "query label"; path parameters by their position
    answers: Mapping[str, frozenset[str]]  # what is returned, by status


@dataclass
class Client:
    functions: dict[str, Function] = field(default_factory=dict)  # by method and shape of the path, like "get /runs/{}"
    classes: dict[str, Class] = field(default_factory=dict)
    parts: dict[Place, str] = field(default_factory=dict)  # the classes of parameters, bodies and answers
    defaults: dict[str, str] = field(default_factory=dict)  # what a class would be called without class_overrides


def client(spec: Mapping[str, Any], config: Mapping[str, Any]) -> Client:
    """Unusable if the generator cannot make a client of this document."""
    return _client(json.dumps(spec), json.dumps(config))


@lru_cache(maxsize=8)  # an update looks at the same documents to keep names, and to compare
def _client(spec: str, config: str) -> Client:
    data, overrides = generator.read(json.loads(spec), json.loads(config))
    found = Client(defaults=overrides.defaults)
    for model in data.models:
        found.classes[str(model.class_info.name)] = _model(model)
    for enum in data.enums:
        name, module = str(enum.class_info.name), str(enum.class_info.module_name)
        found.classes[name] = Class(module, {}, _members(enum), frozenset(), {})
    for tag, collection in data.endpoint_collections_by_tag.items():
        for endpoint in collection.endpoints:
            key = f"{endpoint.method} {template(endpoint.path.get_untrusted_value())}"
            found.functions[key] = _function(tag, endpoint)
            for place, prop in _values(endpoint):
                found.parts.update(_parts(prop, (key, place)))
    return found


def _function(tag: str, endpoint: Any) -> Function:
    arguments = {
        place: Argument(str(prop.python_name), prop.name.get_untrusted_value(), _type(prop))
        for place, prop in _parameters(endpoint)
    }
    if endpoint.bodies:
        types = frozenset().union(*(_type(body.prop) for body in endpoint.bodies))
        arguments["body"] = Argument("body", "", types)
    answers = {
        response.status_code.pattern: _type(response.prop)
        for response in endpoint.responses
        if response.source["attribute"] != "None"  # an answer without content
    }
    return Function(f"{tag}.{endpoint.name}", not endpoint.requires_security, arguments, answers)


def _values(endpoint: Any) -> Iterator[tuple[str, Any]]:
    """Everything that is sent and answered."""
    yield from _parameters(endpoint)
    for body in endpoint.bodies:
        yield f"body {body.content_type.get_untrusted_value()}", body.prop
    for response in endpoint.responses:
        yield f"response {response.status_code.pattern}", response.prop


def _parameters(endpoint: Any) -> Iterator[tuple[str, Any]]:
    for index, parameter in enumerate(endpoint.path_parameters):
        yield f"path {index}", parameter
    for location in ("query", "header", "cookie"):
        for parameter in getattr(endpoint, f"{location}_parameters"):
            name = parameter.name.get_untrusted_value()
            yield f"{location} {name.lower() if location == 'header' else name}", parameter


def _model(model: ModelProperty) -> Class:
    attributes, parts = {}, {}
    for prop in [*(model.required_properties or []), *(model.optional_properties or [])]:
        name = prop.name.get_untrusted_value()
        attributes[name] = Attribute(str(prop.python_name), _type(prop), prop.required)
        parts.update(_parts(prop, (name,)))
    if model.additional_properties:
        parts.update(_parts(model.additional_properties, ("*",)))
    additional = _type(model.additional_properties) if model.additional_properties else frozenset()
    return Class(str(model.class_info.module_name), attributes, {}, additional, parts)


def _parts(prop: Any, place: Place) -> dict[Place, str]:
    """The classes that a property's values may have. Of a union, each alternative has its position in its place."""
    if isinstance(prop, ModelProperty | EnumProperty | LiteralEnumProperty):
        return {place: str(prop.class_info.name)}
    if hasattr(prop, "inner_property"):  # a list
        return _parts(prop.inner_property, (*place, "[]"))
    found: dict[Place, str] = {}
    for index, inner in enumerate(getattr(prop, "inner_properties", [])):  # a union
        found |= _parts(inner, (*place, f"|{index}"))
    return found


def pairs(old: Client, new: Client) -> Iterator[tuple[str, str]]:
    """The classes that are at the same places in both, the outermost first."""
    waiting: list[tuple[Mapping[Place, str], Mapping[Place, str]]] = [(old.parts, new.parts)]
    seen = set()
    while waiting:
        ours, theirs = waiting.pop(0)
        for place in (place for place in ours if place in theirs):
            pair = ours[place], theirs[place]
            if pair not in seen:
                seen.add(pair)
                yield pair
                waiting.append((old.classes[pair[0]].parts, new.classes[pair[1]].parts))


def _members(enum: Any) -> Mapping[str, Any]:
    return dict(enum.values) if isinstance(enum, EnumProperty) else {str(value): value for value in enum.values}


def _type(prop: Any) -> frozenset[str]:
    """The alternatives of its annotation, without Unset."""
    return alternatives(prop.get_type_string(no_optional=True).as_unembedded_code())


def alternatives(code: str) -> frozenset[str]:
    """`list[A | B] | None` as `list[A | B]` and `None`."""
    return frozenset(_split(code))


def _split(code: str) -> Iterator[str]:
    depth, start = 0, 0
    for index, character in enumerate(code):
        depth += (character == "[") - (character == "]")
        if character == "|" and not depth:
            yield code[start:index].strip()
            start = index + 1
    yield code[start:].strip()
