"""How the service drifts from openapi.yaml, by a monitor's report: `nox -s drift -- --report FILE [--add]`.

In the words of spec_diff: the operation, the place and the class. `--add` turns what the service has and the spec lacks
into additions of ours, each with its evidence.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from ruamel.yaml.comments import CommentedMap

from tools.spec import update
from tools.spec.command import run
from tools.spec.diffing import as_json, as_text, breaks
from tools.spec.diffing.report import Change, Kind
from tools.spec.document import MARK, printable
from tools.spec.drift_places import Target, clashes, targets
from tools.spec.drift_report import read_report, schema_of
from tools.spec.tryout import try_out

Found = list[tuple[Kind, str, Target]]


def changes(found: Found) -> list[Change]:
    """As spec_diff says it."""

    def told() -> Iterator[Change]:
        for kind, message, target in found:
            details = " or ".join(dict.fromkeys(drift.detail for drift in target.seen if drift.detail))
            text = f"{message}{f': {details}' if details else ''} ({target.evidence})"
            yield Change(kind, target.place, text, target.operations)

    order = list(Kind)
    return sorted(told(), key=lambda change: order.index(change.kind))


def add(found: Found) -> tuple[list[str], list[str]]:
    """Put what is new into the spec. Returns what was added, and what cannot be without a look at it."""
    added, left = [], []
    for kind, _, target in found:
        if kind is not Kind.ADDED:
            continue
        name = ": ".join(filter(None, [", ".join(target.operations), str(target.place)]))
        # Beside what was added just now, too.
        if not target.missing or (target.place.property and clashes(target.missing, target.lacking)):
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
    report = read_report(options.report)
    paths = update.paths(options.spec)
    texts = update.read_texts(paths)
    ours = update.Ours(*texts)
    found = targets(ours.root, report.drifts)
    told = changes(found)
    notes = []
    if report.spec and report.spec != hashlib.sha256(options.spec.read_bytes()).hexdigest():
        notes.append(f"the report was made with another spec than this {options.spec.name}")
    document: dict[str, Any] = as_json(told)
    paragraphs = [as_text(told) if told else "The answers are as openapi.yaml says."]
    end: Iterable[str] = []
    if options.add:
        added, left = add(found)
        result = ours.updated(ours.root, notes)
        written = update.write(result, paths, texts, check)
        document |= {"added": added, "left": left}
        end = _what_was_added(added, left, written)
    elif any(target.missing for _, _, target in found):
        end = ["To add what is new to openapi.yaml, pass --add."]
    document["notes"] = notes
    paragraphs += [*_listed("Notes", notes), *end]
    try:
        print(json.dumps(document, indent=2) if options.json else "\n\n".join(paragraphs), flush=True)
    except OSError as error:  # a full disk, say; what was added is in the files all the same
        print(f"drift: the report cannot be printed ({error.strerror})", file=sys.stderr)
    return int(breaks(told))


def _what_was_added(added: list[str], left: list[str], written: list[str]) -> Iterator[str]:
    yield from _listed("Not added: write these by hand", left)
    if added:
        yield f"{' and '.join(reversed(written))} updated; added: {'; '.join(map(printable, added))}."
        yield "Next: nox -s regenerate, then nox."
    else:
        yield "Nothing to add."


def _listed(title: str, items: list[str]) -> list[str]:
    return ["\n".join([title, *(f"- {printable(item)}" for item in items)])] if items else []


if __name__ == "__main__":
    sys.exit(main())
