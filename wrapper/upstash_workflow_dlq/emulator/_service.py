"""The operations: who may call them, what they do, what they return."""

import hmac
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any
from urllib.parse import quote, unquote

from starlette.applications import Starlette
from starlette.datastructures import QueryParams
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from ._overrides import read_overrides
from ._payloads import Payload, Position, Run, callback_states, encode
from ._query import PAGE_SIZE, Cursor, Refused, present, read_count, read_filters, several
from ._queue import Queue
from ._settings import Settings
from ._started import Kind, StartedRuns

_PATH = "/v2/workflows/dlq"
_SDK_LIST_PATH = "/v2/dlq"
_REDIRECT_PATH = "/a-client-followed-the-redirect"
"""Where the 302 of a canceled callback points. Nothing is served there; `Emulator.requests` shows who follows it."""

_STARTS_PER_CALL = 50
_ENDS = {"absent": "", "empty": '"cursor":"",', "null": '"cursor":null,'}
_NO_SUCH_RUN = "The queue holds no failed run with this dlqId."


class Service:
    """The ASGI application of the emulated service."""

    def __init__(self, queue: Queue, started: StartedRuns, settings: Settings, token: str) -> None:
        self._queue = queue
        self._started = started
        self._settings = settings
        self._token = token.encode()
        self._app = Starlette(
            routes=[
                _resource(_SDK_LIST_PATH, GET=self.list_runs_for_sdk),
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
        if not self._authorized(scope):
            await _error(401, "The token is missing or wrong.")(scope, receive, send)
            return
        # Routes match the path as it was sent; otherwise an id that contains %2F would become two segments.
        await self._app({**scope, "path": scope["raw_path"].decode()}, receive, send)

    def list_runs(self, request: Request, *, other_filters: Sequence[str] = ()) -> Response:
        params = request.query_params
        cursor, count = self._place(params, PAGE_SIZE)
        selection = read_filters(params, self._settings, others=other_filters)
        found, more = self._queue.select(count, selection, before=cursor.position)
        if self._settings.missing or self._settings.null:
            found = [self._altered(run) for run in found]
        parts = [part for run in found for part in run.parts]
        if parts:
            parts[-1] = parts[-1].removesuffix(b",")
        return self._page(self._next(cursor, found, count, more), b'"messages":[', *parts, b"]")

    def list_runs_for_sdk(self, request: Request) -> Response:
        """Where the vendor's JavaScript SDK lists: a queue that workflows share with other messages."""
        if request.query_params.get("source") != "workflow":
            raise Refused(400, "The emulator holds failed runs of workflows only: pass source=workflow.")
        return self.list_runs(request, other_filters=["url"])

    def get_run(self, request: Request) -> Response:
        run = self._queue.get(_dlq_id(request))
        if run is None:
            raise Refused(404, _NO_SUCH_RUN)
        return _json(self._altered(run).json)

    def delete_run(self, request: Request) -> Response:
        if not self._queue.take_ids([_dlq_id(request)]):
            raise Refused(404, _NO_SUCH_RUN)
        return Response()

    def delete_runs(self, request: Request) -> Response:
        dlq_ids, cursor = self._take_batch(request, PAGE_SIZE, all_or_none=False)
        return self._page(cursor, b'"deleted":%d' % len(dlq_ids))

    def start_run(self, kind: Kind, request: Request) -> Response:
        overrides = read_overrides(request.headers)
        taken = self._queue.take_ids([_dlq_id(request)])
        if not taken:
            raise Refused(404, _NO_SUCH_RUN)
        return _json(encode(self._start(kind, [taken[0].dlq_id], overrides)[0]))

    def start_runs(self, kind: Kind, request: Request) -> Response:
        overrides = read_overrides(request.headers)
        dlq_ids, cursor = self._take_batch(request, _STARTS_PER_CALL, all_or_none=True)
        return self._page(cursor, b'"workflowRuns":', encode(self._start(kind, dlq_ids, overrides)))

    def retry_callback(self, request: Request) -> Response:
        dlq_id, overrides = _dlq_id(request), read_overrides(request.headers)
        self._move_callback(dlq_id, "CALLBACK_FAIL", "CALLBACK_INPROGRESS")
        return _json(encode(self._start("callback", [dlq_id], overrides)[0]))

    def cancel_callback(self, request: Request) -> Response:
        dlq_id = _dlq_id(request)
        self._move_callback(dlq_id, "CALLBACK_INPROGRESS", "CALLBACK_CANCELED")
        return Response(status_code=302, headers={"Location": f"{_REDIRECT_PATH}/{quote(dlq_id, safe='')}"})

    def _start(self, kind: Kind, dlq_ids: Iterable[str], overrides: Mapping[str, str]) -> list[dict[str, Any]]:
        return [
            {"workflowRunId": started.workflow_run_id, "workflowCreatedAt": started.workflow_created_at}
            for started in self._started.start(kind, dlq_ids, overrides)
        ]

    def _take_batch(self, request: Request, most: int, *, all_or_none: bool) -> tuple[list[str], str | None]:
        """Remove one batch of what a bulk call selects; its ids, and the cursor to continue from.

        Ids override every filter. Unless `all_or_none`, ids that are not in the queue are skipped.
        """
        params = request.query_params
        cursor, count = self._place(params, most)
        selection = read_filters(params, self._settings, run_id_prefix=True)
        given = list(dict.fromkeys(several(params, "dlqIds")))
        if not given:
            found, more = self._queue.take(count, selection, before=cursor.position)
            return [run.dlq_id for run in found], self._next(cursor, found, count, more)
        done = cursor.done + count
        try:
            required = given[cursor.done :] if all_or_none else ()
            taken = self._queue.take_ids(given[cursor.done : done], required=required)
        except KeyError:
            raise Refused(404, "The queue does not hold all of these runs. Nothing was done.") from None
        return [run.dlq_id for run in taken], self._after(cursor, (done, 0)) if done < len(given) else None

    def _move_callback(self, dlq_id: str, state: str, new_state: str) -> None:
        """Change the state of a failure callback. Refuses a run where it is not in `state`."""

        def move(payload: Payload) -> Payload:
            known = next((known for known in callback_states(payload) if known), None)
            if known is None and not payload.get("failureCallback"):
                raise Refused(400, "The run has no failure callback.")
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

    def _place(self, params: QueryParams, most: int) -> tuple[Cursor, int]:
        """Where a call continues, and how many runs it may handle: none if the settings want an empty page here."""
        query = present(params)
        cursor, count = Cursor.parse(query.get("cursor")), read_count(query, most)
        every = self._settings.empty_pages
        empty = every > 0 and cursor.requests % (every + 1) == every - 1
        return cursor, 0 if empty else count

    def _next(self, cursor: Cursor, found: list[Run], count: int, more: bool) -> str | None:
        """An empty page that the settings asked for has a cursor even if nothing follows."""
        if not more and count:
            return None
        return self._after(cursor, found[-1].position if found else cursor.position)

    def _after(self, cursor: Cursor, position: Position) -> str:
        return cursor.after(position, counting=self._settings.empty_pages > 0)

    def _page(self, cursor: str | None, *content: bytes) -> Response:
        head = _ENDS[self._settings.cursor_end] if cursor is None else f'"cursor":"{cursor}",'
        return _json(b"".join((b"{", head.encode(), *content, b"}")))

    def _altered(self, run: Run) -> Run:
        """The run without the fields that the settings leave out or make null."""
        kept = {key: value for key, value in run.payload().items() if key not in self._settings.missing}
        return Run.of(run.position, kept | dict.fromkeys(self._settings.null))

    def _authorized(self, scope: Scope) -> bool:
        for name, value in scope["headers"]:
            if name == b"authorization":
                scheme, _, token = value.decode("latin-1").partition(" ")
                if scheme.lower() == "bearer" and hmac.compare_digest(token.strip().encode(), self._token):
                    return True
        given = Request(scope).query_params.getlist("qstash_token")
        return any(hmac.compare_digest(token.encode(errors="replace"), self._token) for token in given)


def _resource(path: str, **handlers: Callable[[Request], Response]) -> Route:
    async def handle(request: Request) -> Response:
        return handlers["GET" if request.method == "HEAD" else request.method](request)

    return Route(path, handle, methods=list(handlers))


def _collection(path: str, **handlers: Callable[[Request], Response]) -> list[Route]:
    """To the service, an empty id means all runs: `DELETE …/dlq/` purges the queue. Clients are tested against that."""
    return [_resource(path, **handlers), _resource(f"{path}/", **handlers)]


def _dlq_id(request: Request) -> str:
    return unquote(request.path_params["dlq_id"])


def _json(content: bytes, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    return Response(content, status, headers, "application/json")


def _error(status: int, sentence: str, headers: Mapping[str, str] | None = None) -> Response:
    return _json(encode({"error": sentence}), status, headers)


# Starlette types the error of a handler as Exception; it calls each of these only for the class it is registered for.
async def _refused(request: Request, error: Any) -> Response:
    return _error(error.status, error.sentence)


async def _not_routed(request: Request, error: Any) -> Response:
    sentences = {404: "Nothing is served at this path.", 405: "This path does not accept this method."}
    return _error(error.status_code, sentences[error.status_code], error.headers)


async def _crashed(request: Request, error: Exception) -> Response:
    return _error(500, "The emulator failed: see its log.")
