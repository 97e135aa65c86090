"""What is public of the package and of its optional rooms."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import re
from collections.abc import Iterator
from functools import cached_property
from typing import Any

import upstash_workflow_dlq

PACKAGE = upstash_workflow_dlq.__name__


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
    """Methods and properties that a class of ours has besides what it takes over from Python."""
    for name in dir(kind):
        value = inspect.getattr_static(kind, name)
        value = value.__func__ if isinstance(value, classmethod | staticmethod) else value
        code = value.fget if isinstance(value, property) else value
        code = value.func if isinstance(value, cached_property) else code
        if not name.startswith("_") and inspect.isfunction(code) and code.__module__.startswith(PACKAGE):
            yield name, value
