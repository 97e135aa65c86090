"""What a resumed or restarted run does differently: checked, and turned into the builders' header parameters."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypedDict

from . import checks

__all__ = ["FlowControl", "Overrides"]


@dataclass(frozen=True)
class FlowControl:
    """Limits shared by all runs with the same key. A call that is given one without any limit raises `ValueError`.

    Args:
        key: names the limits.
        parallelism: steps at once, at least 1.
        rate: starts in each period, at least 1.
        period: length of a period: a timedelta of whole seconds, an int of seconds, or a string such as "1m".

    ```python
    from datetime import timedelta

    from upstash_workflow_dlq import FlowControl

    gently = FlowControl("payments", rate=10, period=timedelta(minutes=1))
    dlq.resume_many(label="billing", flow_control=gently)
    ```
    """

    key: str
    parallelism: int | None = None
    rate: int | None = None
    period: timedelta | int | str | None = None


class Overrides(TypedDict, total=False):
    """What replaces the settings that a run was first started with. None means not given.

    Attributes:
        retries: how often a step is retried, 0 or more.
        delay: how long to wait before the start; a timedelta of whole seconds, or a string such as "10s" or "5m".
        retry_delay: expression for the milliseconds between retries, such as "pow(2, retried) * 1000".
        flow_control: a `FlowControl`.
        label: one or several labels.
        failure_callback: URL to call if the run fails for good.

    ```python
    from upstash_workflow_dlq import Overrides

    again: Overrides = {"retries": 5, "delay": "10m", "label": ["billing", "again"]}
    # The label beside them is a filter.
    dlq.restart_many(label="billing", overrides=again)
    ```
    """

    retries: int | None
    delay: timedelta | str | None
    retry_delay: str | None
    flow_control: FlowControl | None
    label: str | Iterable[str] | None
    failure_callback: str | None


def header_arguments(overrides: Overrides) -> dict[str, Any]:
    """Arguments for a generated builder. Raise ValueError for what no header can carry, TypeError for unknown names."""
    unknown = overrides.keys() - Overrides.__annotations__.keys()
    if unknown:
        raise TypeError(
            f"there is no override {min(unknown)!r}. The overrides are {', '.join(Overrides.__annotations__)}"
        )
    arguments: dict[str, Any] = {}
    if (retries := overrides.get("retries")) is not None:
        arguments["upstash_retries"] = checks.whole_number("retries", retries, least=0)
    if (delay := overrides.get("delay")) is not None:
        arguments["upstash_delay"] = _duration("delay", delay)
    if (retry_delay := overrides.get("retry_delay")) is not None:
        arguments["upstash_retry_delay"] = checks.header_value("retry_delay", retry_delay)
    if (flow_control := overrides.get("flow_control")) is not None:
        if not isinstance(flow_control, FlowControl):
            raise TypeError(f"flow_control takes a FlowControl, not {type(flow_control).__name__}")
        arguments["upstash_flow_control_key"] = checks.header_value("key of flow_control", flow_control.key)
        arguments["upstash_flow_control_value"] = _limits(flow_control)
    if (label := overrides.get("label")) is not None:
        arguments["upstash_label"] = _labels(label)
    if (failure_callback := overrides.get("failure_callback")) is not None:
        arguments["upstash_failure_callback"] = checks.header_value("failure_callback", failure_callback)
    return arguments


def _duration(name: str, value: object) -> str:
    if isinstance(value, str):
        return checks.header_value(name, value)
    if not isinstance(value, timedelta):
        raise TypeError(f'{name} takes a timedelta, or a string such as "90s", not {type(value).__name__}')
    # Not divmod(): subclasses such as pendulum's cannot be divided by a timedelta.
    seconds, rest = timedelta.__divmod__(value, timedelta(seconds=1))
    if rest or seconds < 0:
        raise ValueError(f"{name} must be a whole number of seconds, 0 or more; it is {value}")
    return f"{seconds}s"


def _limits(flow_control: FlowControl) -> str:
    parts = []
    for name in ("parallelism", "rate"):
        if (value := getattr(flow_control, name)) is not None:
            parts.append(f"{name}={checks.whole_number(f'{name} of flow_control', value, least=1)}")
    if not parts:
        raise ValueError("flow_control limits nothing: give it parallelism or rate")
    if flow_control.period is not None:
        given = flow_control.period
        name = "period of flow_control"
        # Not by way of a timedelta, which holds less than some ints.
        period = f"{checks.whole_number(name, given, least=0)}s" if isinstance(given, int) else _duration(name, given)
        if "," in period or "=" in period:
            raise ValueError(f"period of flow_control {period!r} would be read as another limit")
        parts.append(f"period={period}")
    return ", ".join(parts)


def _labels(value: object) -> str:
    labels = checks.several("label", value, str, checks.header_value)
    if not labels:
        raise ValueError("label has no values: leave it out to keep the labels of the run")
    for label in labels:
        if "," in label:
            raise ValueError(f"label {label!r} has a comma: the service would split it")
    return ",".join(labels)
