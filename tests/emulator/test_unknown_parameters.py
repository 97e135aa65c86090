"""What the service does not know is refused, and nothing is done: a misspelt filter must not select everything."""

import socket
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from upstash_workflow_dlq.emulator import Emulator

IDS = ["3-0", "2-0", "1-0"]
BULK = [("DELETE", "/dlq"), ("DELETE", "/dlq/"), ("POST", "/dlq/resume"), ("POST", "/dlq/restart/")]
LIST = [("GET", "/dlq"), ("GET", "/dlq/"), ("HEAD", "/dlq")]
SINGLE = [
    *(("GET", "/dlq/2-0"), ("DELETE", "/dlq/2-0"), ("POST", "/dlq/resume/2-0"), ("POST", "/dlq/restart/2-0")),
    *(("POST", "/dlq/callback/2-0"), ("DELETE", "/dlq/callback/1-0")),
]
SHARED = [("GET", "/dlq?source=workflow"), ("DELETE", "/dlq?dlqIds=2-0")]

MISSPELT = [
    "labeel=x",
    "Label=x",
    "labels=x",
    "label[]=x",
    "callerIP=x",
    "failureCallbackState=x",
    "dlqId=2-0",
    "dlqids=2-0",
]
OTHERS = ["host=x", "path=x", "order=x", "limit=1", "unknown", "unknown=", "=x", "a%26label=x"]
ON_SHARED_LIST_ONLY = ["responseStatus=500", "messageId=m", "url=u", "source=workflow"]


@pytest.fixture
def queue(dlq_emulator: Emulator) -> Emulator:
    dlq_emulator.add(
        {"dlqId": "1-0", "label": "x", "failureFunctionState": "CALLBACK_INPROGRESS"},
        {"dlqId": "2-0", "messageId": "m", "responseStatus": 500, "failureFunctionState": "CALLBACK_FAIL"},
        {"dlqId": "3-0", "url": "u"},
    )
    return dlq_emulator


@pytest.fixture
def shared(queue: Emulator) -> Iterator[httpx.Client]:
    """A client for the queue that workflows share with other messages."""
    headers = {"Authorization": f"Bearer {queue.token}"}
    with httpx.Client(base_url=f"{queue.url}/v2", headers=headers, trust_env=False) as client:
        yield client


def refuses(queue: Emulator, response: httpx.Response) -> str:
    """The error of a refused request that did nothing."""
    assert response.status_code == 400
    assert queue.started == []
    assert [run["dlqId"] for run in queue.runs] == IDS
    assert [run.get("failureFunctionState") for run in queue.runs] == [None, "CALLBACK_FAIL", "CALLBACK_INPROGRESS"]
    if response.request.method == "HEAD":
        return ""
    assert list(response.json()) == ["error"]
    error: str = response.json()["error"]
    return error


@pytest.mark.parametrize(("method", "path"), [*BULK, *LIST, *SINGLE])
def test_an_unknown_parameter_is_refused(queue: Emulator, http: httpx.Client, method: str, path: str) -> None:
    for query in (*MISSPELT, *OTHERS, *ON_SHARED_LIST_ONLY):
        refuses(queue, http.request(method, f"{path}?{query}"))
        refuses(queue, http.request(method, f"{path}?label=x&{query}"))


@pytest.mark.parametrize(("method", "path"), SHARED)
def test_an_unknown_parameter_is_refused_on_the_shared_queue(
    queue: Emulator, shared: httpx.Client, method: str, path: str
) -> None:
    for query in (*MISSPELT, *OTHERS):
        refuses(queue, shared.request(method, f"{path}&{query}"))


@pytest.mark.parametrize(("method", "path"), SINGLE)
def test_a_call_for_one_run_takes_no_parameters(queue: Emulator, http: httpx.Client, method: str, path: str) -> None:
    for query in ("label=x", "dlqIds=2-0", "count=1", "trimBody=1"):
        assert refuses(queue, http.request(method, f"{path}?{query}")).endswith("takes no parameters.")


def test_the_error_names_the_parameter_and_those_that_exist(queue: Emulator, http: httpx.Client) -> None:
    error = refuses(queue, http.delete("/dlq?labeel=x&count=5&hosst=y"))
    assert "labeel, hosst" in error
    assert "label," in error
    assert "responseStatus" not in error


@pytest.mark.parametrize(("method", "path"), [*BULK, *LIST, *SINGLE])
def test_the_token_is_never_an_unknown_parameter(queue: Emulator, method: str, path: str) -> None:
    url = f"{queue.url}/v2/workflows{path}?qstash_token={queue.token}"
    assert httpx.request(method, url).status_code in (200, 302)


@pytest.mark.parametrize(("method", "path"), BULK)
@pytest.mark.parametrize("content", [b'{"dlqIds": ["2-0"]}', b"{}", b"dlqIds=2-0", b"\xff"])
def test_a_bulk_call_with_a_body_is_refused(
    queue: Emulator, http: httpx.Client, method: str, path: str, content: bytes
) -> None:
    # Ids belong in the query here. Without them, a body that is ignored would mean all runs.
    for query in ("", "?dlqIds=1-0", "?label=x"):
        assert "body" in refuses(queue, http.request(method, path + query, content=content))


@pytest.mark.parametrize("value", ["-2", "x", "1.5", "99999999999999999999"])
def test_an_invalid_trim_body_is_refused(queue: Emulator, http: httpx.Client, value: str) -> None:
    assert "trimBody" in refuses(queue, http.get(f"/dlq?trimBody={value}"))


@pytest.mark.parametrize("value", ["-1", "0", "100", ""])
def test_trim_body_is_accepted(queue: Emulator, http: httpx.Client, shared: httpx.Client, value: str) -> None:
    assert http.get(f"/dlq?trimBody={value}").json()["messages"] == queue.runs
    assert shared.get(f"/dlq?source=workflow&trimBody={value}").json()["messages"] == queue.runs


@pytest.mark.parametrize("query", ["dlqIds=1-0&dlqIds=3-0", "dlqIds=1-0,3-0,9-0", "dlqIds=3-0,1-0,3-0&label=x&count=1"])
def test_a_list_takes_ids(queue: Emulator, http: httpx.Client, shared: httpx.Client, query: str) -> None:
    expected = {"messages": [run for run in queue.runs if run["dlqId"] != "2-0"]}
    assert http.get(f"/dlq?{query}").json() == expected
    assert shared.get(f"/dlq?source=workflow&{query}").json() == expected


@pytest.mark.parametrize(
    ("query", "ids"),
    [
        ("responseStatus=500", ["2-0"]),
        ("responseStatus=404&responseStatus=500", ["2-0"]),
        ("responseStatus=404,500", ["2-0"]),
        ("responseStatus=404", []),
        ("responseStatus=", IDS),
        ("messageId=m", ["2-0"]),
        ("messageId=n&messageId=m", ["2-0"]),
        ("url=u", ["3-0"]),
        ("label=x&responseStatus=500", []),
    ],
)
def test_the_shared_queue_has_more_filters(queue: Emulator, shared: httpx.Client, query: str, ids: list[str]) -> None:
    messages = shared.get(f"/dlq?source=workflow&{query}").raise_for_status().json()["messages"]
    assert [run["dlqId"] for run in messages] == ids


@pytest.mark.parametrize("value", ["x", "500x", "5e2", "500,x"])
def test_an_invalid_status_is_refused(queue: Emulator, shared: httpx.Client, value: str) -> None:
    assert "responseStatus" in refuses(queue, shared.get(f"/dlq?source=workflow&responseStatus={value}"))


@pytest.mark.parametrize(
    ("query", "body", "deleted"),
    [
        ("", {"dlqIds": ["1-0", "3-0"]}, ["1-0", "3-0"]),
        ("", {"dlqIds": ["1-0", "9-0", "1-0"]}, ["1-0"]),
        ("", {"dlqIds": ["9-0"]}, []),
        ("?dlqIds=1-0,3-0", None, ["1-0", "3-0"]),
        ("?dlqIds=1-0&dlqIds=3-0", None, ["1-0", "3-0"]),
    ],
)
def test_the_shared_queue_deletes_ids_from_the_query_or_a_json_body(
    queue: Emulator, shared: httpx.Client, query: str, body: Any, deleted: list[str]
) -> None:
    response = shared.request("DELETE", f"/dlq{query}", json=body) if body else shared.delete(f"/dlq{query}")
    assert response.status_code == 200
    assert response.json() == {"deleted": len(deleted)}
    assert [run["dlqId"] for run in queue.runs] == [dlq_id for dlq_id in IDS if dlq_id not in deleted]


@pytest.mark.parametrize(
    "content",
    [
        *(b"", b"{}", b"null", b"[]", b'["1-0"]', b'{"dlqIds": []}', b'{"dlqIds": "1-0"}', b'{"dlqIds": [1]}'),
        *(b'{"dlqIds": [""]}', b'{"dlqIds": null}', b'{"dlqId": ["1-0"]}', b'{"dlqIds": ["1-0"], "label": "x"}'),
        *(b'{"dlqIds": ["1-0"]', b"\xff", b"[" * 100_000, b"dlqIds=1-0"),
    ],
)
def test_the_shared_queue_deletes_nothing_without_ids(queue: Emulator, shared: httpx.Client, content: bytes) -> None:
    assert "dlqIds" in refuses(queue, shared.request("DELETE", "/dlq", content=content))
    assert "dlqIds" in refuses(queue, shared.request("DELETE", "/dlq?dlqIds=", content=content))


def test_ids_in_the_query_and_in_a_body_are_refused(queue: Emulator, shared: httpx.Client) -> None:
    refuses(queue, shared.request("DELETE", "/dlq?dlqIds=1-0", json={"dlqIds": ["2-0"]}))


@pytest.mark.parametrize(("method", "path"), BULK)
def test_a_client_that_hangs_up_midway_does_nothing(
    queue: Emulator, method: str, path: str, caplog: pytest.LogCaptureFixture
) -> None:
    head = f"{method} /v2/workflows{path}?qstash_token={queue.token} HTTP/1.1\r\nHost: localhost\r\n"
    with socket.create_connection(("127.0.0.1", int(queue.url.rpartition(":")[2]))) as connection:
        connection.sendall(f"{head}Content-Length: 20\r\n\r\n{{}}".encode())
        while not queue.requests:
            pass
    queue.stop()  # which waits for the request
    assert len(queue.runs) == 3
    assert [record for record in caplog.records if record.levelname in ("WARNING", "ERROR")] == []
