"""Changes: where, what, and how they concern users. As text and as JSON."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from tools.spec.document import printable


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


class Report:
    """Collects changes. The same change of several operations is one."""

    def __init__(self) -> None:
        self._found: dict[tuple[Kind, Place, str], list[str]] = {}
        self._breaking_at: set[str] = set()

    def add(self, kind: Kind, place: Place, message: str) -> None:
        if kind is Kind.BREAKING:
            self._breaking_at.update({place.parameter, place.property.rpartition(".")[2], f"response {place.status}"})
            if place.direction == "request" and not place.parameter:
                self._breaking_at.add("body")
        # A model is reported once, with all operations that use it.
        everywhere = replace(place, operation="", status="" if place.model else place.status)
        operations = self._found.setdefault((kind, everywhere, message), [])
        if place.operation and place.operation not in operations:
            operations.append(place.operation)

    def breaks_at(self, name: str) -> bool:
        """Whether a parameter or property of this name, an answer or a body breaks anyway."""
        return name in self._breaking_at

    def changes(self) -> list[Change]:
        order = list(Kind)
        found = [Change(kind, place, text, tuple(names)) for (kind, place, text), names in self._found.items()]
        return sorted(found, key=lambda change: order.index(change.kind))


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
