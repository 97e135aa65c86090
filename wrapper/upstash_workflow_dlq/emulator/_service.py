"""The operations: who may call them, what they do, what they return."""

import json
from collections.abc import Callable, Collection, Iterable, Mapping
from functools import partial
from typing import Any
from urllib.parse import quote, unquote

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from ._access import has_token
from ._failing_again import FailingAgain
from ._overrides import read_overrides
from ._payloads import Payload, Run, callback_states, encode
from ._query import (
    BULK,
    LIST,
    PAGE_SIZE,
    SHARED_DELETE,
    SHARED_LIST,
    Cursor,
    Query,
    Refused,
    check_trim_body,
    read_count,
    read_filters,
)
from ._queue import Queue
from ._responses import error_response, json_response
from ._settings import Settings
from ._started import Kind, Started, StartedRuns

_PATH = "/v2/workflows/dlq"
_SHARED_PATH = "/v2/dlq"
"""The queue that workflows share with other messages. The vendor's SDKs list and delete there."""
_REDIRECT_PATH = "/a-client-followed-the-redirect"
"""Where the 302 of a canceled callback points. Nothing is served there; `Emulator.requests` shows who follows it."""

_STARTS_PER_CALL = 50
_ENDS = {"absent": "", "empty": '"cursor":"",', "null": '"cursor":null,'}
_NO_SUCH_RUN = "The queue holds no failed run with this dlqId."


class Service:
    """The ASGI application of the emulated service."""

    def __init__(
        self, queue: Queue, started: StartedRuns, failing: FailingAgain, settings: Settings, token: str
    ) -> None:
        self._queue = queue
        self._started = started
        self._failing = failing
        self._settings = settings
        self._token = token.encode()
        self._app = Starlette(
            routes=[
                _resource(_SHARED_PATH, GET=self.list_shared, DELETE=self.delete_shared),
                *_collection(_PATH, GET=self.list_runs, DELETE=self.delete_runs),
                *_collection(f"{_PATH}/resume", POST=partial(self.start_runs, "resume")),
                *_collection(f"{_PATH}/restart", POST=partial(self.start_runs, "restart")),
                _resource(_PATH + "/{dlq_id}", GET=self.get_run, DELETE=self.delete_run),
                _resource(_PATH + "/resume/{dlq_id}", POST=partial(self.start_run, "resume")),
                _resource(_PATH + "/restart/{dlq_id}", POST=partial(self.start_run, "restart")),
                _resource(_PATH + "/callback/{dlq_id}", POST=self.retry_callback, DELETE=self.cancel_callback),
            ],
            exception_handlers={Refused: _refused, HTTPException: _not_routed, Exception: _crashed},
        )
        self._app.router.redirect_slashes = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if not has_token(scope, self._token):
            await error_response(401, "The token is missing or wrong.")(scope, receive, send)
            return
        # Routes match the path as it was sent; otherwise an id that contains %2F would become two segments.
        await self._app({**scope, "path": scope["raw_path"].decode()}, receive, send)

    def list_runs(self, request: Request, body: bytes) -> Response:
        return self._list(_query(request, LIST))

    def list_shared(self, request: Request, body: bytes) -> Response:
        query = _query(request, SHARED_LIST)
        if query.first("source") != "workflow":
            raise Refused(400, "The emulator holds failed runs of workflows only: pass source=workflow.")
        return self._list(query)

    def get_run(self, request: Request, body: bytes) -> Response:
        run = self._queue.get(_dlq_id(request))
        if run is None:
            raise Refused(404, _NO_SUCH_RUN)
        return json_response(b"".join(*self._delivered([run]))[:-1])

    def delete_run(self, request: Request, body: bytes) -> Response:
        if not self._queue.take_ids([_dlq_id(request)]):
            raise Refused(404, _NO_SUCH_RUN)
        return Response()

    def delete_runs(self, request: Request, body: bytes) -> Response:
        taken, following = self._take_batch(request, body, PAGE_SIZE, all_or_none=False)
        return _page(following, b'"deleted":%d' % len(taken))

    def delete_shared(self, request: Request, body: bytes) -> Response:
        """Ids only, in the query or in a JSON body, which the vendor's Python and Go SDKs send."""
        given = _query(request, SHARED_DELETE).several("dlqIds")
        if bool(given) == bool(body):
            raise Refused(400, "Pass the runs to delete as dlqIds, either in the query or in a JSON body.")
        taken = self._queue.take_ids(given or _ids_in(body))
        return json_response(b'{"deleted":%d}' % len(taken))

    def start_run(self, kind: Kind, request: Request, body: bytes) -> Response:
        dlq_id, overrides = _dlq_id(request), read_overrides(request.headers)
        taken = self._queue.take_ids([dlq_id])
        if not taken:
            raise Refused(404, _NO_SUCH_RUN)
        return json_response(encode(self._start(kind, taken, overrides)[0]))

    def start_runs(self, kind: Kind, request: Request, body: bytes) -> Response:
        overrides = read_overrides(request.headers)
        taken, following = self._take_batch(request, body, _STARTS_PER_CALL, all_or_none=True)
        started = self._start(kind, taken, overrides)
        return _page(following, b'"workflowRuns":', encode(started))

    def retry_callback(self, request: Request, body: bytes) -> Response:
        dlq_id, overrides = _dlq_id(request), read_overrides(request.headers)
        self._move_callback(dlq_id, "CALLBACK_FAIL", "CALLBACK_INPROGRESS", without=400)
        return json_response(encode(_answer(self._started.start("callback", [dlq_id], overrides))[0]))

    def cancel_callback(self, request: Request, body: bytes) -> Response:
        dlq_id = _dlq_id(request)
        self._move_callback(dlq_id, "CALLBACK_INPROGRESS", "CALLBACK_CANCELED", without=404)
        return Response(status_code=302, headers={"Location": f"{_REDIRECT_PATH}/{quote(dlq_id, safe='')}"})

    def _start(self, kind: Kind, taken: list[Run], overrides: Mapping[str, str]) -> list[dict[str, Any]]:
        """Start runs that were taken from the queue. Some may fail again later."""
        started = self._started.start(kind, [run.dlq_id for run in taken], overrides)
        self._failing.draw(taken, started, self._settings)
        return _answer(started)

    def _list(self, query: Query) -> Response:
        check_trim_body(query)
        cursor, count = self._place(query, PAGE_SIZE)
        selection = read_filters(query, self._settings)
        if given := query.several("dlqIds"):
            found, following = self._queue.get_ids(given), ""
        else:
            found, more = self._queue.select(count, selection, before=cursor.position)
            following = self._following(cursor, found, count, more)
        parts = [part for run in self._delivered(found) for part in run]
        if parts:
            parts[-1] = parts[-1].removesuffix(b",")
        return _page(following, b'"messages":[', *parts, b"]")

    def _take_batch(self, request: Request, body: bytes, most: int, *, all_or_none: bool) -> tuple[list[Run], str]:
        """Remove one batch of what a bulk call selects; the runs, and the cursor for the response.

        Ids override every filter, and all are handled at once. Unless `all_or_none`, those that are not in the queue
        are skipped.
        """
        query = _query(request, BULK)
        if body:  # ignoring ids that were put into it would mean all runs
            raise Refused(400, "This call takes no body: pass ids as dlqIds in the query.")
        cursor, count = self._place(query, most)
        selection = read_filters(query, self._settings, run_id_prefix=True)
        given = dict.fromkeys(query.several("dlqIds"))
        if not given:
            found, more = self._queue.take(count, selection, before=cursor.position)
            return found, self._following(cursor, found, count, more)
        try:
            return self._queue.take_ids(given, required=given if all_or_none else ()), ""
        except KeyError:
            raise Refused(404, "The queue does not hold all of these runs. Nothing was done.") from None

    def _move_callback(self, dlq_id: str, state: str, new_state: str, *, without: int) -> None:
        """Change the state of a failure callback. Refuses a run where it is not in `state`.

        `without` is the status for a run without a failure callback.
        """

        def move(payload: Payload) -> Payload:
            known = next((known for known in callback_states(payload) if known), None)
            if known is None and not payload.get("failureCallback"):
                raise Refused(without, "The run has no failure callback.")
            if known != state:
                raise Refused(400, f"The failure callback is not in the state {state}.")
            if payload.get("failureFunctionState"):
                payload["failureFunctionState"] = new_state
            info = payload.get("failureCallbackInfo")
            if isinstance(info, dict) and info.get("state"):
                payload["failureCallbackInfo"] = {**info, "state": new_state}
            return payload

        try:
            self._queue.edit(dlq_id, move)
        except KeyError:
            raise Refused(404, _NO_SUCH_RUN) from None

    def _place(self, query: Query, most: int) -> tuple[Cursor, int]:
        """Where a call continues, and how many runs it may handle: none if the settings want an empty page here."""
        cursor, count = Cursor.parse(query.first("cursor")), read_count(query, most)
        every = self._settings.empty_pages
        empty = every > 0 and cursor.requests % (every + 1) == every - 1
        return cursor, 0 if empty else count

    def _following(self, cursor: Cursor, found: list[Run], count: int, more: bool) -> str:
        """The cursor for the response. An empty page that the settings asked for has one even if nothing follows."""
        if not more and count:
            return _ENDS[self._settings.cursor_end]
        position = found[-1].position if found else cursor.position
        return f'"cursor":"{cursor.after(position, counting=self._settings.empty_pages > 0)}",'

    def _delivered(self, runs: list[Run]) -> list[list[bytes]]:
        """The parts of runs, without the fields that the settings leave out or make null."""
        missing, null = self._settings.missing, dict.fromkeys(self._settings.null)
        if not missing and not null:
            return [run.parts for run in runs]
        kept = [{key: value for key, value in run.payload().items() if key not in missing} for run in runs]
        return [[encode(payload | null), b","] for payload in kept]


Handler = Callable[[Request, bytes], Response]
"""Carries out a request with this body."""


class _Operations:
    """The ASGI application of one path: an operation for each method."""

    def __init__(self, handlers: Mapping[str, Handler]) -> None:
        self._handlers = handlers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        try:
            body = await request.body() if request.method in ("POST", "DELETE") else b""
        except ClientDisconnect:
            return
        handler = self._handlers["GET" if request.method == "HEAD" else request.method]
        await handler(request, body)(scope, receive, send)


def _resource(path: str, **handlers: Handler) -> Route:
    return Route(path, _Operations(handlers), methods=list(handlers))


def _collection(path: str, **handlers: Handler) -> list[Route]:
    """To the service, an empty id means all runs: `DELETE …/dlq/` purges the queue. Clients are tested against that."""
    return [_resource(path, **handlers), _resource(f"{path}/", **handlers)]


def _query(request: Request, known: Collection[str]) -> Query:
    return Query(request.scope["query_string"], known)


def _dlq_id(request: Request) -> str:
    """The id in the path of a call for one run, which takes no parameters."""
    _query(request, known=())
    return unquote(request.path_params["dlq_id"])


def _ids_in(body: bytes) -> list[str]:
    """The ids in a JSON body: `{"dlqIds": [...]}`."""
    try:
        match json.loads(body):
            case {"dlqIds": [*ids], **rest} if ids and not rest and all(isinstance(id, str) and id for id in ids):
                return ids
    except (ValueError, RecursionError):
        pass
    raise Refused(400, 'The body must be {"dlqIds": [...]}, with at least one id.')


def _answer(started: Iterable[Started]) -> list[dict[str, Any]]:
    return [{"workflowRunId": run.workflow_run_id, "workflowCreatedAt": run.workflow_created_at} for run in started]


def _page(cursor: str, *content: bytes) -> Response:
    return json_response(b"".join((b"{", cursor.encode(), *content, b"}")))


# Starlette types the error of a handler as Exception; it calls each of these only for the class it is registered for.
async def _refused(request: Request, error: Any) -> Response:
    return error_response(error.status, error.sentence)


async def _not_routed(request: Request, error: Any) -> Response:
    sentences = {404: "Nothing is served at this path.", 405: "This path does not accept this method."}
    return error_response(error.status_code, sentences[error.status_code], error.headers)


async def _crashed(request: Request, error: Exception) -> Response:
    return error_response(500, "The emulator failed: see its log.")
