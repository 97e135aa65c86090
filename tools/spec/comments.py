"""Our comments in openapi.yaml: lines right above what they are about. They stay with it wherever it goes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ruamel.yaml import YAML
from ruamel.yaml.nodes import MappingNode, Node, SequenceNode

Place = tuple[str, ...]


def taken_out(text: str) -> tuple[str, dict[Place, list[str]]]:
    """The text without its comments, and the comments by what they are about."""
    lines = text.split("\n")
    comments: dict[Place, list[str]] = {}
    for line, place in _first_lines(text).items():
        start = line
        # A scalar's own lines are indented deeper than what comes after it, so none of them is mistaken.
        while start and lines[start - 1].lstrip().startswith("#") and _indent(lines[start - 1]) == _indent(lines[line]):
            start -= 1
        if start < line:
            comments[place] = lines[start:line]
            lines[start:line] = [_GONE] * (line - start)
    return "\n".join(line for line in lines if line is not _GONE), comments


def put_back(text: str, comments: Mapping[Place, list[str]]) -> tuple[str, list[list[str]]]:
    """The text with each comment above what it is about, and the comments on what is gone."""
    if not comments:
        return text, []
    at = {place: line for line, place in _first_lines(text).items()}
    lines = text.split("\n")
    for place in sorted((place for place in comments if place in at), key=at.__getitem__, reverse=True):
        indent = " " * _indent(lines[at[place]])
        lines[at[place] : at[place]] = [f"{indent}{line.lstrip()}" for line in comments[place]]
    return "\n".join(lines), [block for place, block in comments.items() if place not in at]


_GONE = "\0"


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())


def _first_lines(text: str) -> dict[int, Place]:
    """Where each key and each item begins. A line belongs to the outermost of those that begin on it."""
    found: dict[int, Place] = {}
    for line, place in _walk(YAML(typ="safe", pure=True).compose(text), ()):
        found.setdefault(line, place)
    return found


def _walk(node: Node, place: Place) -> Iterator[tuple[int, Place]]:
    if isinstance(node, MappingNode):
        for key, child in node.value:
            here = (*place, _told(key))
            yield key.start_mark.line, here
            yield from _walk(child, here)
    elif isinstance(node, SequenceNode):
        for child in node.value:
            here = (*place, _item_name(child))
            yield child.start_mark.line, here
            yield from _walk(child, here)


def _item_name(item: Node) -> str:
    """Items move, so they go by what tells them apart."""
    if isinstance(item, MappingNode):
        told = {_told(key): _told(value) for key, value in item.value if _told(key) in {"in", "name"}}
        if len(told) == 2:
            return f"{told['in']} {told['name']}"
    return _told(item)


def _told(node: Node) -> str:
    if isinstance(node, MappingNode):
        return str([(_told(key), _told(value)) for key, value in node.value])
    return str([_told(item) for item in node.value]) if isinstance(node, SequenceNode) else str(node.value)
