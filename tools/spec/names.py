"""An operationId for operations without one: verb and noun like `listFailedRuns`, from the summary or the path."""

from __future__ import annotations

import re
from collections.abc import Collection

from tools.spec.document import PREFIX

# Words in summaries that do not distinguish our operations.
_FILLERS = {
    *("a", "an", "the", "of", "in", "from", "for", "to", "by", "with", "and", "all"),
    *("workflow", "bulk", "batch", "dlq"),
}
_READING = {"get", "list", "count", "search", "find", "read", "fetch", "export", "download", "check"}
_VERBS = {"get": "get", "post": "create", "put": "replace", "patch": "update", "delete": "delete"}


def operation_id(method: str, path: str, summary: str, given: str, used: Collection[str]) -> str:
    """A name that is not in `used`. The source's own wins if it looks like ours."""
    for name in (
        given if re.fullmatch(r"[a-z]+([A-Z][a-z0-9]+)+", given) else "",
        _from_summary(method, path, summary),
    ):
        if name and not _is_used(name, used):
            return name
    name = _from_path(method, path)
    number = 2
    while _is_used(name if number == 2 else f"{name}{number - 1}", used):
        number += 1
    return name if number == 2 else f"{name}{number - 1}"


def _is_used(name: str, used: Collection[str]) -> bool:
    return name.lower() in {other.lower() for other in used}


def _from_summary(method: str, path: str, summary: str) -> str:
    words = [word for word in _words(summary) if word not in _FILLERS]
    if not words or len(words) > 5:
        return ""
    if method == "get" and words[0] not in _READING:
        words.insert(0, "get")
    if len(words) == 1:
        words += _noun(path)
    return _camel(words)


def _from_path(method: str, path: str) -> str:
    """The literal steps of the path say what is done; an id in it says that it is done to one run."""
    steps = [step for step in path.removeprefix(PREFIX).split("/") if step and "{" not in step]
    words = [word for step in steps for word in _words(step)]
    if method == "post" and words:
        return _camel([*words, *_noun(path)])
    return _camel([_VERBS.get(method, method), *_noun(path), *words])


def _noun(path: str) -> list[str]:
    return ["failed", "run" if "{" in path else "runs"]


def _words(text: str) -> list[str]:
    return [word.lower() for word in re.findall(r"[A-Z]?[a-z0-9]+|[A-Z]+(?![a-z])", text)]


def _camel(words: list[str]) -> str:
    first, *rest = words
    return first + "".join(word.capitalize() for word in rest)
