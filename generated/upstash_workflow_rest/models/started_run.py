from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..types import UNSET, Unset

T = TypeVar("T", bound="StartedRun")


@_attrs_define
class StartedRun:
    """
    Attributes:
        workflow_run_id (str | Unset): Id of the run that was started.
        workflow_created_at (int | Unset): When it was created, in Unix milliseconds.
    """

    workflow_run_id: str | Unset = UNSET
    workflow_created_at: int | Unset = UNSET
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        workflow_run_id = self.workflow_run_id

        workflow_created_at = self.workflow_created_at

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update({})
        if workflow_run_id is not UNSET:
            field_dict["workflowRunId"] = workflow_run_id
        if workflow_created_at is not UNSET:
            field_dict["workflowCreatedAt"] = workflow_created_at

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        workflow_run_id = d.pop("workflowRunId", UNSET)

        workflow_created_at = d.pop("workflowCreatedAt", UNSET)

        started_run = cls(
            workflow_run_id=workflow_run_id,
            workflow_created_at=workflow_created_at,
        )

        started_run.additional_properties = d
        return started_run

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
