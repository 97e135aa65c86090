"""Refuses documents that are not valid OpenAPI, and valid ones that cannot be used."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

from openapi_spec_validator import validate

from tools.spec.document import Unusable, plain, template

# Below these, keys are names and no keywords.
_NAMES_BELOW = {"properties", "patternProperties", "$defs", "definitions", "schemas", "dependentSchemas", "variables"}
# They turn the direction of a text around, so that it reads as something else than it says.
_BIDIRECTIONAL = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def refuse_invalid(name: str, root: Mapping[str, Any]) -> None:
    _refuse_alike_paths(name, root)
    _refuse_unusable_values(name, root)
    try:
        validate(_without_patterns(plain(root)))
    except Exception as error:  # from the validator, or from whatever it trips over
        where = ".".join(str(step) for step in getattr(error, "absolute_path", []))
        raise Unusable(
            f"{name} is not valid OpenAPI at {where or 'our operations'}: {in_short(error)}; correct it"
        ) from None


def in_short(error: Exception) -> str:
    lines = str(getattr(error, "message", "") or error).splitlines()
    return lines[0][:200] if lines and lines[0] else type(error).__name__


def turned_texts(root: Any) -> list[str]:
    """Where a text has characters that turn its direction around."""
    return [place for place, value in _texts(root, ()) if _BIDIRECTIONAL & set(value)]


def _texts(node: Any, steps: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    if isinstance(node, str):
        yield ".".join(steps), node
    elif isinstance(node, Mapping):
        for key, child in node.items():
            yield ".".join(steps), str(key)
            yield from _texts(child, (*steps, str(key)))
    elif isinstance(node, list):
        for index, child in enumerate(node):
            yield from _texts(child, (*steps, str(index)))


def _refuse_alike_paths(name: str, root: Mapping[str, Any]) -> None:
    shapes: dict[str, str] = {}
    for path in root["paths"]:
        if (other := shapes.setdefault(template(path), path)) != path:
            raise Unusable(f"{name} has {other} and {path}, which are the same path; correct it")


def _refuse_unusable_values(name: str, root: Mapping[str, Any]) -> None:
    title = root.get("info", {}).get("title", "") if isinstance(root.get("info"), Mapping) else ""
    if not str(title).isprintable():
        # It lands in the first lines of the generated package, where a line may say how to decode the file.
        raise Unusable(f"{name} has an info.title of several lines or with control characters; correct it")
    for place, number in _numbers(root, ()):
        if not math.isfinite(number):
            raise Unusable(f"{name} has {number} at {place}, which JSON does not have; correct it")


def _numbers(node: Any, steps: tuple[str, ...]) -> Iterator[tuple[str, float]]:
    if isinstance(node, float):
        yield ".".join(steps), node
    elif isinstance(node, Mapping):
        for key, child in node.items():
            yield from _numbers(child, (*steps, str(key)))
    elif isinstance(node, list):
        for index, child in enumerate(node):
            yield from _numbers(child, (*steps, str(index)))


def _without_patterns(node: Any, parent: str = "") -> Any:
    """For the validator, which holds defaults against patterns: some of those take for ever."""
    if isinstance(node, Mapping):
        keywords = set() if parent in _NAMES_BELOW else {"pattern", "patternProperties"}
        return {key: _without_patterns(child, str(key)) for key, child in node.items() if key not in keywords}
    return [_without_patterns(item) for item in node] if isinstance(node, list) else node
