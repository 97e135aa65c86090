"""Which requests the fakes take for equal."""

from __future__ import annotations

import pytest
from fakes import Sent

LIST = "GET /dlq?count=100&label=a&label=b"


@pytest.mark.parametrize("other", [LIST, "GET /dlq?label=a&count=100&label=b", "GET /dlq?label=a&label=b&count=100"])
def test_the_order_of_parameters_does_not_count(other: str) -> None:
    assert Sent(LIST) == other
    assert other == Sent(LIST)
    assert (Sent(LIST) != other) is False
    assert len({Sent(LIST), Sent(other)}) == 1
    assert [Sent(LIST)] == [other]


@pytest.mark.parametrize(
    "other",
    [
        "GET /dlq?count=100&label=b&label=a",
        "GET /dlq?count=100&label=a",
        "GET /dlq?count=100&label=a&label=b&label=b",
        "GET /dlq?count=10&label=a&label=b",
        "POST /dlq?count=100&label=a&label=b",
        "GET /dlq/?count=100&label=a&label=b",
        "GET /dlq",
        "GET /dlq?",
    ],
)
def test_every_other_difference_counts(other: str) -> None:
    assert Sent(LIST) != other
    assert (Sent(LIST) == other) is False
    assert [Sent(LIST)] != [other]


def test_a_request_equals_no_other_object() -> None:
    assert Sent("GET /dlq") != 5
    assert Sent("GET /dlq") != "GET /dlq?"
