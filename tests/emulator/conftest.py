from collections.abc import Iterator

import httpx
import pytest
from upstash_workflow_dlq.emulator import Emulator

# An installed distribution provides it by entry point; imported here so that the tests also run from the sources.
from upstash_workflow_dlq.emulator.pytest_plugin import dlq_emulator as dlq_emulator


@pytest.fixture
def http(dlq_emulator: Emulator) -> Iterator[httpx.Client]:
    headers = {"Authorization": f"Bearer {dlq_emulator.token}"}
    with httpx.Client(base_url=dlq_emulator.url + "/v2/workflows", headers=headers, trust_env=False) as client:
        yield client
