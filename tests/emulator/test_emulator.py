"""`Emulator` as an object: starting and stopping, its queue, the requests it records."""

import gc
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
import upstash_workflow_dlq.emulator as package
from upstash_workflow_dlq.emulator import Emulator, _serving, failed_runs, faults


def port(dlq: Emulator) -> int:
    return int(dlq.url.rpartition(":")[2])


def get(dlq: Emulator, path: str = "/v2/workflows/dlq", **options: Any) -> httpx.Response:
    return httpx.get(dlq.url + path, headers={"Authorization": f"Bearer {dlq.token}"}, trust_env=False, **options)


def threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("upstash-workflow-dlq")]


def test_every_exported_name_exists() -> None:
    assert package.__all__ == sorted(package.__all__)
    assert all(hasattr(package, name) for name in package.__all__)
    assert all(hasattr(faults, name) for name in faults.__all__)
    with pytest.raises(AttributeError, match="no attribute 'emulator'"):
        _ = package.emulator  # type: ignore[attr-defined]


def test_it_serves_on_loopback_inside_its_context() -> None:
    with Emulator(3) as dlq:
        assert dlq.url.startswith("http://127.0.0.1:")
        assert len(get(dlq).json()["messages"]) == 3
        assert repr(dlq) == f"<Emulator at {dlq.url}>"
    with pytest.raises(httpx.ConnectError):
        get(dlq)
    assert threads() == []
    assert repr(dlq) == "<Emulator stopped>"


def test_environ_holds_what_a_client_needs() -> None:
    with Emulator(token="t") as dlq:
        assert dlq.environ == {"QSTASH_URL": dlq.url, "QSTASH_TOKEN": "t"}


def test_starting_and_stopping_twice_does_nothing() -> None:
    dlq = Emulator()
    dlq.stop()
    url = dlq.start().url
    assert dlq.start().url == url
    assert len(threads()) == 1
    dlq.stop()
    dlq.stop()


def test_a_restart_keeps_the_port_and_the_queue() -> None:
    dlq = Emulator(5).start()
    url = dlq.url
    dlq.stop()
    with dlq:
        assert dlq.url == url
        assert len(get(dlq).json()["messages"]) == 5


def test_it_has_no_url_before_it_is_started() -> None:
    with pytest.raises(RuntimeError, match="before it is started"):
        _ = Emulator().url
    assert Emulator(port=8080).url == "http://127.0.0.1:8080"


def test_it_stops_while_clients_wait_or_stay_connected() -> None:
    dlq = Emulator().start()
    with (
        httpx.Client(base_url=dlq.url, trust_env=False) as idle,
        socket.create_connection(("127.0.0.1", port(dlq))),
    ):
        idle.get("/")
        dlq.settings.latency = 60
        errors: list[Exception] = []

        def wait() -> None:
            try:
                get(dlq, timeout=60)
            except httpx.TransportError as error:
                errors.append(error)

        waiting = threading.Thread(target=wait)
        waiting.start()
        while len(dlq.requests) < 2:
            pass
        dlq.stop()
        waiting.join()
    assert len(errors) == 1
    assert threads() == []


def test_connections_made_while_it_stops_leak_nothing() -> None:
    dlq = Emulator()
    for _ in range(20):
        dlq.start()
        connections = [socket.create_connection(("127.0.0.1", port(dlq))) for _ in range(5)]
        dlq.stop()
        for connection in connections:
            connection.close()
    gc.collect()  # an open socket now warns, and warnings are errors


def test_a_taken_port_is_a_clear_error() -> None:
    with Emulator() as dlq, pytest.raises(OSError, match=r"cannot listen on 127.0.0.1 port \d+: the port is taken"):
        Emulator(port=port(dlq)).start()


def test_an_address_that_does_not_exist_is_a_clear_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise OSError(99, "no such address")

    monkeypatch.setattr(socket, "create_server", refuse)
    with pytest.raises(OSError, match=r"cannot listen on 127\.0\.0\.1 port 0: no such address"):
        Emulator().start()


@pytest.mark.parametrize("host", ["::", "192.0.2.1", "example.com", ""])
def test_a_host_that_is_not_loopback_is_refused(host: str) -> None:
    with pytest.raises(ValueError, match="loopback"):
        Emulator(host=host)


def test_localhost_is_loopback() -> None:
    with Emulator(host="localhost") as dlq:
        assert get(dlq).status_code == 200


def test_the_url_of_ipv6_loopback_has_brackets() -> None:
    assert Emulator(host="::1", port=8080).url == "http://[::1]:8080"


def test_an_empty_token_is_refused() -> None:
    with pytest.raises(ValueError, match="token"):
        Emulator(token="")


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_server_that_cannot_start_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    async def fail(*_: Any, **__: Any) -> None:
        raise OSError("no loop today")

    monkeypatch.setattr(_serving._Server, "startup", fail)
    with pytest.raises(RuntimeError, match="did not start"):
        Emulator().start()


def test_it_accepts_any_json_payload() -> None:
    def stream() -> Iterator[dict[str, Any]]:
        yield {"dlqId": "1-0", "unknown": {"nested": [1, None, "ü"]}, "labels": 5}

    dlq = Emulator(stream())
    assert dlq.runs == [{"dlqId": "1-0", "unknown": {"nested": [1, None, "ü"]}, "labels": 5}]


def test_it_keeps_copies_and_returns_copies() -> None:
    run = {"dlqId": "1-0", "labels": ["a"]}
    dlq = Emulator([run])
    run["labels"] = []
    dlq.runs[0]["labels"].append("b")
    assert dlq.runs == [{"dlqId": "1-0", "labels": ["a"]}]


def test_a_payload_without_an_id_gets_a_current_one() -> None:
    dlq = Emulator(2)
    ids = dlq.add({"label": "a"}, {"label": "b"})
    assert len(set(ids)) == 2
    assert [run["dlqId"] for run in dlq.runs[:2]] == ids[::-1]
    assert dlq.add() == []


def test_runs_of_the_same_position_are_all_kept() -> None:
    with Emulator([{"dlqId": "1-0"}]) as dlq:
        dlq.add({"dlqId": "odd"})
        position = get(dlq, "/v2/workflows/dlq?count=1").json()["cursor"]
        dlq.add({"dlqId": position}, {"dlqId": "01-0"})
        listed = {run["dlqId"] for run in get(dlq).json()["messages"]}
    assert listed == {"1-0", "odd", position, "01-0"} == {run["dlqId"] for run in dlq.runs}


@pytest.mark.parametrize("dlq_id", ["1-0", "", None, 7])
def test_an_id_that_is_taken_or_invalid_adds_nothing(dlq_id: Any) -> None:
    dlq = Emulator([{"dlqId": "1-0"}])
    with pytest.raises(ValueError, match="dlqId"):
        dlq.add({"dlqId": "2-0"}, {"dlqId": dlq_id})
    with pytest.raises(ValueError, match="dlqId"):
        dlq.add({"dlqId": "3-0"}, {"dlqId": "3-0"})
    assert dlq.runs == [{"dlqId": "1-0"}]


@pytest.mark.parametrize("value", [{1, 2}, b"bytes", float("nan"), "\ud800"])
def test_a_payload_that_is_not_json_adds_nothing(value: Any) -> None:
    dlq = Emulator()
    with pytest.raises((TypeError, ValueError)):
        dlq.add({"dlqId": "1-0"}, {"body": value})
    assert dlq.runs == []


def test_requests_are_recorded_as_sent() -> None:
    with Emulator() as dlq:
        get(dlq, "/v2/workflows/dlq/a%2Fb?label=a&label=b%2Cc", cookies=None)
        httpx.delete(dlq.url + "/nowhere", headers=[("X-Twice", "1"), ("X-Twice", "2")])
    first, second = dlq.requests
    assert (first.method, first.path, first.query) == ("GET", "/v2/workflows/dlq/a%2Fb", "label=a&label=b%2Cc")
    assert first.headers["authorization"] == f"Bearer {dlq.token}"
    assert (second.method, second.path, second.query) == ("DELETE", "/nowhere", "")
    assert second.headers["x-twice"] == "1, 2"


def test_the_repr_of_a_recorded_request_shows_no_token() -> None:
    with Emulator(token="s3cr3t") as dlq:
        get(dlq)
        get(dlq, "/v2/workflows/dlq?count=1&qstash_token=s3cr3t&label=a")
    shown = repr(dlq.requests)
    assert "s3cr3t" not in shown
    assert "count=1&qstash_token=***&label=a" in shown
    assert "s3cr3t" not in repr(dlq)


@pytest.mark.parametrize("protocol", ["websocket", "h2c"])
def test_a_request_to_upgrade_is_answered_and_logs_nothing(protocol: str, caplog: pytest.LogCaptureFixture) -> None:
    upgrade = {"Connection": "Upgrade", "Upgrade": protocol, "Sec-WebSocket-Key": "AAAA", "Sec-WebSocket-Version": "13"}
    with Emulator(3) as dlq:
        url = f"{dlq.url}/v2/workflows/dlq?qstash_token={dlq.token}"
        assert len(httpx.get(url, headers=upgrade, trust_env=False).json()["messages"]) == 3
    assert [record for record in caplog.records if record.name.startswith("uvicorn")] == []


def test_several_threads_may_use_it_at_once() -> None:
    with Emulator(400) as dlq, httpx.Client(base_url=dlq.url + "/v2/workflows/dlq", trust_env=False) as client:
        headers = {"Authorization": f"Bearer {dlq.token}"}
        ids = [run["dlqId"] for run in failed_runs(400)]
        statuses: list[int] = []

        def delete(mine: list[str]) -> None:
            statuses.extend(client.delete(f"/{dlq_id}", headers=headers).status_code for dlq_id in mine)

        workers = [threading.Thread(target=delete, args=(ids[start::2][:50],)) for start in (0, 0, 1, 1)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        assert sorted(statuses) == [200] * 100 + [404] * 100
        assert len(dlq.runs) == 300


def test_importing_the_plugin_loads_no_server() -> None:
    code = (
        "import sys, upstash_workflow_dlq.emulator.pytest_plugin\n"
        "assert not {'starlette', 'uvicorn'} & set(sys.modules), 'too much'"
    )
    subprocess.run([sys.executable, "-c", code], check=True)  # noqa: S603 - ourselves
