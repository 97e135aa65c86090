"""Transports that are not httpx's own: what they call a failed connection may be a lost answer."""

from __future__ import annotations

import socket
from typing import Any

import httpx
import pytest
from conftest import Connect
from pairs import CLIENTS, in_pairs
from upstash_workflow_dlq import BulkError, ConfigurationError, DLQClient, TransportError

ACTIONS: list[tuple[str, dict[str, Any]]] = [
    ("resume", {"run": "1-0"}),
    ("restart", {"run": "1-0"}),
    ("retry_failure_callback", {"run": "1-0"}),
    ("cancel_failure_callback", {"run": "1-0"}),
    *((operation, {"label": "a"}) for operation in ("resume_many", "restart_many", "delete_many")),
]


@in_pairs(
    {
        "connect": CLIENTS,
        ("operation", "arguments"): list(ACTIONS),
        "error": [httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout],
    }
)
def test_what_a_transport_says_of_connections_proves_nothing(
    connect: Connect, waits: list[float], error: type[httpx.TransportError], operation: str, arguments: Any
) -> None:
    transport = Losing(error)
    with pytest.raises((TransportError, BulkError)):
        getattr(connect(transport=transport), operation)(**arguments)
    assert transport.requests == 1
    assert waits == []


def test_neither_does_what_a_subclass_of_httpxs_own_says(connect: Connect, waits: list[float]) -> None:
    requests: list[httpx.Request] = []

    class Sync(httpx.HTTPTransport):
        def handle_request(self, request: httpx.Request) -> httpx.Response:
            requests.append(request)
            raise httpx.ConnectError("the answer was lost")

    class Async(httpx.AsyncHTTPTransport):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            requests.append(request)
            raise httpx.ConnectError("the answer was lost")

    client = connect(transport=Sync() if is_sync(connect) else Async())
    with pytest.raises(TransportError):
        client.resume("1-0")
    assert len(requests) == 1


@pytest.mark.parametrize("error", [httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout])
def test_a_delete_after_such_an_error_may_have_been_done(
    connect: Connect, waits: list[float], error: type[httpx.TransportError]
) -> None:
    transport = Losing(error, then=httpx.Response(404, json={"error": "no such message"}))
    assert connect(transport=transport).delete("1-0") is None
    assert transport.requests == 2


@in_pairs(
    {
        "connect": CLIENTS,
        ("operation", "arguments"): ACTIONS[:3],
        "error": [httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout],
    }
)
def test_the_caller_can_say_that_nothing_was_sent(
    connect: Connect, waits: list[float], error: type[httpx.TransportError], operation: str, arguments: Any
) -> None:
    transport = Losing(error, then=httpx.Response(200, json={"workflowRunId": "wfr_1"}))
    started = getattr(connect(transport=transport, trust_connect_errors=True), operation)(**arguments)
    assert started.workflow_run_id == "wfr_1"
    assert transport.requests == 2


@pytest.mark.parametrize("given", [False, True])
def test_httpxs_own_transports_are_believed(connect: Connect, waits: list[float], given: bool) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    own = {"transport": httpx.HTTPTransport() if is_sync(connect) else httpx.AsyncHTTPTransport()} if given else {}
    with pytest.raises(TransportError, match="ConnectError"):
        connect(base_url=f"http://127.0.0.1:{port}", **own).resume("1-0")
    assert len(waits) == 5


def test_trust_is_given_by_true_or_false(connect: Connect) -> None:
    with pytest.raises(ConfigurationError, match="trust_connect_errors must be True or False, not str"):
        connect(transport=Losing(httpx.ConnectError), trust_connect_errors="yes")


class Losing(httpx.MockTransport):
    """Takes the first request and raises; answers the ones after it with `then`."""

    def __init__(self, error: type[httpx.TransportError], then: httpx.Response | None = None) -> None:
        super().__init__(self._answer)
        self.requests = 0
        self._error = error
        self._then = then

    def _answer(self, request: httpx.Request) -> httpx.Response:
        self.requests += 1
        if self.requests == 1 or self._then is None:
            raise self._error("the answer was lost")
        return self._then


def is_sync(connect: Connect) -> bool:
    return isinstance(connect(transport=httpx.MockTransport(lambda request: httpx.Response(200))), DLQClient)
