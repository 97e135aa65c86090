"""One run by its id, the token, and paths where nothing is served."""

import httpx
import pytest
from upstash_workflow_dlq.emulator import Emulator, failed_runs


def test_a_run_is_delivered_unchanged(dlq_emulator: Emulator, http: httpx.Client) -> None:
    (run,) = failed_runs(1)
    dlq_emulator.add(run)
    response = http.get(f"/dlq/{run['dlqId']}")
    assert response.status_code == 200
    assert response.headers["content-type"] == "application/json"
    assert response.json() == run


def test_a_deleted_run_is_gone(dlq_emulator: Emulator, http: httpx.Client) -> None:
    dlq_emulator.add({"dlqId": "1-0"}, {"dlqId": "2-0"})
    response = http.delete("/dlq/1-0")
    assert (response.status_code, response.content) == (200, b"")
    assert dlq_emulator.runs == [{"dlqId": "2-0"}]
    assert http.delete("/dlq/1-0").status_code == 404
    assert http.get("/dlq/1-0").status_code == 404


@pytest.mark.parametrize("path", ["/dlq/1-0", "/dlq/1-0/", "/dlq/1-0/2", "/dlq//", "/dlqs", "/", "/dlq/..%2Fdlq"])
@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_not_found_is_an_error_in_json(http: httpx.Client, method: str, path: str) -> None:
    response = http.request(method, path)
    assert response.status_code == 404
    assert response.headers["content-type"] == "application/json"
    assert list(response.json()) == ["error"]


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("POST", "/dlq", {"GET", "HEAD", "DELETE"}),
        ("POST", "/dlq/", {"GET", "HEAD", "DELETE"}),
        ("PUT", "/dlq/1-0", {"GET", "HEAD", "DELETE"}),
        ("POST", "/dlq/1-0", {"GET", "HEAD", "DELETE"}),
        ("PUT", "/dlq/resume", {"POST"}),
        ("GET", "/dlq/restart/1-0", {"POST"}),
        ("GET", "/dlq/callback/1-0", {"POST", "DELETE"}),
    ],
)
def test_method_not_allowed_is_an_error_in_json(http: httpx.Client, method: str, path: str, allowed: set[str]) -> None:
    response = http.request(method, path)
    assert response.status_code == 405
    assert list(response.json()) == ["error"]
    assert set(response.headers["allow"].split(", ")) == allowed


def test_head_is_get_without_the_body(dlq_emulator: Emulator, http: httpx.Client) -> None:
    dlq_emulator.add({"dlqId": "1-0"})
    response = http.head("/dlq/1-0")
    assert (response.status_code, response.content) == (200, b"")


@pytest.mark.parametrize(
    ("dlq_id", "sent"),
    [("a/b", "a%2Fb"), ("a b", "a%20b"), ("100%25", "100%2525"), ("ü?#", "%C3%BC%3F%23"), ("..", "%2E%2E"), ("+", "+")],
)
def test_an_id_is_decoded_once(dlq_emulator: Emulator, http: httpx.Client, dlq_id: str, sent: str) -> None:
    dlq_emulator.add({"dlqId": dlq_id})
    assert http.get(f"/dlq/{sent}").json() == {"dlqId": dlq_id}
    assert dlq_emulator.requests[-1].path == f"/v2/workflows/dlq/{sent}"


@pytest.mark.parametrize("scheme", ["Bearer", "bearer"])
def test_the_token_may_be_in_the_header(dlq_emulator: Emulator, scheme: str) -> None:
    headers = {"Authorization": f"{scheme} {dlq_emulator.token}"}
    assert httpx.get(f"{dlq_emulator.url}/v2/workflows/dlq", headers=headers).status_code == 200


def test_the_token_may_be_in_the_query() -> None:
    with Emulator(token="a=b+c/d é") as dlq:
        response = httpx.get(f"{dlq.url}/v2/workflows/dlq", params={"qstash_token": dlq.token})
    assert response.status_code == 200


@pytest.mark.parametrize("authorization", [None, "", "Bearer", "Bearer wrong", "Basic {token}", "{token}"])
@pytest.mark.parametrize("path", ["/v2/workflows/dlq", "/v2/workflows/dlq?count=none&qstash_token=", "/nowhere"])
def test_without_the_token_nothing_else_is_checked(
    dlq_emulator: Emulator, authorization: str | None, path: str
) -> None:
    headers = {} if authorization is None else {"Authorization": authorization.format(token=dlq_emulator.token)}
    response = httpx.post(f"{dlq_emulator.url}{path}", headers=headers)
    assert response.status_code == 401
    assert response.headers["content-type"] == "application/json"
    assert list(response.json()) == ["error"]
    assert dlq_emulator.token not in response.text
