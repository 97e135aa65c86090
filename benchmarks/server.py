"""A server of prepared runs on loopback that takes almost no CPU, in its own process.

`python benchmarks/server.py --runs 10000 --shape bursty --latency 0.08` prints its URL, and serves until its standard
input closes. It supports `count`, `cursor`, `fromDate` and `toDate` (by `createdAt`), newest first. Resuming a run
changes nothing.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import selectors
import socket
import sys
from bisect import bisect_left, bisect_right
from collections.abc import Callable
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

RECORDED = Path(__file__).parents[1] / "wrapper" / "upstash_workflow_dlq" / "emulator" / "recorded.json"
START = 1_790_000_000_000
DAY = 86_400_000
END = START + 7 * DAY


def uniform(runs: int) -> list[int]:
    return [START + (END - START) * number // runs for number in range(runs)]


def bursty(runs: int) -> list[int]:
    """80 % of the runs in 5 % of the time."""
    rng = random.Random(7)  # noqa: S311 - the same burst every time
    burst = START + rng.randrange((END - START) * 9 // 10)
    moments = [burst + rng.randrange((END - START) // 20) for _ in range(runs * 4 // 5)]
    return sorted(moments + [START + rng.randrange(END - START) for _ in range(runs - len(moments))])


SHAPES: dict[str, Callable[[int], list[int]]] = {"uniform": uniform, "bursty": bursty}


class Queue:
    def __init__(self, moments: list[int]) -> None:
        self.moments = moments
        # The recorded run with a body, labels and ids added: about 1.2 kB.
        run = dict(json.loads(RECORDED.read_text("utf-8"))["messages"][0])
        run |= {"dlqId": "@ID@", "messageId": "msg_@NUMBER@", "workflowRunId": "wfr_@NUMBER@"}
        run |= {"createdAt": "@TIME@", "notBefore": "@TIME@", "labels": ["billing", "email"], "flowControlKey": "smtp"}
        run["body"] = json.dumps({"invoice": 1, "note": "x" * 180})
        text = json.dumps(run, separators=(",", ":")).replace('"@TIME@"', "@TIME@")
        self.runs = [
            text.replace("@ID@", f"{moment}-{number}")
            .replace("@NUMBER@", f"{number:021}")
            .replace("@TIME@", str(moment))
            .encode()
            for number, moment in enumerate(moments)
        ]

    def answer(self, method: str, target: str) -> bytes:
        if method == "POST":
            return _json(b'{"workflowRunId":"wfr_%b","workflowCreatedAt":%d}' % (_last(target), END + DAY))
        if _last(target) != b"dlq":
            return _json(self.runs[int(_last(target).partition(b"-")[2])])
        query = {name: values[0] for name, values in parse_qs(urlsplit(target).query).items()}
        first = bisect_left(self.moments, int(query["fromDate"])) if "fromDate" in query else 0
        behind = bisect_right(self.moments, int(query["toDate"])) if "toDate" in query else len(self.moments)
        if "cursor" in query:
            behind = min(behind, int(query["cursor"].partition("-")[2]))
        begin = max(first, behind - int(query.get("count", 100)))
        cursor = b',"cursor":"%d-%d"' % (self.moments[begin], begin) if begin > first else b""
        return _json(b'{"messages":[%b]%b}' % (b",".join(reversed(self.runs[begin:behind])), cursor))


def _last(target: str) -> bytes:
    return urlsplit(target).path.rpartition("/")[2].encode()


def _json(body: bytes) -> bytes:
    return b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)


class Connection(asyncio.Protocol):
    def __init__(self, queue: Queue, latency: float) -> None:
        self._queue = queue
        self._latency = latency
        self._received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)  # noqa: S101
        # asyncio sets this only on sockets that it created; without it, small responses wait 40 ms for an ACK.
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        loop = asyncio.get_running_loop()
        due = loop.time() + self._latency
        self._received += data
        while (end := self._received.find(b"\r\n\r\n")) >= 0:
            method, target = self._received.decode("latin-1").split(" ", 2)[:2]
            self._received = self._received[end + 4 :]
            answer = self._queue.answer(method, target)
            if self._latency:
                loop.call_at(due, self._transport.write, answer)
            else:
                self._transport.write(answer)


async def serve(queue: Queue, latency: float) -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Connection(queue, latency), "127.0.0.1", 0)
    print(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
    await loop.run_in_executor(None, sys.stdin.read)
    server.close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--runs", type=int, default=10_000)
    parser.add_argument("--shape", choices=SHAPES, default="uniform")
    parser.add_argument("--latency", type=float, default=0.0, help="seconds that each response waits")
    options = parser.parse_args()
    queue = Queue(SHAPES[options.shape](options.runs))
    # epoll would round each wait up to a whole millisecond.
    with asyncio.Runner(loop_factory=lambda: asyncio.SelectorEventLoop(selectors.SelectSelector())) as runner:
        runner.run(serve(queue, options.latency))
