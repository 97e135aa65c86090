"""Payloads of failed runs: how they are encoded, which values filters compare, which position an id stands for."""

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

Payload = dict[str, Any]
Values = tuple[str | int, ...]
Position = tuple[int, int]
"""When a run entered the queue (Unix ms), and a number that distinguishes runs of the same millisecond."""

_ID = re.compile(r"(0|[1-9][0-9]{0,18})-(0|[1-9][0-9]{0,18})")


class Run:
    """A failed run: its position in the queue, and its payload as JSON.

    The JSON is in parts, which are joined only when a whole page is, and ends with a comma, as in a list.
    """

    # There is no __init__: calling one would take as long as all else that it takes to make a sample run.
    __slots__ = ("moment", "number", "parts")
    moment: int
    number: int
    parts: list[bytes]

    @property
    def position(self) -> Position:
        return self.moment, self.number

    @property
    def dlq_id(self) -> str:
        return f"{self.moment}-{self.number}"

    @property
    def json(self) -> bytes:
        return b"".join(self.parts)[:-1]

    def payload(self) -> Payload:
        payload: Payload = json.loads(self.json)
        return payload


class AddedRun(Run):
    """A failed run that was given as a payload, which may have any id."""

    __slots__ = ("_facts", "_id")

    def __init__(self, position: Position, payload: Payload) -> None:
        self.moment, self.number = position
        self.parts = [encode(payload) + b","]
        self._facts: dict[str, Values] | None = None
        self._id: str = payload["dlqId"]

    @property
    def facts(self) -> dict[str, Values]:
        if self._facts is None:  # until it is filtered: that takes longer than all else that adding takes
            self._facts = facts_of(self.payload())
        return self._facts

    @property
    def dlq_id(self) -> str:
        return self._id


def encode(value: Any) -> bytes:
    """JSON in UTF-8. Raises ValueError or TypeError for what is not JSON."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()


def position_of(dlq_id: str) -> Position | None:
    """The position that an id like the service's stands for; None for any other id."""
    match = _ID.fullmatch(dlq_id)
    return None if match is None else (int(match[1]), int(match[2]))


def facts_of(payload: Mapping[str, Any]) -> dict[str, Values]:
    """The values of a payload that filters compare."""
    return {
        name: tuple(value for value in values(payload) if isinstance(value, str | int))
        for name, values in _FACTS.items()
    }


def callback_states(payload: Mapping[str, Any]) -> list[Any]:
    info = payload.get("failureCallbackInfo")
    return [info.get("state") if isinstance(info, dict) else None, payload.get("failureFunctionState")]


def _labels(payload: Mapping[str, Any]) -> list[Any]:
    labels = payload.get("labels")
    return [payload.get("label"), *(labels if isinstance(labels, list) else ())]


_FACTS: dict[str, Callable[[Mapping[str, Any]], list[Any]]] = {
    "callerIp": lambda payload: [payload.get("callerIP")],
    "createdAt": lambda payload: [payload.get("createdAt")],
    "failureFunctionState": callback_states,
    "flowControlKey": lambda payload: [payload.get("flowControlKey")],
    "label": _labels,
    "messageId": lambda payload: [payload.get("messageId")],
    "responseStatus": lambda payload: [payload.get("responseStatus")],
    "url": lambda payload: [payload.get("url")],
    "workflowCreatedAt": lambda payload: [payload.get("workflowCreatedAt")],
    "workflowRunId": lambda payload: [payload.get("workflowRunId")],
    "workflowUrl": lambda payload: [payload.get("workflowUrl")],
}
