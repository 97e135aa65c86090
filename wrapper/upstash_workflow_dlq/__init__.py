"""The dead-letter queue of Upstash Workflow: see which runs failed and why, and resume, restart or delete them."""

import importlib as _importlib
import typing as _typing

from . import errors
from ._version import __version__
from .errors import *  # noqa: F403

if _typing.TYPE_CHECKING:
    from httpx_retries import Retry

    from ._acting import BulkOptions, StartOptions
    from ._client import AsyncDLQClient, AsyncFailedRuns, AsyncScannedRuns, DLQClient, FailedRuns, ScannedRuns
    from ._filters import RunFilters, ScanFilters
    from ._operations import Page
    from ._overrides import FlowControl, Overrides
    from ._run import FailedRun, Failure, FailureFunction, FailureFunctionState, StartedRun

__all__ = [
    "AsyncDLQClient",
    "AsyncFailedRuns",
    "AsyncScannedRuns",
    "BulkOptions",
    "DLQClient",
    "FailedRun",
    "FailedRuns",
    "Failure",
    "FailureFunction",
    "FailureFunctionState",
    "FlowControl",
    "Overrides",
    "Page",
    "Retry",
    "RunFilters",
    "ScanFilters",
    "ScannedRuns",
    "StartOptions",
    "StartedRun",
    "__version__",
    *errors.__all__,
]

# Imported when first asked for: somebody who catches an error, or names a type, waits for no HTTP client.
_PLACES = {
    "._acting": ["BulkOptions", "StartOptions"],
    "._client": ["AsyncDLQClient", "AsyncFailedRuns", "AsyncScannedRuns", "DLQClient", "FailedRuns", "ScannedRuns"],
    "._filters": ["RunFilters", "ScanFilters"],
    "._operations": ["Page"],
    "._overrides": ["FlowControl", "Overrides"],
    "._run": ["FailedRun", "Failure", "FailureFunction", "FailureFunctionState", "StartedRun"],
    "httpx_retries": ["Retry"],
}


if not _typing.TYPE_CHECKING:  # which would take any name to be here then

    def __getattr__(name: str) -> object:
        for place, names in _PLACES.items():
            if name in names:
                value = getattr(_importlib.import_module(place, __name__), name)
                globals()[name] = value
                return value
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
