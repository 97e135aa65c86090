"""Which requests are repeated and when, and which never are, sync and async."""

from __future__ import annotations

import logging
import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import httpx
import pytest
from conftest import Connect
from fakes import Breaking, FakeClock, Wire, page
from httpx_retries import Retry
from upstash_workflow_dlq import (
    ConfigurationError,
    InvalidResponseError,
    NotFoundError,
    RateLimitError,
    ServerError,
    TransportError,
)
from upstash_workflow_dlq._core.retries import resolved

PASSING = [
    httpx.ConnectError("refused"),
    httpx.ConnectTimeout("slow"),
    httpx.ReadTimeout("slow"),
    httpx.ReadError("reset"),
    httpx.RemoteProtocolError("disconnected without sending a response"),
    429,
    502,
    503,
    504,
]


@pytest.mark.parametrize("failure", PASSING, ids=str)
def test_reads_are_tried_again(connect: Connect, waits: list[float], failure: httpx.HTTPError | int) -> None:
    wire = Wire(page("1", cursor="a"), failure, failure, page("2"))
    assert [run.dlq_id for run in connect(transport=wire).list()] == ["1", "2"]
    assert wire.sent == ["GET /v2/workflows/dlq?count=100"] + ["GET /v2/workflows/dlq?cursor=a&count=100"] * 3
    assert len(waits) == 2


@pytest.mark.parametrize("failure", PASSING, ids=str)
def test_a_delete_by_id_is_tried_again(connect: Connect, waits: list[float], failure: httpx.HTTPError | int) -> None:
    wire = Wire(failure, 200)
    connect(transport=wire).delete("1")
    assert wire.sent == ["DELETE /v2/workflows/dlq/1"] * 2


def test_a_delete_that_is_tried_again_and_finds_nothing_is_done(connect: Connect, waits: list[float]) -> None:
    wire = Wire(httpx.ReadError("reset"), 404)
    connect(transport=wire).delete("1")
    assert len(wire.sent) == 2


def test_a_first_delete_that_finds_nothing_is_not(connect: Connect) -> None:
    with pytest.raises(NotFoundError):
        connect(transport=Wire(404)).delete("1")


def test_a_get_that_is_tried_again_and_finds_nothing_is_not(connect: Connect, waits: list[float]) -> None:
    with pytest.raises(NotFoundError):
        connect(transport=Wire(502, 404)).get("1")


@pytest.mark.parametrize("status", [200, 503])
def test_a_body_cut_short_is_asked_for_again(connect: Connect, waits: list[float], status: int) -> None:
    wire = Wire(page("1"))
    assert [run.dlq_id for run in connect(transport=Breaking(wire, times=2, status=status)).list()] == ["1"]
    assert wire.sent == ["GET /v2/workflows/dlq?count=100"] * 3


def test_a_delete_whose_answer_is_cut_short_is_sent_again(connect: Connect, waits: list[float]) -> None:
    wire = Wire(404)
    connect(transport=Breaking(wire, times=1)).delete("1")
    assert wire.sent == ["DELETE /v2/workflows/dlq/1"] * 2


@pytest.mark.parametrize("status", [400, 401, 403, 404, 500, 501, 520])
def test_other_statuses_are_final(connect: Connect, status: int) -> None:
    wire = Wire(status)
    with pytest.raises(Exception, match=f"HTTP {status}"):
        connect(transport=wire).get("1")
    assert len(wire.sent) == 1


def test_waits_grow_and_are_jittered(connect: Connect, waits: list[float]) -> None:
    wire = Wire(503, forever=True)
    with pytest.raises(ServerError):
        connect(transport=wire).get("1")
    assert len(wire.sent) == 6
    assert len(waits) == 5
    assert all(0 <= wait <= 0.25 * 2**number for number, wait in enumerate(waits, start=1))
    assert len(set(waits)) == 5


def test_a_connection_that_never_comes_back_ends_as_a_transport_error(connect: Connect, waits: list[float]) -> None:
    wire = Wire(httpx.ConnectError("refused"), forever=True)
    with pytest.raises(TransportError):
        connect(transport=wire).get("1")
    assert len(wire.sent) == 6


@pytest.mark.parametrize("status", [429, 503])
def test_retry_after_is_waited_for(connect: Connect, waits: list[float], status: int) -> None:
    wire = Wire(httpx.Response(status, headers={"Retry-After": "7"}), page("1"))
    assert connect(transport=wire).count() == 1
    assert waits == [7]


def test_a_retry_after_of_now_still_backs_off(connect: Connect, waits: list[float]) -> None:
    wire = Wire(httpx.Response(429, headers={"Retry-After": "0"}), page("1"))
    assert connect(transport=wire).count() == 1
    assert 0 < waits[0] <= 0.5


def burst_limit(seconds: int, **headers: str) -> httpx.Response:
    reset = {"Burst-RateLimit-Limit": "100", "Burst-RateLimit-Reset": str(int(time.time()) + seconds)}
    return httpx.Response(429, headers=reset | headers)


def test_the_reset_of_a_burst_limit_is_waited_for(connect: Connect, waits: list[float]) -> None:
    assert connect(transport=Wire(burst_limit(seconds=5), page("1"))).count() == 1
    assert 3 < waits[0] <= 5


def test_a_reset_is_a_moment_on_the_clock_of_the_server(connect: Connect, waits: list[float]) -> None:
    server_now = datetime.now(UTC).replace(microsecond=0) + timedelta(hours=2)
    limit = burst_limit(seconds=2 * 3600 + 4, Date=format_datetime(server_now, usegmt=True))
    assert connect(transport=Wire(limit, page("1"))).count() == 1
    assert 3 <= waits[0] <= 5


@pytest.mark.parametrize("rules", [resolved(...), Retry(total=2), Retry(max_backoff_wait=7200, total_timeout=600)])
def test_a_reset_beyond_the_total_time_is_raised_at_once(connect: Connect, waits: list[float], rules: Retry) -> None:
    headers = {"RateLimit-Limit": "500", "RateLimit-Remaining": "0", "RateLimit-Reset": str(int(time.time()) + 3600)}
    wire = Wire(httpx.Response(429, headers=headers, json={"error": "daily limit"}))
    with pytest.raises(RateLimitError, match="daily limit") as caught:
        connect(transport=wire, retry=rules).get("1")
    assert caught.value.kind == "daily"
    assert waits == []
    assert len(wire.sent) == 1


def test_waits_that_fit_one_by_one_may_not_exceed_the_total_time(connect: Connect, waits: list[float]) -> None:
    wire = Wire(httpx.Response(503, headers={"Retry-After": "25"}), forever=True)
    with pytest.raises(ServerError):
        connect(transport=wire).get("1")
    assert waits == [25, 25]
    assert len(wire.sent) == 3


def test_tries_that_take_the_total_time_are_the_last(
    connect: Connect, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    times = iter(range(0, 1000, 25))
    monkeypatch.setattr(clock, "now", lambda: next(times))
    wire = Wire(httpx.ReadTimeout("slow"), forever=True)
    with pytest.raises(TransportError):
        connect(transport=wire).get("1")
    assert len(wire.sent) < 4


def test_each_call_has_its_own_tries_and_time(connect: Connect, waits: list[float]) -> None:
    long = httpx.Response(503, headers={"Retry-After": "40"})
    wire = Wire(long, page("1", cursor="a"), long, page("2"), long, page("3"))
    client = connect(transport=wire)
    assert client.count() == 2
    assert client.count() == 1
    assert waits == [40, 40, 40]


def test_a_wait_beyond_the_longest_of_the_rules_is_not_begun(connect: Connect, waits: list[float]) -> None:
    wire = Wire(httpx.Response(503, headers={"Retry-After": "7"}))
    with pytest.raises(ServerError):
        connect(transport=wire, retry=Retry(total=2, max_backoff_wait=5)).get("1")
    assert waits == []


def test_limits_beside_another_failure_are_not_waited_for(connect: Connect, waits: list[float]) -> None:
    headers = {"RateLimit-Limit": "1000", "RateLimit-Remaining": "900", "RateLimit-Reset": str(int(time.time()) + 3600)}
    wire = Wire(httpx.Response(503, headers=headers), page("1"))
    assert connect(transport=wire).count() == 1
    assert waits[0] < 1


def test_a_body_that_ends_with_its_connection_is_asked_for_again_when_it_makes_no_sense(
    connect: Connect, waits: list[float]
) -> None:
    def unmeasured(body: bytes) -> httpx.Response:
        return httpx.Response(200, headers={"Connection": "close"}, stream=httpx.ByteStream(body))

    answers = iter([unmeasured(b'{"messages": ['), unmeasured(b'{"messages": []}')])
    assert connect(transport=httpx.MockTransport(lambda request: next(answers))).count() == 0
    assert len(waits) == 1
    with pytest.raises(InvalidResponseError, match="not JSON"):
        connect(transport=httpx.MockTransport(lambda request: unmeasured(b"<html>"))).count()
    assert len(waits) == 6


def test_a_garbled_body_is_requested_again_even_if_the_rules_list_no_exceptions(
    connect: Connect, waits: list[float]
) -> None:
    garbled = httpx.Response(200, headers={"Content-Encoding": "gzip"}, stream=httpx.ByteStream(b"not gzip"))
    answers = iter([garbled, httpx.Response(200, json=page("1"))])
    client = connect(transport=httpx.MockTransport(lambda request: next(answers)), retry=Retry(total=1))
    assert client.count() == 1


def test_methods_that_the_rules_leave_out_are_not_sent_again(connect: Connect, waits: list[float]) -> None:
    wire = Wire(503)
    with pytest.raises(ServerError):
        connect(transport=wire, retry=Retry(allowed_methods=["GET"])).delete("1")
    assert len(wire.sent) == 1


def test_no_retries_when_switched_off(connect: Connect) -> None:
    wire = Wire(503)
    with pytest.raises(ServerError):
        connect(transport=wire, retry=None).get("1")
    assert len(wire.sent) == 1


def test_custom_rules_are_followed(connect: Connect, waits: list[float]) -> None:
    class Steady(Retry):
        def backoff_strategy(self) -> float:
            return 10.0 + self.attempts_made

    rules = Steady(total=3, status_forcelist=[500], retry_on_exceptions=[httpx.ReadError], total_timeout=None)
    wire = Wire(500, httpx.ReadError("reset"), 500, 503)
    with pytest.raises(ServerError, match="503"):
        connect(transport=wire, retry=rules).get("1")
    assert waits == [11, 12, 13]
    wire = Wire(httpx.ReadTimeout("slow"))
    with pytest.raises(TransportError):
        connect(transport=wire, retry=rules).get("1")
    assert len(wire.sent) == 1


def test_rules_may_disregard_retry_after(connect: Connect, waits: list[float]) -> None:
    rules = Retry(total=1, respect_retry_after_header=False)
    wire = Wire(httpx.Response(503, headers={"Retry-After": "7"}), page("1"))
    assert connect(transport=wire, retry=rules).count() == 1
    assert waits == [0]


def test_rules_may_look_at_answers(connect: Connect, waits: list[float]) -> None:
    def whole(response: httpx.Response) -> None:
        if b"}" not in response.content:
            raise httpx.ReadError("half an object")

    wire = Wire(httpx.Response(200, content=b'{"messages": ['), page("1"))
    assert connect(transport=wire, retry=Retry(validate_response=whole)).count() == 1
    wire = Wire(httpx.Response(200, content=b'{"messages": ['), forever=True)
    with pytest.raises(ValueError, match="not JSON"):
        connect(transport=wire, retry=Retry(total=1, validate_response=whole)).count()


def test_rules_that_look_asynchronously_are_refused(connect: Connect) -> None:
    async def look(response: httpx.Response) -> None: ...

    with pytest.raises(ConfigurationError, match="plain function"):
        connect(transport=Wire(), retry=Retry(validate_response=look))


def test_retry_must_be_a_retry_or_none(connect: Connect) -> None:
    with pytest.raises(ConfigurationError, match=r"retry must be an httpx_retries\.Retry or None, not int"):
        connect(transport=Wire(), retry=3)


def test_tries_are_logged_quietly(connect: Connect, waits: list[float], caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "upstash_workflow_dlq")
    connect(transport=Wire(503, httpx.ReadTimeout(""), page("1"))).count()
    ours = [record for record in caplog.records if record.name == "upstash_workflow_dlq"]
    assert [record.levelname for record in ours] == ["INFO", "INFO", "DEBUG"]
    assert ours[0].getMessage().startswith("try 1 of 6: HTTP 503; next in ")
    assert ours[1].getMessage().startswith("try 2 of 6: ReadTimeout; next in ")
    assert "GET https://qstash.upstash.io/v2/workflows/dlq?count=100: HTTP 200" in ours[2].getMessage()
