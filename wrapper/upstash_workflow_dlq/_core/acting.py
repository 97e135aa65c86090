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

from .answers import ONCE, Call, Flow, Payload, raise_unless_success
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
    answer = yield Call(builder(id_of(run), **headers), ONCE)
    raise_unless_success(answer)
    payload = Payload.of(answer)
    return StartedRun.read(payload.members, payload.where)


def cancel_callback(run: FailedRun | str) -> Flow[None]:
    answer = yield Call(cancel_failure_callback._get_kwargs(id_of(run)), ONCE)
    if answer.status_code != 302:  # success of this operation, a redirect to nowhere
        raise_unless_success(answer)
