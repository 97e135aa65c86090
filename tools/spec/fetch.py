"""A source over https, within bounded time and size."""

from __future__ import annotations

import anyio
import httpx

from tools.spec.document import Unusable

MAX_SECONDS = 120


def fetch(address: str, max_bytes: int) -> bytes:
    """The body at an address; one byte more than `max_bytes` where there is more."""
    name = shown_address(address)
    if not name.partition("://")[2]:
        raise Unusable("a source is not a valid address; pass one like https://host/openapi.yaml")
    try:
        return anyio.run(_within_time, address, max_bytes)
    except TimeoutError:
        reason = f"not complete after {MAX_SECONDS} seconds"
    except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError) as error:
        # OSError: SSL_CERT_FILE names a file that cannot be read, for instance.
        reason = str(error) or type(error).__name__
    raise Unusable(
        f"{name} cannot be fetched ({reason}); check the address and the network, or download it and pass the file"
    )


def shown_address(address: str) -> str:
    """Without what may be secret: credentials and query."""
    try:
        return str(httpx.URL(address).copy_with(userinfo=b"", query=None, fragment=None))
    except (httpx.InvalidURL, UnicodeError, ValueError):
        return "the address"


async def _within_time(address: str, max_bytes: int) -> bytes:
    # Of everything together. httpx's own timeouts start anew with each byte, and a server may send one byte a second.
    with anyio.fail_after(MAX_SECONDS):
        content = bytearray()
        async with (
            httpx.AsyncClient(
                follow_redirects=True, timeout=30, event_hooks={"request": [_refuse_plain_http]}
            ) as client,
            client.stream("GET", address) as response,
        ):
            if response.status_code != 200:
                raise Unusable(f"{shown_address(address)} answered {response.status_code}; check the address")
            async for chunk in response.aiter_bytes():
                content += chunk
                if len(content) > max_bytes:
                    break
        return bytes(content[: max_bytes + 1])


async def _refuse_plain_http(request: httpx.Request) -> None:
    """Called for redirects, too."""
    if request.url.scheme != "https":
        shown = shown_address(str(request.url))
        raise Unusable(f"{shown} is not https, so others could change it on the way; pass an https address")
