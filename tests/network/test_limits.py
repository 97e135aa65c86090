"""Bounds: however an answer is sent, and however large it is, the call ends."""

from __future__ import annotations

import gzip
import socket
import time
import zlib
from collections.abc import Callable
from itertools import count

import httpx
import pytest
from conftest import Connect
from fakes import FakeClock, page
from raw import RawServer, response
from upstash_workflow_dlq import (
    BulkError,
    ConfigurationError,
    DLQClient,
    InvalidResponseError,
    PaginationError,
    ServerError,
    TransportError,
)

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"


def drip(*pieces: bytes) -> Callable[[socket.socket, int, bytes], None]:
    """Sends the pieces, and the last one again and again."""

    def serve(connection: socket.socket, number: int, head: bytes) -> None:
        for piece in pieces:
            connection.sendall(piece)
        while True:
            time.sleep(0.02)
            connection.sendall(pieces[-1])

    return serve


DRIPPED = {
    "a body": drip(HEAD + b"Content-Length: 100000\r\n\r\n", b" "),
    "chunks": drip(HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\n \r\n"),
    "a header": drip(HEAD + b"X-Long: ", b"a"),
    "1xx answers": drip(b"HTTP/1.1 102 Processing\r\n\r\n"),
    "nothing": lambda connection, number, head: None,
}


@pytest.mark.parametrize("dripped", DRIPPED)
def test_an_answer_that_drips_ends_at_the_deadline(connect: Connect, dripped: str) -> None:
    with RawServer(DRIPPED[dripped]) as server:
        client = connect(base_url=server.url, timeout=30, deadline=0.3)
        with pytest.raises(TransportError, match=r"not complete after 0\.3 s|ReadTimeout"):
            client.get("1")
        assert len(server.heads) == 1


def test_no_further_try_begins_after_the_deadline(connect: Connect, clock: FakeClock) -> None:
    sent = []

    def answer(request: httpx.Request) -> httpx.Response:
        sent.append(request)
        return httpx.Response(503, headers={"Retry-After": "4"})

    client = connect(transport=httpx.MockTransport(answer), deadline=10)
    with pytest.raises(ServerError):
        client.get("1")
    assert clock.waits == [4, 4]
    assert len(sent) == 3


def compressed(content: bytes, *encodings: str) -> tuple[bytes, str]:
    for encoding in encodings:
        content = gzip.compress(content) if encoding == "gzip" else zlib.compress(content)
    return content, ", ".join(encodings)


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
def test_a_compressed_answer_is_read(connect: Connect, encoding: str) -> None:
    content, named = compressed(b'{"messages": [{"dlqId": "1"}]}', encoding)
    raw = zlib.compressobj(wbits=-15)
    bare = raw.compress(b'{"messages": [{"dlqId": "1"}]}') + raw.flush()
    for body in (content, bare) if encoding == "deflate" else (content,):
        with RawServer(
            lambda connection, number, head, body=body: connection.sendall(  # type: ignore[misc]
                response(body, f"Content-Encoding: {named}")
            )
        ) as server:
            assert [run.dlq_id for run in connect(base_url=server.url).list()] == ["1"]


@pytest.mark.parametrize("encodings", [("gzip", "gzip", "gzip"), ("deflate", "gzip"), ("br",), ("zstd",)])
def test_encodings_that_were_not_asked_for_are_refused(connect: Connect, encodings: tuple[str, ...]) -> None:
    body = compressed(bytes(10_000), "gzip")[0]
    with (
        RawServer(
            lambda connection, number, head: connection.sendall(
                response(body, f"Content-Encoding: {', '.join(encodings)}")
            )
        ) as server,
        pytest.raises(InvalidResponseError, match="Content-Encoding of the answer is"),
    ):
        connect(base_url=server.url).get("1")


@pytest.mark.parametrize("encoding", ["gzip", "deflate", None])
def test_an_answer_beyond_the_limit_is_refused(connect: Connect, encoding: str | None) -> None:
    body, named = compressed(bytes(3_000_000), encoding) if encoding else (bytes(3_000_000), "identity")
    with (
        RawServer(
            lambda connection, number, head: connection.sendall(response(body, f"Content-Encoding: {named}"))
        ) as server,
        pytest.raises(InvalidResponseError, match="larger than 1,000,000 bytes"),
    ):
        connect(base_url=server.url, max_response_size=1_000_000).get("1")


def test_endless_chunks_end_at_the_limit(connect: Connect) -> None:
    def endless(connection: socket.socket, number: int, head: bytes) -> None:
        connection.sendall(HEAD + b"Transfer-Encoding: chunked\r\n\r\n")
        while True:
            connection.sendall(b"8000\r\n" + bytes(0x8000) + b"\r\n")

    with RawServer(endless) as server, pytest.raises(InvalidResponseError, match="larger than"):
        connect(base_url=server.url, max_response_size=1_000_000).get("1")


def test_of_a_large_error_only_the_beginning_is_read(connect: Connect) -> None:
    body, named = compressed(b"it broke " + bytes(50_000_000), "gzip")
    with (
        RawServer(
            lambda connection, number, head: connection.sendall(
                response(body, f"Content-Encoding: {named}", status="500 Oops")
            )
        ) as server,
        pytest.raises(ServerError, match="it broke") as caught,
    ):
        connect(base_url=server.url).get("1")
    assert len(caught.value.body) == 2**20
    assert len(str(caught.value)) < 1000


def test_a_compressed_answer_cut_short_is_asked_for_again(connect: Connect, waits: list[float]) -> None:
    body, named = compressed(b'{"dlqId": "1", "url": "https://a.example"}', "gzip")

    def serve(connection: socket.socket, number: int, head: bytes) -> None:
        whole = len(waits) > 0
        connection.sendall(response(body if whole else body[:-9], f"Content-Encoding: {named}"))

    with RawServer(serve) as server:
        assert connect(base_url=server.url).get("1").dlq_id == "1"
    assert len(waits) == 1


@pytest.mark.untraced
def test_empty_pages_without_end_are_an_error(connect: Connect) -> None:
    numbers = count()
    transport = httpx.MockTransport(lambda request: httpx.Response(200, json=page(cursor=str(next(numbers)))))
    with pytest.raises(PaginationError, match=r"1,001 empty pages in a row"):
        connect(transport=transport).count()


@pytest.mark.untraced
@pytest.mark.parametrize("operation", ["delete_many", "resume_many", "restart_many"])
def test_empty_batches_without_end_are_an_error(connect: Connect, operation: str) -> None:
    numbers = count()
    nothing = {"deleted": 0, "workflowRuns": []}
    transport = httpx.MockTransport(lambda request: httpx.Response(200, json={**nothing, "cursor": str(next(numbers))}))
    with pytest.raises(BulkError, match=r"did nothing in 1,001 batches in a row"):
        getattr(connect(transport=transport), operation)(label="a")


@pytest.mark.parametrize("bad", [{"deadline": 0}, {"deadline": True}, {"deadline": "9"}, {"max_response_size": 0.5}])
def test_limits_are_checked(bad: dict[str, object]) -> None:
    with pytest.raises(ConfigurationError, match=r"must be (a )?positive"):
        DLQClient("t0ken", **bad)  # type: ignore[arg-type]
