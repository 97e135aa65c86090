"""Who may ask: programs on this machine that send the token. Web pages of other origins may not.

The token is public, and so is the port. Without these checks any page in a browser on this machine could empty the
queue: by a simple request across origins, or under a host name of its own that it lets point to 127.0.0.1.
"""

import hmac
import ipaddress
import re
from collections.abc import Iterable
from functools import lru_cache

from starlette.responses import Response
from starlette.types import Scope

from ._query import read_tokens
from ._responses import error_response

_HOST = re.compile(r"(?:\[(?P<v6>[0-9a-f:.]+)\]|(?P<name>[^\[\]:/@\s]+))(?::[0-9]*)?", re.IGNORECASE)


def refusal(headers: Iterable[tuple[bytes, bytes]]) -> Response | None:
    """The response to a request that comes from a web page of another origin, or for another host; None for others."""
    values: dict[bytes, list[str]] = {b"host": [], b"origin": [], b"sec-fetch-site": []}
    for name, value in headers:
        if name in values:
            values[name].append(value.decode("latin-1"))
    hosts, origins, sites = values.values()
    if not hosts or not all(map(is_loopback, hosts)):
        given = " ".join(hosts) or "none"
        return error_response(421, f"The host must be localhost or a loopback address; got {given}.")
    if not all(map(_is_local_origin, origins)):
        return error_response(403, "Web pages of other origins are refused.")
    # Without an Origin: an image, a link, a form that navigates.
    if not origins and any(site.lower() == "cross-site" for site in sites):
        return error_response(403, "Web pages of other sites are refused.")
    return None


def has_token(scope: Scope, token: bytes) -> bool:
    """Whether a request has the token, in the header or in the query."""
    for name, value in scope["headers"]:
        if name == b"authorization":
            scheme, _, given = value.decode("latin-1").partition(" ")
            if scheme.lower() == "bearer" and hmac.compare_digest(given.strip().encode(), token):
                return True
    given_in_query = read_tokens(scope["query_string"])
    return any(hmac.compare_digest(given.encode(errors="replace"), token) for given in given_in_query)


@lru_cache(256)
def is_loopback(host: str) -> bool:
    """Whether a host, with or without a port, is localhost or a loopback address."""
    match = _HOST.fullmatch(host)
    if match is None:
        return False
    if match["name"] and match["name"].lower() == "localhost":
        return True
    try:
        address = ipaddress.IPv6Address(match["v6"]) if match["v6"] else ipaddress.IPv4Address(match["name"])
    except ValueError:
        return False
    return address.is_loopback


def _is_local_origin(origin: str) -> bool:
    scheme, separator, host = origin.partition("://")
    return bool(separator) and scheme in ("http", "https") and is_loopback(host)
