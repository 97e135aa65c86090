"""The vendored spec itself."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from conformance import operation_ids
from openapi import operations, spec
from openapi_spec_validator import validate


def test_the_spec_is_a_valid_openapi_document() -> None:
    validate(spec())


def test_every_operation_has_a_name_for_the_generator() -> None:
    operations = [operation for path in spec()["paths"].values() for operation in path.values()]
    names = [operation["operationId"] for operation in operations]
    assert names == operation_ids()
    assert {"listFailedRuns", "getFailedRun", "deleteFailedRun"} <= set(names)
    assert len(set(names)) == len(names)


def test_additions_say_what_they_rest_on_and_the_vendored_operations_are_none() -> None:
    vendored = {"listFailedRuns", "getFailedRun", "deleteFailedRun"}
    assert not [name for name in vendored if "x-addition" in operations()[name]]
    assert all(isinstance(reason, str) and reason.endswith(".") for reason in marks(spec()))


def marks(node: Any) -> Iterator[Any]:
    if isinstance(node, dict):
        yield from (value for key, value in node.items() if key == "x-addition")
    children = node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()
    for child in children:
        yield from marks(child)


def test_both_security_schemes_are_there() -> None:
    assert spec()["security"] == [{"bearerAuth": []}, {"bearerAuthQuery": []}]
    assert spec()["components"]["securitySchemes"]["bearerAuthQuery"]["name"] == "qstash_token"
