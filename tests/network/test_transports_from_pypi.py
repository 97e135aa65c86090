"""Transports from PyPI, which report a lost answer as a connection that was never made. Over real connections."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import anyio
import httpx
import pytest
from conftest import TOKEN
from fakes import FakeClock
from httpx_aiohttp import AiohttpTransport
from loopback import Loopback, close, reset
from pyreqwest.compatibility.httpx import HttpxTransport, SyncHttpxTransport
from upstash_workflow_dlq import AsyncDLQClient, BulkError, DLQClient, TransportError

ACTIONS: list[tuple[str, dict[str, Any]]] = [
    ("resume", {"run": "1-0"}),
    ("restart", {"run": "1-0"}),
    ("retry_failure_callback", {"run": "1-0"}),
    ("cancel_failure_callback", {"run": "1-0"}),
    *((operation, {"label": "a"}) for operation in ("resume_many", "restart_many", "delete_many")),
]
DELETES = ("cancel_failure_callback", "delete_many")

# Each transport from PyPI, and what it leaves to us: aiohttp sends a DELETE whose answer is lost again by itself.
OVER_ASYNC_TRANSPORTS = [
    *((HttpxTransport, *action) for action in ACTIONS),
    *((AiohttpTransport, *action) for action in ACTIONS if action[0] not in DELETES),
]


@pytest.mark.parametrize(("transport", "operation", "arguments"), OVER_ASYNC_TRANSPORTS)
@pytest.mark.parametrize("lose", [close, reset])
def test_an_action_whose_answer_is_lost_reaches_the_service_once_over_async_transports(
    clock: FakeClock, lose: Any, transport: Callable[[], httpx.AsyncBaseTransport], operation: str, arguments: Any
) -> None:
    async def main(service: Loopback) -> None:
        async with AsyncDLQClient(TOKEN, base_url=service.url, transport=transport()) as client:
            with pytest.raises((TransportError, BulkError)):
                await getattr(client, operation)(**arguments)

    with Loopback(lose) as service:
        anyio.run(main, service, backend="asyncio")
    assert len(service.requests) == 1


@pytest.mark.parametrize(("operation", "arguments"), ACTIONS)
@pytest.mark.parametrize("lose", [close, reset])
def test_an_action_whose_answer_is_lost_reaches_the_service_once_over_sync_transports(
    clock: FakeClock, lose: Any, operation: str, arguments: Any
) -> None:
    with (
        Loopback(lose) as service,
        DLQClient(TOKEN, base_url=service.url, transport=SyncHttpxTransport()) as client,
        pytest.raises((TransportError, BulkError)),
    ):
        getattr(client, operation)(**arguments)
    assert len(service.requests) == 1
