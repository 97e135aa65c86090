"""For mkdocstrings: what Griffe does not see by itself in our definitions of fields and filters."""

from __future__ import annotations

import ast
from typing import Any

import griffe


class Fields(griffe.Extension):  # type: ignore[misc]  # where types are checked, Griffe is not installed
    """A `Field` of a run has its docstring as an argument, and a filter its type inside `Annotated`."""

    def on_attribute_instance(self, *, attr: griffe.Attribute, **_: Any) -> None:
        value, annotation = attr.value, attr.annotation
        if isinstance(value, griffe.ExprCall) and str(value.function) == "Field":
            attr.docstring = griffe.Docstring(ast.literal_eval(str(value.arguments[2])), parent=attr)
            attr.value = None
        if isinstance(annotation, griffe.ExprSubscript) and str(annotation.left) == "Annotated":
            attr.annotation = annotation.slice.elements[0]
