"""Where in openapi.yaml a drift is, and what is lacking there."""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from tools.spec.diffing.report import Kind, Place
from tools.spec.document import METHODS, resolved
from tools.spec.drift_report import KINDS, Drift

_STEP = r'(?:\[\]|(?:^|(?!^)\.)(?:\*|"(?:[^"\\]|\\.)*"|[\w$@-]+))'
_STEPS = re.compile(_STEP, re.ASCII)
_PATH = re.compile(f"{_STEP}*", re.ASCII)

# Other names may be anything, a sentence or half a document: those are for a person to read.
_USUAL_NAME = re.compile(r"[\w$@.-]{1,100}", re.ASCII)


@dataclass
class Target:
    """Where a drift is in the spec. If it can be added: the mapping that lacks it, and the key."""

    place: Place
    lacking: Any = None
    missing: str = ""
    known: bool = False  # the spec has it by now
    seen: list[Drift] = field(default_factory=list)

    @property
    def operations(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(drift.operation for drift in self.seen))

    @property
    def evidence(self) -> str:
        # An answer has one status, but may have one field in several types, each with its count.
        counts: dict[str, dict[int, int]] = {}
        for drift in self.seen:
            of_status = counts.setdefault(drift.operation, {})
            of_status[drift.status] = max(drift.count, of_status.get(drift.status, 0))
        shown = ", ".join(f"{sum(of_status.values()):,} of {name}" for name, of_status in counts.items())
        return f"in answers: {shown}; {self.seen[0].checked:,} checked"


def targets(root: Any, drifts: Iterable[Drift]) -> list[tuple[Kind, str, Target]]:
    """Each place once, with all drift there of one kind: a field that comes in two types is one."""
    spec = _Spec(root)
    found: dict[tuple[Any, ...], Target] = {}
    for drift in drifts:
        target = spec.target(drift)
        if target.known:
            continue
        # A schema with a name is one place, whichever operations answer with it.
        if target.place.model:
            target.place = replace(target.place, operation="", status="")
        # Operations may share an answer without a name, too. What is added to it is added once.
        key = (id(target.lacking), target.missing) if target.missing else (target.place,)
        found.setdefault((drift.kind, *key), target).seen.append(drift)
    return [(*KINDS[kind], target) for (kind, *_), target in found.items()]


class _Spec:
    def __init__(self, root: Any) -> None:
        self._root = root
        self._operations = {
            str(operation.get("operationId", f"{method.upper()} {path}")): operation
            for path, item in root["paths"].items()
            for method, operation in item.items()
            if method in METHODS
        }

    def target(self, drift: Drift) -> Target:
        if drift.kind == "undocumented_operation":
            return Target(Place(drift.operation), known=self._has(drift.operation))
        place = Place(drift.operation, "response", str(drift.status))
        as_it_is = Target(replace(place, property=drift.path))
        operation = self._operations.get(drift.operation)
        if operation is None:
            return as_it_is
        response = _response(operation["responses"], drift.status)
        if drift.kind == "undocumented_status":
            return Target(place, operation["responses"], str(drift.status), known=response is not None)
        schema, steps = self._schema(response), _steps(drift.path)
        return as_it_is if schema is None or steps is None else self._within(schema, steps, drift, place)

    def _has(self, request: str) -> bool:
        """As the monitor finds operations; in what it reports, `*` masks a parameter."""
        method, _, path = request.partition(" ")
        for template, item in self._root["paths"].items():
            steps = ("[^/]+" if "{" in step else re.escape(step) for step in template.split("/"))
            if method.lower() in item and re.fullmatch(f"(/.*)?{'/'.join(steps)}", path):
                return True
        return False

    def _schema(self, response: Any) -> Any:
        """Of the JSON body of an answer."""
        for name, media in (resolved(self._root, response) or {}).get("content", {}).items():
            content_type = name.partition(";")[0].strip().lower()
            if content_type == "application/json" or content_type.endswith("+json"):
                return media.get("schema")
        return None

    def _within(self, schema: Any, steps: list[str], drift: Drift, place: Place) -> Target:
        node = schema
        for number, step in enumerate(steps):
            if node is None:  # another spec than the monitor's
                place = place.below(step)
                continue
            place, parts = self._parts(node, place)
            if drift.kind == "undocumented_field" and number == len(steps) - 1:
                return _field(parts, step, place.below(step))
            node = next((child for part in parts if (child := _child(part, step)) is not None), None)
            place = place.below(step)
        if not steps:
            place, _ = self._parts(node, place)
        return Target(place)

    def _parts(self, node: Any, place: Place) -> tuple[Place, list[Any]]:
        """The schema and those that it is made of. A place within a schema with a name begins there."""
        parts: list[Any] = []
        pending = [node]
        while pending:
            part = pending.pop(0)
            reference = part.get("$ref") if isinstance(part, Mapping) else None
            if isinstance(reference, str):
                if not parts:
                    place = replace(place, model=reference.rpartition("/")[2], property="")
                part = resolved(self._root, part)
            if isinstance(part, Mapping) and not any(part is seen for seen in parts):
                parts.append(part)
                pending += [below for word in ("allOf", "anyOf", "oneOf") for below in part.get(word, [])]
        return place, parts


def _response(responses: Mapping[str, Any], status: int) -> Any:
    names = (str(status), f"{status // 100}XX", "default")
    return next((responses[name] for name in names if name in responses), None)


def _field(parts: Iterable[Any], step: str, place: Place) -> Target:
    name, holders = _name(step), [part["properties"] for part in parts if "properties" in part]
    if any(name in holder for holder in holders):
        return Target(place, known=True)
    if not holders or not _USUAL_NAME.fullmatch(name) or any(clashes(name, holder) for holder in holders):
        return Target(place)
    return Target(place, holders[0], name)


def clashes(name: str, others: Iterable[str]) -> bool:
    """Whether the generator could need one name for two: `max_retries` beside `maxRetries`, or no letter at all."""
    letters = _letters(name)
    return not letters or any(_letters(other) == letters for other in others)


@functools.cache
def _letters(name: str) -> str:
    return re.sub(r"[\W_]", "", name).casefold()


def _steps(path: str) -> list[str] | None:
    """A monitor's path in steps; None if it is not whole, as when the monitor has clipped or redacted it."""
    if not _PATH.fullmatch(path):
        return None
    steps = [step.removeprefix(".") for step in _STEPS.findall(path)]
    try:
        for step in steps:
            _name(step)
    except ValueError:
        return None
    return steps


def _name(step: str) -> str:
    return str(json.loads(step)) if step.startswith('"') else step


def _child(schema: Any, step: str) -> Any:
    if step == "[]":
        return schema.get("items")
    if step == "*":
        below = schema.get("additionalProperties")
        return below if isinstance(below, Mapping) else None
    return schema.get("properties", {}).get(_name(step))
