"""The pytest fixture `dlq_emulator`. pytest finds it wherever this distribution is installed."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from . import Emulator

__all__ = ["dlq_emulator"]


@pytest.fixture
def dlq_emulator() -> "Iterator[Emulator]":
    """A running emulator with an empty queue, new for each test.

    ```python
    from upstash_workflow_dlq import DLQClient
    from upstash_workflow_dlq.emulator import Emulator, failed_runs


    def test_all_are_deleted(dlq_emulator: Emulator) -> None:
        dlq_emulator.add(*failed_runs(3))
        with DLQClient(dlq_emulator.token, base_url=dlq_emulator.url) as dlq:
            assert dlq.delete_many(all=True) == 3
        assert dlq_emulator.runs == []
    ```
    """
    from . import Emulator  # not above: every pytest run imports this module, with the extra or without

    with Emulator() as dlq:
        yield dlq
