"""The dead-letter queue of Upstash Workflow: see which runs failed and why, and resume, restart or delete them."""

import importlib as _importlib
import typing as _typing

from . import errors
from ._version import __version__ as __version__
from .errors import *

if _typing.TYPE_CHECKING:
    __all__: list[str]
    from ._async_client import *
    from ._client import *
    from ._core.bulk import *
    from ._core.failure import *
    from ._core.filters import *
    from ._core.overrides import *
    from ._core.progress import *
    from ._core.reading import *
    from ._core.run import *
    from ._core.steps import *
    from ._net.lists import *
    from ._net.rules import *

# Where the other public names are, each in the `__all__` of its module. A module is loaded when it is searched for one
# of them, the light ones first: catching an error, or naming a type, takes no HTTP client.
_MODULES = (
    *("._core.run", "._core.failure", "._core.steps", "._core.filters", "._core.reading", "._net.lists"),
    *("._client", "._async_client", "._core.overrides", "._core.bulk", "._core.progress", "._net.rules"),
)


if not _typing.TYPE_CHECKING:  # a type checker would accept any name

    def __getattr__(name: str) -> object:
        if name == "__all__":
            return sorted({*errors.__all__, "__version__", *(name for module in _modules() for name in module.__all__)})
        if not name.startswith("_"):
            for module in _modules():
                if name in module.__all__:
                    globals()[name] = getattr(module, name)
                    return globals()[name]
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

    def _modules():
        return (_importlib.import_module(module, __name__) for module in _MODULES)

    def __dir__() -> list[str]:
        return sorted({*globals(), *__getattr__("__all__")})
