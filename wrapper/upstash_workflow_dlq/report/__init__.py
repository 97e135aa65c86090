"""Failed runs as one page of HTML, to look at and to send on (extra: `report`).

```python
from upstash_workflow_dlq.report import render

Path("report.html").write_text(render(dlq.scan()), "utf-8")
```
"""

try:
    from ._page import render
except ModuleNotFoundError as error:
    raise ImportError(f'the report needs {error.name}: pip install "upstash-workflow-dlq[report]"') from error

__all__ = ["render"]
