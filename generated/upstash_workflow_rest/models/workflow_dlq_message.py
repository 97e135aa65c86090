from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..types import UNSET, Unset

if TYPE_CHECKING:
    from ..models.workflow_dlq_message_header import WorkflowDLQMessageHeader
    from ..models.workflow_dlq_message_response_header import WorkflowDLQMessageResponseHeader


T = TypeVar("T", bound="WorkflowDLQMessage")


@_attrs_define
class WorkflowDLQMessage:
    """
    Attributes:
        dlq_id (str | Unset): The DLQ ID of the failed workflow message.
        workflow_url (str | Unset): The URL of the workflow.
        workflow_run_id (str | Unset): The ID of the workflow run.
        workflow_created_at (int | Unset): The timestamp when the workflow run was created (Unix timestamp in
            milliseconds).
        url (str | Unset): The URL of the failed workflow step.
        method (str | Unset): The HTTP method used for the workflow step.
        header (WorkflowDLQMessageHeader | Unset): The HTTP headers sent to the workflow step.
        body (str | Unset): The body of the message if it is composed of utf8 chars only, empty otherwise.
        body_base_64 (str | Unset): The base64 encoded body if the body contains a non-utf8 char only, empty otherwise.
        max_retries (int | Unset): The number of retries that should be attempted in case of delivery failure.
        created_at (int | Unset): The unix timestamp in milliseconds when the message was created.
        failure_callback (str | Unset): The url where we send a callback to after the workflow fails.
        caller_ip (str | Unset): IP address of the publisher of this workflow.
        label (str | Unset): The label assigned to the workflow run. Deprecated in favor of `labels`.
        labels (list[str] | Unset): The list of labels assigned to the workflow run.
        flow_control_key (str | Unset): The flow control key used for rate limiting.
        failure_function_state (str | Unset): The state of the failure function if applicable.
        response_status (int | Unset): The HTTP status code received from the destination API.
        response_header (WorkflowDLQMessageResponseHeader | Unset): The HTTP response headers received from the
            destination API.
        response_body (str | Unset): The body of the response if it is composed of utf8 chars only, empty otherwise.
        response_body_base_64 (str | Unset): The base64 encoded body of the response if the body contains a non-utf8
            char only, empty otherwise.
    """

    dlq_id: str | Unset = UNSET
    workflow_url: str | Unset = UNSET
    workflow_run_id: str | Unset = UNSET
    workflow_created_at: int | Unset = UNSET
    url: str | Unset = UNSET
    method: str | Unset = UNSET
    header: WorkflowDLQMessageHeader | Unset = UNSET
    body: str | Unset = UNSET
    body_base_64: str | Unset = UNSET
    max_retries: int | Unset = UNSET
    created_at: int | Unset = UNSET
    failure_callback: str | Unset = UNSET
    caller_ip: str | Unset = UNSET
    label: str | Unset = UNSET
    labels: list[str] | Unset = UNSET
    flow_control_key: str | Unset = UNSET
    failure_function_state: str | Unset = UNSET
    response_status: int | Unset = UNSET
    response_header: WorkflowDLQMessageResponseHeader | Unset = UNSET
    response_body: str | Unset = UNSET
    response_body_base_64: str | Unset = UNSET
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        dlq_id = self.dlq_id

        workflow_url = self.workflow_url

        workflow_run_id = self.workflow_run_id

        workflow_created_at = self.workflow_created_at

        url = self.url

        method = self.method

        header: dict[str, Any] | Unset = UNSET
        if not isinstance(self.header, Unset):
            header = self.header.to_dict()

        body = self.body

        body_base_64 = self.body_base_64

        max_retries = self.max_retries

        created_at = self.created_at

        failure_callback = self.failure_callback

        caller_ip = self.caller_ip

        label = self.label

        labels: list[str] | Unset = UNSET
        if not isinstance(self.labels, Unset):
            labels = self.labels

        flow_control_key = self.flow_control_key

        failure_function_state = self.failure_function_state

        response_status = self.response_status

        response_header: dict[str, Any] | Unset = UNSET
        if not isinstance(self.response_header, Unset):
            response_header = self.response_header.to_dict()

        response_body = self.response_body

        response_body_base_64 = self.response_body_base_64

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update({})
        if dlq_id is not UNSET:
            field_dict["dlqId"] = dlq_id
        if workflow_url is not UNSET:
            field_dict["workflowUrl"] = workflow_url
        if workflow_run_id is not UNSET:
            field_dict["workflowRunId"] = workflow_run_id
        if workflow_created_at is not UNSET:
            field_dict["workflowCreatedAt"] = workflow_created_at
        if url is not UNSET:
            field_dict["url"] = url
        if method is not UNSET:
            field_dict["method"] = method
        if header is not UNSET:
            field_dict["header"] = header
        if body is not UNSET:
            field_dict["body"] = body
        if body_base_64 is not UNSET:
            field_dict["bodyBase64"] = body_base_64
        if max_retries is not UNSET:
            field_dict["maxRetries"] = max_retries
        if created_at is not UNSET:
            field_dict["createdAt"] = created_at
        if failure_callback is not UNSET:
            field_dict["failureCallback"] = failure_callback
        if caller_ip is not UNSET:
            field_dict["callerIP"] = caller_ip
        if label is not UNSET:
            field_dict["label"] = label
        if labels is not UNSET:
            field_dict["labels"] = labels
        if flow_control_key is not UNSET:
            field_dict["flowControlKey"] = flow_control_key
        if failure_function_state is not UNSET:
            field_dict["failureFunctionState"] = failure_function_state
        if response_status is not UNSET:
            field_dict["responseStatus"] = response_status
        if response_header is not UNSET:
            field_dict["responseHeader"] = response_header
        if response_body is not UNSET:
            field_dict["responseBody"] = response_body
        if response_body_base_64 is not UNSET:
            field_dict["responseBodyBase64"] = response_body_base_64

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.workflow_dlq_message_header import WorkflowDLQMessageHeader  # noqa: PLC0415
        from ..models.workflow_dlq_message_response_header import WorkflowDLQMessageResponseHeader  # noqa: PLC0415

        d = dict(src_dict)
        dlq_id = d.pop("dlqId", UNSET)

        workflow_url = d.pop("workflowUrl", UNSET)

        workflow_run_id = d.pop("workflowRunId", UNSET)

        workflow_created_at = d.pop("workflowCreatedAt", UNSET)

        url = d.pop("url", UNSET)

        method = d.pop("method", UNSET)

        _header = d.pop("header", UNSET)
        header: WorkflowDLQMessageHeader | Unset
        if isinstance(_header, Unset):
            header = UNSET
        else:
            header = WorkflowDLQMessageHeader.from_dict(_header)

        body = d.pop("body", UNSET)

        body_base_64 = d.pop("bodyBase64", UNSET)

        max_retries = d.pop("maxRetries", UNSET)

        created_at = d.pop("createdAt", UNSET)

        failure_callback = d.pop("failureCallback", UNSET)

        caller_ip = d.pop("callerIP", UNSET)

        label = d.pop("label", UNSET)

        labels = cast(list[str], d.pop("labels", UNSET))

        flow_control_key = d.pop("flowControlKey", UNSET)

        failure_function_state = d.pop("failureFunctionState", UNSET)

        response_status = d.pop("responseStatus", UNSET)

        _response_header = d.pop("responseHeader", UNSET)
        response_header: WorkflowDLQMessageResponseHeader | Unset
        if isinstance(_response_header, Unset):
            response_header = UNSET
        else:
            response_header = WorkflowDLQMessageResponseHeader.from_dict(_response_header)

        response_body = d.pop("responseBody", UNSET)

        response_body_base_64 = d.pop("responseBodyBase64", UNSET)

        workflow_dlq_message = cls(
            dlq_id=dlq_id,
            workflow_url=workflow_url,
            workflow_run_id=workflow_run_id,
            workflow_created_at=workflow_created_at,
            url=url,
            method=method,
            header=header,
            body=body,
            body_base_64=body_base_64,
            max_retries=max_retries,
            created_at=created_at,
            failure_callback=failure_callback,
            caller_ip=caller_ip,
            label=label,
            labels=labels,
            flow_control_key=flow_control_key,
            failure_function_state=failure_function_state,
            response_status=response_status,
            response_header=response_header,
            response_body=response_body,
            response_body_base_64=response_body_base_64,
        )

        workflow_dlq_message.additional_properties = d
        return workflow_dlq_message

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
