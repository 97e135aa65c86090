"""Planned faults: `Emulator.fail()`."""

import time

import httpx
import pytest
from upstash_workflow_dlq.emulator import Emulator, failed_runs, faults


def test_a_fault_happens_once_by_default(dlq_emulator: Emulator, http: httpx.Client) -> None:
    dlq_emulator.fail(faults.status(503))
    assert [http.get("/dlq").status_code for _ in range(3)] == [503, 200, 200]


def test_faults_happen_in_order(dlq_emulator: Emulator, http: httpx.Client) -> None:
    dlq_emulator.fail(faults.status(502), times=2)
    dlq_emulator.fail(faults.status(504))
    assert [http.get("/dlq").status_code for _ in range(4)] == [502, 502, 504, 200]


def test_a_fault_can_let_requests_pass_first(dlq_emulator: Emulator, http: httpx.Client) -> None:
    dlq_emulator.fail(faults.status(500), after=2)
    assert [http.get("/dlq").status_code for _ in range(4)] == [200, 200, 500, 200]


def test_a_fault_can_be_limited_to_a_method_or_a_path(dlq_emulator: Emulator, http: httpx.Client) -> None:
    dlq_emulator.add({"dlqId": "1-0"})
    dlq_emulator.fail(faults.status(500), method="delete")
    dlq_emulator.fail(faults.status(502), path="/v2/workflows/dlq/1")
    assert http.get("/dlq").status_code == 200
    assert http.get("/dlq/1-0").status_code == 502
    assert http.delete("/dlq/1-0").status_code == 500
    assert http.delete("/dlq/1-0").status_code == 200


@pytest.mark.parametrize(("times", "after"), [(0, 0), (1, -1)])
def test_a_fault_that_never_happens_is_refused(dlq_emulator: Emulator, times: int, after: int) -> None:
    with pytest.raises(ValueError, match="times must be at least 1"):
        dlq_emulator.fail(faults.reset(), times=times, after=after)


@pytest.mark.parametrize(
    ("fault", "prefix", "reset_in"),
    [
        (faults.burst_limit(limit=50, reset_in=1), "Burst-RateLimit", 1),
        (faults.daily_limit(limit=50, reset_in=3600), "RateLimit", 3600),
    ],
)
def test_each_rate_limit_has_its_own_headers(
    dlq_emulator: Emulator, http: httpx.Client, fault: faults.Fault, prefix: str, reset_in: int
) -> None:
    dlq_emulator.fail(fault)
    before = int(time.time())
    response = http.get("/dlq")
    assert response.status_code == 429
    assert list(response.json()) == ["error"]
    limits = {name: value for name, value in response.headers.items() if "ratelimit" in name}
    reset = int(limits.pop(f"{prefix}-Reset".lower()))
    assert before + reset_in <= reset <= time.time() + reset_in
    assert limits == {f"{prefix}-Limit".lower(): "50", f"{prefix}-Remaining".lower(): "0"}


@pytest.mark.parametrize(("retry_after", "header"), [(None, None), (7, "7"), ("Fri, 18 Jul 2025 09:01:35 GMT",) * 2])
def test_a_plain_429_may_have_retry_after(
    dlq_emulator: Emulator, http: httpx.Client, retry_after: int | str | None, header: str | None
) -> None:
    dlq_emulator.fail(faults.too_many_requests(retry_after))
    response = http.get("/dlq")
    assert response.status_code == 429
    assert response.headers.get("retry-after") == header
    assert not any("ratelimit" in name for name in response.headers)


@pytest.mark.parametrize(("code", "sentence"), [(503, "Service Unavailable"), (520, "Status 520"), (489, "Status 489")])
def test_any_status_can_be_returned(dlq_emulator: Emulator, http: httpx.Client, code: int, sentence: str) -> None:
    dlq_emulator.fail(faults.status(code))
    response = http.get("/dlq")
    assert response.status_code == code
    assert response.json() == {"error": sentence}


def test_any_body_can_be_returned(dlq_emulator: Emulator, http: httpx.Client) -> None:
    dlq_emulator.fail(faults.status(200, b"\xff{", "application/json", headers=(("X-Request-Id", "r1"),)))
    dlq_emulator.fail(faults.status(500, "überlastet", "text/plain"))
    first, second = http.get("/dlq"), http.get("/dlq")
    assert (first.content, first.headers["x-request-id"]) == (b"\xff{", "r1")
    assert (second.content, second.headers["content-type"]) == ("überlastet".encode(), "text/plain")


@pytest.mark.parametrize("code", [204, 304])
def test_a_status_without_a_body_gets_none(dlq_emulator: Emulator, http: httpx.Client, code: int) -> None:
    dlq_emulator.fail(faults.status(code))
    response = http.get("/dlq")
    assert (response.status_code, response.content) == (code, b"")


@pytest.mark.parametrize("code", [100, 199, 600, 0])
def test_a_status_that_is_not_final_is_refused(code: int) -> None:
    with pytest.raises(ValueError, match="status"):
        faults.status(code)


def test_a_proxy_error_is_html(dlq_emulator: Emulator, http: httpx.Client) -> None:
    dlq_emulator.fail(faults.html())
    dlq_emulator.fail(faults.html(520))
    first, second = http.get("/dlq"), http.get("/dlq")
    assert (first.status_code, second.status_code) == (502, 520)
    assert first.headers["content-type"] == "text/html; charset=utf-8"
    assert "<h1>Bad Gateway</h1>" in first.text


def test_a_request_with_an_error_status_is_not_carried_out(dlq_emulator: Emulator, http: httpx.Client) -> None:
    dlq_emulator.add({"dlqId": "1-0"})
    dlq_emulator.fail(faults.status(503))
    http.delete("/dlq/1-0")
    assert len(dlq_emulator.runs) == 1


def test_a_request_with_a_reset_is_not_carried_out(dlq_emulator: Emulator, http: httpx.Client) -> None:
    dlq_emulator.add({"dlqId": "1-0"})
    dlq_emulator.fail(faults.reset())
    with pytest.raises(httpx.ReadError, match="reset"):
        http.delete("/dlq/1-0")
    assert len(dlq_emulator.runs) == 1
    assert http.get("/dlq").status_code == 200


def test_a_request_with_a_reset_after_acting_is_carried_out(dlq_emulator: Emulator, http: httpx.Client) -> None:
    dlq_emulator.add({"dlqId": "1-0"})
    dlq_emulator.fail(faults.reset_after_acting())
    with pytest.raises(httpx.ReadError, match="reset"):
        http.delete("/dlq/1-0")
    assert dlq_emulator.runs == []


def test_a_request_with_a_body_can_be_reset(dlq_emulator: Emulator, http: httpx.Client) -> None:
    dlq_emulator.fail(faults.reset())
    with pytest.raises(httpx.TransportError):
        http.post("/dlq", content=b"x" * 200_000)
    assert http.get("/dlq").status_code == 200


def test_a_truncated_response_announces_more_than_it_sends(dlq_emulator: Emulator, http: httpx.Client) -> None:
    dlq_emulator.add(*failed_runs(100))
    whole = http.get("/dlq")
    dlq_emulator.fail(faults.truncated())
    received: list[bytes] = []
    with (
        http.stream("GET", "/dlq") as response,
        pytest.raises(httpx.RemoteProtocolError, match="complete message body"),
    ):
        received.extend(response.iter_raw())
    assert response.status_code == 200
    assert response.headers["content-length"] == str(len(whole.content))
    assert b"".join(received) == whole.content[: len(whole.content) // 2]
    assert http.get("/dlq").content == whole.content


def test_a_response_without_a_body_is_not_truncated(dlq_emulator: Emulator, http: httpx.Client) -> None:
    dlq_emulator.add({"dlqId": "1-0"})
    dlq_emulator.fail(faults.truncated())
    assert http.delete("/dlq/1-0").status_code == 200
    assert dlq_emulator.runs == []


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("DELETE", "/dlq"),
        *(("POST", f"/dlq/{kind}{target}") for kind in ("resume", "restart") for target in ("", "/1-0")),
    ],
)
def test_bulk_and_start_calls_meet_faults(dlq_emulator: Emulator, http: httpx.Client, method: str, path: str) -> None:
    dlq_emulator.add({"dlqId": "1-0"})
    dlq_emulator.fail(faults.burst_limit())
    assert http.request(method, path).status_code == 429
    dlq_emulator.fail(faults.reset(), path="/v2/workflows/dlq")
    with pytest.raises(httpx.ReadError, match="reset"):
        http.request(method, path)
    assert len(dlq_emulator.runs) == 1
    assert dlq_emulator.started == []
    dlq_emulator.fail(faults.reset_after_acting())
    with pytest.raises(httpx.ReadError, match="reset"):
        http.request(method, path)
    assert dlq_emulator.runs == []
    assert len(dlq_emulator.started) == (method == "POST")
    dlq_emulator.add({"dlqId": "1-0"})
    dlq_emulator.fail(faults.truncated())
    with pytest.raises(httpx.RemoteProtocolError, match="complete message body"):
        http.request(method, path)
    assert dlq_emulator.runs == []


@pytest.mark.parametrize("fault", [faults.truncated(), faults.slow(0.01)])
def test_the_response_of_a_canceled_callback_is_whole(
    dlq_emulator: Emulator, http: httpx.Client, fault: faults.Fault
) -> None:
    dlq_emulator.add({"dlqId": "1-0", "failureFunctionState": "CALLBACK_INPROGRESS"})
    dlq_emulator.fail(fault)
    assert http.delete("/dlq/callback/1-0").status_code == 302
    assert dlq_emulator.runs[0]["failureFunctionState"] == "CALLBACK_CANCELED"


def test_a_slow_response_arrives_late(dlq_emulator: Emulator, http: httpx.Client) -> None:
    dlq_emulator.fail(faults.slow(30))
    dlq_emulator.fail(faults.slow(0.01))
    with pytest.raises(httpx.ReadTimeout):
        http.get("/dlq", timeout=0.05)
    assert http.get("/dlq").status_code == 200


def test_faults_are_values() -> None:
    assert faults.status(503) == faults.status(503)
    assert len({faults.reset(), faults.reset(), faults.reset_after_acting(), faults.truncated()}) == 3


def test_faults_log_nothing(dlq_emulator: Emulator, http: httpx.Client, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG", logger="uvicorn")
    caplog.set_level(1)  # at this level uvicorn wraps the application, which must not break faults
    dlq_emulator.stop()
    caplog.clear()
    dlq_emulator.start()
    for fault in (faults.reset(), faults.reset_after_acting(), faults.truncated()):
        dlq_emulator.fail(fault)
        with pytest.raises(httpx.TransportError):
            http.get("/dlq")
    assert [record for record in caplog.records if record.levelname in ("WARNING", "ERROR")] == []
