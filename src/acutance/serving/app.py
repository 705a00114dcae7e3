"""The one web stack: an application of routers behind the guard, and the server that runs it."""

from __future__ import annotations

import contextlib
import logging
import socket
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from urllib.parse import urlsplit

import uvicorn
from fastapi import APIRouter, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from starlette.exceptions import HTTPException

from acutance.errors import ResourceError, UsageError
from acutance.serving.complaints import Complaints
from acutance.serving.connection import AT_ONCE, Connection
from acutance.serving.guard import Guard, Limits

LOCAL = frozenset({"localhost"})
STOP_SECONDS = 5  # for answers under way when the server stops


def create(
    routers: Sequence[APIRouter],
    *,
    names: frozenset[str] = frozenset(),
    address: str | None = None,
    limits: Limits | None = None,
    on_stop: Callable[[], None] = lambda: None,
) -> Guard:
    """The application of ``routers``, guarded. ``names``: further host names it answers to;
    ``address``: where a proxy in front is reached.

    FastAPI's own pages (/docs) are off: they load scripts from elsewhere and list what there is.
    """

    @contextlib.asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        yield
        on_stop()

    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None, lifespan=lifespan)
    for router in routers:
        app.include_router(router)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(RequestValidationError, _invalid)
    public = _origin(address) if address else ""
    return Guard(app, names=LOCAL | names, limits=limits or Limits(), public=public)


def _origin(address: str) -> str:
    """Host and port as a browser names them: without the port its scheme has anyway.

    >>> _origin("https://a.example:443/"), _origin("http://a.example:8080")
    ('a.example', 'a.example:8080')
    """
    parts = urlsplit(address)
    return parts.netloc.removesuffix({"https": ":443", "http": ":80"}[parts.scheme])


async def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return JSONResponse({"error": str(error.detail)}, error.status_code, error.headers)


async def _invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    return JSONResponse({"error": f"{first['loc'][-1]}: {first['msg']}"}, 422)


def listen(host: str, port: int) -> socket.socket:
    """A listening socket. Raises ``ResourceError`` where the port is taken, ``UsageError`` for a bad host."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except OSError as error:
        raise UsageError(f"--host {host}: is not an address of this machine ({error.strerror or error})") from error
    family, kind, protocol, _, address = found[0]
    listener = socket.socket(family, kind, protocol)  # asyncio switches off Nagle's delay only where TCP is named
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(address)
        listener.listen(AT_ONCE)
    except OSError as error:
        listener.close()
        raise ResourceError(
            f"{host}:{port}: cannot be listened on ({error.strerror or error}); stop what uses it, or choose "
            "another with --port"
        ) from error
    return listener


def names_of(address: str | None, host: str = "") -> frozenset[str]:
    """Host names a server answers to: this machine's, ``host``'s, and that of its public address, if it has one."""
    own = socket.gethostname().lower()
    public = {(urlsplit(address).hostname or "").lower()} if address else set()
    return frozenset({own, f"{own.split('.')[0]}.local", host.lower()} | public) - {""}


class _Server(uvicorn.Server):
    """Stops when ``stopped`` says so: the command line already turns signals into a flag."""

    stopped: Callable[[], int] = staticmethod(lambda: 0)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def on_tick(self, counter: int) -> bool:
        self.should_exit = self.should_exit or bool(self.stopped())
        return await super().on_tick(counter)


def run(app: Guard, listener: socket.socket, stopped: Callable[[], int]) -> None:
    """Serve until ``stopped()`` is not 0; answers under way get some seconds to finish."""
    config = uvicorn.Config(
        app, http=Connection, ws="none", lifespan="on", log_config=None, log_level="critical", access_log=False,
        server_header=False, proxy_headers=False, timeout_keep_alive=30, timeout_graceful_shutdown=STOP_SECONDS,
        backlog=AT_ONCE,
    )  # fmt: skip
    server = _Server(config)
    server.stopped = stopped
    with _heard(app.complaints):
        server.run(sockets=[listener])


@contextlib.contextmanager
def _heard(complaints: Complaints) -> Iterator[None]:
    """What asyncio logs goes through ``complaints``: else it writes a traceback for every socket it cannot have."""
    log = logging.getLogger("asyncio")
    before, log.propagate = log.propagate, False
    log.addHandler(complaints)
    try:
        yield
    finally:
        log.removeHandler(complaints)
        log.propagate = before
