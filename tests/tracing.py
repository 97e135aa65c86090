"""Turns coverage off where it only costs time.

On Python 3.11 a traced thread runs all code three times as slowly, pytest and other libraries included. So coverage
skips what it does not report on, and lines that other tests measure. Where it uses `sys.monitoring`, no thread is
traced, and this does nothing.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def traced_by(this_thread: Any, new_threads: Any) -> Iterator[None]:
    """Traces this thread, and threads started inside, by these functions; None is not at all."""
    before = sys.gettrace(), threading.gettrace()
    sys.settrace(this_thread)
    threading.settrace(new_threads)
    try:
        yield
    finally:
        sys.settrace(before[0])
        threading.settrace(before[1])


def untraced() -> Any:
    """Traces neither this thread nor threads started inside."""
    return traced_by(None, None)


def untraced_threads() -> Any:
    """Never traces threads started inside."""
    return traced_by(sys.gettrace(), None)
