"""The monitor: looks at a share of a client's answers, and reports each drift once."""

from __future__ import annotations

import inspect
import json
import logging
import random
import threading
import traceback
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from os import PathLike
from pathlib import Path
from typing import ParamSpec, TypeVar

import httpx

from upstash_workflow_dlq import AsyncDLQClient, DLQClient, __version__

from ._checks import Contract
from ._drift import ContractError, Drift, DriftKind
from ._spec import read_spec, spec_path

logger = logging.getLogger("upstash_workflow_dlq.contract")

# A service can send new field names without end, of any length. So what is kept is bounded.
MAX_DRIFTS = 1_000
MAX_PATH = 200

Redact = Callable[[str], str]
P = ParamSpec("P")
T = TypeVar("T")


class ContractMonitor:
    """Compares the answers that clients get with the spec. Reports where they drift from it, never the data.

    It sees what the client's methods see: of several tries, the last answer. A monitor may watch any number of clients,
    from any number of threads. It does not change the answers, and logs its own failures.

    The first time a drift is seen, it is logged as a warning to `upstash_workflow_dlq.contract`. Then it is counted.

    ```python
    from upstash_workflow_dlq.contract import ContractMonitor

    monitor = ContractMonitor(ignore={"messageId", "notBefore"})
    with monitor.watching(dlq):
        print(dlq.count())
    for drift in monitor.report():
        print(drift.count, drift)
    ```
    """

    def __init__(
        self,
        *,
        sample: float = 1.0,
        seed: int | None = None,
        ignore: Iterable[str | int] = (),
        on_drift: Callable[[Drift], object] | None = None,
        strict: bool = False,
        spec: str | PathLike[str] | None = None,
    ) -> None:
        """Nothing is read or checked yet. Bad arguments raise `ValueError` or `TypeError`.

        Args:
            sample: share of the answers to check, from 0 to 1. A check takes about as long as reading the page does.
            seed: makes the choice of answers repeatable.
            ignore: drift to ignore: a field by its path (`messages[].notBefore`) or the end of that (`notBefore`),
                whatever is wrong with it; an undocumented status by its number.
            on_drift: called with each drift when it is first seen, in the thread or task that got the answer.
            strict: raise `ContractError` from each call whose answer drifts. The service has carried out that call.
                A bulk call raises `BulkError` from it, with what was done.
            spec: path of an OpenAPI document, instead of the one that this package was made from.
        """
        if isinstance(sample, bool) or not isinstance(sample, int | float) or not 0 <= sample <= 1:
            raise ValueError("sample must be a number from 0 to 1")
        if isinstance(ignore, str):
            raise TypeError(f"ignore takes a collection of paths and statuses, not a string: pass {ignore!r} in a set")
        if inspect.iscoroutinefunction(on_drift):
            raise TypeError("on_drift must be a plain function, for async clients too")
        self._sample = sample
        self._random = random.Random(seed)  # noqa: S311 - no secret
        self._ignored = frozenset(ignore)
        self._on_drift = on_drift
        self._strict = strict
        self._spec = spec
        self._contract: Contract | None = None
        self._lock = threading.Lock()
        self._counts: dict[Drift, int] = {}
        self._failures: set[tuple[str, str]] = set()
        self._checked = 0
        self._unlisted = 0

    def watch(self, client: DLQClient | AsyncDLQClient) -> None:
        """Look at this client's answers from now on, and at those of its `low_level`.

        Reads the spec, which takes a tenth of a second the first time. Watching a client twice changes nothing. Raises
        `OSError` if the spec cannot be read, `ValueError` if it is no OpenAPI document.
        """
        if self._contract is None:
            self._contract = Contract(read_spec(spec_path() if self._spec is None else Path(self._spec).absolute()))
        hook = self._hook(client)
        if hook not in client.response_hooks:
            client.response_hooks.append(hook)

    def unwatch(self, client: DLQClient | AsyncDLQClient) -> None:
        """Stop looking at this client's answers."""
        hook = self._hook(client)
        if hook in client.response_hooks:
            client.response_hooks.remove(hook)

    @contextmanager
    def watching(self, client: DLQClient | AsyncDLQClient) -> Iterator[ContractMonitor]:
        """Watch a client inside a `with` block (a plain `with` for the async client, too)."""
        self.watch(client)
        try:
            yield self
        finally:
            self.unwatch(client)

    @property
    def checked(self) -> int:
        """How many answers were checked."""
        return self._checked

    @property
    def unlisted(self) -> int:
        """How many drifts are not in the report because it was full."""
        return self._unlisted

    def report(self) -> tuple[Drift, ...]:
        """All drift so far, each with its count of answers, sorted by operation, status, path and kind."""
        with self._lock:
            counted = [replace(drift, count=count) for drift, count in self._counts.items()]
        return tuple(sorted(counted, key=_order))

    def to_json(self) -> str:
        """The report as a JSON document, with the versions of client and spec. The same drift gives the same text."""
        spec = self._contract.spec if self._contract else None
        drifts = self.report()  # before `checked`: no count may be above that, whatever other threads see meanwhile
        document = {
            "client": __version__,
            "spec": {"version": spec.version, "sha256": spec.digest} if spec else None,
            "checked": self.checked,
            "unlisted": self.unlisted,
            "drift": [asdict(drift) for drift in drifts],
        }
        return json.dumps(document, indent=2) + "\n"

    def _hook(self, client: DLQClient | AsyncDLQClient) -> _Hook:
        if not isinstance(client, DLQClient | AsyncDLQClient):
            raise TypeError(f"a monitor watches a DLQClient or an AsyncDLQClient, not {type(client).__name__}")
        return _Hook(self, client.redact)

    def _look(self, response: httpx.Response, redact: Redact) -> None:
        if self._random.random() >= self._sample:
            return
        drifts = self._guarded("the check of an answer", self._drifts, response, redact)
        if drifts is None:
            return
        for drift in self._newly_counted(drifts):
            logger.warning("drift from the spec: %s", drift)
            if self._on_drift is not None:
                self._guarded("on_drift", self._on_drift, drift)
        if drifts and self._strict:
            raise ContractError.of(drifts)

    def _drifts(self, response: httpx.Response, redact: Redact) -> tuple[Drift, ...]:
        assert self._contract is not None, "watching reads the spec"  # noqa: S101
        path = response.request.url.raw_path.partition(b"?")[0].decode("ascii")
        found = self._contract.drifts(response.request.method, path, response.status_code, response.content)
        shown = {replace(drift, path=_clipped(redact(drift.path))) for drift in found}
        return tuple(sorted((drift for drift in shown if not self._is_ignored(drift)), key=_order))

    def _is_ignored(self, drift: Drift) -> bool:
        if drift.kind is DriftKind.UNDOCUMENTED_STATUS:
            return drift.status in self._ignored
        # `messages[].a.b` is itself, `a.b` and `b`.
        path = drift.path
        while path and path not in self._ignored:
            path = path.partition(".")[2]
        return bool(path)

    def _newly_counted(self, drifts: tuple[Drift, ...]) -> list[Drift]:
        new = []
        with self._lock:
            self._checked += 1
            had_room = not self._unlisted
            for drift in drifts:
                if drift not in self._counts and len(self._counts) == MAX_DRIFTS:
                    self._unlisted += 1
                    continue
                if drift not in self._counts:
                    new.append(drift)
                self._counts[drift] = self._counts.get(drift, 0) + 1
            is_full = had_room and self._unlisted > 0
        if is_full:
            logger.warning("the report is full: drift beyond its %d entries is only counted, as unlisted", MAX_DRIFTS)
        return new

    def _guarded(self, what: str, step: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T | None:
        """The step's result; None if it failed. That must not break the call, unless the monitor is strict."""
        try:
            return step(*args, **kwargs)
        except Exception as error:
            name = type(error).__name__
            if self._strict:
                raise ContractError(f"{what} failed: {name}") from error
            with self._lock:
                is_new = (what, name) not in self._failures
                self._failures.add((what, name))
            if is_new:
                # Without the error's message, which may quote the answer.
                lines = "".join(traceback.format_tb(error.__traceback__))
                logger.error("%s failed: %s. The call is not affected; this is logged once.\n%s", what, name, lines)
            return None


@dataclass(frozen=True)
class _Hook:
    """What a client calls with each final response. Equal for the same monitor and client."""

    monitor: ContractMonitor
    redact: Redact

    def __call__(self, response: httpx.Response) -> None:
        self.monitor._look(response, self.redact)


def _order(drift: Drift) -> tuple[str, int, str, str, str]:
    return drift.operation, drift.status, drift.path, drift.kind, drift.detail


def _clipped(path: str) -> str:
    return path if len(path) <= MAX_PATH else f"{path[: MAX_PATH - 1]}…"
