"""The pages about migrating: their recipes run as they stand, and so do their claims about the vendor's SDKs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from pages import code_of
from upstash_workflow_dlq import DLQClient
from upstash_workflow_dlq.emulator import Emulator, faults
from upstash_workflow_dlq.emulator.samples import failed_runs

JAVASCRIPT, QSTASH = "migrating-from-javascript.md", "migrating-from-qstash.md"
DAY, MINUTE = 86_400_000, 60_000
CLAIMS = Path(__file__).with_name("claims.mjs")


def from_javascript(folder: Path) -> None:
    """With the SDK that npm installed in this folder."""
    bring_back_what_failed_today(folder)
    script = folder / CLAIMS.name
    script.write_text(CLAIMS.read_text("utf-8"), "utf-8")
    what_the_sdk_repeats(script)
    an_empty_filter_deletes_everything(script)
    all_is_one_batch(script)
    print(f"{folder.name}: what the page about migrating says is true")


def bring_back_what_failed_today(folder: Path) -> None:
    """Both recipes of the page start the same runs, in the same order, with the same override."""
    script = folder / "bring_back.mjs"
    script.write_text(code_of(JAVASCRIPT, "js")[0], "utf-8")
    other_script = folder / "bring_back.py"
    other_script.write_text(code_of(JAVASCRIPT, "python")[0], "utf-8")
    runs = some_of_today_and_older()
    with Emulator(runs) as one, Emulator(runs) as other:
        in_javascript = run("node", script, one.environ)
        in_python = run(sys.executable, other_script, other.environ)
        started = [start.dlq_id for start in one.started]
        assert len(started) > 100
        assert started == [start.dlq_id for start in other.started]
        assert in_javascript == f"{len(started)}\n"
        assert in_python == f"{len(started)} of {len(started)}\n"
        assert {start.kind for start in (*one.started, *other.started)} == {"resume"}
        assert {tuple(start.overrides.items()) for start in (*one.started, *other.started)} == {
            (("upstash-retries", "1"),)
        }
        assert one.runs == other.runs
        left = {run["dlqId"] for run in one.runs if "billing" in (run.get("label"), *run.get("labels", []))}
        assert left, "older runs of the label are left"
        sent = [dict(parse_qsl(request.query)) for request in one.requests]
        assert {(request.method, request.path) for request in one.requests} == {("POST", "/v2/workflows/dlq/resume")}
        assert len(sent) > 2
        assert [sorted(query) for query in sent] == [
            ["count", "fromDate", "label"],
            *[["count", "cursor", "fromDate", "label"]] * (len(sent) - 1),
        ]


def some_of_today_and_older() -> list[dict[str, Any]]:
    """Runs of two days, none of which is a day old to within minutes, so that all ask for the same ones."""
    now = time.time_ns() // 1_000_000
    runs = failed_runs(4000, newest=now - MINUTE)
    times = ("notBefore", "createdAt", "workflowCreatedAt")
    return [
        run
        for run in runs
        if all(
            abs(at - (now - DAY)) > 10 * MINUTE for at in (int(run["dlqId"].split("-")[0]), *(run[t] for t in times))
        )
    ]


def what_the_sdk_repeats(script: Path) -> None:
    """A resume whose answer is lost: up to five times more, unless `retry: false`. Our own is sent once."""
    for client, tries in (("{}", 6), ('{"retry": false}', 1)):
        with Emulator(3) as emulator:
            emulator.fail(faults.reset_after_acting(), times=9)
            [problem] = claim(script, emulator, client, f'resume("{emulator.runs[0]["dlqId"]}")')
            assert problem == {"error": "TypeError", "status": None}
            assert (len(emulator.requests), len(emulator.started)) == (tries, 1)
    with Emulator(3) as emulator:
        emulator.fail(faults.reset_after_acting())
        [problem] = claim(script, emulator, "{}", f'resume("{emulator.runs[0]["dlqId"]}")')
        assert problem["status"] == 404, "it was resumed, and what is sent again does not find it"
    with Emulator(3) as emulator:
        emulator.fail(faults.burst_limit())
        [problem] = claim(script, emulator, "{}", "list()")
        assert (problem["status"], len(emulator.requests)) == (429, 1)


def an_empty_filter_deletes_everything(script: Path) -> None:
    with Emulator(260) as emulator:
        oldest = emulator.runs[-1]["dlqId"]
        [answer] = claim(script, emulator, "{}", "delete({ filter: { label: undefined } })")
        assert answer == {"deleted": 100, "cursor": answer["cursor"]}
        [request] = emulator.requests
        assert (request.method, request.path, request.query) == ("DELETE", "/v2/workflows/dlq", "count=100")
        answers = claim(script, emulator, "{}", "resume({ filter: { label: undefined } })", f'delete("{oldest}")')
        assert len(answers[0]["workflowRuns"]) == 50
        assert answers[1] == {"deleted": 1}
        assert claim(script, emulator, "{}", f'delete("{oldest}")') == [{"deleted": 0}]
        before = len(emulator.runs)
        refused = claim(script, emulator, "{}", "delete({ filter: { label: [] } })", "delete({})", 'delete("")')
        assert {answer["error"] for answer in refused} == {"QstashError"}
        assert len(emulator.runs) == before


def all_is_one_batch(script: Path) -> None:
    with Emulator(260) as emulator:
        [answer] = claim(script, emulator, "{}", "resume({ all: true })")
        assert (len(answer["workflowRuns"]), len(emulator.requests)) == (50, 1)
        assert answer["cursor"]


def claim(script: Path, emulator: Emulator, client: str, *calls: str) -> list[Any]:
    """What these calls of `client.dlq` return, or the errors that they throw."""
    return [json.loads(line) for line in run("node", script, emulator.environ, client, *calls).splitlines()]


def run(program: str, script: Path, environ: dict[str, str], *arguments: str) -> str:
    command = [program, str(script), *arguments]
    done = subprocess.run(  # noqa: S603 - our own script
        command, env={**os.environ, **environ}, capture_output=True, text=True, timeout=120
    )
    if done.returncode:
        sys.exit(f"{script} failed:\n{done.stdout}{done.stderr}")
    return done.stdout


class Messages(ThreadingHTTPServer):
    """QStash's queue of messages, as far as its SDK's `dlq` asks for it. Two messages a page.

    The emulator has no such queue: it has failed runs only.
    """

    def __init__(self, messages: list[dict[str, Any]]) -> None:
        super().__init__(("127.0.0.1", 0), _Answering)
        self.messages = messages
        self.requests: list[tuple[str, str]] = []
        self.lost = 0
        """So many answers more are lost, after the request is carried out."""

    @property
    def environ(self) -> dict[str, str]:
        return {"QSTASH_URL": f"http://127.0.0.1:{self.server_port}", "QSTASH_TOKEN": "of-messages"}

    def answer(self, method: str, target: str) -> tuple[int, dict[str, Any] | None]:
        self.requests.append((method, target))
        path, query = urlsplit(target).path, dict(parse_qsl(urlsplit(target).query))
        if (method, path) == ("GET", "/v2/dlq"):
            found = [one for one in self.messages if query.get("label", one.get("label")) == one.get("label")]
            at = int(query.get("cursor", 0))
            following = {"cursor": str(at + 2)} if at + 2 < len(found) else {}
            return 200, {"messages": found[at : at + 2], **following}
        kept = [one for one in self.messages if f"/v2/dlq/{one['dlqId']}" != path]
        if method == "DELETE" and len(kept) < len(self.messages):
            self.messages = kept
            return 200, None
        return 404, {"error": "message not found"}


class _Answering(BaseHTTPRequestHandler):
    server: Messages

    def do_GET(self) -> None:
        assert self.headers["Authorization"] == "Bearer of-messages"
        status, answer = self.server.answer(self.command, self.path)
        if self.server.lost:
            self.server.lost -= 1
            self.close_connection = True
            return
        body = b"" if answer is None else json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_DELETE = do_GET

    def log_message(self, format: str, *args: Any) -> None:
        pass


@contextmanager
def messages(*given: dict[str, Any]) -> Iterator[Messages]:
    with Messages(list(given)) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


def message(number: int, **fields: Any) -> dict[str, Any]:
    """With what QStash's documentation shows, and its SDK asks for."""
    return {
        "messageId": f"msg_{number}",
        "url": "https://example.com/receive",
        "method": "POST",
        "maxRetries": 3,
        "notBefore": 1752829294505,
        "createdAt": 1752829294505,
        "dlqId": f"{1752829294505 + number}-0",
        "responseStatus": 500 + number,
        "label": "billing",
        **fields,
    }


def from_qstash() -> None:
    the_loop_over_pages()
    it_is_another_queue()
    an_unknown_filter_is_left_out()
    absent_fields()
    what_qstash_repeats()
    its_errors_of_limits()
    print("qstash: what the page about migrating says is true")


def client_of(server: Messages | Emulator, **options: Any) -> Any:
    from qstash import QStash

    environ = server.environ
    return QStash(environ["QSTASH_TOKEN"], base_url=environ["QSTASH_URL"], **options)


def the_loop_over_pages() -> None:
    with messages(*map(message, range(3)), message(3, label="search"), message(4)) as server, folder() as path:
        script = path / "loop.py"
        script.write_text(code_of(QSTASH, "python qstash")[0], "utf-8")
        shown = run(sys.executable, script, server.environ)
        assert shown.splitlines() == [f"{1752829294505 + number}-0 {500 + number}" for number in (0, 1, 2, 4)]
        assert server.requests == [("GET", "/v2/dlq?label=billing"), ("GET", "/v2/dlq?cursor=2&label=billing")]


@contextmanager
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as name:
        yield Path(name)


def it_is_another_queue() -> None:
    """The emulator has runs only, and says so. Ours asks for runs at another path."""
    with Emulator(3) as emulator, DLQClient(emulator.token, base_url=emulator.url) as dlq:
        assert "source=workflow" in str(refused(client_of(emulator).dlq.list))
        list(dlq.list())
        assert [request.path for request in emulator.requests] == ["/v2/dlq", "/v2/workflows/dlq"]


def an_unknown_filter_is_left_out() -> None:
    with messages(message(0), message(1, label="search")) as server:
        page = client_of(server).dlq.list(filter={"labeel": "billing"})
        assert (len(page.messages), server.requests) == (2, [("GET", "/v2/dlq")])


def absent_fields() -> None:
    needed = ("messageId", "url", "method", "maxRetries", "notBefore", "createdAt", "responseStatus")
    for name in needed:
        lacking = message(1)
        del lacking[name]
        with messages(message(0), lacking) as server:
            assert refused(client_of(server).dlq.list, KeyError).args == (name,)
    with messages({name: message(0)[name] for name in needed}) as server:
        [only] = client_of(server).dlq.list().messages
        assert (only.body, only.label, only.headers) == (None, None, None)
    with Emulator([{"dlqId": "1752829294505-0"}]) as emulator, DLQClient(emulator.token, base_url=emulator.url) as dlq:
        [run] = dlq.list()
        assert (run.message_id, run.not_before, run.response_status) == (None, None, None)


def what_qstash_repeats() -> None:
    """Five times more after a lost answer, whatever the call, and never after an answer."""
    quickly = {"retry": {"retries": 5, "backoff": lambda attempt: 1}}
    with messages(message(0), message(1)) as server:
        gone, other = (one["dlqId"] for one in server.messages)
        server.lost = 9
        refused(lambda: client_of(server, **quickly).dlq.delete(gone))
        assert server.requests == [("DELETE", f"/v2/dlq/{gone}")] * 6
        server.requests.clear()
        server.lost = 1
        assert "404" in str(refused(lambda: client_of(server).dlq.delete(other)))
        assert (len(server.requests), server.messages) == (2, [])
        server.requests.clear()
        refused(lambda: client_of(server).dlq.delete(""))
        assert server.requests == [("DELETE", "/v2/dlq/")]
    with Emulator(3) as emulator, DLQClient(emulator.token, base_url=emulator.url) as dlq:
        emulator.fail(faults.reset_after_acting())
        dlq.delete(emulator.runs[0]["dlqId"])
        assert [request.method for request in emulator.requests] == ["DELETE"] * 2
        refused(lambda: dlq.delete(""), ValueError)
        assert len(emulator.requests) == 2
    with Emulator(3) as emulator:
        emulator.fail(faults.status(503))
        refused(client_of(emulator, **quickly).dlq.list)
        assert len(emulator.requests) == 1


def its_errors_of_limits() -> None:
    from qstash.errors import DailyMessageLimitExceededError, RateLimitExceededError

    for fault, error in (
        (faults.burst_limit(), RateLimitExceededError),
        (faults.daily_limit(), DailyMessageLimitExceededError),
    ):
        with Emulator(3) as emulator:
            emulator.fail(fault)
            refused(client_of(emulator).dlq.list, error)
            assert len(emulator.requests) == 1


def refused(call: Callable[[], Any], error: type[Exception] = Exception) -> Exception:
    try:
        call()
    except error as problem:
        return problem
    raise AssertionError("it was accepted")
