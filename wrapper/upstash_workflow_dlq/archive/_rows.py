"""A failed run as a row: what is asked for, beside its payload."""

from __future__ import annotations

import json
from functools import lru_cache
from hashlib import blake2b
from operator import attrgetter
from typing import Any, NamedTuple

from .. import FailedRun
from ..matching import Facts
from ..triage import workflow_path

# Characters of a message that are kept beside the payload.
MOST_TEXT = 2_000

# Instead of the id of a run that has none.
NO_ID = "no-id:"

_INT64 = range(-(2**63), 2**63)

_TEXTS = (
    *("workflow_url", "workflow_run_id", "failure_function_state", "caller_ip", "flow_control_key"),
    *("failure", "message", "fingerprint"),
)


class Kind(NamedTuple):
    """What runs have in common, as the table `kinds` has it."""

    workflow_url: str | None
    workflow: str
    status: int | None
    failure: str | None
    fingerprint: str
    labels: str

    @property
    def key(self) -> bytes:
        return blake2b(json.dumps(self).encode(), digest_size=16).digest()


class Row(NamedTuple):
    """A run, as the table `runs` has it."""

    dlq_id: str
    kind: Kind
    failed_at: int | None
    entered_at: int | None
    created_at: int | None
    workflow_run_id: str | None
    workflow_created_at: int | None
    caller_ip: str | None
    flow_control_key: str | None
    failure_function_state: str | None
    message: str | None
    is_exact: bool
    payload: bytes


_texts = attrgetter(*_TEXTS)


def key_of(run: FailedRun) -> str:
    """Its id; for a run without one, a hash of its payload, so that it is archived once."""
    try:
        dlq_id = run.dlq_id
    except ValueError:
        dlq_id = None
    if dlq_id and storable(dlq_id) == dlq_id:
        return dlq_id
    return f"{NO_ID}{blake2b(run.to_json(), digest_size=12).hexdigest()}"


def row_of(run: FailedRun) -> Row:
    facts = Facts.of(run)
    labels = tuple(dict.fromkeys(facts.label))
    status = facts.response_status
    changed: dict[str, Any] = {}
    # At once: nearly always nothing is to be changed.
    texts = "".join(filter(None, _texts(facts)))
    if len(texts) > MOST_TEXT or not texts.isprintable():
        changed = {name: text for name in _TEXTS if (text := _changed(getattr(facts, name))) is not None}
    if status is not None and status not in _INT64:
        changed["response_status"] = None
    stored = facts._replace(**changed) if changed else facts
    kind = Kind(
        stored.workflow_url,
        storable(workflow_path(run)),
        stored.response_status,
        stored.failure,
        stored.fingerprint or "",
        _as_json(labels),
    )
    return Row(
        key_of(run),
        kind,
        facts.failed_at,
        facts.entered_at,
        facts.created_at,
        stored.workflow_run_id,
        stored.workflow_created_at,
        stored.caller_ip,
        stored.flow_control_key,
        stored.failure_function_state,
        stored.message,
        not changed,
        run.to_json(),
    )


@lru_cache(maxsize=1024)
def _as_json(labels: tuple[str, ...]) -> str:
    return json.dumps(labels, ensure_ascii=not all(storable(label) == label for label in labels))


def _changed(text: str | None) -> str | None:
    """What is stored instead of a text; None if that is the text itself."""
    return None if text is None or (stored := storable(text)) == text else stored


def storable(text: str) -> str:
    """What SQLite takes: valid Unicode without NUL, and not without end."""
    if len(text) <= MOST_TEXT and text.isprintable():  # as nearly all are
        return text
    clipped = text[:MOST_TEXT]
    if "\0" in clipped:
        clipped = clipped.replace("\0", "\\x00")
    try:
        clipped.encode()
    except UnicodeEncodeError:
        clipped = clipped.encode("utf-8", "backslashreplace").decode()
    return clipped
