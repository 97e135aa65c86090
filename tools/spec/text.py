"""Text to nodes and back. Reading trusts nothing; writing keeps the style of what was read.

libyaml reads (through PyYAML): our spec takes 0.03 s, with ruamel.yaml 0.5 s, and a hostile document is refused fast.
ruamel.yaml writes, since PyYAML cannot keep quotes, blocks and folds as they were.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from io import StringIO
from typing import Any

import yaml as libyaml
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.representer import RoundTripRepresenter
from ruamel.yaml.scalarstring import (
    DoubleQuotedScalarString,
    FoldedScalarString,
    LiteralScalarString,
    SingleQuotedScalarString,
)

from tools.spec.document import Unusable

# What a document may have with its aliases written out. Ours has 2,800 nodes.
MAX_NODES = 100_000
MAX_CHARACTERS = 20_000_000
MAX_DEPTH = 100

# What only double quotes can hold in YAML: control characters, and what it takes for the end of a line.
_ESCAPED = re.compile("[^\t\n\x20-\x7e\xa0-\u2027\u202a-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]")
_SURROGATE = re.compile("[\ud800-\udfff]")

Path = tuple[str, ...]


@dataclass
class Parsed:
    root: Any
    # Keys that occur twice in one mapping, as paths from the root. Harmless in parts of the document that are not ours.
    twice: set[Path] = field(default_factory=set)


def parse(name: str, text: str) -> Parsed:
    """The document in a text. All keys are strings; there are no comments, anchors, aliases or merge keys."""
    if text.lstrip().startswith("{"):
        try:
            pairs = json.loads(text, object_pairs_hook=_Pairs)
        except (ValueError, RecursionError):
            pass  # perhaps YAML that begins with a brace
        else:
            return _FromJson(name).document(pairs)
    return _FromYaml(name, text).document()


def write(root: Any) -> str:
    """As YAML. Nodes that come from YAML keep their style."""
    settings = YAML()
    settings.Representer = _Representer
    settings.width = 4096
    settings.indent(mapping=2, sequence=4, offset=2)
    output = StringIO()
    settings.dump(root, output)
    return output.getvalue()


class _Builder:
    """Counts what it makes, so that no document takes more than a bounded amount of work."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._nodes = self._characters = 0
        self.parsed = Parsed(None)

    def count(self, depth: int, characters: int = 0) -> None:
        self._nodes += 1
        self._characters += characters
        if depth > MAX_DEPTH:
            raise Unusable(f"{self.name} is nested more than {MAX_DEPTH} levels deep; pass an OpenAPI document")
        if self._nodes > MAX_NODES or self._characters > MAX_CHARACTERS:
            raise Unusable(
                f"{self.name} has more than {MAX_NODES:,} nodes or {MAX_CHARACTERS:,} characters with its aliases"
                " written out; pass the document of one API"
            )

    def check(self, text: str) -> str:
        if _SURROGATE.search(text):
            raise Unusable(f"{self.name} has half a surrogate pair in a text, which is no character; correct it")
        return text


class _Pairs(list[tuple[str, Any]]):
    """A JSON object with all its keys, those that occur twice included."""


class _FromJson(_Builder):
    def document(self, pairs: Any) -> Parsed:
        self.parsed.root = self._node(pairs, ())
        return self.parsed

    def _node(self, value: Any, path: Path) -> Any:
        self.count(len(path), len(value) if isinstance(value, str) else 1)
        if isinstance(value, _Pairs):
            mapping = CommentedMap()
            for key, child in value:
                if key in mapping:
                    self.parsed.twice.add((*path, key))
                mapping[_key(self.check(key))] = self._node(child, (*path, key))
            return mapping
        if isinstance(value, list):
            return CommentedSeq(self._node(item, (*path, "")) for item in value)
        return self._text(value, path) if isinstance(value, str) else value

    def _text(self, value: str, path: Path) -> str:
        """As a person would write it in YAML."""
        if path[-1:] in {("description",), ("summary",)}:
            value = value.replace("\r\n", "\n")
        if _needs_escapes(self.check(value)):
            quoted: str = DoubleQuotedScalarString(value)
            return quoted
        return LiteralScalarString(value) if "\n" in value else value


@dataclass
class _Open:
    """A mapping or list whose end has not been read."""

    node: Any
    anchor: str | None
    path: Path
    key: str | None = None  # of a mapping, until its value comes
    merged: list[Mapping[str, Any]] = field(default_factory=list)  # what `<<` names
    own: set[str] = field(default_factory=set)


class _FromYaml(_Builder):
    def __init__(self, name: str, text: str) -> None:
        super().__init__(name)
        self._text = text
        # libyaml counts these as ends of lines, too; where they occur, its line numbers are not ours.
        self._lines = None if re.search("[\r\x85\u2028\u2029]", text) else text.split("\n")
        self._anchors: dict[str, Any] = {}
        self._open: list[_Open] = []
        self._documents = 0

    def document(self) -> Parsed:
        try:
            for event in libyaml.parse(self._text, Loader=libyaml.CBaseLoader):
                self._take(event)
        except libyaml.YAMLError as error:
            mark = getattr(error, "problem_mark", None)
            line = f" (line {mark.line + 1}: {getattr(error, 'problem', '')})" if mark is not None else ""
            raise Unusable(
                f"{self.name} is neither YAML{line} nor a page with a fenced block of it;"
                " fetch it again, or pass another source"
            ) from None
        return self.parsed

    def _take(self, event: Any) -> None:
        if isinstance(event, libyaml.ScalarEvent):
            self.count(len(self._open), len(event.value))
            self._put(self._scalar(event), event.anchor, event)
        elif isinstance(event, (libyaml.MappingStartEvent, libyaml.SequenceStartEvent)):
            self.count(len(self._open))
            node = CommentedMap() if isinstance(event, libyaml.MappingStartEvent) else CommentedSeq()
            if event.flow_style:
                node.fa.set_flow_style()
            self._open.append(_Open(node, event.anchor, self._path()))
        elif isinstance(event, (libyaml.MappingEndEvent, libyaml.SequenceEndEvent)):
            closed = self._open.pop()
            self._merge(closed)
            self._put(closed.node, closed.anchor)
        elif isinstance(event, libyaml.AliasEvent):
            if any(collection.anchor == event.anchor for collection in self._open):
                raise Unusable(f"{self.name} has an alias of something to itself; pass a document without it")
            if event.anchor not in self._anchors:
                raise Unusable(f"{self.name} has the alias *{event.anchor} of nothing; fetch it again")
            self._put(self._copy(self._anchors[event.anchor], len(self._open)), None)
        elif isinstance(event, libyaml.DocumentStartEvent):
            self._documents += 1
            if self._documents > 1:
                raise Unusable(f"{self.name} has several YAML documents, separated by ---; pass one")

    def _path(self) -> Path:
        if not self._open:
            return ()
        parent = self._open[-1]
        return (*parent.path, parent.key or "")

    def _put(self, node: Any, anchor: str | None, event: Any = None) -> None:
        """Into what is open, as a key or as a value."""
        if anchor:
            self._anchors[anchor] = node
        if not self._open:
            self.parsed.root = node
            return
        parent = self._open[-1]
        if isinstance(parent.node, list):
            parent.node.append(node)
        elif parent.key is None:
            parent.key = self._as_key(node, event)
        else:
            key, parent.key = parent.key, None
            if key == "<<":
                parent.merged += node if isinstance(node, list) else [node]
                return
            if key in parent.own:
                self.parsed.twice.add((*parent.path, str(key)))
            parent.own.add(key)
            parent.node[key] = node

    def _as_key(self, node: Any, event: Any) -> str:
        if isinstance(node, Mapping | list):
            raise Unusable(
                f"{self.name} has a key that is no text, but a {'list' if isinstance(node, list) else 'map'}"
            )
        return node if isinstance(node, str) and (event is None or event.style) else _key(str(event.value))

    def _merge(self, closed: _Open) -> None:
        for other in closed.merged:
            if not isinstance(other, Mapping):
                raise Unusable(f"{self.name} merges (<<) something that is no mapping; correct it")
            for key, value in other.items():
                if key not in closed.node:
                    closed.node[key] = self._copy(value, len(self._open))

    def _copy(self, node: Any, depth: int) -> Any:
        """What an alias stands for. Not the same node: ruamel.yaml would write that as an alias."""
        self.count(depth, len(node) if isinstance(node, str) else 1)
        if isinstance(node, Mapping):
            return like(node, ((key, self._copy(value, depth + 1)) for key, value in node.items()))
        if isinstance(node, list):
            items = CommentedSeq(self._copy(item, depth + 1) for item in node)
            if isinstance(node, CommentedSeq) and node.fa.flow_style():
                items.fa.set_flow_style()
            return items
        return node

    def _scalar(self, event: Any) -> Any:
        value: str = self.check(event.value)
        if event.style is None or event.style == "":
            return value if event.tag in {"!", "tag:yaml.org,2002:str"} else self._plain(value)
        if _needs_escapes(value):
            escaped: str = DoubleQuotedScalarString(value)
            return escaped
        if event.style == ">":
            folded = FoldedScalarString(value)
            folded.fold_pos = list(self._folds(event))
            return folded
        styles = {"'": SingleQuotedScalarString, '"': DoubleQuotedScalarString, "|": LiteralScalarString}
        return styles[event.style](value)

    def _plain(self, value: str) -> Any:
        """A plain scalar by the core schema of YAML 1.2, which has no dates: 2026-11-26 is a text."""
        if value in _CONSTANTS:
            return _CONSTANTS[value]
        if value[0] not in "+-.0123456789":
            return value
        try:
            if re.fullmatch(r"[-+]?[0-9]+", value):
                return int(value)
            if re.fullmatch(r"0x[0-9a-fA-F]+|0o[0-7]+", value):
                return int(value, 0)
        except ValueError:
            raise Unusable(f"{self.name} has a number of {len(value)} digits; correct it") from None
        if re.fullmatch(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?", value):
            return _Float(value)
        if re.fullmatch(r"[-+]?\.(inf|Inf|INF)", value):
            return -math.inf if value.startswith("-") else math.inf
        return value

    def _folds(self, event: Any) -> Iterator[int]:
        """Where the text of a folded block has its lines' ends, as positions of the spaces they stand for."""
        if self._lines is None:
            return
        content = self._lines[event.start_mark.line + 1 : event.end_mark.line + 1]
        indent = next((len(line) - len(line.lstrip(" ")) for line in content if line.strip()), 0)
        position = 0
        for line in (line[indent:] for line in content if line[indent:].strip()):
            position = event.value.find(line, position)
            if position < 0:
                return
            position += len(line)
            if event.value[position : position + 1] == " ":
                yield position


_CONSTANTS: dict[str, Any] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
    **dict.fromkeys((".nan", ".NaN", ".NAN"), math.nan),
}


def like(node: Mapping[str, Any], items: Iterable[tuple[str, Any]]) -> CommentedMap:
    """A mapping in the style of another."""
    copy = CommentedMap(items)
    if isinstance(node, CommentedMap) and node.fa.flow_style():
        copy.fa.set_flow_style()
    return copy


def _key(key: str) -> str:
    # Like an unquoted 200: OpenAPI wants strings, and the generator insists.
    if key.isdigit() or key in _CONSTANTS:
        quoted: str = SingleQuotedScalarString(key)
        return quoted
    return key


def _needs_escapes(text: str) -> bool:
    """Whether only double quotes can hold it: control characters, and what YAML takes for the end of a line."""
    return _ESCAPED.search(text) is not None


class _Float(float):
    """A number with its spelling: 1.50 stays 1.50."""

    def __new__(cls, text: str) -> _Float:
        number = super().__new__(cls, text)
        number.text = text
        return number

    text: str


class _Representer(RoundTripRepresenter):
    pass


_Representer.add_representer(
    _Float, lambda representer, number: representer.represent_scalar("tag:yaml.org,2002:float", number.text)
)
