"""Listing on the wire, sync and async."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from enum import Enum
from typing import Any

import httpx
import pytest
from conftest import Connect
from fakes import Wire, page
from upstash_workflow_dlq import (
    FailedRun,
    FailureFunctionState,
    InvalidResponseError,
    Page,
    PaginationError,
    ServerError,
)


def ids(runs: Any) -> list[str | None]:
    return [run.dlq_id for run in runs]


def test_a_list_asks_for_pages_of_a_hundred(connect: Connect) -> None:
    wire = Wire(page("1"))
    assert ids(connect(transport=wire).list()) == ["1"]
    assert wire.sent == ["GET /v2/workflows/dlq?count=100"]


def test_the_cursor_is_followed_to_the_end(connect: Connect) -> None:
    wire = Wire(page("3", "2", cursor="1752570296426-0"), page("1", cursor="c/2"), page("0"))
    assert ids(connect(transport=wire).list(page_size=2)) == ["3", "2", "1", "0"]
    assert wire.sent == [
        "GET /v2/workflows/dlq?count=2",
        "GET /v2/workflows/dlq?cursor=1752570296426-0&count=2",
        "GET /v2/workflows/dlq?cursor=c%2F2&count=2",
    ]


@pytest.mark.parametrize("ending", [{}, {"cursor": ""}, {"cursor": None}], ids=["absent", "empty", "null"])
def test_each_ending_of_the_cursor_ends_the_list(connect: Connect, ending: dict[str, Any]) -> None:
    wire = Wire(page("1", cursor="a"), page("2") | ending)
    assert ids(connect(transport=wire).list()) == ["1", "2"]


def test_an_empty_page_with_a_cursor_is_not_the_end(connect: Connect) -> None:
    wire = Wire(page(cursor="a"), page("1", cursor="b"), page(cursor="c"), page("2"))
    assert ids(connect(transport=wire).list()) == ["1", "2"]


@pytest.mark.parametrize("messages", [{}, {"messages": None}, {"messages": []}], ids=["absent", "null", "empty"])
def test_a_page_without_messages_is_an_empty_page(connect: Connect, messages: dict[str, Any]) -> None:
    wire = Wire(messages | {"cursor": "a"}, page("1"))
    assert ids(connect(transport=wire).list()) == ["1"]


@pytest.mark.parametrize("cursors", [["a", "a"], ["a", "b", "a"]], ids=["the same twice", "going in a circle"])
def test_a_cursor_that_comes_back_raises_after_its_page_was_delivered(connect: Connect, cursors: list[str]) -> None:
    wire = Wire(*(page(str(number), cursor=cursor) for number, cursor in enumerate(cursors)))
    seen: list[str | None] = []
    runs = connect(transport=wire).list()
    with pytest.raises(PaginationError, match="'a' twice"):
        seen.extend(run.dlq_id for run in runs)
    assert seen == [str(number) for number in range(len(cursors))]
    assert len(wire.sent) == len(cursors)


def test_the_cursor_it_started_from_may_not_come_back_either(connect: Connect) -> None:
    wire = Wire(page("1", cursor="a"))
    with pytest.raises(PaginationError):
        list(connect(transport=wire).list(cursor="a"))


def test_nothing_is_sent_before_iteration_nor_before_it_is_needed(connect: Connect) -> None:
    wire = Wire(page("1", "2", cursor="a"), page("3"))
    runs = connect(transport=wire).list()
    assert wire.sent == []
    walk = iter(runs)
    assert wire.sent == []
    assert [next(walk).dlq_id, next(walk).dlq_id] == ["1", "2"]
    assert len(wire.sent) == 1
    assert next(walk).dlq_id == "3"
    assert len(wire.sent) == 2


def test_iterating_again_reads_again(connect: Connect) -> None:
    wire = Wire(page("1"), page("2"))
    runs = connect(transport=wire).list(label=(label for label in ["a", "b"]))
    assert ids(runs) == ["1"]
    assert ids(runs) == ["2"]
    assert wire.sent == ["GET /v2/workflows/dlq?count=100&label=a&label=b"] * 2


def test_pages_carry_the_cursor_to_go_on_from(connect: Connect) -> None:
    client = connect(transport=Wire(page("1", "2", cursor="a"), page("3", cursor="")))
    assert list(client.list().pages()) == [
        Page((FailedRun({"dlqId": "1"}), FailedRun({"dlqId": "2"})), "a"),
        Page((FailedRun({"dlqId": "3"}),), None),
    ]


def test_a_list_goes_on_from_a_cursor(connect: Connect) -> None:
    wire = Wire(page("3"))
    assert ids(connect(transport=wire).list(cursor="a")) == ["3"]
    assert wire.sent == ["GET /v2/workflows/dlq?cursor=a&count=100"]


def test_a_limit_asks_for_no_more_than_is_wanted(connect: Connect) -> None:
    wire = Wire(page("1", "2", cursor="a"), page("3", cursor="b"))
    assert ids(connect(transport=wire).list(page_size=2, limit=3)) == ["1", "2", "3"]
    assert wire.sent == ["GET /v2/workflows/dlq?count=2", "GET /v2/workflows/dlq?cursor=a&count=1"]


def test_a_limit_holds_where_the_service_sends_too_much(connect: Connect) -> None:
    assert ids(connect(transport=Wire(page("1", "2", "3"))).list(limit=2)) == ["1", "2"]


def test_a_limit_of_nothing_sends_nothing(connect: Connect) -> None:
    wire = Wire()
    client = connect(transport=wire)
    assert ids(client.list(limit=0)) == []
    assert client.list(limit=0).first() is None
    assert wire.sent == []


def test_first_asks_for_one_run(connect: Connect) -> None:
    wire = Wire(page("1", cursor="a"), page(cursor="b"), page("2"), page())
    client = connect(transport=wire)
    first = client.list().first()
    assert first is not None
    assert first.dlq_id == "1"
    second = client.list(limit=7).first()
    assert second is not None
    assert second.dlq_id == "2"
    assert client.list().first() is None
    assert wire.sent == [
        "GET /v2/workflows/dlq?count=1",
        "GET /v2/workflows/dlq?count=1",
        "GET /v2/workflows/dlq?cursor=b&count=1",
        "GET /v2/workflows/dlq?count=1",
    ]


def test_every_filter_has_its_parameter(connect: Connect) -> None:
    wire = Wire(page())
    runs = connect(transport=wire).list(
        label=["billing", "e-mail & co"],
        workflow_url="https://my.app/workflow?a=b",
        workflow_run_id="wfr_1",
        workflow_created_at=1752829293531,
        failure_function_state=FailureFunctionState.CALLBACK_FAIL,
        caller_ip="88.240.188.2",
        flow_control_key="tenant é",
        from_date=1752829293000,
        to_date=1752829294000,
    )
    assert ids(runs) == []
    assert wire.sent == [
        "GET /v2/workflows/dlq?count=100&fromDate=1752829293000&toDate=1752829294000"
        "&workflowUrl=https%3A%2F%2Fmy.app%2Fworkflow%3Fa%3Db"
        "&workflowRunId=wfr_1&workflowCreatedAt=1752829293531&label=billing&label=e-mail+%26+co"
        "&failureFunctionState=CALLBACK_FAIL&callerIp=88.240.188.2&flowControlKey=tenant+%C3%A9"
    ]


def test_filters_take_several_values(connect: Connect) -> None:
    wire = Wire(page())
    runs = connect(transport=wire).list(
        workflow_url=["https://a", "https://b"],
        failure_function_state=[FailureFunctionState.CALLBACK_FAIL, "CALLBACK_PAUSED"],
        caller_ip=(ip for ip in ["1.2.3.4", "::1"]),
        flow_control_key={"k": 1},
    )
    assert ids(runs) == []
    assert wire.sent == [
        "GET /v2/workflows/dlq?count=100&workflowUrl=https%3A%2F%2Fa&workflowUrl=https%3A%2F%2Fb"
        "&failureFunctionState=CALLBACK_FAIL&failureFunctionState=CALLBACK_PAUSED"
        "&callerIp=1.2.3.4&callerIp=%3A%3A1&flowControlKey=k"
    ]


def test_a_filter_that_is_none_is_not_sent(connect: Connect) -> None:
    wire = Wire(page())
    assert ids(connect(transport=wire).list(label=None, from_date=None, response_status=None)) == []
    assert wire.sent == ["GET /v2/workflows/dlq?count=100"]


def test_members_of_enumerations_stand_for_their_text(connect: Connect) -> None:
    class Name(str, Enum):  # noqa: UP042 - not a StrEnum, whose str() would do
        LABEL = "billing"
        CURSOR = "a"

    wire = Wire(page(), {"dlqId": "billing"})
    client = connect(transport=wire)
    assert ids(client.list(label=Name.LABEL, cursor=Name.CURSOR)) == []
    client.get(Name.LABEL)
    assert wire.sent == ["GET /v2/workflows/dlq?cursor=a&count=100&label=billing", "GET /v2/workflows/dlq/billing"]


def test_dates_before_1970_are_dates(connect: Connect) -> None:
    wire = Wire(page())
    assert ids(connect(transport=wire).list(to_date="1969-12-31T23:59:59Z")) == []
    assert wire.sent == ["GET /v2/workflows/dlq?count=100&toDate=-1000"]


def test_an_iterator_goes_on_after_an_error(connect: Connect) -> None:
    wire = Wire(page("1", cursor="a"), 500, page("2"))
    walk = iter(connect(transport=wire).list())
    assert next(walk).dlq_id == "1"
    with pytest.raises(ServerError):
        next(walk)
    assert next(walk).dlq_id == "2"
    assert wire.sent[1] == wire.sent[2]


@pytest.fixture
def few_objects() -> Iterator[None]:
    """`gc` sees only objects made from now on. To go through all that other tests left takes seconds."""
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.mark.usefixtures("few_objects")
def test_no_page_is_held_while_the_next_is_read(connect: Connect) -> None:
    alive: list[int] = []

    def answer(request: httpx.Request) -> httpx.Response:
        gc.collect()
        objects = [thing for thing in gc.get_objects() if isinstance(thing, FailedRun)]
        alive.append(sum(str(run.dlq_id).startswith("held") for run in objects))
        return httpx.Response(200, json=page(*(f"held{number}" for number in range(9)), cursor=f"{len(alive)}"))

    client = connect(transport=httpx.MockTransport(answer))
    for number, _ in enumerate(client.list()):
        if number == 30:
            break
    assert alive == [0, 1, 1, 1]  # the one in the variable of the loop


@pytest.mark.usefixtures("few_objects")
def test_count_holds_no_page_either(connect: Connect) -> None:
    alive: list[int] = []

    def answer(request: httpx.Request) -> httpx.Response:
        gc.collect()
        objects = [thing for thing in gc.get_objects() if isinstance(thing, FailedRun)]
        alive.append(sum(str(run.dlq_id).startswith("counted") for run in objects))
        return httpx.Response(200, json=page("counted", cursor="" if len(alive) == 3 else f"{len(alive)}"))

    assert connect(transport=httpx.MockTransport(answer)).count() == 3
    assert alive == [0, 0, 0]


def test_a_state_the_service_may_add_is_passed_through(connect: Connect) -> None:
    wire = Wire(page())
    assert ids(connect(transport=wire).list(failure_function_state="CALLBACK_PAUSED")) == []
    assert wire.sent == ["GET /v2/workflows/dlq?count=100&failureFunctionState=CALLBACK_PAUSED"]


@pytest.mark.parametrize(
    "moment",
    [
        1752829294505,
        "2025-07-18T09:01:34.505Z",
        "2025-07-18T11:01:34.505+02:00",
        " 20250718T090134,505Z ",
        datetime(2025, 7, 18, 9, 1, 34, 505_999, UTC),
        datetime(2025, 7, 18, 4, 1, 34, 505_000, timezone(timedelta(hours=-5))),
    ],
)
def test_a_moment_travels_as_unix_milliseconds_however_it_is_written(connect: Connect, moment: Any) -> None:
    wire = Wire(page())
    assert ids(connect(transport=wire).list(from_date=moment, to_date=moment)) == []
    assert wire.sent == ["GET /v2/workflows/dlq?count=100&fromDate=1752829294505&toDate=1752829294505"]


def messages_with_statuses(*statuses: Any, cursor: str | None = None) -> dict[str, Any]:
    messages = [{"dlqId": str(number), "responseStatus": status} for number, status in enumerate(statuses)]
    return {"messages": messages, "cursor": cursor}


@pytest.mark.parametrize("wanted", [489, [489, 489], {489}, range(480, 490)])
def test_the_response_status_is_filtered_on_this_side(connect: Connect, wanted: Any) -> None:
    wire = Wire(messages_with_statuses(489, 500, None, "489", [], True, 489.0, cursor="a"), messages_with_statuses(489))
    runs = connect(transport=wire).list(response_status=wanted)
    assert ids(runs) == ["0", "6", "0"]
    assert wire.sent == ["GET /v2/workflows/dlq?count=100", "GET /v2/workflows/dlq?cursor=a&count=100"]


def test_a_limit_with_a_response_status_reads_whole_pages_until_it_has_enough(connect: Connect) -> None:
    wire = Wire(messages_with_statuses(500, 489, cursor="a"), messages_with_statuses(489, 489, cursor="b"))
    assert ids(connect(transport=wire).list(response_status=489, limit=2)) == ["1", "0"]
    assert wire.sent == ["GET /v2/workflows/dlq?count=100", "GET /v2/workflows/dlq?cursor=a&count=100"]


def test_pages_with_a_limit_and_a_response_status_never_read_past_their_cursor(connect: Connect) -> None:
    wire = Wire(
        messages_with_statuses(500, 489, cursor="a"),
        messages_with_statuses(500, 489, 489, cursor="c"),
        messages_with_statuses(500, 489, cursor="b"),
    )
    pages = list(connect(transport=wire).list(response_status=489, limit=2).pages())
    assert [(len(page.runs), page.cursor) for page in pages] == [(1, "a"), (1, "b")]
    assert wire.sent == [
        "GET /v2/workflows/dlq?count=100",
        "GET /v2/workflows/dlq?cursor=a&count=100",
        "GET /v2/workflows/dlq?cursor=a&count=2",
    ]


def test_pages_that_end_with_the_last_run_wanted_are_read_once(connect: Connect) -> None:
    wire = Wire(messages_with_statuses(500, 489, cursor="a"))
    [read] = connect(transport=wire).list(response_status=489, limit=1).pages()
    assert (len(read.runs), read.cursor) == (1, "a")
    assert len(wire.sent) == 1


def test_count_reads_through_all_pages(connect: Connect) -> None:
    wire = Wire(page("1", "2", cursor="a"), page(cursor="b"), page("3"))
    assert connect(transport=wire).count(label="billing") == 3
    assert wire.sent == [
        "GET /v2/workflows/dlq?count=100&label=billing",
        "GET /v2/workflows/dlq?cursor=a&count=100&label=billing",
        "GET /v2/workflows/dlq?cursor=b&count=100&label=billing",
    ]


def test_count_counts_only_runs_with_the_response_status(connect: Connect) -> None:
    assert connect(transport=Wire(messages_with_statuses(489, 500, 489))).count(response_status=[489, 404]) == 2


@pytest.mark.parametrize(
    ("answer", "complaint"),
    [
        ({"messages": {}}, "messages in the answer to GET .* should be a list of objects"),
        ({"messages": [{}, None]}, "messages in the answer to GET .* should be a list of objects"),
        ({"messages": [], "cursor": 7}, "cursor in the answer to GET .* should be a string, but is int"),
        ({"messages": [], "cursor": "\ud800"}, "cursor in the answer to GET .* is not valid Unicode"),
        ({"error": "try later"}, r"the answer to GET \S+ has no messages \(it has: error\)"),
    ],
)
def test_an_object_that_is_not_a_page_is_an_error(connect: Connect, answer: dict[str, Any], complaint: str) -> None:
    with pytest.raises(InvalidResponseError, match=complaint):
        list(connect(transport=Wire(answer)).list())


def test_a_broken_field_spoils_neither_its_page_nor_its_run(connect: Connect) -> None:
    wire = Wire(page("1", createdAt="yesterday", workflowUrl="https://my.app"))
    [run] = connect(transport=wire).list()
    assert run.workflow_url == "https://my.app"
    with pytest.raises(InvalidResponseError, match="createdAt of failed run '1' should be an integer, but is str"):
        _ = run.created_at


REFUSED: list[tuple[dict[str, Any], type[Exception], str]] = [
    ({"label": ""}, ValueError, "label is empty"),
    ({"label": " \t"}, ValueError, "label is empty"),
    ({"label": []}, ValueError, "label has no values"),
    ({"label": iter(())}, ValueError, "label has no values"),
    ({"label": ["a", ""]}, ValueError, "label is empty"),
    ({"label": ["a", None]}, TypeError, "label takes a string, not NoneType"),
    ({"label": "a,b"}, ValueError, "comma"),
    ({"label": b"a"}, TypeError, "label takes a string or several, not bytes"),
    ({"label": 7}, TypeError, "label takes a string or several, not int"),
    ({"label": "\ud800"}, ValueError, "not valid Unicode"),
    ({"workflow_url": "https://my.app/a,b"}, ValueError, "comma"),
    ({"flow_control_key": ""}, ValueError, "flow_control_key is empty"),
    ({"workflow_run_id": 5}, TypeError, "workflow_run_id takes a string, not int"),
    ({"from_date": datetime(2026, 11, 22)}, ValueError, "from_date 2026-11-22 00:00:00 has no time zone"),
    ({"to_date": "2026-11-22T03:00:00"}, ValueError, "no time zone"),
    ({"to_date": "2026-11-22"}, ValueError, "no time zone"),
    ({"to_date": "yesterday"}, ValueError, "not an ISO 8601 time"),
    ({"to_date": ""}, ValueError, "not an ISO 8601 time"),
    ({"to_date": datetime(2026, 11, 22, tzinfo=UTC).date()}, TypeError, "says not when the day begins"),
    ({"to_date": 1.5}, TypeError, "not float"),
    ({"to_date": True}, TypeError, "not bool"),
    ({"from_date": 1790000000002, "to_date": 1790000000001}, ValueError, "from_date is after to_date"),
    ({"response_status": []}, ValueError, "response_status has no values"),
    ({"response_status": "500"}, TypeError, "response_status takes an int or several, not str"),
    ({"response_status": [500, "502"]}, TypeError, "response_status takes an int, not str"),
    ({"response_status": True}, TypeError, "not bool"),
    ({"responseStatus": 500}, TypeError, "no filter 'responseStatus'; did you mean response_status?"),
    ({"labels": "a"}, TypeError, "no filter 'labels'; did you mean label?"),
    ({"flavour": "sour"}, TypeError, "no filter 'flavour'. The filters are label, "),
]
REFUSED_BY_LIST_ONLY: list[tuple[dict[str, Any], type[Exception], str]] = [
    ({"page_size": 0}, ValueError, "page_size is 0; it must be 1 to 100"),
    ({"page_size": 101}, ValueError, "page_size is 101"),
    ({"page_size": "5"}, TypeError, "page_size takes an int, not str"),
    ({"page_size": True}, TypeError, "page_size takes an int, not bool"),
    ({"limit": -1}, ValueError, "limit is -1"),
    ({"limit": 1.0}, TypeError, "limit takes an int, not float"),
    ({"cursor": ""}, ValueError, "cursor is empty"),
    ({"cursor": "\ud800"}, ValueError, "not valid Unicode"),
    ({"cursor": 5}, TypeError, "cursor takes a string, not int"),
]


@pytest.mark.parametrize(("arguments", "error", "complaint"), REFUSED + REFUSED_BY_LIST_ONLY)
def test_bad_arguments_are_refused_before_anything_is_sent(
    connect: Connect, arguments: dict[str, Any], error: type[Exception], complaint: str
) -> None:
    wire = Wire()
    with pytest.raises(error, match=complaint.replace("?", r"\?")):
        connect(transport=wire).list(**arguments)
    assert wire.sent == []


@pytest.mark.parametrize(("arguments", "error", "complaint"), REFUSED)
def test_count_refuses_the_same(
    connect: Connect, arguments: dict[str, Any], error: type[Exception], complaint: str
) -> None:
    wire = Wire()
    with pytest.raises(error, match=complaint.replace("?", r"\?")):
        connect(transport=wire).count(**arguments)
    assert wire.sent == []
