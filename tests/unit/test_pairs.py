"""The cases that `in_pairs` makes."""

from __future__ import annotations

from itertools import combinations, product

import pytest
from pairs import in_pairs, pairs


@pytest.mark.parametrize(
    ("columns", "rows"),
    [
        (["abc", "12"], 6),
        (["abc", "12", "xyz"], 9),
        (["abc", range(10), "xyzuvwrst", "12"], 90),
        (["abc", "xyz", "123", "uvwr"], 12),
    ],
)
def test_each_value_meets_each_value_of_every_other_column(columns: list[str], rows: int) -> None:
    made = pairs(*columns)
    assert len(made) == len(set(made)) == rows
    for (first, ones), (second, others) in combinations(enumerate(columns), 2):
        assert {(row[first], row[second]) for row in made} == set(product(ones, others))
    assert made == pairs(*columns)


@pytest.mark.parametrize("columns", [[], ["abc"], ["abc", ""]])
def test_no_test_is_left_without_cases(columns: list[str]) -> None:
    with pytest.raises(ValueError, match="two columns or more"):
        pairs(*columns)


def test_a_key_of_several_names_is_for_values_that_go_together() -> None:
    mark = in_pairs({"connect": ["sync"], ("status", "error"): [(400, ValueError), (404, KeyError)]}).mark
    assert mark.args == (
        ["connect", "status", "error"],
        [["sync", 400, ValueError], ["sync", 404, KeyError]],
    )
    assert mark.kwargs["indirect"] == ["connect"]


def test_an_id_with_an_address_is_refused() -> None:
    name = in_pairs({"one": [1], "other": [2]}).mark.kwargs["ids"]
    assert (name(ValueError), name("x" * 100)) == ("ValueError", "x" * 60)
    with pytest.raises(AssertionError, match="an address"):
        name(iter(()))
