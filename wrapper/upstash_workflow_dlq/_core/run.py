"""A failed run: the payload as it came, and typed ways to read it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple, Self, TypeVar

from .._redaction import redacted
from ..errors import InvalidResponseError
from . import checks, fields, generated, times
from .failure import Failure, FailureFunction, read_failure
from .fields import Field, PayloadView, ResponseView
from .redacted import is_redacted, redacted_places
from .steps import Step, completed_steps, find_initial_payload, find_stack

if TYPE_CHECKING:
    from upstash_workflow_rest.models import WorkflowDLQMessage

    from .json import Head

T = TypeVar("T")

__all__ = ["FailedRun", "StartedRun"]


class FailedRun(ResponseView):
    """A workflow run in the dead-letter queue. Immutable, equal by payload, hashable by `dlq_id`.

    A field that is absent or null is None (empty for collections). Reading a field of the wrong type raises
    `InvalidResponseError` and affects no other field. Times are aware UTC datetimes, exact to the millisecond. Fields
    marked "undocumented" are in real payloads but not in the vendor's schema.

    ```python
    run = dlq.list(response_status=489).first()
    print(run.workflow_run_id, run.failure.name, run.failure.message)
    print(run.headers["content-type"], run.response_json(), run.initial_payload)
    ```
    """

    __slots__ = ("_content", "_head")
    _content: bytes
    _head: Head | None

    def __init__(self, payload: dict[str, Any]) -> None:
        super().__init__(payload)
        object.__setattr__(self, "_head", None)

    message_id = Field("messageId", fields.text, "Id of the message that failed. Undocumented.")
    url = Field("url", fields.text, "URL of the step that failed.")
    method = Field("method", fields.text, "HTTP method of the step.")
    headers = Field("header", fields.headers, "Headers sent to the step; case-insensitive names.")
    max_retries = Field("maxRetries", fields.integer, "How often a failed delivery is retried.")
    not_before = Field("notBefore", fields.time, "When the message was due to be delivered. Undocumented.")
    caller_ip = Field("callerIP", fields.text, "IP address that the run was started from.")
    flow_control_key = Field("flowControlKey", fields.text, "Key that limits rate and parallelism.")
    rate = Field("rate", fields.integer, "Starts allowed in each `period`. Undocumented.")
    parallelism = Field("parallelism", fields.integer, "Steps allowed at once. Undocumented.")
    period = Field("period", fields.integer, "Length of a rate period in seconds. Undocumented.")
    retry_delay_expression = Field(
        "retryDelayExpression", fields.text, "Expression for the wait between retries. Undocumented."
    )
    failure_callback = Field("failureCallback", fields.text, "URL called after the run failed.")
    failure_callback_headers = Field(
        "failureCallbackHeader", fields.headers, "Headers sent to `failure_callback`. Undocumented."
    )
    callback = Field("callback", fields.text, "URL called after success. Undocumented.")
    callback_headers = Field("callbackHeader", fields.headers, "Headers sent to `callback`. Undocumented.")
    topic_name = Field("topicName", fields.text, "Topic (URL group) published to. Undocumented.")
    endpoint_name = Field("endpointName", fields.text, "Endpoint in the topic. Undocumented.")
    queue_name = Field("queueName", fields.text, "Queue published to. Undocumented.")
    schedule_id = Field("scheduleId", fields.text, "Schedule that published. Undocumented.")
    api = Field("api", fields.text, "API that published. Undocumented.")
    response_headers = Field("responseHeader", fields.headers, "Headers the endpoint answered; case-insensitive names.")

    @classmethod
    def from_json(cls, content: bytes) -> Self:
        """The run described by a JSON object, such as `to_json` gives. Most of it is decoded when it is first read.

        Raises `InvalidResponseError` if `content` is something else.
        """
        from .json import decode_head

        if (head := decode_head(content)) is not None:
            return cls._of_json(content, head)
        try:
            payload = fields.json_decoder()(content)
        except ValueError as error:
            raise InvalidResponseError(f"this is no JSON: {error}") from None
        if not isinstance(payload, dict):
            raise InvalidResponseError(f"a failed run should be a JSON object, but this is {type(payload).__name__}")
        return cls._of_payload(payload, content)

    def to_json(self) -> bytes:
        """The payload byte for byte as it was received; made anew for a run that was made from a dict."""
        try:
            return self._content
        except AttributeError:
            from .json import encode_json

            return encode_json(self._payload)

    @classmethod
    def _of_json(cls, content: bytes, head: Head) -> Self:
        """The run described by this JSON object. Only its head is decoded yet; the rest is when it is first read."""
        run = _new(cls)
        _set_content(run, content)
        _set_head(run, head)
        return run

    @classmethod
    def _of_payload(cls, payload: dict[str, Any], content: bytes) -> Self:
        """A run that was decoded already."""
        run = cls(payload)
        _set_content(run, content)
        return run

    if not TYPE_CHECKING:  # a type checker would accept any attribute name

        def __getattr__(self, name: str) -> Any:
            """Fills the `_payload` slot when it is first read, and reads fields that only the generated model names."""
            if name == "_payload":
                object.__setattr__(self, "_payload", self._decode_payload())
                return self._payload
            if not name.startswith("_") and name in generated.new_fields(self._KNOWN):
                return self._modelled(generated.new_field, name)
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}", name=name, obj=self)

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *generated.new_fields(self._KNOWN)]

    def _decode_payload(self) -> dict[str, Any]:
        try:
            payload: dict[str, Any] = fields.json_decoder()(self._content)
        except ValueError as error:
            raise InvalidResponseError(f"{self._name()} cannot be read: {error}") from None
        return payload

    def _peek(self, key: str) -> Any:
        """The value of a key of the head, whatever its type."""
        return self._payload.get(key) if self._head is None else getattr(self._head, key)

    def __hash__(self) -> int:
        dlq_id = self._peek("dlqId")
        return hash(dlq_id) if isinstance(dlq_id, str) else 0

    def __repr__(self) -> str:
        dlq_id, url, status = map(self._peek, ("dlqId", "workflowUrl", "responseStatus"))
        return redacted(f"FailedRun(dlq_id={dlq_id!r}, workflow_url={url!r}, response_status={status!r})")

    def _name(self) -> str:
        return f"failed run {self._peek('dlqId')!r}"

    # Keys of the head are plain properties: reading one takes a sixth of the time of a Field.

    @property
    def dlq_id(self) -> str | None:
        """Id of this entry of the dead-letter queue."""
        head = self._head
        return self._read("dlqId", fields.text) if head is None else head.dlqId

    @property
    def sendable_id(self) -> str | None:
        """`dlq_id`, if any request can name it. None if it is missing, broken, has a comma, or would be read as a path.

        One such run must not keep others from being acted on.
        """
        try:
            dlq_id = checks.dlq_id(self.dlq_id)
        except (ValueError, TypeError):
            return None
        return None if "," in dlq_id else dlq_id

    @property
    def workflow_url(self) -> str | None:
        """URL of the workflow."""
        head = self._head
        return self._read("workflowUrl", fields.text) if head is None else head.workflowUrl

    @property
    def workflow_run_id(self) -> str | None:
        """Id of the workflow run."""
        head = self._head
        return self._read("workflowRunId", fields.text) if head is None else head.workflowRunId

    @property
    def workflow_created_at(self) -> datetime | None:
        """When the workflow run was created."""
        head = self._head
        return self._read("workflowCreatedAt", fields.time) if head is None else _time(head.workflowCreatedAt)

    @property
    def created_at(self) -> datetime | None:
        """When the message that failed was created."""
        head = self._head
        return self._read("createdAt", fields.time) if head is None else _time(head.createdAt)

    @property
    def response_status(self) -> int | None:
        """HTTP status the step's endpoint answered. 489 means that it asked not to be retried."""
        head = self._head
        return self._read("responseStatus", fields.integer) if head is None else head.responseStatus

    @property
    def labels(self) -> tuple[str, ...]:
        """All labels: `labels`, else the deprecated single `label`."""
        labels = self._read("labels", fields.texts)
        if labels:
            return labels
        label = self._read("label", fields.text)
        return (label,) if label else ()

    @property
    def body(self) -> bytes | None:
        """Body sent to the step, whichever of the two encodings it came in.

        After the first step this is not the run's input (that is `initial_payload`): the vendor's SDKs put the results
        of completed `steps` into it.
        """
        return self._read_bytes("body", "bodyBase64")

    @property
    def body_text(self) -> str | None:
        """`body` as text; None if it is not UTF-8."""
        return fields.decoded(self.body)

    def response_json(self) -> Any:
        """`response_body` decoded from JSON; None if there is no body. Not JSON: raises `InvalidResponseError`."""
        body = self.response_body
        try:
            return fields.json_decoder()(body) if body else None
        except ValueError as error:
            raise InvalidResponseError(f"the response body of {self._name()} is not JSON: {error}") from None

    @property
    def failure_function(self) -> FailureFunction | None:
        """What became of the failure function; None if the payload mentions none."""
        info = self._read("failureCallbackInfo", fields.mapping)
        if info is None or not info.get("state"):
            # The schema has failureFunctionState; real payloads have failureCallbackInfo, with more in it.
            state = self._read("failureFunctionState", fields.text)
            if info is None and not state:
                return None
            info = {**(info or {}), "state": state}
        return FailureFunction._of(info, self._name())

    @property
    def failure(self) -> Failure:
        """Why the run failed: read from the error JSON that workflow endpoints answer, else from the HTTP status."""
        try:
            body = self.response_body
        except InvalidResponseError:
            body = None
        return read_failure(body, lambda: self.response_status)

    @property
    def stack(self) -> str | None:
        """Stack trace of the error JSON that workflow endpoints answer; None if there is none."""
        return find_stack(self.response_body)

    @property
    def steps(self) -> tuple[Step, ...]:
        """Steps that were completed before the one that failed, as far as `body` has them; decoded each time.

        ```python
        for step in run.steps:
            print(step.id, step.name, step.output)
        ```
        """
        return completed_steps(self.body)

    @property
    def initial_payload(self) -> bytes | None:
        """The run's input, from wherever in `body` it is. None if the body was left out, or is redacted."""
        payload = find_initial_payload(self.body)
        return None if payload is not None and is_redacted(payload) else payload

    @property
    def redacted(self) -> tuple[str, ...]:
        """What reads `REDACTED:` and a hash: names of attributes, and of headers as in `headers.X-Name`."""
        return tuple(dict.fromkeys(redacted_places(self._payload)))

    @property
    def entered_at(self) -> datetime | None:
        """When the run entered the dead-letter queue: what `dlq_id` begins with. None if it looks otherwise."""
        return times.of_dlq_id(self.dlq_id)

    def expires_at(self, retention: timedelta) -> datetime | None:
        """When the service drops this entry, if it keeps entries so long. None if `entered_at` is.

        The retention depends on the plan: from 3 days to 3 months. Raises `ValueError` unless it is above zero.

        ```python
        from datetime import timedelta

        # Of a plan that keeps failed runs for a week.
        ends = [run.expires_at(timedelta(days=7)) for run in dlq.scan()]
        print("the first one ends at", min(filter(None, ends)))
        ```
        """
        return times.later(self.entered_at, "retention", retention)

    @property
    def message(self) -> WorkflowDLQMessage:
        """The generated model of this payload, made anew each time. Known fields that are null are left out.

        Raises `InvalidResponseError` if the payload does not fit it.
        """
        return self._modelled(
            lambda payload: generated.model(
                {key: value for key, value in payload.items() if value is not None or key not in self._KNOWN}
            )
        )

    def _modelled(self, read: Callable[..., T], *args: object) -> T:
        try:
            return read(self.to_dict(), *args)
        except generated.MISFITS as error:
            raise InvalidResponseError(f"{self._name()} does not fit the generated model: {error}") from error

    @property
    def extra(self) -> dict[str, Any]:
        """Every key that neither the schema nor this wrapper knows, untouched."""
        unnamed = super().extra
        return {
            key: value for key, value in unnamed.items() if not generated.is_new_field(self._payload, key, self._KNOWN)
        }


# Looked up once: a page makes 100 runs, in two thirds of the time.
_new = object.__new__
_set_content = FailedRun.__dict__["_content"].__set__
_set_head = FailedRun.__dict__["_head"].__set__


class StartedRun(NamedTuple):
    """A workflow run that was started. The time is an aware UTC datetime; None if the answer has no readable one.

    `dlq_id` is the failed run that it was started from. None in bulk, where the answer does not say which is from
    which; unless a request named just one.
    """

    workflow_run_id: str
    workflow_created_at: datetime | None
    dlq_id: str | None = None

    @classmethod
    def read(cls, payload: dict[str, Any], where: str, dlq_id: str | None = None) -> StartedRun:
        """From the `payload` of an answer, which `where` names in messages, about the failed run `dlq_id`."""
        view = _StartedPayload(payload, where)
        if not view.workflow_run_id:
            raise InvalidResponseError(f"{view._name()} has no workflowRunId")
        try:
            return cls(view.workflow_run_id, view.workflow_created_at, dlq_id)
        except InvalidResponseError:
            # The run was started, and its id is what matters.
            return cls(view.workflow_run_id, None, dlq_id)


class _StartedPayload(PayloadView):
    __slots__ = ("_where",)
    _where: str

    def __init__(self, payload: dict[str, Any], where: str) -> None:
        super().__init__(payload)
        object.__setattr__(self, "_where", where)

    workflow_run_id = Field("workflowRunId", fields.text, "Id of the workflow run.")
    workflow_created_at = Field("workflowCreatedAt", fields.time_or_iso, "When the workflow run was created.")

    def _name(self) -> str:
        return f"the started run in {self._where}"


FailedRun._KNOWN = fields.known_keys(
    FailedRun,
    *("dlqId", "workflowUrl", "workflowRunId", "workflowCreatedAt", "createdAt", "responseStatus"),
    *("label", "labels", "body", "bodyBase64", "responseBody", "responseBodyBase64"),
    *("failureFunctionState", "failureCallbackInfo"),
)


def id_of(run: FailedRun | str) -> str:
    """The checked id of a failed run, to put into a request."""
    dlq_id = run.dlq_id if isinstance(run, FailedRun) else run
    if run is None:
        raise ValueError("expected a FailedRun or its dlq_id, got None: first() returns it if no run matches")
    if dlq_id is None:
        raise ValueError(f"{run!r} has no dlq_id")
    return checks.dlq_id(dlq_id)


def _time(milliseconds: int | None) -> datetime | None:
    """Of a head, which has been checked."""
    return None if milliseconds is None else datetime.fromtimestamp(milliseconds / 1000, UTC)


def has_status(run: FailedRun, statuses: frozenset[int]) -> bool:
    try:
        return run.response_status in statuses
    except InvalidResponseError:
        return False
