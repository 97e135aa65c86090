"""The two clients: drivers of a few lines around the same flows."""

from __future__ import annotations

import builtins
import os
from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from functools import cached_property, partial
from types import EllipsisType, TracebackType
from typing import TYPE_CHECKING, Any, Generic, Literal, Self, TypeVar, Unpack, overload
from urllib.parse import urlencode
from weakref import WeakSet

import httpx

from ._calls import Answer, Call, Flow
from ._config import HIDDEN, Config, environment_proxy
from ._filters import Moment, RunFilters, ScanFilters
from ._operations import MAX_PAGE_SIZE, Listing, Page, PageWalk, count_runs, delete_run, get_run
from ._run import FailedRun, StartedRun
from ._transport import AsyncEdge, SyncEdge, logger, tls_context, with_retries
from ._version import __version__
from .errors import ConfigurationError, TransportError

if TYPE_CHECKING:
    from httpx_retries import Retry
    from upstash_workflow_rest import AuthenticatedClient

    from ._acting import BulkOptions, StartOptions
    from ._ahead import AsyncCrew, Crew
    from ._overrides import Overrides
    from ._retries import Patience
    from ._scan import Scan, ScanRequest

HEADERS = {
    "Accept": "application/json",
    "Accept-Encoding": "gzip, deflate",
    "User-Agent": f"upstash-workflow-dlq/{__version__}",
}

# As httpx has it, but for keeping them all: it would close, after each request, those beyond 20.
LIMITS = httpx.Limits(max_connections=100, max_keepalive_connections=100)

T = TypeVar("T")
NetworkT = TypeVar("NetworkT", httpx.HTTPTransport, httpx.AsyncHTTPTransport)
OptionsT = TypeVar("OptionsT", "BulkOptions", "StartOptions")
TransportT = TypeVar("TransportT", httpx.BaseTransport, httpx.AsyncBaseTransport)


class _Client(Generic[TransportT]):
    """What both clients share: settings in, requests out, answers back."""

    _transport: httpx.BaseTransport | httpx.AsyncBaseTransport

    def __init__(
        self,
        token: str | None = None,
        *,
        base_url: str | None = None,
        region: str | None = None,
        auth: Literal["header", "query"] = "header",
        timeout: float | httpx.Timeout | None = 30.0,
        retry: Retry | EllipsisType | None = ...,
        transport: TransportT | None = None,
        allow_insecure: bool = False,
    ) -> None:
        """Read what is not given from the environment; nothing is sent.

        Raises `ConfigurationError` where that yields no token, or a base URL that would expose it.

        Args:
            token: QStash token; else `{REGION}_QSTASH_TOKEN`, `QSTASH_TOKEN`.
            base_url: else `{REGION}_QSTASH_URL` or the region's own URL, `QSTASH_URL`, the vendor's default.
            region: "us-east-1" or "eu-central-1", since each has its own queue; else `QSTASH_REGION`.
            auth: "query" sends the token as `qstash_token` instead of in the header.
            timeout: seconds for each of connecting, sending and receiving; None waits for ever.
            retry: rules of httpx-retries instead of the default ones; None switches retries off. `total_timeout` counts
                seconds from the first try.
            transport: any httpx transport, for proxies, recorders and tests.
            allow_insecure: permits plain http to other machines; the token then travels in clear.
        """
        self._config = Config.resolve(
            os.environ, token=token, base_url=base_url, region=region, auth=auth, allow_insecure=allow_insecure
        )
        self._timeout = _checked_timeout(timeout)
        self._retry = retry
        self._base_url = httpx.URL(self._config.base_url)
        # Called with each answer, whose body is read by then; for the contract room.
        self._response_hooks: builtins.list[Callable[[httpx.Response], object]] = []
        self._connect(transport, retry)

    def _connect(self, transport: TransportT | None, retry: Retry | EllipsisType | None) -> None:
        raise NotImplementedError

    def __repr__(self) -> str:
        return f"{type(self).__name__}(base_url={self._config.base_url!r})"

    def _scan(self, request: ScanRequest) -> Scan:
        from ._scan import Scan

        return Scan(request, None if self._retry is None else partial(_patience, self._retry))

    @cached_property
    def low_level(self) -> AuthenticatedClient:
        """The generated client, set up like this one, for calls the wrapper has no method for.

        It shares this client's connections and retries, and closing it closes both. The token is added on the way out
        and not kept in it. A status that the spec does not name raises `upstash_workflow_rest.errors.UnexpectedStatus`.
        """
        from upstash_workflow_rest import AuthenticatedClient

        return AuthenticatedClient(
            self._config.base_url,
            HIDDEN,
            headers=dict(HEADERS),
            timeout=self._timeout,
            httpx_args={"transport": self._transport},
            raise_on_unexpected_status=True,
        )

    def _network_transport(self, kind: Callable[..., NetworkT]) -> NetworkT:
        base_url = self._config.base_url
        try:
            return kind(verify=tls_context(base_url), proxy=environment_proxy(base_url), limits=LIMITS)
        except (httpx.InvalidURL, ValueError):
            raise ConfigurationError("the proxy in the environment (HTTPS_PROXY, ALL_PROXY) is no proxy URL") from None

    def _request(self, call: Call) -> httpx.Request:
        # Without httpx.Client: what it does for redirects, cookies and hooks costs a third of the time of a request.
        path = self._base_url.raw_path.rstrip(b"/") + call.kwargs["url"].encode()
        if query := urlencode(call.kwargs.get("params", {}), doseq=True):
            path += b"?" + query.encode()
        return httpx.Request(
            call.kwargs["method"],
            self._base_url.copy_with(raw_path=path),
            headers={**HEADERS, **call.kwargs.get("headers", {})},
            extensions={
                "timeout": self._timeout.as_dict(),
                "repeatable": call.repeatable,
                "waits_for_limits": call.waits_for_limits,
            },
        )

    def _answer(self, request: httpx.Request, response: httpx.Response) -> Answer:
        response.request = request
        for hook in self._response_hooks:
            hook(response)
        tries = response.extensions.get("retry")
        headers, content = response.headers, response.content
        if not response.is_success:
            # A server that quotes the token back must not put it into an exception.
            redact = self._config.credentials.redact
            headers = httpx.Headers([(name, redact(value)) for name, value in headers.multi_items()], headers.encoding)
            content = redact(content.decode("latin-1")).encode("latin-1")
        answer = Answer(
            status_code=response.status_code,
            headers=headers,
            content=content,
            method=request.method,
            url=str(request.url),
            tries=tries.attempts_made + 1 if tries else 1,
        )
        logger.debug("%s %s: HTTP %d, %d bytes", answer.method, answer.url, answer.status_code, len(answer.content))
        return answer

    @contextmanager
    def _transport_errors(self, request: httpx.Request) -> Iterator[None]:
        try:
            yield
        except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError, OSError, UnicodeError) as error:
            what = f"{type(error).__name__}: {error}".removesuffix(": ")
            if isinstance(error, httpx.RequestError):
                error.request = request
            raise TransportError(f"{request.method} {request.url} got no complete answer: {what}") from error


class DLQClient(_Client[httpx.BaseTransport]):
    """The dead-letter queue of Upstash Workflow. Threads may share it; close it, or use it in a `with`.

    Methods raise the errors of `upstash_workflow_dlq.errors`; bad arguments are a `ValueError` or `TypeError` before
    anything is sent.
    """

    _transport: httpx.BaseTransport
    _crews: WeakSet[Crew[Any]]

    def _connect(self, transport: httpx.BaseTransport | None, retry: Retry | EllipsisType | None) -> None:
        self._crews = WeakSet()
        if transport is None:
            transport = self._network_transport(httpx.HTTPTransport)
        _check_colour(transport, httpx.BaseTransport)
        self._transport = with_retries(SyncEdge(self._config, transport), retry)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections. Any further call raises `ClientClosedError`; closing again does nothing."""
        for crew in list(self._crews):
            crew.halt()
        self._transport.close()

    def list(
        self,
        *,
        cursor: str | None = None,
        page_size: int = MAX_PAGE_SIZE,
        limit: int | None = None,
        prefetch: bool = False,
        **filters: Unpack[RunFilters],
    ) -> FailedRuns:
        """Failed runs that match all filters, in the order of the service. Lazy: nothing is sent yet.

        Args:
            cursor: where to go on, from a `Page`.
            page_size: runs per request, 1 to 100.
            limit: stop after so many runs; None lists all.
            prefetch: fetch the next page in the background while you look at one. Leaving the loop stops that.
            **filters: see `RunFilters`.
        """
        return FailedRuns(self, Listing.parse(filters, cursor, page_size, limit, prefetch))

    def scan(
        self,
        from_date: Moment | None = None,
        to_date: Moment | None = None,
        *,
        workers: int = 8,
        **filters: Unpack[ScanFilters],
    ) -> ScannedRuns:
        """The same failed runs as `list`, in no order, read by several threads at once. Lazy: nothing is sent yet.

        Each run comes exactly once, whichever moment the service's dates mean. Worth it from about ten pages on, best
        with both dates; sends more requests than `list`, by about a quarter at most and a few for each worker. A rate
        limit makes all workers wait, and an error stops them until you go on. Leaving the loop stops them; requests
        under way are waited for.

        Args:
            from_date: inclusive; None goes back past the longest retention.
            to_date: inclusive; None has no end.
            workers: requests at a time, 1 to 64. At most twice as many pages wait for you.
            **filters: see `RunFilters`.
        """
        from ._scan import ScanRequest

        return ScannedRuns(self, ScanRequest.parse({**filters, "from_date": from_date, "to_date": to_date}, workers))

    def count(self, **filters: Unpack[RunFilters]) -> int:
        """How many failed runs match. Reads through all of them: the service has no call that counts."""
        return self._run(count_runs(Listing.parse(filters)))

    def get(self, dlq_id: FailedRun | str) -> FailedRun:
        """One failed run, by its `dlq_id`, or read anew. Raises `NotFoundError`."""
        return self._run(get_run(dlq_id))

    def delete(self, run: FailedRun | str) -> None:
        """Delete one failed run for good. Raises `NotFoundError`, unless an earlier try may have deleted it."""
        self._run(delete_run(run))

    def resume(self, run: FailedRun | str, **overrides: Unpack[Overrides]) -> StartedRun:
        """Go on from the step that failed, as a new run; the failed one leaves the queue. Raises `NotFoundError`.

        Sent at most once unless it is certain that nothing was done; after a `TransportError` it may have been.
        """
        from ._acting import resume_run

        return self._run(resume_run(run, overrides))

    def restart(self, run: FailedRun | str, **overrides: Unpack[Overrides]) -> StartedRun:
        """Start again from the first step, otherwise as `resume`."""
        from ._acting import restart_run

        return self._run(restart_run(run, overrides))

    def retry_failure_callback(self, run: FailedRun | str) -> StartedRun:
        """Call the failure callback again. `BadRequestError` unless it failed. Sent at most once, as `resume`."""
        from ._acting import retry_callback

        return self._run(retry_callback(run))

    def cancel_failure_callback(self, run: FailedRun | str) -> None:
        """Cancel the failure callback. `BadRequestError` unless it is in progress. Sent at most once, as `resume`."""
        from ._acting import cancel_callback

        self._run(cancel_callback(run))

    @overload
    def delete_many(self, *, dry_run: Literal[False] = False, **options: Unpack[BulkOptions]) -> int: ...
    @overload
    def delete_many(self, *, dry_run: Literal[True], **options: Unpack[BulkOptions]) -> builtins.list[FailedRun]: ...
    def delete_many(self, *, dry_run: bool = False, **options: Unpack[BulkOptions]) -> int | builtins.list[FailedRun]:
        """Delete failed runs for good: exactly one of `dlq_ids=`, filters, and `all=True` for the whole queue.

        Returns how many were deleted; with `dry_run=True`, the failed runs that would be, and only reads. Raises
        `BulkError` with what was done where it stops midway.

        Args:
            dry_run: look, and do nothing.
            **options: see `BulkOptions` and `RunFilters`.
        """
        from ._acting import delete_many

        result: int | builtins.list[FailedRun] = self._run(delete_many(options, dry_run=dry_run))
        return result

    @overload
    def resume_many(
        self, *, dry_run: Literal[False] = False, **options: Unpack[StartOptions]
    ) -> builtins.list[StartedRun]: ...
    @overload
    def resume_many(self, *, dry_run: Literal[True], **options: Unpack[StartOptions]) -> builtins.list[FailedRun]: ...
    def resume_many(
        self, *, dry_run: bool = False, **options: Unpack[StartOptions]
    ) -> builtins.list[StartedRun] | builtins.list[FailedRun]:
        """Resume failed runs; otherwise as `delete_many`. Returns the runs that were started.

        Args:
            dry_run: look, and do nothing.
            **options: see `StartOptions`, `BulkOptions` and `RunFilters`.
        """
        from ._acting import RESUME, start_many

        result: builtins.list[StartedRun] = self._run(start_many(RESUME, options, dry_run=dry_run))
        return result

    @overload
    def restart_many(
        self, *, dry_run: Literal[False] = False, **options: Unpack[StartOptions]
    ) -> builtins.list[StartedRun]: ...
    @overload
    def restart_many(self, *, dry_run: Literal[True], **options: Unpack[StartOptions]) -> builtins.list[FailedRun]: ...
    def restart_many(
        self, *, dry_run: bool = False, **options: Unpack[StartOptions]
    ) -> builtins.list[StartedRun] | builtins.list[FailedRun]:
        """Restart failed runs; otherwise as `resume_many`."""
        from ._acting import RESTART, start_many

        result: builtins.list[StartedRun] = self._run(start_many(RESTART, options, dry_run=dry_run))
        return result

    def _run(self, flow: Flow[T], *, pause: Callable[[float], None] | None = None) -> T:
        try:
            call = next(flow)
            while True:
                try:
                    answer = self._send(call, pause)
                except Exception as error:
                    call = flow.throw(error)
                else:
                    call = flow.send(answer)
        except StopIteration as done:
            result: T = done.value
            return result
        finally:
            flow.close()

    def _send(self, call: Call, pause: Callable[[float], None] | None = None) -> Answer:
        request = self._request(call)
        if pause is not None:
            request.extensions["pause"] = pause
        with self._transport_errors(request):
            return self._answer(request, self._transport.handle_request(request))


class FailedRuns:
    """Failed runs, read page by page while iterating. Iterating again reads again. Holds one page at a time."""

    def __init__(self, client: DLQClient, listing: Listing) -> None:
        self._client = client
        self._listing = listing

    def __repr__(self) -> str:
        return f"FailedRuns({self._listing})"

    def __iter__(self) -> Iterator[FailedRun]:
        return _Runs(self._pages(exact_cursors=False))

    def pages(self) -> Iterator[Page]:
        """The same runs by page, each with the cursor to go on from."""
        return self._pages(exact_cursors=True)

    def first(self) -> FailedRun | None:
        """The first run, or None."""
        return next(iter(FailedRuns(self._client, self._listing.first())), None)

    def _pages(self, *, exact_cursors: bool) -> Iterator[Page]:
        walk = PageWalk(self._listing, exact_cursors=exact_cursors)
        if not self._listing.prefetch:
            return _Pages(self._client, walk)
        from ._ahead import OneWalk, PagesAhead

        return PagesAhead(self._client, OneWalk(walk), ahead=1, workers=1)


class ScannedRuns:
    """Failed runs, read in parallel while iterating, in no order. Iterating again reads again."""

    def __init__(self, client: DLQClient, request: ScanRequest) -> None:
        self._client = client
        self._request = request

    def __repr__(self) -> str:
        return f"ScannedRuns({self._request})"

    def __iter__(self) -> Iterator[FailedRun]:
        from ._ahead import PagesAhead

        workers = self._request.workers
        scan = self._client._scan(self._request)
        return _Runs(PagesAhead(self._client, scan, ahead=2 * workers, workers=workers))


# Plain iterators, not generators: after an error they go on where they were, where a generator would end as if it had
# read everything. And an async one that a `break` leaves behind needs no finalizer, of which trio warns.


class _Pages(Iterator[Page]):
    def __init__(self, client: DLQClient, walk: PageWalk) -> None:
        self._client = client
        self._walk = walk

    def __next__(self) -> Page:
        page = self._client._run(self._walk.next_page())
        if page is None:
            raise StopIteration
        return page


class _Runs(Iterator[FailedRun]):
    def __init__(self, pages: Iterator[Page]) -> None:
        self._pages = pages
        self._runs: Iterator[FailedRun] = iter(())

    def __next__(self) -> FailedRun:
        while True:
            for run in self._runs:
                return run
            self._runs = iter(next(self._pages).runs)


class AsyncDLQClient(_Client[httpx.AsyncBaseTransport]):
    """`DLQClient` for asyncio and trio. Tasks of one event loop may share it; close it, or use `async with`."""

    _transport: httpx.AsyncBaseTransport
    _crews: WeakSet[AsyncCrew[Any]]

    def _connect(self, transport: httpx.AsyncBaseTransport | None, retry: Retry | EllipsisType | None) -> None:
        self._crews = WeakSet()
        if transport is None:
            transport = self._network_transport(httpx.AsyncHTTPTransport)
        _check_colour(transport, httpx.AsyncBaseTransport)
        self._transport = with_retries(AsyncEdge(self._config, transport), retry)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close the connections. Any further call raises `ClientClosedError`; closing again does nothing."""
        for crew in list(self._crews):
            await crew.halt()
        await self._transport.aclose()

    def list(
        self,
        *,
        cursor: str | None = None,
        page_size: int = MAX_PAGE_SIZE,
        limit: int | None = None,
        prefetch: bool = False,
        **filters: Unpack[RunFilters],
    ) -> AsyncFailedRuns:
        """As `DLQClient.list`, for `async for`."""
        return AsyncFailedRuns(self, Listing.parse(filters, cursor, page_size, limit, prefetch))

    def scan(
        self,
        from_date: Moment | None = None,
        to_date: Moment | None = None,
        *,
        workers: int = 8,
        **filters: Unpack[ScanFilters],
    ) -> AsyncScannedRuns:
        """As `DLQClient.scan`, for `async for`, by tasks; leaving the loop cuts off requests under way."""
        from ._scan import ScanRequest

        request = ScanRequest.parse({**filters, "from_date": from_date, "to_date": to_date}, workers)
        return AsyncScannedRuns(self, request)

    async def count(self, **filters: Unpack[RunFilters]) -> int:
        """As `DLQClient.count`."""
        return await self._run(count_runs(Listing.parse(filters)))

    async def get(self, dlq_id: FailedRun | str) -> FailedRun:
        """As `DLQClient.get`."""
        return await self._run(get_run(dlq_id))

    async def delete(self, run: FailedRun | str) -> None:
        """As `DLQClient.delete`."""
        await self._run(delete_run(run))

    async def resume(self, run: FailedRun | str, **overrides: Unpack[Overrides]) -> StartedRun:
        """As `DLQClient.resume`."""
        from ._acting import resume_run

        return await self._run(resume_run(run, overrides))

    async def restart(self, run: FailedRun | str, **overrides: Unpack[Overrides]) -> StartedRun:
        """As `DLQClient.restart`."""
        from ._acting import restart_run

        return await self._run(restart_run(run, overrides))

    async def retry_failure_callback(self, run: FailedRun | str) -> StartedRun:
        """As `DLQClient.retry_failure_callback`."""
        from ._acting import retry_callback

        return await self._run(retry_callback(run))

    async def cancel_failure_callback(self, run: FailedRun | str) -> None:
        """As `DLQClient.cancel_failure_callback`."""
        from ._acting import cancel_callback

        await self._run(cancel_callback(run))

    @overload
    async def delete_many(self, *, dry_run: Literal[False] = False, **options: Unpack[BulkOptions]) -> int: ...
    @overload
    async def delete_many(
        self, *, dry_run: Literal[True], **options: Unpack[BulkOptions]
    ) -> builtins.list[FailedRun]: ...
    async def delete_many(
        self, *, dry_run: bool = False, **options: Unpack[BulkOptions]
    ) -> int | builtins.list[FailedRun]:
        """As `DLQClient.delete_many`."""
        from ._acting import delete_many

        result: int | builtins.list[FailedRun] = await self._run(
            delete_many(await _collected(options), dry_run=dry_run)
        )
        return result

    @overload
    async def resume_many(
        self, *, dry_run: Literal[False] = False, **options: Unpack[StartOptions]
    ) -> builtins.list[StartedRun]: ...
    @overload
    async def resume_many(
        self, *, dry_run: Literal[True], **options: Unpack[StartOptions]
    ) -> builtins.list[FailedRun]: ...
    async def resume_many(
        self, *, dry_run: bool = False, **options: Unpack[StartOptions]
    ) -> builtins.list[StartedRun] | builtins.list[FailedRun]:
        """As `DLQClient.resume_many`."""
        from ._acting import RESUME, start_many

        result: builtins.list[StartedRun] = await self._run(
            start_many(RESUME, await _collected(options), dry_run=dry_run)
        )
        return result

    @overload
    async def restart_many(
        self, *, dry_run: Literal[False] = False, **options: Unpack[StartOptions]
    ) -> builtins.list[StartedRun]: ...
    @overload
    async def restart_many(
        self, *, dry_run: Literal[True], **options: Unpack[StartOptions]
    ) -> builtins.list[FailedRun]: ...
    async def restart_many(
        self, *, dry_run: bool = False, **options: Unpack[StartOptions]
    ) -> builtins.list[StartedRun] | builtins.list[FailedRun]:
        """As `DLQClient.restart_many`."""
        from ._acting import RESTART, start_many

        result: builtins.list[StartedRun] = await self._run(
            start_many(RESTART, await _collected(options), dry_run=dry_run)
        )
        return result

    async def _run(self, flow: Flow[T]) -> T:
        try:
            call = next(flow)
            while True:
                try:
                    answer = await self._send(call)
                except Exception as error:
                    call = flow.throw(error)
                else:
                    call = flow.send(answer)
        except StopIteration as done:
            result: T = done.value
            return result
        finally:
            flow.close()

    async def _send(self, call: Call) -> Answer:
        request = self._request(call)
        with self._transport_errors(request):
            return self._answer(request, await self._transport.handle_async_request(request))


class AsyncFailedRuns:
    """As `FailedRuns`, for `async for`."""

    def __init__(self, client: AsyncDLQClient, listing: Listing) -> None:
        self._client = client
        self._listing = listing

    def __repr__(self) -> str:
        return f"AsyncFailedRuns({self._listing})"

    def __aiter__(self) -> AsyncIterator[FailedRun]:
        return _AsyncRuns(self._pages(exact_cursors=False))

    def pages(self) -> AsyncIterator[Page]:
        """As `FailedRuns.pages`."""
        return self._pages(exact_cursors=True)

    async def first(self) -> FailedRun | None:
        """As `FailedRuns.first`."""
        return await anext(aiter(AsyncFailedRuns(self._client, self._listing.first())), None)

    def _pages(self, *, exact_cursors: bool) -> AsyncIterator[Page]:
        walk = PageWalk(self._listing, exact_cursors=exact_cursors)
        if not self._listing.prefetch:
            return _AsyncPages(self._client, walk)
        from ._ahead import AsyncPagesAhead, OneWalk

        return AsyncPagesAhead(self._client, OneWalk(walk), ahead=1)


class AsyncScannedRuns:
    """As `ScannedRuns`, for `async for`."""

    def __init__(self, client: AsyncDLQClient, request: ScanRequest) -> None:
        self._client = client
        self._request = request

    def __repr__(self) -> str:
        return f"AsyncScannedRuns({self._request})"

    def __aiter__(self) -> AsyncIterator[FailedRun]:
        from ._ahead import AsyncPagesAhead

        scan = self._client._scan(self._request)
        return _AsyncRuns(AsyncPagesAhead(self._client, scan, ahead=2 * self._request.workers))


class _AsyncPages(AsyncIterator[Page]):
    def __init__(self, client: AsyncDLQClient, walk: PageWalk) -> None:
        self._client = client
        self._walk = walk

    async def __anext__(self) -> Page:
        page = await self._client._run(self._walk.next_page())
        if page is None:
            raise StopAsyncIteration
        return page


class _AsyncRuns(AsyncIterator[FailedRun]):
    def __init__(self, pages: AsyncIterator[Page]) -> None:
        self._pages = pages
        self._runs: Iterator[FailedRun] = iter(())

    async def __anext__(self) -> FailedRun:
        while True:
            for run in self._runs:
                return run
            self._runs = iter((await anext(self._pages)).runs)


async def _collected(options: OptionsT) -> OptionsT:
    """The options with `dlq_ids` read, where those are an async iterable, such as a list of this client."""
    from ._acting import is_only_target

    ids = options.get("dlq_ids")
    if isinstance(ids, AsyncIterable) and is_only_target(options):
        options["dlq_ids"] = [run async for run in ids]
    return options


def _checked_timeout(timeout: float | httpx.Timeout | None) -> httpx.Timeout:
    if timeout is None or isinstance(timeout, httpx.Timeout):
        return httpx.Timeout(timeout)
    # Sockets take no more than about 10**9 seconds.
    if not isinstance(timeout, int | float) or isinstance(timeout, bool) or not 0 < timeout < 10**9:
        raise ConfigurationError("timeout must be positive seconds, an httpx.Timeout, or None to wait for ever")
    return httpx.Timeout(timeout)


def _patience(retry: Retry | EllipsisType) -> Patience:
    from ._retries import DEFAULT_RETRY, Patience

    return Patience(DEFAULT_RETRY if retry is ... else retry)


def _check_colour(transport: object, colour: type[httpx.BaseTransport] | type[httpx.AsyncBaseTransport]) -> None:
    if not isinstance(transport, colour):
        raise ConfigurationError(f"transport must be an httpx.{colour.__name__}, not {type(transport).__name__}")
