"""What one request may take: seconds and bytes."""

from __future__ import annotations

from typing import NamedTuple

import httpx

from ..errors import ConfigurationError

# Sockets take no more than about that.
MAX_SECONDS = 10**9


class Limits(NamedTuple):
    """`timeout`: for each step. `deadline`: seconds for a request with all of its tries. Bytes: decompressed."""

    timeout: httpx.Timeout
    deadline: float | None
    max_response_size: int | None

    @classmethod
    def checked(
        cls, timeout: float | httpx.Timeout | None, deadline: float | None, max_response_size: int | None
    ) -> Limits:
        if deadline is not None and not _is_number(deadline, MAX_SECONDS):
            raise ConfigurationError("deadline must be positive seconds, or None for none")
        if max_response_size is not None and not (
            isinstance(max_response_size, int) and _is_number(max_response_size, 2**63)
        ):
            raise ConfigurationError("max_response_size must be a positive number of bytes, or None for no limit")
        return cls(_checked_timeout(timeout), deadline, max_response_size)


def _checked_timeout(timeout: float | httpx.Timeout | None) -> httpx.Timeout:
    if timeout is None or isinstance(timeout, httpx.Timeout):
        return httpx.Timeout(timeout)
    if not _is_number(timeout, MAX_SECONDS):
        raise ConfigurationError("timeout must be positive seconds, an httpx.Timeout, or None to wait for ever")
    return httpx.Timeout(timeout)


def _is_number(value: object, below: float) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < below
