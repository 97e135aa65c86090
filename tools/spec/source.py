"""OpenAPI documents from files and addresses, whole or in slices on documentation pages."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ruamel.yaml.comments import CommentedMap

from tools.spec import fetch, text
from tools.spec.document import METHODS, Unusable

MAX_BYTES = 5_000_000


@dataclass(frozen=True)
class Document:
    """One OpenAPI document. A page has a slice of one, and says nothing about the rest."""

    name: str
    root: CommentedMap
    is_page: bool = False
    twice: frozenset[text.Path] = frozenset()


def read_source(where: str) -> list[Document]:
    """The documents at a path or https address: one, or as many as a page has slices."""
    if re.match(r"[A-Za-z][A-Za-z0-9+.-]+://", where):
        name, content = fetch.shown_address(where), fetch.fetch(where, MAX_BYTES)
    else:
        name, content = where, _read_file(where)
    if len(content) > MAX_BYTES:
        raise Unusable(f"{name} has more than {MAX_BYTES // 1_000_000} MB; pass an OpenAPI document")
    return read_documents(name, content)


def read_documents(name: str, content: bytes) -> list[Document]:
    try:
        whole = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise Unusable(f"{name} is not text in UTF-8; pass an OpenAPI document or a documentation page") from None
    if not whole.strip():
        raise Unusable(f"{name} is empty; pass an OpenAPI document or a documentation page")
    whole = whole.replace("\r\n", "\n")
    if blocks := list(_fenced_blocks(name, whole)):
        return [_document(name, block, is_page=True) for block in blocks]
    if re.match(r"\s*<(?!<:)", whole):
        raise Unusable(f"{name} is HTML; pass the address of the YAML itself, or of the page as Markdown (with .md)")
    return [_document(name, whole, is_page=False)]


def _read_file(path: str) -> bytes:
    try:
        with Path(path).open("rb") as file:
            return file.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise Unusable(f"{path} cannot be read ({reason}); check the path") from None


_OPENING_FENCE = re.compile(r"(`{3,}|~{3,})[ \t]*([^`]*)$")


def _fenced_blocks(name: str, page: str) -> Iterator[str]:
    """The contents of a page's OpenAPI blocks. Only a page has fences at the start of a line; YAML cannot."""
    lines = iter(page.split("\n"))
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
                raise Unusable(f"{name} is cut off within its block of OpenAPI; fetch the page again")
        if _is_openapi(info, block):
            yield "\n".join(block) + "\n"


def _is_openapi(info: str, block: list[str]) -> bool:
    """Whether a block has a slice, by its info string (```yaml /workflow/openapi.yaml get /v2/…) or its text."""
    kind, *rest = info.split() or [""]
    if kind.lower() not in {"yaml", "yml", "json"}:
        return False
    return any(word.lower() in METHODS for word in rest) or any(re.match(r'\s*"?openapi"?\s*:', line) for line in block)


def _document(name: str, content: str, *, is_page: bool) -> Document:
    parsed = text.parse(name, content)
    root = parsed.root
    if not isinstance(root, CommentedMap) or not isinstance(root.get("paths"), CommentedMap):
        raise Unusable(
            f"{name} is no OpenAPI document (a mapping with paths); pass one, or a page with a fenced block of it"
        )
    if not str(root.get("openapi", "")).startswith("3"):
        raise Unusable(f"{name} is not OpenAPI 3; pass a document that begins with openapi: 3.x")
    return Document(name, root, is_page, frozenset(parsed.twice))
