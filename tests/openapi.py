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
    members = [member for path in spec()["paths"].values() for member in path.values()]
    # A path may hold parameters beside its operations.
    return {member["operationId"]: member for member in members if "operationId" in member}


def parameters(operation_id: str) -> list[dict[str, Any]]:
    """The parameters of an operation, references followed."""
    shared = spec()["components"].get("parameters", {})
    given = operations()[operation_id].get("parameters", [])
    return [shared[parameter["$ref"].rpartition("/")[2]] if "$ref" in parameter else parameter for parameter in given]


def message_properties() -> dict[str, Any]:
    """The properties that the schema gives a failed run."""
    properties: dict[str, Any] = spec()["components"]["schemas"]["WorkflowDLQMessage"]["properties"]
    return properties


def required_fields() -> dict[str, Any]:
    """What a failed run must have by the schema, with made-up values: without it the generated model cannot be made."""
    names = spec()["components"]["schemas"]["WorkflowDLQMessage"].get("required", [])
    return {name: example(message_properties()[name]) for name in names}


def example(schema: dict[str, Any]) -> Any:
    values = {"object": {"X-Name": ["value"]}, "string": "dmFsdWU=", "integer": 7, "array": ["value"], "boolean": True}
    return values[schema["type"]]
