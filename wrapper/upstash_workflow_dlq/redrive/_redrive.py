"""The sync redrive."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from os import PathLike, fspath
from pathlib import Path
from queue import Empty
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, Unpack

from .. import FailedRun, NotFoundError
from ..triage import Summary
from ._base import PROGRESS_SECONDS, File, Progress, RunOptions, check_workers, given
from ._effects import Act, Ask, Request
from ._flow import redrive
from ._model import Action, RedriveResult, RedriveStatus, Settings, Wave
from ._planning import Named, Planner, Selection
from ._sending import MAX_WORKERS
from ._threads import Ended, Threads

if TYPE_CHECKING:
    from .. import DLQClient


class Redrive:
    """Resumes, restarts or deletes many failed runs at a given rate, in waves, each run at most once.

    It is a file, the journal. Whoever has the file can look, stop and go on. Use it in a `with`, or close it. Methods
    raise `JournalError` if the file cannot be used.

    In the examples below `redrive` is such a redrive, and `dlq` an open `DLQClient`.

    ```python
    from upstash_workflow_dlq.redrive import Redrive

    with Redrive.plan("billing.redrive", dlq, "resume", label="billing") as redrive:
        for wave in redrive.run(dlq, rate=5):
            print(wave)

    # Later, and in another process:
    with Redrive("billing.redrive") as redrive:
        print(redrive.status().remaining, "left")
    ```
    """

    def __init__(self, path: str | PathLike[str]) -> None:
        """A journal that was planned before. Raises `JournalError` when it is used and is none.

        Args:
            path: the journal.
        """
        self._file = File(path)

    @classmethod
    def plan(
        cls,
        path: str | PathLike[str],
        dlq: DLQClient,
        action: Action,
        *,
        on_progress: Callable[[int], object] | None = None,
        **selection: Any,
    ) -> Self:
        """Fix which runs, and keep their payloads. Sends only reads. The oldest will be sent first.

        Raises `RedriveError` if no run matches or the file exists, ValueError or TypeError for bad arguments.

        Args:
            path: the journal to make.
            dlq: the queue.
            action: "resume", "restart" or "delete".
            on_progress: called now and then with the number of runs so far.
            **selection: as in bulk calls, exactly one of `dlq_ids=` (runs or ids), filters, and `all=True`; among
                the filters `failure=`, `contains=` and `fingerprint=`, as in `matching.MatchFilters`. Overrides too,
                by name or as `overrides=`.

        ```python
        from upstash_workflow_dlq.redrive import Redrive
        from upstash_workflow_dlq.triage import summarize

        largest = summarize(dlq.scan()).groups[0]
        chosen = {"fingerprint": largest.key, "retries": 5}
        with Redrive.plan("largest.redrive", dlq, "resume", **chosen) as redrive:
            print(redrive.status().total, "runs, which failed alike:", largest.failure)
        ```
        """
        wanted = Selection(action, selection)
        if action != "delete":
            getattr(dlq, f"{action}_many")(dlq_ids=[], overrides=wanted.overrides)  # checks them, and sends nothing
        with Planner(Path(fspath(path)), wanted, dlq.base_url, dlq.region, on_progress) as planner:
            if wanted.ids is None:
                for run in dlq.scan(**wanted.filters):
                    if wanted.matches(run):
                        planner.add(run)
            else:
                _add_named(planner, dlq, wanted)
        return cls(path)

    def run(
        self,
        dlq: DLQClient,
        *,
        force: bool = False,
        again: bool = False,
        workers: int = MAX_WORKERS,
        on_progress: Progress | None = None,
        **settings: Unpack[RunOptions],
    ) -> Generator[Wave, None, None]:
        """Send what is left, wave by wave. A wave begins when it is asked for, and comes when it has been watched.

        Raises `RedrivePaused` if too many runs of a wave fail again or are refused; `RedriveRunning` if somebody else
        runs the journal; `RedriveError` if the client is of another queue, or none of the next runs is in it. A rate
        limit slows it down. Any other error of the client ends it. Whatever ends it, the journal knows what was done,
        and the next `run` goes on. Ctrl-C, or leaving the loop, waits for the requests that are under way. Bad settings
        raise `ValueError` or `TypeError` at once.

        Args:
            dlq: the queue. With `retry=None` it stops sooner, and nothing else changes: a redrive waits by itself.
            force: go on after a pause.
            again: redrive the runs that failed again, too, under their new ids.
            workers: requests at a time, at most; by default as many as the rate needs.
            on_progress: called with the status, a few times a second, in this thread.
            **settings: see `Settings`. They stay in the journal.

        ```python
        from datetime import timedelta

        from upstash_workflow_dlq.redrive import RedrivePaused

        try:
            for wave in redrive.run(dlq, rate=5, canary=10, watch=timedelta(minutes=5)):
                print(wave)
        except RedrivePaused as paused:
            print(paused)
            for group in paused.groups:
                print(group.count, group.failure)
        ```
        """
        given(settings)
        check_workers(workers)
        return self._run(dlq, force, again, workers, on_progress, settings)

    def _run(
        self,
        dlq: DLQClient,
        force: bool,
        again: bool,
        workers: int,
        on_progress: Progress | None,
        settings: RunOptions,
    ) -> Generator[Wave, None, None]:
        file = self._file
        lock = file.unparked()
        try:
            file.begin(dlq, settings)
            perform = _performer(dlq, file.about.action, file.overrides)
            flow = redrive(force=force, again=again, workers=workers)
            threads = Threads(flow, file.journal, perform, lock)
        except BaseException:
            lock.release()
            raise
        try:
            told: RedriveStatus | None = None
            while True:
                try:
                    message = threads.messages.get(timeout=PROGRESS_SECONDS)
                except Empty:
                    message = None
                if on_progress is not None and (status := file.status()) != told:
                    told = status
                    on_progress(status)
                if isinstance(message, Wave):
                    yield message
                    threads.go_on()
                elif isinstance(message, Ended):
                    if message.error is not None:
                        raise message.error
                    return
        finally:
            threads.stop()

    def status(self) -> RedriveStatus:
        """How far it is. Also while another process runs it.

        ```python
        status = redrive.status()
        print(status.done, "of", status.total, "done,", status.time_left, "left")
        print(status.paused or status.problem or "all is well")
        ```
        """
        return self._file.status()

    def settings(self) -> Settings:
        """How it is run: as it was last told, or the defaults."""
        return self._file.settings()

    def results(self) -> Iterator[RedriveResult]:
        """What became of each run, in the order in which they were planned.

        ```python
        from upstash_workflow_dlq.redrive import State

        for result in redrive.results():
            if result.state is not State.STARTED:
                print(result.dlq_id, result.state, result.error)
        ```
        """
        return self._file.results()

    def failed_again(self) -> Summary:
        """The runs that failed again, in groups."""
        return self._file.failed_again()

    def failed_run(self, dlq_id: str) -> FailedRun:
        """A failed run as it was when it was planned. Raises KeyError if the journal has none of this id."""
        return self._file.failed_run(dlq_id)

    def set_rate(self, rate: float) -> None:
        """Runs a second, at most. The process that runs the journal obeys within a second.

        Raises `ValueError` unless `rate` is above 0 and up to 10,000.
        """
        self._file.set_rate(rate)

    def close(self) -> None:
        """Close the file. Using it again opens it again."""
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({str(self._file.path)!r})"


def _add_named(planner: Planner, dlq: DLQClient, wanted: Selection) -> None:
    named = Named(planner)
    for item in [wanted.ids] if isinstance(wanted.ids, FailedRun | str) else wanted.ids:
        named.take(item)
    if named.needs_scan:
        for run in dlq.scan():
            named.take_of_scan(run)
        named.rest_is_missing()
        return
    for dlq_id in named.ids:
        try:
            planner.add(dlq.get(dlq_id))
        except NotFoundError:
            planner.add_missing(dlq_id)


def _performer(dlq: DLQClient, action: str, overrides: dict[str, Any]) -> Callable[[Request], Any]:
    act: Callable[..., Any] = getattr(dlq, action)

    def perform(request: Request) -> Any:
        if isinstance(request, Act):
            return act(request.dlq_id, **overrides)
        if isinstance(request, Ask):
            try:
                dlq.get(request.dlq_id)
            except NotFoundError:
                return False
            return True
        return next(dlq.list(cursor=request.cursor, from_date=request.since).pages())

    return perform
