"""Every public name says what a person needs: what it is, and what each of its arguments is."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import re
from collections.abc import Iterator
from typing import Any

import pytest
import upstash_workflow_dlq

PACKAGE = upstash_workflow_dlq.__name__

# What the client returns: nobody else makes one, so their arguments are no matter of readers.
RETURNED = frozenset({"AsyncFailedRuns", "AsyncScannedRuns", "FailedRuns", "ScannedRuns", "FailureFunction"})
# Their names and types say it all.
EVIDENT = frozenset({"self", "cls", "run", "dlq_id", "dlq", "path", "rate", "text", "filters"})


def rooms() -> list[str]:
    """The package, and every public module of it that says what is public; the command line is for people who type."""
    found = [module.name for module in pkgutil.walk_packages(upstash_workflow_dlq.__path__, f"{PACKAGE}.")]
    public = [name for name in found if not re.search(r"\._|\.cli\b", name)]
    return [PACKAGE, *(name for name in public if hasattr(importlib.import_module(name), "__all__"))]


def public_values() -> Iterator[tuple[str, Any]]:
    """Classes and functions of ours."""
    for room in rooms():
        module = importlib.import_module(room)
        for name in module.__all__:
            value = getattr(module, name)
            if (inspect.isclass(value) or inspect.isroutine(value)) and value.__module__.startswith(PACKAGE):
                yield f"{room}.{name}", value


def members(kind: type) -> Iterator[tuple[str, Any]]:
    """What a class of ours has besides what it takes over from Python."""
    for name in dir(kind):
        value = inspect.getattr_static(kind, name)
        value = value.__func__ if isinstance(value, classmethod | staticmethod) else value
        code = value.fget if isinstance(value, property) else value
        if not name.startswith("_") and inspect.isfunction(code) and code.__module__.startswith(PACKAGE):
            yield name, value


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
