"""A web page must not reach the queue: not across origins, and not by a host name that points to loopback."""

import socket

import httpx
import pytest
from upstash_workflow_dlq.emulator import Emulator, faults

LOOPBACK_HOSTS = [
    *("localhost", "LocalHost:3000", "localhost:", "127.0.0.1", "127.0.0.1:80", "127.8.9.10:8080"),
    *("[::1]", "[::1]:8080", "[0:0:0:0:0:0:0:1]"),
]
OTHER_HOSTS = [
    *("evil.example", "evil.example:8080", "localhost.evil.example", "127.0.0.1.evil.example", "evil#localhost"),
    *("0.0.0.0:8080", "192.0.2.1", "128.0.0.1", "127.1", "[2001:db8::1]", "[::]:80", "::1", "[localhost]"),
    *("user@localhost", "localhost:80:80", "localhost, evil.example", "localhost:http", ""),
]
FOREIGN_ORIGINS = [
    *("null", "", "https://evil.example", "http://evil.example:8080", "https://localhost.evil.example", "localhost"),
    *("http://0.0.0.0:8080", "http://127.0.0.1.evil.example", "file://", "chrome-extension://localhost", "//localhost"),
    *("http://user@localhost", "http://localhost/", "http://localhost https://evil.example"),
]
# What a page may send without asking first: with the public token, these would empty the queue.
PURGES = [("POST", "/resume"), ("POST", "/restart"), ("DELETE", "")]


@pytest.fixture
def queue(dlq_emulator: Emulator) -> Emulator:
    dlq_emulator.add({"dlqId": "1-0"}, {"dlqId": "2-0"})
    return dlq_emulator


def send(queue: Emulator, method: str, path: str = "", **headers: str) -> httpx.Response:
    url = f"{queue.url}/v2/workflows/dlq{path}?qstash_token={queue.token}"
    encoded = {name.replace("_", "-").encode(): value.encode() for name, value in headers.items()}
    return httpx.request(method, url, headers=encoded, trust_env=False)


def refused(queue: Emulator, response: httpx.Response, status: int) -> None:
    assert response.status_code == status
    assert response.headers["content-type"] == "application/json"
    assert list(response.json()) == ["error"]
    assert "access-control-allow-origin" not in response.headers
    assert len(queue.runs) == 2
    assert queue.started == []


@pytest.mark.parametrize("origin", FOREIGN_ORIGINS)
def test_a_page_of_another_origin_is_refused(queue: Emulator, origin: str) -> None:
    for method, path in (*PURGES, ("GET", ""), ("OPTIONS", ""), ("POST", "/nowhere")):
        refused(queue, send(queue, method, path, Origin=origin, Content_Type="text/plain"), 403)


@pytest.mark.parametrize("host", OTHER_HOSTS)
def test_another_host_name_is_refused(queue: Emulator, host: str) -> None:
    for method, path in (*PURGES, ("GET", ""), ("POST", "/nowhere")):
        refused(queue, send(queue, method, path, Host=host), 421)


def test_a_request_without_a_host_is_refused(queue: Emulator) -> None:
    with socket.create_connection(("127.0.0.1", int(queue.url.rpartition(":")[2]))) as connection:
        connection.sendall(f"DELETE /v2/workflows/dlq?qstash_token={queue.token} HTTP/1.0\r\n\r\n".encode())
        assert connection.recv(100).startswith(b"HTTP/1.1 421 ")
    assert len(queue.runs) == 2


def test_a_page_that_hides_its_origin_is_refused(queue: Emulator) -> None:
    # As browsers do it: images, forms that navigate with GET and links have no Origin.
    refused(queue, send(queue, "GET", Sec_Fetch_Site="cross-site"), 403)
    refused(queue, send(queue, "GET", Sec_Fetch_Site="Cross-Site"), 403)


@pytest.mark.parametrize("site", ["same-origin", "same-site", "none"])
def test_a_person_may_look_at_it_in_a_browser(queue: Emulator, site: str) -> None:
    assert send(queue, "GET", Sec_Fetch_Site=site).status_code == 200


@pytest.mark.parametrize("host", LOOPBACK_HOSTS)
def test_loopback_hosts_are_served(queue: Emulator, host: str) -> None:
    assert send(queue, "GET", Host=host).status_code == 200


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("host", LOOPBACK_HOSTS)
def test_pages_of_this_machine_are_served(queue: Emulator, scheme: str, host: str) -> None:
    # A page on localhost that talks to 127.0.0.1 is another site to a browser, but not to us.
    response = send(queue, "DELETE", Origin=f"{scheme}://{host}", Sec_Fetch_Site="cross-site")
    assert response.status_code == 200
    assert queue.runs == []


@pytest.mark.parametrize("host", ["localhost", "::1"])
def test_the_address_that_it_listens_on_is_served(host: str) -> None:
    with Emulator(2, host=host) as dlq:
        assert httpx.get(f"{dlq.url}/v2/workflows/dlq?qstash_token={dlq.token}", trust_env=False).status_code == 200


def test_nothing_else_is_looked_at(queue: Emulator) -> None:
    queue.settings.latency = 60
    queue.fail(faults.status(503))
    refused(queue, send(queue, "GET", "", Origin="null", Authorization="Bearer wrong"), 403)
    refused(queue, send(queue, "GET", "", Host="evil.example", Authorization="Bearer wrong"), 421)
    queue.settings.latency = 0
    assert send(queue, "GET").status_code == 503
    assert [request.headers.get("origin") for request in queue.requests] == ["null", None, None]
