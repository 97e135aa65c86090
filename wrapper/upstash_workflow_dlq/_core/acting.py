"""Resume, restart and failure callbacks of one run, as flows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from upstash_workflow_rest.api.dlq import (
    cancel_failure_callback,
    restart_failed_run,
    resume_failed_run,
    retry_failure_callback,
)

from ..errors import InvalidResponseError
from .answers import (
    NO_CONTENT,
    ONCE,
    SUCCESSES,
    Answer,
    Call,
    Flow,
    Payload,
    check_acknowledged,
    raise_unless_success,
)
from .overrides import Overrides, header_arguments
from .run import FailedRun, StartedRun, id_of

# A generated function that turns arguments into the parts of a request.
Builder = Callable[..., dict[str, Any]]


def resume_run(run: FailedRun | str, overrides: Overrides) -> Flow[StartedRun]:
    return _start(resume_failed_run._get_kwargs, run, header_arguments(overrides))


def restart_run(run: FailedRun | str, overrides: Overrides) -> Flow[StartedRun]:
    return _start(restart_failed_run._get_kwargs, run, header_arguments(overrides))


def retry_callback(run: FailedRun | str) -> Flow[StartedRun]:
    return _start(retry_failure_callback._get_kwargs, run, {})


def _start(builder: Builder, run: FailedRun | str, headers: dict[str, Any]) -> Flow[StartedRun]:
    dlq_id = id_of(run)
    answer = yield Call(builder(dlq_id, **headers), ONCE)
    raise_unless_success(answer, also=SUCCESSES)
    try:
        return _read_started(answer, dlq_id)
    except InvalidResponseError as error:
        raise InvalidResponseError(f"{error}. It may have been started: see whether it is still in the queue") from None


def _read_started(answer: Answer, dlq_id: str) -> StartedRun:
    payload = Payload.of(answer)
    started = StartedRun.read(payload.members, payload.where, dlq_id)
    try:
        payload.check_is_about(dlq_id)
        raise_unless_success(answer)
    except InvalidResponseError as error:
        raise InvalidResponseError(f"{error}. It names the started run {started.workflow_run_id!r}") from None
    return started


def cancel_callback(run: FailedRun | str) -> Flow[None]:
    dlq_id = id_of(run)
    answer = yield Call(cancel_failure_callback._get_kwargs(dlq_id), ONCE)
    raise_unless_success(answer, also=(*NO_CONTENT, 302))  # the documented success is a redirect to nowhere
    check_acknowledged(answer, dlq_id)
