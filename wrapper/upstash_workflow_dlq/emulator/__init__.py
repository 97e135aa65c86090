"""The Upstash Workflow dead-letter queue, emulated on loopback for development and tests (extra: `emulator`)."""

from typing import TYPE_CHECKING, Any

from . import faults
from ._ledger import Started
from ._settings import Settings
from .samples import failed_runs

if TYPE_CHECKING:
    from ._emulator import Emulator

__all__ = ["Emulator", "Settings", "Started", "failed_runs", "faults"]


def __getattr__(name: str) -> Any:
    # Emulator is the one name that needs starlette and uvicorn. It is loaded when asked for, because pytest imports
    # this package (for its plugin) in every project that has it installed, with the extra or without.
    if name != "Emulator":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        from ._emulator import Emulator
    except ModuleNotFoundError as error:
        raise ImportError(f'The emulator needs {error.name}: pip install "upstash-workflow-dlq[emulator]"') from error
    return Emulator
