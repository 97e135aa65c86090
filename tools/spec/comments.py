"""Our comments in openapi.yaml: whole lines directly above a key or an item. They stay with it wherever it moves."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import yaml as libyaml

from tools.spec.document import Unusable

Place = tuple[str, ...]


def take_out(text: str) -> tuple[str, dict[Place, list[str]]]:
    """The text without its comments, and the comments by the place they are about."""
    lines = text.split("\n")
    comments: dict[Place, list[str]] = {}
    for line, place in _first_lines(text).items():
        start = line
        # The lines of a block of text are indented deeper than what follows it, so none of them looks like a comment.
        while start and lines[start - 1].lstrip().startswith("#") and _indent(lines[start - 1]) == _indent(lines[line]):
            start -= 1
        if start < line:
            comments[place] = lines[start:line]
            lines[start:line] = [_REMOVED] * (line - start)
    return "\n".join(line for line in lines if line is not _REMOVED), comments


def put_back(text: str, comments: Mapping[Place, list[str]]) -> tuple[str, list[list[str]]]:
    """The text with each comment above its place, and the comments whose place is gone."""
    if not comments:
        return text, []
    at = {place: line for line, place in _first_lines(text).items()}
    lines = text.split("\n")
    for place in sorted((place for place in comments if place in at), key=at.__getitem__, reverse=True):
        indent = " " * _indent(lines[at[place]])
        lines[at[place] : at[place]] = [f"{indent}{line.lstrip()}" for line in comments[place]]
    return "\n".join(lines), [block for place, block in comments.items() if place not in at]


_REMOVED = "\0"


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())


def _first_lines(text: str) -> dict[int, Place]:
    """Where each key and each item begins. A line belongs to the outermost of those that begin on it."""
    if any(character in text for character in "\r\x85\u2028\u2029"):
        raise Unusable("openapi.yaml has an end of line other than \\n, or U+0085, U+2028 or U+2029; escape it")
    found: dict[int, Place] = {}
    for line, place in _walk(libyaml.compose(text, Loader=libyaml.CBaseLoader), ()):
        found.setdefault(line, place)
    return found


def _walk(node: libyaml.Node, place: Place) -> Iterator[tuple[int, Place]]:
    if isinstance(node, libyaml.MappingNode):
        for key, child in node.value:
            here = (*place, _as_text(key))
            yield key.start_mark.line, here
            yield from _walk(child, here)
    elif isinstance(node, libyaml.SequenceNode):
        for child in node.value:
            here = (*place, _item_name(child))
            yield child.start_mark.line, here
            yield from _walk(child, here)


def _item_name(item: libyaml.Node) -> str:
    """Items move, so they are named by their content; a parameter by its place and name alone."""
    if isinstance(item, libyaml.MappingNode):
        known = {_as_text(key): _as_text(value) for key, value in item.value if _as_text(key) in {"in", "name"}}
        if len(known) == 2:
            return f"{known['in']} {known['name']}"
    return _as_text(item)


def _as_text(node: libyaml.Node) -> str:
    if isinstance(node, libyaml.MappingNode):
        return str([(_as_text(key), _as_text(value)) for key, value in node.value])
    return str([_as_text(item) for item in node.value]) if isinstance(node, libyaml.SequenceNode) else str(node.value)
