"""GET /v2/dlq?source=workflow, where the vendor's JavaScript SDK lists."""

from typing import Any

import httpx
import pytest
from upstash_workflow_dlq.emulator import Emulator, failed_runs


def ask(dlq: Emulator, **params: Any) -> httpx.Response:
    return httpx.get(f"{dlq.url}/v2/dlq", params=params, headers={"Authorization": f"Bearer {dlq.token}"})


@pytest.mark.parametrize("params", [{}, {"count": 7}, {"label": "billing"}, {"cursor": "1752829295505-0"}])
def test_it_is_the_same_list(dlq_emulator: Emulator, http: httpx.Client, params: dict[str, Any]) -> None:
    dlq_emulator.add(*failed_runs(150))
    answer = ask(dlq_emulator, source="workflow", **params)
    assert answer.status_code == 200
    assert answer.json() == http.get("/dlq", params=params).json()


@pytest.mark.parametrize("params", [{}, {"source": ""}, {"source": "qstash"}, {"source": "workflow", "count": 0}])
def test_anything_else_is_a_bad_request(dlq_emulator: Emulator, params: dict[str, Any]) -> None:
    answer = ask(dlq_emulator, **params)
    assert answer.status_code == 400
    assert list(answer.json()) == ["error"]


def test_it_takes_no_other_method(dlq_emulator: Emulator) -> None:
    url = f"{dlq_emulator.url}/v2/dlq?source=workflow"
    assert httpx.post(url, headers={"Authorization": f"Bearer {dlq_emulator.token}"}).status_code == 405
