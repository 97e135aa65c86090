"""What users of the generated client lose: names, arguments, attributes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from tools.spec import names
from tools.spec.client import Class, Client, Function, alternatives, client, pairs
from tools.spec.diffing.operations import operations
from tools.spec.diffing.report import Kind, Place, Report
from tools.spec.diffing.schemas import mapping
from tools.spec.document import Unusable, plain
from tools.spec.slice import components, is_ours, needs

Document = Mapping[str, Any]
# What JSON becomes without a model. `Any` may be each of them.
_NATURAL = {"str", "int", "float", "bool", "None", "Any"}


def compare_clients(old: Document, new: Document, configs: tuple[Document, Document], report: Report) -> None:
    before, after = _with_names(_ours(old), new), _with_names(_ours(new), old)
    try:
        ours = client(before, configs[0])
    except Unusable:
        return  # nobody has one
    try:
        theirs = client(after, configs[1])
    except Unusable as error:
        report.add(Kind.BREAKING, Place(), str(error))
        return
    shown = {
        f"{method} {shape}": str(node.get("operationId")) for (shape, method), (_, node) in operations(after).items()
    }
    _SurfaceDiff(ours, theirs, report, shown).compare()


def _ours(document: Document) -> Document:
    """Without the other operations of a full document: the generator may fail on them."""
    paths = {path: item for path, item in mapping(document.get("paths")).items() if is_ours(path)}
    if not paths:
        return document
    cut = {key: value for key, value in document.items() if key != "components"} | {"paths": paths}
    return {**cut, "components": components(document, needs(document, cut, "the document"))}


def _with_names(document: Document, other: Document) -> Document:
    """With the operationIds of the other document, or made-up ones: the vendor gives none."""
    named: dict[str, Any] = plain(document)
    others = operations(other)
    used: set[str] = set()
    for (shape, method), (path, operation) in operations(named).items():
        name = operation.get("operationId") or others.get((shape, method), ("", {}))[1].get("operationId")
        name = str(name or names.operation_id(method, path, str(operation.get("summary", "")), "", used))
        used.add(name)
        if isinstance(mapping(named["paths"][path]).get(method), dict):
            named["paths"][path][method]["operationId"] = name
    return named


class _SurfaceDiff:
    def __init__(self, old: Client, new: Client, report: Report, operation_ids: Mapping[str, str]) -> None:
        self._old, self._new = old, new
        self._report = report
        self._operation_ids = operation_ids
        self._pairs = dict.fromkeys(pairs(old, new))
        self._read, self._sent = (_reachable(old, direction) for direction in ("response", "request"))

    def compare(self) -> None:
        for key, function in self._old.functions.items():
            if key in self._new.functions:
                self._function(function, self._new.functions[key], Place(self._operation_ids[key]))
        renamed = dict(self._pairs.keys())
        for name, found in self._old.classes.items():
            now = renamed.get(name, name)
            if name not in self._new.classes:
                self._lost(
                    Place(), f"generated class {name} is gone" + (f"; it is called {now} now" if now != name else "")
                )
            else:
                self._class(name, found, self._new.classes[name])
        for name, now in self._pairs:
            if name != now and name in self._new.classes:
                self._lost(Place(), f"generated class {now} has replaced {name} in some places")

    def _lost(self, place: Place, message: str) -> None:
        self._report.add(Kind.BREAKING, place, message)

    def _retyped(self, place: Place, reported: str, what: str, old: frozenset[str], new: frozenset[str]) -> None:
        if not self._report.breaks_at(reported):  # for this reason
            types = f"was {' | '.join(sorted(old))} and is {' | '.join(sorted(new))}"
            self._lost(place, f"{what} of the generated client {types}")

    def _function(self, old: Function, new: Function, place: Place) -> None:
        if old.module != new.module:
            self._lost(place, f"generated module api.{old.module} is called api.{new.module} now")
        if old.takes_any_client and not new.takes_any_client:
            self._lost(place, "needs an AuthenticatedClient now")
        for key, argument in old.arguments.items():
            where = key.partition(" ")[0]
            parameter = f"{where} {argument.wire_name}" if argument.wire_name else ""
            here = replace(place, direction="request", parameter=parameter)
            now = new.arguments.get(key)
            if now is None:
                self._lost(here, "is gone")
            elif now.name != argument.name:
                self._lost(here, f"argument {argument.name} of the generated client is called {now.name} now")
            elif not self._takes(now.type, argument.type, several=where == "query"):
                self._retyped(here, parameter or "body", f"argument {argument.name}", argument.type, now.type)
        for status, types in old.answers.items():
            now_types = new.answers.get(status, types)
            if types and not self._reads(now_types, types):
                here = replace(place, direction="response", status=status)
                self._retyped(here, f"response {status}", "answer", types, now_types)

    def _class(self, name: str, old: Class, new: Class) -> None:
        is_read, is_sent = name in self._read, name in self._sent
        for wire_name, attribute in old.attributes.items():
            here = Place(model=name, property=wire_name)
            now = new.attributes.get(wire_name)
            if now is None:
                continue  # reported as gone from the wire
            if now.name != attribute.name:
                self._lost(here, f"attribute {attribute.name} of the generated client is called {now.name} now")
            elif (is_read and not self._reads(now.type, attribute.type)) or (
                is_sent and not self._takes(now.type, attribute.type)
            ):
                self._retyped(here, wire_name, f"attribute {attribute.name}", attribute.type, now.type)
        for member, value in old.members.items():
            if member not in new.members or new.members[member] != value:
                self._lost(Place(), f"member {member} of generated class {name} is gone")
        if old.module != new.module:
            self._lost(Place(), f"generated module models.{old.module} is called models.{new.module} now")
        if old.additional and not new.additional:
            self._lost(Place(model=name), "the generated class has no additional_properties any more")
        elif (old.additional and is_read and not self._reads(new.additional, old.additional)) or (
            old.additional and is_sent and not self._takes(new.additional, old.additional)
        ):
            self._retyped(Place(model=name), "*", "attribute additional_properties", old.additional, new.additional)

    def _reads(self, new: frozenset[str], old: frozenset[str]) -> bool:
        """Whether code that reads values of the old types can read those of the new ones."""
        return all(
            part in old
            or any((other, part) in self._pairs for other in old)  # a class that is renamed is reported once
            or (part == "int" and "float" in old)
            or ("Any" in old and _is_natural(part))
            or any(self._reads(_inner(part), _inner(other)) for other in old if _inner(part) and _inner(other))
            for part in new
        )

    def _takes(self, new: frozenset[str], old: frozenset[str], *, several: bool = False) -> bool:
        """Whether an argument of the new types takes values of the old ones. A query takes one value for a list."""
        lists = [_inner(part) for part in new if _inner(part)]
        return all(
            part in new
            or any((part, other) in self._pairs for other in new)
            or (part == "int" and "float" in new)
            or ("Any" in new and _is_natural(part))
            or (part.startswith("Literal[") and bool({"str", "int"} & new))
            or any(_inner(part) and self._takes(inner, _inner(part)) for inner in lists)
            or (several and _is_natural(part) and any(self._takes(inner, frozenset({part})) for inner in lists))
            for part in old
        )


def _reachable(found: Client, direction: str) -> set[str]:
    """The classes that answers, or requests, are made of."""
    names_found: set[str] = set()
    waiting = [
        name for place, name in found.parts.items() if place[1].startswith("response ") == (direction == "response")
    ]
    while waiting:
        name = waiting.pop()
        if name not in names_found:
            names_found.add(name)
            waiting += found.classes[name].parts.values()
    return names_found


def _inner(part: str) -> frozenset[str]:
    """The types of the items of a list, empty for anything else."""
    return alternatives(part[5:-1]) if part.startswith("list[") else frozenset()


def _is_natural(part: str) -> bool:
    return part in _NATURAL or (bool(_inner(part)) and all(map(_is_natural, _inner(part))))
