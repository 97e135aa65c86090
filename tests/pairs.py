"""Fewer cases that miss nothing: all pairs of values instead of the whole product."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations, product
from typing import Any

import pytest

# The parameters of the fixture `connect`, for tests that combine them with others.
CLIENTS = ["sync", "asyncio", "trio"]


def pairs(*columns: Sequence[Any]) -> list[tuple[Any, ...]]:
    """Rows with a value of each column, where each value meets each value of every other column at least once.

    For two columns that is the whole product. A third one adds few rows or none, because its values take turns.
    Few bugs need three particular values at once; if one does, make one column of two. The rows are always the same.
    """
    if len(columns) < 2 or not all(columns):
        raise ValueError("pairs need two columns or more, none of them empty")
    sizes = [range(len(column)) for column in columns]
    places = list(combinations(range(len(columns)), 2))

    def met(row: tuple[int, ...]) -> set[tuple[int, int, int, int]]:
        return {(a, row[a], b, row[b]) for a, b in places}

    candidates = {row: met(row) for row in product(*sizes)}
    missing = set().union(*candidates.values())
    rows = []
    while missing:
        # The row with the most missing pairs; of several, the first.
        row = max(candidates, key=lambda row: len(candidates[row] & missing))
        missing -= candidates.pop(row)
        rows.append(row)
    return [tuple(column[index] for column, index in zip(columns, row, strict=True)) for row in sorted(rows)]


def in_pairs(columns: Mapping[str | tuple[str, ...], Sequence[Any]]) -> pytest.MarkDecorator:
    """Parametrizes a test with all pairs of these columns. A key of several names is for values that go together."""
    keys = [(key,) if isinstance(key, str) else key for key in columns]
    names = [name for key in keys for name in key]
    rows = [
        [value for key, cell in zip(keys, row, strict=True) for value in (cell if len(key) > 1 else (cell,))]
        for row in pairs(*columns.values())
    ]
    return pytest.mark.parametrize(names, rows, indirect=[name for name in names if name == "connect"], ids=_id)


def _id(value: object) -> str:
    if isinstance(value, type):
        return value.__name__
    text = str(value)
    assert " at 0x" not in text, "an address: each worker of a parallel run must find the same ids"
    return text[:60]
