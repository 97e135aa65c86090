"""A failed run as a row: what is asked for, beside its payload."""

from __future__ import annotations

import json
from functools import lru_cache
from hashlib import blake2b
from operator import attrgetter
from typing import Annotated, Any, NamedTuple

import msgspec

from .. import FailedRun
from ..matching import Facts, milliseconds
from ..triage import fingerprint_of, workflow_path

# Characters of a message that are kept beside the payload.
MOST_TEXT = 2_000

# Instead of the id of a run that has none.
NO_ID = "no-id:"

_INT64 = range(-(2**63), 2**63)

# How many `_Shared` are remembered, and of up to how many characters.
MOST_SHARED = 1_024
MOST_BODY = 4_000

# Before it, a datetime made from a float of seconds is exact to the millisecond, so that it need not be made.
_YEAR_2100 = 4_102_444_800_000

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

_Milliseconds = Annotated[int, msgspec.Meta(ge=0, lt=_YEAR_2100)]


class _Callback(msgspec.Struct, gc=False):
    state: str | None = None


class _Payload(msgspec.Struct, gc=False):
    """What a row is made from, where each field has its usual type."""

    dlqId: str | None = None
    workflowUrl: str | None = None
    workflowRunId: str | None = None
    workflowCreatedAt: _Milliseconds | None = None
    createdAt: _Milliseconds | None = None
    responseStatus: int | None = None
    responseBody: str | None = None
    responseBodyBase64: str | None = None
    labels: tuple[str, ...] | None = None
    label: str | None = None
    callerIP: str | None = None
    flowControlKey: str | None = None
    failureFunctionState: str | None = None
    failureCallbackInfo: _Callback | None = None


_decode = msgspec.json.Decoder(_Payload).decode


class _Shared(NamedTuple):
    """What follows from the workflow, the labels and the answer alone."""

    kind: Kind
    message: str


def key_of(run: FailedRun) -> str:
    """Its id; for a run without one, a hash of its payload, so that it is archived once."""
    try:
        dlq_id = run.dlq_id
    except ValueError:
        dlq_id = None
    if dlq_id and storable(dlq_id) == dlq_id:
        return dlq_id
    return f"{NO_ID}{blake2b(run.to_json(), digest_size=12).hexdigest()}"


class Rows:
    """Makes rows. To read the attributes of each run would take several times as long."""

    def __init__(self) -> None:
        self._shared: dict[tuple[Any, ...], _Shared | None] = {}

    def of(self, run: FailedRun, key: str) -> Row:
        """`key` is its `key_of`. The row is the one that `row_of` makes."""
        content = run.to_json()
        try:
            payload = _decode(content)
        except (msgspec.DecodeError, RecursionError):
            return row_of(run, key)
        shared = self._shared_by(run, payload)
        info = payload.failureCallbackInfo
        run_id, caller_ip, flow_key = payload.workflowRunId, payload.callerIP, payload.flowControlKey
        state = (info and info.state) or payload.failureFunctionState or None
        texts = f"{run_id or ''}{caller_ip or ''}{flow_key or ''}{state or ''}"
        if shared is None or len(texts) > MOST_TEXT or not texts.isprintable():
            return row_of(run, key)
        entered, created = milliseconds(run.entered_at), payload.createdAt
        return Row(
            key,
            shared.kind,
            created if entered is None else entered,
            entered,
            created,
            run_id,
            payload.workflowCreatedAt,
            caller_ip,
            flow_key,
            state,
            shared.message,
            True,
            content,
        )

    def _shared_by(self, run: FailedRun, payload: _Payload) -> _Shared | None:
        """None if a column cannot hold some of it."""
        labels = payload.labels or ((payload.label,) if payload.label else ())
        url, status = payload.workflowUrl, payload.responseStatus
        body, encoded = payload.responseBody or "", payload.responseBodyBase64 or ""
        same = (url, status, labels, body, encoded)
        if same not in self._shared:
            # Made from these three alone, since `run.failure` would decode all of the run.
            failure = FailedRun({"responseBody": body, "responseBodyBase64": encoded, "responseStatus": status}).failure
            path = workflow_path(run)
            texts = "".join((url or "", *failure))
            shared = None
            if len(texts) <= MOST_TEXT and texts.isprintable() and (status is None or status in _INT64):
                kind = Kind(url, path, status, failure.name, fingerprint_of(failure, path), _as_json(labels))
                shared = _Shared(kind, failure.message)
            if len(url or "") + len(body) + len(encoded) + sum(map(len, labels)) > MOST_BODY:
                return shared
            if len(self._shared) >= MOST_SHARED:
                self._shared.clear()
            self._shared[same] = shared
        return self._shared[same]


def row_of(run: FailedRun, key: str) -> Row:
    """Of any run, by its attributes."""
    facts = Facts.of(run)
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
        _as_json(facts.label),
    )
    return Row(
        key,
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
    labels = tuple(dict.fromkeys(labels))
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
