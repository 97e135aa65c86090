"""Brings many failed runs back without making it worse: at a rate, in waves with a canary, each run at most once.

```python
from upstash_workflow_dlq import DLQClient
from upstash_workflow_dlq.redrive import Redrive

with DLQClient() as dlq:
    redrive = Redrive.plan("billing.redrive", dlq, "resume", label="billing")
    with redrive:
        for wave in redrive.run(dlq, rate=5, max_failures=0.1):
            print(wave)
```
"""

from ._async_redrive import AsyncRedrive
from ._model import (
    Action,
    JournalError,
    RedriveError,
    RedrivePaused,
    RedriveResult,
    RedriveRunning,
    RedriveStatus,
    Settings,
    State,
    Wave,
)
from ._redrive import Redrive

__all__ = [
    "Action",
    "AsyncRedrive",
    "JournalError",
    "Redrive",
    "RedriveError",
    "RedrivePaused",
    "RedriveResult",
    "RedriveRunning",
    "RedriveStatus",
    "Settings",
    "State",
    "Wave",
]
