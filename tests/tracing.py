"""What coverage need not trace.

On Python 3.11, all code of a traced thread runs at a third of its speed, libraries included. So coverage leaves alone
what other tests measure, or what it does not report on. Where coverage uses `sys.monitoring`, no thread is traced, and
nothing here does anything.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def untraced() -> Iterator[None]:
    """Neither this thread nor those that are started meanwhile are traced."""
    trace = sys.gettrace()
    sys.settrace(None)
    try:
        with untraced_threads():
            yield
    finally:
        sys.settrace(trace)


@contextmanager
def untraced_threads() -> Iterator[None]:
    """Threads that are started meanwhile are never traced."""
    trace = threading.gettrace()
    threading.settrace(None)
    try:
        yield
    finally:
        threading.settrace(trace)
