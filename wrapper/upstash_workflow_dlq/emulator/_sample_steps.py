"""What sample runs hold besides their fields: steps that were done, stacks, and what was redacted."""

import base64
import hashlib
import json
import random
from dataclasses import dataclass
from typing import Any

_STEPS: tuple[tuple[str, str, Any], ...] = (
    ("load", "Run", {"found": True, "rows": 3}),
    ("wait-a-minute", "SleepFor", None),
    ("ask-provider", "Call", {"status": 200, "body": '{"ok":true}', "header": {"Content-Type": ["application/json"]}}),
    ("send-reminder", "Run", "sent"),
)
"""Name, type and result. Some runs did the first two at the same time."""

_CALLER = "async serveBase (/app/node_modules/@upstash/workflow/nextjs.js:2210:20)"
_REDACTED_HEADER = "X-Customer-Token"


@dataclass(frozen=True, slots=True)
class SampleFailure:
    """The error JSON that the endpoint of a workflow answers, with a stack if a place is given.

    In the message, `{}` is a number.
    """

    name: str
    message: str
    place: str = ""

    def answer(self, own: random.Random) -> bytes:
        message = self.message.format(own.randrange(1, 5))
        answer = {"error": self.name, "message": message}
        if self.place:
            answer["stack"] = f"{self.name}: {message}\n    at {self.place}\n    at {_CALLER}"
        return encoded(answer)


def body_of(own: random.Random, payload: bytes, *, is_first: bool) -> bytes | None:
    """The body of a request, by the protocol of the vendor's SDKs. None where it was left out, as large ones are."""
    if own.random() < 0.08:
        return None
    if not is_first:
        payload = encoded([_raw_step(own, payload), *(_raw_step(own, encoded(step)) for step in _steps(own))])
    return redacted(payload) if own.random() < 0.06 else payload


def header_of(own: random.Random) -> dict[str, list[str]]:
    """Some runs were started with a header that is redacted."""
    return {_REDACTED_HEADER: [redacted(own.randbytes(16)).decode()]} if own.random() < 0.1 else {}


def redacted(content: bytes) -> bytes:
    return f"REDACTED:{hashlib.sha256(content).hexdigest()}".encode()


def encoded(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def _steps(own: random.Random) -> list[dict[str, Any]]:
    """The steps that were done: none yet, one after the other, or the first two in parallel, after their plans."""
    done = [
        {"stepId": number, "stepName": name, "stepType": kind, "out": json.dumps(out), "concurrent": 1}
        for number, (name, kind, out) in enumerate(_STEPS, 1)
    ][: own.randrange(len(_STEPS) + 1)]
    if len(done) < 2 or own.random() < 0.6:
        return done
    parallel = [{**step, "concurrent": 2} for step in done[:2]]
    plans = [{**step, "stepId": 0, "out": None, "targetStep": step["stepId"]} for step in parallel]
    return [*plans, *parallel, *done[2:]]


def _raw_step(own: random.Random, content: bytes) -> dict[str, str]:
    message_id = f"msg_{base64.urlsafe_b64encode(own.randbytes(48))[:63].decode()}"
    return {"messageId": message_id, "body": base64.b64encode(content).decode(), "callType": "step"}
