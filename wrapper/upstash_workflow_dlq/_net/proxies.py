"""The proxy that the environment asks for, as httpx reads it. httpx reads it for transports of its own clients only."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from urllib.request import getproxies

import httpx

from ..errors import ConfigurationError
from .config import has_valid_port, is_loopback

# An address stands for itself, a name for itself and for all names that end in it.
_IPV4 = re.compile(r"[0-9]+(\.[0-9]+){3}(/.*)?")


def environment_proxy(base_url: str) -> httpx.Proxy | None:
    """The proxy for this URL from HTTPS_PROXY, HTTP_PROXY, ALL_PROXY and NO_PROXY; None to connect directly.

    Loopback is never reached through a proxy: that would send the token off this machine in clear.
    """
    url = httpx.URL(base_url)
    given = {name: value.strip() for name, value in getproxies().items()}
    if is_loopback(url.host) or not (given.get(url.scheme) or given.get("all")):
        return None
    kind = url.scheme if given.get(url.scheme) else "all"
    no_proxy = [entry.strip() for entry in given.get("no", "").split(",")]
    # An entry that is only a scheme takes the place of that scheme's proxy.
    everything = {"*", f"{url.scheme}://", f"{kind}://"} | ({f"{url.scheme}://*"} if kind == "all" else set())
    if everything & set(no_proxy):
        return None
    if any(_matches(pattern, url) for pattern in _patterns(no_proxy)):
        return None
    return _proxy(given[kind], _variable(kind))


def _patterns(no_proxy: list[str]) -> Iterator[httpx.URL]:
    for entry in no_proxy:
        if "://" in entry:
            pattern = entry
        elif _IPV4.fullmatch(entry) or entry.startswith("[") or entry.lower() == "localhost":
            pattern = f"all://{entry}"
        elif entry.count(":") > 1:
            pattern = f"all://[{entry.partition('/')[0]}]"
        else:
            pattern = f"all://*{entry}"
        try:
            yield httpx.URL(pattern)
        except httpx.InvalidURL:
            continue  # not the name of any host


def _matches(pattern: httpx.URL, url: httpx.URL) -> bool:
    if pattern.host in {"", "*"} or pattern.scheme not in {"all", url.scheme} or pattern.port not in {None, url.port}:
        return False
    if not pattern.host.startswith("*"):
        return url.host == pattern.host
    ending = pattern.host[1:]
    return url.host.endswith(ending if ending.startswith(".") else f".{ending}") or url.host == ending


def _proxy(value: str, variable: str) -> httpx.Proxy:
    # No message quotes the value: it may hold a password.
    try:
        proxy = httpx.Proxy(value if "://" in value else f"http://{value}")
    except (httpx.InvalidURL, ValueError):
        proxy = None
    if proxy is None or not re.fullmatch(r"[^\s%]+", proxy.url.host) or not has_valid_port(proxy.url):
        raise ConfigurationError(
            f"{variable} is not the URL of a proxy: it must be http://host:port, or https, socks5 or socks5h"
        )
    if proxy.url.scheme.startswith("socks"):
        from importlib.util import find_spec

        if find_spec("socksio") is None:
            raise ConfigurationError(
                f'{variable} is a SOCKS proxy, which needs another package: pip install "httpx[socks]"'
            )
    return proxy


def _variable(kind: str) -> str:
    """The variable that it comes from, as it is spelt in the environment. Python prefers lower case."""
    name = f"{kind}_proxy"
    found = sorted((given for given, value in os.environ.items() if value and given.lower() == name), reverse=True)
    return found[0] if found else f"the {kind} proxy in the settings of this system"
