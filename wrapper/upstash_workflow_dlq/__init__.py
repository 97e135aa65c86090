"""The dead-letter queue of Upstash Workflow: see which runs failed and why, and resume, restart or delete them."""

from httpx_retries import Retry

from . import errors
from ._acting import BulkOptions, StartOptions
from ._client import AsyncDLQClient, AsyncFailedRuns, DLQClient, FailedRuns
from ._filters import RunFilters
from ._operations import Page
from ._overrides import FlowControl, Overrides
from ._run import FailedRun, Failure, FailureFunction, FailureFunctionState, StartedRun
from ._version import __version__
from .errors import *  # noqa: F403

__all__ = [
    "AsyncDLQClient",
    "AsyncFailedRuns",
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
    "StartOptions",
    "StartedRun",
    "__version__",
    *errors.__all__,
]
