"""How each command here ends: 0 or 1 with its answer on stdout, 2 with one line on stderr."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable

from tools.spec.document import Unusable, printable


def run(name: str, work: Callable[[], int], unchanged: str = "") -> int:
    """Any failure is 2. Python's own 1 for a traceback would say that a change breaks users."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # names in a document may be in any script
    try:
        status = work()
        sys.stdout.flush()
    except Unusable as error:
        reason = str(error)
    except RecursionError:
        reason = "the document is nested too deeply; pass a simpler one"
    except Exception as error:
        reason = f"unexpected {type(error).__name__}: {error}; report this with the source"
    else:
        return status
    print(f"{name}: {printable(reason)}{f' ({unchanged} is untouched)' if unchanged else ''}", file=sys.stderr)
    return 2
