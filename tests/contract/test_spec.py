"""The vendored spec itself."""

from __future__ import annotations

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


def test_additions_to_the_vendored_pages_are_marked() -> None:
    vendored = {"listFailedRuns", "getFailedRun", "deleteFailedRun"}
    assert {name for name, operation in operations().items() if "x-addition" not in operation} == vendored
    additions = [*spec()["components"]["parameters"].values()]
    additions += [spec()["components"]["schemas"][name] for name in ("DeletedRuns", "StartedRun", "StartedRuns")]
    assert all("x-addition" in addition for addition in additions)


def test_both_security_schemes_are_there() -> None:
    assert spec()["security"] == [{"bearerAuth": []}, {"bearerAuthQuery": []}]
    assert spec()["components"]["securitySchemes"]["bearerAuthQuery"]["name"] == "qstash_token"
