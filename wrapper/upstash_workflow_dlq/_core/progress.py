"""How a bulk call reports what it does: to callbacks as it goes, and on the exception that interrupts it."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from contextlib import suppress
from typing import Any, NamedTuple

from .retries import causes
from .run import StartedRun

__all__ = ["BulkProgress", "bulk_progress"]

# Ids of started runs in the note on an interrupt.
MAX_IDS_SHOWN = 100


class Callbacks(NamedTuple):
    """What the caller wants to hear of, and when."""

    on_batch: Callable[[Any], object] | None
    on_progress: Callable[[int], object] | None

    @classmethod
    def checked(cls, on_batch: Any, on_progress: Any) -> Callbacks:
        for name, given in (("on_batch", on_batch), ("on_progress", on_progress)):
            if given is not None and (not callable(given) or inspect.iscoroutinefunction(given)):
                raise TypeError(f"{name} takes a plain function: it is called, and not awaited")
        return cls(on_batch, on_progress)

    def batch_done(self, batch: object) -> None:
        if self.on_batch is not None:
            _call_plainly("on_batch", self.on_batch, batch)

    def progressed(self, done: int) -> None:
        if self.on_progress is not None:
            _call_plainly("on_progress", self.on_progress, done)


def _call_plainly(name: str, callback: Callable[[Any], object], argument: object) -> None:
    if inspect.isawaitable(callback(argument)):
        raise TypeError(f"{name} is called and not awaited: pass a plain function")


class BulkProgress(NamedTuple):
    """What a bulk call had done when it was interrupted. The fields are those of `BulkError`."""

    done: int | list[StartedRun]
    cursor: str | None
    remaining: tuple[str, ...]
    finished: bool


def bulk_progress(interrupt: BaseException) -> BulkProgress | None:
    """What the bulk call had done that the exception `interrupt` has ended. None if it has interrupted none.

    asyncio turns cancellations into other exceptions, such as a timeout or a KeyboardInterrupt: so it also looks at
    what the exception comes from. The fate of the request under way is unknown.

    ```python
    from upstash_workflow_dlq import bulk_progress

    try:
        dlq.resume_many(label="billing")
    except KeyboardInterrupt as interrupt:
        progress = bulk_progress(interrupt)
        print(len(progress.done), "resumed; go on from", progress.cursor)
    ```
    """
    for error in causes(interrupt):
        progress: object = getattr(error, "bulk_progress", None)
        if isinstance(progress, BulkProgress):
            return progress
    return None


def runs(count: int) -> str:
    return f"{count} run{'s' * (count != 1)}"


def attach_progress(interrupt: BaseException, name: str, progress: BulkProgress) -> None:
    """Say on an interrupt what was done before it."""
    done = progress.done
    count = done if isinstance(done, int) else len(done)
    note = f"{name} was interrupted after {runs(count)}; bulk_progress(...) of upstash_workflow_dlq has what was done"
    if isinstance(done, list) and done:
        shown = ", ".join(run.workflow_run_id for run in done[:MAX_IDS_SHOWN])
        note += f". Started: {shown}" + (", …" if count > MAX_IDS_SHOWN else "")
    with suppress(AttributeError, TypeError):  # an exception that takes neither
        interrupt.bulk_progress = progress  # type: ignore[attr-defined]
        interrupt.add_note(note)
