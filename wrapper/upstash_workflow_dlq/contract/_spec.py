"""The spec: where it is, and what it says about an answer."""

from __future__ import annotations

import functools
import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace")


def spec_path(package: Path = Path(__file__).parent) -> Path:
    """The spec: beside this module in a wheel, else in the root of the checkout."""
    installed, checkout = package / "openapi.yaml", package.parents[2] / "openapi.yaml"
    for path in (installed, checkout):
        if path.is_file():
            return path
    raise FileNotFoundError(
        f"there is no openapi.yaml in {installed.parent} or {checkout.parent}: reinstall the package"
    )


@functools.cache
def read_spec(path: Path) -> Spec:
    """Once per process, since it takes a tenth of a second. YAML 1.2, as OpenAPI asks: `on` is no boolean there."""
    content = path.read_bytes()
    return Spec(YAML(typ="safe", pure=True).load(content), hashlib.sha256(content).hexdigest())


@dataclass(frozen=True)
class Operation:
    """One method of one path. `id` is its operationId, else method and path."""

    id: str
    method: str
    path: str
    responses: Mapping[str, Any]

    @functools.cached_property
    def pattern(self) -> re.Pattern[str]:
        """Any prefix from the base URL is allowed."""
        steps = ("[^/]+" if _is_parameter(step) else re.escape(step) for step in self.path.split("/"))
        return re.compile(f"(/.*)?{'/'.join(steps)}")

    def response(self, status: int) -> Any:
        """By its number, its class (`4XX`) or as the default; None where it is not documented."""
        names = (str(status), f"{status // 100}XX", "default")
        return next((self.responses[name] for name in names if name in self.responses), None)


class Spec:
    """An OpenAPI document, as far as its answers go. `digest` is the SHA-256 of its file."""

    def __init__(self, document: Any, digest: str = "") -> None:
        if not isinstance(document, dict) or not isinstance(document.get("paths"), dict):
            raise ValueError("this is not an OpenAPI document: it has no paths")
        # In YAML an unquoted status is a number, and a date is not JSON.
        self.document = json.loads(json.dumps(document, default=str))
        self.digest = digest
        self.version = str(self.document.get("info", {}).get("version", ""))
        # OpenAPI: `/dlq/resume` is matched before `/dlq/{dlqId}`.
        self.operations = sorted(self._operations(), key=lambda operation: operation.path.count("{"))
        self._words = {step for path in self.document["paths"] for step in path.split("/") if not _is_parameter(step)}

    def operation(self, method: str, path: str) -> Operation | None:
        """The operation of such a request; `path` is encoded as on the wire."""
        for operation in self.operations:
            if operation.method == method and operation.pattern.fullmatch(path):
                return operation
        return None

    def masked(self, method: str, path: str) -> str:
        """An undocumented request, with `*` for each step that the spec does not name: it may be an id."""
        return f"{method} " + "/".join(step if step in self._words else "*" for step in path.split("/"))

    def resolved(self, node: Any) -> Any:
        """The node, or what its `$ref` leads to."""
        seen = set()
        while isinstance(node, dict) and isinstance(reference := node.get("$ref"), str):
            if reference in seen:
                raise ValueError(f"the spec refers to {reference} in a circle")
            seen.add(reference)
            node = self._at(reference)
        return node

    def _at(self, reference: str) -> Any:
        node = self.document
        for step in reference.removeprefix("#/").split("/"):
            try:
                node = node[step.replace("~1", "/").replace("~0", "~")]
            except (KeyError, TypeError):
                raise ValueError(f"the spec refers to {reference}, which it does not have") from None
        return node

    def _operations(self) -> Iterator[Operation]:
        for path, item in self.document["paths"].items():
            for method in METHODS:
                if method in item:
                    operation = item[method]
                    name = operation.get("operationId", f"{method.upper()} {path}")
                    yield Operation(name, method.upper(), path, operation["responses"])


def _is_parameter(step: str) -> bool:
    return "{" in step
