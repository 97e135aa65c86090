"""An emulator of the Upstash Workflow dead-letter queue, for development and tests (extra: `emulator`).

It serves on loopback only, and imports nothing from the rest of the package.
"""

import importlib as _importlib
import typing as _typing

if _typing.TYPE_CHECKING:
    from . import faults
    from ._emulator import Emulator
    from ._settings import Settings
    from ._started import Started
    from .samples import failed_runs

__all__ = ["Emulator", "Settings", "Started", "failed_runs", "faults"]

# Imported when first asked for: pytest imports this package for its plugin in every project where the distribution is
# installed, with or without the extra that Emulator needs.
_PLACES = {
    "Emulator": "._emulator",
    "Settings": "._settings",
    "Started": "._started",
    "failed_runs": ".samples",
    "faults": ".faults",
}


if not _typing.TYPE_CHECKING:  # for which any name would exist

    def __getattr__(name: str) -> object:
        if name not in _PLACES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        try:
            module = _importlib.import_module(_PLACES[name], __name__)
        except ModuleNotFoundError as error:
            need = f'The emulator needs {error.name}: pip install "upstash-workflow-dlq[emulator]"'
            raise ImportError(need) from error
        value = globals()[name] = getattr(module, name, module)
        return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
