"""What a ContractMonitor wrote with `to_json()`: read, and refused where no monitor writes such."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tools.spec.diffing.report import Kind
from tools.spec.document import Unusable, plain

# The kinds of a report, and what each says. A field of the wrong type breaks those who read it by the spec.
KINDS = {
    "undocumented_operation": (Kind.ADDED, "is not in the spec"),
    "undocumented_status": (Kind.ADDED, "is new"),
    "undocumented_field": (Kind.ADDED, "is new"),
    "not_json": (Kind.BREAKING, "is not JSON"),
    "wrong_type": (Kind.BREAKING, "has another type"),
    "missing_field": (Kind.BREAKING, "is missing"),
    "schema_violation": (Kind.BREAKING, "breaks a rule of its schema"),
}

# The monitor's own bounds: entries of a report, and lists within lists in the type of a field.
MAX_DRIFTS = 1_000
MAX_LISTS = 5

_TYPES = ("array", "boolean", "integer", "null", "number", "object", "string")
_FIELDS = {"kind": str, "operation": str, "status": int, "path": str, "detail": str, "count": int}


@dataclass(frozen=True)
class Drift:
    """One entry of a report."""

    kind: str
    operation: str
    status: int
    path: str
    detail: str
    count: int
    checked: int

    @classmethod
    def read(cls, number: int, entry: Any, checked: int) -> Drift:
        where = f"entry {number} of the report's `drift`"
        if not isinstance(entry, Mapping) or any(type(entry.get(name)) is not kind for name, kind in _FIELDS.items()):
            raise Unusable(f"{where} is none that a ContractMonitor writes: {str(entry)[:200]}")
        drift = cls(**{name: entry[name] for name in _FIELDS}, checked=checked)
        if problem := drift._problem():
            raise Unusable(f"{where} {problem}; pass what ContractMonitor.to_json() wrote")
        return drift

    def _problem(self) -> str:
        if self.kind not in KINDS:
            return f"is of the kind {self.kind[:100]!r}, which is none of {', '.join(KINDS)}"
        if not 100 <= self.status <= 599:
            return f"has the status {str(self.status)[:20]}, which is none from 100 to 599"
        if not 1 <= self.count <= self.checked:
            return f"counts {str(self.count)[:20]} of {self.checked} answers"
        if self.kind == "undocumented_field":
            try:
                schema_of([self.detail])
            except ValueError:
                return f"has the type {self.detail[:100]!r}, which no ContractMonitor writes"
        return ""


@dataclass(frozen=True)
class Report:
    """`spec` is the SHA-256 of the spec that the monitor had; empty if it had read none."""

    drifts: list[Drift]
    spec: str


def read_report(path: Path) -> Report:
    try:
        report = json.loads(path.read_text("utf-8"))
    except OSError as error:
        raise Unusable(f"{path} cannot be read ({error.strerror}); pass what ContractMonitor.to_json() wrote") from None
    except ValueError as error:
        raise Unusable(f"{path} is not JSON ({error}); pass what ContractMonitor.to_json() wrote") from None
    report = plain(report)
    if not isinstance(report, Mapping) or not isinstance(report.get("drift"), list):
        raise Unusable(f"{path} has no list `drift`; pass what ContractMonitor.to_json() wrote")
    if len(report["drift"]) > MAX_DRIFTS:
        raise Unusable(f"{path} has more than {MAX_DRIFTS:,} entries, which no ContractMonitor writes")
    checked, spec = report.get("checked"), report.get("spec")
    if type(checked) is not int or checked < 1:
        raise Unusable(f"{path} says that no answer was checked; let the monitor see some first")
    drifts = [Drift.read(number, entry, checked) for number, entry in enumerate(report["drift"], 1)]
    return Report(drifts, str(spec.get("sha256") or "") if isinstance(spec, Mapping) else "")


def schema_of(types: Iterable[str]) -> dict[str, Any]:
    """The schema of what was seen: `string`, `array of (integer or null)`, or several. ValueError if it is no type."""
    return _any_of([_Type(text).schema() for text in types if text])


def _any_of(schemas: Iterable[dict[str, Any]]) -> dict[str, Any]:
    alternatives: list[dict[str, Any]] = []
    for schema in schemas:
        if schema not in alternatives:
            alternatives.append(schema)
    # An empty list tells nothing beside one that is not.
    if any(schema.get("items") for schema in alternatives):
        alternatives = [schema for schema in alternatives if schema != _of("array")]
    if len(alternatives) == 1:
        return alternatives[0]
    return {"anyOf": alternatives} if alternatives else {}


def _of(word: str) -> dict[str, Any]:
    # The generator refuses an array without items.
    return {"type": word, "items": {}} if word == "array" else {"type": word}


class _Type:
    """Reads the text of a type from its start to its end."""

    def __init__(self, text: str) -> None:
        self._text = self._rest = text

    def schema(self) -> dict[str, Any]:
        schema = self._type(MAX_LISTS)
        if self._rest:
            raise ValueError(self._text)
        return schema

    def _type(self, lists: int) -> dict[str, Any]:
        if not self._takes("array of "):
            return self._word()
        if not lists:
            raise ValueError(self._text)
        return {"type": "array", "items": self._several(lists - 1) if self._takes("(") else self._word()}

    def _several(self, lists: int) -> dict[str, Any]:
        schemas = [self._type(lists)]
        while self._takes(" or "):
            schemas.append(self._type(lists))
        if not self._takes(")"):
            raise ValueError(self._text)
        return _any_of(schemas)

    def _word(self) -> dict[str, Any]:
        for word in _TYPES:
            if self._takes(word):
                return _of(word)
        raise ValueError(self._text)

    def _takes(self, word: str) -> bool:
        if not self._rest.startswith(word):
            return False
        self._rest = self._rest[len(word) :]
        return True
