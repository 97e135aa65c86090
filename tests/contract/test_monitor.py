"""A monitor on either client: what it reports, what it never reports, and that calls behave as without it."""

from __future__ import annotations

import json
import logging
import pickle
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest
from blocking import AnyClient
from conftest import TOKEN, Connect
from fakes import Wire, page
from openapi import spec
from upstash_workflow_dlq import (
    APIError,
    AsyncDLQClient,
    AuthenticationError,
    BulkError,
    DLQClient,
    DLQError,
    InvalidResponseError,
    NotFoundError,
)
from upstash_workflow_dlq.contract import ContractError, ContractMonitor, Drift, DriftKind, _monitor
from upstash_workflow_dlq.contract._checks import Contract
from upstash_workflow_dlq.emulator import Emulator

STARTED = {"workflowRunId": "wfr_1", "workflowCreatedAt": 1752829293531}
TYPED_BUT_UNDOCUMENTED = [
    *("failureCallbackHeader", "failureCallbackInfo", "messageId", "notBefore", "parallelism", "period", "rate"),
    "retryDelayExpression",
]
SECRET = "s3cret-value"


def client_of(client: AnyClient) -> DLQClient | AsyncDLQClient:
    return client if isinstance(client, DLQClient) else client.wrapped


def hooks(client: AnyClient) -> list[Any]:
    return client_of(client).response_hooks


@pytest.fixture
def watched(connect: Connect) -> Callable[..., AnyClient]:
    """A client that gets these answers under a monitor."""

    def make(monitor: ContractMonitor, *answers: Any, **arguments: Any) -> AnyClient:
        client = connect(transport=Wire(*answers), **arguments)
        monitor.watch(client_of(client))
        return client

    return make


Watched = Callable[..., AnyClient]


def test_answers_as_documented_are_no_drift(watched: Watched, recorded_run: dict[str, Any]) -> None:
    monitor = ContractMonitor(strict=True, ignore={"messageId", "notBefore", "failureCallbackInfo"})
    answers = [recorded_run, page("1", cursor="1-0"), page(), 200, STARTED, {"deleted": 1}, {"workflowRuns": [STARTED]}]
    dlq = watched(monitor, *answers, 302, httpx.Response(404, json={"error": "gone"}))
    dlq.get(recorded_run["dlqId"])
    list(dlq.list())
    dlq.delete("1")
    dlq.resume("1")
    dlq.delete_many(dlq_ids=["1"])
    dlq.restart_many(dlq_ids=["1"])
    dlq.cancel_failure_callback("1")
    with pytest.raises(NotFoundError):
        dlq.get("1")
    assert monitor.report() == ()
    assert monitor.checked == 9


@pytest.mark.parametrize(
    ("answer", "drift"),
    [
        ({"dlqId": "1", "new": 1}, Drift(DriftKind.UNDOCUMENTED_FIELD, "getFailedRun", 200, "new", "integer")),
        ({"a b.c\n": 1}, Drift(DriftKind.UNDOCUMENTED_FIELD, "getFailedRun", 200, '"a b.c\\n"', "integer")),
        (
            {"createdAt": "yesterday"},
            Drift(DriftKind.WRONG_TYPE, "getFailedRun", 200, "createdAt", "string instead of integer"),
        ),
        ({"dlqId": None}, Drift(DriftKind.WRONG_TYPE, "getFailedRun", 200, "dlqId", "null instead of string")),
        (
            {"header": {"X-Mine": ["a", 5]}},
            Drift(DriftKind.WRONG_TYPE, "getFailedRun", 200, "header.*[]", "number instead of string"),
        ),
        (httpx.Response(200, json=[]), Drift(DriftKind.WRONG_TYPE, "getFailedRun", 200, "", "array instead of object")),
        (httpx.Response(200, html="<p>"), Drift(DriftKind.NOT_JSON, "getFailedRun", 200)),
        (200, Drift(DriftKind.NOT_JSON, "getFailedRun", 200, "", "no body")),
        (httpx.Response(401, json={}), Drift(DriftKind.MISSING_FIELD, "getFailedRun", 401, "error")),
        (httpx.Response(500, text="oops"), Drift(DriftKind.NOT_JSON, "getFailedRun", 500)),
        (httpx.Response(418, json={"error": "tea"}), Drift(DriftKind.UNDOCUMENTED_STATUS, "getFailedRun", 418)),
    ],
    ids=str,
)
def test_each_kind_of_drift_is_reported_once_and_counted(
    watched: Watched, caplog: pytest.LogCaptureFixture, answer: Any, drift: Drift
) -> None:
    told: list[Drift] = []
    monitor = ContractMonitor(on_drift=told.append)
    dlq = watched(monitor, answer, answer, answer, retry=None)
    for _ in range(3):
        with suppress(APIError, InvalidResponseError):
            dlq.get("1")
    assert told == [drift]
    [counted] = monitor.report()
    assert counted.count == 3
    assert (counted.kind, counted.path) == (drift.kind, drift.path)
    warnings = [record for record in caplog.records if record.name == "upstash_workflow_dlq.contract"]
    assert [(record.levelname, record.getMessage()) for record in warnings] == [
        ("WARNING", f"drift from the spec: {drift}")
    ]


def test_an_answer_counts_once_however_many_runs_have_the_field(watched: Watched) -> None:
    monitor = ContractMonitor()
    list(watched(monitor, page("1", "2", "3", cursor="3-0", new=1, method=5), page("4", new=1)).list())
    assert [(drift.path, drift.kind.value, drift.count) for drift in monitor.report()] == [
        ("messages[].method", "wrong_type", 1),
        ("messages[].new", "undocumented_field", 2),
    ]
    assert str(monitor.report()[0]) == "wrong_type: listFailedRuns 200 messages[].method (number instead of string)"


def test_calls_return_and_raise_what_they_do_without_a_monitor(connect: Connect, recorded_page: dict[str, Any]) -> None:
    def outcome(client: AnyClient) -> list[Any]:
        outcomes: list[Any] = [list(client.list(limit=1))]
        for act in (lambda: client.get("1"), lambda: client.delete("1"), lambda: client.resume("1")):
            try:
                outcomes.append(act())
            except DLQError as error:
                outcomes.append((type(error), str(error), vars(error)))
        return outcomes

    answers: list[Any] = [recorded_page, httpx.Response(200, text="no"), 418, STARTED | {"new": 1}]
    plain, observed = connect(transport=Wire(*answers)), connect(transport=Wire(*answers))
    monitor = ContractMonitor()
    with monitor.watching(client_of(observed)):
        assert outcome(observed) == outcome(plain)
    assert len(monitor.report()) == 6


def test_without_a_monitor_no_code_of_it_runs(connect: Connect) -> None:
    dlq = connect(transport=Wire({"dlqId": "1", "new": 1}, forever=True))
    monitor = ContractMonitor(strict=True)
    assert hooks(dlq) == []
    with monitor.watching(client_of(dlq)) as same:
        assert same is monitor
        assert len(hooks(dlq)) == 1
        with pytest.raises(ContractError):
            dlq.get("1")
    assert hooks(dlq) == []
    dlq.get("1")
    assert monitor.checked == 1


def test_watching_twice_is_watching_once(connect: Connect) -> None:
    dlq = connect(transport=Wire(page("1"), forever=True))
    monitor, other = ContractMonitor(), ContractMonitor()
    monitor.watch(client_of(dlq))
    monitor.watch(client_of(dlq))
    other.watch(client_of(dlq))
    list(dlq.list())
    assert (monitor.checked, other.checked) == (1, 1)
    monitor.unwatch(client_of(dlq))
    monitor.unwatch(client_of(dlq))
    list(dlq.list())
    assert (monitor.checked, other.checked) == (1, 2)


def test_only_the_last_of_several_tries_is_seen(watched: Watched, waits: list[float]) -> None:
    monitor = ContractMonitor()
    list(watched(monitor, 503, 429, page("1")).list())
    assert monitor.checked == 1
    assert monitor.report() == ()
    assert len(waits) == 2


@pytest.mark.parametrize("base_url", ["https://gateway.example/upstash/eu", "https://gateway.example"])
def test_the_path_of_the_base_url_does_not_matter(watched: Watched, base_url: str) -> None:
    monitor = ContractMonitor()
    dlq = watched(monitor, {"dlqId": "a/b?c", "new": 1}, STARTED, {"deleted": 0}, base_url=base_url)
    dlq.get("a/b?c")
    dlq.resume("resume")
    dlq.delete_many(all=True)
    assert [(drift.operation, drift.path) for drift in monitor.report()] == [("getFailedRun", "new")]


# Sampling


@pytest.mark.parametrize(
    ("sample", "least", "most"), [(0, 0, 0), (0.1, 2, 30), (0.5, 30, 70), (1, 100, 100), (1.0, 100, 100)]
)
def test_a_share_of_the_answers_is_checked(sample: float, least: int, most: int) -> None:
    def checked() -> int:
        monitor = ContractMonitor(sample=sample, seed=7)
        with DLQClient(TOKEN, transport=Wire({"dlqId": "1"}, forever=True)) as dlq, monitor.watching(dlq):
            for _ in range(100):
                dlq.get("1")
        return monitor.checked

    assert least <= checked() <= most
    assert checked() == checked()


@pytest.mark.parametrize("sample", [-0.1, 1.1, float("nan"), True, "all", None])
def test_a_share_is_between_0_and_1(sample: Any) -> None:
    with pytest.raises(ValueError, match="from 0 to 1"):
        ContractMonitor(sample=sample)


# Strict


def test_strict_raises_each_time_and_is_not_retried(watched: Watched, waits: list[float]) -> None:
    monitor = ContractMonitor(strict=True)
    dlq = watched(monitor, {"new": 1}, {"new": 1}, {"dlqId": "1"})
    for _ in range(2):
        with pytest.raises(ContractError) as caught:
            dlq.get("1")
        assert caught.value.__cause__ is None
        assert [drift.path for drift in caught.value.drifts] == ["new"]
        assert (
            str(caught.value) == "the answer drifts from the spec: undocumented_field: getFailedRun 200 new (integer)"
        )
    assert dlq.get("1").dlq_id == "1"
    assert [drift.count for drift in monitor.report()] == [2]
    assert waits == []


def test_strict_raises_before_the_error_of_a_refusal(watched: Watched) -> None:
    dlq = watched(ContractMonitor(strict=True), httpx.Response(401, json={}), httpx.Response(401, json={"error": "no"}))
    with pytest.raises(ContractError):
        dlq.get("1")
    with pytest.raises(AuthenticationError):
        dlq.get("1")


def test_a_list_goes_on_where_strict_stopped_it(watched: Watched) -> None:
    runs = iter(watched(ContractMonitor(strict=True), page("1", cursor="1-0"), page("2", new=1), page("2")).list())
    assert next(runs).dlq_id == "1"
    with pytest.raises(ContractError):
        next(runs)
    assert [run.dlq_id for run in runs] == ["2"]


def test_a_bulk_call_that_strict_stops_keeps_what_was_done(watched: Watched) -> None:
    dlq = watched(ContractMonitor(strict=True), {"deleted": 2, "cursor": "2-0"}, {"deleted": "2"})
    with pytest.raises(BulkError) as caught:
        dlq.delete_many(all=True)
    assert caught.value.done == 2
    assert isinstance(caught.value.__cause__, ContractError)


def test_a_contract_error_names_the_first_few_and_can_be_pickled() -> None:
    drifts = tuple(Drift(DriftKind.UNDOCUMENTED_FIELD, "getFailedRun", 200, f"new{n}") for n in range(7))
    error = ContractError.of(drifts)
    assert str(error).endswith("getFailedRun 200 new4; and 2 more")
    copy = pickle.loads(pickle.dumps(error))
    assert (type(copy), str(copy), copy.drifts) == (ContractError, str(error), drifts)
    assert isinstance(error, DLQError)


# What to pass over


def test_known_drift_can_be_ignored_by_path_or_its_end_or_status(watched: Watched) -> None:
    monitor = ContractMonitor(ignore={"messages[].known", "old", "header.*", 429})
    answers = [
        page("1", known=1, old=1, new=1, header={"A": 1}),
        {"dlqId": "1", "known": 1, "old": 1},
        httpx.Response(429, json={"error": "slow"}),
        418,
    ]
    dlq = watched(monitor, *answers, retry=None)
    list(dlq.list())
    dlq.get("1")
    for _ in range(2):
        with pytest.raises(DLQError):
            dlq.get("1")
    assert [(drift.status, drift.path) for drift in monitor.report()] == [
        (200, "known"),
        (418, ""),
        (200, "messages[].new"),
    ]


def test_ignore_takes_no_bare_string() -> None:
    with pytest.raises(TypeError, match="in a set"):
        ContractMonitor(ignore="messageId")


# Discretion


def test_no_value_is_ever_reported(watched: Watched, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "upstash_workflow_dlq.contract")
    token = "eyJVc2VySUQi+abc/def=="
    told: list[Drift] = []
    monitor = ContractMonitor(on_drift=told.append)
    strict = ContractMonitor(strict=True)
    bad = {
        "dlqId": {SECRET: SECRET},
        "header": {SECRET: [1], SECRET * 2: SECRET},
        "labels": [SECRET, {SECRET: 1}],
        "createdAt": SECRET,
        "new": {SECRET: SECRET},
        token: SECRET,
    }
    errors = []
    dlq = watched(monitor, bad, httpx.Response(418, text=SECRET), httpx.Response(200, text=SECRET), token=token)
    strict.watch(client_of(dlq))
    for _ in range(3):
        with pytest.raises(ContractError) as caught:
            dlq.get(SECRET)
        errors.append(caught.value)
    assert len(told) == 9
    logged = [record.getMessage() for record in caplog.records if record.name == "upstash_workflow_dlq.contract"]
    assert len(logged) == 18
    for text in [*map(repr, told), monitor.to_json(), *map(repr, errors), *logged]:
        assert SECRET not in text
        assert token not in text


def test_a_failure_of_the_monitor_harms_no_call_and_quotes_nothing(
    watched: Watched, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*arguments: object) -> None:
        raise OSError(SECRET)

    monkeypatch.setattr(Contract, "drifts", fail)
    monitor = ContractMonitor()
    dlq = watched(monitor, {"dlqId": "1"}, {"dlqId": "2"})
    assert [dlq.get("1").dlq_id, dlq.get("2").dlq_id] == ["1", "2"]
    [record] = [record for record in caplog.records if record.name == "upstash_workflow_dlq.contract"]
    assert record.levelname == "ERROR"
    assert "the check of an answer failed" in record.getMessage()
    assert "OSError" in record.getMessage()
    assert SECRET not in record.getMessage()
    assert (monitor.checked, monitor.report()) == (0, ())


def test_a_failure_of_the_callback_harms_no_call_and_keeps_nothing_from_it(
    watched: Watched, caplog: pytest.LogCaptureFixture
) -> None:
    told = []

    def fail(drift: Drift) -> None:
        told.append(drift.path)
        raise KeyError(drift.path)

    dlq = watched(ContractMonitor(on_drift=fail), {"dlqId": "1", "a": 1, "b": 1})
    dlq.get("1")
    assert told == ["a", "b"]
    assert len([record for record in caplog.records if "on_drift failed" in record.getMessage()]) == 1


def test_failures_reach_the_caller_of_a_strict_monitor_as_contract_errors(
    watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*arguments: object) -> None:
        raise OSError("disk full")

    dlq = watched(ContractMonitor(on_drift=fail, strict=True), {"a": 1}, {"a": 1})
    with pytest.raises(ContractError, match="on_drift failed: OSError") as caught:
        dlq.get("1")
    assert isinstance(caught.value.__cause__, OSError)
    monkeypatch.setattr(Contract, "drifts", fail)
    with pytest.raises(ContractError, match="the check of an answer failed"):
        dlq.get("1")


def test_a_callback_is_a_plain_function() -> None:
    async def on_drift(drift: Drift) -> None: ...

    with pytest.raises(TypeError, match="plain function"):
        ContractMonitor(on_drift=on_drift)


# Bounds


def test_ever_new_fields_fill_the_report_and_no_more(watched: Watched, caplog: pytest.LogCaptureFixture) -> None:
    monitor = ContractMonitor()
    dlq = watched(monitor, *({"dlqId": "1"} | {f"{start}-{n}": 1 for n in range(700)} for start in (1, 2, 2, 3)))
    for _ in range(4):
        dlq.get("1")
    assert len(monitor.report()) == _monitor.MAX_DRIFTS
    assert monitor.unlisted == 400 + 400 + 700
    assert len([record for record in caplog.records if "the report is full" in record.getMessage()]) == 1


def test_long_names_are_cut(watched: Watched) -> None:
    monitor = ContractMonitor()
    watched(monitor, {"dlqId": "1", "n" * 100_000: 1}).get("1")
    assert monitor.report()[0].path == "n" * (_monitor.MAX_PATH - 1) + "…"


def test_threads_may_share_a_monitor() -> None:
    monitor = ContractMonitor()
    seen = threading.Barrier(4)

    def read(client: DLQClient) -> None:
        seen.wait()
        for _ in range(50):
            client.get("1")

    clients = [DLQClient(TOKEN, transport=Wire({"dlqId": "1", "new": 1, "header": 1}, forever=True)) for _ in range(4)]
    for client in clients:
        monitor.watch(client)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(read, clients))
    assert monitor.checked == 200
    assert [drift.count for drift in monitor.report()] == [200, 200]


# Low-level calls


def test_low_level_calls_are_watched_as_well() -> None:
    monitor = ContractMonitor()
    with DLQClient(TOKEN, transport=Wire({"new": 1}, 404, 200)) as dlq, monitor.watching(dlq):
        http = dlq.low_level.get_httpx_client()
        http.get(f"/v2/workflows/dlq/{SECRET}")
        http.get(f"/v2/workflows/logs/{SECRET}?a=b")
        http.put("/v2/workflows/dlq")
    assert [(drift.kind, drift.operation, drift.status) for drift in monitor.report()] == [
        (DriftKind.UNDOCUMENTED_OPERATION, "GET /v2/workflows/*/*", 404),
        (DriftKind.UNDOCUMENTED_OPERATION, "PUT /v2/workflows/dlq", 200),
        (DriftKind.UNDOCUMENTED_FIELD, "getFailedRun", 200),
    ]


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_asynchronous_low_level_calls_are_watched_as_well(backend: str) -> None:
    monitor = ContractMonitor(strict=True)

    async def main() -> None:
        async with AsyncDLQClient(TOKEN, transport=Wire({"new": 1})) as dlq:
            with monitor.watching(dlq), pytest.raises(ContractError):
                await dlq.low_level.get_async_httpx_client().get("/v2/workflows/dlq/1")

    anyio.run(main, backend=backend)
    assert monitor.checked == 1


@pytest.mark.parametrize("client", [None, httpx.Client])
def test_a_monitor_watches_our_clients_only(client: Any) -> None:
    with pytest.raises(TypeError, match="DLQClient or an AsyncDLQClient"):
        ContractMonitor().watch(client)


# Reports


def test_the_report_is_json_that_says_what_it_was_made_from(watched: Watched) -> None:
    monitor = ContractMonitor()
    assert json.loads(monitor.to_json())["spec"] is None
    watched(monitor, {"dlqId": "1", "b": 1, "a": 1}).get("1")
    report = json.loads(monitor.to_json())
    assert (report["checked"], report["unlisted"]) == (1, 0)
    assert report["spec"]["version"] == spec()["info"]["version"]
    assert len(report["spec"]["sha256"]) == 64
    assert report["drift"] == [
        {
            "kind": "undocumented_field",
            "operation": "getFailedRun",
            "status": 200,
            "path": path,
            "detail": "integer",
            "count": 1,
        }
        for path in ("a", "b")
    ]


def test_answers_can_be_held_against_another_spec(watched: Watched, tmp_path: Path) -> None:
    spec = tmp_path / "newer.yaml"
    spec.write_text(
        """
        openapi: 3.1.0
        paths:
          /v2/workflows/dlq/{dlqId}:
            get:
              responses:
                200:
                  content:
                    application/json:
                      schema: {properties: {dlqId: {}, switch: {enum: [on, off]}, new: {}}}
        """
    )
    monitor = ContractMonitor(spec=str(spec))
    dlq = watched(monitor, {"dlqId": "1", "switch": "on", "new": 1}, {"dlqId": "1", "switch": "maybe"})
    dlq.get("1")
    assert monitor.report() == ()
    dlq.get("1")
    operation = "GET /v2/workflows/dlq/{dlqId}"
    assert monitor.report() == (Drift(DriftKind.SCHEMA_VIOLATION, operation, 200, "switch", "against enum"),)


def test_an_unreadable_spec_is_an_error_when_watching_begins(connect: Connect, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        ContractMonitor(spec=tmp_path / "none.yaml").watch(client_of(connect(transport=Wire())))


def test_the_emulator_sends_exactly_the_undocumented_fields_that_the_wrapper_knows(connect: Connect) -> None:
    monitor = ContractMonitor()
    with Emulator(runs=150) as emulator:
        dlq = connect(emulator.token, base_url=emulator.url)
        monitor.watch(client_of(dlq))
        assert len(list(dlq.list())) == 150
    assert [(drift.kind, drift.path) for drift in monitor.report()] == [
        (DriftKind.UNDOCUMENTED_FIELD, f"messages[].{name}") for name in TYPED_BUT_UNDOCUMENTED
    ]


# The extra


def forget_the_room(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.startswith("upstash_workflow_dlq.contract")]:
        monkeypatch.delitem(sys.modules, name)


@pytest.mark.parametrize("missing", ["jsonschema_rs", "ruamel.yaml"])
def test_without_the_extra_the_room_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch, missing: str) -> None:
    forget_the_room(monkeypatch)
    monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(ImportError, match=r'pip install "upstash-workflow-dlq\[contract\]"') as caught:
        import upstash_workflow_dlq.contract  # noqa: F401
    assert missing in str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_core_loads_nothing_of_it() -> None:
    code = "import sys, upstash_workflow_dlq; print(*sys.modules)"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)  # noqa: S603 - ourselves
    loaded = set(ran.stdout.split())
    assert "upstash_workflow_dlq" in loaded
    assert not loaded & {"jsonschema_rs", "ruamel", "ruamel.yaml", "upstash_workflow_dlq.contract"}


def test_an_answer_that_is_no_json_still_raises_its_own_error(watched: Watched) -> None:
    with pytest.raises(InvalidResponseError):
        watched(ContractMonitor(), httpx.Response(200, text="<html>")).get("1")
