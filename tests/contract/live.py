"""`nox -s contract -- --live`: the real service, held against the spec. Reads only. Not collected otherwise."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from upstash_workflow_dlq import DLQClient, NotFoundError
from upstash_workflow_dlq._core.run import FailedRun
from upstash_workflow_dlq.contract import ContractMonitor, Drift, DriftKind

# Taken before conftest hides the environment from the tests: the token, and the proxies on the way to the service.
ENVIRON = {name: value for name, value in os.environ.items() if "QSTASH" in name or name.lower().endswith("_proxy")}

pytestmark = pytest.mark.skipif(
    not any("TOKEN" in name for name in ENVIRON),
    reason="nothing was sent, no report written: set QSTASH_TOKEN (and QSTASH_URL or QSTASH_REGION) to ask the service",
)


@pytest.fixture(scope="module")
def monitor(request: pytest.FixtureRequest) -> Iterator[ContractMonitor]:
    """Writes what it saw to a file in the end, whatever became of the tests."""
    monitor = ContractMonitor()
    yield monitor
    report = Path(request.config.getoption("--report"))
    report.write_text(monitor.to_json(), "utf-8")
    with request.config.pluginmanager.getplugin("capturemanager").global_and_fixture_disabled():
        print(f"\n{len(monitor.report())} kinds of drift in {monitor.checked} answers: see {report}")


@pytest.fixture
def dlq(monkeypatch: pytest.MonkeyPatch, monitor: ContractMonitor) -> Iterator[DLQClient]:
    for name, value in ENVIRON.items():
        monkeypatch.setenv(name, value)
    with read_only_client() as client, monitor.watching(client):
        yield client


def read_only_client() -> DLQClient:
    """A client as users have it, on its own transport, whose every request but a read fails before it is sent."""
    client = DLQClient()
    tokens = client._connection.sender._inner
    tokens._inner = ReadsOnly(tokens._inner)
    return client


class ReadsOnly(httpx.BaseTransport):
    def __init__(self, inner: httpx.BaseTransport) -> None:
        self._inner = inner

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        assert request.method == "GET", "the live contract only reads"
        return self._inner.handle_request(request)

    def close(self) -> None:
        self._inner.close()


def undocumented_fields(monitor: ContractMonitor) -> set[str]:
    return {drift.path for drift in monitor.report() if drift.kind is DriftKind.UNDOCUMENTED_FIELD}


def worse(monitor: ContractMonitor) -> list[Drift]:
    """Drift beyond undocumented fields, of which every real payload has some."""
    return [drift for drift in monitor.report() if drift.kind is not DriftKind.UNDOCUMENTED_FIELD]


def test_pages_are_as_the_spec_says(dlq: DLQClient, monitor: ContractMonitor) -> None:
    for _ in dlq.list(page_size=50, limit=200):
        pass
    assert monitor.checked
    assert worse(monitor) == []


def test_a_run_is_as_the_spec_says(dlq: DLQClient, monitor: ContractMonitor) -> None:
    run = dlq.list().first()
    if run is None:
        pytest.skip("the queue is empty")
    assert dlq.get(run).dlq_id == run.dlq_id
    assert worse(monitor) == []


def test_a_missing_run_is_as_the_spec_says(dlq: DLQClient, monitor: ContractMonitor) -> None:
    with pytest.raises(NotFoundError):
        dlq.get("1-0")
    assert worse(monitor) == []


def test_every_field_is_known_to_the_wrapper(dlq: DLQClient, monitor: ContractMonitor) -> None:
    for _ in dlq.list(limit=200):
        pass
    assert {path.removeprefix("messages[].") for path in undocumented_fields(monitor)} <= FailedRun._KNOWN
