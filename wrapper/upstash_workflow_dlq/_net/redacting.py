"""Keeps the token out of what a transport raises, and out of answers that are no success."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from contextlib import suppress
from opcode import opmap
from types import FrameType, FunctionType, TracebackType
from typing import Any

import httpx

from .._redaction import redacted, redacted_bytes

# An instruction that does nothing.
NOP = bytes([opmap["NOP"], 0])


class NoTokenInErrors:
    """A `with` block around a transport, which is given the token, and may show it in what it raises.

    The errors stay what they are. Their texts are redacted; their tracebacks keep all lines below this block, but no
    variables, since requests and headers are among those, and error trackers show them; errors of httpx get `request`,
    which has no token.
    """

    __slots__ = ("_handled", "_request")

    def __init__(self, request: httpx.Request) -> None:
        self._request = request

    def __enter__(self) -> None:
        self._handled = sys.exception()  # the caller's own, whose variables are not ours to hide

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if error is None:
            return
        for link in _links(error, self._handled):
            link.__traceback__ = _without_variables(link.__traceback__)
            _redact(link, self._request)
            if isinstance(link, httpx.RequestError):
                link.request = self._request


class _NoTokenInLogs(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        message = record.getMessage()
        if (shown := redacted(message)) != message:
            record.msg, record.args = shown, None
        return True


def redact_logs() -> None:
    """Of the libraries below, which log every header line that a server sends, if asked to."""
    for name in ("connection", "http11", "http2", "proxy", "socks"):
        logging.getLogger(f"httpcore.{name}").addFilter(_NO_TOKEN_IN_LOGS)


_NO_TOKEN_IN_LOGS = _NoTokenInLogs()


def forget_our_variables(error: BaseException) -> None:
    """An answer that quotes the token, or the data of users, is no matter for error trackers."""
    for link in _links(error, None):
        link.__traceback__ = _without_variables(link.__traceback__, "upstash_workflow_dlq.")


def _without_variables(traceback: TracebackType | None, package: str = "") -> TracebackType | None:
    """The same lines, with empty frames in place of those of this package.

    Clearing the frames themselves would end generators that are still in use, before Python 3.13.
    """
    entries = []
    while traceback is not None:
        entries.append(traceback)
        traceback = traceback.tb_next
    for entry in reversed(entries):
        if entry.tb_frame.f_globals.get("__name__", "").startswith(package):
            frame = _empty_frame(entry.tb_frame)
        else:
            frame = entry.tb_frame
        # An interrupt may come at an instruction of no line, which is None there and -1 here.
        line = -1 if entry.tb_lineno is None else entry.tb_lineno
        traceback = TracebackType(traceback, frame, entry.tb_lasti, line)
    return traceback


def _empty_frame(frame: FrameType) -> FrameType:
    """One that a traceback shows as it shows this one: by names, and by the table from instructions to columns."""
    like, code = frame.f_code, _this_frame.__code__
    padding = (len(like.co_code) - len(code.co_code)) // len(NOP)
    code = code.replace(
        co_code=code.co_code + NOP * padding,
        co_linetable=like.co_linetable,
        co_filename=like.co_filename,
        co_name=like.co_name,
        co_qualname=like.co_qualname,
        co_firstlineno=like.co_firstlineno,
    )
    names = {name: frame.f_globals.get(name) for name in ("__name__", "__loader__", "__spec__", "__file__")}
    made: FrameType = FunctionType(code, {**names, "_getframe": sys._getframe})()
    return made


def _this_frame() -> FrameType:
    return _getframe()  # type: ignore[name-defined,no-any-return]  # noqa: F821 - given by _empty_frame


def redacted_response(response: httpx.Response) -> httpx.Response:
    """A server that quotes the token in an error must not put it into exceptions, logs or the next request."""
    if response.status_code == httpx.codes.OK:  # a payload, which stays as it came
        return response
    headers = [(redacted_bytes(name), redacted_bytes(value)) for name, value in response.headers.raw]
    reason = response.extensions.get("reason_phrase", b"")
    content = redacted_bytes(response.content)
    if headers == response.headers.raw and reason == redacted_bytes(reason) and content == response.content:
        return response
    # The content is decoded already.
    kept = [item for item in headers if item[0].lower() not in {b"content-encoding", b"content-length"}]
    return httpx.Response(
        response.status_code,
        headers=kept,
        content=content,
        extensions={**response.extensions, "reason_phrase": redacted_bytes(reason)},
    )


def _links(error: BaseException, handled: BaseException | None) -> Iterator[BaseException]:
    """The error and its causes, up to the one that the caller is handling."""
    pending, seen = [error], {id(handled)}
    while pending:
        link = pending.pop()
        if id(link) in seen:
            continue
        seen.add(id(link))
        yield link
        more = link.exceptions if isinstance(link, BaseExceptionGroup) else ()
        pending += [below for below in (link.__cause__, link.__context__, *more) if below is not None]


def _redact(error: BaseException, request: httpx.Request) -> None:
    # A group shows its message by itself.
    if error.args and not isinstance(error, BaseExceptionGroup):
        error.args = _without_token(error.args, request)
    attributes = vars(error)
    attributes.update({name: _without_token(value, request) for name, value in attributes.items()})
    # What these show is no part of their args.
    names = ["filename", "filename2", "strerror"] if isinstance(error, OSError) else []
    names += ["object", "reason"] if isinstance(error, UnicodeError) else []
    for name in names:
        if (value := getattr(error, name, None)) is not None:
            setattr(error, name, _without_token(value, request))


def _without_token(value: Any, request: httpx.Request) -> Any:
    """The value itself if it shows no token."""
    if isinstance(value, str):
        return value if (text := redacted(value)) == value else text
    if isinstance(value, bytes):
        return value if (content := redacted_bytes(value)) == value else content
    if isinstance(value, httpx.Request):
        return request
    if isinstance(value, httpx.Response):
        value.request = request
    if type(value) in (list, tuple):
        return type(value)(_without_token(item, request) for item in value)
    if value is None or isinstance(value, int | float | BaseException):
        return value
    with suppress(Exception):  # whatever the repr of a stranger does
        if (shown := redacted(text := repr(value))) != text:
            return shown
    return value
