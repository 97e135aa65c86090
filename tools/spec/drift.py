"""How the service drifts from openapi.yaml, by a monitor's report: `nox -s drift -- --report FILE [--add]`.

In the words of spec_diff: the operation, the place and the class. `--add` turns what the service has and the spec lacks
into additions of ours, each with its evidence.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from ruamel.yaml.comments import CommentedMap

from tools.spec import update
from tools.spec.command import run
from tools.spec.diffing import as_json, as_text, breaks
from tools.spec.diffing.report import Change, Kind, Place
from tools.spec.document import MARK, METHODS, Unusable, plain, printable, resolved
from tools.spec.tryout import try_out

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

_STEP = re.compile(r'\[\]|\.?(?:\*|"(?:[^"\\]|\\.)*"|[\w$@-]+)', re.ASCII)


@dataclass(frozen=True)
class Drift:
    """One line of a report."""

    kind: str
    operation: str
    status: int
    path: str
    detail: str
    count: int
    checked: int

    @classmethod
    def read(cls, line: Any, checked: int) -> Drift:
        kinds = {"kind": str, "operation": str, "status": int, "path": str, "detail": str, "count": int}
        if not isinstance(line, Mapping) or any(type(line.get(name)) is not kind for name, kind in kinds.items()):
            raise Unusable(f"the report has a line that no ContractMonitor writes: {str(line)[:200]}")
        if line["kind"] not in KINDS:
            raise Unusable(f"the report has drift of the kind {line['kind']!r}, which is none of {', '.join(KINDS)}")
        return cls(**{name: line[name] for name in kinds}, checked=checked)


@dataclass
class Target:
    """Where a drift is in the spec. If it can be added: the mapping that lacks it, and the key."""

    place: Place
    lacking: Any = None
    missing: str = ""
    seen: list[Drift] = field(default_factory=list)

    @property
    def operations(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(drift.operation for drift in self.seen))

    @property
    def evidence(self) -> str:
        # A page may have one field in several types, and counts for each.
        counts = {name: max(drift.count for drift in self.seen if drift.operation == name) for name in self.operations}
        shown = ", ".join(f"{count:,} of {name}" for name, count in counts.items())
        return f"in answers: {shown}; {self.seen[0].checked:,} checked"


class Spec:
    """openapi.yaml, to find places in and to add to."""

    def __init__(self, root: Any) -> None:
        self.root = root
        self._operations = {
            str(operation.get("operationId")): operation
            for item in root["paths"].values()
            for method, operation in item.items()
            if method in METHODS
        }

    def target(self, drift: Drift) -> Target:
        place = Place(drift.operation, "response", str(drift.status), property=drift.path)
        operation = self._operations.get(drift.operation)
        if operation is None:
            return Target(replace(place, direction="", status="", property=""))
        if drift.kind == "undocumented_status":
            return Target(place, operation["responses"], str(drift.status))
        schema = self._schema(operation["responses"], drift.status)
        return Target(place) if schema is None else self._within(schema, drift, replace(place, property=""))

    def _schema(self, responses: Mapping[str, Any], status: int) -> Any:
        """Of the JSON body of an answer."""
        for key in (str(status), f"{status // 100}XX", "default"):
            if key in responses:
                for name, media in resolved(self.root, responses[key]).get("content", {}).items():
                    content_type = name.partition(";")[0].strip().lower()
                    if content_type == "application/json" or content_type.endswith("+json"):
                        return media.get("schema")
                return None
        return None

    def _within(self, schema: Any, drift: Drift, place: Place) -> Target:
        steps = [step.removeprefix(".") for step in _STEP.findall(drift.path)]
        node = schema
        for number, step in enumerate(steps):
            place, parts = self._parts(node, place)
            if drift.kind == "undocumented_field" and number == len(steps) - 1:
                holder = next((part for part in parts if "properties" in part), None)
                name = json.loads(step) if step.startswith('"') else step
                return Target(place.below(step), *((holder["properties"], name) if holder else ()))
            node = next((child for part in parts if (child := _child(part, step)) is not None), None)
            place = place.below(step)
            if node is None:
                break
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
                part = resolved(self.root, part)
            if isinstance(part, Mapping) and not any(part is seen for seen in parts):
                parts.append(part)
                pending += [below for word in ("allOf", "anyOf", "oneOf") for below in part.get(word, [])]
        return place, parts


def _child(schema: Any, step: str) -> Any:
    if step == "[]":
        return schema.get("items")
    if step == "*":
        below = schema.get("additionalProperties")
        return below if isinstance(below, Mapping) else None
    name = json.loads(step) if step.startswith('"') else step
    return schema.get("properties", {}).get(name)


def targets(spec: Spec, drifts: Iterable[Drift]) -> list[tuple[Kind, str, Target]]:
    """Each place once, with all drift there of one kind: a field that comes in two types is one."""
    found: dict[tuple[str, Place], Target] = {}
    for drift in drifts:
        target = spec.target(drift)
        if target.missing and target.missing in target.lacking:
            continue  # the spec has it by now
        # A schema with a name is one place, whichever operations answer with it.
        place = replace(target.place, operation="", status="" if target.place.model else target.place.status)
        target.place = place
        found.setdefault((drift.kind, place), target).seen.append(drift)
    return [(*KINDS[kind], target) for (kind, _), target in found.items()]


def changes(found: Iterable[tuple[Kind, str, Target]]) -> list[Change]:
    """As spec_diff says it."""

    def told() -> Iterator[Change]:
        for kind, message, target in found:
            details = " or ".join(dict.fromkeys(drift.detail for drift in target.seen if drift.detail))
            text = f"{message}{f': {details}' if details else ''} ({target.evidence})"
            yield Change(kind, target.place, text, target.operations)

    order = list(Kind)
    return sorted(told(), key=lambda change: order.index(change.kind))


def add(found: Iterable[tuple[Kind, str, Target]]) -> tuple[list[str], list[str]]:
    """Put what is new into the spec. Returns what was added, and what cannot be without a look at it."""
    added, left = [], []
    for kind, _, target in found:
        if kind is not Kind.ADDED:
            continue
        name = ": ".join(filter(None, [", ".join(target.operations), str(target.place)]))
        if not target.missing:
            left.append(name)
            continue
        reason = f"Seen {target.evidence}; not in the vendored pages."
        if target.place.property:
            node = {**schema_of(drift.detail for drift in target.seen), MARK: reason}
        else:
            node = {MARK: reason, "description": "Seen from the service; the vendor says nothing of it."}
        target.lacking[target.missing] = CommentedMap(node)
        added.append(name)
    return added, left


def schema_of(types: Iterable[str]) -> dict[str, Any]:
    """The schema of what was seen: `string`, `array of integer`, or several of these."""
    seen = list(dict.fromkeys(types))
    if any(kind.startswith("array of ") for kind in seen):
        seen = [kind for kind in seen if kind != "array"]  # an empty list is one of these, too
    alternatives = [
        {"type": "array", "items": schema_of(kind.removeprefix("array of ").split(" or "))}
        if kind.startswith("array of ")
        else {"type": kind, **({"items": {}} if kind == "array" else {})}  # the generator insists on items
        for kind in seen
        if kind
    ]
    if len(alternatives) == 1:
        return alternatives[0]
    return {"anyOf": alternatives} if alternatives else {}


def main(arguments: list[str] | None = None, check: update.Check = try_out) -> int:
    """`check` is given the new spec and configuration before anything is written."""
    parser = argparse.ArgumentParser(
        prog="drift", description="How the service drifts from openapi.yaml, by the report of a ContractMonitor."
    )
    parser.add_argument("report", type=Path, help="what `ContractMonitor.to_json()` wrote")
    parser.add_argument("--add", action="store_true", help="add what is new to openapi.yaml, marked as ours")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument(
        "--spec", type=Path, default=update.SPEC, help="openapi.yaml (default: the one of this checkout)"
    )
    options = parser.parse_args(arguments)
    return run("drift", lambda: _tell(options, check), unchanged=options.spec.name if options.add else "")


def _tell(options: argparse.Namespace, check: update.Check) -> int:
    drifts = read_report(options.report)
    paths = update.paths(options.spec)
    texts = update.read_texts(paths)
    ours = update.Ours(*texts)
    found = targets(Spec(ours.root), drifts)
    told = changes(found)
    document: dict[str, Any] = as_json(told)
    paragraphs = [as_text(told) if told else "The answers are as openapi.yaml says."]
    if options.add:
        added, left = add(found)
        result = ours.updated(ours.root, [])
        written = update.write(result, paths, texts, check)
        document |= {"added": added, "left": left, "notes": result.notes}
        if left:
            paragraphs.append("\n".join(["Not added: write these by hand", *(f"- {printable(name)}" for name in left)]))
        if added:
            files = " and ".join(reversed(written))
            paragraphs.append(f"{files} updated; added: {'; '.join(map(printable, added))}.")
            paragraphs.append("Next: nox -s regenerate, then nox.")
        else:
            paragraphs.append("Nothing to add.")
    elif any(target.missing for _, _, target in found):
        paragraphs.append("To add what is new to openapi.yaml, pass --add.")
    try:
        print(json.dumps(document, indent=2) if options.json else "\n\n".join(paragraphs), flush=True)
    except OSError as error:  # a full disk, say; what was added is in the files all the same
        print(f"drift: the report cannot be printed ({error.strerror})", file=sys.stderr)
    return int(breaks(told))


def read_report(path: Path) -> list[Drift]:
    try:
        report = json.loads(path.read_text("utf-8"))
    except OSError as error:
        raise Unusable(f"{path} cannot be read ({error.strerror}); pass what ContractMonitor.to_json() wrote") from None
    except ValueError as error:
        raise Unusable(f"{path} is not JSON ({error}); pass what ContractMonitor.to_json() wrote") from None
    report = plain(report)
    if not isinstance(report, Mapping) or not isinstance(report.get("drift"), list):
        raise Unusable(f"{path} has no list `drift`; pass what ContractMonitor.to_json() wrote")
    checked = report.get("checked")
    if type(checked) is not int or checked < 1:
        raise Unusable(f"{path} says that no answer was checked; let the monitor see some first")
    return [Drift.read(line, checked) for line in report["drift"]]


if __name__ == "__main__":
    sys.exit(main())
