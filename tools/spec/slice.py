"""The part of a document that is about our operations, and one such part out of several pages."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, unquote

from openapi_spec_validator import validate
from ruamel.yaml.comments import CommentedMap

from tools.spec.source import METHODS, Document, Unusable, plain, same, step_into, template

PREFIX = "/v2/workflows/dlq"
MARK = "x-addition"  # ours, until the source has it
HEAD = ("openapi", "jsonSchemaDialect", "info", "servers", "security")

Path = tuple[str, ...]


@dataclass(frozen=True)
class Slice:
    name: str
    root: CommentedMap
    is_page: bool


def is_ours(path: str) -> bool:
    return path == PREFIX or path.startswith(f"{PREFIX}/")


def cut_out(document: Document, our_paths: list[str]) -> Slice:
    """Our operations, new ones beside them, and what they refer to. The rest may be as invalid as it likes."""
    ours = {template(path) for path in our_paths}
    taken = [path for path in document.root["paths"] if template(path) in ours or is_ours(path)]
    if not taken:
        raise Unusable(f"{document.name} has no operation at {PREFIX}: pass the document of the Workflow API")
    root = CommentedMap((key, document.root[key]) for key in HEAD if key in document.root)
    root["paths"] = CommentedMap((path, document.root["paths"][path]) for path in taken)
    if needed := needs(document.root, root, document.name):
        root["components"] = components(document.root, needed)
    _refuse_twice(document, root)
    _refuse_invalid(document.name, root)
    return Slice(document.name, root, document.is_page)


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
                f"{name} refers to {reference}, where there is nothing: fetch it again, or bundle it"
            ) from None
        if component not in needed:
            needed.add(component)
            waiting += _references(step_into(whole["components"], f"#/{'/'.join(map(_escaped, component))}"))
    return needed


def components(whole: Mapping[str, Any], needed: set[tuple[str, str]]) -> CommentedMap:
    """Those of the components that are needed, in their order."""
    sections = CommentedMap()
    for section, entries in whole.get("components", {}).items():
        if isinstance(entries, Mapping):
            kept = CommentedMap((name, node) for name, node in entries.items() if (section, name) in needed)
            if kept:
                sections[section] = kept
    return sections


# Under these is data, in which a "$ref" refers to nothing; unless they are names, as they are below the others.
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


def _security_schemes(requirements: Any) -> Iterator[str]:
    for requirement in requirements if isinstance(requirements, list) else []:
        for name in requirement if isinstance(requirement, Mapping) else []:
            yield f"#/components/securitySchemes/{_escaped(str(name))}"


def _escaped(step: str) -> str:
    return quote(step.replace("~", "~0").replace("/", "~1"))


def _schema_reference(value: str) -> str:
    return value if "/" in value else f"#/components/schemas/{value}"


def _component(reference: str) -> tuple[str, str]:
    steps = [step.replace("~1", "/").replace("~0", "~") for step in unquote(reference).split("/")]
    if steps[:2] != ["#", "components"] or len(steps) < 4:
        raise KeyError(reference)
    return steps[2], steps[3]


def in_short(error: Exception) -> str:
    lines = str(getattr(error, "message", "")).splitlines()
    return lines[0][:200] if lines else type(error).__name__


def _refuse_twice(document: Document, root: CommentedMap) -> None:
    taken: list[Path] = [(key,) for key in root if key not in {"paths", "components"}]
    taken += [("paths", path) for path in root["paths"]]
    taken += [
        ("components", section, name) for section, entries in root.get("components", {}).items() for name in entries
    ]
    for path in document.twice:
        if any(path[: len(root)] == root or root[: len(path)] == path for root in taken):
            raise Unusable(f"{document.name} has {'.'.join(path)} twice, so it can be read two ways: mend the document")


def _refuse_invalid(name: str, root: Mapping[str, Any]) -> None:
    try:
        validate(plain(root))
    except Exception as error:  # of the validator, or of what it trips over
        where = ".".join(str(step) for step in getattr(error, "absolute_path", []))
        raise Unusable(
            f"{name} is not valid OpenAPI at {where or 'our operations'}: {in_short(error)}; mend it"
        ) from None


@dataclass(frozen=True)
class _Candidate:
    """One slice's version of something that several have."""

    slice: Slice
    node: Any
    order: int

    @property
    def rank(self) -> tuple[tuple[int, ...], int, int, int]:
        """Newer before older, then richer before poorer, then what was named last."""
        return _version(self.slice.root), _properties(self.node), _keys(self.node), self.order


def combined(slices: list[Slice], ours: Mapping[str, Any]) -> tuple[Slice, list[str]]:
    """One slice out of several, and a note for each thing that they say differently."""
    voices = list(slices)
    if all(part.is_page for part in slices) and (silent := _unspoken(slices, ours)):
        # Pages are silent on the rest, so what we have from pages before speaks for it.
        voices.insert(0, silent)
    notes: list[str] = []
    found: dict[Path, list[_Candidate]] = {}
    for order, voice in enumerate(voices):
        for path, node in _pieces(voice.root):
            if not (voice.name == _OURS and path[0] in HEAD):
                found.setdefault(path, []).append(_Candidate(voice, node, order))
    root = CommentedMap()
    for path, candidates in found.items():
        best = max(candidates, key=lambda candidate: candidate.rank)
        notes += _disagreement(path, best, candidates)
        parent = root
        for step in path[:-1]:
            parent = parent.setdefault(step, CommentedMap())
        parent[path[-1]] = best.node
    names = " and ".join(part.name for part in slices)
    # A component whose every user lost is not needed any more.
    sections = components(
        root, needs(root, CommentedMap((key, root[key]) for key in root if key != "components"), names)
    )
    root.pop("components", None)
    if sections:
        root["components"] = sections
    return Slice(names, root, all(part.is_page for part in slices)), notes


_OURS = "the spec as it is"


def _unspoken(slices: list[Slice], ours: Mapping[str, Any]) -> Slice | None:
    """Those of the vendor's operations we have that no page speaks of, as a page of their own."""
    spoken = {(template(path), key) for part in slices for path, item in part.root["paths"].items() for key in item}
    paths = CommentedMap()
    for path, item in ours["paths"].items():
        rest = CommentedMap(
            (key, node)
            for key, node in item.items()
            if (template(path), key) not in spoken and not (isinstance(node, Mapping) and MARK in node)
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
    """What pages have or lack as a whole: parts of the head, operations, components."""
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
            yield f"{what}says more) over that of {other.slice.name}"
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
    """All within, but for what is ours."""
    if isinstance(node, Mapping):
        if MARK in node:
            return
        yield node
    for child in node.values() if isinstance(node, Mapping) else node if isinstance(node, list) else ():
        yield from _mappings(child)
