"""Resuming, restarting and the failure callback of one run, the override headers, and `Emulator.started`."""

import time
from typing import Any

import httpx
import pytest
from pairs import in_pairs
from upstash_workflow_dlq.emulator import Emulator, Started, failed_runs

KINDS = pytest.mark.parametrize("kind", ["resume", "restart"])
STATES = ["CALLBACK_INPROGRESS", "CALLBACK_SUCCESS", "CALLBACK_FAIL", "CALLBACK_CANCELED"]


@KINDS
def test_a_started_run_leaves_the_queue(dlq_emulator: Emulator, http: httpx.Client, kind: str) -> None:
    dlq_emulator.add({"dlqId": "1-0"}, {"dlqId": "2-0"})
    before = time.time_ns() // 1_000_000
    response = http.post(f"/dlq/{kind}/1-0")
    assert response.status_code == 200
    assert response.headers["content-type"] == "application/json"
    (started,) = dlq_emulator.started
    assert response.json() == {
        "workflowRunId": started.workflow_run_id,
        "workflowCreatedAt": started.workflow_created_at,
    }
    assert (started.kind, started.dlq_id, started.overrides) == (kind, "1-0", {})
    assert before <= started.workflow_created_at <= time.time() * 1000
    assert dlq_emulator.runs == [{"dlqId": "2-0"}]
    assert http.post(f"/dlq/{kind}/1-0").status_code == 404
    assert http.get("/dlq/1-0").status_code == 404
    assert len(dlq_emulator.started) == 1


def test_the_same_calls_start_runs_with_the_same_ids() -> None:
    def name_runs() -> list[str]:
        with Emulator(60) as dlq, httpx.Client(headers={"Authorization": f"Bearer {dlq.token}"}) as http:
            url = f"{dlq.url}/v2/workflows/dlq"
            http.post(f"{url}/resume/{dlq.runs[0]['dlqId']}")
            http.post(f"{url}/restart")
            return [run.workflow_run_id for run in dlq.started]

    names = name_runs()
    assert len(set(names)) == 51
    assert all(name.startswith("wfr_") for name in names)
    assert name_runs() == names


@KINDS
@pytest.mark.parametrize(("dlq_id", "sent"), [("a/b", "a%2Fb"), ("ü?#", "%C3%BC%3F%23"), ("resume", "resume")])
def test_an_id_is_decoded_once(dlq_emulator: Emulator, http: httpx.Client, kind: str, dlq_id: str, sent: str) -> None:
    dlq_emulator.add({"dlqId": dlq_id})
    assert http.post(f"/dlq/{kind}/{sent}").status_code == 200
    assert dlq_emulator.started[0].dlq_id == dlq_id


def test_path_segments_such_as_resume_may_be_ids(dlq_emulator: Emulator, http: httpx.Client) -> None:
    ids = dlq_emulator.add({"dlqId": "resume"}, {"dlqId": "restart"}, {"dlqId": "callback"})
    for dlq_id in ids:
        assert http.get(f"/dlq/{dlq_id}").json() == {"dlqId": dlq_id}
        assert http.delete(f"/dlq/{dlq_id}").status_code == 200
    assert dlq_emulator.runs == []


@pytest.mark.parametrize(
    ("method", "path"), [("POST", "/dlq/resume/1-0/2"), ("POST", "/dlq/callback/"), ("DELETE", "/dlq/callback/")]
)
def test_other_paths_are_not_found(dlq_emulator: Emulator, http: httpx.Client, method: str, path: str) -> None:
    dlq_emulator.add({"dlqId": "1-0"})
    assert http.request(method, path).status_code == 404
    assert len(dlq_emulator.runs) == 1


VALID_OVERRIDES = {
    "Upstash-Retries": "0",
    "Upstash-Delay": "10s",
    "Upstash-Retry-Delay": "pow(2, retried) * 1000",
    "Upstash-Flow-Control-Key": "payment-provider",
    "Upstash-Flow-Control-Value": "parallelism=3, rate=10, period=1m",
    "Upstash-Label": "night,again",
    "Upstash-Failure-Callback": "https://my.app/failed",
}


@KINDS
@pytest.mark.parametrize("target", ["/1-0", "?dlqIds=1-0", ""])
def test_overrides_are_recorded(dlq_emulator: Emulator, http: httpx.Client, kind: str, target: str) -> None:
    dlq_emulator.add({"dlqId": "1-0"})
    http.post(f"/dlq/{kind}{target}", headers=VALID_OVERRIDES).raise_for_status()
    (started,) = dlq_emulator.started
    assert started.overrides == {name.lower(): value for name, value in VALID_OVERRIDES.items()}


@pytest.mark.parametrize(
    ("header", "value"),
    [
        ("Upstash-Retries", "12"),
        *(("Upstash-Delay", value) for value in ("0s", "5m", "1h", "2d")),
        *(("Upstash-Flow-Control-Value", value) for value in ("rate=1", "period=2d,rate=5", "parallelism=07")),
    ],
)
def test_a_valid_override_is_accepted(dlq_emulator: Emulator, http: httpx.Client, header: str, value: str) -> None:
    dlq_emulator.add({"dlqId": "1-0"})
    assert http.post("/dlq/resume/1-0", headers={header: value}).status_code == 200


BAD_OVERRIDES = [
    *(("Upstash-Retries", value) for value in ("", "-1", "three", "1.5", "+1", "²")),
    *(("Upstash-Delay", value) for value in ("", "10", "s", "-1s", "1.5h", "10 s", "1w", "10ms", "1h30m")),
    *(
        ("Upstash-Flow-Control-Value", value)
        for value in ("", "rate", "rate=", "rate=0", "rate=-1", "rate=1,", "rate=1,rate=2", "speed=1", "rate=1;x=2")
    ),
    *(("Upstash-Flow-Control-Value", value) for value in ("period=60", "period=m", "parallelism=3m")),
]


@in_pairs({"kind": ["resume", "restart"], "target": ["/1-0", ""], ("header", "value"): BAD_OVERRIDES})
def test_a_bad_override_is_a_bad_request_and_starts_nothing(
    dlq_emulator: Emulator, http: httpx.Client, kind: str, target: str, header: str, value: str
) -> None:
    dlq_emulator.add({"dlqId": "1-0"})
    response = http.post(f"/dlq/{kind}{target}", headers={header.encode(): value.encode()})
    assert response.status_code == 400
    assert header.lower() in response.json()["error"]
    assert len(dlq_emulator.runs) == 1
    assert dlq_emulator.started == []


def payload(state: str, place: str) -> dict[str, Any]:
    """A run whose callback is in this state, in one of the places where payloads say so."""
    info = {"failureCallbackInfo": {"state": state, "responseStatus": 500}}
    return {
        "dlqId": "1-0",
        "failureCallback": "https://my.app/failed",
        **(info if place != "field" else {}),
        **({"failureFunctionState": state} if place != "info" else {}),
    }


PLACES = pytest.mark.parametrize("place", ["info", "field", "both"])


@PLACES
def test_a_failed_callback_is_called_again(dlq_emulator: Emulator, http: httpx.Client, place: str) -> None:
    dlq_emulator.add(payload("CALLBACK_FAIL", place))
    response = http.post("/dlq/callback/1-0")
    assert response.status_code == 200
    assert dlq_emulator.runs == [payload("CALLBACK_INPROGRESS", place)]
    (started,) = dlq_emulator.started
    assert (started.kind, started.dlq_id) == ("callback", "1-0")
    assert response.json() == {
        "workflowRunId": started.workflow_run_id,
        "workflowCreatedAt": started.workflow_created_at,
    }
    assert http.post("/dlq/callback/1-0").status_code == 400  # in progress now
    assert len(dlq_emulator.started) == 1


@PLACES
def test_a_callback_in_progress_is_canceled(dlq_emulator: Emulator, http: httpx.Client, place: str) -> None:
    dlq_emulator.add(payload("CALLBACK_INPROGRESS", place))
    response = http.delete("/dlq/callback/1-0")
    assert (response.status_code, response.content) == (302, b"")
    assert dlq_emulator.runs == [payload("CALLBACK_CANCELED", place)]
    assert http.delete("/dlq/callback/1-0").status_code == 400


def test_the_requests_show_a_client_that_follows_the_redirect(dlq_emulator: Emulator, http: httpx.Client) -> None:
    dlq_emulator.add({**payload("CALLBACK_INPROGRESS", "info"), "dlqId": "a/b"})
    response = http.delete("/dlq/callback/a%2Fb", follow_redirects=True)
    assert response.status_code == 404
    assert dlq_emulator.requests[-1].path == "/a-client-followed-the-redirect/a%2Fb"


@PLACES
@pytest.mark.parametrize(
    ("method", "needed", "state"),
    [
        (method, needed, state)
        for method, needed in (("POST", "CALLBACK_FAIL"), ("DELETE", "CALLBACK_INPROGRESS"))
        for state in (*STATES, "UNHEARD_OF")
        if state != needed
    ],
)
def test_a_callback_in_another_state_does_not_change(
    dlq_emulator: Emulator, http: httpx.Client, place: str, state: str, method: str, needed: str
) -> None:
    run = payload(state, place)
    dlq_emulator.add(run)
    response = http.request(method, "/dlq/callback/1-0")
    assert response.status_code == 400
    assert needed in response.json()["error"]
    assert dlq_emulator.runs == [run]
    assert dlq_emulator.started == []


@pytest.mark.parametrize(
    ("run", "statuses"),
    [
        ({}, [400, 404]),
        ({"failureCallbackInfo": None}, [400, 404]),
        ({"failureCallbackInfo": {}}, [400, 404]),
        ({"failureCallback": "https://my.app/failed"}, [400, 400]),
    ],
)
def test_a_callback_that_the_run_does_not_have_is_an_error(
    dlq_emulator: Emulator, http: httpx.Client, run: dict[str, Any], statuses: list[int]
) -> None:
    dlq_emulator.add({"dlqId": "1-0", **run})
    responses = [http.request(method, "/dlq/callback/1-0") for method in ("POST", "DELETE")]
    assert [response.status_code for response in responses] == statuses
    assert all(list(response.json()) == ["error"] for response in responses)
    for method in ("POST", "DELETE"):
        assert http.request(method, "/dlq/callback/2-0").status_code == 404


def test_a_filter_finds_a_callback_by_its_new_state(dlq_emulator: Emulator, http: httpx.Client) -> None:
    dlq_emulator.add(payload("CALLBACK_FAIL", "both"))
    http.post("/dlq/callback/1-0").raise_for_status()
    found = [state for state in STATES if http.get("/dlq", params={"failureFunctionState": state}).json()["messages"]]
    assert found == ["CALLBACK_INPROGRESS"]


def test_update_can_end_a_callback(dlq_emulator: Emulator, http: httpx.Client) -> None:
    dlq_emulator.add(*failed_runs(1))
    dlq_id = dlq_emulator.runs[0]["dlqId"]
    dlq_emulator.update(dlq_id, failureCallbackInfo={"state": "CALLBACK_FAIL"}, label="again")
    http.post(f"/dlq/callback/{dlq_id}").raise_for_status()
    dlq_emulator.update(dlq_id, failureCallbackInfo={"state": "CALLBACK_SUCCESS"})
    assert http.get(f"/dlq/{dlq_id}").json() == failed_runs(1)[0] | {
        "failureCallbackInfo": {"state": "CALLBACK_SUCCESS"},
        "label": "again",
    }
    assert len(http.get("/dlq?label=again").json()["messages"]) == 1


def test_an_invalid_update_changes_nothing(dlq_emulator: Emulator) -> None:
    dlq_emulator.add({"dlqId": "1-0"})
    with pytest.raises(KeyError):
        dlq_emulator.update("2-0", label="a")
    with pytest.raises(ValueError, match="dlqId"):
        dlq_emulator.update("1-0", label="a", dlqId="2-0")
    with pytest.raises(TypeError):
        dlq_emulator.update("1-0", label=b"a")
    assert dlq_emulator.runs == [{"dlqId": "1-0"}]


def test_started_runs_are_values() -> None:
    run = Started("resume", "1-0", "wfr_1", 5, {"upstash-retries": "1"})
    assert run == Started("resume", "1-0", "wfr_1", 5, {"upstash-retries": "1"})
    assert run != Started("resume", "1-0", "wfr_1", 5)
    assert len({run, run}) == 1


def test_started_runs_are_kept_after_a_stop() -> None:
    dlq = Emulator([{"dlqId": "1-0"}, {"dlqId": "2-0"}])
    for dlq_id in ("1-0", "2-0"):
        with dlq:
            url = f"{dlq.url}/v2/workflows/dlq/resume/{dlq_id}"
            httpx.post(url, headers={"Authorization": f"Bearer {dlq.token}"}).raise_for_status()
    assert [run.dlq_id for run in dlq.started] == ["1-0", "2-0"]
    assert len({run.workflow_run_id for run in dlq.started}) == 2
