"""What of a run was redacted by the service, where its owner asked for that."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

# Instead of the original, its SHA256.
_REDACTED = re.compile("REDACTED:[0-9a-fA-F]{64}")

# Attributes by the names of the wire.
_TEXTS = {"body": "body", "responseBody": "response_body"}
_HEADERS = {
    "header": "headers",
    "failureCallbackHeader": "failure_callback_headers",
    "callbackHeader": "callback_headers",
    "responseHeader": "response_headers",
    "responseHeaders": "response_headers",  # as a failure function spells it
}


def is_redacted(content: bytes) -> bool:
    return _REDACTED.fullmatch(content.decode("latin-1")) is not None


def redacted_places(payload: Mapping[str, Any]) -> Iterator[str]:
    """Names of attributes, and of headers below theirs. Fields of the wrong type hold nothing that is redacted."""
    for key, name in _TEXTS.items():
        if _reads_redacted(payload.get(key)):
            yield name
    for key, name in _HEADERS.items():
        headers = payload.get(key)
        for header, values in headers.items() if isinstance(headers, dict) else ():
            if any(map(_reads_redacted, values if isinstance(values, list) else [values])):
                yield f"{name}.{header}"
    function = payload.get("failureCallbackInfo")
    if isinstance(function, dict):
        yield from (f"failure_function.{place}" for place in redacted_places({**function, "failureCallbackInfo": None}))


def _reads_redacted(value: Any) -> bool:
    return isinstance(value, str) and _REDACTED.fullmatch(value) is not None
