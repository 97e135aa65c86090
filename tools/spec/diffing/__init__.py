"""What a change of the spec means to users, on the wire and in the generated client."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tools.spec.diffing.operations import compare_wire
from tools.spec.diffing.report import Change, Report, as_json, as_text, breaks
from tools.spec.diffing.surface import compare_clients

__all__ = ["Change", "as_json", "as_text", "breaks", "compare"]


def compare(
    old: Mapping[str, Any],
    new: Mapping[str, Any],
    old_config: Mapping[str, Any] | None = None,
    new_config: Mapping[str, Any] | None = None,
) -> list[Change]:
    """What changes between two documents and their generator-config.yaml, worst first. Unusable for a broken `$ref`."""
    report = Report()
    compare_wire(old, new, report)
    compare_clients(old, new, (old_config or {}, new_config or {}), report)
    return report.changes()
