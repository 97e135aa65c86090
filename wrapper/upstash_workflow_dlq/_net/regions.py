"""Which token goes to which base URL: arguments first, then a pair of variables from the environment.

Each region has a queue and tokens of its own, so a URL and a token from the environment are taken as a pair: those of
the region, if both are set, or else the default ones. A token of one region is never sent to a host of another.
"""

from __future__ import annotations

import os
import re
from typing import Literal, NamedTuple

import httpx

from ..errors import ConfigurationError

DEFAULT_BASE_URL = "https://qstash.upstash.io"
REGIONAL_BASE_URLS = {
    "US_EAST_1": "https://qstash-us-east-1.upstash.io",
    "EU_CENTRAL_1": "https://qstash-eu-central-1.upstash.io",
}
REGION_OF_HOST = {httpx.URL(url).host: region for region, url in REGIONAL_BASE_URLS.items()} | {
    httpx.URL(DEFAULT_BASE_URL).host: "EU_CENTRAL_1"
}


class Variables(NamedTuple):
    """The names of a pair of variables. `region` None: whichever its URL is in."""

    url: str
    token: str
    region: str | None


DEFAULT_PAIR = Variables("QSTASH_URL", "QSTASH_TOKEN", None)


class Place:
    """Where to connect, with which token, and how that is sent, as far as it is known.

    No function here has a token or an argument in a variable: tracebacks may show variables, and any argument may be a
    token in the wrong place.
    """

    __slots__ = ("auth", "base_url", "region", "token")

    def __init__(self, token: object, base_url: object, region: object, auth: Literal["header", "query"]) -> None:
        self.token = token
        self.base_url = base_url
        self.region = region
        self.auth = auth

    def complete(self) -> None:
        """Take what was not given from the environment."""
        given = None if self.region is None else _key(self.region, "region")
        if self.token is not None and self.base_url is not None:
            return
        region = given or (_key(variable("QSTASH_REGION"), "QSTASH_REGION") if variable("QSTASH_REGION") else None)
        pair = self._pair(region, is_given=given is not None)
        # Whose token it is, as far as anybody says.
        owner = pair.region or given or region_of(variable(DEFAULT_PAIR.url))
        if self.token is None:
            self.token = variable(pair.token)
            if self.token is None:
                raise ConfigurationError(_no_token(region, is_given=given is not None))
        url_from = "base_url" if self.base_url is not None else pair.url
        if self.base_url is None:
            usual = REGIONAL_BASE_URLS[region] if region and owner == region else DEFAULT_BASE_URL
            self.base_url = variable(pair.url) or usual
        elsewhere = region_of(self.base_url)
        if owner is not None and elsewhere is not None and elsewhere != owner:
            raise ConfigurationError(
                f"the token is for {_shown(owner)}, and {url_from} is a host of {_shown(elsewhere)}: "
                "pass or set a token and a URL of the same region"
            )

    def _pair(self, region: str | None, *, is_given: bool) -> Variables:
        if region is None:
            return DEFAULT_PAIR
        own = Variables(f"{region}_QSTASH_URL", f"{region}_QSTASH_TOKEN", region)
        has_url, has_token = variable(own.url) is not None, variable(own.token) is not None
        if is_given:
            # The default pair may be of that region, too.
            default_is_there = region_of(variable(DEFAULT_PAIR.url) or DEFAULT_BASE_URL) == region
            needs_default = self.token is None and not has_token and default_is_there
            return DEFAULT_PAIR if needs_default and variable(DEFAULT_PAIR.token) else own
        if self.token is not None:
            return own if has_url or variable(DEFAULT_PAIR.url) is None else DEFAULT_PAIR
        if self.base_url is not None:
            return own if has_token and region_of(self.base_url) in (None, region) else DEFAULT_PAIR
        return own if has_url and has_token else DEFAULT_PAIR


def variable(name: str) -> str | None:
    return os.environ.get(name, "").strip() or None


def region_of(url: object) -> str | None:
    """The region that this is a host of; None if that is not known."""
    if not isinstance(url, str | httpx.URL):
        return None
    try:
        return REGION_OF_HOST.get(httpx.URL(url).host.rstrip("."))
    except httpx.InvalidURL:
        return None


def _key(region: object, source: str) -> str:
    key = str.__str__(region).strip().upper().replace("-", "_") if isinstance(region, str) else ""
    if key in REGIONAL_BASE_URLS:
        return key
    # What looks like a region is quoted. Anything else may be a token that was mistaken for one.
    given = f", not {_shown(key)!r}" if re.fullmatch(r"[A-Z0-9_ ]{1,20}", key) else ""
    del region, key  # not to be seen in the traceback
    known = " or ".join(f'"{_shown(name)}"' for name in REGIONAL_BASE_URLS)
    raise ConfigurationError(f"{source} must be {known}{given}")


def _shown(region: str) -> str:
    return region.lower().replace("_", "-")


def _no_token(region: str | None, *, is_given: bool) -> str:
    if region is None:
        return "no token: pass DLQClient(token=...) or set QSTASH_TOKEN in the environment"
    if is_given:
        return (
            f"no token for {_shown(region)}: pass DLQClient(token=...) or set {region}_QSTASH_TOKEN or QSTASH_TOKEN in "
            f"the environment, the latter with a QSTASH_URL of {_shown(region)}"
        )
    return (
        f"no token: pass DLQClient(token=...) or set {region}_QSTASH_TOKEN (which counts together with "
        f"{region}_QSTASH_URL) or QSTASH_TOKEN in the environment"
    )
