from __future__ import annotations

import importlib
import json
import os
import pkgutil
import signal
import ssl
import sys
import threading
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack
from functools import cache
from pathlib import Path
from typing import Any

import anyio.from_thread
import httpx
import pytest
import upstash_workflow_dlq
from blocking import AnyClient, BlockingClient
from fakes import FakeClock
from pairs import CLIENTS
from tracing import traced_by, untraced, untraced_threads
from upstash_workflow_dlq import AsyncDLQClient, DLQClient
from upstash_workflow_dlq._base_client import BaseClient
from upstash_workflow_dlq.emulator import Emulator

ROOT = Path(__file__).parent.parent

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # So it is for what a script runs in its background, and for all that this starts: nothing could be interrupted.
    signal.signal(signal.SIGINT, signal.default_int_handler)

TOKEN = "t0ken"
Connect = Callable[..., AnyClient]


def pytest_addoption(parser: pytest.Parser) -> None:
    help = "where tests/contract/live.py writes what drift it saw"
    parser.addoption("--report", default="drift-report.json", metavar="FILE", help=help)


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, Any, Any]:
    # Our own modules first, so that coverage sees the lines they run when they are imported.
    for module in pkgutil.walk_packages(upstash_workflow_dlq.__path__, "upstash_workflow_dlq."):
        importlib.import_module(module.name)
    with untraced():
        return (yield)


TRACE = pytest.StashKey[Any]()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, Any, Any]:
    # Of pytest's own work, nothing is traced but the threads of fixtures.
    item.stash[TRACE] = sys.gettrace() if _is_worth_tracing(item) else None
    with traced_by(None, item.stash[TRACE] and threading.gettrace()):
        return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> Generator[None, Any, Any]:
    with traced_by(pyfuncitem.stash[TRACE], threading.gettrace()):
        return (yield)


def _is_worth_tracing(item: pytest.Item) -> bool:
    if item.get_closest_marker("untraced") or item.path.is_relative_to(ROOT / "tests" / "tools"):
        return False  # coverage does not report on tools/
    # On trio the lines are those of asyncio. The few that are not are run by tests that take an event loop, and not the
    # fixture `connect`.
    callspec = getattr(item, "callspec", None)
    return callspec is None or callspec.params.get("connect") != "trio"


@pytest.fixture(autouse=True)
def _only_its_own_tests_measure_the_emulator(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.path.parent.name != "emulator":
        start = Emulator.start

        def start_untraced(self: Emulator) -> Emulator:
            with untraced_threads():
                return start(self)

        monkeypatch.setattr(Emulator, "start", start_untraced)


@pytest.fixture(autouse=True, scope="session")
def _certificates_are_loaded_once() -> Iterator[None]:
    """httpx loads them for every client of its own, even for plain HTTP: 50 ms, more than most tests take."""

    @cache
    def context(trust_env: bool, *_where: str | None) -> ssl.SSLContext:
        return httpx.create_ssl_context(trust_env=trust_env)

    def shared(verify: Any, cert: Any, trust_env: bool) -> ssl.SSLContext:
        if verify is not True or cert is not None:
            return httpx.create_ssl_context(verify, cert, trust_env)
        return context(trust_env, os.environ.get("SSL_CERT_FILE"), os.environ.get("SSL_CERT_DIR"))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("httpx._transports.default.create_ssl_context", shared)
        yield


@pytest.fixture(autouse=True)
def _nothing_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tests see neither the token nor the proxies of the person who runs them; coverage skips processes they start."""
    for name in list(os.environ):
        if "QSTASH" in name or name.lower().endswith("_proxy") or name.startswith("COVERAGE_"):
            monkeypatch.delenv(name)


@pytest.fixture(params=CLIENTS)
def connect(request: pytest.FixtureRequest) -> Iterator[Connect]:
    """Makes clients: sync, or async on either event loop behind the same interface. Closes them afterwards."""
    with ExitStack() as stack:
        portal = None
        if request.param != "sync":
            portal = stack.enter_context(anyio.from_thread.start_blocking_portal(request.param))

        def make(token: str | None = TOKEN, **arguments: Any) -> AnyClient:
            client: AnyClient
            if portal is None:
                client = DLQClient(token, **arguments)
            else:
                client = BlockingClient(AsyncDLQClient(token, **arguments), portal)
            stack.enter_context(client)
            return client

        yield make


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> FakeClock:
    """The clock of all clients made from now on. Nobody waits for it: a sleep only moves its time forward."""
    clock = FakeClock()
    monkeypatch.setattr(BaseClient, "_clock", clock)
    return clock


@pytest.fixture
def waits(clock: FakeClock) -> list[float]:
    """The waits between tries, in seconds. Nobody waits for them."""
    return clock.waits


@pytest.fixture(scope="session")
def recorded_page() -> dict[str, Any]:
    """The page in the vendor's documentation, the only recorded payload."""
    path = ROOT / "wrapper" / "upstash_workflow_dlq" / "emulator" / "recorded.json"
    loaded: dict[str, Any] = json.loads(path.read_text())
    return loaded


@pytest.fixture
def recorded_run(recorded_page: dict[str, Any]) -> dict[str, Any]:
    message: dict[str, Any] = recorded_page["messages"][0]
    return dict(message)


@pytest.fixture
def newer(monkeypatch: pytest.MonkeyPatch) -> None:
    """The spec has gained what `newer.py` has."""
    import upstash_workflow_rest.models as models
    from newer import NewerMessage, newer_list
    from upstash_workflow_dlq._core import generated
    from upstash_workflow_rest.api.dlq import list_failed_runs

    monkeypatch.setattr(models, "WorkflowDLQMessage", NewerMessage)
    monkeypatch.setattr(list_failed_runs, "_get_kwargs", newer_list)
    generated.new_fields.cache_clear()
    monkeypatch.setattr(generated, "new_fields", generated.new_fields.__wrapped__)
