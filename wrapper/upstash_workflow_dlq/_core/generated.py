"""What the generated client knows and the wrapper has no name for yet: new fields of a run, new filters of the list.

Asked only about names that nothing here knows: it loads the generated package, a sixth of a start. Nobody has looked at
these names yet, so a filter must show in the query, and a field that is spelt like a known one stays in `extra`.
"""

from __future__ import annotations

import functools
import math
import unicodedata
from collections.abc import Collection, Iterable
from datetime import UTC, date, datetime
from enum import Enum
from inspect import Parameter, signature
from types import NoneType
from typing import TYPE_CHECKING, Any, get_args, get_origin
from uuid import UUID

from . import checks
from .times import parse_iso

if TYPE_CHECKING:
    from upstash_workflow_rest.models import WorkflowDLQMessage

# What reading a model raises where the payload does not fit.
MISFITS = (TypeError, ValueError, AttributeError, KeyError)

# Types that the generated models take over from JSON without a look.
UNCHECKED: dict[str, type | tuple[type, ...]] = {"str": str, "int": int, "bool": bool, "float": (int, float)}


def model(payload: dict[str, Any]) -> WorkflowDLQMessage:
    """Raises one of MISFITS."""
    from upstash_workflow_rest.models import WorkflowDLQMessage

    return WorkflowDLQMessage.from_dict(payload)


@functools.cache
def new_fields(known_keys: frozenset[str]) -> frozenset[str]:
    """The generated names of the fields that are none of these keys."""
    return frozenset(name for name in _annotations() if not any(_is_name_of(name, key) for key in known_keys))


def _annotations() -> dict[str, str]:
    import attrs
    from upstash_workflow_rest.models import WorkflowDLQMessage

    fields = {field.name: str(field.type) for field in attrs.fields(WorkflowDLQMessage)}
    fields.pop("additional_properties")
    return fields


def new_field(payload: dict[str, Any], name: str) -> Any:
    """The field of this generated name; None if it is absent or null. Raises one of MISFITS."""
    from upstash_workflow_rest.types import Unset

    for key, value in payload.items():
        if value is not None and _is_name_of(name, key):
            read = getattr(_alone(payload, key), name)
            if not isinstance(read, Unset):
                _check_type(key, read, _annotations()[name])
                return read
    return None


def is_new_field(payload: dict[str, Any], key: str, known_keys: frozenset[str]) -> bool:
    """Whether the schema has this key, and `new_field` reads it under some name."""
    if not any(_is_name_of(name, key) for name in new_fields(known_keys)):
        return False
    try:
        return key not in _alone(payload, key).additional_properties
    except MISFITS:
        return True  # it was read, and does not fit


def _alone(payload: dict[str, Any], key: str) -> WorkflowDLQMessage:
    """A model of one field, so that no other can spoil it; and of those that every model must have."""
    own = {key: payload[key]}
    while True:
        try:
            return model(own)
        except KeyError as missing:
            [name] = missing.args
            if name in own:
                raise  # within one of the fields
            own[name] = payload.get(name)


def _check_type(key: str, value: Any, annotation: str) -> None:
    expected = [part.strip() for part in annotation.split("|") if part.strip() not in ("Unset", "None")]
    items = [part.removeprefix("list[").removesuffix("]") for part in expected if part.startswith("list[")]
    if not all(part in UNCHECKED for part in (*items, *(part for part in expected if not part.startswith("list[")))):
        return  # the model has made something else of it, or has refused
    if isinstance(value, list) and items:
        fits = all(_is_one_of(item, items) for item in value)
    else:
        fits = _is_one_of(value, expected)
    if not fits:
        raise TypeError(f"{key} should be {' or '.join(expected)}, but is {type(value).__name__}")


def _is_one_of(value: Any, names: list[str]) -> bool:
    kinds = [UNCHECKED[name] for name in names if name in UNCHECKED]
    return any(isinstance(value, kind) and (kind is bool or not isinstance(value, bool)) for kind in kinds)


def new_filters(known_names: Collection[str]) -> dict[str, Parameter]:
    """The parameters of the generated list that have none of these names."""
    from upstash_workflow_rest.api.dlq import list_failed_runs

    parameters = signature(list_failed_runs._get_kwargs, eval_str=True).parameters
    return {
        name: parameter
        for name, parameter in parameters.items()
        if name not in known_names and parameter.kind is Parameter.KEYWORD_ONLY
    }


def list_request(arguments: dict[str, Any], new: Iterable[str]) -> dict[str, Any]:
    """A request for the list, by the generated builder. Of the `new` ones, only those that are given."""
    from upstash_workflow_rest.api.dlq import list_failed_runs
    from upstash_workflow_rest.types import UNSET

    # Defaults of others would ride along, which nobody has asked for.
    return list_failed_runs._get_kwargs(**dict.fromkeys(new, UNSET) | arguments)


def checked(parameter: Parameter, value: object, new: Collection[str]) -> Any:
    """The value, of a type that the annotation names. If it fits none, the complaint is about the last one."""
    from upstash_workflow_rest.types import Unset

    kinds = get_args(parameter.annotation) or (parameter.annotation,)
    complaint: Exception = TypeError(f"{parameter.name} cannot be passed here; use low_level")
    for kind in kinds:
        if kind not in (Unset, NoneType):
            try:
                found = _of_kind(parameter.name, kind, value)
            except (TypeError, ValueError) as refused:
                complaint = refused
            else:
                _check_that_it_is_sent(parameter.name, found, new)
                return found
    raise complaint


def _check_that_it_is_sent(name: str, value: object, new: Collection[str]) -> None:
    """In the query, and nowhere else: a cookie or an empty object would be lost, and everything selected."""
    without, having = (list_request(given, new) for given in ({}, {name: value}))
    asks_for_less = having["params"] != without["params"]
    if not asks_for_less or {**having, "params": None} != {**without, "params": None}:
        raise ValueError(f"{name} {value!r} would not be in the query, and so select nothing; use low_level")


def _of_kind(name: str, kind: Any, value: object) -> Any:
    if get_origin(kind) is list:
        [item_kind] = get_args(kind)
        values = [value] if isinstance(value, str | bytes) or not isinstance(value, Iterable) else list(value)
        if not values:
            raise ValueError(f"{name} has no values: leave it out to match any {name}")
        return [checks.without_comma(name, _of_kind(name, item_kind, item)) for item in values]
    if kind is bool:
        return checks.flag(name, value)
    if kind is int:
        return checks.whole_number(name, value)
    if kind is str:
        return checks.filter_value(name, value)
    if kind is float:
        return _number(name, value)
    if kind in (datetime, date, UUID):
        return _read(name, kind, value)
    if isinstance(kind, type) and issubclass(kind, Enum):
        return _member(name, kind, value)
    raise TypeError(f"{name} takes {getattr(kind, '__name__', kind)}, which cannot be a filter here; use low_level")


def _number(name: str, value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"{name} takes a number, not {type(value).__name__}")
    if not math.isfinite(value):
        raise ValueError(f"{name} is {value}, which is no number that can be sent")
    return float(value)


def _read(name: str, kind: Any, value: Any) -> datetime | date | UUID:
    """A time, a day or a UUID, or the text of one."""
    if isinstance(value, str):
        try:
            value = parse_iso(value) if kind is datetime else kind.fromisoformat(value) if kind is date else UUID(value)
        except ValueError:
            raise ValueError(f"{name} {value!r} cannot be read as {kind.__name__}") from None
    if kind is datetime and isinstance(value, datetime):
        if value.utcoffset() is None:
            raise ValueError(f"{name} {value} has no time zone, and guessing one loses runs: add tzinfo or an offset")
        return value.astimezone(UTC)
    if type(value) is not kind:
        raise TypeError(f"{name} takes {kind.__name__} or the text of one, not {type(value).__name__}")
    return value  # type: ignore[no-any-return]


def _member(name: str, kind: type[Enum], value: object) -> Enum:
    try:
        return kind(value)
    except ValueError:
        expected = ", ".join(str(member.value) for member in kind)
        raise ValueError(f"{name} is {value!r}; it must be one of {expected}") from None


def _is_name_of(name: str, key: str) -> bool:
    """`caller_ip` is made of `callerIP`, and `field_1st` of `1st`."""
    return _letters(name) in (_letters(key), f"field{_letters(key)}")


@functools.lru_cache(maxsize=1024)
def _letters(name: str) -> str:
    return "".join(filter(str.isalnum, unicodedata.normalize("NFKC", name))).lower()
