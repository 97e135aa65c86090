from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..types import UNSET, Unset

if TYPE_CHECKING:
    from ..models.workflow_dlq_message import WorkflowDLQMessage


T = TypeVar("T", bound="FailedRunsPage")


@_attrs_define
class FailedRunsPage:
    """
    Attributes:
        cursor (str | Unset): Pagination cursor for the next page. Empty if no more results.
        messages (list[WorkflowDLQMessage] | Unset): Array of failed workflow messages.
    """

    cursor: str | Unset = UNSET
    messages: list[WorkflowDLQMessage] | Unset = UNSET
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        cursor = self.cursor

        messages: list[dict[str, Any]] | Unset = UNSET
        if not isinstance(self.messages, Unset):
            messages = []
            for messages_item_data in self.messages:
                messages_item = messages_item_data.to_dict()
                messages.append(messages_item)

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update({})
        if cursor is not UNSET:
            field_dict["cursor"] = cursor
        if messages is not UNSET:
            field_dict["messages"] = messages

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.workflow_dlq_message import WorkflowDLQMessage  # noqa: PLC0415

        d = dict(src_dict)
        cursor = d.pop("cursor", UNSET)

        _messages = d.pop("messages", UNSET)
        messages: list[WorkflowDLQMessage] | Unset = UNSET
        if _messages is not UNSET:
            messages = []
            for messages_item_data in _messages:
                messages_item = WorkflowDLQMessage.from_dict(messages_item_data)

                messages.append(messages_item)

        failed_runs_page = cls(
            cursor=cursor,
            messages=messages,
        )

        failed_runs_page.additional_properties = d
        return failed_runs_page

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
