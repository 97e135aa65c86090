"""How a field of a payload is read: typed, when asked for, each for itself."""

from __future__ import annotations

import binascii
import copy
from base64 import b64decode
from collections.abc import Callable
from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING, Any, Generic, Never, NoReturn, Self, TypeVar, overload

from ..errors import InvalidResponseError
from .times import YEAR_2106, from_milliseconds, parse_iso

if TYPE_CHECKING:
    import httpx

T = TypeVar("T")


class WrongTypeError(Exception):
    """Names the type that a reader expected."""


def text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    raise WrongTypeError("a string")


def integer(value: Any) -> int | None:
    if value is None or type(value) is int:
        return value
    # JSON has one kind of number: 1e3 is an integer too.
    if isinstance(value, float) and value.is_integer():
        return int(value)
    raise WrongTypeError("an integer")


def time(value: Any) -> datetime | None:
    if type(value) is int and 0 <= value < YEAR_2106:
        return datetime.fromtimestamp(value / 1000, UTC)  # takes a third of the time of adding a timedelta
    milliseconds = integer(value)
    try:
        return None if milliseconds is None else from_milliseconds(milliseconds)
    except OverflowError:
        raise WrongTypeError("Unix milliseconds within the years 1 to 9999") from None


def time_or_iso(value: Any) -> datetime | None:
    # The schema says milliseconds; one of the vendor's SDKs expects an ISO 8601 string.
    if not isinstance(value, str):
        return time(value)
    try:
        read = parse_iso(value)
        if read.utcoffset() is not None:
            return read.astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    raise WrongTypeError("Unix milliseconds or an ISO 8601 time with an offset")


def texts(value: Any) -> tuple[str, ...]:
    if value is None:
        return ()
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return tuple(value)
    raise WrongTypeError("a list of strings")


def headers(value: Any) -> httpx.Headers:
    import httpx

    if value is None:
        return httpx.Headers()
    if not isinstance(value, dict):
        raise WrongTypeError("an object of lists of strings")
    pairs = [
        (name, item) for name, items in value.items() for item in texts([items] if isinstance(items, str) else items)
    ]
    try:
        # UTF-8: payloads may hold header values that are not ASCII. Lone surrogates cannot be encoded.
        return httpx.Headers(pairs, encoding="utf-8")
    except UnicodeEncodeError:
        raise WrongTypeError("Unicode text") from None


def base64(value: Any) -> bytes | None:
    encoded = text(value)
    try:
        return None if encoded is None else b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        raise WrongTypeError("base64") from None


def mapping(value: Any) -> dict[str, Any] | None:
    if value is None or isinstance(value, dict):
        return value
    raise WrongTypeError("an object")


class Field(Generic[T]):
    """One key of a payload, as an attribute."""

    def __init__(self, key: str, read: Callable[[Any], T], doc: str) -> None:
        self.key = key
        self.read = read
        self.__doc__ = doc

    @overload
    def __get__(self, view: None, owner: type) -> Self: ...
    @overload
    def __get__(self, view: PayloadView, owner: type) -> T: ...
    def __get__(self, view: PayloadView | None, owner: type) -> Self | T:
        if view is None:
            return self
        return view._read(self.key, self.read)

    def __set__(self, view: PayloadView, value: Never) -> NoReturn:
        raise AttributeError(f"{type(view).__name__} cannot be changed")


class PayloadView:
    """A payload that cannot be changed through this view. A broken field spoils only itself."""

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
        """What messages call it."""
        raise NotImplementedError

    def _read(self, key: str, read: Callable[[Any], T]) -> T:
        value = self._payload.get(key)
        try:
            return read(value)
        except WrongTypeError as expected:
            kind = type(value).__name__
            raise InvalidResponseError(f"{key} of {self._name()} should be {expected}, but is {kind}") from None

    def _read_bytes(self, text_key: str, base64_key: str) -> bytes | None:
        # Of the two keys, the one that does not apply may be there as an empty string.
        plain = self._payload.get(text_key)
        if plain.__class__ is not str:
            plain = self._read(text_key, text)
        if plain:
            return plain.encode("utf-8", "surrogatepass")
        decoded = self._read(base64_key, base64)
        return decoded if plain is None else decoded or b""

    @property
    def extra(self) -> dict[str, Any]:
        """Every key that neither the schema nor this wrapper knows, untouched."""
        return self._copy({key: value for key, value in self._payload.items() if key not in self._KNOWN})

    def to_dict(self) -> dict[str, Any]:
        """The payload exactly as received: a copy, with the names used on the wire."""
        return self._copy(self._payload)

    def _copy(self, payload: dict[str, Any]) -> dict[str, Any]:
        try:
            return copy.deepcopy(payload)
        except RecursionError:
            raise InvalidResponseError(f"{self._name()} is nested too deeply") from None


class ResponseView(PayloadView):
    """What an endpoint answered. The run and its failure function spell it alike."""

    __slots__ = ()

    @property
    def response_body(self) -> bytes | None:
        """Body of the response, whichever of the two encodings it came in."""
        return self._read_bytes("responseBody", "responseBodyBase64")

    @property
    def response_text(self) -> str | None:
        """`response_body` as text; None if it is not UTF-8."""
        return decoded(self.response_body)


def decoded(content: bytes | None) -> str | None:
    try:
        return None if content is None else content.decode()
    except UnicodeDecodeError:
        return None


@cache
def json_decoder() -> Callable[[bytes], Any]:
    """`decode_json`, which raises ValueError. An import at each call would take as long as three decodings."""
    from .json import decode_json  # and with it msgspec, which not every start needs

    return decode_json


def known_keys(view: type[PayloadView], *others: str) -> frozenset[str]:
    return frozenset(others) | {field.key for field in vars(view).values() if isinstance(field, Field)}
