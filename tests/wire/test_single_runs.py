"""Getting and deleting one run, sync and async."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from conftest import Connect
from fakes import Wire
from pairs import CLIENTS, in_pairs
from upstash_workflow_dlq import FailedRun, InvalidResponseError, NotFoundError


def test_get_reads_one_run(connect: Connect, recorded_run: dict[str, Any]) -> None:
    wire = Wire(recorded_run)
    run = connect(transport=wire).get("1752829295505-0")
    assert run.to_dict() == recorded_run
    assert wire.sent == ["GET /v2/workflows/dlq/1752829295505-0"]


def test_delete_deletes_one_run(connect: Connect) -> None:
    wire = Wire(200)
    assert connect(transport=wire).delete("1752829295505-0") is None
    assert wire.sent == ["DELETE /v2/workflows/dlq/1752829295505-0"]


@pytest.mark.parametrize("operation", ["get", "delete"])
def test_a_run_stands_for_its_id(connect: Connect, operation: str) -> None:
    wire = Wire({"dlqId": "1"})
    getattr(connect(transport=wire), operation)(FailedRun({"dlqId": "1"}))
    assert [line.split()[1] for line in wire.sent] == ["/v2/workflows/dlq/1"]


@pytest.mark.parametrize("operation", ["get", "delete"])
def test_an_id_stays_one_step_of_the_path(connect: Connect, operation: str) -> None:
    wire = Wire({"dlqId": "a/b?c#d%2e é"})
    getattr(connect(transport=wire), operation)("a/b?c#d%2e é")
    assert [line.split()[1] for line in wire.sent] == ["/v2/workflows/dlq/a%2Fb%3Fc%23d%252e%20%C3%A9"]


@pytest.mark.parametrize("operation", ["get", "delete"])
def test_a_missing_run_is_not_found(connect: Connect, operation: str) -> None:
    wire = Wire(httpx.Response(404, json={"error": "no such message"}))
    with pytest.raises(NotFoundError, match="HTTP 404: no such message"):
        getattr(connect(transport=wire), operation)("1")


IDS = [
    "",
    " ",
    "\t\n",
    "\u00a0",
    ".",
    "..",
    "/",
    "./",
    "../..",
    "..\\",
    "a/../b",
    "a//b",
    "a\n",
    "a\x00",
    "\u200b",
    "\ud800",
]


@in_pairs({"connect": CLIENTS, "operation": ["get", "delete"], "id": IDS})
def test_an_id_that_could_mean_something_else_is_refused(connect: Connect, operation: str, id: str) -> None:
    wire = Wire()
    for run in (id, FailedRun({"dlqId": id})):
        with pytest.raises(ValueError, match="dlq_id"):
            getattr(connect(transport=wire), operation)(run)
    assert wire.sent == []


@pytest.mark.parametrize("operation", ["get", "delete"])
def test_an_id_must_be_a_string_or_a_run(connect: Connect, operation: str) -> None:
    wire = Wire()
    client = connect(transport=wire)
    for run in (5, None, b"1", ["1"]):
        with pytest.raises((TypeError, ValueError), match="dlq_id"):
            getattr(client, operation)(run)
    with pytest.raises(ValueError, match="has no dlq_id"):
        getattr(client, operation)(FailedRun({}))
    with pytest.raises(InvalidResponseError, match="dlqId of failed run 5"):
        getattr(client, operation)(FailedRun({"dlqId": 5}))
    assert wire.sent == []


@pytest.mark.parametrize("body", [b"", b"OK", b'"1"', b"[]", b"null", b"{", b"\xff", b"[" * 100_000])
def test_a_success_that_is_no_run_is_an_invalid_response(connect: Connect, body: bytes) -> None:
    with pytest.raises(
        InvalidResponseError, match=r"the answer to GET https://qstash\.upstash\.io/v2/workflows/dlq/1 "
    ) as caught:
        connect(transport=Wire(httpx.Response(200, content=body))).get("1")
    assert isinstance(caught.value, ValueError)
