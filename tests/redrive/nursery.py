"""Starts redrives in processes that may be killed. One thread and everything imported: a fork takes a millisecond.

Reads a `Life` as JSON from each line of its input, and answers with a `Death`.
"""

from __future__ import annotations

import importlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from datetime import timedelta
from itertools import count
from pathlib import Path
from types import TracebackType
from typing import Any, NoReturn, Self

DONE, ENDED_WITH_ERROR = 0, 1


@dataclass(frozen=True)
class Life:
    """`step`: it kills itself there, or `seconds` later, while its threads go on."""

    path: str
    url: str
    token: str
    client: str
    options: dict[str, Any] = field(default_factory=dict)
    step: int | None = None
    seconds: float = 0.0


@dataclass(frozen=True)
class Death:
    """`steps` says how many there were; None if it was killed."""

    killed: bool
    steps: int | None
    error: str | None


def pid_file(path: str) -> Path:
    return Path(f"{path}.pid")


class Nursery:
    def __enter__(self) -> Self:
        command = [sys.executable, __file__]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)  # noqa: S603
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._process.communicate(timeout=10)

    def live(self, life: Life) -> Death:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        print(json.dumps(asdict(life)), file=self._process.stdin, flush=True)
        return Death(**json.loads(self._process.stdout.readline()))


def serve() -> None:
    warm_up()
    for line in sys.stdin:
        life = Life(**json.loads(line))
        said = Path(f"{life.path}.said")
        said.unlink(missing_ok=True)
        # By the number of threads: Python warns of a fork with more than one, and a lock that one held would stay.
        assert threading.active_count() == 1
        pid = os.fork()
        if not pid:
            live(life, said)
        _, status = os.waitpid(pid, 0)
        killed = os.WIFSIGNALED(status)
        assert killed or said.exists(), status
        steps, error, modules = (None, None, []) if killed else json.loads(said.read_text())
        # What that one had to import, the next ones have.
        for module in modules:
            with suppress(ImportError):
                importlib.import_module(module)
        print(json.dumps(asdict(Death(killed, steps, error))), flush=True)


def warm_up() -> None:
    """What a first client and a first loop load."""
    import asyncio

    import anyio.to_thread  # noqa: F401
    from upstash_workflow_dlq import AsyncDLQClient, DLQClient
    from upstash_workflow_dlq.redrive import AsyncRedrive, Redrive  # noqa: F401

    with DLQClient("t0ken", base_url="http://127.0.0.1:9"):
        pass

    async def loop() -> None:
        async with AsyncDLQClient("t0ken", base_url="http://127.0.0.1:9"):
            pass

    asyncio.run(loop())


def live(life: Life, said: Path) -> NoReturn:
    error = None
    modules = set(sys.modules)
    steps = Steps(life.step, life.seconds)
    try:
        pid_file(life.path).write_text(str(os.getpid()))
        steps.watch()
        options = dict(life.options)
        options["watch"] = timedelta(seconds=options.get("watch", 0))
        (run if life.client == "sync" else run_async)(life, options)
    except Exception:
        error = traceback.format_exc()
    said.write_text(json.dumps([steps.last, error, sorted(set(sys.modules) - modules)]))
    os._exit(DONE if error is None else ENDED_WITH_ERROR)


class Steps:
    """Before each statement of the journal, and before and after each request."""

    def __init__(self, fatal: int | None, seconds: float) -> None:
        self._fatal = fatal
        self._seconds = seconds
        self._numbers = count(1)
        self.last = 0

    def step(self, *_: object) -> None:
        self.last = next(self._numbers)
        if self.last == self._fatal:
            if self._seconds:
                threading.Timer(self._seconds, self._kill).start()
            else:
                self._kill()
                time.sleep(10)

    def _kill(self) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    def watch(self) -> None:
        from upstash_workflow_dlq.redrive import _async_redrive, _journal, _redrive

        connected = _journal._connected

        def traced(path: Path) -> Any:
            connection = connected(path)
            connection.set_trace_callback(self.step)
            return connection

        vars(_journal)["_connected"] = traced
        performer, async_performer = _redrive._performer, _async_redrive._performer

        def stepping(*arguments: Any) -> Callable[[Any], Any]:
            perform = performer(*arguments)

            def performing(request: Any) -> Any:
                self.step()
                try:
                    return perform(request)
                finally:
                    self.step()

            return performing

        def async_stepping(*arguments: Any) -> Callable[[Any], Awaitable[Any]]:
            perform = async_performer(*arguments)

            async def performing(request: Any) -> Any:
                self.step()
                try:
                    return await perform(request)
                finally:
                    self.step()

            return performing

        vars(_redrive)["_performer"] = stepping
        vars(_async_redrive)["_performer"] = async_stepping


def run(life: Life, options: dict[str, Any]) -> None:
    from upstash_workflow_dlq import DLQClient
    from upstash_workflow_dlq.redrive import Redrive

    with DLQClient(life.token, base_url=life.url) as dlq, Redrive(life.path) as redrive:
        for _ in redrive.run(dlq, **options):
            pass


def run_async(life: Life, options: dict[str, Any]) -> None:
    import anyio
    from upstash_workflow_dlq import AsyncDLQClient
    from upstash_workflow_dlq.redrive import AsyncRedrive

    async def main() -> None:
        async with AsyncDLQClient(life.token, base_url=life.url) as dlq, AsyncRedrive(life.path) as redrive:
            async for _ in redrive.run(dlq, **options):
                pass

    anyio.run(main, backend=life.client)


if __name__ == "__main__":
    serve()
