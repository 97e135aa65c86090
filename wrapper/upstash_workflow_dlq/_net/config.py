"""Where to connect, and as whom: arguments first, then the environment."""

from __future__ import annotations

import functools
import re
import ssl
from collections.abc import Mapping
from typing import Literal, NamedTuple
from urllib.parse import quote

import httpx

from ..errors import ConfigurationError

DEFAULT_BASE_URL = "https://qstash.upstash.io"
REGIONAL_BASE_URLS = {
    "US_EAST_1": "https://qstash-us-east-1.upstash.io",
    "EU_CENTRAL_1": "https://qstash-eu-central-1.upstash.io",
}
HIDDEN = "[token]"


class Credentials:
    """The token, and where it is sent. The repr does not show it."""

    __slots__ = ("auth", "token")

    def __init__(self, token: str, auth: Literal["header", "query"]) -> None:
        self.token = token
        self.auth = auth

    def __repr__(self) -> str:
        return f"Credentials(auth={self.auth!r})"

    def redact(self, text: str) -> str:
        """The text without the token, also if it is encoded for a URL or for JSON."""
        if len(self.token) < 8:  # no real token, and likely to be part of other words
            return text
        spellings = {self.token, quote(self.token), quote(self.token, safe=""), self.token.replace("/", "\\/")}
        return functools.reduce(lambda shown, spelling: shown.replace(spelling, HIDDEN), spellings, text)


class Config(NamedTuple):
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
            raise ConfigurationError('auth must be "header" or "query"')
        token_names = ["QSTASH_TOKEN"]
        url_names = ["QSTASH_URL"]
        fallback_url = DEFAULT_BASE_URL
        from_environment = _read(environ, ["QSTASH_REGION"]) if token is None or base_url is None else None
        if region is not None or from_environment is not None:
            key = (
                _region_key(region, "region") if region is not None else _region_key(from_environment, "QSTASH_REGION")
            )
            token_names.insert(0, f"{key}_QSTASH_TOKEN")
            # QSTASH_URL may belong to another region: it must not override a region passed as an argument.
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
    """The proxy for this URL from HTTPS_PROXY, ALL_PROXY and so on. httpx reads them for its own transports only.

    Loopback is never reached through a proxy: that would send the token off this machine in clear.
    """
    from urllib.request import getproxies, proxy_bypass

    url = httpx.URL(base_url)
    proxies = getproxies()
    proxy = proxies.get(url.scheme) or proxies.get("all")
    if not proxy or is_loopback(url.host) or proxy_bypass(url.host):
        return None
    return proxy if "://" in proxy else f"http://{proxy}"


def is_loopback(host: str) -> bool:
    from ipaddress import ip_address  # https to a named host, the usual case, does not need it

    if host.lower().rstrip(".") == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def tls_context(base_url: str) -> ssl.SSLContext:
    # Plain http has nothing to verify: this context trusts nobody, and needs no CA bundle.
    return _ca_context() if httpx.URL(base_url).scheme == "https" else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


@functools.cache
def _ca_context() -> ssl.SSLContext:
    # Shared by all clients: loading the CA bundle takes about 35 ms.
    return httpx.create_ssl_context()


def _read(environ: Mapping[str, str], names: list[str]) -> str | None:
    return next((value for name in names if (value := environ.get(name, "").strip())), None)


def _region_key(region: object, source: str) -> str:
    key = region.strip().upper().replace("-", "_") if isinstance(region, str) else ""
    if key not in REGIONAL_BASE_URLS:
        known = " or ".join(f'"{name.lower().replace("_", "-")}"' for name in REGIONAL_BASE_URLS)
        raise ConfigurationError(f"{source} must be {known}")
    return key


def _checked_token(token: str) -> str:
    if not isinstance(token, str):
        raise ConfigurationError(f"token must be a string, not {type(token).__name__}")
    token = token.strip()
    # Anything else would end in an httpx or h11 error that quotes the header, and so the token.
    if not re.fullmatch(r"[\x21-\x7e]+", token):
        raise ConfigurationError("token is empty or has characters that no token has: spaces, line breaks, non-ASCII")
    return token


def _checked_url(base_url: object, allow_insecure: bool) -> str:
    # No message quotes the value: it may be a token that was mistaken for it, or contain one.
    shape = "base_url must be http(s)://host[:port][/path]"
    try:
        url = httpx.URL(str(base_url)) if isinstance(base_url, str | httpx.URL) else None
        host = "" if url is None else url.host.encode("idna").decode()
    except (httpx.InvalidURL, UnicodeError):
        raise ConfigurationError(f"{shape}; what was given is not a URL") from None
    if url is None or url.scheme not in {"http", "https"} or not host or "?" in str(base_url) or "#" in str(base_url):
        raise ConfigurationError(shape)
    if url.userinfo:
        raise ConfigurationError(f"{shape}, without a user name or password: they would show in logs")
    if url.scheme == "http" and not allow_insecure and not is_loopback(url.host):
        raise ConfigurationError(
            f"http to {host} would send the token in clear: use https, or pass allow_insecure=True to accept that"
        )
    return str(url).rstrip("/")
