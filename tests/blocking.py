"""One interface for both clients, so that one suite tests both: async calls block until they are done."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from typing import Any

from anyio.from_thread import BlockingPortal
from upstash_workflow_dlq import (
    AsyncDLQClient,
    AsyncFailedRuns,
    AsyncScannedRuns,
    DLQClient,
    FailedRun,
    FailedRuns,
    Page,
)


class BlockingClient:
    def __init__(self, client: AsyncDLQClient, portal: BlockingPortal) -> None:
        self.wrapped = client
        self._portal = portal

    def list(self, **arguments: Any) -> BlockingRuns:
        return BlockingRuns(self.wrapped.list(**arguments), self._portal)

    def scan(self, *dates: Any, **arguments: Any) -> BlockingRuns:
        return BlockingRuns(self.wrapped.scan(*dates, **arguments), self._portal)

    def windows(self, *arguments: Any, **filters: Any) -> Any:
        return self.wrapped.windows(*arguments, **filters)

    @property
    def response_hooks(self) -> Any:
        return self.wrapped.response_hooks

    def redact(self, text: str) -> str:
        return self.wrapped.redact(text)

    def close(self) -> None:
        self._portal.call(self.wrapped.aclose)

    def __enter__(self) -> BlockingClient:
        self._portal.call(self.wrapped.__aenter__)
        return self

    def __exit__(self, *error: Any) -> None:
        self._portal.call(self.wrapped.__aexit__, None, None, None)

    def __repr__(self) -> str:
        return repr(self.wrapped)

    def __getattr__(self, name: str) -> Any:
        """Any other method of the client."""
        method: Callable[..., Awaitable[Any]] = getattr(self.wrapped, name)

        def call(*args: Any, **kwargs: Any) -> Any:
            async def coroutine() -> Any:
                return await method(*args, **kwargs)

            return self._portal.call(coroutine)

        return call


class BlockingRuns:
    def __init__(self, runs: AsyncFailedRuns | AsyncScannedRuns, portal: BlockingPortal) -> None:
        self._runs: Any = runs
        self._portal = portal

    def __iter__(self) -> Iterator[FailedRun]:
        return self._iterate(self._runs)

    def pages(self) -> Iterator[Page]:
        return self._iterate(self._runs.pages())

    def first(self) -> FailedRun | None:
        first: FailedRun | None = self._portal.call(self._runs.first)
        return first

    def __repr__(self) -> str:
        return repr(self._runs)

    def _iterate(self, source: Any) -> Iterator[Any]:
        return BlockingIterator(aiter(source), self._portal)


class BlockingIterator(Iterator[Any]):
    # Not a generator: that would end at the first error, and the async iterator does not.

    def __init__(self, iterator: AsyncIterator[Any], portal: BlockingPortal) -> None:
        self._iterator = iterator
        self._portal = portal

    def __next__(self) -> Any:
        try:
            return self._portal.call(self._iterator.__anext__)
        except StopAsyncIteration:
            raise StopIteration from None

    def collect(self) -> list[Any]:
        async def coroutine() -> list[Any]:
            return [item async for item in self._iterator]

        return self._portal.call(coroutine)


def collect(runs: Iterable[Any]) -> list[Any]:
    """All of the runs. Async ones are read in a single task, as `async for` does it.

    A list() would start a task for each run, which takes most of the time of a test with thousands of runs.
    """
    if not isinstance(runs, BlockingRuns | BlockingIterator):
        return list(runs)
    iterator = iter(runs)
    assert isinstance(iterator, BlockingIterator)
    return iterator.collect()


# What tests see: the sync client, or the async one behind the same interface.
AnyClient = DLQClient | BlockingClient
AnyRuns = FailedRuns | BlockingRuns
