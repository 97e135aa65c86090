"""The part of a document that is about our operations."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ruamel.yaml.comments import CommentedMap

from tools.spec.document import HEAD, MARK, PREFIX, Unusable, pointer, pointer_steps, step_into, template
from tools.spec.source import Document
from tools.spec.text import Path
from tools.spec.valid import refuse_invalid

# Ours has 2,800. What comes after this compares and merges, which takes longer than reading.
MAX_NODES = 25_000


@dataclass(frozen=True)
class Slice:
    name: str
    root: CommentedMap
    is_page: bool


def is_ours(path: str) -> bool:
    return path == PREFIX or path.startswith(f"{PREFIX}/")


def cut_out(document: Document, ours: Mapping[str, Any]) -> Slice:
    """Our operations, new ones beside them, and what they refer to. The rest need not be valid."""
    our_paths = {template(path) for path in ours["paths"]}
    taken = [path for path in document.root["paths"] if template(path) in our_paths or is_ours(path)]
    if not taken:
        raise Unusable(f"{document.name} has no operation at {PREFIX}; pass the document of the Workflow API")
    root = CommentedMap((key, document.root[key]) for key in HEAD if key in document.root)
    root["paths"] = CommentedMap((path, document.root["paths"][path]) for path in taken)
    if needed := needs(document.root, root, document.name):
        root["components"] = components(document.root, needed)
    if _count(root) > MAX_NODES:
        raise Unusable(
            f"{document.name} has more than {MAX_NODES:,} nodes about our operations;"
            " pass the document of the Workflow API"
        )
    _refuse_twice(document, root)
    refuse_invalid(document.name, root)
    _take_marks(root, ours)
    return Slice(document.name, root, document.is_page)


def _take_marks(theirs: Any, ours: Any) -> None:
    """Drop each mark that we did not set: the vendor's own operation would count as ours, to be kept for good."""
    if isinstance(theirs, list):
        for index, item in enumerate(theirs):
            _take_marks(item, ours[index] if isinstance(ours, list) and index < len(ours) else None)
    if isinstance(theirs, Mapping):
        if MARK in theirs and not (isinstance(ours, Mapping) and ours.get(MARK) == theirs[MARK]):
            del theirs[MARK]  # type: ignore[attr-defined]  # a CommentedMap
        for key, child in theirs.items():
            _take_marks(child, ours.get(key) if isinstance(ours, Mapping) else None)


def needs(whole: Mapping[str, Any], part: Any, name: str) -> set[tuple[str, str]]:
    """The components that a part of a document refers to, directly or not, as (section, name)."""
    needed: set[tuple[str, str]] = set()
    waiting = list(_references(part))
    while waiting:
        reference = waiting.pop()
        try:
            step_into(whole, reference)
            component = _component(reference)
        except KeyError:
            raise Unusable(
                f"{name} refers to {reference}, which does not exist; fetch it again, or bundle it into one file"
            ) from None
        if component not in needed:
            needed.add(component)
            waiting += _references(step_into(whole["components"], pointer(*component)))
    return needed


def components(whole: Mapping[str, Any], needed: set[tuple[str, str]]) -> CommentedMap:
    """Those components that are needed, in their order."""
    sections = CommentedMap()
    for section, entries in whole.get("components", {}).items():
        if isinstance(entries, Mapping):
            kept = CommentedMap((name, node) for name, node in entries.items() if (section, name) in needed)
            if kept:
                sections[section] = kept
    return sections


# Under these keys is data, in which a "$ref" is only a text; unless the keys are names, as they are below the others.
_DATA = {"example", "default", "const", "enum"}
_NAMES_BELOW = {"properties", "responses", "headers", "$defs"}


def _references(node: Any, key: str = "") -> Iterator[str]:
    if isinstance(node, Mapping):
        if isinstance(node.get("$ref"), str):
            yield str(node["$ref"])
        for child_key, child in node.items():
            if child_key in _DATA and key not in _NAMES_BELOW:
                continue
            if child_key == "security" and isinstance(child, list):
                yield from _security_schemes(child)
            elif child_key == "mapping" and key == "discriminator" and isinstance(child, Mapping):
                yield from (_schema_reference(str(value)) for value in child.values())
            else:
                yield from _references(child, str(child_key))
    elif isinstance(node, list):
        for child in node:
            yield from _references(child)


def _security_schemes(requirements: list[Any]) -> Iterator[str]:
    for requirement in requirements:
        for name in requirement if isinstance(requirement, Mapping) else []:
            yield pointer("components", "securitySchemes", str(name))


def _schema_reference(value: str) -> str:
    return value if "/" in value else f"#/components/schemas/{value}"


def _component(reference: str) -> tuple[str, str]:
    steps = pointer_steps(reference)
    if steps[0] != "components" or len(steps) < 3:
        raise KeyError(reference)
    return steps[1], steps[2]


def _count(node: Any) -> int:
    children = node.values() if isinstance(node, Mapping) else node if isinstance(node, list) else ()
    return 1 + sum(map(_count, children))


def _refuse_twice(document: Document, root: CommentedMap) -> None:
    taken: list[Path] = [(key,) for key in root if key not in {"paths", "components"}]
    taken += [("paths", path) for path in root["paths"]]
    taken += [
        ("components", section, name) for section, entries in root.get("components", {}).items() for name in entries
    ]
    for path in document.twice:
        if any(path[: len(start)] == start or start[: len(path)] == path for start in taken):
            raise Unusable(
                f"{document.name} has {'.'.join(path)} twice, so it can be read in two ways; correct the document"
            )
