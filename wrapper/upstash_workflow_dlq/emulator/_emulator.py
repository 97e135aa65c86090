import asyncio
import errno
import ipaddress
import socket
from collections.abc import Iterable, Mapping
from types import TracebackType
from typing import Any, Self

from ._ledger import Ledger, Started
from ._service import Service
from ._serving import ServerThread
from ._settings import DEFAULT_TOKEN, Settings
from ._store import Store
from ._wire import RecordedRequest, Traffic, Wire
from .faults import Fault
from .samples import failed_runs


class Emulator:
    """The dead-letter queue service on loopback, in a thread of this process.

    It starts with so many sample runs, or with the given payloads. What the queue holds outlives `stop()`, and a later
    `start()` listens on the same port again.

    A ValueError for a host that is not loopback or an empty token.
    """

    def __init__(
        self,
        runs: int | Iterable[Mapping[str, Any]] = 0,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        token: str = DEFAULT_TOKEN,
        settings: Settings | None = None,
    ) -> None:
        if not token:
            raise ValueError("the token is empty")
        self.token = token
        self.settings = Settings() if settings is None else settings
        self._address = _loopback(host)
        self._port = port
        self._store = Store()
        self._ledger = Ledger()
        self._traffic = Traffic()
        self._thread: ServerThread | None = None
        self.add(*(failed_runs(runs) if isinstance(runs, int) else runs))

    def start(self) -> Self:
        """Ready for requests when it returns. An OSError when the port is taken; nothing when it runs already."""
        if self._thread is None:
            listener = _listen(self._address, self._port)
            self._port = listener.getsockname()[1]
            stopping = asyncio.Event()
            service = Service(self._store, self._ledger, self.settings, self.token)
            self._thread = ServerThread(Wire(service, self._traffic, self.settings, stopping), listener, stopping)
        return self

    def stop(self) -> None:
        """Cuts open connections at once; requests under way get no answer. Nothing when it does not run."""
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
        """The base URL, without a slash at its end. A RuntimeError before the first start, unless a port was given."""
        if not self._port:
            raise RuntimeError("the emulator has no port before it is started")
        return (
            f"http://[{self._address}]:{self._port}" if ":" in self._address else f"http://{self._address}:{self._port}"
        )

    @property
    def environ(self) -> dict[str, str]:
        """The environment variables that point a client here."""
        return {"QSTASH_URL": self.url, "QSTASH_TOKEN": self.token}

    @property
    def runs(self) -> list[dict[str, Any]]:
        """Copies of the payloads in the queue, newest first."""
        return self._store.newest_first()

    @property
    def requests(self) -> list[RecordedRequest]:
        """The requests so far in order of arrival, refused and failed ones too; at most the last 100,000."""
        return list(self._traffic.requests)

    @property
    def started(self) -> list[Started]:
        """What was resumed, restarted or called back so far, in this order; at most the last 100,000."""
        return list(self._ledger.started)

    def add(self, *payloads: Mapping[str, Any]) -> list[str]:
        """Payloads enter the queue as they are; their ids. One without a `dlqId` gets an id of now.

        An id `<ms>-<n>` is also the place in the queue; any other string is an id that entered now. A ValueError for
        an id that is taken, empty or no string, a TypeError for what is no JSON; nothing is added then.
        """
        return self._store.add(payloads)

    def update(self, dlq_id: str, **fields: Any) -> None:
        """These fields of a payload in the queue get new values: how a failure callback ends, for example.

        `update(dlq_id, failureFunctionState="CALLBACK_SUCCESS")`. A KeyError when there is no such run; a ValueError
        for another `dlqId`, a ValueError or TypeError for what is no JSON. Nothing changes then.
        """
        self._store.edit(dlq_id, lambda payload: {**payload, **fields})

    def fail(
        self, fault: Fault, *, times: int = 1, method: str | None = None, path: str | None = None, after: int = 0
    ) -> None:
        """The next `times` requests meet a fault (see `faults`).

        Only requests with this method, and a path (as sent) that starts with this one, and only after so many of them
        have passed unharmed. Faults are met in the order they were queued: a request meets the first that is meant for
        it. A ValueError for `times` below 1 or `after` below 0.
        """
        self._traffic.plan(fault, times=times, method=method, path=path or "", after=after)


def _loopback(host: str) -> str:
    if host == "localhost":
        return "127.0.0.1"
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        raise ValueError(f"not an IP address: {host!r}") from None
    if not address.is_loopback:
        raise ValueError(f"the emulator serves on loopback only, not on {host}")
    return str(address)


def _listen(address: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        return socket.create_server((address, port), family=family, backlog=2048)
    except OSError as error:
        reason = "the port is taken" if error.errno == errno.EADDRINUSE else error.strerror
        raise OSError(error.errno, f"cannot listen on {address} port {port}: {reason}") from None
