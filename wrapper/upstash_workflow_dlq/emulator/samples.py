"""Failed runs as the service delivers them: one recorded, the others made up and the same every time."""

import base64
import json
import random
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.resources import files
from itertools import chain, islice
from typing import Any

from ._sample_runs import VARIETY, SampleRuns
from ._sample_steps import SampleFailure, body_of, encoded, header_of

__all__ = ["NEWEST", "failed_runs", "recorded_run"]

NEWEST = 1_752_829_295_505
"""Unix milliseconds at which the recorded run entered its queue."""


def recorded_run() -> dict[str, Any]:
    """The one real payload, from the page in `recorded.json`."""
    page = json.loads(files(__package__).joinpath("recorded.json").read_text("utf-8"))
    run: dict[str, Any] = page["messages"][0]
    return run


def failed_runs(count: int, *, newest: int = NEWEST) -> list[dict[str, Any]]:
    """Sample runs, newest first and about a minute apart. `newest` (Unix milliseconds) is when the first one failed.

    The first one is the recorded run. The same arguments give the same runs, and fewer runs are the beginning of more.
    Another `newest` moves all times, and so the ids, and changes nothing else. Raises ValueError for a negative count.

    ```python
    from upstash_workflow_dlq.emulator import failed_runs

    newest, older = failed_runs(2)
    print(newest["dlqId"], newest["responseStatus"])  # 1752829295505-0 489
    ```
    """
    return [run.payload() for run in sample_runs(count, newest)]


def sample_runs(count: int, newest: int = NEWEST) -> SampleRuns:
    """The same as `failed_runs`, made when they are needed."""
    if count < 0:
        raise ValueError(f"count must not be negative, got {count}")
    rng = random.Random(1)  # noqa: S311 - predictable on purpose
    runs = chain([recorded_run()], (_invent(rng, *place) for place in _positions(rng)))
    return SampleRuns(count, [_moved(run, newest - NEWEST) for run in islice(runs, min(count, VARIETY))])


def _moved(run: dict[str, Any], milliseconds: int) -> dict[str, Any]:
    entered, number = run["dlqId"].split("-")
    times = {name: run[name] + milliseconds for name in ("notBefore", "createdAt", "workflowCreatedAt")}
    return {**run, **times, "dlqId": f"{int(entered) + milliseconds}-{number}"}


@dataclass(frozen=True, slots=True)
class _Workflow:
    url: str
    labels: tuple[str, ...]
    body: dict[str, Any] | bytes
    flow_control: dict[str, Any]


_WORKFLOWS = (
    _Workflow(
        "https://billing.example.com/api/workflow/invoices",
        ("billing", "invoices"),
        {"invoice": "2025-0731", "customer": "Zoë Müller GmbH", "amount": {"value": "1249.00", "currency": "EUR"}},
        {"flowControlKey": "payment-provider", "rate": 10, "parallelism": 3, "period": 60},
    ),
    _Workflow(
        "https://billing.example.com/api/workflow/dunning",
        ("billing",),
        {"invoice": "2025-0644", "reminder": 2, "amount": "€ 89,90"},
        {"flowControlKey": "payment-provider", "parallelism": 3},
    ),
    _Workflow(
        "https://mail.example.com/workflows/weekly-digest",
        ("email", "digest", "weekly"),
        {"audience": "weekly", "subject": "今週のまとめ 📬", "recipients": 4180},
        {"flowControlKey": "smtp", "rate": 100, "period": 1},
    ),
    _Workflow(
        "https://app.example.com/api/onboarding?plan=pro",
        ("onboarding",),
        {"user": {"name": "Łukasz Żak", "email": "lukasz@example.com"}, "step": "send-welcome", "retry": False},
        {},
    ),
    _Workflow(
        "https://media.example.com/api/workflow/thumbnails",
        ("images", "user:42"),
        b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x01\x00\x00\x00\x01\x00\x08\x06\x00\x00\x00",
        {"flowControlKey": "gpu-pool", "parallelism": 2},
    ),
    _Workflow(
        "https://search.example.com/api/workflow/reindex",
        ("search", "nightly"),
        {"index": "products", "shards": [0, 1, 2], "since": None},
        {},
    ),
)

_JSON, _TEXT, _HTML = "application/json", "text/plain;charset=UTF-8", "text/html; charset=utf-8"


# Status, content type and body of what the workflow's endpoint answered. None where it did not answer in time.
_RESPONSES: tuple[tuple[int, str, bytes | SampleFailure] | None, ...] = (
    (489, _TEXT, SampleFailure("WorkflowNonRetryableError", "the customer has no payment method")),
    (489, _TEXT, SampleFailure("WorkflowNonRetryableError", "l'adresse « Zoë » n'est pas vérifiée")),
    (
        500,
        _JSON,
        SampleFailure("Error", "payment provider answered 503", "charge (/app/lib/payments.ts:48:11)"),
    ),
    (
        500,
        _JSON,
        SampleFailure("Error", "connection to db-{} lost while reading orders", "query (/app/lib/db.ts:112:9)"),
    ),
    (500, _JSON, SampleFailure("TypeError", "customer.email is undefined", "greet (/app/lib/mail.ts:17:31)")),
    (500, _TEXT, b"unhandled exception, see log entry 7f3a"),
    (502, _HTML, b"<html>\n<head><title>Bad gateway</title></head>\n<body><h1>Bad gateway</h1></body>\n</html>\n"),
    (504, _HTML, "<html><body><p>Zeitüberschreitung: no answer from upstream</p></body></html>".encode()),
    (429, _JSON, b'{"error":"too many messages for this sender","retryAfter":30}'),
    (
        500,
        "application/octet-stream",
        b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03\xcbH\xcd\xc9\xc9\x07\x00\x86\xa6\x106",
    ),
    None,
)

_STATES = ("CALLBACK_INPROGRESS", "CALLBACK_SUCCESS", "CALLBACK_FAIL", "CALLBACK_CANCELED")
# Addresses that are set aside for documentation.
_CALLERS = ("192.0.2.17", "198.51.100.4", "203.0.113.201", "2001:db8::1f")


def _positions(rng: random.Random) -> Iterator[tuple[int, int]]:
    """Endless, newest first; now and then several within one millisecond, as when something shared goes down."""
    moment = NEWEST
    while True:
        together = rng.choice((1, 1, 1, 1, 1, 1, 1, 1, 2, 6))
        if moment != NEWEST:  # where the recorded run is
            yield from ((moment, number) for number in reversed(range(together)))
        moment -= rng.choice((3, 400, 9_000, 60_000, 240_000)) + rng.randrange(1000)


def _invent(rng: random.Random, moment: int, number: int) -> dict[str, Any]:
    own = random.Random(f"{moment}-{number}")  # noqa: S311 - beside `rng`, on which ids and times depend
    workflow = rng.choice(_WORKFLOWS)
    run_id = f"wfr_{_word(rng, 21)}"
    created = moment - rng.randrange(40, 2_000)
    retries = rng.choice((0, 3, 3, 5, 10))
    message_id = f"msg_{_word(rng, 63)}"
    header = _header(rng, workflow, run_id)
    is_first = header["Upstash-Workflow-Init"] == ["true"]
    if not is_first:
        header["Content-Type"] = [_JSON]  # the steps so far
    body = body_of(own, _payload(rng, workflow), is_first=is_first)
    return {
        "messageId": message_id,
        "url": workflow.url,
        "method": "POST",
        "header": {**header, **header_of(own)},
        **({} if body is None else _encoded("body", body)),
        "maxRetries": retries,
        **({"retryDelayExpression": "pow(2, retried) * 1000"} if retries == 5 else {}),
        "notBefore": created,
        "createdAt": created,
        "callerIP": rng.choice(_CALLERS),
        "workflowRunId": run_id,
        "workflowCreatedAt": created - rng.randrange(200, 600_000),
        "workflowUrl": workflow.url,
        **_label_fields(rng, workflow.labels),
        **(workflow.flow_control if rng.random() < 0.7 else {}),
        **_response(rng, own),
        **_failure_function(rng, workflow.url),
        "dlqId": f"{moment}-{number}",
    }


def _header(rng: random.Random, workflow: _Workflow, run_id: str) -> dict[str, list[str]]:
    return {
        "Content-Type": ["image/png" if isinstance(workflow.body, bytes) else "application/json"],
        "Upstash-Workflow-Init": [rng.choice(("true", "false", "false"))],
        "Upstash-Workflow-Runid": [run_id],
        "Upstash-Workflow-Sdk-Version": ["1"],
        "Upstash-Workflow-Url": [workflow.url],
        "X-Forwarded-For": list(rng.sample(_CALLERS, 2)),
    }


def _payload(rng: random.Random, workflow: _Workflow) -> bytes:
    if isinstance(workflow.body, bytes):
        return workflow.body + rng.randbytes(24)
    return encoded({"id": rng.randrange(10_000, 100_000), **workflow.body})


def _label_fields(rng: random.Random, labels: tuple[str, ...]) -> dict[str, Any]:
    old, new = {"label": labels[0]}, {"labels": list(labels)}
    return rng.choice((new, new, new, new, old, {**old, **new}, {}))


def _response(rng: random.Random, own: random.Random) -> dict[str, Any]:
    response = rng.choice(_RESPONSES)
    if response is None:
        return {}
    status, content_type, answer = response
    body = answer.answer(own) if isinstance(answer, SampleFailure) else answer
    header = {"Content-Type": [content_type], "Content-Length": [str(len(body))]}
    return {"responseStatus": status, "responseHeader": header, **_encoded("responseBody", body)}


def _failure_function(rng: random.Random, url: str) -> dict[str, Any]:
    if rng.random() < 0.25:
        return {}
    state = rng.choice(_STATES)
    info: dict[str, Any] = {"state": state}
    if state == "CALLBACK_SUCCESS":
        started = json.dumps({"workflowRunId": f"wfr_{_word(rng, 21)}"}, separators=(",", ":"))
        info |= {"responseStatus": 200, "responseBody": started, "responseHeaders": {"Content-Type": [_TEXT]}}
    elif state == "CALLBACK_FAIL":
        answer = encoded({"error": "Error", "message": "the failure function failed as well"}).decode()
        info |= {"responseStatus": 500, "responseBody": answer, "responseHeaders": {"Content-Type": [_JSON]}}
    fields = rng.choice(
        (
            {"failureCallbackInfo": info},
            {"failureCallbackInfo": info, "failureCallbackHeader": {"Content-Type": [_JSON]}},
            {"failureCallbackInfo": info, "failureFunctionState": state},
            {"failureFunctionState": state},
        )
    )
    return {"failureCallback": url, **fields}


def _encoded(field: str, content: bytes) -> dict[str, str]:
    """The service delivers UTF-8 as it is and everything else in base64."""
    try:
        return {field: content.decode()}
    except UnicodeDecodeError:
        return {f"{field}Base64": base64.b64encode(content).decode()}


def _word(rng: random.Random, length: int) -> str:
    return base64.urlsafe_b64encode(rng.randbytes(length))[:length].decode()
