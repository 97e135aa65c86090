"""Checks of arguments, one of each kind. Each returns the plain value that is sent, or raises before anything is."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from operator import index
from typing import TypeVar

T = TypeVar("T")

MAX_ID_LENGTH = 1000

# In bytes, each of which takes up to three characters of a URL.
MAX_CURSOR_LENGTH = 10_000


def whole_number(name: str, value: object, *, least: int | None = None, most: int | None = None) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError(f"{name} takes an int, not {type(value).__name__}")
    value = index(value)  # a plain int: a subclass may compare as it likes
    if (least is not None and value < least) or (most is not None and value > most):
        expected = f"at least {least}" if most is None else f"{least} to {most}"
        raise ValueError(f"{name} is {shown_number(value)}; it must be {expected}")
    return value


def flag(name: str, value: object) -> bool:
    if not isinstance(value, bool):
        raise TypeError(f"{name} takes True or False, not {type(value).__name__}")
    return value


def text(name: str, value: object) -> str:
    """A plain string: str() of a subclass may give something else, such as the name of an enum member."""
    if not isinstance(value, str):
        raise TypeError(f"{name} takes a string, not {type(value).__name__}")
    return str.__str__(value)


def filter_value(name: str, value: object) -> str:
    plain = text(name, value)
    # What a service takes for nothing, it may read as "any": in a bulk call, as the whole queue.
    if shows_nothing(plain):
        raise ValueError(f"{name} is empty: leave it out to match any {name}")
    if not is_unicode(plain):
        raise ValueError(f"{name} {plain!r} is not valid Unicode")
    if has_control_characters(plain):
        raise ValueError(f"{name} {plain!r} has control characters: the service may cut it off there, or ignore it")
    return plain


def without_comma(name: str, value: T) -> T:
    if isinstance(value, str) and "," in value:
        raise ValueError(f"{name} {value!r} has a comma: the service would split it, and cannot match it exactly")
    return value


def several(name: str, value: object, kind: type, check: Callable[[str, object], T]) -> list[T]:
    """One value of a kind, or any iterable of them, each checked."""
    if isinstance(value, kind):
        return [check(name, value)]
    if not isinstance(value, Iterable) or isinstance(value, str | bytes):
        expected = "a string" if kind is str else f"an {kind.__name__}"
        raise TypeError(f"{name} takes {expected} or several, not {type(value).__name__}")
    return [check(name, item) for item in value]


def dlq_id(value: object) -> str:
    """An id to put into a path. An empty one would address the whole queue, dots another path."""
    if not isinstance(value, str):
        raise TypeError(f"expected a FailedRun or its dlq_id, got {type(value).__name__}")
    plain = str.__str__(value)
    if not plain.strip():
        raise ValueError("the dlq_id is empty: that would address the whole queue")
    if len(plain) > MAX_ID_LENGTH:
        raise ValueError(f"the dlq_id has {len(plain)} characters; an id has at most {MAX_ID_LENGTH}")
    if not plain.isprintable():
        raise ValueError(f"the dlq_id {plain!r} has control characters")
    # A slash is sent encoded, but a proxy may decode it.
    if any(step in {"", ".", ".."} for step in plain.replace("\\", "/").split("/")):
        raise ValueError(f"the dlq_id {plain!r} would be read as a path")
    return plain


def cursor(value: object) -> str | None:
    if value is None:
        return None
    plain = text("cursor", value)
    if not plain:
        raise ValueError("cursor is empty: leave it out to start at the beginning")
    complaint = cursor_complaint(plain)
    # What a service reads as nothing begins at the beginning. Of its own cursors it knows what they mean.
    if shows_nothing(plain) or has_control_characters(plain):
        complaint = "is blank or has control characters"
    if complaint is not None:
        raise ValueError(f"cursor {complaint}: pass one that came with a page or a BulkError")
    return plain


def cursor_complaint(value: str) -> str | None:
    """Why this text cannot be sent as a cursor; None if it can."""
    try:
        size = len(value.encode())
    except UnicodeEncodeError:
        return "is not valid Unicode"
    if size > MAX_CURSOR_LENGTH:
        return f"has {size:,} bytes, and at most {MAX_CURSOR_LENGTH:,} fit into a URL"
    return None


def header_value(name: str, value: object) -> str:
    plain = text(name, value)
    if not plain.strip():
        raise ValueError(f"{name} is empty: leave it out to keep the run's own setting")
    # A line break would end the header, and there is no agreed encoding for what is not ASCII.
    if not (plain.isascii() and plain.isprintable()):
        raise ValueError(f"{name} {plain!r} cannot be sent in a header: use printable ASCII only")
    return plain.strip()


def shown_number(number: int) -> str:
    """For messages. Python refuses to write out a number of more than 4300 digits."""
    return str(number) if abs(number) < 10**30 else f"of {number.bit_length()} bits"


def shows_nothing(value: str) -> bool:
    """Whether it has only spaces and formatting characters, such as joiners and marks of direction."""
    if not value.strip():
        return True
    if value.isprintable():  # the usual case: no category need be looked up
        return False
    from unicodedata import category

    return all(character.isspace() or category(character) == "Cf" for character in value)


# Not formatting characters: they are part of names, such as joiners in emoji and in Persian.
has_control_characters = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]").search


def is_unicode(value: str) -> bool:
    """Whether it can be encoded: lone surrogates cannot."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True
