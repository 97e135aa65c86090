"""Values that could select more than they say: refused before anything is sent, by every call that takes them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta, timezone
from itertools import product
from typing import Any

import pytest
from blocking import AnyClient
from conftest import Connect
from fakes import Wire, page
from pairs import CLIENTS, in_pairs
from upstash_workflow_dlq import ConfigurationError

SECONDS = 1_790_000_000

FILTERED: dict[str, Callable[[AnyClient, dict[str, Any]], object]] = {
    "list": lambda client, filters: client.list(**filters),
    "prefetch": lambda client, filters: client.list(prefetch=True, **filters),
    "count": lambda client, filters: client.count(**filters),
    "scan": lambda client, filters: client.scan(**filters),
    "delete_many": lambda client, filters: client.delete_many(**filters),
    "resume_many": lambda client, filters: client.resume_many(**filters),
    "restart_many": lambda client, filters: client.restart_many(**filters),
    "dry run": lambda client, filters: client.delete_many(dry_run=True, **filters),
}
DATES = ["from_date", "to_date", "workflow_created_at"]
TEXTS = ["label", "workflow_url", "workflow_run_id", "failure_function_state", "caller_ip", "flow_control_key"]


def refusal(connect: Connect, call: str, **filters: Any) -> str:
    """What the call says when it refuses these filters. Fails if anything is sent."""
    [message] = refusals(connect, call, *filters, values=filters.values())
    return message


def refusals(connect: Connect, call: str, *names: str, values: Iterable[Any]) -> list[str]:
    """The same for each of these values, given to each of these filters."""
    wire = Wire()
    client = connect(transport=wire)
    messages = []
    for name, value in product(names, values):
        with pytest.raises(ValueError, match=f"^{name} ") as caught:
            FILTERED[call](client, {name: value})
        messages.append(str(caught.value))
    assert wire.sent == []
    return messages


@pytest.mark.parametrize("call", FILTERED)
def test_seconds_are_not_taken_for_milliseconds(connect: Connect, call: str) -> None:
    complaint = f"{SECONDS} looks like Unix seconds: pass milliseconds, {SECONDS * 1000}"
    assert refusals(connect, call, *DATES, values=[SECONDS]) == [f"{name} {complaint}" for name in DATES]


@pytest.mark.parametrize(
    ("number", "complaint"),
    [
        (SECONDS * 10**6, f"looks like Unix microseconds: pass milliseconds, {SECONDS}000"),
        (SECONDS * 10**9, f"looks like Unix nanoseconds: pass milliseconds, {SECONDS}000"),
        (0, "leave it out for no limit"),
        (1, "or pass an aware datetime for another century"),
        (-1, "is no time of this century"),
        (-SECONDS * 1000, "is no time of this century"),
        (946_684_799_999, "is no time of this century"),
        (4_102_444_800_000, "is no time of this century"),
        (20261122, "is no time of this century"),
        (2**63, "is no time of this century"),
        (-(2**63) - 1, "is no time of this century"),
        pytest.param(10**5000, "to_date of 16610 bits is no time of this century", id="huge"),
    ],
)
def test_a_number_that_is_no_time_of_this_century_is_refused(connect: Connect, number: int, complaint: str) -> None:
    assert complaint in refusal(connect, "delete_many", to_date=number)


@pytest.mark.parametrize("number", [946_684_800_000, SECONDS * 1000, 4_102_444_799_999])
def test_milliseconds_of_this_century_are_sent(connect: Connect, number: int) -> None:
    wire = Wire({"deleted": 1})
    assert connect(transport=wire).delete_many(from_date=number) == 1
    assert wire.sent == [f"DELETE /v2/workflows/dlq?count=100&fromDate={number}"]


@pytest.mark.parametrize(
    ("time", "milliseconds"),
    [
        (datetime(1970, 1, 1, tzinfo=UTC), 0),
        ("1970-01-01T00:00:00.001Z", 1),
        (datetime(1960, 1, 1, tzinfo=timezone(timedelta(hours=1))), -315_622_800_000),
        (datetime(2345, 1, 1, tzinfo=UTC), 11_833_862_400_000),
    ],
)
def test_a_datetime_of_any_century_is_sent(connect: Connect, time: Any, milliseconds: int) -> None:
    wire = Wire(page())
    assert connect(transport=wire).count(from_date=time) == 0
    assert wire.sent == [f"GET /v2/workflows/dlq?count=100&fromDate={milliseconds}"]


@pytest.mark.parametrize("call", FILTERED)
def test_control_characters_in_a_filter_are_refused(connect: Connect, call: str) -> None:
    values = ["\x00", "a\x00", "\x1bb", "a\nb", "\x7f", "\x85a\x9f", "a\u2028b"]
    for message in refusals(connect, call, *TEXTS, values=values):
        assert "has control characters" in message


@pytest.mark.parametrize("call", FILTERED)
def test_a_filter_of_which_nothing_shows_is_refused(connect: Connect, call: str) -> None:
    values = ["\u200b", "\ufeff", " \u200d ", "\u202e", "\u00a0", "\u3000", "\u00ad\u2060"]
    for message in refusals(connect, call, *TEXTS, values=values):
        assert "is empty" in message


@pytest.mark.parametrize("label", ["👩‍👧", "می‌خواهم", "\u200f\u05e2\u05d1", "a\u00a0b", "\ue000", "\U0001fadc"])
def test_invisible_characters_inside_a_name_belong_to_it(connect: Connect, label: str) -> None:
    wire = Wire(page())
    assert connect(transport=wire).count(label=label) == 0
    assert wire.requests[0].url.params["label"] == label


@in_pairs(
    {
        "connect": CLIENTS,
        "cursor": ["\x00", "a\x00", "a\r\nb", "\u200b", "\x7f"],
        "call": ["list", "delete_many", "resume_many", "restart_many"],
    }
)
def test_control_characters_in_a_cursor_are_refused(connect: Connect, call: str, cursor: str) -> None:
    wire = Wire()
    with pytest.raises(ValueError, match=r"^cursor "):
        FILTERED[call](connect(transport=wire), {"label": "a", "cursor": cursor})
    assert wire.sent == []


class Lying(str):
    """Holds one thing, and says that it holds another."""

    __slots__ = ()

    def strip(self, chars: Any = None) -> str:
        return "an honest value"

    def split(self, *args: Any) -> list[str]:
        return ["an honest value"]

    def isprintable(self) -> bool:
        return True

    def isascii(self) -> bool:
        return True

    def replace(self, *args: Any) -> str:
        return "an honest value"

    def upper(self) -> str:
        return "US_EAST_1"

    def encode(self, *args: Any) -> bytes:
        return b"an honest value"

    def __contains__(self, item: object) -> bool:
        return False

    def __len__(self) -> int:
        return 5

    def __str__(self) -> str:
        return "https://honest.example"

    def __eq__(self, other: object) -> bool:
        return True

    def __hash__(self) -> int:
        return 1


@pytest.mark.parametrize("call", FILTERED)
def test_a_filter_is_checked_as_it_will_be_sent(connect: Connect, call: str) -> None:
    values = [Lying(value) for value in ("", " ", "\x00", "\ud800")]
    assert len(refusals(connect, call, *TEXTS, values=values)) == 24
    assert len(refusals(connect, call, "label", values=[["a", Lying("")], ["a", Lying("a,b")]])) == 2


@pytest.mark.parametrize("value", ["", ".", "a/..", "a\x00"])
def test_an_id_is_checked_as_it_will_be_sent(connect: Connect, value: str) -> None:
    wire = Wire()
    client = connect(transport=wire)
    for act in (client.get, client.delete, client.resume, client.restart, client.cancel_failure_callback):
        with pytest.raises(ValueError, match="dlq_id"):
            act(Lying(value))
    with pytest.raises(ValueError, match="dlq_id"):
        client.delete_many(dlq_ids=["1", Lying(value)])
    with pytest.raises(ValueError, match="comma"):
        client.delete_many(dlq_ids=[Lying("1,2")])
    assert wire.sent == []


@in_pairs(
    {"connect": CLIENTS, "value": ["", "a\r\nX: y", "ü"], "name": ["delay", "retry_delay", "label", "failure_callback"]}
)
def test_an_override_is_checked_as_it_will_be_sent(connect: Connect, name: str, value: str) -> None:
    wire = Wire()
    overrides: dict[str, Any] = {name: Lying(value)}
    with pytest.raises(ValueError, match=name):
        connect(transport=wire).resume("1", **overrides)
    assert wire.sent == []


def test_a_date_is_sent_as_it_was_checked(connect: Connect) -> None:
    assert "not an ISO 8601 time" in refusal(connect, "delete_many", from_date=Lying("tomorrow"))


class LyingInt(int):
    """Compares as if it were within any bounds, and converts to something else."""

    def __lt__(self, other: object) -> bool:
        return False

    def __gt__(self, other: object) -> bool:
        return False

    def __int__(self) -> int:
        return 1_790_000_000_000

    def __index__(self) -> int:
        return 1_790_000_000_000

    def __mod__(self, other: object) -> int:
        return 0


def test_numbers_are_checked_as_they_will_be_sent(connect: Connect) -> None:
    wire = Wire({"workflowRunId": "wfr_1"})
    client = connect(transport=wire)
    assert "looks like Unix seconds" in refusal(connect, "delete_many", from_date=LyingInt(SECONDS))
    refused: list[dict[str, Any]] = [{"page_size": LyingInt(0)}, {"limit": LyingInt(-1)}]
    for arguments in refused:
        with pytest.raises(ValueError, match="it must be"):
            client.list(**arguments)
    with pytest.raises(ValueError, match="retries is -1; it must be at least 0"):
        client.resume("1", retries=LyingInt(-1))
    assert wire.sent == []


class OtherArithmetic(datetime):
    """As in pendulum: the difference of two is an object of its own, which no timedelta divides."""

    def __sub__(self, other: object) -> Any:
        raise TypeError("no such arithmetic")


class OtherDuration(timedelta):
    def __divmod__(self, other: object) -> Any:
        raise TypeError("no such arithmetic")


def test_times_of_libraries_with_another_arithmetic_are_taken(connect: Connect) -> None:
    wire = Wire({"deleted": 0}, {"workflowRunId": "wfr_1"})
    client = connect(transport=wire)
    client.delete_many(from_date=OtherArithmetic(2026, 11, 22, 3, tzinfo=UTC))
    client.resume("1", delay=OtherDuration(seconds=90))
    assert wire.sent[0] == "DELETE /v2/workflows/dlq?count=100&fromDate=1795316400000"
    assert wire.requests[1].headers["Upstash-Delay"] == "90s"


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ({"token": Lying("two words")}, "token"),
        ({"token": Lying("line\nbreak")}, "token"),
        ({"base_url": Lying("http://10.0.0.1")}, "would send the token in clear"),
        ({"region": Lying("mars-1")}, "region must be"),
    ],
)
def test_a_configuration_is_checked_as_it_will_be_used(
    connect: Connect, arguments: dict[str, Any], complaint: str
) -> None:
    with pytest.raises(ConfigurationError, match=complaint):
        connect(**{"token": "t0ken", **arguments})
