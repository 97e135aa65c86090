"""The operations: who may call them, what their parameters mean, how they answer."""

import hmac
import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from starlette.applications import Starlette
from starlette.datastructures import QueryParams
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from ._settings import Settings
from ._store import Position, Run, Store, encode

_PATH = "/v2/workflows/dlq"
_PAGE_SIZE = 100
_INT64_END = 2**63
_ENDS = {"absent": "", "empty": '"cursor":"",', "null": '"cursor":null,'}
_SEVERAL = ("workflowUrl", "label", "failureFunctionState", "callerIp", "flowControlKey")
"""Filters that take several values."""
_INTEGER = re.compile(r"[+-]?[0-9]{1,19}")
_CURSOR = re.compile(r"([0-9]{1,19})-([0-9]{1,19})(?:-([0-9]{1,9}))?")


class _Refused(Exception):
    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(sentence)
        self.status = status
        self.sentence = sentence


@dataclass(frozen=True, slots=True)
class _Cursor:
    """The position of the last run delivered, so that runs coming and going elsewhere move nothing.

    Before the first page it lies after every run.

    `requests` counts the requests of the walk so far. Clients see it only while `Settings.empty_pages` needs it, which
    also makes the cursor of an empty page differ from the one that asked for it.
    """

    position: Position = (_INT64_END, 0)
    requests: int = 0

    @classmethod
    def parse(cls, text: str | None) -> "_Cursor":
        if text is None:
            return cls()
        match = _CURSOR.fullmatch(text)
        if match is None:
            raise _Refused(400, "The cursor is not one that a page of this list gave.")
        return cls((int(match[1]), int(match[2])), int(match[3] or 0))

    def after(self, position: Position, *, counting: bool) -> str:
        text = f"{position[0]}-{position[1]}"
        return f"{text}-{self.requests + 1}" if counting else text


class Service:
    """The ASGI application of the emulated service."""

    def __init__(self, store: Store, settings: Settings, token: str) -> None:
        self._store = store
        self._settings = settings
        self._token = token.encode()
        self._app = Starlette(
            routes=[
                _resource(_PATH, GET=self.list_runs),
                # The service takes an empty id for the list itself.
                _resource(_PATH + "/", GET=self.list_runs),
                _resource(_PATH + "/{dlq_id}", GET=self.get_run, DELETE=self.delete_run),
            ],
            exception_handlers={_Refused: _refused, HTTPException: _not_routed, Exception: _crashed},
        )
        self._app.router.redirect_slashes = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if not self._authorized(Request(scope)):
            await _error(401, "The token is missing or wrong.")(scope, receive, send)
            return
        # Routes look at the path as it was sent, or an id that contains %2F would fall into two segments.
        await self._app({**scope, "path": scope["raw_path"].decode()}, receive, send)

    def list_runs(self, request: Request) -> Response:
        settings, query = self._settings, _present(request.query_params)
        cursor = _Cursor.parse(query.get("cursor"))
        count = _integer(query, "count", _PAGE_SIZE)
        if not 1 <= count <= _PAGE_SIZE:
            raise _Refused(400, f"The value of count is not between 1 and {_PAGE_SIZE}.")
        since, until = _bound(query, "fromDate"), _bound(query, "toDate")
        checks = _checks(request.query_params)
        if settings.date_field != "dlqId" and (since, until) != (None, None):
            checks.append(_dated(settings.date_field, since, until))
            since = until = None

        counting = settings.empty_pages > 0
        if counting and cursor.requests % (settings.empty_pages + 1) == settings.empty_pages - 1:
            return self._page([], cursor.after(cursor.position, counting=counting))
        found, more = self._store.select(count, before=cursor.position, since=since, until=until, checks=checks)
        messages = [self._delivered(run) for _, run in found]
        return self._page(messages, cursor.after(found[-1][0], counting=counting) if more else None)

    def get_run(self, request: Request) -> Response:
        run = self._store.get(_dlq_id(request))
        if run is None:
            raise _Refused(404, "The queue holds no failed run with this id.")
        return _json(self._delivered(run))

    def delete_run(self, request: Request) -> Response:
        if not self._store.remove(_dlq_id(request)):
            raise _Refused(404, "The queue holds no failed run with this id.")
        return Response()

    def _page(self, messages: list[bytes], cursor: str | None) -> Response:
        head = _ENDS[self._settings.cursor_end] if cursor is None else f'"cursor":"{cursor}",'
        return _json(b'{%b"messages":[%b]}' % (head.encode(), b",".join(messages)))

    def _delivered(self, run: Run) -> bytes:
        missing, null = self._settings.missing, self._settings.null
        if not missing and not null:
            return run.json
        return encode({key: value for key, value in run.payload().items() if key not in missing} | dict.fromkeys(null))

    def _authorized(self, request: Request) -> bool:
        scheme, _, header = request.headers.get("authorization", "").partition(" ")
        given = request.query_params.getlist("qstash_token")
        if scheme.lower() == "bearer":
            given.append(header.strip())
        return any(hmac.compare_digest(token.encode(errors="replace"), self._token) for token in given)


def _resource(path: str, **handlers: Callable[[Request], Response]) -> Route:
    async def handle(request: Request) -> Response:
        return handlers["GET" if request.method == "HEAD" else request.method](request)

    return Route(path, handle, methods=list(handlers))


def _dlq_id(request: Request) -> str:
    return unquote(request.path_params["dlq_id"])


def _json(content: bytes, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    return Response(content, status, headers, "application/json")


def _error(status: int, sentence: str, headers: Mapping[str, str] | None = None) -> Response:
    return _json(encode({"error": sentence}), status, headers)


# Starlette promises a handler no more than an Exception; these are called for what they are registered for alone.
async def _refused(request: Request, error: Any) -> Response:
    return _error(error.status, error.sentence)


async def _not_routed(request: Request, error: Any) -> Response:
    sentences = {404: "Nothing is served at this path.", 405: "This path does not take this method."}
    return _error(error.status_code, sentences[error.status_code], error.headers)


async def _crashed(request: Request, error: Exception) -> Response:
    return _error(500, "The emulator failed; its log says why.")


def _present(params: QueryParams) -> dict[str, str]:
    """The first value of each parameter. An empty one counts as absent."""
    query: dict[str, str] = {}
    for name, value in params.multi_items():
        query.setdefault(name, value)
    return {name: value for name, value in query.items() if value}


def _integer(query: Mapping[str, str], name: str, default: int) -> int:
    text = query.get(name)
    if text is None:
        return default
    if not _INTEGER.fullmatch(text) or not -_INT64_END <= int(text) < _INT64_END:
        raise _Refused(400, f"The value of {name} is not a whole number.")
    return int(text)


def _bound(query: Mapping[str, str], name: str) -> int | None:
    return _integer(query, name, 0) if name in query else None


def _checks(params: QueryParams) -> list[Callable[[Run], bool]]:
    query = _present(params)
    checks = [
        _one_of(name, wanted)
        for name in _SEVERAL
        if (wanted := [part for value in params.getlist(name) for part in value.split(",") if part])
    ]
    if "workflowRunId" in query:
        checks.append(_one_of("workflowRunId", [query["workflowRunId"]]))
    if (created := _bound(query, "workflowCreatedAt")) is not None:
        checks.append(_one_of("workflowCreatedAt", [created]))
    return checks


def _one_of(fact: str, wanted: Collection[str | int]) -> Callable[[Run], bool]:
    return lambda run: any(value in wanted for value in run.facts[fact])


def _dated(fact: str, since: int | None, until: int | None) -> Callable[[Run], bool]:
    start = -_INT64_END if since is None else since
    end = _INT64_END if until is None else until
    return lambda run: any(isinstance(moment, int) and start <= moment <= end for moment in run.facts[fact])
