"""One interface for both kinds of redrive, as `blocking` has one for both clients."""

from __future__ import annotations

from collections.abc import Iterator
from os import PathLike
from typing import Any

from anyio.from_thread import BlockingPortal
from blocking import AnyClient, BlockingClient
from upstash_workflow_dlq import DLQClient
from upstash_workflow_dlq.redrive import AsyncRedrive, Redrive, RedriveResult, Wave


class BlockingRedrive:
    def __init__(self, redrive: AsyncRedrive, portal: BlockingPortal) -> None:
        self._redrive = redrive
        self._portal = portal

    def run(self, dlq: BlockingClient, **options: Any) -> Iterator[Wave]:
        return self._each(self._redrive.run(dlq.wrapped, **options))

    def results(self) -> Iterator[RedriveResult]:
        return self._each(self._redrive.results())

    def close(self) -> None:
        self._portal.call(self._redrive.aclose)

    def _each(self, items: Any) -> Iterator[Any]:
        async def following() -> Any:
            return await anext(items, None)

        while (item := self._portal.call(following)) is not None:
            yield item

    def __repr__(self) -> str:
        return repr(self._redrive)

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._redrive, name)
        return lambda *args: self._portal.call(method, *args)


AnyRedrive = Redrive | BlockingRedrive


def opened(dlq: AnyClient, path: str | PathLike[str]) -> Any:
    """The redrive of the kind of this client."""
    if isinstance(dlq, DLQClient):
        return Redrive(path)
    return BlockingRedrive(AsyncRedrive(path), dlq._portal)


def planned(dlq: AnyClient, path: str | PathLike[str], action: Any, **selection: Any) -> Any:
    if isinstance(dlq, DLQClient):
        return Redrive.plan(path, dlq, action, **selection)
    wrapped = dlq.wrapped

    async def plan() -> AsyncRedrive:
        return await AsyncRedrive.plan(path, wrapped, action, **selection)

    return BlockingRedrive(dlq._portal.call(plan), dlq._portal)
