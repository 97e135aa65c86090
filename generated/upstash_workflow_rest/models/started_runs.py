from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..types import UNSET, Unset

if TYPE_CHECKING:
    from ..models.started_run import StartedRun


T = TypeVar("T", bound="StartedRuns")


@_attrs_define
class StartedRuns:
    """
    Attributes:
        cursor (str | Unset): Where to go on. Absent or empty at the end.
        workflow_runs (list[StartedRun] | Unset): The runs that this call started.
    """

    cursor: str | Unset = UNSET
    workflow_runs: list[StartedRun] | Unset = UNSET
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        cursor = self.cursor

        workflow_runs: list[dict[str, Any]] | Unset = UNSET
        if not isinstance(self.workflow_runs, Unset):
            workflow_runs = []
            for workflow_runs_item_data in self.workflow_runs:
                workflow_runs_item = workflow_runs_item_data.to_dict()
                workflow_runs.append(workflow_runs_item)

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update({})
        if cursor is not UNSET:
            field_dict["cursor"] = cursor
        if workflow_runs is not UNSET:
            field_dict["workflowRuns"] = workflow_runs

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.started_run import StartedRun  # noqa: PLC0415

        d = dict(src_dict)
        cursor = d.pop("cursor", UNSET)

        _workflow_runs = d.pop("workflowRuns", UNSET)
        workflow_runs: list[StartedRun] | Unset = UNSET
        if _workflow_runs is not UNSET:
            workflow_runs = []
            for workflow_runs_item_data in _workflow_runs:
                workflow_runs_item = StartedRun.from_dict(workflow_runs_item_data)

                workflow_runs.append(workflow_runs_item)

        started_runs = cls(
            cursor=cursor,
            workflow_runs=workflow_runs,
        )

        started_runs.additional_properties = d
        return started_runs

    @property
    def additional_keys(self) -> list[str]:
        return list(self.additional_properties.keys())

    def __getitem__(self, key: str) -> Any:
        return self.additional_properties[key]

    def __setitem__(self, key: str, value: Any) -> None:
        self.additional_properties[key] = value

    def __delitem__(self, key: str) -> None:
        del self.additional_properties[key]

    def __contains__(self, key: str) -> bool:
        return key in self.additional_properties
