"""Resumed and restarted runs that fail again."""

import random
import threading
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from ._overrides import delay_of, overridden
from ._payloads import Payload, Run
from ._queue import Queue
from ._settings import Settings, refail_range
from ._started import Started


class FailingAgain:
    """Decides which started runs fail again, and when. Thread-safe."""

    def __init__(self, queue: Queue) -> None:
        self._lock = threading.Lock()
        self._random = random.Random(0)  # noqa: S311 - predictable on purpose
        self._queue = queue

    def draw(self, runs: Sequence[Run], started: Sequence[Started], settings: Settings) -> None:
        """Put a share of the runs, which left the queue when they were started, back into it later."""
        share, (least, most) = settings.refail, refail_range(settings.refail_after)
        if not share:
            return
        with self._lock:
            # Two draws for each run, so that those that fail at one share also fail at any larger one.
            draws = [(self._random.random() < share, self._random.random()) for _ in runs]
        for run, new, (fails, place) in zip(runs, started, draws, strict=True):
            if fails:
                took = round(1000 * (least + place * (most - least)))
                begun = new.workflow_created_at + 1000 * delay_of(new.overrides)
                self._queue.add_later(begun + took, partial(_failed_again, run, new, begun + took // 2))


def _failed_again(run: Run, started: Started, created: int) -> Payload:
    """The payload of a run that was started again and failed as before; `created` is when its message was."""
    payload = overridden(run.payload(), started.overrides)
    message_id = f"msg_{started.workflow_run_id.removeprefix('wfr_')}"
    own = {"messageId": message_id, "notBefore": created, "header": _header(payload, started.workflow_run_id)}
    return {
        **payload,
        **{name: value for name, value in own.items() if name in payload},
        "workflowRunId": started.workflow_run_id,
        "workflowCreatedAt": started.workflow_created_at,
        "createdAt": created,
        **_begun_callback(payload),
    }


def _header(payload: Mapping[str, Any], run_id: str) -> Any:
    """The headers of the request that failed, one of which may name the run."""
    header = payload.get("header")
    if not isinstance(header, dict):
        return header
    return {name: [run_id] if name.lower() == "upstash-workflow-runid" else values for name, values in header.items()}


def _begun_callback(payload: Mapping[str, Any]) -> dict[str, Any]:
    """The failure callback of a run that has just failed, in the fields that say so in its payload."""
    state = "CALLBACK_INPROGRESS"
    places = {"failureFunctionState": state, "failureCallbackInfo": {"state": state}}
    known = {name: value for name, value in places.items() if payload.get(name)}
    if not known and payload.get("failureCallback"):
        return {"failureCallbackInfo": {"state": state}}
    return known
