"""`windows`: a range of time as plain data. Each window can be sent anywhere, and together they are the range."""

from __future__ import annotations

import json
import pickle
from datetime import UTC, datetime, timedelta, timezone
from itertools import pairwise
from typing import Any

import pytest
from conftest import Connect
from fakes import Wire, page
from upstash_workflow_dlq import DLQClient, FailedRun

START = 1_790_000_000_000
HOUR = 3_600_000


def windows(*range_and_parts: Any, **filters: Any) -> list[Any]:
    with DLQClient("t0ken", transport=Wire()) as dlq:
        return [*dlq.windows(*range_and_parts, **filters)]


@pytest.mark.parametrize("parts", [1, 2, 3, 7, 1000])
@pytest.mark.parametrize("length", [1, 2, 999, 1000, 1001, HOUR, 90 * 24 * HOUR + 1])
def test_windows_touch_do_not_overlap_and_are_together_the_range(length: int, parts: int) -> None:
    found = windows(START, START + length - 1, parts)
    assert (found[0]["from_date"], found[-1]["to_date"]) == (START, START + length - 1)
    for one, following in pairwise(found):
        assert one["to_date"] + 1 == following["from_date"]
    lengths = {window["to_date"] + 1 - window["from_date"] for window in found}
    assert min(lengths) >= 1
    assert max(lengths) - min(lengths) <= 1, "none has much more to do than another"
    assert len(found) == min(parts, length), "no time is shorter than a millisecond"


def test_windows_take_dates_and_filters_as_the_list_does_and_give_plain_ones() -> None:
    moment = datetime.fromtimestamp(START / 1000, UTC)
    found = windows(
        moment.astimezone(timezone(timedelta(hours=5))),
        (moment + timedelta(milliseconds=3)).isoformat(),
        2,
        label={"a"},
        workflow_url="https://my.app/w",
        workflow_run_id="wfr_1",
        workflow_created_at=moment,
        failure_function_state=None,
        response_status=iter([504, 502]),
    )
    filters = {
        "label": ["a"],
        "workflow_url": ["https://my.app/w"],
        "workflow_run_id": "wfr_1",
        "workflow_created_at": START,
        "response_status": [502, 504],
    }
    assert found == [
        {**filters, "from_date": START, "to_date": START + 1},
        {**filters, "from_date": START + 2, "to_date": START + 3},
    ]
    assert json.loads(json.dumps(found)) == pickle.loads(pickle.dumps(found)) == found
    found[0]["label"].append("b")
    assert found[1]["label"] == ["a"], "each has lists of its own"


def test_a_window_is_what_the_list_takes_and_nothing_is_sent_before(connect: Connect) -> None:
    wire = Wire(page("1"))
    client = connect(transport=wire)
    [window] = client.windows(START, START + 5, 1, label="a")
    assert wire.sent == []
    assert [run.dlq_id for run in client.list(**window)] == ["1"]
    assert wire.sent == [f"GET /v2/workflows/dlq?count=100&label=a&fromDate={START}&toDate={START + 5}"]


@pytest.mark.parametrize(
    ("arguments", "filters", "kind", "complaint"),
    [
        ((START, None, 2), {}, TypeError, "to_date is None: windows need both ends"),
        ((None, START, 2), {}, TypeError, "from_date is None"),
        ((START + 1, START, 2), {}, ValueError, "from_date is after to_date"),
        ((START // 1000, START, 2), {}, ValueError, "looks like Unix seconds"),
        ((START, datetime(2026, 1, 1), 2), {}, ValueError, "no time zone"),
        ((START, START, 0), {}, ValueError, "parts is 0; it must be 1 to 100000"),
        ((START, START, 100_001), {}, ValueError, "parts is 100001; it must be 1 to 100000"),
        ((START, START, 2.0), {}, TypeError, "parts takes an int, not float"),
        ((START, START, True), {}, TypeError, "parts takes an int, not bool"),
        ((START, START, 2), {"label": ""}, ValueError, "label is empty"),
        ((START, START, 2), {"lable": "a"}, TypeError, "did you mean label"),
        # The list takes these as datetimes, but as the ints that a window has it would refuse them.
        ((datetime(1999, 1, 1, tzinfo=UTC), START, 2), {}, ValueError, "from_date 1999-01-01 00:00:00.00:00 is not in"),
        ((START, "2100-01-01T00:00:00Z", 2), {}, ValueError, "to_date 2100-01-01T00:00:00Z is not in the years"),
        (
            (START, START, 2),
            {"workflow_created_at": datetime(1970, 1, 1, tzinfo=UTC)},
            ValueError,
            "workflow_created_at 1970",
        ),
    ],
)
def test_bad_arguments_are_refused(arguments: Any, filters: Any, kind: type[Exception], complaint: str) -> None:
    with pytest.raises(kind, match=complaint):
        windows(*arguments, **filters)


def test_a_run_is_pickled_as_its_payload_and_nothing_else(recorded_run: dict[str, Any]) -> None:
    content = len(json.dumps(recorded_run, separators=(",", ":")))
    with DLQClient("t0ken", transport=Wire({"messages": [recorded_run]})) as dlq:
        [run] = dlq.list()
    for read in (run, FailedRun(recorded_run)):
        assert read.failure.name == "WorkflowNonRetryableError"
        pickled = pickle.dumps(read)
        assert pickle.loads(pickled) == read
        assert len(pickled) < content * 1.1
