"""The rules for `DLQClient(retry=…)`. In a module of their own, since importing them takes 15 ms of a start."""

from httpx_retries import Retry

__all__ = ["Retry"]
