"""Edits of known classes, one at a time and in pairs, and what the diff says about them.

`nox -s verdicts` tries every edit and 2,000 pairs; the tests try a few, always the same ones.
"""

from __future__ import annotations

import os
from collections.abc import Iterable

from edits import EDITS, Edit, base
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tools.spec.diffing import compare
from tools.spec.diffing.report import Kind

EXAMPLES = int(os.environ.get("VERDICT_EXAMPLES", "0"))
SINGLE = EDITS if EXAMPLES else EDITS[::24]
KINDS = ["", *map(str, reversed(Kind))]


def verdict(edits: Iterable[Edit]) -> str:
    """The worst class of what the diff finds, or nothing."""
    old, new = base(), base()
    for edit in edits:
        edit.before(old)
        edit.after(new)
    changes = compare(old, new)
    return str(changes[0].kind) if changes else ""


def test_each_edit_has_its_class() -> None:
    wrong = [f"{edit}, but is {found or 'nothing'}" for edit in SINGLE if (found := verdict([edit])) != edit.expected]
    assert wrong == []


def test_there_are_edits_of_many_kinds() -> None:
    assert len({edit.name for edit in EDITS}) >= 150
    assert {edit.expected for edit in EDITS} == set(KINDS)


@settings(
    max_examples=EXAMPLES or 40,
    derandomize=not EXAMPLES,
    database=None,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
@given(st.lists(st.sampled_from(EDITS), min_size=2, max_size=2, unique_by=lambda edit: edit.slot))
def test_two_edits_are_as_bad_as_the_worse_of_them(edits: list[Edit]) -> None:
    assert verdict(edits) == max((edit.expected for edit in edits), key=KINDS.index)
