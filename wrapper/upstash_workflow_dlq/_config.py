"""Where to connect, and as whom: arguments first, then the environment."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Literal
from urllib.request import getproxies, proxy_bypass

import httpx

from .errors import ConfigurationError

DEFAULT_BASE_URL = "https://qstash.upstash.io"
REGIONAL_BASE_URLS = {
    "US_EAST_1": "https://qstash-us-east-1.upstash.io",
    "EU_CENTRAL_1": "https://qstash-eu-central-1.upstash.io",
}
HIDDEN = "[token]"


@dataclass(frozen=True)
class Credentials:
    """The token and how it travels. Its repr does not show it."""

    token: str = field(repr=False)
    auth: Literal["header", "query"]

    def redact(self, content: bytes) -> bytes:
        return content.replace(self.token.encode(), HIDDEN.encode())


@dataclass(frozen=True)
class Config:
    base_url: str
    credentials: Credentials

    @classmethod
    def resolve(
        cls,
        environ: Mapping[str, str],
        *,
        token: str | None,
        base_url: str | None,
        region: str | None,
        auth: Literal["header", "query"],
        allow_insecure: bool,
    ) -> Config:
        if auth not in ("header", "query"):
            raise ConfigurationError(f'auth is "header" or "query", not {auth!r}')
        token_names = ["QSTASH_TOKEN"]
        url_names = ["QSTASH_URL"]
        fallback_url = DEFAULT_BASE_URL
        region_name = region if region is not None else _read(environ, ["QSTASH_REGION"])
        if region_name is not None:
            key = _region_key(region_name, "region" if region is not None else "QSTASH_REGION")
            token_names.insert(0, f"{key}_QSTASH_TOKEN")
            # QSTASH_URL may belong to another region: it must not override one that was asked for by argument.
            url_names = [f"{key}_QSTASH_URL"] if region is not None else [f"{key}_QSTASH_URL", "QSTASH_URL"]
            fallback_url = REGIONAL_BASE_URLS[key]
        if token is None:
            token = _read(environ, token_names)
            if token is None:
                raise ConfigurationError(
                    f"no token: pass DLQClient(token=...) or set {' or '.join(token_names)} in the environment"
                )
        if base_url is None:
            base_url = _read(environ, url_names) or fallback_url
        return cls(_checked_url(base_url, allow_insecure), Credentials(_checked_token(token), auth))


def environment_proxy(base_url: str) -> str | None:
    """The proxy that HTTPS_PROXY and its kin name for this URL. httpx reads them only where it makes its own transport.

    Loopback is never reached through a proxy: that would send the token off this machine in clear.
    """
    url = httpx.URL(base_url)
    if is_loopback(url.host) or proxy_bypass(url.host):
        return None
    proxies = getproxies()
    proxy = proxies.get(url.scheme) or proxies.get("all")
    return proxy if proxy is None or "://" in proxy else f"http://{proxy}"


def is_loopback(host: str) -> bool:
    if host.lower().rstrip(".") == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _read(environ: Mapping[str, str], names: list[str]) -> str | None:
    return next((value for name in names if (value := environ.get(name, "").strip())), None)


def _region_key(region: str, source: str) -> str:
    key = region.strip().upper().replace("-", "_")
    if key not in REGIONAL_BASE_URLS:
        known = ", ".join(f'"{name.lower().replace("_", "-")}"' for name in REGIONAL_BASE_URLS)
        raise ConfigurationError(f"{source} is {region!r}; known regions are {known}")
    return key


def _checked_token(token: str) -> str:
    if not isinstance(token, str):
        raise ConfigurationError(f"token must be a string, not {type(token).__name__}")
    token = token.strip()
    # Anything else would end in an httpx or h11 error that quotes the header, and so the token.
    if not re.fullmatch(r"[\x21-\x7e]+", token):
        raise ConfigurationError("token is empty or has characters that no token has (spaces, line breaks, non-ASCII)")
    return token


def _checked_url(base_url: str, allow_insecure: bool) -> str:
    try:
        url = httpx.URL(base_url)
    except (httpx.InvalidURL, TypeError) as error:
        raise ConfigurationError(f"base_url is not a URL: {error}") from None
    if url.userinfo:
        raise ConfigurationError("base_url must not contain a user name or password: they would show in logs")
    if url.scheme not in {"http", "https"} or not url.host or url.query or url.fragment:
        raise ConfigurationError(f"base_url must be http(s)://host[:port][/path], not {base_url!r}")
    if url.scheme == "http" and not allow_insecure and not is_loopback(url.host):
        raise ConfigurationError(
            f"{base_url!r} would send the token in clear: use https, or allow_insecure=True if you must"
        )
    return base_url.rstrip("/")
