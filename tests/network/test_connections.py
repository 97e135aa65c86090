"""Connections: none is shared with another process or event loop, none mixes up answers, none is lost."""

from __future__ import annotations

import asyncio
import gc
import os
import socket
import ssl
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Awaitable, Coroutine, Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

import anyio
import h11
import httpcore
import httpx
import pytest
import trustme
from blocking import AnyClient
from conftest import TOKEN, Connect
from raw import RawServer, id_in, response
from upstash_workflow_dlq import AsyncDLQClient, ClientClosedError, DLQClient, TransportError
from upstash_workflow_dlq.emulator import Emulator, failed_runs


def run_of(head: bytes) -> bytes:
    return f'{{"dlqId": "{id_in(head)}", "url": "https://a.example"}}'.encode()


def test_a_connection_that_brought_two_answers_is_not_used_again(connect: Connect) -> None:
    def twice(connection: socket.socket, number: int, head: bytes) -> None:
        connection.sendall(response(run_of(head)) + response(b'{"dlqId": "another"}'))

    with RawServer(twice) as server:
        client = connect(base_url=server.url)
        assert [client.get(str(number)).dlq_id for number in range(5)] == ["0", "1", "2", "3", "4"]
        assert server.connections == 5


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(lambda body: response(body) + b" ", id="one byte more"),
        pytest.param(lambda body: b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}" + body, id="a short length"),
        pytest.param(lambda body: response(body)[:-1] + b"}" + b"\r\n\r\n", id="line breaks"),
    ],
)
def test_surplus_bytes_end_their_connection(answer: Any) -> None:
    def serve(connection: socket.socket, number: int, head: bytes) -> None:
        connection.sendall(answer(run_of(head)))

    with RawServer(serve) as server, DLQClient(TOKEN, base_url=server.url, retry=None) as client:
        for number in range(3):
            with suppress(ValueError):
                assert client.get(str(number)).dlq_id in (str(number), None)
        assert server.connections == 3


def test_a_body_where_none_belongs_ends_its_connection() -> None:
    def serve(connection: socket.socket, number: int, head: bytes) -> None:
        if head.startswith(b"DELETE"):
            connection.sendall(b"HTTP/1.1 204 No Content\r\n\r\n" + response(b'{"dlqId": "another"}'))
        else:
            connection.sendall(response(run_of(head)))

    with RawServer(serve) as server, DLQClient(TOKEN, base_url=server.url) as client:
        client.delete("1")
        assert client.get("2").dlq_id == "2"
        assert server.connections == 2


def test_ordinary_answers_share_a_connection(connect: Connect) -> None:
    with RawServer(lambda connection, number, head: connection.sendall(response(run_of(head)))) as server:
        client = connect(base_url=server.url)
        assert [client.get(str(number)).dlq_id for number in range(5)] == ["0", "1", "2", "3", "4"]
        assert server.connections == 1


FORK = """
import asyncio, os, sys
from upstash_workflow_dlq import AsyncDLQClient, DLQClient

kind, url = sys.argv[1:]

def gets(dlq, name, count=50):
    for number in range(count):
        assert dlq.get(f"{name}-{number}").dlq_id == f"{name}-{number}"

async def async_gets(dlq, name, count=50):
    for number in range(count):
        assert (await dlq.get(f"{name}-{number}")).dlq_id == f"{name}-{number}"

if kind == "sync":
    dlq = DLQClient("t0ken", base_url=url)
    gets(dlq, "before", 1)
    child = os.fork()
    gets(dlq, "parent" if child else "child")
    if not child:
        dlq.close()
        os._exit(0)
    os.waitpid(child, 0)
    gets(dlq, "after")
elif kind == "async":
    dlq = AsyncDLQClient("t0ken", base_url=url)
    asyncio.run(async_gets(dlq, "before", 1))
    child = os.fork()
    asyncio.run(async_gets(dlq, "parent" if child else "child"))
    if not child:
        os._exit(0)
    os.waitpid(child, 0)
else:
    dlq = DLQClient("t0ken", base_url=url)
    runs = iter(dlq.scan(workers=4))
    next(runs)
    child = os.fork()
    if not child:
        try:
            list(runs)
        except RuntimeError as error:
            assert "another process" in str(error), error
        else:
            os._exit(1)
        del runs
        seen = {run.dlq_id for run in dlq.scan(workers=4)}
        os._exit(0 if len(seen) == 500 else 1)
    assert os.waitpid(child, 0)[1] == 0
    assert len({run.dlq_id for run in runs}) == 499
print("done")
"""


def run_program(program: str, *arguments: str) -> str:
    """What a program of its own prints. It may not take longer than a minute."""
    command = [sys.executable, "-W", "ignore::DeprecationWarning", "-c", program, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)  # noqa: S603
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
@pytest.mark.parametrize("kind", ["sync", "async"])
def test_after_a_fork_each_process_has_connections_of_its_own(kind: str) -> None:
    with RawServer(lambda connection, number, head: connection.sendall(response(run_of(head)))) as server:
        assert run_program(FORK, kind, server.url) == "done\n"
        assert server.connections >= 2


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_after_a_fork_a_scan_goes_on_in_its_own_process_only() -> None:
    with Emulator(failed_runs(500)) as emulator:
        program = FORK.replace('"t0ken"', repr(emulator.token))
        assert run_program(program, "scan", emulator.url) == "done\n"


def test_a_client_serves_one_event_loop_after_the_other() -> None:
    async def get(client: AsyncDLQClient, number: int) -> str | None:
        return (await client.get(str(number))).dlq_id

    with (
        RawServer(lambda connection, number, head: connection.sendall(response(run_of(head)))) as server,
        warnings.catch_warnings(),
    ):
        # Python may say that the connections of the first event loop were not closed there, and is right.
        warnings.simplefilter("ignore", ResourceWarning)
        client = AsyncDLQClient(TOKEN, base_url=server.url)
        assert asyncio.run(get(client, 1)) == "1"
        assert asyncio.run(get(client, 2)) == "2"
        assert anyio.run(get, client, 3, backend="trio") == "3"
        asyncio.run(client.aclose())
        with pytest.raises(ClientClosedError):
            asyncio.run(get(client, 4))
        del client
        gc.collect()


async def leave_many_scans(token: str, url: str) -> None:
    async with AsyncDLQClient(token, base_url=url, timeout=httpx.Timeout(30, pool=5)) as client:
        for _ in range(20):
            async for _ in client.scan():
                break
        assert len({run.dlq_id async for run in client.scan()}) == 1000


@pytest.mark.untraced
@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_scans_that_are_left_cost_no_connection(backend: str) -> None:
    with Emulator(failed_runs(1000)) as emulator:
        emulator.settings.latency = 0.002
        anyio.run(leave_many_scans, emulator.token, emulator.url, backend=backend)


def pool_of(client: AsyncDLQClient) -> Any:
    transport: Any = client._connection.sender._inner._inner
    return getattr(transport, "_inner", transport)._pool


@pytest.mark.untraced
@pytest.mark.parametrize("way", ["wait_for", "scope", "cancel twice"])
def test_cancelled_calls_cost_no_connection(way: str) -> None:
    async def call(client: AsyncDLQClient, number: int) -> None:
        seconds = 0.005 + number / 1200
        if way == "wait_for":
            await asyncio.wait_for(client.get(str(number)), seconds)
        elif way == "scope":
            with anyio.fail_after(seconds):
                await client.get(str(number))
        else:
            task = asyncio.ensure_future(client.get(str(number)))
            await asyncio.sleep(seconds)
            task.cancel()
            await asyncio.sleep(0)
            task.cancel()
            await task

    async def main(url: str) -> None:
        # The server takes 10 ms for an answer. Calls are cancelled before, while it comes, and while they connect.
        async with AsyncDLQClient(TOKEN, base_url=url, timeout=httpx.Timeout(30, pool=5), retry=None) as client:
            await asyncio.gather(*[call(client, number) for number in range(120)], return_exceptions=True)
            await asyncio.sleep(0.2)
            assert [in_use for in_use in pool_of(client).connections if not in_use.is_idle()] == []

    def serve(connection: socket.socket, number: int, head: bytes) -> None:
        whole = response(run_of(head))
        connection.sendall(whole[:30])
        time.sleep(0.01)
        connection.sendall(whole[30:])

    with RawServer(serve) as server:
        asyncio.run(main(server.url))


@pytest.mark.untraced
@pytest.mark.parametrize("times", [1, 2, 3, 5])
@pytest.mark.parametrize("is_warm", [True, False])
def test_a_task_cancelled_at_any_of_its_waits_keeps_no_connection(is_warm: bool, times: int) -> None:
    class CancelledFrom:
        """Cancels the task when it waits for the first time, or for the second, and so on; `times` in a row."""

        def __init__(self, first: int, act: Coroutine[Any, Any, Any]) -> None:
            self.first, self.act, self.waits = first, act, 0

        def __await__(self) -> Generator[Any, Any, Any]:
            steps = self.act.__await__()
            thrown: BaseException | None = None
            while True:
                try:
                    waited_for = steps.send(None) if thrown is None else steps.throw(thrown)
                except StopIteration as ended:
                    return ended.value
                self.waits += 1
                if self.first <= self.waits < self.first + times:
                    current = asyncio.current_task()
                    assert current is not None
                    current.cancel()
                try:
                    yield waited_for
                    thrown = None
                except BaseException as error:
                    thrown = error

    async def cancelled_call(url: str, first: int) -> bool:
        async with AsyncDLQClient(TOKEN, base_url=url, retry=None) as client:
            if is_warm:
                await client.get("1")
            call = CancelledFrom(first, client.get("2"))
            task = asyncio.ensure_future(_awaited(call))
            with suppress(asyncio.CancelledError):
                await task
            await asyncio.sleep(0.005)
            pool = pool_of(client)
            assert pool._requests == []
            assert [in_use for in_use in pool.connections if not in_use.is_idle()] == []
            assert (await client.get("3")).dlq_id == "3"
        return task.cancelled()

    async def main(url: str) -> int:
        first = 1
        while await cancelled_call(url, first):
            first += 1
        return first

    with RawServer(lambda connection, number, head: connection.sendall(response(run_of(head)))) as server:
        assert asyncio.run(main(server.url)) > 1
    gc.collect()  # would warn about a socket that was left open


async def _awaited(call: Awaitable[Any]) -> Any:
    return await call


def test_a_client_closed_meanwhile_ends_the_call_of_another_thread() -> None:
    with RawServer(lambda connection, number, head: None) as server:
        client = DLQClient(TOKEN, base_url=server.url, retry=None, timeout=30)
        threading.Timer(0.2, client.close).start()
        with pytest.raises(TransportError):
            client.get("1")


@pytest.mark.parametrize("step", ["send", "receive_data", "next_event", "start_next_cycle"])
@pytest.mark.parametrize("number", [1, 2, 3])
def test_a_connection_that_was_interrupted_is_not_used_again(
    monkeypatch: pytest.MonkeyPatch, step: str, number: int
) -> None:
    original = getattr(h11.Connection, step)
    calls = []

    def interrupted(state: h11.Connection, *arguments: Any) -> Any:
        calls.append(step)
        if len(calls) == number:
            raise KeyboardInterrupt
        return original(state, *arguments)

    monkeypatch.setattr(h11.Connection, step, interrupted)
    with RawServer(lambda connection, number, head: connection.sendall(response(run_of(head)))) as server:
        with DLQClient(TOKEN, base_url=server.url, retry=None) as client:
            for dlq_id in "1234":
                try:
                    assert client.get(dlq_id).dlq_id == dlq_id
                except KeyboardInterrupt:
                    assert client.get(dlq_id).dlq_id == dlq_id
        assert server.connections == 2


def close_while_it_connects(client: AnyClient, is_made: threading.Event, is_closed: threading.Event) -> None:
    """The connection goes on from `is_made` when `is_closed` is set."""
    with ThreadPoolExecutor() as pool:
        call = pool.submit(client.get, "1")
        is_made.wait(10)
        client.close()
        is_closed.set()
        assert isinstance(call.exception(timeout=10), ClientClosedError)
    del call
    gc.collect()  # would warn about a socket that was left open


def test_a_connection_made_while_the_client_is_closed_carries_nothing(
    connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    is_made, is_closed = threading.Event(), threading.Event()
    sync, anyio_, trio_ = (
        backend.connect_tcp for backend in (httpcore.SyncBackend, httpcore.AnyIOBackend, httpcore.TrioBackend)
    )

    def slowly(*args: Any, **kwargs: Any) -> Any:
        made = sync(*args, **kwargs)
        is_made.set()
        is_closed.wait(10)
        return made

    def slowly_by(connect_tcp: Any) -> Any:
        async def slowly(*args: Any, **kwargs: Any) -> Any:
            made = await connect_tcp(*args, **kwargs)
            is_made.set()
            await anyio.to_thread.run_sync(is_closed.wait, 10)
            return made

        return slowly

    monkeypatch.setattr(httpcore.SyncBackend, "connect_tcp", slowly)
    monkeypatch.setattr(httpcore.AnyIOBackend, "connect_tcp", slowly_by(anyio_))
    monkeypatch.setattr(httpcore.TrioBackend, "connect_tcp", slowly_by(trio_))
    with RawServer(lambda connection, number, head: None) as server:
        close_while_it_connects(connect(base_url=server.url, timeout=60), is_made, is_closed)
        assert not server.heads


def test_so_does_one_that_shakes_hands_meanwhile(connect: Connect, monkeypatch: pytest.MonkeyPatch) -> None:
    authority, context = trustme.CA(), ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    is_made, is_closed = threading.Event(), threading.Event()

    def received() -> bytes:
        connection, _ = listener.accept()
        connection.settimeout(10)
        is_made.set()
        is_closed.wait(10)
        with connection, suppress(OSError), context.wrap_socket(connection, server_side=True) as encrypted:
            return encrypted.recv(1000)
        return b""

    with (
        authority.cert_pem.tempfile() as trusted,
        socket.create_server(("127.0.0.1", 0)) as listener,
        ThreadPoolExecutor() as pool,
    ):
        monkeypatch.setenv("SSL_CERT_FILE", trusted)
        client = connect(base_url=f"https://127.0.0.1:{listener.getsockname()[1]}", timeout=60)
        serving = pool.submit(received)
        close_while_it_connects(client, is_made, is_closed)
        assert serving.result(timeout=10) == b""
