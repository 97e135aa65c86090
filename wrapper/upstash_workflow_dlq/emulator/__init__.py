"""An emulator of the Upstash Workflow dead-letter queue, for development and tests (extra: `emulator`).

It serves on loopback only, and imports nothing from the rest of the package.
"""

from typing import TYPE_CHECKING, Any

from . import faults
from ._settings import Settings
from ._started import Started
from .samples import failed_runs

if TYPE_CHECKING:
    from ._emulator import Emulator

__all__ = ["Emulator", "Settings", "Started", "failed_runs", "faults"]


def __getattr__(name: str) -> Any:
    # Emulator needs starlette and uvicorn, so it is imported on first use: pytest imports this package for its plugin
    # in every project where the distribution is installed, with or without the extra.
    if name != "Emulator":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        from ._emulator import Emulator
    except ModuleNotFoundError as error:
        raise ImportError(f'The emulator needs {error.name}: pip install "upstash-workflow-dlq[emulator]"') from error
    return Emulator
