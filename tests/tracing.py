"""Turns coverage off where it only costs time.

On Python 3.11 a traced thread runs all code three times as slowly, libraries included. So coverage skips lines that
other tests measure and code that it does not report on. Where it uses `sys.monitoring`, no thread is traced, and this
does nothing.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def untraced() -> Iterator[None]:
    """Traces neither this thread nor threads started inside."""
    trace = sys.gettrace()
    sys.settrace(None)
    try:
        with untraced_threads():
            yield
    finally:
        sys.settrace(trace)


@contextmanager
def untraced_threads() -> Iterator[None]:
    """Never traces threads started inside."""
    trace = threading.gettrace()
    threading.settrace(None)
    try:
        yield
    finally:
        threading.settrace(trace)
