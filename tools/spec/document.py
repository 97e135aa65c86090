"""What every other module here needs to know about OpenAPI documents. Imports none of them."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, unquote

METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace")
PREFIX = "/v2/workflows/dlq"
MARK = "x-addition"  # ours, until the source has it
HEAD = ("openapi", "jsonSchemaDialect", "info", "servers", "security")


class Unusable(Exception):
    """Input that cannot be used. The message is one line and says what to do."""

    def __init__(self, message: str) -> None:
        super().__init__(" ".join(message.split()))


def plain(node: Any) -> Any:
    """The same in plain dicts, lists and scalars."""
    if isinstance(node, Mapping):
        return {str(key): plain(value) for key, value in node.items()}
    if isinstance(node, list):
        return [plain(item) for item in node]
    if isinstance(node, str):
        return str(node)
    if isinstance(node, bool) or node is None:
        return node
    return int(node) if isinstance(node, int) else float(node)


def canonical(node: Any) -> str:
    """One text for all spellings of the same value. The order of keys does not matter, the order of lists does."""
    return json.dumps(node, sort_keys=True)


def same(one: Any, other: Any) -> bool:
    return one is other or canonical(one) == canonical(other)


def step_into(root: Any, reference: str) -> Any:
    """What a `$ref` within the document points at. KeyError if there is nothing."""
    if not reference.startswith("#/"):
        raise KeyError(reference)
    node = root
    for step in pointer_steps(reference):
        if isinstance(node, Mapping):
            node = node[step]
        elif isinstance(node, list) and step.isdecimal() and int(step) < len(node):
            node = node[int(step)]
        else:
            raise KeyError(reference)
    return node


def pointer_steps(reference: str) -> list[str]:
    return [step.replace("~1", "/").replace("~0", "~") for step in unquote(reference[2:]).split("/")]


def pointer(*steps: str) -> str:
    return "/".join(["#", *(quote(step.replace("~", "~0").replace("/", "~1")) for step in steps)])


def resolved(root: Any, node: Any) -> Any:
    """The node itself, or what its chain of `$ref`s ends at, with the keys beside each `$ref` laid over it."""
    seen = set()
    beside: dict[str, Any] = {}
    while isinstance(node, Mapping) and isinstance(reference := node.get("$ref"), str):
        if reference in seen:
            raise Unusable(f"the $ref {reference} leads back to itself; correct the document")
        seen.add(reference)
        beside = {key: value for key, value in node.items() if key != "$ref"} | beside
        try:
            node = step_into(root, reference)
        except KeyError:
            raise Unusable(
                f"the $ref {reference} points at nothing; fetch the document again, or bundle it into one file"
            ) from None
    return {**node, **beside} if beside and isinstance(node, Mapping) else node


def template(path: str) -> str:
    """A path without the names in its braces: paths that differ only there are the same path."""
    return re.sub(r"\{[^{}]*\}", "{}", path)


def printable(text: str) -> str:
    """On one line and without control characters: the names in it come from a document that anyone may have written."""
    return "".join(character if character.isprintable() else "?" for character in " ".join(text.split()))
