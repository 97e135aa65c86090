"""Checked by mypy --strict and never run: what a user's type checker sees."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, assert_type

import httpx
from upstash_workflow_dlq import (
    AsyncDLQClient,
    DLQClient,
    FailedRun,
    Failure,
    FailureFunction,
    FailureFunctionState,
    FlowControl,
    Page,
    RateLimitError,
    Retry,
    RunFilters,
    StartedRun,
    Step,
)
from upstash_workflow_dlq.contract import ContractMonitor, Drift
from upstash_workflow_rest import AuthenticatedClient
from upstash_workflow_rest.models import WorkflowDLQMessage


def sync() -> None:
    filters: RunFilters = {"label": {"billing", "email"}, "from_date": datetime.now(UTC)}
    with DLQClient("t0ken", retry=Retry(total=3), transport=httpx.HTTPTransport()) as dlq:
        assert_type(dlq, DLQClient)
        for run in dlq.list(limit=3, **filters):
            assert_type(run, FailedRun)
            dlq.delete(run)
        for page in dlq.list(label="a", response_status=[500, 502]).pages():
            assert_type(page, Page)
            assert_type(page.cursor, str | None)
        for run in dlq.scan(datetime.now(UTC), workers=4, label="a"):
            assert_type(run, FailedRun)
        dlq.scan(to_date=5, limit=3)  # type: ignore[call-arg]
        for window in dlq.windows(datetime.now(UTC), "2026-11-22T03:00:00Z", 8, label="a"):
            assert_type(window, RunFilters)
            assert_type(dlq.count(**window), int)
            dlq.list(limit=3, **window)
        assert_type(dlq.list(prefetch=True).first(), FailedRun | None)
        assert_type(dlq.get("1"), FailedRun)
        assert_type(dlq.count(failure_function_state=FailureFunctionState.CALLBACK_FAIL), int)
        assert_type(dlq.low_level, AuthenticatedClient)
        assert_type(dlq.resume("1", retries=3, delay=timedelta(seconds=5)), StartedRun)
        assert_type(dlq.restart("1", flow_control=FlowControl("k", rate=1), label=["a"]), StartedRun)
        assert_type(dlq.retry_failure_callback("1"), StartedRun)
        assert_type(dlq.delete_many(all=True), int)
        assert_type(dlq.delete_many(dlq_ids=dlq.list(), dry_run=True), list[FailedRun])
        assert_type(dlq.resume_many(label="a", on_progress=print), list[StartedRun])
        assert_type(dlq.resume_many(label="a", dry_run=True), list[FailedRun])
        assert_type(dlq.restart_many(dlq_ids=["1"], overrides={"retries": 0}), list[StartedRun])
        dlq.resume("1", flavour="sour")  # type: ignore[call-arg]
        dlq.delete_many(all=True, overrides={})  # type: ignore[call-overload]
        dlq.list(flavour="sour")  # type: ignore[call-arg]
        dlq.list(label=5)  # type: ignore[arg-type]
        DLQClient(transport=httpx.AsyncHTTPTransport())  # type: ignore[arg-type]


async def asynchronous() -> None:
    async with AsyncDLQClient(region="eu-central-1", auth="query", transport=httpx.AsyncHTTPTransport()) as dlq:
        assert_type(dlq, AsyncDLQClient)
        async for run in dlq.scan("2026-11-22T03:00:00Z", response_status=500):
            assert_type(run, FailedRun)
        async for run in dlq.list(workflow_url="https://my.app", prefetch=True):
            assert_type(run, FailedRun)
        async for page in dlq.list().pages():
            assert_type(page, Page)
        assert_type(await dlq.list().first(), FailedRun | None)
        assert_type(await dlq.get("1"), FailedRun)
        assert_type(await dlq.count(), int)
        assert_type(await dlq.resume("1"), StartedRun)
        assert_type(await dlq.delete_many(dlq_ids=dlq.list(label="a")), int)
        assert_type(await dlq.restart_many(all=True), list[StartedRun])
        assert_type(await dlq.resume_many(all=True, dry_run=True), list[FailedRun])
        AsyncDLQClient(transport=httpx.HTTPTransport())  # type: ignore[arg-type]


def fields(run: FailedRun) -> None:
    assert_type(run.dlq_id, str | None)
    assert_type(run.created_at, datetime | None)
    assert_type(run.labels, tuple[str, ...])
    assert_type(run.headers, httpx.Headers)
    assert_type(run.body, bytes | None)
    assert_type(run.body_text, str | None)
    assert_type(run.failure, Failure)
    assert_type(run.failure_function, FailureFunction | None)
    assert_type(run.stack, str | None)
    assert_type(run.steps, tuple[Step, ...])
    assert_type(run.initial_payload, bytes | None)
    assert_type(run.redacted, tuple[str, ...])
    assert_type(run.entered_at, datetime | None)
    assert_type(run.expires_at(timedelta(days=7)), datetime | None)
    assert_type(run.extra, dict[str, Any])
    assert_type(run.message, WorkflowDLQMessage)
    if run.failure_function is not None:
        assert_type(run.failure_function.state, FailureFunctionState | str | None)


def limits(error: RateLimitError) -> None:
    assert_type(error.reset_at, datetime | None)
    assert_type(error.retry_after, float | None)


def contract(dlq: DLQClient, asynchronous: AsyncDLQClient) -> None:
    with ContractMonitor(sample=0.1, ignore={"messageId", 429}, on_drift=print).watching(dlq) as monitor:
        monitor.watch(asynchronous)
        assert_type(monitor.report(), tuple[Drift, ...])
        assert_type(monitor.to_json(), str)
    monitor.watch(httpx.Client())  # type: ignore[arg-type]
