"""What both clients are made from and have in common."""

from __future__ import annotations

from functools import cached_property
from types import EllipsisType
from typing import TYPE_CHECKING, Generic, Literal, NoReturn, TypeVar

from ._net.clock import SystemClock
from ._redaction import redacted

if TYPE_CHECKING:
    import httpx
    from httpx_retries import Retry
    from upstash_workflow_rest import AuthenticatedClient

    from ._net.config import Config
    from ._net.connection import AsyncConnection, Connection
    from ._net.sending import ResponseHook

# httpx is loaded when the first client is made: whoever only names its class, or asks for help, does not wait for it.
ConnectionT = TypeVar("ConnectionT", "Connection", "AsyncConnection")
TransportT = TypeVar("TransportT", "httpx.BaseTransport", "httpx.AsyncBaseTransport")


class BaseClient(Generic[ConnectionT, TransportT]):
    # Tests put another clock in its place.
    _clock = SystemClock()

    def __init__(
        self,
        token: str | None = None,
        *,
        base_url: str | None = None,
        region: str | None = None,
        auth: Literal["header", "query"] = "header",
        timeout: float | httpx.Timeout | None = 30.0,
        deadline: float | None = 120.0,
        max_response_size: int | None = 256 * 2**20,
        retry: Retry | EllipsisType | None = ...,
        transport: TransportT | None = None,
        trust_connect_errors: bool = False,
        allow_insecure: bool = False,
    ) -> None:
        """Read what is not given from the environment. Nothing is sent.

        Raises `ConfigurationError` if that gives no token, or a base URL that would expose it.

        Args:
            token: QStash token. URL and token from the environment are a pair: `{REGION}_QSTASH_URL` and
                `{REGION}_QSTASH_TOKEN` if both are set, else `QSTASH_URL` (or the vendor's default) and `QSTASH_TOKEN`.
            base_url: see `token`.
            region: "us-east-1" or "eu-central-1", since each has its own queue; else `QSTASH_REGION`. If passed here,
                the region's URL is known, and `{REGION}_QSTASH_TOKEN` is enough.
            auth: "query" sends the token as `qstash_token` instead of in the header.
            timeout: seconds for each of connecting, sending and receiving; None waits for ever.
            deadline: seconds for one request in all, with its retries and the waits between them; None for no limit. A
                server that sends a byte now and then meets every `timeout`, and not this.
            max_response_size: bytes of one answer, decompressed; None for no limit. Of an error, at most 1 MiB is read.
            retry: rules of httpx-retries instead of the default ones; None switches retries off. `total_timeout` counts
                seconds from the first try.
            transport: any httpx transport, for proxies, recorders and tests.
            trust_connect_errors: True says that `transport` raises `httpx.ConnectError`, `ConnectTimeout`,
                `PoolTimeout` and `ProxyError` only if it has sent nothing. Then resume and the like are tried again
                after them. Of httpx's own transports (not of subclasses) that is known. httpx-aiohttp and pyreqwest
                are different.
            allow_insecure: accept plain http to other machines, although it sends the token in clear.
        """
        from ._net.config import Config
        from ._net.limits import Limits
        from ._net.regions import Place

        place = Place(token, base_url, region, auth)
        del token, base_url, region, auth  # tracebacks may show variables, and each of these may be the token
        self._config = Config.resolve(place, allow_insecure=allow_insecure)
        self._limits = Limits.checked(timeout, deadline, max_response_size)
        self._connection: ConnectionT = self._connect(retry, transport, trust_connect_errors)

    def _connect(
        self, retry: Retry | EllipsisType | None, transport: TransportT | None, trust_connect_errors: bool
    ) -> ConnectionT:
        raise NotImplementedError

    def __repr__(self) -> str:
        config: Config | None = vars(self).get("_config")  # not there yet while __init__ raises
        return f"{type(self).__name__}({'' if config is None else f'base_url={config.base_url!r}'})"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a client cannot be pickled or copied, since it holds a token: make one in each process")

    @cached_property
    def low_level(self) -> AuthenticatedClient:
        """The generated client, set up like this one, for calls that have no method here.

        It shares this client's connections and retries, and closing it closes both. It does not hold the token, which
        is added on the way out. It checks nothing: an empty id, or a bulk call without filters, means the whole queue.
        A status that the spec does not name raises `upstash_workflow_rest.errors.UnexpectedStatus`; one that no
        standard names, also from calls of its httpx client.

        ```python
        from upstash_workflow_rest.api.dlq import list_failed_runs

        # With AsyncDLQClient: await list_failed_runs.asyncio_detailed(…)
        answer = list_failed_runs.sync_detailed(client=dlq.low_level, count=10)
        print(answer.headers.get("RateLimit-Remaining"), "requests are left today")
        ```
        """
        from ._net.low_level import low_level_client

        return low_level_client(self._config, self._limits.timeout, self._connection.sender)

    @property
    def base_url(self) -> str:
        """Where requests go, without a slash at the end."""
        return self._config.base_url

    @property
    def region(self) -> str | None:
        """ "us-east-1" or "eu-central-1", if the base URL is one of the vendor's; else None."""
        from ._net.regions import region_of

        region = region_of(self._config.base_url)
        return None if region is None else region.lower().replace("_", "-")

    @property
    def response_hooks(self) -> list[ResponseHook]:
        """Functions to call with each final `httpx.Response`, of this client and of its `low_level`.

        Append a plain function, for the async client too. When it is called the body has been read; the retries are
        over; `response.request` has no token. What it raises is raised from the call. Use it for metrics, recorders
        and checks.

        ```python
        import logging

        def note(response):
            logging.info("%s: %s", response.request.url.path, response.status_code)

        dlq.response_hooks.append(note)
        print(dlq.count())
        ```
        """
        return self._connection.sender.hooks

    def redact(self, text: str) -> str:
        """The text without this client's token, for logs that may quote what the service answered."""
        return redacted(text)
