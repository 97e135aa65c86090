"""What the vendor's SDKs put into the body of a step: the run's input, and the results of the steps before this one.

That is a protocol of the SDKs (version "1") and no part of the spec. So a body is read by it only if it has its shape,
and what in it cannot be decoded is left out.
"""

from __future__ import annotations

from base64 import b64decode
from typing import Any, NamedTuple

from .fields import json_decoder

__all__ = ["Step"]

_CALL_TYPES = ("step", "toCallback", "fromCallback")


class Step(NamedTuple):
    """A step that was completed before the one that failed.

    A plan (`is_plan`) has no result yet: it says that a parallel step was started. Its `id` is 0.
    """

    id: int
    name: str
    type: str
    output: Any
    is_plan: bool


def completed_steps(body: bytes | None) -> tuple[Step, ...]:
    """In the order of the body. Of duplicates the first counts, as it does for the SDKs."""
    _, *raw_steps = _raw_steps(body) or [None]
    found: dict[tuple[bool, int], Step] = {}
    for raw in raw_steps:
        decoded = _decoded(raw)
        if decoded is not None:
            key, step = decoded
            found.setdefault(key, step)
    return tuple(found.values())


def find_initial_payload(body: bytes | None) -> bytes | None:
    """In the first element of such a body. Any other body is the input itself: that of the first invocation."""
    raw_steps = _raw_steps(body)
    return body if raw_steps is None else _content(raw_steps[0])


def find_stack(response_body: bytes | None) -> str | None:
    """The "stack" of the error JSON `{"error", "message", "stack"}`, a string or a list of lines."""
    answer = _json(response_body) if response_body else None
    stack = answer.get("stack") if isinstance(answer, dict) else None
    if isinstance(stack, list) and all(isinstance(line, str) for line in stack):
        stack = "\n".join(stack)
    return stack if isinstance(stack, str) and stack else None


def _raw_steps(body: bytes | None) -> list[Any] | None:
    """The elements of the body; None if it is something else, such as an array that the user sent.

    The first element decides: every body of the protocol begins with the input. It must be complete, where a later one
    may be anything without making the input uncertain.
    """
    # Most payloads of users begin otherwise, and need not be decoded.
    if body is None or not body.lstrip(b" \t\r\n").startswith(b"["):
        return None
    elements = _json(body)
    if isinstance(elements, list) and elements and _content(elements[0]) is not None:
        return elements
    return None


def _content(raw: Any) -> bytes | None:
    """The decoded body of a raw step; None if this is no complete one."""
    if not isinstance(raw, dict) or not isinstance(raw.get("messageId"), str) or raw.get("callType") not in _CALL_TYPES:
        return None
    body = raw.get("body")
    try:
        return b64decode(body, validate=True) if isinstance(body, str) else None
    except ValueError:
        return None


def _decoded(raw: Any) -> tuple[tuple[bool, int], Step] | None:
    """A step, and what its duplicates have in common with it."""
    content = _content(raw)
    # "toCallback" and "fromCallback" are the request of a `context.call` and what came back for it. They are messages
    # of the service, not results: the SDKs skip them, and the result of the call is a "step" of its own.
    if content is None or raw["callType"] != "step":
        return None
    step = _json(content)
    if not isinstance(step, dict):
        return None
    number, name, kind, target = (step.get(key) for key in ("stepId", "stepName", "stepType", "targetStep"))
    if type(number) is not int or not isinstance(name, str) or not isinstance(kind, str):
        return None
    output = _output(step.get("out"))
    if number == 0 and type(target) is int:
        return (True, target), Step(number, name, kind, output, True)
    return (False, number), Step(number, name, kind, output, False)


def _output(out: Any) -> Any:
    """Results come as text that holds JSON. What holds none was sent as it is."""
    if not isinstance(out, str):
        return out
    decoded = _json(out.encode("utf-8", "surrogatepass"))
    return out if decoded is None and out != "null" else decoded


def _json(content: bytes) -> Any:
    """None if it is no JSON."""
    try:
        return json_decoder()(content)
    except ValueError:
        return None
