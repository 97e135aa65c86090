"""A failed run: the payload as it came, and typed ways to read it."""

from __future__ import annotations

import binascii
import copy
from base64 import b64decode, b64encode
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, Never, NoReturn, Self, TypeVar, overload

import httpx

from ._json import YEAR_2106, Head, decode_json
from .errors import InvalidResponseError

if TYPE_CHECKING:
    from upstash_workflow_rest.models import WorkflowDLQMessage

T = TypeVar("T")
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class FailureFunctionState(StrEnum):
    """Where the failure function of a run stands."""

    CALLBACK_INPROGRESS = "CALLBACK_INPROGRESS"
    CALLBACK_SUCCESS = "CALLBACK_SUCCESS"
    CALLBACK_FAIL = "CALLBACK_FAIL"
    CALLBACK_CANCELED = "CALLBACK_CANCELED"


class Failure(NamedTuple):
    """Why a run failed: the name groups runs that failed alike, the message tells the one."""

    name: str
    message: str

    def __str__(self) -> str:
        return f"{self.name}: {self.message}" if self.message else self.name


class _WrongType(Exception):
    """Says what a reader expected."""


def _text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    raise _WrongType("a string")


def _integer(value: Any) -> int | None:
    if value is None or type(value) is int:
        return value
    # JSON has one kind of number: 1e3 is an integer too.
    if isinstance(value, float) and value.is_integer():
        return int(value)
    raise _WrongType("an integer")


def _moment(value: Any) -> datetime | None:
    if type(value) is int and 0 <= value < YEAR_2106:
        return datetime.fromtimestamp(value / 1000, UTC)  # takes a third of the time of adding a timedelta
    milliseconds = _integer(value)
    try:
        return None if milliseconds is None else EPOCH + timedelta(milliseconds=milliseconds)
    except OverflowError:
        raise _WrongType("Unix milliseconds within the years 1 to 9999") from None


def _moment_or_iso(value: Any) -> datetime | None:
    # The schema says milliseconds; one of the vendor's SDKs expects an ISO 8601 string.
    if not isinstance(value, str):
        return _moment(value)
    from dateutil.parser import isoparse  # here: it takes 10 ms to import

    try:
        moment = isoparse(value)
    except ValueError:
        moment = None
    if moment is None or moment.utcoffset() is None:
        raise _WrongType("Unix milliseconds or an ISO 8601 date with an offset")
    return moment.astimezone(UTC)


def _texts(value: Any) -> tuple[str, ...]:
    if value is None:
        return ()
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return tuple(value)
    raise _WrongType("a list of strings")


def _headers(value: Any) -> httpx.Headers:
    if value is None:
        return httpx.Headers()
    if not isinstance(value, dict):
        raise _WrongType("an object of lists of strings")
    # UTF-8, since payloads may hold header values that are not ASCII. Surrogates would fail to encode.
    pairs = [
        (name, item) for name, items in value.items() for item in _texts([items] if isinstance(items, str) else items)
    ]
    try:
        return httpx.Headers(pairs, encoding="utf-8")
    except UnicodeEncodeError:
        raise _WrongType("Unicode text") from None


def _base64(value: Any) -> bytes | None:
    text = _text(value)
    try:
        return None if text is None else b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise _WrongType("base64") from None


def _state(value: Any) -> FailureFunctionState | str | None:
    text = _text(value)
    if not text:
        return None
    return FailureFunctionState(text) if text in FailureFunctionState.__members__ else text


def _object(value: Any) -> dict[str, Any] | None:
    if value is None or isinstance(value, dict):
        return value
    raise _WrongType("an object")


class _Field(Generic[T]):
    """One key of a payload, read when asked for."""

    def __init__(self, key: str, read: Callable[[Any], T], doc: str) -> None:
        self.key = key
        self.read = read
        self.__doc__ = doc

    @overload
    def __get__(self, view: None, owner: type) -> Self: ...
    @overload
    def __get__(self, view: _PayloadView, owner: type) -> T: ...
    def __get__(self, view: _PayloadView | None, owner: type) -> Self | T:
        if view is None:
            return self
        return view._read(self.key, self.read)

    def __set__(self, view: _PayloadView, value: Never) -> NoReturn:
        raise AttributeError(f"{type(view).__name__} cannot be changed")


class _PayloadView:
    """A payload that cannot be changed through its view, and whose broken fields spoil only themselves."""

    __slots__ = ("_payload",)
    _payload: dict[str, Any]
    _KNOWN: frozenset[str]

    def __init__(self, payload: dict[str, Any]) -> None:
        object.__setattr__(self, "_payload", payload)

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"{type(self).__name__} cannot be changed")

    def __delattr__(self, name: str) -> None:
        raise AttributeError(f"{type(self).__name__} cannot be changed")

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), (self._payload,)

    def __eq__(self, other: object) -> bool:
        return self._payload == other._payload if isinstance(other, type(self)) else NotImplemented

    def _name(self) -> str:
        raise NotImplementedError

    def _read(self, key: str, read: Callable[[Any], T]) -> T:
        value = self._payload.get(key)
        try:
            return read(value)
        except _WrongType as expected:
            kind = type(value).__name__
            raise InvalidResponseError(f"{key} of {self._name()} should be {expected}, not this {kind}") from None

    def _read_bytes(self, text_key: str, base64_key: str) -> bytes | None:
        # "Empty otherwise": of the two keys, the one that does not apply may be there as an empty string.
        text = self._read(text_key, _text)
        if text:
            return text.encode("utf-8", "surrogatepass")
        encoded = self._read(base64_key, _base64)
        return encoded if text is None else encoded or b""

    @property
    def extra(self) -> dict[str, Any]:
        """Every key that neither the schema nor this wrapper knows, untouched."""
        return self._copy({key: value for key, value in self._payload.items() if key not in self._KNOWN})

    def to_dict(self) -> dict[str, Any]:
        """The payload exactly as received: a copy, with the names the wire uses."""
        return self._copy(self._payload)

    def _copy(self, payload: dict[str, Any]) -> dict[str, Any]:
        try:
            return copy.deepcopy(payload)
        except RecursionError:
            raise InvalidResponseError(f"{self._name()} is nested too deeply") from None


def _decoded(content: bytes | None) -> str | None:
    try:
        return None if content is None else content.decode()
    except UnicodeDecodeError:
        return None


class _Answered(_PayloadView):
    """What an endpoint answered, spelt alike for the run and for its failure function."""

    __slots__ = ()

    @property
    def response_body(self) -> bytes | None:
        """Body that was answered, whichever of the two encodings it came in."""
        return self._read_bytes("responseBody", "responseBodyBase64")

    @property
    def response_text(self) -> str | None:
        """`response_body` as text; None where it is not UTF-8."""
        return _decoded(self.response_body)


class FailureFunction(_Answered):
    """What became of a run's failure function (or failure URL), as far as the payload tells."""

    __slots__ = ("_run_name",)
    _run_name: str

    state = _Field("state", _state, "A `FailureFunctionState`; a string where the service has a new one.")
    response_status = _Field("responseStatus", _integer, "HTTP status that the failure function answered.")

    def __init__(
        self,
        state: str | None = None,
        response_status: int | None = None,
        response_headers: Mapping[str, list[str]] | None = None,
        response_body: bytes | str | None = None,
    ) -> None:
        payload: dict[str, Any] = {"state": state, "responseStatus": response_status}
        payload["responseHeaders"] = None if response_headers is None else dict(response_headers)
        if isinstance(response_body, bytes):
            payload["responseBodyBase64"] = b64encode(response_body).decode()
        else:
            payload["responseBody"] = response_body
        super().__init__({key: value for key, value in payload.items() if value is not None})
        object.__setattr__(self, "_run_name", "no failed run")

    @classmethod
    def _of(cls, payload: dict[str, Any], run_name: str) -> Self:
        function = cls.__new__(cls)
        object.__setattr__(function, "_payload", payload)
        object.__setattr__(function, "_run_name", run_name)
        return function

    def __reduce__(self) -> tuple[object, ...]:
        return self._of, (self._payload, self._run_name)

    def __hash__(self) -> int:
        state = self._payload.get("state")
        return hash(state) if isinstance(state, str) else 0

    def __repr__(self) -> str:
        state, status = (self._payload.get(key) for key in ("state", "responseStatus"))
        return f"FailureFunction(state={state!r}, response_status={status!r})"

    def _name(self) -> str:
        return f"the failure function of {self._run_name}"

    @property
    def response_headers(self) -> httpx.Headers:
        """Headers that the failure function answered; names in any case."""
        # One of the vendor's sources spells the key in the singular.
        return self._read("responseHeaders", _headers) or self._read("responseHeader", _headers)


class FailedRun(_Answered):
    """A workflow run in the dead-letter queue. Immutable, equal by payload, hashable by `dlq_id`.

    Absent and null fields are None (empty for collections). A field of the wrong type raises `InvalidResponseError`
    when it is read, and spoils nothing else. Times are aware UTC datetimes, exact to the millisecond.
    """

    __slots__ = ("_content", "_head")
    _content: bytes
    _head: Head | None

    def __init__(self, payload: dict[str, Any]) -> None:
        super().__init__(payload)
        object.__setattr__(self, "_head", None)

    message_id = _Field("messageId", _text, "Id of the message that failed. Not in the vendor's schema.")
    url = _Field("url", _text, "URL of the step that failed.")
    method = _Field("method", _text, "HTTP method of the step.")
    headers = _Field("header", _headers, "Headers sent to the step; names in any case.")
    max_retries = _Field("maxRetries", _integer, "How often delivery was to be retried.")
    not_before = _Field("notBefore", _moment, "When the message was due. Not in the vendor's schema.")
    caller_ip = _Field("callerIP", _text, "IP address of whoever started the run.")
    flow_control_key = _Field("flowControlKey", _text, "Key that limits rate and parallelism.")
    rate = _Field("rate", _integer, "Starts allowed per `period`. Not in the vendor's schema.")
    parallelism = _Field("parallelism", _integer, "Steps allowed at once. Not in the vendor's schema.")
    period = _Field("period", _integer, "Seconds that `rate` counts over. Not in the vendor's schema.")
    retry_delay_expression = _Field(
        "retryDelayExpression", _text, "Expression for the wait between retries. Not in the vendor's schema."
    )
    failure_callback = _Field("failureCallback", _text, "URL called after the run failed.")
    failure_callback_headers = _Field(
        "failureCallbackHeader", _headers, "Headers sent to `failure_callback`. Not in the vendor's schema."
    )
    callback = _Field("callback", _text, "URL called after success. Not in the vendor's schema.")
    callback_headers = _Field("callbackHeader", _headers, "Headers sent to `callback`. Not in the vendor's schema.")
    topic_name = _Field("topicName", _text, "Topic (URL group) published to. Not in the vendor's schema.")
    endpoint_name = _Field("endpointName", _text, "Endpoint in the topic. Not in the vendor's schema.")
    queue_name = _Field("queueName", _text, "Queue published to. Not in the vendor's schema.")
    schedule_id = _Field("scheduleId", _text, "Schedule that published. Not in the vendor's schema.")
    api = _Field("api", _text, "API that published. Not in the vendor's schema.")
    response_headers = _Field("responseHeader", _headers, "Headers the endpoint answered; names in any case.")

    @classmethod
    def _of_json(cls, content: bytes, head: Head) -> Self:
        """The run that this JSON object is about. What is not in its head is decoded when it is first asked for."""
        run = cls.__new__(cls)
        object.__setattr__(run, "_content", content)
        object.__setattr__(run, "_head", head)
        return run

    if not TYPE_CHECKING:  # which would take any name for an attribute then

        def __getattr__(self, name: str) -> Any:
            """Called for the payload where it is still an empty slot."""
            if name != "_payload":
                raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}", name=name, obj=self)
            object.__setattr__(self, "_payload", self._decode_payload())
            return self._payload

    def _decode_payload(self) -> dict[str, Any]:
        try:
            payload: dict[str, Any] = decode_json(self._content)
        except ValueError as error:
            raise InvalidResponseError(f"{self._name()} cannot be read: {error}") from None
        return payload

    def _peek(self, key: str) -> Any:
        """What the payload has there, whatever its type."""
        return self._payload.get(key) if self._head is None else getattr(self._head, key)

    def __hash__(self) -> int:
        dlq_id = self._peek("dlqId")
        return hash(dlq_id) if isinstance(dlq_id, str) else 0

    def __repr__(self) -> str:
        dlq_id, url, status = map(self._peek, ("dlqId", "workflowUrl", "responseStatus"))
        return f"FailedRun(dlq_id={dlq_id!r}, workflow_url={url!r}, response_status={status!r})"

    def _name(self) -> str:
        return f"failed run {self._peek('dlqId')!r}"

    # What the head has are properties, spelt out: read in a sixth of the time of a field.

    @property
    def dlq_id(self) -> str | None:
        """Id of this entry of the dead-letter queue."""
        head = self._head
        return self._read("dlqId", _text) if head is None else head.dlqId

    @property
    def workflow_url(self) -> str | None:
        """URL of the workflow."""
        head = self._head
        return self._read("workflowUrl", _text) if head is None else head.workflowUrl

    @property
    def workflow_run_id(self) -> str | None:
        """Id of the workflow run."""
        head = self._head
        return self._read("workflowRunId", _text) if head is None else head.workflowRunId

    @property
    def workflow_created_at(self) -> datetime | None:
        """When the workflow run was created."""
        head = self._head
        return self._read("workflowCreatedAt", _moment) if head is None else _moment(head.workflowCreatedAt)

    @property
    def created_at(self) -> datetime | None:
        """When the message was created."""
        head = self._head
        return self._read("createdAt", _moment) if head is None else _moment(head.createdAt)

    @property
    def response_status(self) -> int | None:
        """HTTP status the step's endpoint answered; 489: do not retry."""
        head = self._head
        return self._read("responseStatus", _integer) if head is None else head.responseStatus

    @property
    def labels(self) -> tuple[str, ...]:
        """All labels: `labels`, else the deprecated single `label`."""
        labels = self._read("labels", _texts)
        if labels:
            return labels
        label = self._read("label", _text)
        return (label,) if label else ()

    @property
    def body(self) -> bytes | None:
        """Body sent to the step, whichever of the two encodings it came in."""
        return self._read_bytes("body", "bodyBase64")

    @property
    def body_text(self) -> str | None:
        """`body` as text; None where it is not UTF-8."""
        return _decoded(self.body)

    def response_json(self) -> Any:
        """`response_body` decoded from JSON; None where there is no body. Not JSON: `InvalidResponseError`."""
        body = self.response_body
        try:
            return decode_json(body) if body else None
        except ValueError as error:
            raise InvalidResponseError(f"the response body of {self._name()} is not JSON: {error}") from None

    @property
    def failure_function(self) -> FailureFunction | None:
        """What became of the failure function; None where the payload says nothing of one."""
        info = self._read("failureCallbackInfo", _object)
        if info is None or not info.get("state"):
            # Two names for one thing: that of real payloads, which tell more, and the schema's.
            state = self._read("failureFunctionState", _text)
            if info is None and not state:
                return None
            info = {**(info or {}), "state": state}
        return FailureFunction._of(info, self._name())

    @property
    def failure(self) -> Failure:
        """Why the run failed: from the error JSON that workflow endpoints answer with, else from the HTTP status."""
        try:
            answer = self.response_json()
        except InvalidResponseError:
            answer = None
        name, message = (answer.get("error"), answer.get("message")) if isinstance(answer, dict) else (None, None)
        named = name if isinstance(name, str) else ""
        told = message if isinstance(message, str) else ""
        if named:
            return Failure(named, told)
        status = self.response_status
        if not status:
            return Failure("no response", told)
        return Failure(f"HTTP {status}", told or _phrase(status))

    @property
    def message(self) -> WorkflowDLQMessage:
        """The generated model of this payload, made anew each time, without known fields that are null."""
        from upstash_workflow_rest.models import WorkflowDLQMessage

        try:
            return WorkflowDLQMessage.from_dict(
                {key: value for key, value in self.to_dict().items() if value is not None or key not in self._KNOWN}
            )
        except (TypeError, ValueError, AttributeError, KeyError) as error:
            raise InvalidResponseError(f"{self._name()} does not fit the generated model: {error}") from error


class StartedRun(NamedTuple):
    """A workflow run that was started. The time is an aware UTC datetime; None where it cannot be told."""

    workflow_run_id: str
    workflow_created_at: datetime | None

    @classmethod
    def read(cls, payload: dict[str, Any]) -> StartedRun:
        view = _StartedPayload(payload)
        if not view.workflow_run_id:
            raise InvalidResponseError(f"{view._name()} has no workflowRunId")
        try:
            return cls(view.workflow_run_id, view.workflow_created_at)
        except InvalidResponseError:
            # The run was started all the same, and its id is what matters.
            return cls(view.workflow_run_id, None)


class _StartedPayload(_PayloadView):
    __slots__ = ()

    workflow_run_id = _Field("workflowRunId", _text, "Id of the workflow run.")
    workflow_created_at = _Field("workflowCreatedAt", _moment_or_iso, "When the workflow run was created.")

    def _name(self) -> str:
        return "a run that was started"


def _known_keys(view: type[_PayloadView], *others: str) -> frozenset[str]:
    return frozenset(others) | {field.key for field in vars(view).values() if isinstance(field, _Field)}


FailureFunction._KNOWN = _known_keys(
    FailureFunction, "responseHeaders", "responseHeader", "responseBody", "responseBodyBase64"
)
FailedRun._KNOWN = _known_keys(
    FailedRun, *Head.__struct_fields__, "label", "labels", "body", "bodyBase64", "responseBody", "responseBodyBase64",
    "failureFunctionState", "failureCallbackInfo",
)  # fmt: skip


def _phrase(status: int) -> str:
    if status == 489:
        return "Non-Retryable Error"
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""
