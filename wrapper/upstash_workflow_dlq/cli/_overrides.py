"""What new runs do differently: the options of resume, restart and redrive plan."""

from __future__ import annotations

from typing import Any

import click

from ._numbers import WHOLE
from ._options import options

overrides = options(
    click.option("--retries", type=WHOLE, metavar="N", help="Retries of each step."),
    click.option("--delay", metavar="SPAN", help="Wait before the start, such as 10s or 5m."),
    click.option(
        "--retry-delay", metavar="EXPR", help='Milliseconds between retries, such as "pow(2, retried) * 1000".'
    ),
    click.option("--flow-key", metavar="KEY", help="Flow control key; its limits are the next three."),
    click.option("--parallelism", type=WHOLE, metavar="N", help="Steps at once, at most."),
    click.option("--rate-limit", type=WHOLE, metavar="N", help="Steps started in each period, at most."),
    click.option("--period", metavar="SPAN", help="Length of a period, such as 1m."),
    click.option("--set-label", multiple=True, metavar="LABEL", help="Labels of the new runs. Repeatable."),
    click.option("--failure-url", metavar="URL", help="Called if the new run fails for good."),
)


def taken_overrides(given: dict[str, Any]) -> dict[str, Any]:
    """What the new runs do differently, as the client takes it."""
    from upstash_workflow_dlq import FlowControl

    flow = {name: given.pop(option) for name, option in _FLOW.items()}
    how = {name: given.pop(option) for name, option in _OVERRIDES.items()}
    how["label"] = list(how["label"]) or None
    if flow["key"] is not None:
        how["flow_control"] = FlowControl(**flow)
    elif any(value is not None for value in flow.values()):
        message = "--parallelism, --rate-limit and --period are limits of a key: pass --flow-key"
        raise click.UsageError(message, click.get_current_context())
    chosen = {name: value for name, value in how.items() if value is not None}
    return {"overrides": chosen} if chosen else {}


_FLOW = {"key": "flow_key", "parallelism": "parallelism", "rate": "rate_limit", "period": "period"}
_OVERRIDES = {
    "retries": "retries",
    "delay": "delay",
    "retry_delay": "retry_delay",
    "label": "set_label",
    "failure_callback": "failure_url",
}
