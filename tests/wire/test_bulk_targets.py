"""A list as `dlq_ids`: what narrows it must be there, or the whole queue is meant by mistake."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from blocking import AnyClient
from conftest import Connect
from fakes import Wire, page
from pairs import CLIENTS, in_pairs


def listed(client: AnyClient, **arguments: Any) -> Any:
    """The list itself, and not the face that the tests put before the async one."""
    runs: Any = client.list(**arguments)
    return getattr(runs, "_runs", runs) if not hasattr(runs, "_listing") else runs


def scanned(client: AnyClient, **arguments: Any) -> Any:
    runs: Any = client.scan(**arguments)
    return getattr(runs, "_runs", runs) if not hasattr(runs, "_request") else runs


WHOLE_QUEUE: dict[str, Callable[[AnyClient], Any]] = {
    "list": lambda client: listed(client),
    "a filter that is None": lambda client: listed(client, label=None, page_size=10),
    "scan": lambda client: scanned(client, workers=2),
}
NARROWED: dict[str, Callable[[AnyClient], Any]] = {
    "a filter": lambda client: listed(client, label="a"),
    "a limit": lambda client: listed(client, limit=5),
    "a status": lambda client: listed(client, response_status=500),
    "dates": lambda client: scanned(client, from_date="2026-11-22T00:00:00Z", workers=1),
}


@in_pairs(
    {"connect": CLIENTS, "operation": ["delete_many", "resume_many", "restart_many"], "target": list(WHOLE_QUEUE)}
)
def test_a_list_of_the_whole_queue_is_refused_before_anything_is_sent(
    connect: Connect, operation: str, target: str
) -> None:
    wire = Wire()
    client = connect(transport=wire)
    with pytest.raises(ValueError, match="the whole queue: to mean that, pass all=True"):
        getattr(client, operation)(dlq_ids=WHOLE_QUEUE[target](client))
    assert wire.sent == []


@pytest.mark.parametrize("target", NARROWED)
def test_a_list_that_is_narrowed_is_acted_on_by_its_ids(connect: Connect, target: str) -> None:
    wire = Wire(page("1", "2", responseStatus=500), {"deleted": 2})
    client = connect(transport=wire)
    assert client.delete_many(dlq_ids=NARROWED[target](client)) == 2
    assert wire.sent[-1] == "DELETE /v2/workflows/dlq?count=100&dlqIds=1&dlqIds=2"
