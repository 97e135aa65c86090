"""Reading OpenAPI documents, whole or in slices on documentation pages, from files and addresses. Trusts nothing."""

from __future__ import annotations

import json
import re
import time
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import httpx
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq, CommentedSet, TaggedScalar
from ruamel.yaml.error import YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    CollectionEndEvent,
    CollectionStartEvent,
    MappingStartEvent,
    ScalarEvent,
)
from ruamel.yaml.scalarfloat import ScalarFloat
from ruamel.yaml.scalarint import ScalarInt
from ruamel.yaml.scalarstring import (
    FoldedScalarString,
    LiteralScalarString,
    ScalarString,
    SingleQuotedScalarString,
)

MAX_BYTES = 5_000_000
# What a document may come to once its aliases are written out, in characters; and how deep it may nest.
MAX_EXPANDED = 40_000_000
MAX_DEPTH = 100
MAX_SECONDS = 120

METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace")


class Unusable(Exception):
    """Input that cannot be used. The message is one line, and says what to do."""

    def __init__(self, message: str) -> None:
        super().__init__(" ".join(message.split()))


@dataclass(frozen=True)
class Document:
    """One OpenAPI document. A page has a slice of one, and is silent on the rest."""

    name: str
    root: CommentedMap
    is_page: bool = False
    # Keys that occur twice in their mapping, as paths from the root. YAML forbids it; harmless where we do not look.
    twice: frozenset[tuple[str, ...]] = field(default=frozenset())


def yaml() -> YAML:
    """Reads and writes so that what is not changed stays byte for byte."""
    settings = YAML()
    settings.preserve_quotes = True
    settings.width = 4096
    settings.indent(mapping=2, sequence=4, offset=2)
    return settings


def read_source(where: str) -> list[Document]:
    """The documents at a path or https address: one, or as many as a page has slices."""
    if re.match(r"[A-Za-z][A-Za-z0-9+.-]+://", where):
        name, content = shown_address(where), _fetch(where)
    else:
        name, content = where, _read_file(where)
    return read_documents(name, content)


def read_documents(name: str, content: bytes) -> list[Document]:
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise Unusable(f"{name} is not text in UTF-8: pass an OpenAPI document or a documentation page") from None
    if not text.strip():
        raise Unusable(f"{name} is empty: pass an OpenAPI document or a documentation page")
    text = text.replace("\r\n", "\n")
    if blocks := list(_fenced_blocks(name, text)):
        return [_parse(name, block, is_page=True) for block in blocks]
    if re.match(r"\s*<(?!<:)", text):
        raise Unusable(f"{name} is HTML: pass the address of the YAML itself, or of the page as Markdown (with .md)")
    return [_parse(name, text, is_page=False)]


def shown_address(address: str) -> str:
    """Without what may be secret: credentials and query."""
    try:
        return str(httpx.URL(address).copy_with(userinfo=b"", query=None, fragment=None))
    except (httpx.InvalidURL, UnicodeError, ValueError):
        return "the address"


def _read_file(path: str) -> bytes:
    try:
        with Path(path).open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise Unusable(f"{path} cannot be read ({reason}): check the path") from None
    return _of_bearable_size(path, content)


def _of_bearable_size(name: str, content: bytes | bytearray) -> bytes:
    if len(content) > MAX_BYTES:
        raise Unusable(f"{name} has more than {MAX_BYTES // 1_000_000} MB: pass an OpenAPI document")
    return bytes(content)


def _fetch(address: str) -> bytes:
    name = shown_address(address)

    def refuse_all_but_https(request: httpx.Request) -> None:
        if request.url.scheme != "https":
            raise Unusable(
                f"{shown_address(str(request.url))} is not https, so others could change it: pass an https address"
            )

    if not name.partition("://")[2]:
        raise Unusable("a source is no address: pass one like https://host/openapi.yaml")
    content = bytearray()
    deadline = time.monotonic() + MAX_SECONDS
    hooks = {"request": [refuse_all_but_https]}  # called for redirects too
    try:
        with (
            httpx.Client(follow_redirects=True, timeout=30, event_hooks=hooks) as client,
            client.stream("GET", address) as response,
        ):
            if response.status_code != 200:
                raise Unusable(f"{name} answered {response.status_code}: check the address")
            for chunk in response.iter_bytes():
                content += chunk
                if len(content) > MAX_BYTES:
                    break
                if time.monotonic() > deadline:
                    raise httpx.ReadTimeout(f"not all there after {MAX_SECONDS} seconds")
    except (httpx.HTTPError, httpx.InvalidURL, UnicodeError, ValueError) as error:
        why = str(error) or type(error).__name__
        raise Unusable(
            f"{name} cannot be fetched ({why}): check address and network, or download it and pass the file"
        ) from None
    return _of_bearable_size(name, content)


_OPENING_FENCE = re.compile(r"(`{3,}|~{3,})[ \t]*([^`]*)$")


def _fenced_blocks(name: str, text: str) -> Iterator[str]:
    """The contents of a page's OpenAPI blocks. Only a page has fences at the start of a line; YAML cannot."""
    lines = iter(text.split("\n"))
    for line in lines:
        opening = _OPENING_FENCE.match(line)
        if opening is None:
            continue
        fence, info = opening.groups()
        closing = re.compile(re.escape(fence) + re.escape(fence[0]) + r"*[ \t]*$")
        block: list[str] = []
        for inner in lines:
            if closing.match(inner):
                break
            block.append(inner)
        else:
            if _is_openapi(info, block):
                raise Unusable(f"{name} is cut off within its block of OpenAPI: fetch the page again")
        if _is_openapi(info, block):
            yield "\n".join(block) + "\n"


def _is_openapi(info: str, block: list[str]) -> bool:
    """Whether a block has, by its info string or its text, a slice: ```yaml /workflow/openapi.yaml get /v2/…"""
    kind, *rest = info.split() or [""]
    if kind.lower() not in {"yaml", "yml", "json"}:
        return False
    return any(word.lower() in METHODS for word in rest) or any(re.match(r'\s*"?openapi"?\s*:', line) for line in block)


def _parse(name: str, text: str, *, is_page: bool) -> Document:
    twice: frozenset[tuple[str, ...]] = frozenset()
    root: Any = None
    try:
        if text.lstrip().startswith("{"):
            root = _from_json(json.loads(text))
    except (ValueError, RecursionError):
        root = None  # perhaps YAML that begins with a brace
    if root is None:
        root, twice = _load(name, text)
    if not isinstance(root, CommentedMap) or not isinstance(root.get("paths"), CommentedMap):
        raise Unusable(f"{name} holds no OpenAPI (a mapping with paths): pass a document, or a page with a block of it")
    if not str(root.get("openapi", "")).startswith("3"):
        raise Unusable(f"{name} is not OpenAPI 3: pass a document that begins with openapi: 3.x")
    return Document(name, root, is_page, twice)


def _load(name: str, text: str) -> tuple[Any, frozenset[tuple[str, ...]]]:
    settings = yaml()
    settings.allow_duplicate_keys = True
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            twice = _take_measure(name, text)
            return detached(settings.load(text)), twice
    except Unusable:
        raise
    except YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f" (line {mark.line + 1}: {getattr(error, 'problem', '')})" if mark is not None else ""
        raise Unusable(
            f"{name} is neither YAML{line} nor a page with a fenced block of it: fetch it again, or pass another source"
        ) from None
    except Exception as error:  # broken tags and values end in errors of all kinds
        raise Unusable(f"{name} cannot be read as YAML ({type(error).__name__}): fetch it again") from None


def _take_measure(name: str, text: str) -> frozenset[tuple[str, ...]]:
    """Refuse what explodes when its aliases are written out, without writing them out. The keys that occur twice."""
    sizes: dict[str, int] = {}  # of what an alias stands for
    frames: list[_Frame] = [_Frame(None, is_mapping=False)]
    twice = set()
    for event in YAML(typ="safe", pure=True).parse(text):
        size = 0
        if isinstance(event, CollectionStartEvent):
            frames[-1].begin()
            frames.append(_Frame(event.anchor, is_mapping=isinstance(event, MappingStartEvent)))
            if len(frames) > MAX_DEPTH:
                raise Unusable(f"{name} nests more than {MAX_DEPTH} deep: pass an OpenAPI document")
            continue
        if isinstance(event, CollectionEndEvent):
            closed = frames.pop()
            size = closed.size + 10
            if closed.anchor:
                sizes[closed.anchor] = size
        elif isinstance(event, ScalarEvent):
            size = len(event.value) + 10
            if event.anchor:
                sizes[event.anchor] = size
            if frames[-1].is_repeated_key(event.value):
                twice.add((*(frame.key for frame in frames[1:-1]), event.value))
            frames[-1].begin()
        elif isinstance(event, AliasEvent):
            if any(frame.anchor == event.anchor for frame in frames):
                raise Unusable(f"{name} has an alias of something to itself: pass a document without it")
            size = sizes.get(event.anchor, 0)
            frames[-1].begin()
        else:
            continue
        frames[-1].size += size
        if sum(frame.size for frame in frames) > MAX_EXPANDED:
            raise Unusable(f"{name} grows beyond measure once its aliases are written out: pass it without them")
    return frozenset(twice)


class _Frame:
    """One collection that is being read."""

    def __init__(self, anchor: str | None, *, is_mapping: bool) -> None:
        self.anchor = anchor
        self.size = 0
        self.key = ""
        self._is_mapping = is_mapping
        self._at_key = True
        self._keys: set[str] = set()

    def is_repeated_key(self, value: str) -> bool:
        if not (self._is_mapping and self._at_key):
            return False
        repeated = value in self._keys
        self._keys.add(value)
        self.key = value
        return repeated

    def begin(self) -> None:
        """Something begins in it: a key, or the value after one."""
        self._at_key = not self._at_key


def _from_json(value: Any, depth: int = 0) -> Any:
    """JSON as YAML nodes, as a person would write them."""
    if depth > MAX_DEPTH:
        raise ValueError("nested too deeply")
    if isinstance(value, dict):
        return CommentedMap((_key(key), _from_json(child, depth + 1)) for key, child in value.items())
    if isinstance(value, list):
        return CommentedSeq(_from_json(child, depth + 1) for child in value)
    return LiteralScalarString(value) if isinstance(value, str) and "\n" in value else value


def detached(node: Any) -> Any:
    """A copy in the same style, but without comments, anchors, aliases and merge keys; all keys are strings."""
    if isinstance(node, CommentedSet):
        node = list(node)
    if isinstance(node, Mapping):
        copy = CommentedMap((_key(key), detached(value)) for key, value in node.items())
        if isinstance(node, CommentedMap) and node.fa.flow_style():
            copy.fa.set_flow_style()
        return copy
    if isinstance(node, list):
        items = CommentedSeq(detached(item) for item in node)
        if isinstance(node, CommentedSeq) and node.fa.flow_style():
            items.fa.set_flow_style()
        return items
    return _detached_scalar(node)


def _detached_scalar(node: Any) -> Any:
    if isinstance(node, ScalarString):
        text: Any = type(node)(str(node))
        if isinstance(node, FoldedScalarString) and hasattr(node, "fold_pos"):
            text.fold_pos = list(node.fold_pos)
        return text
    if isinstance(node, TaggedScalar):
        return str(node.value)
    if isinstance(node, ScalarInt) and node.anchor.value:
        return int(node)
    if isinstance(node, ScalarFloat) and node.anchor.value:
        return float(node)
    return node


def _key(key: Any) -> str:
    if isinstance(key, ScalarString):
        copy: str = type(key)(str(key))
        return copy
    if isinstance(key, str) and not key.isdigit():
        return str(key)
    # Like an unquoted 200: OpenAPI wants strings, and the generator insists.
    quoted: str = SingleQuotedScalarString(str(key).lower() if isinstance(key, bool) else str(key))
    return quoted


def plain(node: Any) -> Any:
    """Only dicts, lists and scalars of Python."""
    if isinstance(node, Mapping):
        return {str(key): plain(value) for key, value in node.items()}
    if isinstance(node, list):
        return [plain(item) for item in node]
    if isinstance(node, str):
        return str(node)
    if isinstance(node, bool) or node is None:
        return node
    if isinstance(node, int):
        return int(node)
    return float(node) if isinstance(node, float) else str(node)


def canonical(node: Any) -> str:
    """One string for all ways to say the same. The order of keys is none of it, that of lists is."""
    return json.dumps(plain(node), sort_keys=True)


def same(one: Any, other: Any) -> bool:
    return canonical(one) == canonical(other)


def step_into(root: Any, reference: str) -> Any:
    """What a `$ref` within the document points at. KeyError where there is nothing."""
    if not reference.startswith("#/"):
        raise KeyError(reference)
    node = root
    for step in unquote(reference[2:]).split("/"):
        key = step.replace("~1", "/").replace("~0", "~")
        if isinstance(node, Mapping):
            node = node[key]
        elif isinstance(node, list) and key.isdecimal() and int(key) < len(node):
            node = node[int(key)]
        else:
            raise KeyError(reference)
    return node


def resolved(root: Any, node: Any) -> Any:
    """The node itself, or what its `$ref` (and that one's, and so on) points at, under the keys beside the `$ref`."""
    seen = set()
    beside: dict[str, Any] = {}
    while isinstance(node, Mapping) and isinstance(reference := node.get("$ref"), str):
        if reference in seen:
            raise Unusable(f"the $ref {reference} leads back to itself: mend the document")
        seen.add(reference)
        beside = {key: value for key, value in node.items() if key != "$ref"} | beside
        try:
            node = step_into(root, reference)
        except KeyError:
            raise Unusable(f"the $ref {reference} leads to nothing: fetch the document again, or bundle it") from None
    return {**node, **beside} if beside and isinstance(node, Mapping) else node


def template(path: str) -> str:
    """A path without the names in its braces, which tell nothing apart."""
    return re.sub(r"\{[^{}]*\}", "{}", path)
