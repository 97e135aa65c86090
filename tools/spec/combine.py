"""One slice out of the slices of several sources, and notes on what they disagree about."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ruamel.yaml.comments import CommentedMap

from tools.spec.document import HEAD, MARK, METHODS, same, template
from tools.spec.slice import Slice, components, needs
from tools.spec.text import Path


@dataclass(frozen=True)
class _Candidate:
    """One slice's version of something that several have."""

    slice: Slice
    node: Any
    order: int

    @property
    def rank(self) -> tuple[tuple[int, ...], int, int, int]:
        """Higher wins: the newer, then the one with more in it, then the one named last."""
        return _version(self.slice.root), _properties(self.node), _keys(self.node), self.order


def combined(slices: list[Slice], ours: Mapping[str, Any]) -> tuple[Slice, list[str]]:
    """One slice out of several, and a note for each thing that they disagree about."""
    candidates_from = list(slices)
    if all(part.is_page for part in slices) and (rest := _unmentioned(slices, ours)):
        # Pages say nothing about the rest, so what we have from earlier pages stands for it.
        candidates_from.insert(0, rest)
    notes: list[str] = []
    found: dict[Path, list[_Candidate]] = {}
    for order, one in enumerate(candidates_from):
        for path, node in _pieces(one.root):
            if not (one.name == _OURS and path[0] in HEAD):
                found.setdefault(path, []).append(_Candidate(one, node, order))
    root = CommentedMap()
    for path, candidates in found.items():
        best = max(candidates, key=lambda candidate: candidate.rank)
        notes += _disagreement(path, best, candidates)
        parent = root
        for step in path[:-1]:
            parent = parent.setdefault(step, CommentedMap())
        parent[path[-1]] = best.node
    names = " and ".join(part.name for part in slices)
    # A component that only losers refer to is not needed.
    sections = components(
        root, needs(root, CommentedMap((key, root[key]) for key in root if key != "components"), names)
    )
    root.pop("components", None)
    if sections:
        root["components"] = sections
    return Slice(names, root, all(part.is_page for part in slices)), notes


_OURS = "the spec as it is"


def _unmentioned(slices: list[Slice], ours: Mapping[str, Any]) -> Slice | None:
    """The vendor's operations that we have and no page mentions, as a page of their own."""
    mentioned = {(template(path), key) for part in slices for path, item in part.root["paths"].items() for key in item}
    paths = CommentedMap()
    for path, item in ours["paths"].items():
        rest = CommentedMap(
            (key, node)
            for key, node in item.items()
            if (template(path), key) not in mentioned and not (isinstance(node, Mapping) and MARK in node)
        )
        if any(key in METHODS for key in rest):
            paths[path] = rest
    if not paths:
        return None
    root = CommentedMap((key, ours[key]) for key in HEAD if key in ours)
    root["paths"] = paths
    if needed := needs(ours, root, _OURS):
        root["components"] = components(ours, needed)
    return Slice(_OURS, root, is_page=True)


def _pieces(root: Mapping[str, Any]) -> Iterator[tuple[Path, Any]]:
    """The parts that a page has as a whole or not at all: keys of the head, operations, components."""
    for key, node in root.items():
        if key not in {"paths", "components"}:
            yield (key,), node
    for group in ("paths", "components"):
        for name, entries in root.get(group, {}).items():
            for key, node in entries.items():
                yield (group, name, key), node


def _disagreement(path: Path, best: _Candidate, candidates: list[_Candidate]) -> Iterator[str]:
    for other in candidates:
        if other.slice.name == _OURS or same(other.node, best.node):
            continue
        what = f"{'.'.join(path[1:] or path)}: took the one of {best.slice.name} ("
        if best.rank[0] != other.rank[0]:
            yield f"{what}newer version) over that of {other.slice.name}"
        elif best.rank[1] != other.rank[1]:
            yield f"{what}{best.rank[1]} properties) over that of {other.slice.name} ({other.rank[1]})"
        elif best.rank[2] != other.rank[2]:
            yield f"{what}longer) over that of {other.slice.name}"
        else:
            yield f"{what}named last) over that of {other.slice.name}"


def _version(root: Mapping[str, Any]) -> tuple[int, ...]:
    info = root.get("info")
    steps = str(info.get("version", "") if isinstance(info, Mapping) else "").split(".")
    return tuple(int(step) for step in steps) if all(step.isdecimal() for step in steps) else ()


def _properties(node: Any) -> int:
    return sum(
        _size(mapping["properties"]) for mapping in _mappings(node) if isinstance(mapping.get("properties"), dict)
    )


def _keys(node: Any) -> int:
    return sum(_size(mapping) for mapping in _mappings(node))


def _size(mapping: Mapping[str, Any]) -> int:
    return sum(not (isinstance(child, Mapping) and MARK in child) for child in mapping.values())


def _mappings(node: Any) -> Iterator[Mapping[str, Any]]:
    """All mappings within, except for what is ours."""
    if isinstance(node, Mapping):
        if MARK in node:
            return
        yield node
    for child in node.values() if isinstance(node, Mapping) else node if isinstance(node, list) else ():
        yield from _mappings(child)
