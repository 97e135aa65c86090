"""What was started: resumed runs, restarted runs and failure callbacks."""

import threading
import time
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal

Kind = Literal["resume", "restart", "callback"]

_REMEMBERED = 100_000
"""As many as requests: see `_middleware.RECORDED`."""


@dataclass(frozen=True, slots=True)
class Started:
    """Something that the emulator would have started if there were workflows behind it."""

    kind: Kind
    dlq_id: str
    workflow_run_id: str
    workflow_created_at: int
    """Unix milliseconds."""
    overrides: Mapping[str, str] = field(default_factory=dict, hash=False)
    """The `Upstash-` headers of the request that started it, names in lower case."""


class StartedRuns:
    """Everything that was started, in order. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._number = 0
        self.recent: deque[Started] = deque(maxlen=_REMEMBERED)

    def start(self, kind: Kind, dlq_ids: Iterable[str], overrides: Mapping[str, str]) -> list[Started]:
        """Start one new run for each id. Run ids are counted, so the same calls give the same ids every time."""
        frozen = MappingProxyType(dict(overrides))
        now = time.time_ns() // 1_000_000
        new: list[Started] = []
        with self._lock:
            for dlq_id in dlq_ids:
                self._number += 1
                new.append(Started(kind, dlq_id, f"wfr_{kind}-{self._number:06}", now, frozen))
            self.recent.extend(new)
        return new
