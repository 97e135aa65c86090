"""What the generated client knows and the wrapper has no name for yet: new fields of a run, new filters of the list.

Asked only about names that nothing here knows: it loads the generated package, a sixth of a start.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable
from datetime import UTC, datetime
from enum import Enum
from inspect import Parameter, signature
from types import NoneType
from typing import TYPE_CHECKING, Any, get_args, get_origin

from . import checks
from .times import parse_iso

if TYPE_CHECKING:
    from upstash_workflow_rest.models import WorkflowDLQMessage

# What reading a model raises where the payload does not fit.
MISFITS = (TypeError, ValueError, AttributeError, KeyError)


def model(payload: dict[str, Any]) -> WorkflowDLQMessage:
    """Raises one of MISFITS."""
    from upstash_workflow_rest.models import WorkflowDLQMessage

    return WorkflowDLQMessage.from_dict(payload)


@functools.cache
def new_fields(known_keys: frozenset[str]) -> frozenset[str]:
    """The generated names of the fields that are none of these keys."""
    import attrs
    from upstash_workflow_rest.models import WorkflowDLQMessage

    known = {_letters(key) for key in known_keys}
    names = {field.name for field in attrs.fields(WorkflowDLQMessage)} - {"additional_properties"}
    return frozenset(name for name in names if _letters(name) not in known)


def new_field(payload: dict[str, Any], name: str) -> Any:
    """The field of this generated name; None if it is absent or null. Raises one of MISFITS."""
    from upstash_workflow_rest.types import Unset

    # By itself, so that no other field can spoil it.
    own = {key: value for key, value in payload.items() if _letters(key) == _letters(name) and value is not None}
    try:
        value = getattr(model(own), name)
    except KeyError:  # a model that requires other fields
        value = getattr(model(payload), name)
    return None if isinstance(value, Unset) else value


def schema_knows(key: str, value: Any) -> bool:
    """Whether the schema has this key of a run."""
    try:
        return key not in model({key: value}).additional_properties
    except KeyError:
        return False  # a model that requires other fields. Better shown twice than hidden.
    except MISFITS:
        return True  # it was read, and does not fit


def new_filters(known_names: Iterable[str]) -> dict[str, Parameter]:
    """The parameters of the generated list that have none of these names."""
    from upstash_workflow_rest.api.dlq import list_failed_runs

    parameters = signature(list_failed_runs._get_kwargs, eval_str=True).parameters
    return {name: parameter for name, parameter in parameters.items() if name not in known_names}


def checked(parameter: Parameter, value: object) -> Any:
    """The value, of a type that the annotation names. If it fits none, the complaint is about the last one."""
    from upstash_workflow_rest.types import Unset

    kinds = get_args(parameter.annotation) or (parameter.annotation,)
    complaint: Exception = TypeError(f"{parameter.name} takes no value")
    for kind in kinds:
        if kind not in (Unset, NoneType):
            try:
                return _of_kind(parameter.name, kind, value)
            except (TypeError, ValueError) as refused:
                complaint = refused
    raise complaint


def _of_kind(name: str, kind: Any, value: object) -> Any:
    if get_origin(kind) is list:
        [item_kind] = get_args(kind)
        values = [value] if isinstance(value, str | bytes) or not isinstance(value, Iterable) else list(value)
        if not values:
            raise ValueError(f"{name} has no values: leave it out to match any {name}")
        return [_of_kind(name, item_kind, item) for item in values]
    if kind is bool:
        return checks.flag(name, value)
    if kind is int:
        return checks.whole_number(name, value)
    if kind is str:
        return checks.filter_value(name, value)
    if kind is datetime:
        return _time(name, value)
    if isinstance(kind, type) and issubclass(kind, Enum):
        return _member(name, kind, value)
    if kind is float and type(value) is int:
        return float(value)
    if not isinstance(kind, type) or not isinstance(value, kind) or isinstance(value, bool):
        raise TypeError(f"{name} takes {getattr(kind, '__name__', kind)}, not {type(value).__name__}")
    return value


def _time(name: str, value: object) -> datetime:
    moment = parse_iso(value) if isinstance(value, str) else value
    if not isinstance(moment, datetime):
        raise TypeError(f"{name} takes an aware datetime or an ISO 8601 string, not {type(value).__name__}")
    if moment.utcoffset() is None:
        raise ValueError(f"{name} {value} has no time zone, and guessing one loses runs: add tzinfo or an offset")
    return moment.astimezone(UTC)


def _member(name: str, kind: type[Enum], value: object) -> Enum:
    try:
        return kind(value)
    except ValueError:
        raise ValueError(
            f"{name} is {value!r}; it must be one of {', '.join(str(one.value) for one in kind)}"
        ) from None


def _letters(name: str) -> str:
    """A key and the name that the generator makes of it have the same letters: `callerIP`, `caller_ip`."""
    return "".join(filter(str.isalnum, name)).lower()
