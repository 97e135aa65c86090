"""Times at and beyond the edges of the calendar: in payloads, in headers and in arguments."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import httpx
import pytest
from conftest import Connect
from fakes import Wire, page
from pairs import CLIENTS, in_pairs
from upstash_workflow_dlq import FlowControl, InvalidResponseError, RateLimitError, StartedRun

# In an answer: what no datetime holds, and what is no time.
NO_TIMES = [
    '"0001-01-01T00:00:00+01:00"',
    '"9999-12-31T24:00:00Z"',
    '"9999-12-31T23:59:59-01:00"',
    '"2026-13-01T00:00:00Z"',
    '"2026-W54"',
    '"2026-11-22T03:00:00+99:99"',
    '"\\u0000"',
    '"\\ud800"',
    '"\\u0662026-11-22T03:00:00Z"',
    '"' + "9" * 5000 + '"',
    "253402300800000",
    "-62135596800001",
    "9223372036854775808",
    "-1e300",
    "1e999",
    "9" * 400,
    "9" * 5000,
    "1.5",
    "{}",
    "true",
]


@pytest.mark.parametrize("created", NO_TIMES, ids=lambda text: text[:30])
def test_a_started_run_is_not_lost_for_the_sake_of_its_time(connect: Connect, created: str) -> None:
    one = f'{{"workflowRunId": "wfr_1", "workflowCreatedAt": {created}}}'.encode()
    many = b'{"workflowRuns": [%b, {"workflowRunId": "wfr_2", "workflowCreatedAt": 0}]}' % one
    for operation in ("resume", "restart", "retry_failure_callback"):
        client = connect(transport=Wire(httpx.Response(200, content=one)))
        assert getattr(client, operation)("1-0")[:2] == ("wfr_1", None)
    for operation in ("resume_many", "restart_many"):
        client = connect(transport=Wire(httpx.Response(200, content=many)))
        started: list[StartedRun] = getattr(client, operation)(all=True)
        assert [run[:2] for run in started] == [("wfr_1", None), ("wfr_2", datetime(1970, 1, 1, tzinfo=UTC))]


@pytest.mark.parametrize("created", NO_TIMES, ids=lambda text: text[:30])
def test_a_time_that_cannot_be_read_spoils_only_itself(connect: Connect, created: str) -> None:
    content = b'{"messages": [{"dlqId": "1-0", "workflowCreatedAt": %b, "notBefore": %b}]}'
    wire = Wire(httpx.Response(200, content=content % (created.encode(), created.encode())))
    [run] = connect(transport=wire).list()
    assert run.dlq_id == "1-0"
    for field in ("workflow_created_at", "not_before"):
        with pytest.raises(InvalidResponseError, match="of failed run '1-0' should be "):
            getattr(run, field)


@in_pairs(
    {
        "connect": CLIENTS,
        "text": [
            "9999-12-31T24:00:00Z",
            "2026-13-01T00:00:00Z",
            "2026-11-22T03:00:00+99:99",
            "\x00",
            "\ud800",
            "\u0662026-11-22T03:00:00Z",
            "9" * 5000,
        ],
        "name": ["from_date", "to_date", "workflow_created_at"],
    }
)
def test_a_filter_that_is_no_time_is_a_value_error(connect: Connect, name: str, text: str) -> None:
    wire = Wire()
    with pytest.raises(ValueError, match=f"{name} .* is not an ISO 8601 time"):
        connect(transport=wire).count(**{name: text})  # type: ignore[arg-type]
    assert wire.sent == []


@pytest.mark.parametrize(
    ("moment", "milliseconds"),
    [
        ("0001-01-01T00:00:00+01:00", -62135600400000),
        (datetime.max.replace(tzinfo=UTC) - timedelta(microseconds=999), 253402300799999),
    ],
)
def test_the_first_and_the_last_time_are_times(connect: Connect, moment: Any, milliseconds: int) -> None:
    wire = Wire(page())
    assert connect(transport=wire).count(from_date=moment) == 0
    assert wire.sent == [f"GET /v2/workflows/dlq?count=100&fromDate={milliseconds}"]


@pytest.mark.parametrize("period", [10**12, 10**30])
def test_a_period_is_as_long_as_it_is_written(connect: Connect, period: int) -> None:
    wire = Wire({"workflowRunId": "wfr_1"})
    connect(transport=wire).resume("1-0", flow_control=FlowControl("k", rate=1, period=period))
    assert wire.requests[0].headers["Upstash-Flow-Control-Value"] == f"rate=1, period={period}s"


BEYOND_THE_CALENDAR = [
    "Mon, 20 Nov 9999999999 12:00:00 GMT",
    "Mon, 20 Nov 10000 12:00:00 GMT",
    "Mon, 20 Nov 0000 12:00:00 GMT",
    "Mon, 20 Nov 2026 12:00:00 +9999999999",
    "Mon, 99 Nov 2026 12:00:00 GMT",
    "Mon, 20 Nov 2026 99:99:99 GMT",
    "\ud800".encode("utf-8", "surrogatepass").decode("latin-1"),
    "\u0662",
]


@in_pairs(
    {"connect": CLIENTS, "status": [429, 503], "when": list(BEYOND_THE_CALENDAR), "name": ["Retry-After", "Date"]}
)
def test_headers_beyond_the_calendar_are_not_followed(
    connect: Connect, waits: list[float], status: int, when: str, name: str
) -> None:
    headers = [(b"Retry-After", b"Mon, 20 Nov 2000 12:00:00 GMT")] if name == "Date" else []
    refused = httpx.Response(status, headers=[*headers, (name.encode(), when.encode())])
    assert connect(transport=Wire(refused, page("1"))).count() == 1
    assert len(waits) == 1
    assert waits[0] <= 0.5


@in_pairs({"connect": CLIENTS, "offset": [-600, -1, 0, 1, 600, 10**9], "status": [429, 503]})
def test_a_date_to_come_back_at_is_a_moment_on_the_clock_of_the_server(
    connect: Connect, waits: list[float], status: int, offset: int
) -> None:
    answered = datetime.fromtimestamp(int(time.time()), UTC) + timedelta(seconds=offset)
    headers = {"Date": http_date(answered), "Retry-After": http_date(answered + timedelta(seconds=2))}
    assert connect(transport=Wire(httpx.Response(status, headers=headers), page("1"))).count() == 1
    assert waits == [2]


@pytest.mark.parametrize("offset", [-600, 600])
def test_the_error_says_so_too(connect: Connect, offset: int) -> None:
    answered = datetime.fromtimestamp(int(time.time()), UTC) + timedelta(seconds=offset)
    headers = {"Date": http_date(answered), "Retry-After": http_date(answered + timedelta(seconds=2))}
    with pytest.raises(RateLimitError) as caught:
        connect(transport=Wire(httpx.Response(429, headers=headers)), retry=None).get("1-0")
    assert caught.value.retry_after == 2


def http_date(moment: datetime) -> str:
    return format_datetime(moment, usegmt=True)
