"""uvicorn in a thread, quick to start and to stop."""

import asyncio
import socket
import threading

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol


class _Protocol(H11Protocol):
    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        # Faults need the connection itself, which ASGI does not offer. uvicorn copies this mapping into the state of
        # each request.
        self.app_state = {"transport": transport}
        # asyncio sets this only on sockets that were created with an explicit protocol number, unlike our listener.
        # Without it, head and body of a response, two writes, are 40 ms apart.
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def _unsupported_upgrade_warning(self) -> None:
        """uvicorn's own logs the advice to install a library for websockets. Such a request is answered like others."""


class _Server(uvicorn.Server):
    def __init__(self, app: ASGIApp, stopping: asyncio.Event) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                http=_Protocol,
                loop="asyncio",  # with uvloop, resets would look different to the client
                ws="none",
                lifespan="off",
                interface="asgi3",
                proxy_headers=False,
                server_header=False,
                date_header=False,
                access_log=False,
                log_config=None,
                timeout_keep_alive=300,  # for a client that is paused in a debugger
            )
        )
        self.stopping = stopping
        self.ready = threading.Event()

    async def main_loop(self) -> None:
        # uvicorn's own checks ten times a second whether to stop, a delay that each test would pay for.
        self.loop = asyncio.get_running_loop()
        self.ready.set()
        await self.stopping.wait()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        # uvicorn's own waits for clients to finish. Here connections are cut, and `stopping` wakes waiting requests.
        # The other tasks are requests, and connections that asyncio has accepted but not yet announced: closing the
        # server before it has would leak their sockets.
        while self.server_state.connections or len(asyncio.all_tasks()) > 1:
            for connection in list(self.server_state.connections):
                connection.transport.abort()
            await asyncio.sleep(0)
        for server in self.servers:
            server.close()


class ServerThread:
    """Serves an application on a listening socket until `stop()`, which also closes the socket."""

    def __init__(self, app: ASGIApp, listener: socket.socket, stopping: asyncio.Event) -> None:
        self._server = _Server(app, stopping)
        self._listener = listener
        self._thread = threading.Thread(target=self._run, name="upstash-workflow-dlq-emulator", daemon=True)
        self._thread.start()
        self._server.ready.wait()
        if not self._server.started:
            self._thread.join()
            raise RuntimeError("the emulator's server did not start")

    def stop(self) -> None:
        self._server.loop.call_soon_threadsafe(self._server.stopping.set)
        self._thread.join()

    def _run(self) -> None:
        try:
            self._server.run([self._listener])
        finally:
            self._listener.close()
            self._server.ready.set()  # also when the server could not start: __init__ waits for this
