"""Failed runs as one page of HTML, to look at and to send on (extra: `report`)."""

try:
    from ._page import render
except ModuleNotFoundError as error:
    raise ImportError(f'the report needs {error.name}: pip install "upstash-workflow-dlq[report]"') from error

__all__ = ["render"]
