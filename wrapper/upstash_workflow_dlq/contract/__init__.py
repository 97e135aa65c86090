"""Compares live answers with the vendor's spec, and reports where they drift from it (extra: `contract`)."""

from ._drift import ContractError, Drift, DriftKind

try:
    from ._monitor import ContractMonitor
except ModuleNotFoundError as error:
    raise ImportError(f'the contract room needs {error.name}: pip install "upstash-workflow-dlq[contract]"') from error

__all__ = ["ContractError", "ContractMonitor", "Drift", "DriftKind"]
