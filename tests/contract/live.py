"""`nox -s contract -- --live`: the real service, held against the spec. Reads only. Not collected otherwise."""

from __future__ import annotations

import os
from collections.abc import Iterator

import httpx
import pytest
from conformance import undocumented_fields, validate
from upstash_workflow_dlq import DLQClient
from upstash_workflow_dlq._run import FailedRun

# Taken before conftest hides the environment from the tests.
ENVIRON = {name: value for name, value in os.environ.items() if "QSTASH" in name}

pytestmark = pytest.mark.skipif(
    not any("TOKEN" in name for name in ENVIRON),
    reason="nothing was sent: set QSTASH_TOKEN (and QSTASH_URL or QSTASH_REGION) to ask the real service",
)


class Recorder(httpx.HTTPTransport):
    """Keeps the answers, and lets nothing but reads out."""

    def __init__(self) -> None:
        super().__init__()
        self.answers: list[httpx.Response] = []

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        assert request.method == "GET", "the live contract only reads"
        response = super().handle_request(request)
        response.read()
        response.request = request
        self.answers.append(response)
        return response


@pytest.fixture
def recorder() -> Recorder:
    return Recorder()


@pytest.fixture
def dlq(monkeypatch: pytest.MonkeyPatch, recorder: Recorder) -> Iterator[DLQClient]:
    for name, value in ENVIRON.items():
        monkeypatch.setenv(name, value)
    with DLQClient(transport=recorder) as client:
        yield client


def test_pages_are_as_the_spec_says(dlq: DLQClient, recorder: Recorder) -> None:
    for _ in dlq.list(page_size=50, limit=200):
        pass
    assert recorder.answers
    for answer in recorder.answers:
        validate("listFailedRuns", answer)


def test_a_run_is_as_the_spec_says(dlq: DLQClient, recorder: Recorder) -> None:
    run = dlq.list().first()
    if run is None:
        pytest.skip("the queue is empty")
    assert dlq.get(run).dlq_id == run.dlq_id
    validate("getFailedRun", recorder.answers[-1])


def test_every_field_is_known_to_the_wrapper(dlq: DLQClient, recorder: Recorder) -> None:
    for _ in dlq.list(limit=200):
        pass
    unknown = {
        field.removeprefix("messages[].")
        for answer in recorder.answers
        for field in undocumented_fields("listFailedRuns", answer.json())
    }
    assert unknown <= FailedRun._KNOWN
