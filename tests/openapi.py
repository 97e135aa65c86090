"""The vendored spec, for tests that follow it."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

SPEC = Path(__file__).parents[1] / "openapi.yaml"


@cache
def spec() -> dict[str, Any]:
    loaded: dict[str, Any] = YAML(typ="safe").load(SPEC)
    return loaded


def operations() -> dict[str, dict[str, Any]]:
    """The operations by operationId."""
    return {operation["operationId"]: operation for path in spec()["paths"].values() for operation in path.values()}


def parameters(operation_id: str) -> list[dict[str, Any]]:
    """The parameters of an operation, references followed."""
    shared = spec()["components"].get("parameters", {})
    given = operations()[operation_id].get("parameters", [])
    return [shared[parameter["$ref"].rpartition("/")[2]] if "$ref" in parameter else parameter for parameter in given]


def message_properties() -> dict[str, Any]:
    """The properties that the schema gives a failed run."""
    properties: dict[str, Any] = spec()["components"]["schemas"]["WorkflowDLQMessage"]["properties"]
    return properties
