"""`Emulator`: starting and stopping the service, and what tests see of it."""

import asyncio
import errno
import ipaddress
import socket
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import replace
from types import TracebackType
from typing import Any, Self

from ._failing_again import FailingAgain
from ._middleware import RECORDED, FaultPlan, Middleware, RecordedRequest
from ._queue import Queue
from ._service import Service
from ._serving import ServerThread
from ._settings import DEFAULT_TOKEN, Settings
from ._started import Started, StartedRuns
from .faults import Fault
from .samples import NEWEST, sample_runs


class Emulator:
    """The dead-letter queue service, on loopback, in a thread of this process.

    The queue outlives `stop()`, and a later `start()` listens on the same port again. Raises ValueError for a host that
    is not loopback, an empty token, sample runs that would be from before 1970, and a bad `refail` or `refail_after`.

    Args:
        runs: a number of sample runs, or the payloads to start with. Sample runs are made when they are needed, so
            there may be millions.
        newest: when the first of the sample runs failed, in Unix milliseconds; see `failed_runs`.
        host: localhost, or a loopback address.
        port: where to listen; 0 takes one that is free.
        token: what clients must send.
        settings: how it behaves.
        refail: that of `Settings`. It replaces the value of `settings`, in a copy.
        refail_after: as `refail`, in seconds.

    In the examples below `emulator` is such an emulator.

    ```python
    from upstash_workflow_dlq import DLQClient
    from upstash_workflow_dlq.emulator import Emulator

    with Emulator(runs=3) as emulator:
        with DLQClient(emulator.token, base_url=emulator.url) as dlq:
            dlq.resume_many(all=True, retries=5)
        print(emulator.started[0].overrides["upstash-retries"])  # 5
        print(emulator.runs)  # []
    ```
    """

    def __init__(
        self,
        runs: int | Iterable[Mapping[str, Any]] = 0,
        *,
        newest: int | None = None,
        host: str = "127.0.0.1",
        port: int = 0,
        token: str = DEFAULT_TOKEN,
        settings: Settings | None = None,
        refail: float | None = None,
        refail_after: float | tuple[float, float] | None = None,
    ) -> None:
        if not token:
            raise ValueError("the token must not be empty")
        self.token = token
        self.settings = Settings() if settings is None else settings
        given: dict[str, Any] = {"refail": refail, "refail_after": refail_after}
        if given := {name: value for name, value in given.items() if value is not None}:
            self.settings = replace(self.settings, **given)  # other emulators may use these settings, too
        self._address = _loopback(host)
        self._port = port
        if isinstance(runs, int):
            self._queue = Queue(sample_runs(runs, NEWEST if newest is None else newest))
        else:
            if newest is not None:
                raise ValueError("newest moves sample runs in time; pass payloads with the times that you want")
            self._queue = Queue(sample_runs(0))
            self.add(*runs)
        self._started = StartedRuns()
        self._failing = FailingAgain(self._queue)
        self._requests: deque[RecordedRequest] = deque(maxlen=RECORDED)
        self._plan = FaultPlan()
        self._thread: ServerThread | None = None

    def start(self) -> Self:
        """Serve requests from now on. Raises OSError if the port is taken; does nothing if it already runs."""
        if self._thread is None:
            listener = _listen(self._address, self._port)
            self._port = listener.getsockname()[1]
            stopping = asyncio.Event()
            service = Service(self._queue, self._started, self._failing, self.settings, self.token)
            app = Middleware(service, self._requests, self._plan, self.settings, stopping)
            self._thread = ServerThread(app, listener, stopping)
        return self

    def stop(self) -> None:
        """Cut all connections at once; requests in flight get no response. Does nothing if it does not run."""
        if self._thread is not None:
            self._thread.stop()
            self._thread = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    def __repr__(self) -> str:
        state = "stopped" if self._thread is None else f"at {self.url}"
        return f"<Emulator {state}>"

    @property
    def url(self) -> str:
        """The base URL. Raises RuntimeError before the first start, unless a port was given."""
        if not self._port:
            raise RuntimeError("the emulator has no port before it is started")
        host = f"[{self._address}]" if ":" in self._address else self._address
        return f"http://{host}:{self._port}"

    @property
    def environ(self) -> dict[str, str]:
        """The environment variables that point a client here."""
        return {"QSTASH_URL": self.url, "QSTASH_TOKEN": self.token}

    @property
    def runs(self) -> list[dict[str, Any]]:
        """Copies of the payloads in the queue, newest first."""
        return self._queue.newest_first()

    @property
    def requests(self) -> list[RecordedRequest]:
        """The requests so far, in order of arrival, including refused and failed ones; at most the last 100,000."""
        return list(self._requests)

    @property
    def started(self) -> list[Started]:
        """What was resumed, restarted or called back so far, in order; at most the last 100,000."""
        return list(self._started.recent)

    def add(self, *payloads: Mapping[str, Any]) -> list[str]:
        """Add payloads to the queue as they are, and return their ids. A payload without a `dlqId` gets a new one.

        A `dlqId` like `<ms>-<n>` also says where the run stands in the queue; a run with any other id enters it now.
        Raises ValueError for an id that is taken, empty or not a string, and ValueError or TypeError for a payload that
        is not JSON; nothing is added then.

        ```python
        from upstash_workflow_dlq.emulator import failed_runs

        [sample] = failed_runs(1)
        emulator.add({**sample, "labels": ["billing"], "responseStatus": 500})
        ```
        """
        return self._queue.add(payloads)

    def update(self, dlq_id: str, **fields: Any) -> None:
        """Change fields of a run in the queue, to end a failure callback for example.

        `update(dlq_id, failureFunctionState="CALLBACK_SUCCESS")`. Raises KeyError if there is no such run, ValueError
        for a different `dlqId`, and ValueError or TypeError for values that are not JSON; nothing changes then.
        """
        self._queue.edit(dlq_id, lambda payload: {**payload, **fields})

    def fail(
        self, fault: Fault, *, times: int = 1, method: str | None = None, path: str | None = None, after: int = 0
    ) -> None:
        """Make the next `times` requests fail (see `faults`).

        `method` and `path` limit this to requests with that method, and with a path (as sent) that starts with that
        one; the first `after` of them pass unharmed. A request meets the earliest planned fault that matches it.
        Raises ValueError for `times` below 1 or `after` below 0.

        ```python
        from upstash_workflow_dlq import DLQClient, RateLimitError
        from upstash_workflow_dlq.emulator import faults

        emulator.fail(faults.daily_limit(), method="GET")
        with DLQClient(emulator.token, base_url=emulator.url) as dlq:
            try:
                dlq.count()
            except RateLimitError as error:
                print(error.kind)  # daily
        ```
        """
        self._plan.add(fault, times=times, method=method, path=path or "", after=after)


def _loopback(host: str) -> str:
    if host == "localhost":
        return "127.0.0.1"
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        raise ValueError(f"the host must be localhost or a loopback address, got {host!r}") from None
    if not address.is_loopback:
        raise ValueError(f"the host must be localhost or a loopback address, got {host!r}")
    return str(address)


def _listen(address: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        return socket.create_server((address, port), family=family, backlog=2048)
    except OSError as error:
        reason = "the port is taken" if error.errno == errno.EADDRINUSE else error.strerror
        raise OSError(error.errno, f"cannot listen on {address} port {port}: {reason}") from None
