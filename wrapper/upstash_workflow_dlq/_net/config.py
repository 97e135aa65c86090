"""Where to connect, and as whom: arguments first, then the environment."""

from __future__ import annotations

import re
from typing import Literal, NamedTuple, NoReturn, cast

import httpx

from .._redaction import remember
from ..errors import ConfigurationError
from .regions import Place

# With the longest filters, ids and cursor there still is room in what httpx takes for a URL: 65,536 characters.
MAX_BASE_URL_LENGTH = 2000
MAX_TOKEN_LENGTH = 4000


class Credentials:
    """The token, and how it is sent. Neither its repr nor a pickle shows it."""

    __slots__ = ("auth", "token")

    def __init__(self, token: str, auth: Literal["header", "query"]) -> None:
        self.token = token
        self.auth = auth
        remember(token)

    def __repr__(self) -> str:
        return f"Credentials(auth={self.auth!r})"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a client cannot be pickled or copied, since it holds a token: make one in each process")


class Config(NamedTuple):
    base_url: str
    credentials: Credentials

    @classmethod
    def resolve(cls, place: Place, *, allow_insecure: bool) -> Config:
        if place.auth not in ("header", "query"):
            raise ConfigurationError('auth must be "header" or "query"')
        place.complete()
        complaint = _complaint_about_token(place) or _complaint_about_url(place, allow_insecure)
        if complaint is not None:
            raise ConfigurationError(complaint)
        token = str.__str__(cast(str, place.token)).strip()
        base_url = str(httpx.URL(_text(cast(str | httpx.URL, place.base_url)))).rstrip("/")
        return cls(base_url, Credentials(token, place.auth))


def is_loopback(host: str) -> bool:
    from ipaddress import ip_address  # https to a named host, the usual case, does not need it

    if host.lower().rstrip(".") == "localhost":
        return True
    try:
        address = ip_address(host)
    except ValueError:
        return False
    return (getattr(address, "ipv4_mapped", None) or address).is_loopback


def has_valid_port(url: httpx.URL) -> bool:
    """Beyond 65535 some socket functions fail, and others take the rest of a division."""
    return url.port is None or 0 < url.port < 2**16


def _complaint_about_token(place: Place) -> str | None:
    if not isinstance(place.token, str):
        return f"token must be a string, not {type(place.token).__name__}"
    # Anything else would end in an httpx or h11 error that quotes the header, and so the token.
    if not re.fullmatch(r"[\x21-\x7e]+", str.__str__(place.token).strip()):
        return "token is empty or has characters that no token has: spaces, line breaks, non-ASCII"
    if len(str.__str__(place.token)) > MAX_TOKEN_LENGTH:
        return f"token is longer than {MAX_TOKEN_LENGTH} characters, as no token is"
    return None


def _complaint_about_url(place: Place, allow_insecure: bool) -> str | None:
    # No message quotes the value: it may be a token that was mistaken for it, or contain one.
    shape = "base_url must be http(s)://host[:port][/path]"
    if not isinstance(place.base_url, str | httpx.URL):
        return shape
    try:
        url = httpx.URL(_text(place.base_url))
        host = url.host.encode("idna").decode()
    except (httpx.InvalidURL, UnicodeError):
        return f"{shape}; what was given is not a URL"
    if url.scheme not in {"http", "https"} or not host or re.search("[?#]", _text(place.base_url)):
        return shape
    if len(str(url)) > MAX_BASE_URL_LENGTH:
        return f"{shape}, in at most {MAX_BASE_URL_LENGTH} characters"
    if not has_valid_port(url):
        return f"{shape}, the port being 1 to 65535"
    if url.userinfo:
        return f"{shape}, without a user name or password: they would show in logs"
    if url.scheme == "http" and not allow_insecure and not is_loopback(url.host):
        return f"http to {host} would send the token in clear: use https, or pass allow_insecure=True to accept that"
    return None


def _text(url: str | httpx.URL) -> str:
    return str.__str__(url) if isinstance(url, str) else str(url)
