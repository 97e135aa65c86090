"""The pytest fixture `dlq_emulator`. pytest finds it wherever this distribution is installed."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from . import Emulator

__all__ = ["dlq_emulator"]


@pytest.fixture
def dlq_emulator() -> "Iterator[Emulator]":
    """A running emulator with an empty queue, new for each test."""
    from . import Emulator  # not above: every pytest run imports this module, with the extra or without

    with Emulator() as dlq:
        yield dlq
