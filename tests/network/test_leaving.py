"""Leaving: never waits, never hangs, loses nothing; whatever the server does, whoever interrupts, whichever thread."""

from __future__ import annotations

import gc
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextvars import ContextVar
from typing import Any

import httpx
import pytest
from conftest import TOKEN, Connect
from fakes import FakeClock, Wire, page
from raw import RawServer, response
from upstash_workflow_dlq import ClientClosedError, DLQClient, TransportError
from upstash_workflow_dlq.emulator import Emulator, failed_runs

READ_AHEAD = pytest.mark.parametrize("way", ["prefetch", "scan"])


def runs_of(client: Any, way: str) -> Any:
    return client.list(prefetch=True) if way == "prefetch" else client.scan(workers=4)


@pytest.fixture
def mute() -> Iterator[RawServer]:
    """Answers the first page, and then no more."""
    first = threading.Event()

    def serve(connection: socket.socket, number: int, head: bytes) -> None:
        if not first.is_set():
            first.set()
            connection.sendall(response(b'{"messages": [{"dlqId": "1"}], "cursor": "a"}'))

    with RawServer(serve) as server:
        yield server


def ended(name: str = "upstash-workflow-dlq-ahead") -> bool:
    """Whether all background threads end soon, which they do by themselves."""
    for _ in range(300):
        if not any(thread.name.startswith(name) for thread in threading.enumerate()):
            return True
        time.sleep(0.01)
    return False


@READ_AHEAD
@pytest.mark.parametrize("leave", ["break", "exception", "del", "close"])
def test_leaving_does_not_wait_for_a_server_that_says_nothing(mute: RawServer, way: str, leave: str) -> None:
    client = DLQClient(TOKEN, base_url=mute.url, timeout=60)
    runs = iter(runs_of(client, way))
    assert next(runs).dlq_id == "1"
    time.sleep(0.1)  # requests are under way by now
    if leave == "close":
        client.close()
    del runs
    assert ended()
    client.close()


@READ_AHEAD
def test_a_client_closed_by_another_thread_ends_the_wait_of_the_reader(mute: RawServer, way: str) -> None:
    for _ in range(5):
        client = DLQClient(TOKEN, base_url=mute.url, timeout=60)
        if not mute.heads:
            client.list().first()  # the one answer
        runs = iter(runs_of(client, way))
        threading.Timer(0.05, client.close).start()
        with pytest.raises((ClientClosedError, TransportError)):
            list(runs)


HELD_AT_EXIT = """
import sys
from upstash_workflow_dlq import DLQClient
dlq = DLQClient("t0ken", base_url=sys.argv[1], timeout=60)
runs = iter(dlq.list(prefetch=True) if sys.argv[2] == "prefetch" else dlq.scan(workers=4))
print(next(runs).dlq_id)
import time; time.sleep(0.2)
"""


@READ_AHEAD
def test_a_program_ends_although_an_iterator_is_held(mute: RawServer, way: str) -> None:
    command = [sys.executable, "-c", HELD_AT_EXIT, mute.url, way]
    done = subprocess.run(command, capture_output=True, text=True, timeout=25, check=True)  # noqa: S603
    assert (done.stdout, done.stderr) == ("1\n", "")


def test_a_program_ends_although_a_limit_is_waited_for() -> None:
    def serve(connection: socket.socket, number: int, head: bytes) -> None:
        if len(server.heads) == 1:
            connection.sendall(response(b'{"messages": [{"dlqId": "1"}], "cursor": "a"}'))
        else:
            connection.sendall(response(b"{}", "Retry-After: 50", status="429 Too Many Requests"))

    with RawServer(serve) as server:
        command = [sys.executable, "-c", HELD_AT_EXIT, server.url, "scan"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=25, check=True)  # noqa: S603
        assert (done.stdout, done.stderr) == ("1\n", "")


@pytest.mark.untraced
@READ_AHEAD
def test_the_garbage_collector_may_find_an_iterator_anywhere(way: str) -> None:
    """The iterators sit in cycles, so that a finaliser runs in whichever thread allocates next, and holds a lock."""
    with Emulator(failed_runs(300)) as emulator, DLQClient(emulator.token, base_url=emulator.url) as client:
        kept = []
        before = gc.get_threshold()
        gc.freeze()  # or each collection would go through all tests
        gc.set_threshold(50, 2, 2)
        try:
            for number in range(40):
                runs = iter(runs_of(client, way))
                next(runs)
                cycle: list[Any] = [runs]
                cycle.append(cycle)
                kept.append(client.get(next(runs)).dlq_id)
                del runs, cycle
                if number % 7 == 0:
                    threading.Thread(target=gc.collect).start()
        finally:
            gc.set_threshold(*before)
            gc.unfreeze()
        assert len(kept) == 40
    gc.collect()
    assert ended()


@READ_AHEAD
@pytest.mark.parametrize("failures", [1, 2, 1000])
@pytest.mark.untraced
def test_where_no_thread_can_be_had_the_caller_reads(monkeypatch: pytest.MonkeyPatch, way: str, failures: int) -> None:
    start = threading.Thread.start
    left = [failures]

    def refuse(thread: threading.Thread) -> None:
        if "ahead" in thread.name and left[0]:
            left[0] -= 1
            raise RuntimeError("can't start new thread")
        start(thread)

    with Emulator(failed_runs(1000)) as emulator, DLQClient(emulator.token, base_url=emulator.url) as client:
        monkeypatch.setattr(threading.Thread, "start", refuse)
        seen = [run.dlq_id for run in runs_of(client, way)]
        assert len(seen) == len(set(seen)) == 1000


@READ_AHEAD
def test_context_variables_of_the_caller_reach_the_threads(way: str) -> None:
    request_id: ContextVar[str] = ContextVar("request_id", default="none")
    seen = set()

    def answer(request: httpx.Request) -> httpx.Response:
        seen.add((request_id.get(), threading.current_thread() is threading.main_thread()))
        return httpx.Response(200, json=page("1"))

    with DLQClient(TOKEN, transport=httpx.MockTransport(answer)) as client:
        request_id.set("r-1")
        list(runs_of(client, way))
    assert seen == {("r-1", False)}


def test_a_scan_ends_although_the_clock_stands_still(connect: Connect, clock: FakeClock) -> None:
    clock.now = lambda: 1000.0  # type: ignore[method-assign]
    limited = httpx.Response(429, headers={"Retry-After": "0"})
    wire = Wire(limited, limited, page("1"))
    assert [run.dlq_id for run in connect(transport=wire).scan(workers=1)] == ["1"]


INTERRUPTED = """
import random, signal, sys
from upstash_workflow_dlq import DLQClient

way, url, seed = sys.argv[1:]
rng = random.Random(seed)
dlq = DLQClient("t0ken", base_url=url)
listed = {"list": lambda: dlq.list(), "prefetch": lambda: dlq.list(prefetch=True), "scan": lambda: dlq.scan(workers=4)}
runs = iter(listed[way]())
seen = []
import httpx_retries  # by now: Python cannot import a package again (asyncio) whose first import was interrupted
signal.signal(signal.SIGALRM, signal.default_int_handler)
interrupts = 0
while True:
    try:
        signal.setitimer(signal.ITIMER_REAL, rng.uniform(0.0005, 0.01))
        for run in runs:
            seen.append(run)  # in one step: an interrupt before that would be this loop's loss
        signal.setitimer(signal.ITIMER_REAL, 0)
        break
    except KeyboardInterrupt:
        interrupts += 1
assert interrupts > 3, interrupts
print(len(seen), len({run.dlq_id for run in seen}))
"""


@pytest.mark.skipif(not hasattr(__import__("signal"), "setitimer"), reason="this system has no interval timers")
@pytest.mark.untraced
@pytest.mark.parametrize(("way", "seed"), [("list", "1"), ("prefetch", "2"), ("scan", "3")])
def test_an_iterator_that_is_interrupted_again_and_again_loses_nothing(way: str, seed: str) -> None:
    with Emulator(failed_runs(3000)) as emulator:
        program = INTERRUPTED.replace('"t0ken"', repr(emulator.token))
        command = [sys.executable, "-c", program, way, emulator.url, seed]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)  # noqa: S603
        # On stderr Python may tell of interrupts that hit a finaliser.
        assert done.stdout == "3000 3000\n", done.stderr
