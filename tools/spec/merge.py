"""Joins the vendor's document with our spec: their text, our operationIds, and our additions while they are needed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, TypeVar

from ruamel.yaml.comments import CommentedMap, CommentedSeq

from tools.spec.document import HEAD, MARK, METHODS, Unusable, resolved, same, template
from tools.spec.names import operation_id
from tools.spec.slice import Slice, components, needs
from tools.spec.text import like

Key = TypeVar("Key", str, tuple[str, str])

# The keys in which a marked parameter or schema of ours may be wider than the source's. The others follow the source.
_WIDENING = ("schema", "style", "explode", "type", "items", "enum", MARK)


def merged(ours: CommentedMap, theirs: Slice) -> CommentedMap:
    """The new document. Where both say the same, our nodes stay, in our order."""
    return _Merge(ours, theirs).document()


def additions(root: Mapping[str, Any]) -> list[str]:
    """What is ours in a document, by name. Whole components are left out; they come and go with their operations."""
    operations = {
        str(operation.get("operationId")): operation
        for item in root["paths"].values()
        for method, operation in item.items()
        if method in METHODS
    }
    schemas = root.get("components", {}).get("schemas", {})
    found = [" ".join([name, *steps]) for name, node in operations.items() for steps in _marked(node)]
    return found + [" ".join([name, *steps]) for name, node in schemas.items() for steps in _marked(node) if steps]


def _marked(node: Any, steps: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """The way to each marked node, in names of parameters and properties."""
    if isinstance(node, list):
        for item in node:
            name = [str(item["name"])] if isinstance(item, Mapping) and "name" in item else []
            yield from _marked(item, (*steps, *name))
    elif isinstance(node, Mapping) and MARK in node:
        yield steps
    elif isinstance(node, Mapping):
        for key, child in node.items():
            if key == "properties" and isinstance(child, Mapping):
                for name, schema in child.items():
                    yield from _marked(schema, (*steps, str(name)))
            else:
                yield from _marked(child, steps)


class _Merge:
    def __init__(self, ours: CommentedMap, theirs: Slice) -> None:
        self._ours, self._theirs = ours, theirs.root
        self._source = theirs.name
        self._hints: dict[tuple[str, str], str] = {}  # the source's own operationIds

    def document(self) -> CommentedMap:
        ours, theirs = self._ours, self._theirs
        root = CommentedMap()
        for key in _woven(ours, [key for key in theirs if key in HEAD]):
            if key == "paths":
                root[key] = self._paths()
            elif key == "components":
                root[key] = self._components()
            elif key in theirs:
                root[key] = self._node(ours.get(key), theirs[key])
            elif key not in HEAD:
                root[key] = ours[key]
        self._drop_what_nothing_needs(root)
        self._name_new_operations(root)
        return root

    def _paths(self) -> CommentedMap:
        spelled = {template(path): path for path in self._theirs["paths"]}
        ours = {spelled.get(template(path), path): (path, item) for path, item in self._ours["paths"].items()}
        paths = CommentedMap()
        for path in _woven(ours, self._theirs["paths"]):
            our_path, our_item = ours.get(path, (path, CommentedMap()))
            item = self._path_item(path, our_item, self._theirs["paths"].get(path, CommentedMap()))
            if any(MARK in node for node in item.values() if isinstance(node, Mapping)) and our_path != path:
                raise Unusable(
                    f"{self._source} spells {our_path} as {path}, where we have additions; rename ours first"
                )
            if any(key in METHODS for key in item):
                paths[path] = item
        return paths

    def _path_item(self, path: str, ours: CommentedMap, theirs: CommentedMap) -> CommentedMap:
        item = CommentedMap()
        for key in _woven(ours, theirs):
            if key not in theirs:
                if _is_marked(ours[key]):
                    item[key] = ours[key]
            elif key in METHODS:
                item[key] = self._operation(path, key, ours.get(key), theirs[key], theirs.get("parameters", []))
            else:
                item[key] = self._node(ours.get(key), theirs[key])
        return item

    def _operation(self, path: str, method: str, ours: Any, theirs: CommentedMap, of_path: list[Any]) -> CommentedMap:
        self._hints[path, method] = str(theirs.get("operationId", ""))
        nameless = _with_keys(theirs, [key for key in theirs if key != "operationId"])
        if ours is None:
            return nameless
        if not _is_marked(ours):
            needed = self._without_superseded(ours, of_path)
            operation = self._mapping(needed, nameless, keep=lambda key, _: key == "operationId")
        else:
            operation = self._with_what_is_below(ours, nameless)
            if "operationId" in ours:
                operation.insert(0, "operationId", ours["operationId"])
        return ours if same(ours, operation) else operation

    def _without_superseded(self, ours: CommentedMap, of_path: list[Any]) -> CommentedMap:
        """Our operation without the additions that the source has for the whole path."""
        theirs = {_identity(self._theirs, node): resolved(self._theirs, node) for node in of_path}

        def is_superseded(node: Any) -> bool:
            parameter, source = resolved(self._ours, node), theirs.get(_identity(self._ours, node))
            return _is_marked(parameter) and source is not None and not _still_widens(parameter, source)

        parameters = [node for node in ours.get("parameters", []) if not is_superseded(node)]
        return _with_keys(ours, ours, lambda key: parameters if key == "parameters" else ours[key])

    def _components(self) -> CommentedMap:
        """All that may be needed. What is not needed goes later."""
        ours, theirs = self._ours.get("components", {}), self._theirs.get("components", {})
        sections = CommentedMap()
        for section in _woven(ours, theirs):
            our_entries, their_entries = ours.get(section, {}), theirs.get(section, {})
            sections[section] = CommentedMap(
                (name, self._node(our_entries.get(name), their_entries[name]) if name in their_entries else node)
                for name in _woven(our_entries, their_entries)
                for node in [our_entries.get(name)]
            )
        return sections

    def _drop_what_nothing_needs(self, root: CommentedMap) -> None:
        used = CommentedMap((key, node) for key, node in root.items() if key != "components")
        kept = components(root, needs(root, used, "the update")) if "components" in root else CommentedMap()
        if kept:
            root["components"] = kept
        else:
            root.pop("components", None)

    def _name_new_operations(self, root: CommentedMap) -> None:
        operations = [
            (path, method, item[method]) for path, item in root["paths"].items() for method in item if method in METHODS
        ]
        used = {str(operation["operationId"]) for _, _, operation in operations if "operationId" in operation}
        for path, method, operation in operations:
            if "operationId" not in operation:
                summary, hint = str(operation.get("summary", "")), self._hints.get((path, method), "")
                name = operation_id(method, path, summary, hint, used)
                operation.insert(0, "operationId", name)
                used.add(name)

    # Nodes within operations and components

    def _node(self, ours: Any, theirs: Any) -> Any:
        if ours is None or same(ours, theirs):
            return theirs if ours is None else ours
        if _is_marked(ours):
            source = resolved(self._theirs, theirs)
            if _still_widens(ours, source):
                return self._widened(ours, source)
            return self._with_what_is_below(ours, theirs)
        if isinstance(ours, Mapping) and isinstance(theirs, Mapping):
            return self._mapping(ours, theirs, keep=lambda _, node: _is_marked(node))
        if isinstance(ours, list) and isinstance(theirs, list) and _are_parameters([*ours, *theirs]):
            return self._parameters(ours, theirs)
        return theirs

    def _with_what_is_below(self, ours: Mapping[str, Any], theirs: Any) -> Any:
        """Theirs in place of a marked node of ours, with what is marked below that: the source may lack it still."""
        below = _marked_below(ours)
        return theirs if below is None else self._node(below, theirs)

    def _mapping(
        self, ours: Mapping[str, Any], theirs: Mapping[str, Any], keep: Callable[[str, Any], bool]
    ) -> CommentedMap:
        kept = [key for key in ours if key in theirs or keep(key, ours[key])]
        return _with_keys(
            theirs,
            _woven(theirs, kept),
            lambda key: self._node(ours.get(key), theirs[key]) if key in theirs else ours[key],
        )

    def _parameters(self, ours: list[Any], theirs: list[Any]) -> CommentedSeq:
        mine = {_identity(self._ours, node): node for node in ours}
        source = {_identity(self._theirs, node): node for node in theirs}
        kept = [key for key in mine if key in source or _is_marked(resolved(self._ours, mine[key]))]
        return CommentedSeq(
            self._node(mine.get(key), source[key]) if key in source else mine[key] for key in _woven(source, kept)
        )

    def _widened(self, ours: Mapping[str, Any], source: Mapping[str, Any]) -> Any:
        """The source's words with our wider schema."""
        kept = [key for key in ours if key in source or key in _WIDENING]
        node = _with_keys(
            source,
            _woven(source, kept),
            lambda key: ours[key] if key in ours and key in _WIDENING else self._node(ours.get(key), source[key]),
        )
        return ours if same(ours, node) else node


def _woven(base: Iterable[Key], other: Iterable[Key]) -> list[Key]:
    """The keys of both, in the order of the first; each of the others comes after its predecessor in the second."""
    base = list(base)
    known = set(base)
    followers: dict[Key | None, Key] = {}
    before: Key | None = None
    for key in other:
        if key not in known:
            known.add(key)
            followers[before] = key
        before = key
    woven: list[Key] = []
    starts: list[Key | None] = [None]
    starts += base
    for start in starts:
        if start is not None:
            woven.append(start)
        following = followers.get(start)
        while following is not None:
            woven.append(following)
            following = followers.get(following)
    return woven


def _with_keys(node: Mapping[str, Any], keys: Iterable[str], value: Callable[[str], Any] | None = None) -> CommentedMap:
    """A mapping in the style of `node`."""
    return like(node, ((key, value(key) if value else node[key]) for key in keys))


def _is_marked(node: Any) -> bool:
    return isinstance(node, Mapping) and MARK in node


def _marked_below(node: Any) -> Any:
    """What is marked below a node, with all keys beside the way there: they tell its place. None if nothing is."""
    if isinstance(node, list):
        return [item for item in node if _is_marked(item)] or None
    if not isinstance(node, Mapping):
        return None
    below = {key: child if _is_marked(child) else _marked_below(child) for key, child in node.items() if key != MARK}
    return below if any(child is not None for child in below.values()) else None


def _still_widens(ours: Mapping[str, Any], source: Any) -> bool:
    """Whether ours still takes more than the source: an array of what is single there, or more of its values."""
    if not isinstance(source, Mapping):
        return False
    one, other = ours.get("schema", ours), source.get("schema", source)
    if not (isinstance(one, Mapping) and isinstance(other, Mapping)) or other.get("type") is None:
        return False
    if one.get("type") != other["type"]:
        items = one.get("items")
        single = items.get("type") if isinstance(items, Mapping) else None
        return one.get("type") == "array" and single == other["type"]
    return "enum" in other and not set(map(str, one.get("enum", other["enum"]))) <= set(map(str, other["enum"]))


def _are_parameters(nodes: list[Any]) -> bool:
    return bool(nodes) and all(isinstance(node, Mapping) and ("in" in node or "$ref" in node) for node in nodes)


def _identity(root: Mapping[str, Any], node: Any) -> tuple[str, str]:
    parameter = resolved(root, node)
    return str(parameter.get("in")), str(parameter.get("name"))
