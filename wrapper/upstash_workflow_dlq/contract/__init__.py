"""Holds live answers against the vendor's spec, and tells where they drift from it (extra: `contract`)."""

from ._drift import ContractError, Drift, DriftKind

try:
    from ._monitor import ContractMonitor
except ModuleNotFoundError as error:
    raise ImportError(f'The contract needs {error.name}: pip install "upstash-workflow-dlq[contract]"') from error

__all__ = ["ContractError", "ContractMonitor", "Drift", "DriftKind"]
