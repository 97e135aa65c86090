"""The generated client over our connections."""

from __future__ import annotations

from http import HTTPStatus

import httpx
from upstash_workflow_rest import AuthenticatedClient
from upstash_workflow_rest.errors import UnexpectedStatus

from .._redaction import HIDDEN
from .config import Config
from .connection import HEADERS
from .sending import AsyncSender, Sender

_STANDARD = frozenset(map(int, HTTPStatus))


def low_level_client(config: Config, timeout: httpx.Timeout, sender: Sender | AsyncSender) -> AuthenticatedClient:
    hook = _raise_unknown_status if isinstance(sender, Sender) else _raise_unknown_status_async
    return AuthenticatedClient(
        config.base_url,
        HIDDEN,
        headers=dict(HEADERS),
        timeout=timeout,
        httpx_args={"transport": sender, "event_hooks": {"response": [hook]}},
        raise_on_unexpected_status=True,
    )


def _raise_unknown_status(response: httpx.Response) -> None:
    """The generated functions make an `HTTPStatus` of every status, which fails for those that no standard names."""
    if response.status_code not in _STANDARD:
        raise UnexpectedStatus(response.status_code, response.read())


async def _raise_unknown_status_async(response: httpx.Response) -> None:
    if response.status_code not in _STANDARD:
        raise UnexpectedStatus(response.status_code, await response.aread())
