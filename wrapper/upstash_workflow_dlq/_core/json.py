"""Decoding JSON, by msgspec. Imported where it is used: msgspec takes a tenth of a start."""

from __future__ import annotations

import json
import re
from typing import Annotated, Any

import msgspec

from .times import YEAR_2106

# Three times as fast as json. It is strict: what only json reads, such as lone surrogates, is left to json. So are NaN
# and Infinity, which are no JSON: for the sake of one odd number nobody is to lose a page, or the id of a started run.
# The number itself is a field of the wrong type, and the monitor of `contract` reports it.
_decode = msgspec.json.Decoder().decode

_Milliseconds = Annotated[int, msgspec.Meta(ge=0, lt=YEAR_2106)]


class Head(msgspec.Struct, gc=False):
    """The fields of a message that listings mostly look at. Decoding them skips the rest."""

    dlqId: str | None = None
    workflowUrl: str | None = None
    workflowRunId: str | None = None
    workflowCreatedAt: _Milliseconds | None = None
    createdAt: _Milliseconds | None = None
    responseStatus: int | None = None


class _Heads(msgspec.Struct):
    messages: list[Head] | None = None
    cursor: str | None = None


class _Contents(msgspec.Struct):
    messages: list[msgspec.Raw]


class _ErrorAnswer(msgspec.Struct, gc=False):
    error: str | None = None
    message: str | None = None


_decode_head = msgspec.json.Decoder(Head).decode
_decode_heads = msgspec.json.Decoder(_Heads).decode
_decode_contents = msgspec.json.Decoder(_Contents).decode
_decode_error_answer = msgspec.json.Decoder(_ErrorAnswer).decode


def decode_json(content: bytes) -> Any:
    """Raise ValueError for anything that is not JSON, but for NaN and Infinity."""
    try:
        return _decode(content)
    except (msgspec.DecodeError, RecursionError):
        return _decode_leniently(content)


def split_page(content: bytes) -> tuple[list[Head], list[bytes], str | None] | None:
    """Head and JSON of each message, and the cursor. None if the page is not as expected: then use decode_json.

    Two passes: listing a page and looking at four fields takes 2.5 times less than decoding all of it would.
    """
    try:
        page = _decode_heads(content)
        if page.messages is None:
            return None
        if not content.isascii():
            content.decode()  # msgspec does not check what it skips
        # Copies: a slice would keep the whole page in memory while any of its runs is kept.
        return page.messages, list(map(bytes, _decode_contents(content).messages)), page.cursor
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return None


def split_messages(content: bytes) -> list[bytes] | None:
    """The JSON of each message of a page that decode_json has read. None if they cannot be told apart.

    For pages that split_page does not take: a field is of a wrong type, or holds what msgspec refuses.
    """
    try:
        return _split(content.decode())
    except (ValueError, IndexError, RecursionError):
        return None


def _split(text: str) -> list[bytes]:
    decode = json.JSONDecoder(parse_int=_integer).raw_decode
    messages: list[bytes] = []
    at = _behind(text, 0, "{")
    while text[at] != "}":
        key, at = decode(text, at)
        at = _behind(text, at, ":")
        if key == "messages" and text[at] == "[":
            messages = []
            at = _behind(text, at, "[")
            while text[at] != "]":
                start = at
                _, at = decode(text, at)
                messages.append(text[start:at].encode())
                at = _behind(text, at, ",")
            at += 1
        else:
            _, at = decode(text, at)
        at = _behind(text, at, ",")
    return messages


_space = re.compile(r"[ \t\r\n]*").match


def _behind(text: str, at: int, sign: str) -> int:
    """Where the next part begins: behind space, and behind the sign if it is there."""
    at = _space(text, at).end()  # type: ignore[union-attr]
    return _space(text, at + 1).end() if text[at] == sign else at  # type: ignore[union-attr]


def decode_head(content: bytes) -> Head | None:
    """Of one message; None if it is not as expected: then use decode_json."""
    try:
        head = _decode_head(content)
        if not content.isascii():
            content.decode()  # as in split_page
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return None
    return head


def encode_json(payload: dict[str, Any]) -> bytes:
    """On one line. In UTF-8, or in ASCII where a letter is half of a surrogate pair."""
    try:
        return json.dumps(payload, ensure_ascii=False, separators=(",", ":")).encode()
    except UnicodeEncodeError:
        return json.dumps(payload, separators=(",", ":")).encode()


def read_error(content: bytes) -> tuple[str | None, str | None]:
    """The strings "error" and "message" of an object; None for what is not there or is something else."""
    try:
        answer = _decode_error_answer(content)
        return answer.error, answer.message
    except (msgspec.DecodeError, RecursionError):
        pass
    try:
        lenient = decode_json(content)
    except ValueError:
        lenient = None
    if not isinstance(lenient, dict):
        return None, None
    error, message = (value if isinstance(value, str) else None for value in map(lenient.get, ("error", "message")))
    return error, message


def is_json(content: bytes) -> bool:
    try:
        decode_json(content)
    except ValueError:
        return False
    return True


def _integer(digits: str) -> int | float:
    """A number too long for Python: one field that nobody can use, which must not spoil the others."""
    try:
        return int(digits)
    except ValueError:
        return float(digits)


def _decode_leniently(content: bytes) -> Any:
    try:
        return json.loads(content, parse_int=_integer)
    except RecursionError:
        complaint = "nested too deeply"
    except ValueError as error:
        complaint = str(error)
    # Raised outside the handler: json's own error keeps the whole content alive.
    raise ValueError(complaint)
