"""What a resumed or restarted run does differently: from what callers write to the builders' header parameters."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypedDict


@dataclass(frozen=True)
class FlowControl:
    """Limits that all runs with the same key share. `period` is what `rate` counts over: seconds, or like "1m"."""

    key: str
    parallelism: int | None = None
    rate: int | None = None
    period: timedelta | int | str | None = None


class Overrides(TypedDict, total=False):
    """What replaces the settings that a run was first started with. None means not given."""

    retries: int | None
    """How often a step is retried."""
    delay: timedelta | str | None
    """How long to wait before the start; a timedelta of whole seconds, or like "10s", "5m"."""
    retry_delay: str | None
    """Expression for the milliseconds between retries, like "pow(2, retried) * 1000"."""
    flow_control: FlowControl | None
    label: str | Iterable[str] | None
    failure_callback: str | None
    """URL to call if the run fails for good."""


def header_arguments(overrides: Overrides) -> dict[str, Any]:
    """Arguments for a generated builder. Raise ValueError for what no header can carry, TypeError for unknown names."""
    unknown = overrides.keys() - Overrides.__annotations__.keys()
    if unknown:
        raise TypeError(f"there is no override {min(unknown)!r}. Overrides are {', '.join(Overrides.__annotations__)}")
    arguments: dict[str, Any] = {}
    if (retries := overrides.get("retries")) is not None:
        arguments["upstash_retries"] = _whole_number("retries", retries, least=0)
    if (delay := overrides.get("delay")) is not None:
        arguments["upstash_delay"] = _duration("delay", delay)
    if (retry_delay := overrides.get("retry_delay")) is not None:
        arguments["upstash_retry_delay"] = _header("retry_delay", retry_delay)
    if (flow_control := overrides.get("flow_control")) is not None:
        if not isinstance(flow_control, FlowControl):
            raise TypeError(f"flow_control takes a FlowControl, not {type(flow_control).__name__}")
        arguments["upstash_flow_control_key"] = _header("key of flow_control", flow_control.key)
        arguments["upstash_flow_control_value"] = _limits(flow_control)
    if (label := overrides.get("label")) is not None:
        arguments["upstash_label"] = _labels(label)
    if (failure_callback := overrides.get("failure_callback")) is not None:
        arguments["upstash_failure_callback"] = _header("failure_callback", failure_callback)
    return arguments


def _header(name: str, value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{name} takes a string, not {type(value).__name__}")
    if not value.strip():
        raise ValueError(f"{name} is empty: leave it out to keep what the run was started with")
    # Line breaks would end the header, and what is not ASCII has no agreed encoding there.
    if not (value.isascii() and value.isprintable()):
        raise ValueError(f"{name} {value!r} cannot travel in a header: only printable ASCII can")
    return value.strip()


def _whole_number(name: str, value: object, *, least: int) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError(f"{name} takes an int, not {type(value).__name__}")
    if value < least:
        raise ValueError(f"{name} is {value}; it must be at least {least}")
    return value


def _duration(name: str, value: object) -> str:
    if isinstance(value, str):
        return _header(name, value)
    if not isinstance(value, timedelta):
        raise TypeError(f'{name} takes a timedelta, or a string like "90s", not {type(value).__name__}')
    seconds, rest = divmod(value, timedelta(seconds=1))
    if rest or seconds < 0:
        raise ValueError(f"{name} {value} is not a number of whole seconds")
    return f"{seconds}s"


def _limits(flow_control: FlowControl) -> str:
    parts = []
    for name in ("parallelism", "rate"):
        if (value := getattr(flow_control, name)) is not None:
            parts.append(f"{name}={_whole_number(f'{name} of flow_control', value, least=1)}")
    if not parts:
        raise ValueError("flow_control limits nothing: give it parallelism or rate")
    if flow_control.period is not None:
        given = flow_control.period
        period = _duration("period of flow_control", timedelta(seconds=given) if isinstance(given, int) else given)
        if "," in period or "=" in period:
            raise ValueError(f"period of flow_control {period!r} would be read as another limit")
        parts.append(f"period={period}")
    return ", ".join(parts)


def _labels(label: object) -> str:
    if isinstance(label, bytes) or not isinstance(label, Iterable):
        raise TypeError(f"label takes a string or several, not {type(label).__name__}")
    labels = [_header("label", item) for item in ([label] if isinstance(label, str) else label)]
    if not labels:
        raise ValueError("label has no values: leave it out to keep the labels of the run")
    for item in labels:
        if "," in item:
            raise ValueError(f"label {item!r} has a comma, where the service would split it")
    return ",".join(labels)
