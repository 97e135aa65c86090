"""Operations of two documents side by side: parameters, bodies, answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from tools.spec.diffing import access, normal
from tools.spec.diffing.normal import Spelling
from tools.spec.diffing.report import Kind, Place, Report
from tools.spec.diffing.schemas import SchemaDiff, either, items, mapping
from tools.spec.diffing.values import Relation, relation, shown
from tools.spec.document import MARK, METHODS, resolved, same, template

Operation = Mapping[str, Any]


def operations(document: Mapping[str, Any]) -> dict[tuple[str, str], tuple[str, Operation]]:
    """Path and operation by the shape of the path and the method."""
    return {
        (template(path), method): (path, mapping(operation))
        for path, item in mapping(document.get("paths")).items()
        for method, operation in mapping(resolved(document, item)).items()
        if method in METHODS
    }


def compare_wire(old: Mapping[str, Any], new: Mapping[str, Any], report: Report) -> None:
    """Everything in which two documents differ on the wire, and in words."""
    access.compare_head(old, new, report)
    olds, news = operations(old), operations(new)
    for at, (path, operation) in olds.items():
        if at not in news:
            report.add(Kind.BREAKING, Place(_name(operation, at[1], path)), "is gone")
    for at, (path, operation) in news.items():
        named = operation if operation.get("operationId") else olds.get(at, (path, operation))[1]
        place = Place(_name(named, at[1], path))
        if at not in olds:
            report.add(Kind.ADDED, place, f"is new: {at[1].upper()} {path}")
        else:
            _OperationDiff(old, new, report, place).compare(olds[at], (path, operation))


def _name(operation: Operation, method: str, path: str) -> str:
    return str(operation.get("operationId") or f"{method.upper()} {path}")


class _OperationDiff:
    def __init__(self, old: Mapping[str, Any], new: Mapping[str, Any], report: Report, place: Place) -> None:
        self._documents = (old, new)
        self._old, self._new = Spelling(old), Spelling(new)
        self._place = place
        self._report = report
        self._schemas = SchemaDiff(self._old, self._new, report)

    def compare(self, old: tuple[str, Operation], new: tuple[str, Operation]) -> None:
        (old_path, ours), (new_path, theirs) = old, new
        self._schemas.wording(ours, theirs, self._place)
        if MARK in ours and MARK not in theirs:
            self._schemas.report = self._report = _WithoutWording(self._report)  # theirs replaces all of ours
        self._schemas.deprecation(ours, theirs, self._place)
        self._parameters(
            *(_parameters(*side) for side in zip(self._documents, (old_path, new_path), (ours, theirs), strict=True))
        )
        self._request_body(ours.get("requestBody"), theirs.get("requestBody"))
        self._responses(mapping(ours.get("responses")), mapping(theirs.get("responses")))
        access.compare_operations(self._documents, (old_path, new_path), (ours, theirs), self._place, self._report)
        if not same(ours.get("callbacks"), theirs.get("callbacks")):
            self._report.add(Kind.BREAKING, self._place, "callbacks changed")

    # Parameters

    def _parameters(self, old: dict[str, Any], new: dict[str, Any]) -> None:
        for key in either(old, new):
            parameter = new.get(key) or old[key]
            name = f"{parameter.get('in')} {parameter.get('name')}"
            place = replace(self._place, direction="request", parameter=name)
            if key not in new:
                self._report.add(Kind.BREAKING, place, "is gone")
            elif key not in old:
                must = new[key].get("required") is True
                self._report.add(
                    Kind.BREAKING if must else Kind.ADDED, place, "is new and required" if must else "is new"
                )
            else:
                self._parameter(old[key], new[key], place)

    def _parameter(self, old: Mapping[str, Any], new: Mapping[str, Any], place: Place) -> None:
        self._schemas.wording(old, new, place)
        self._schemas.deprecation(old, new, place)
        self._schemas.necessity(old.get("required") is True, new.get("required") is True, place)
        before, after = old.get("allowEmptyValue") is True, new.get("allowEmptyValue") is True
        if before != after:
            found = Relation.WIDER if after else Relation.NARROWER
            self._schemas.constrained(found, f"allowEmptyValue is {str(after).lower()}", place)
        if (old.get("allowReserved") is True) != (new.get("allowReserved") is True):
            self._report.add(Kind.BREAKING, place, "allowReserved changed: values are encoded otherwise")
        if ("content" in old) != ("content" in new):
            self._report.add(
                Kind.BREAKING, place, "is serialized otherwise (content instead of schema, or the reverse)"
            )
            return
        ours, theirs = self._old.flat(old.get("schema")), self._new.flat(new.get("schema"))
        if place.parameter.startswith("query ") and self._takes_several(ours, theirs):
            self._several(ours, theirs, place)
            return
        self._form(old, new, frozenset({"array", "object"}) & (normal.types(ours) | normal.types(theirs)), place)
        self._schemas.compare(old.get("schema"), new.get("schema"), place)
        self._content(mapping(old.get("content")), mapping(new.get("content")), place)

    def _form(self, old: Mapping[str, Any], new: Mapping[str, Any], parts: frozenset[str], place: Place) -> None:
        for key, before, after in zip(("style", "explode"), _form(old), _form(new), strict=True):
            # Neither changes how one value is written in a query or a header; in a path, style does.
            if before != after and (parts or (key == "style" and place.parameter.startswith("path "))):
                self._report.add(Kind.BREAKING, place, f"{key} was {shown(before)} and is {shown(after)}")

    def _takes_several(self, old: normal.Schema, new: normal.Schema) -> bool:
        """From one value to an array of them: what was sent before still means the same."""
        if normal.types(new) != {"array"} or {"array", "object"} & normal.types(old):
            return False
        kinds = normal.types(self._new.flat(new.get("items")))
        return relation(normal.types(old), kinds) in {Relation.SAME, Relation.WIDER}

    def _several(self, ours: normal.Schema, theirs: normal.Schema, place: Place) -> None:
        self._report.add(Kind.WIDENED, place, "takes several values")
        one, item = (
            normal.as_written({key: value for key, value in side.items() if key not in {*normal.WORDING, "default"}})
            for side in (ours, self._new.flat(theirs.get("items")))
        )
        self._schemas.compare(one, item, place)
        self._schemas.default(ours.get("default"), theirs.get("default"), place)
        if isinstance(least := theirs.get("minItems"), int | float) and least > 1:
            self._report.add(Kind.BREAKING, place, f"takes at least {shown(least)} values")

    # Bodies

    def _request_body(self, old: Any, new: Any) -> None:
        place = replace(self._place, direction="request")
        ours, theirs = self._old.resolve(old), self._new.resolve(new)
        if ours and not theirs:
            self._report.add(Kind.BREAKING, place, "is gone")
        elif theirs and not ours:
            must = theirs.get("required") is True
            self._report.add(Kind.BREAKING if must else Kind.ADDED, place, "is new and required" if must else "is new")
        elif ours:
            self._schemas.wording(ours, theirs, place)
            self._schemas.necessity(ours.get("required") is True, theirs.get("required") is True, place)
            self._content(mapping(ours.get("content")), mapping(theirs.get("content")), place)

    def _responses(self, old: Mapping[str, Any], new: Mapping[str, Any]) -> None:
        olds, news = ({str(status): node for status, node in responses.items()} for responses in (old, new))
        for status in either(olds, news):
            place = replace(self._place, direction="response", status=status)
            if status not in news:
                self._report.add(Kind.BREAKING, place, "is gone")
            elif status not in olds:
                self._report.add(Kind.ADDED, place, "is new")
            else:
                ours, theirs = self._old.resolve(olds[status]), self._new.resolve(news[status])
                self._schemas.wording(ours, theirs, place)
                self._content(mapping(ours.get("content")), mapping(theirs.get("content")), place)
                self._headers(mapping(ours.get("headers")), mapping(theirs.get("headers")), place)
                self._links(mapping(ours.get("links")), mapping(theirs.get("links")), place)

    def _headers(self, old: Mapping[str, Any], new: Mapping[str, Any], place: Place) -> None:
        olds, news = ({str(name).lower(): node for name, node in side.items()} for side in (old, new))
        for name in either(olds, news):
            header = place.below(f"header {name}")
            if name not in news:
                self._report.add(Kind.BREAKING, header, "is gone")
            elif name not in olds:
                self._report.add(Kind.ADDED, header, "is new")
            else:
                ours, theirs = self._old.resolve(olds[name]), self._new.resolve(news[name])
                self._schemas.wording(ours, theirs, header)
                self._schemas.deprecation(ours, theirs, header)
                before, after = ours.get("required") is True, theirs.get("required") is True
                if before != after:
                    self._report.add(
                        Kind.ADDED if after else Kind.BREAKING,
                        header,
                        "is always there now" if after else "is not always there any more",
                    )
                self._form(ours, theirs, frozenset({"array"}), header)
                self._schemas.compare(ours.get("schema"), theirs.get("schema"), header)
                self._content(mapping(ours.get("content")), mapping(theirs.get("content")), header)

    def _links(self, old: Mapping[str, Any], new: Mapping[str, Any], place: Place) -> None:
        for name in either(old, new):
            if name not in old:
                self._report.add(Kind.ADDED, place, f"link {name} is new")
            elif not same(old[name], new.get(name)):
                self._report.add(Kind.BREAKING, place, f"link {name} {'changed' if name in new else 'is gone'}")

    def _content(self, old: Mapping[str, Any], new: Mapping[str, Any], place: Place) -> None:
        for kind in either(old, new):
            if kind not in new:
                self._report.add(Kind.BREAKING, place, f"{shown(kind)} is gone")
            elif kind in old:
                ours, theirs = mapping(old[kind]), mapping(new[kind])
                self._schemas.wording(ours, theirs, place)
                if not same(ours.get("encoding"), theirs.get("encoding")):
                    self._report.add(Kind.BREAKING, place, f"{shown(kind)} is encoded otherwise")
                self._schemas.compare(ours.get("schema"), theirs.get("schema"), place)
            elif place.direction == "request":
                self._report.add(Kind.WIDENED, place, f"{shown(kind)} is new")
            elif old:
                self._report.add(Kind.BREAKING, place, f"{shown(kind)} is new: an answer may come in another type")
            else:
                self._report.add(Kind.ADDED, place, f"{shown(kind)} is new")


class _WithoutWording(Report):
    """For an operation that was ours. Words in models are reported: other operations use them, too."""

    def __init__(self, report: Report) -> None:
        super().__init__()
        self._report = report

    def add(self, kind: Kind, place: Place, message: str) -> None:
        if kind is not Kind.WORDING or place.model:
            self._report.add(kind, place, message)


def _parameters(document: Mapping[str, Any], path: str, operation: Operation) -> dict[str, Any]:
    """By place and name; those of the path by their position in it, since a caller does not see their names."""
    item = mapping(resolved(document, mapping(document.get("paths")).get(path)))
    positions = {name: f"path {index}" for index, name in enumerate(_names_in(path))}
    found = {}
    for node in [*items(item.get("parameters")), *items(operation.get("parameters"))]:
        parameter = mapping(resolved(document, node))
        where, name = parameter.get("in"), str(parameter.get("name"))
        key = f"{where} {name.lower() if where == 'header' else name}"
        found[positions.get(name, key) if where == "path" else key] = parameter
    return found


def _names_in(path: str) -> list[str]:
    return [part.partition("}")[0] for part in path.split("{")[1:]]


def _form(parameter: Mapping[str, Any]) -> tuple[Any, Any]:
    """Style and explode, with their defaults filled in."""
    style = parameter.get("style") or ("form" if parameter.get("in") in {"query", "cookie"} else "simple")
    explode = parameter.get("explode")
    return style, style == "form" if explode is None else explode
