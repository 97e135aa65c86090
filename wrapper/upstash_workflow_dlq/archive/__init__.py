"""What the queue forgets: failed runs in one SQLite file, with their payloads as they were received.

```python
from upstash_workflow_dlq import DLQClient
from upstash_workflow_dlq.archive import Archive

with DLQClient() as dlq, Archive("failed.db") as archive:
    print(archive.sync(dlq))
```

`_schema` opens the file, `_rows` and `_writing` put runs into it, `_blocks` compresses their payloads, `_syncing` reads
a queue, `_reading` and `_summary` answer questions, `_exporting` writes other formats. `_archive` has what is public.
"""

from __future__ import annotations

from ._archive import Archive, Stats
from ._errors import ArchiveError, NotArchivedError
from ._reading import ArchiveFilters
from ._syncing import SyncResult

__all__ = ["Archive", "ArchiveError", "ArchiveFilters", "NotArchivedError", "Stats", "SyncResult"]
