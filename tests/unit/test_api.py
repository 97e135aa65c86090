"""The public interface: names, equal signatures sync and async, and the generated client underneath."""

from __future__ import annotations

import inspect
import pickle
import subprocess
import sys
from typing import Any

import httpx
import pytest
import upstash_workflow_dlq
from fakes import Wire, page
from openapi import required_fields
from upstash_workflow_dlq import (
    AsyncDLQClient,
    AsyncFailedRuns,
    AsyncScannedRuns,
    ClientClosedError,
    DLQClient,
    FailedRuns,
    ScannedRuns,
    errors,
    triage,
)
from upstash_workflow_rest.api.dlq import delete_failed_run, get_failed_run, list_failed_runs
from upstash_workflow_rest.errors import UnexpectedStatus
from upstash_workflow_rest.models import Error, FailedRunsPage


def test_all_names_everything_public_and_nothing_else() -> None:
    assert sorted(upstash_workflow_dlq.__all__) == sorted(set(upstash_workflow_dlq.__all__))
    for name in upstash_workflow_dlq.__all__:
        assert hasattr(upstash_workflow_dlq, name)
    public = {name for name in vars(upstash_workflow_dlq) if name.isidentifier() and not name.startswith("_")}
    submodules = {name for name in public if inspect.ismodule(getattr(upstash_workflow_dlq, name))}
    assert public - submodules == set(upstash_workflow_dlq.__all__) - {"__version__"}
    rooms = {
        "archive",
        "cli",
        "contract",
        "emulator",
        "harmless",
        "matching",
        "redrive",
        "report",
        "timelines",
        "triage",
    }
    assert submodules <= {"errors", *rooms}


def test_triage_names_all_that_it_offers() -> None:
    made_here = {
        name
        for name, value in vars(triage).items()
        if (inspect.isclass(value) or inspect.isfunction(value)) and value.__module__ == triage.__name__
    }
    assert {name for name in made_here if not name.startswith("_")} | {"By"} == set(triage.__all__)


READ_A_PAGE = """
import sys
import upstash_workflow_dlq
from upstash_workflow_dlq import AsyncDLQClient, DLQClient, FailedRun
assert "httpx" not in sys.modules, "naming a class takes no HTTP client"
import httpx
wire = httpx.MockTransport(lambda request: httpx.Response(200, content=b'{"messages": [{"dlqId": "1"}]}'))
with upstash_workflow_dlq.DLQClient("t0ken", transport=wire) as dlq:
    assert [run.dlq_id for run in dlq.list(label="a", from_date=1790000000000)] == ["1"]
unused = {"asyncio", "anyio", "attr", "concurrent.futures", "dateutil", "httpx_retries", "upstash_workflow_rest"}
unused |= {"sqlite3", "upstash_workflow_dlq.archive", "upstash_workflow_dlq.matching"}
unused |= {"upstash_workflow_dlq.triage", "upstash_workflow_dlq.emulator", "upstash_workflow_dlq.contract"}
print(*sorted(unused & sys.modules.keys()))
"""


def test_a_start_and_a_list_load_nothing_they_do_not_use() -> None:
    # -I: without this folder and what the environment says, but with what is installed.
    ran = subprocess.run([sys.executable, "-I", "-c", READ_A_PAGE], check=True, stdout=subprocess.PIPE)  # noqa: S603
    assert ran.stdout.split() == []


def test_a_name_that_is_not_there_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="module 'upstash_workflow_dlq' has no attribute 'Client'"):
        upstash_workflow_dlq.Client  # type: ignore[attr-defined]  # noqa: B018
    assert set(upstash_workflow_dlq.__all__) <= set(dir(upstash_workflow_dlq))


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        ([], 2, ""),
        (["--help"], 0, "resume, restart or delete"),
        (["--version"], 0, "upstash-dlq "),
        (["lisst"], 2, ""),
    ],
)
def test_the_package_can_be_executed_and_says_what_can_be_run(arguments: list[str], status: int, said: str) -> None:
    command = [sys.executable, "-m", "upstash_workflow_dlq", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    assert done.returncode == status
    assert said in done.stdout
    assert "Traceback" not in done.stderr


def test_every_error_is_exported_and_stands_in_the_drawn_tree() -> None:
    kinds = {name for name, kind in vars(errors).items() if isinstance(kind, type) and issubclass(kind, Exception)}
    assert kinds == set(errors.__all__)
    assert errors.__doc__ is not None
    drawn = [line.split() for line in errors.__doc__.splitlines()]
    for name in kinds:
        assert any(name in words for words in drawn)
        assert issubclass(getattr(errors, name), errors.DLQError)


def public_methods(kind: type) -> dict[str, Any]:
    methods = {name: member for name, member in inspect.getmembers(kind) if callable(member)}
    renamed = {"aclose": "close"}
    return {renamed.get(name, name): method for name, method in methods.items() if not name.startswith("_")}


def parameters(method: Any) -> list[tuple[str, Any, Any, Any]]:
    return [(p.name, p.kind, p.default, p.annotation) for p in inspect.signature(method).parameters.values()]


@pytest.mark.parametrize(
    ("sync", "asynchronous"),
    [(DLQClient, AsyncDLQClient), (FailedRuns, AsyncFailedRuns), (ScannedRuns, AsyncScannedRuns)],
)
def test_both_clients_have_the_same_methods_with_the_same_parameters(sync: type, asynchronous: type) -> None:
    ours, theirs = public_methods(sync), public_methods(asynchronous)
    assert ours.keys() == theirs.keys()
    for name, method in ours.items():
        assert parameters(method) == parameters(theirs[name]), name
    assert all(method.__doc__ for method in [*ours.values(), *theirs.values()])


def test_both_clients_are_made_alike() -> None:
    assert parameters(DLQClient) == parameters(AsyncDLQClient)
    assert [name for name, *_ in parameters(DLQClient)] == [
        *("token", "base_url", "region", "auth", "timeout", "deadline", "max_response_size"),
        *("retry", "transport", "trust_connect_errors", "allow_insecure"),
    ]


def test_the_low_level_client_is_set_up_like_the_wrapper() -> None:
    wire = Wire(page("1", **required_fields()), 503, httpx.Response(404, json={"error": "gone"}), 200)
    with DLQClient("t0ken", base_url="https://eu.example", transport=wire, timeout=7) as client:
        low_level = client.low_level
        assert low_level is client.low_level
        answer = list_failed_runs.sync(client=low_level, label=["a", "b"])
        assert isinstance(answer, FailedRunsPage)
        missing = get_failed_run.sync(client=low_level.with_headers({"X-Trace": "1"}), dlq_id="1")
        assert isinstance(missing, Error)
        assert delete_failed_run.sync_detailed(client=low_level, dlq_id="1").status_code == 200
    assert wire.sent == [
        "GET /v2/workflows/dlq?count=100&label=a&label=b",
        "GET /v2/workflows/dlq/1",
        "GET /v2/workflows/dlq/1",
        "DELETE /v2/workflows/dlq/1",
    ]
    for request in wire.requests:
        assert request.url.host == "eu.example"
        assert request.headers["Authorization"] == "Bearer t0ken"
        assert request.headers["User-Agent"].startswith("upstash-workflow-dlq/")
        assert request.extensions["timeout"]["read"] == 7
    assert wire.requests[1].headers["X-Trace"] == "1"
    with pytest.raises(ClientClosedError):
        list_failed_runs.sync(client=low_level)


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_the_low_level_client_works_asynchronously(backend: str) -> None:
    import anyio

    async def main() -> None:
        async with AsyncDLQClient("t0ken", transport=Wire(page("1", **required_fields()))) as client:
            answer = await list_failed_runs.asyncio(client=client.low_level)
            assert isinstance(answer, FailedRunsPage)

    anyio.run(main, backend=backend)


def test_the_low_level_client_hides_no_status() -> None:
    with DLQClient("t0ken", transport=Wire(418)) as client, pytest.raises(UnexpectedStatus):
        list_failed_runs.sync(client=client.low_level)


@pytest.mark.parametrize("status", [299, 418, 489, 520, 599, 600, 999])
def test_so_it_does_where_no_standard_names_the_status(status: int) -> None:
    answer = httpx.Response(status, content=b"why it is so")
    with DLQClient("t0ken", transport=Wire(answer)) as client, pytest.raises(UnexpectedStatus) as caught:
        list_failed_runs.sync_detailed(client=client.low_level)
    assert (caught.value.status_code, caught.value.content) == (status, b"why it is so")


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_so_it_does_asynchronously(backend: str) -> None:
    import anyio

    async def main() -> None:
        wire = Wire(httpx.Response(520, content=b"why it is so"), 418)
        async with AsyncDLQClient("t0ken", transport=wire) as client:
            for status in (520, 418):
                with pytest.raises(UnexpectedStatus) as caught:
                    await list_failed_runs.asyncio_detailed(client=client.low_level)
                assert caught.value.status_code == status

    anyio.run(main, backend=backend)


def test_what_it_raises_does_not_show_the_token() -> None:
    token = "eyJVc2VySUQi+abc/def=="
    for status in (201, 418, 520):
        answer = httpx.Response(status, content=f"<{token.replace('=', '&#61;')}>".encode())
        with DLQClient(token, transport=Wire(answer)) as client, pytest.raises(UnexpectedStatus) as caught:
            list_failed_runs.sync(client=client.low_level)
        assert "<[token]>" in str(caught.value)


def test_low_level_deletes_are_repeated_only_if_nothing_was_done(waits: list[float]) -> None:
    wire = Wire(httpx.ConnectError("refused"), 429, 503)
    with DLQClient("t0ken", transport=wire, trust_connect_errors=True) as client, pytest.raises(UnexpectedStatus):
        delete_failed_run.sync(client=client.low_level, dlq_id="1")
    wire = Wire(httpx.ReadTimeout("slow"))
    with DLQClient("t0ken", transport=wire) as client, pytest.raises(httpx.ReadTimeout):
        delete_failed_run.sync(client=client.low_level, dlq_id="1")
    assert len(waits) == 2


def test_pages_and_runs_can_be_pickled() -> None:
    with DLQClient("t0ken", transport=Wire(page("1", failureCallbackInfo={"state": "CALLBACK_FAIL"}))) as client:
        [read] = client.list().pages()
    assert pickle.loads(pickle.dumps(read)) == read
    [run] = read.runs
    assert pickle.loads(pickle.dumps(run.failure_function)) == run.failure_function
