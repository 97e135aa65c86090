"""The token in nothing that a person may see of an error: its chain, the variables of its frames, a pickle, the logs.

Over real connections, which have the token in more places than a fake one: httpx, httpcore and h11 hold the request.
"""

from __future__ import annotations

import base64
import html
import json
import logging
import pickle
import socket
import sys
import threading
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any
from urllib.parse import parse_qsl, quote

import anyio
import httpx
import pytest
from conftest import Connect
from pairs import CLIENTS, in_pairs
from upstash_workflow_dlq import AsyncDLQClient, DLQClient, DLQError, InvalidResponseError, TransportError

TESTS = Path(__file__).parents[1]

TOKEN = "eyJVc2VySUQi+abc/def.x-_=="
SPELLED = [
    *(TOKEN, quote(TOKEN, safe=""), quote(TOKEN), quote(TOKEN, safe="").lower(), TOKEN.replace("=", "\\u003d")),
    *(TOKEN.replace("/", "\\/"), TOKEN.replace("=", "&#x3D;"), html.escape(TOKEN).replace("=", "&equals;")),
    *(quote(quote(TOKEN, safe=""), safe=""), base64.b64encode(TOKEN.encode()).decode(), TOKEN.encode().hex()),
]
# Long enough to be none by chance, and what a spelling of it always has.
TELLTALES = [TOKEN[:12], TOKEN[3:16], base64.b64encode(TOKEN.encode()).decode()[:16], TOKEN.encode().hex()[:16]]


class Server:
    """Answers each request with these bytes, and hangs up."""

    def __init__(self) -> None:
        self.answer: bytes = b""
        self.requests: list[bytes] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with connection:
                request = b""
                while b"\r\n\r\n" not in request and (received := connection.recv(65536)):
                    request += received
                if request:
                    self.requests.append(request)
                    connection.sendall(self.answer)

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join()


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server()
    yield server
    server.close()


def everything_shown(error: BaseException) -> Iterator[str]:
    """What loggers, debuggers and error trackers show of an error and of all that it comes from."""
    yield "".join(traceback.TracebackException.from_exception(error, capture_locals=False).format())
    pending, seen = [error], set[int]()
    while pending:
        link = pending.pop()
        if id(link) in seen:
            continue
        seen.add(id(link))
        yield from (str(link), repr(link), *shown(link.args), *shown(vars(link)))
        yield from variables(link.__traceback__)
        for name in ("filename", "strerror", "object", "reason", "_request", "request", "response"):
            try:
                value = getattr(link, name, None)
            except RuntimeError:  # httpx: no request was set
                continue
            yield from shown(value)
        pending += [below for below in (link.__cause__, link.__context__) if below is not None]
        pending += getattr(link, "exceptions", ())


def variables(tb: TracebackType | None) -> Iterator[str]:
    """Those of all frames but the test's own."""
    while tb is not None:
        if not Path(tb.tb_frame.f_code.co_filename).is_relative_to(TESTS):
            yield from shown(tb.tb_frame.f_locals)
        tb = tb.tb_next


def shown(value: Any, depth: int = 0) -> Iterator[str]:
    """As an error tracker would: containers piece by piece, of other objects the repr."""
    yield repr(value)
    if isinstance(value, httpx.Request):
        yield from (str(value.url), repr(value.headers.raw))
    elif isinstance(value, Mapping) and depth < 5:
        for key, item in value.items():
            yield from (*shown(key, depth + 1), *shown(item, depth + 1))
    elif isinstance(value, list | tuple | set | frozenset) and depth < 5:
        for item in value:
            yield from shown(item, depth + 1)


def assert_hidden(texts: Iterator[str]) -> None:
    count = 0
    for text in texts:
        count += 1
        for telltale in TELLTALES:
            assert telltale not in text
            assert telltale not in text.replace("\\\\", "\\")
    assert count > 0


def error_of(call: Callable[[], object]) -> DLQError | None:
    try:
        call()
    except DLQError as error:
        return error
    return None


def answers(echo: bytes) -> dict[str, bytes]:
    """What a server may do with what it was sent."""
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
    return {
        "nothing": b"",
        "no HTTP": echo + b"\r\n\r\n",
        "a status line": b"HTTP/1.1 " + echo + b"\r\n\r\n",
        "a header line": head + echo + b" \x00\r\n\r\n",
        "a header without a colon": head + echo + b"\r\n\r\n",
        "a chunk size": head + b"Transfer-Encoding: chunked\r\n\r\n" + echo + b"\r\n",
        "a transfer encoding": head + b"Transfer-Encoding: " + echo + b"\r\n\r\n",
        "a length": head + b"Content-Length: " + echo + b"\r\n\r\n",
        "an encoding": head + b"Content-Encoding: gzip\r\n\r\n" + echo,
        "a body cut short": head + b"Content-Length: 5000\r\n\r\n" + echo,
        "no JSON": head + b"\r\n" + echo,
        "a content type": b"HTTP/1.1 200 OK\r\nContent-Type: " + echo + b"\r\n\r\n<",
        "JSON of another shape": head + b'\r\n{"' + echo + b'": 1}',
        "a list": head + b'\r\n["' + echo + b'"]',
        "a reason": b"HTTP/1.1 500 " + echo + b"\r\n\r\n",
        "an error": b'HTTP/1.1 500 Oops\r\n\r\n{"error": "no ' + echo + b' here"}',
        "an error, far behind": b'HTTP/1.1 500 Oops\r\n\r\n{"error": "' + b"x" * 285 + echo + b'"}',
        "an error page": b"HTTP/1.1 502 Bad\r\n\r\n<html>" + echo + b"</html>",
        "headers of an error": b"HTTP/1.1 401 No\r\nX-Request-Id: "
        + echo
        + b"\r\nX-"
        + echo[:3]
        + b": "
        + echo
        + b"\r\n\r\n",
        "a redirect": b"HTTP/1.1 302 Found\r\nLocation: /?qstash_token=" + echo + b"\r\n\r\n",
    }


@pytest.mark.untraced
@in_pairs({"connect": CLIENTS, "auth": ["header", "query"], "kind": list(answers(b""))})
def test_whatever_a_server_answers_the_token_does_not_show(
    connect: Connect, server: Server, caplog: pytest.LogCaptureFixture, kind: str, auth: str
) -> None:
    caplog.set_level(logging.DEBUG)
    client = connect(TOKEN, base_url=server.url, auth=auth, retry=None)
    errors = 0
    for spelled in SPELLED if kind in {"an error", "a header line", "no JSON"} else SPELLED[:2]:
        server.answer = answers(spelled.encode())[kind]
        for call in (lambda: client.list().first(), lambda: client.get("1"), lambda: client.resume("1")):
            if (error := error_of(call)) is not None:
                errors += 1
                assert_hidden(everything_shown(error))
                assert_hidden(iter([str(pickle.dumps(error))]))
    assert errors >= len(server.requests) * 2 / 3, "a run may be any object"
    for request in server.requests:
        query = dict(parse_qsl(request.split(b" ")[1].partition(b"?")[2].decode()))
        assert (query.get("qstash_token") == TOKEN) == (auth == "query")
        assert (f"Authorization: Bearer {TOKEN}".encode() in request) == (auth == "header")
    assert caplog.records
    assert_hidden(text for record in caplog.records for text in (record.getMessage(), *shown(vars(record))))


@in_pairs(
    {
        "connect": CLIENTS,
        "auth": ["header", "query"],
        "way": ["refused", "no such name", "a slow answer", "a deadline", "a closed client"],
    }
)
def test_however_a_connection_fails_the_token_does_not_show(connect: Connect, auth: str, way: str) -> None:
    with ExitStack() as stack:
        mute = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        address = f"http://127.0.0.1:{mute.getsockname()[1]}"
        if way == "refused":
            mute.close()
        if way == "no such name":
            address = "https://no-such-name.invalid"
        limits = {"deadline": 0.2} if way == "a deadline" else {"timeout": 0.2}
        client = connect(TOKEN, base_url=address, auth=auth, retry=None, **limits)
        if way == "a closed client":
            client.close()
        with pytest.raises(DLQError) as caught:
            client.get("1")
        assert_hidden(everything_shown(caught.value))
        if way != "a closed client":
            assert isinstance(caught.value.__cause__, httpx.RequestError)
            assert str(caught.value.__cause__.request.url) == f"{address}/v2/workflows/dlq/1"


@pytest.mark.parametrize("auth", ["header", "query"])
@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_a_cancelled_call_does_not_show_it(backend: str, auth: Any) -> None:
    seen: list[BaseException] = []

    async def main(url: str) -> None:
        async with AsyncDLQClient(TOKEN, base_url=url, auth=auth) as client:
            with anyio.move_on_after(0.2):
                try:
                    await client.get("1")
                except BaseException as error:
                    seen.append(error)
                    raise

    with socket.create_server(("127.0.0.1", 0)) as mute:
        anyio.run(main, f"http://127.0.0.1:{mute.getsockname()[1]}", backend=backend)
    [error] = seen
    assert not isinstance(error, Exception)
    assert_hidden(everything_shown(error))


def test_the_lines_of_a_failed_call_stay_in_its_traceback(server: Server) -> None:
    with DLQClient(TOKEN, base_url=server.url, retry=None) as client, pytest.raises(TransportError) as caught:
        client.get("1")
    cause = caught.value.__cause__
    assert cause is not None
    files = {frame.filename.rpartition("site-packages/")[2] for frame in traceback.extract_tb(cause.__traceback__)}
    assert {"httpx/_transports/default.py"} <= files
    shown = "".join(traceback.format_exception(caught.value))
    assert "httpcore.RemoteProtocolError: Server disconnected" in shown
    assert "    resp = self._pool.handle_request(req)\n" in shown, "the source, too"


def test_an_interrupt_between_two_lines_stays_an_interrupt() -> None:
    def interrupted(request: httpx.Request) -> httpx.Response:
        frame = sys._getframe()
        try:
            nowhere = next(start for start, _, line in frame.f_code.co_lines() if line is None)
            assert TracebackType(None, frame, nowhere, -1).tb_lineno in (None, -1)  # -1 up to Python 3.11.2
        except StopIteration as error:  # its clean-up belongs to no line
            raise AssertionError from error
        raise KeyboardInterrupt().with_traceback(TracebackType(None, frame, nowhere, -1))

    with DLQClient(TOKEN, transport=httpx.MockTransport(interrupted)) as client, pytest.raises(KeyboardInterrupt):
        client.get("1")


def test_a_traceback_looks_as_it_would_without_us(capsys: pytest.CaptureFixture[str]) -> None:
    def fail(request: httpx.Request) -> httpx.Response:
        first, second = str(request.url), dict(request.headers)
        return httpx.Response(200, content=first + second["authorization"] + f"{1 / 0}")

    transport = httpx.MockTransport(fail)
    with pytest.raises(ZeroDivisionError) as plain:
        transport.handle_request(httpx.Request("GET", "https://a", headers={"Authorization": "x"}))
    with DLQClient(TOKEN, transport=transport) as client, pytest.raises(ZeroDivisionError) as ours:
        client.get("1")
    expected = traceback.format_exception(plain.value)[2:]
    assert "1 / 0" in expected[-2]
    assert traceback.format_exception(ours.value)[-len(expected) :] == expected
    # The interpreter itself does it in another way than the module traceback.
    sys.__excepthook__(type(ours.value), ours.value, ours.value.__traceback__)
    assert "".join(expected) in capsys.readouterr().err


def test_the_variables_of_callers_are_left_alone(server: Server) -> None:
    def fail() -> None:
        mine = "kept"
        raise KeyError(mine)

    with DLQClient(TOKEN, base_url=server.url, retry=None) as client:
        try:
            fail()
        except KeyError as error:
            mine = error
            failed = error_of(lambda: client.get("1"))
    assert isinstance(failed, TransportError)
    *_, (frame, _) = traceback.walk_tb(mine.__traceback__)
    assert frame.f_locals == {"mine": "kept"}


class FromElsewhere(httpx.BaseTransport):
    """A transport over another library, whose errors hold the request, and come in a chain of their own."""

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        headers = dict(request.headers)
        try:
            raise OSError(5, f"no route for {headers}", str(request.url))
        except OSError as error:
            cause = LookupError(request, headers, str(request.url).encode())
            cause.info = {"headers": headers}  # type: ignore[attr-defined]
            cause.__cause__ = error
            cause.add_note(f"sent {headers}")
            raise ExceptionGroup("failed", [cause, UnicodeEncodeError("ascii", str(headers), 0, 1, "no")]) from error


@pytest.mark.parametrize("auth", ["header", "query"])
def test_errors_of_other_libraries_do_not_show_it(auth: Any) -> None:
    with DLQClient(TOKEN, transport=FromElsewhere(), auth=auth) as client, pytest.raises(ExceptionGroup) as caught:
        client.get("1")
    assert_hidden(everything_shown(caught.value))


class Refusing(httpx.BaseTransport):
    def handle_request(self, request: httpx.Request) -> httpx.Response:
        response = httpx.Response(407, request=request)
        response.raise_for_status()
        return response


@pytest.mark.parametrize("auth", ["header", "query"])
def test_errors_of_an_inner_client_get_the_request_without_it(auth: Any) -> None:
    with DLQClient(TOKEN, transport=Refusing(), auth=auth) as client, pytest.raises(TransportError) as caught:
        client.get("1")
    cause = caught.value.__cause__
    assert isinstance(cause, httpx.HTTPStatusError)
    assert str(cause.request.url) == "https://qstash.upstash.io/v2/workflows/dlq/1"
    assert cause.response.request is cause.request
    assert_hidden(everything_shown(caught.value))


@pytest.mark.parametrize("interrupt", [KeyboardInterrupt, SystemExit])
@pytest.mark.parametrize("auth", ["header", "query"])
def test_an_interrupt_does_not_show_it(auth: Any, interrupt: type[BaseException]) -> None:
    def interrupted(request: httpx.Request) -> httpx.Response:
        url, headers = str(request.url), dict(request.headers)
        raise interrupt(len(url) + len(headers))

    with (
        DLQClient(TOKEN, transport=httpx.MockTransport(interrupted), auth=auth) as client,
        pytest.raises(interrupt) as caught,
    ):
        client.get("1")
    assert_hidden(variables(caught.value.__traceback__))


def test_what_a_run_shows_of_itself_has_no_token(server: Server) -> None:
    server.answer = (
        b"HTTP/1.1 200 OK\r\n\r\n"
        + json.dumps(
            {
                "messages": [
                    {"dlqId": TOKEN, "workflowUrl": f"https://a?qstash_token={quote(TOKEN, safe='')}", "createdAt": "x"}
                ]
            }
        ).encode()
    )
    with DLQClient(TOKEN, base_url=server.url) as client:
        [page] = client.list().pages()
    [run] = page.runs
    with pytest.raises(InvalidResponseError) as caught:
        _ = run.created_at
    assert_hidden(iter([repr(page), repr(run), str(run), str(caught.value)]))
    assert run.dlq_id == TOKEN, "payloads stay as they came"
    assert run.to_dict()["dlqId"] == TOKEN


def test_all_loggers_of_httpcore_are_covered() -> None:
    names = [name for name in logging.root.manager.loggerDict if name.startswith("httpcore.")]
    assert len(names) > 3
    for name in names:
        assert logging.getLogger(name).filters, name
