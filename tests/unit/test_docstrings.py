"""Every public name says what a person needs: what it is, and what each of its arguments is."""

from __future__ import annotations

import inspect
import re

import pytest
from public_names import PACKAGE, members, public_values

# What the client returns: nobody else makes one, so their arguments are no matter of readers.
RETURNED = frozenset({"AsyncFailedRuns", "AsyncScannedRuns", "FailedRuns", "ScannedRuns", "FailureFunction"})
# Their names and types say it all.
EVIDENT = frozenset({"self", "cls", "run", "dlq_id", "dlq", "path", "rate", "text", "filters"})

VALUES = dict(public_values())
FUNCTIONS = {name: value for name, value in VALUES.items() if inspect.isroutine(value)} | {
    f"{name}.{member}": function
    for name, kind in VALUES.items()
    if inspect.isclass(kind)
    for member, function in members(kind)
    if inspect.isfunction(function)
}


def test_these_are_many() -> None:
    assert f"{PACKAGE}.DLQClient.resume_many" in FUNCTIONS
    assert f"{PACKAGE}.emulator.faults.status" in FUNCTIONS
    assert len(VALUES) > 60
    assert len(FUNCTIONS) > 80


@pytest.mark.parametrize("name", VALUES)
def test_it_has_a_docstring(name: str) -> None:
    value = VALUES[name]
    assert value.__doc__
    if inspect.isclass(value):
        without = [member for member, found in members(value) if not inspect.getdoc(found)]
        # Totals of a record, whose names say it.
        assert set(without) <= {"done", "total"}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_its_arguments_are_described(name: str) -> None:
    """In its own docstring, or in that of the function it refers to: "As `DLQClient.list`"."""
    function = FUNCTIONS[name]
    described = inspect.getdoc(function) or ""
    if referred := re.search(r"\b[Aa]s `([\w.]+)`", described):
        other = referred[1] if "." in referred[1] else f"{name.split('.')[-2]}.{referred[1]}"
        assert any(full.endswith(f".{other}") for full in FUNCTIONS), f"there is no {other}"
        return
    arguments = inspect.signature(function).parameters.keys() - EVIDENT
    missing = [argument for argument in arguments if not re.search(rf"\b{argument}\b", described)]
    assert not missing, described


@pytest.mark.parametrize("name", [name for name, kind in VALUES.items() if inspect.isclass(kind)])
def test_what_a_class_is_made_from_is_described(name: str) -> None:
    kind = VALUES[name]
    if kind.__name__ in RETURNED or "__init__" not in vars(kind) or hasattr(kind, "__dataclass_fields__"):
        return
    if issubclass(kind, BaseException):
        return
    described = f"{inspect.getdoc(kind)} {inspect.getdoc(kind.__init__)}"
    arguments = inspect.signature(kind.__init__).parameters.keys() - EVIDENT
    assert not [argument for argument in arguments if not re.search(rf"\b{argument}\b", described)]
