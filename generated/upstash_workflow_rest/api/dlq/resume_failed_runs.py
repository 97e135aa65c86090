from http import HTTPStatus
from typing import Any

import httpx

from ... import errors
from ...client import AuthenticatedClient, Client
from ...models.error import Error
from ...models.started_runs import StartedRuns
from ...types import UNSET, Response, Unset


def _get_kwargs(
    *,
    cursor: str | Unset = UNSET,
    count: int | Unset = 50,
    from_date: int | Unset = UNSET,
    to_date: int | Unset = UNSET,
    workflow_url: list[str] | Unset = UNSET,
    workflow_run_id: str | Unset = UNSET,
    workflow_created_at: int | Unset = UNSET,
    label: list[str] | Unset = UNSET,
    failure_function_state: list[str] | Unset = UNSET,
    caller_ip: list[str] | Unset = UNSET,
    flow_control_key: list[str] | Unset = UNSET,
    dlq_ids: list[str] | Unset = UNSET,
    upstash_retries: int | Unset = UNSET,
    upstash_delay: str | Unset = UNSET,
    upstash_retry_delay: str | Unset = UNSET,
    upstash_flow_control_key: str | Unset = UNSET,
    upstash_flow_control_value: str | Unset = UNSET,
    upstash_label: str | Unset = UNSET,
    upstash_failure_callback: str | Unset = UNSET,
) -> dict[str, Any]:
    headers: dict[str, Any] = {}
    if not isinstance(upstash_retries, Unset):
        headers["Upstash-Retries"] = str(upstash_retries)

    if not isinstance(upstash_delay, Unset):
        headers["Upstash-Delay"] = upstash_delay

    if not isinstance(upstash_retry_delay, Unset):
        headers["Upstash-Retry-Delay"] = upstash_retry_delay

    if not isinstance(upstash_flow_control_key, Unset):
        headers["Upstash-Flow-Control-Key"] = upstash_flow_control_key

    if not isinstance(upstash_flow_control_value, Unset):
        headers["Upstash-Flow-Control-Value"] = upstash_flow_control_value

    if not isinstance(upstash_label, Unset):
        headers["Upstash-Label"] = upstash_label

    if not isinstance(upstash_failure_callback, Unset):
        headers["Upstash-Failure-Callback"] = upstash_failure_callback

    params: dict[str, Any] = {}

    params["cursor"] = cursor

    params["count"] = count

    params["fromDate"] = from_date

    params["toDate"] = to_date

    json_workflow_url: list[str] | Unset = UNSET
    if not isinstance(workflow_url, Unset):
        json_workflow_url = workflow_url

    params["workflowUrl"] = json_workflow_url

    params["workflowRunId"] = workflow_run_id

    params["workflowCreatedAt"] = workflow_created_at

    json_label: list[str] | Unset = UNSET
    if not isinstance(label, Unset):
        json_label = label

    params["label"] = json_label

    json_failure_function_state: list[str] | Unset = UNSET
    if not isinstance(failure_function_state, Unset):
        json_failure_function_state = failure_function_state

    params["failureFunctionState"] = json_failure_function_state

    json_caller_ip: list[str] | Unset = UNSET
    if not isinstance(caller_ip, Unset):
        json_caller_ip = caller_ip

    params["callerIp"] = json_caller_ip

    json_flow_control_key: list[str] | Unset = UNSET
    if not isinstance(flow_control_key, Unset):
        json_flow_control_key = flow_control_key

    params["flowControlKey"] = json_flow_control_key

    json_dlq_ids: list[str] | Unset = UNSET
    if not isinstance(dlq_ids, Unset):
        json_dlq_ids = dlq_ids

    params["dlqIds"] = json_dlq_ids

    params = {k: v for k, v in params.items() if v is not UNSET and v is not None}

    _kwargs: dict[str, Any] = {
        "method": "post",
        "url": "/v2/workflows/dlq/resume",
        "params": params,
    }

    _kwargs["headers"] = headers
    return _kwargs


def _parse_response(*, client: AuthenticatedClient | Client, response: httpx.Response) -> Error | StartedRuns | None:
    if response.status_code == 200:
        response_200 = StartedRuns.from_dict(response.json())

        return response_200

    if response.status_code == 400:
        response_400 = Error.from_dict(response.json())

        return response_400

    if response.status_code == 401:
        response_401 = Error.from_dict(response.json())

        return response_401

    if response.status_code == 404:
        response_404 = Error.from_dict(response.json())

        return response_404

    if response.status_code == 500:
        response_500 = Error.from_dict(response.json())

        return response_500

    if client.raise_on_unexpected_status:
        raise errors.UnexpectedStatus(response.status_code, response.content)
    else:
        return None


def _build_response(*, client: AuthenticatedClient | Client, response: httpx.Response) -> Response[Error | StartedRuns]:
    return Response(
        status_code=HTTPStatus(response.status_code),
        content=response.content,
        headers=response.headers,
        parsed=_parse_response(client=client, response=response),
    )


def sync_detailed(
    *,
    client: AuthenticatedClient | Client,
    cursor: str | Unset = UNSET,
    count: int | Unset = 50,
    from_date: int | Unset = UNSET,
    to_date: int | Unset = UNSET,
    workflow_url: list[str] | Unset = UNSET,
    workflow_run_id: str | Unset = UNSET,
    workflow_created_at: int | Unset = UNSET,
    label: list[str] | Unset = UNSET,
    failure_function_state: list[str] | Unset = UNSET,
    caller_ip: list[str] | Unset = UNSET,
    flow_control_key: list[str] | Unset = UNSET,
    dlq_ids: list[str] | Unset = UNSET,
    upstash_retries: int | Unset = UNSET,
    upstash_delay: str | Unset = UNSET,
    upstash_retry_delay: str | Unset = UNSET,
    upstash_flow_control_key: str | Unset = UNSET,
    upstash_flow_control_value: str | Unset = UNSET,
    upstash_label: str | Unset = UNSET,
    upstash_failure_callback: str | Unset = UNSET,
) -> Response[Error | StartedRuns]:
    """Resume Failed Workflow Runs in Bulk

     Resumes the failed runs that match all filters, or the ones named by `dlqIds`; without either, every
    one. What is resumed leaves the queue. The headers replace what the runs were first started with.
    At most 50 runs go per call. Call again with the returned cursor until there is none.

    Args:
        cursor (str | Unset):
        count (int | Unset):  Default: 50.
        from_date (int | Unset):
        to_date (int | Unset):
        workflow_url (list[str] | Unset):
        workflow_run_id (str | Unset):
        workflow_created_at (int | Unset):
        label (list[str] | Unset):
        failure_function_state (list[str] | Unset):
        caller_ip (list[str] | Unset):
        flow_control_key (list[str] | Unset):
        dlq_ids (list[str] | Unset):
        upstash_retries (int | Unset):
        upstash_delay (str | Unset):
        upstash_retry_delay (str | Unset):
        upstash_flow_control_key (str | Unset):
        upstash_flow_control_value (str | Unset):
        upstash_label (str | Unset):
        upstash_failure_callback (str | Unset):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[Error | StartedRuns]
    """

    kwargs = _get_kwargs(
        cursor=cursor,
        count=count,
        from_date=from_date,
        to_date=to_date,
        workflow_url=workflow_url,
        workflow_run_id=workflow_run_id,
        workflow_created_at=workflow_created_at,
        label=label,
        failure_function_state=failure_function_state,
        caller_ip=caller_ip,
        flow_control_key=flow_control_key,
        dlq_ids=dlq_ids,
        upstash_retries=upstash_retries,
        upstash_delay=upstash_delay,
        upstash_retry_delay=upstash_retry_delay,
        upstash_flow_control_key=upstash_flow_control_key,
        upstash_flow_control_value=upstash_flow_control_value,
        upstash_label=upstash_label,
        upstash_failure_callback=upstash_failure_callback,
    )

    response = client.get_httpx_client().request(
        **kwargs,
    )

    return _build_response(client=client, response=response)


def sync(
    *,
    client: AuthenticatedClient | Client,
    cursor: str | Unset = UNSET,
    count: int | Unset = 50,
    from_date: int | Unset = UNSET,
    to_date: int | Unset = UNSET,
    workflow_url: list[str] | Unset = UNSET,
    workflow_run_id: str | Unset = UNSET,
    workflow_created_at: int | Unset = UNSET,
    label: list[str] | Unset = UNSET,
    failure_function_state: list[str] | Unset = UNSET,
    caller_ip: list[str] | Unset = UNSET,
    flow_control_key: list[str] | Unset = UNSET,
    dlq_ids: list[str] | Unset = UNSET,
    upstash_retries: int | Unset = UNSET,
    upstash_delay: str | Unset = UNSET,
    upstash_retry_delay: str | Unset = UNSET,
    upstash_flow_control_key: str | Unset = UNSET,
    upstash_flow_control_value: str | Unset = UNSET,
    upstash_label: str | Unset = UNSET,
    upstash_failure_callback: str | Unset = UNSET,
) -> Error | StartedRuns | None:
    """Resume Failed Workflow Runs in Bulk

     Resumes the failed runs that match all filters, or the ones named by `dlqIds`; without either, every
    one. What is resumed leaves the queue. The headers replace what the runs were first started with.
    At most 50 runs go per call. Call again with the returned cursor until there is none.

    Args:
        cursor (str | Unset):
        count (int | Unset):  Default: 50.
        from_date (int | Unset):
        to_date (int | Unset):
        workflow_url (list[str] | Unset):
        workflow_run_id (str | Unset):
        workflow_created_at (int | Unset):
        label (list[str] | Unset):
        failure_function_state (list[str] | Unset):
        caller_ip (list[str] | Unset):
        flow_control_key (list[str] | Unset):
        dlq_ids (list[str] | Unset):
        upstash_retries (int | Unset):
        upstash_delay (str | Unset):
        upstash_retry_delay (str | Unset):
        upstash_flow_control_key (str | Unset):
        upstash_flow_control_value (str | Unset):
        upstash_label (str | Unset):
        upstash_failure_callback (str | Unset):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Error | StartedRuns
    """

    return sync_detailed(
        client=client,
        cursor=cursor,
        count=count,
        from_date=from_date,
        to_date=to_date,
        workflow_url=workflow_url,
        workflow_run_id=workflow_run_id,
        workflow_created_at=workflow_created_at,
        label=label,
        failure_function_state=failure_function_state,
        caller_ip=caller_ip,
        flow_control_key=flow_control_key,
        dlq_ids=dlq_ids,
        upstash_retries=upstash_retries,
        upstash_delay=upstash_delay,
        upstash_retry_delay=upstash_retry_delay,
        upstash_flow_control_key=upstash_flow_control_key,
        upstash_flow_control_value=upstash_flow_control_value,
        upstash_label=upstash_label,
        upstash_failure_callback=upstash_failure_callback,
    ).parsed


async def asyncio_detailed(
    *,
    client: AuthenticatedClient | Client,
    cursor: str | Unset = UNSET,
    count: int | Unset = 50,
    from_date: int | Unset = UNSET,
    to_date: int | Unset = UNSET,
    workflow_url: list[str] | Unset = UNSET,
    workflow_run_id: str | Unset = UNSET,
    workflow_created_at: int | Unset = UNSET,
    label: list[str] | Unset = UNSET,
    failure_function_state: list[str] | Unset = UNSET,
    caller_ip: list[str] | Unset = UNSET,
    flow_control_key: list[str] | Unset = UNSET,
    dlq_ids: list[str] | Unset = UNSET,
    upstash_retries: int | Unset = UNSET,
    upstash_delay: str | Unset = UNSET,
    upstash_retry_delay: str | Unset = UNSET,
    upstash_flow_control_key: str | Unset = UNSET,
    upstash_flow_control_value: str | Unset = UNSET,
    upstash_label: str | Unset = UNSET,
    upstash_failure_callback: str | Unset = UNSET,
) -> Response[Error | StartedRuns]:
    """Resume Failed Workflow Runs in Bulk

     Resumes the failed runs that match all filters, or the ones named by `dlqIds`; without either, every
    one. What is resumed leaves the queue. The headers replace what the runs were first started with.
    At most 50 runs go per call. Call again with the returned cursor until there is none.

    Args:
        cursor (str | Unset):
        count (int | Unset):  Default: 50.
        from_date (int | Unset):
        to_date (int | Unset):
        workflow_url (list[str] | Unset):
        workflow_run_id (str | Unset):
        workflow_created_at (int | Unset):
        label (list[str] | Unset):
        failure_function_state (list[str] | Unset):
        caller_ip (list[str] | Unset):
        flow_control_key (list[str] | Unset):
        dlq_ids (list[str] | Unset):
        upstash_retries (int | Unset):
        upstash_delay (str | Unset):
        upstash_retry_delay (str | Unset):
        upstash_flow_control_key (str | Unset):
        upstash_flow_control_value (str | Unset):
        upstash_label (str | Unset):
        upstash_failure_callback (str | Unset):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[Error | StartedRuns]
    """

    kwargs = _get_kwargs(
        cursor=cursor,
        count=count,
        from_date=from_date,
        to_date=to_date,
        workflow_url=workflow_url,
        workflow_run_id=workflow_run_id,
        workflow_created_at=workflow_created_at,
        label=label,
        failure_function_state=failure_function_state,
        caller_ip=caller_ip,
        flow_control_key=flow_control_key,
        dlq_ids=dlq_ids,
        upstash_retries=upstash_retries,
        upstash_delay=upstash_delay,
        upstash_retry_delay=upstash_retry_delay,
        upstash_flow_control_key=upstash_flow_control_key,
        upstash_flow_control_value=upstash_flow_control_value,
        upstash_label=upstash_label,
        upstash_failure_callback=upstash_failure_callback,
    )

    response = await client.get_async_httpx_client().request(**kwargs)

    return _build_response(client=client, response=response)


async def asyncio(
    *,
    client: AuthenticatedClient | Client,
    cursor: str | Unset = UNSET,
    count: int | Unset = 50,
    from_date: int | Unset = UNSET,
    to_date: int | Unset = UNSET,
    workflow_url: list[str] | Unset = UNSET,
    workflow_run_id: str | Unset = UNSET,
    workflow_created_at: int | Unset = UNSET,
    label: list[str] | Unset = UNSET,
    failure_function_state: list[str] | Unset = UNSET,
    caller_ip: list[str] | Unset = UNSET,
    flow_control_key: list[str] | Unset = UNSET,
    dlq_ids: list[str] | Unset = UNSET,
    upstash_retries: int | Unset = UNSET,
    upstash_delay: str | Unset = UNSET,
    upstash_retry_delay: str | Unset = UNSET,
    upstash_flow_control_key: str | Unset = UNSET,
    upstash_flow_control_value: str | Unset = UNSET,
    upstash_label: str | Unset = UNSET,
    upstash_failure_callback: str | Unset = UNSET,
) -> Error | StartedRuns | None:
    """Resume Failed Workflow Runs in Bulk

     Resumes the failed runs that match all filters, or the ones named by `dlqIds`; without either, every
    one. What is resumed leaves the queue. The headers replace what the runs were first started with.
    At most 50 runs go per call. Call again with the returned cursor until there is none.

    Args:
        cursor (str | Unset):
        count (int | Unset):  Default: 50.
        from_date (int | Unset):
        to_date (int | Unset):
        workflow_url (list[str] | Unset):
        workflow_run_id (str | Unset):
        workflow_created_at (int | Unset):
        label (list[str] | Unset):
        failure_function_state (list[str] | Unset):
        caller_ip (list[str] | Unset):
        flow_control_key (list[str] | Unset):
        dlq_ids (list[str] | Unset):
        upstash_retries (int | Unset):
        upstash_delay (str | Unset):
        upstash_retry_delay (str | Unset):
        upstash_flow_control_key (str | Unset):
        upstash_flow_control_value (str | Unset):
        upstash_label (str | Unset):
        upstash_failure_callback (str | Unset):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Error | StartedRuns
    """

    return (
        await asyncio_detailed(
            client=client,
            cursor=cursor,
            count=count,
            from_date=from_date,
            to_date=to_date,
            workflow_url=workflow_url,
            workflow_run_id=workflow_run_id,
            workflow_created_at=workflow_created_at,
            label=label,
            failure_function_state=failure_function_state,
            caller_ip=caller_ip,
            flow_control_key=flow_control_key,
            dlq_ids=dlq_ids,
            upstash_retries=upstash_retries,
            upstash_delay=upstash_delay,
            upstash_retry_delay=upstash_retry_delay,
            upstash_flow_control_key=upstash_flow_control_key,
            upstash_flow_control_value=upstash_flow_control_value,
            upstash_label=upstash_label,
            upstash_failure_callback=upstash_failure_callback,
        )
    ).parsed
