"""Failures that last are raised after one try, those that pass are tried again, and the message names who failed."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable
from typing import Any

import httpx
import pytest
import trustme
from conftest import Connect
from loopback import Behaviour, Loopback, answer, close, reset
from pairs import CLIENTS, in_pairs
from upstash_workflow_dlq import APIError, AuthenticationError, DLQClient, InvalidResponseError, TransportError

CA = trustme.CA()
TRIES = 6
RUN = b'HTTP/1.1 200 OK\r\nContent-Length: 15\r\n\r\n{"dlqId":"1-0"}'


def server_context(*names: str) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    CA.issue_cert(*names or ("127.0.0.1",)).configure_cert(context)
    return context


def client_context() -> ssl.SSLContext:
    context = ssl.create_default_context()
    CA.configure_trust(context)
    return context


Own = Callable[..., Any]


@pytest.fixture
def own(request: pytest.FixtureRequest, connect: Connect) -> Own:
    """A client with a transport of httpx for its kind, made with these arguments."""
    is_sync = "[sync" in request.node.name

    def make(url: str, **arguments: Any) -> Any:
        kind = httpx.HTTPTransport if is_sync else httpx.AsyncHTTPTransport
        client = connect(base_url=url, transport=kind(**arguments))
        assert isinstance(client, DLQClient) == is_sync
        return client

    return make


def test_an_untrusted_certificate_is_met_once(connect: Connect, waits: list[float]) -> None:
    with Loopback(answer(RUN), server_context()) as service:
        client = connect(base_url=service.url)
        for act in (client.get, client.delete, client.resume):
            with pytest.raises(TransportError, match=r"CERTIFICATE_VERIFY_FAILED.*unable to get local issuer"):
                act("1-0")
    assert service.connections == 3
    assert waits == []


def test_a_certificate_of_another_name_is_met_once(own: Own, waits: list[float]) -> None:
    service = Loopback(answer(RUN), server_context("other.example"))
    with service, pytest.raises(TransportError, match=r"not valid for '127\.0\.0\.1'"):
        own(service.url, verify=client_context()).get("1-0")
    assert service.connections == 1
    assert waits == []


def test_a_server_that_speaks_no_tls_is_met_once(own: Own, waits: list[float]) -> None:
    def speak_http(connection: socket.socket, request: bytes) -> None:
        connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    service = Loopback(speak_http, greet=True)
    with service, pytest.raises(TransportError, match=r"WRONG_VERSION_NUMBER|wrong version number"):
        own(service.url.replace("http:", "https:"), verify=client_context()).get("1-0")
    assert service.connections == 1
    assert waits == []


@pytest.mark.parametrize("break_off", [close, reset])
@pytest.mark.parametrize("operation", ["get", "delete", "resume"])
def test_a_handshake_that_breaks_off_is_tried_again(
    own: Own, waits: list[float], break_off: Behaviour, operation: str
) -> None:
    with Loopback(break_off, greet=True) as service:
        client = own(service.url.replace("http:", "https:"), verify=client_context())
        with pytest.raises(TransportError):
            getattr(client, operation)("1-0")
    assert service.connections == TRIES
    assert len(waits) == TRIES - 1


def garble(connection: socket.socket, request: bytes) -> None:
    """Bytes that are no TLS, below it."""
    with socket.socket(fileno=socket.dup(connection.fileno())) as below:
        below.sendall(b"\x00garbage" * 100)


def garble_half(connection: socket.socket, request: bytes) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nhalf")
    garble(connection, request)


@pytest.mark.parametrize("behaviour", [garble, garble_half])
@pytest.mark.parametrize(("operation", "tries"), [("get", TRIES), ("delete", TRIES), ("resume", 1), ("restart", 1)])
def test_an_answer_that_breaks_tls_is_asked_for_again_where_that_is_safe(
    own: Own, waits: list[float], behaviour: Behaviour, operation: str, tries: int
) -> None:
    with Loopback(behaviour, server_context()) as service:
        client = own(service.url, verify=client_context())
        with pytest.raises(TransportError, match=r"wrong version number|WRONG_VERSION_NUMBER|record layer"):
            getattr(client, operation)("1-0")
    assert len(service.requests) == tries
    assert len(waits) == tries - 1


NOT_THERE = [socket.EAI_NONAME, *([socket.EAI_NODATA] if hasattr(socket, "EAI_NODATA") else [])]


@in_pairs(
    {
        "connect": CLIENTS,
        ("code", "tries"): [*((code, 1) for code in NOT_THERE), (socket.EAI_AGAIN, TRIES)],
        "operation": ["get", "resume"],
    }
)
def test_a_host_that_does_not_exist_is_looked_up_once(
    connect: Connect, waits: list[float], monkeypatch: pytest.MonkeyPatch, code: int, tries: int, operation: str
) -> None:
    lookups: list[object] = []
    real = socket.getaddrinfo

    def look_up(host: Any, *arguments: Any, **options: Any) -> Any:
        if host not in ("qstash.example", b"qstash.example"):
            return real(host, *arguments, **options)
        lookups.append(host)
        raise socket.gaierror(code, "no address")

    client = connect(base_url="https://qstash.example")
    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    with pytest.raises(TransportError, match=r"https://qstash\.example.*no address"):
        getattr(client, operation)("1-0")
    assert lookups
    assert len(waits) == tries - 1


# Proxies


def tunnel(status: str) -> Behaviour:
    return answer(f"HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n".encode())


@pytest.fixture
def proxied(connect: Connect, monkeypatch: pytest.MonkeyPatch) -> Callable[[int], Any]:
    def make(port: int) -> Any:
        monkeypatch.setenv("HTTPS_PROXY", f"http://me:pa55word@127.0.0.1:{port}")
        return connect(base_url="https://qstash.example")

    return make


@pytest.mark.parametrize("status", ["407 Proxy Authentication Required", "403 Forbidden", "400 Bad Request"])
@pytest.mark.parametrize("operation", ["get", "delete", "resume"])
def test_a_proxy_that_refuses_is_asked_once_and_named(
    proxied: Callable[[int], Any], waits: list[float], status: str, operation: str
) -> None:
    with Loopback(tunnel(status)) as proxy, pytest.raises(TransportError) as caught:
        getattr(proxied(proxy.port), operation)("1-0")
    assert f"the proxy http://127.0.0.1:{proxy.port} refused: ProxyError: {status}" in str(caught.value)
    assert "pa55word" not in str(caught.value)
    assert [request.split()[0] for request in proxy.requests] == [b"CONNECT"]
    assert waits == []


@pytest.mark.parametrize("status", ["503 Service Unavailable", "502 Bad Gateway", "504 Gateway Timeout"])
@pytest.mark.parametrize("operation", ["get", "delete", "resume"])
def test_a_proxy_that_is_overloaded_is_asked_again(
    proxied: Callable[[int], Any], waits: list[float], status: str, operation: str
) -> None:
    with Loopback(tunnel(status)) as proxy, pytest.raises(TransportError, match=f"refused: ProxyError: {status}"):
        getattr(proxied(proxy.port), operation)("1-0")
    assert len(proxy.requests) == TRIES
    assert len(waits) == TRIES - 1


def test_a_proxy_that_is_not_there_is_named_and_not_the_service(
    proxied: Callable[[int], Any], waits: list[float]
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with pytest.raises(TransportError, match=f"the proxy http://127.0.0.1:{port} cannot be reached: ConnectError: .+"):
        proxied(port).get("1-0")
    assert len(waits) == TRIES - 1


def test_what_happens_behind_a_proxy_says_that_there_is_one(proxied: Callable[[int], Any], waits: list[float]) -> None:
    def let_through(connection: socket.socket, request: bytes) -> None:
        connection.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
        connection.recv(65536)
        connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    with Loopback(let_through) as proxy:
        expected = f"through the proxy http://127.0.0.1:{proxy.port}: ConnectError: .*(?i:wrong.version.number)"
        with pytest.raises(TransportError, match=expected):
            proxied(proxy.port).get("1-0")
    assert waits == []


def test_without_a_proxy_none_is_named(connect: Connect) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with pytest.raises(TransportError) as caught:
        connect(base_url=f"http://127.0.0.1:{port}", retry=None).get("1-0")
    assert "proxy" not in str(caught.value)


# Bodies


@pytest.mark.parametrize("read", [lambda client: client.get("1-0"), lambda client: client.count()])
def test_an_empty_body_that_only_the_end_of_the_connection_ends_is_asked_for_again(
    connect: Connect, waits: list[float], read: Callable[[Any], object]
) -> None:
    service = Loopback(answer(b"HTTP/1.1 200 OK\r\n\r\n"))
    with service, pytest.raises(InvalidResponseError, match="is not JSON"):
        read(connect(base_url=service.url))
    assert len(service.requests) == TRIES
    assert len(waits) == TRIES - 1


@pytest.mark.parametrize("head", [b"Content-Length: 0\r\n", b"Transfer-Encoding: chunked\r\n"])
def test_an_empty_body_that_is_whole_is_not(connect: Connect, waits: list[float], head: bytes) -> None:
    end = b"0\r\n\r\n" if b"chunked" in head else b""
    service = Loopback(answer(b"HTTP/1.1 200 OK\r\n" + head + b"\r\n" + end))
    with service, pytest.raises(InvalidResponseError, match="is not JSON"):
        connect(base_url=service.url).get("1-0")
    assert len(service.requests) == 1


@pytest.mark.parametrize("operation", ["delete", "cancel_failure_callback"])
def test_an_empty_body_is_an_answer_where_none_is_expected(
    connect: Connect, waits: list[float], operation: str
) -> None:
    with Loopback(answer(b"HTTP/1.1 200 OK\r\n\r\n")) as service:
        assert getattr(connect(base_url=service.url), operation)("1-0") is None
    assert len(service.requests) == 1


def test_an_answer_is_not_taken_for_a_failure(connect: Connect, waits: list[float]) -> None:
    for status, kind in (("407 Proxy Authentication Required", APIError), ("403 Forbidden", AuthenticationError)):
        with Loopback(tunnel(status)) as service, pytest.raises(kind, match=f"HTTP {status[:3]}"):
            connect(base_url=service.url).get("1-0")
    assert waits == []
