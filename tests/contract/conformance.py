"""Checks answers against openapi.yaml."""

from __future__ import annotations

import copy
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any

import httpx
import schemathesis
from hypothesis.strategies import SearchStrategy
from schemathesis.core.result import Ok
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from upstash_workflow_dlq.contract import DriftKind
from upstash_workflow_dlq.contract._checks import Contract
from upstash_workflow_dlq.contract._spec import read_spec

SPEC = Path(__file__).parents[2] / "openapi.yaml"
# Named one by one: the default checks send requests of their own.
CHECKS = [status_code_conformance, content_type_conformance, response_schema_conformance]

LIST = "/v2/workflows/dlq"
RECORDED = "1752829295505-0"  # one of any number of sample runs
# What the emulator has.
OPERATIONS = {
    "listFailedRuns": ("GET", LIST),
    "deleteFailedRuns": ("DELETE", LIST),
    "getFailedRun": ("GET", f"{LIST}/{RECORDED}"),
    "deleteFailedRun": ("DELETE", f"{LIST}/{RECORDED}"),
    "resumeFailedRuns": ("POST", f"{LIST}/resume"),
    "resumeFailedRun": ("POST", f"{LIST}/resume/{RECORDED}"),
    "restartFailedRuns": ("POST", f"{LIST}/restart"),
    "restartFailedRun": ("POST", f"{LIST}/restart/{RECORDED}"),
    "retryFailureCallback": ("POST", f"{LIST}/callback/{RECORDED}"),
    "cancelFailureCallback": ("DELETE", f"{LIST}/callback/{RECORDED}"),
}


_contract = Contract(read_spec(SPEC))
_schema = schemathesis.openapi.from_path(SPEC)
_operations = {
    result.ok().definition.raw["operationId"]: result.ok()
    for result in _schema.get_all_operations()
    if isinstance(result, Ok)
}


def operation_ids() -> list[str]:
    return list(_operations)


def validate(operation_id: str, response: httpx.Response) -> None:
    """Raise where the spec does not allow this status, content type or body."""
    # Answers that were read below httpx's client carry no time, and schemathesis wants one.
    response.elapsed = getattr(response, "_elapsed", timedelta(0))
    _operations[operation_id].Case(path_parameters={"dlqId": "1"}).validate_response(response, checks=CHECKS)


def cases(operation_id: str, **fixed: Any) -> SearchStrategy[schemathesis.Case[Any]]:
    """Requests that the spec allows; `fixed` are parts of them, like `path_parameters`."""
    return _operations[operation_id].as_strategy(generation_mode=GenerationMode.POSITIVE, **fixed)


def answer(operation_id: str, payload: Any) -> httpx.Response:
    """A success of this operation with this body."""
    operation = _operations[operation_id]
    return httpx.Response(200, json=payload, request=httpx.Request(operation.method, f"https://test{operation.path}"))


def undocumented_fields(operation_id: str, payload: Any) -> set[str]:
    """Keys in the body of a success that the spec does not know, as paths like `messages[].notBefore`."""
    answered = answer(operation_id, payload)
    found = _contract.drifts(answered.request.method, answered.request.url.path, 200, answered.content)
    return {drift.path for drift in found if drift.kind is DriftKind.UNDOCUMENTED_FIELD}


@cache
def valid_payloads(operation_id: str) -> SearchStrategy[Any]:
    """Bodies of a success that the spec allows."""
    # schemathesis generates requests, so the schema is put where a request has it.
    schema = _response_schema(operation_id)
    components = schema.pop("components")
    body = {"required": True, "content": {"application/json": {"schema": schema}}}
    document = {
        "openapi": "3.1.0",
        "info": {"title": "responses as requests", "version": "1"},
        "paths": {"/": {"post": {"requestBody": body, "responses": {"200": {"description": "unused"}}}}},
        "components": components,
    }
    operation = schemathesis.openapi.from_dict(document)["/"]["POST"]
    return operation.as_strategy().map(lambda case: case.body)


def _response_schema(operation_id: str) -> dict[str, Any]:
    raw = _operations[operation_id].definition.raw
    schema = raw["responses"]["200"]["content"]["application/json"]["schema"]
    return copy.deepcopy({**schema, "components": {"schemas": _schema.raw_schema["components"]["schemas"]}})
