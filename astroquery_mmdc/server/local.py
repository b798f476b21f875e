"""Running the server: in a thread of this process, or for good."""

from __future__ import annotations

import asyncio
import os
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import uvicorn
from astropy.config import paths
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.http.auto import AutoHTTPProtocol

from astroquery_mmdc._files import is_url
from astroquery_mmdc.exceptions import InvalidRequestError
from astroquery_mmdc.server.app import create_app
from astroquery_mmdc.server.faults import CONNECTION, Faults
from astroquery_mmdc.server.loaders import load, open_store
from astroquery_mmdc.server.middleware import LoggedRequest
from astroquery_mmdc.server.store import ObservationStore

if TYPE_CHECKING:
    import pyarrow as pa
    from astropy.table import Table

__all__ = ["LocalServer", "serve", "serving"]

Data: TypeAlias = "str | Path | pa.Table | Table | ObservationStore | None"

DEFAULT_PORT = 8421
_START_SECONDS = 30.0
_BACKLOG = 2048


def serve(
    data: Data = None,
    *,
    store: str | Path | None = None,
    host: str = "127.0.0.1",
    port: int = DEFAULT_PORT,
    ready: Callable[[str], None] | None = None,
    **options: Any,
) -> None:
    """Run the local server until it is interrupted.

    Parameters
    ----------
    data : path-like, table or ObservationStore, optional
        What to serve, see `~astroquery_mmdc.server.load`; the embedded sample by default.
    store : path-like, optional
        Folder of a cache to serve instead, see `~astroquery_mmdc.server.open_store`.
    host : str, optional
        Address to listen on; the default is reachable from this machine only.
    port : int, optional
        Port; 0 lets the system choose one.
    ready : callable, optional
        Called with the address once the server listens.
    **options
        See `~astroquery_mmdc.server.options.Options`. Without ``jobs``, fits are kept in a folder
        for this port in the cache: they outlive the server, unless the system chose the port.
    """
    options.setdefault("jobs", _jobs_folder(port))
    server = LocalServer(data, store=store, host=host, port=port, **options)
    with suppress(KeyboardInterrupt):
        server.run(ready)


@contextmanager
def serving(data: Data = None, *, store: str | Path | None = None, **options: Any) -> Iterator[str]:
    """Run the local server in a thread for as long as a ``with`` block lasts.

    Parameters
    ----------
    data : path-like, table or ObservationStore, optional
        What to serve, see `~astroquery_mmdc.server.load`; the embedded sample by default.
    store : path-like, optional
        Folder of a cache to serve instead, see `~astroquery_mmdc.server.open_store`.
    **options
        ``host`` and ``port``, and those of `~astroquery_mmdc.server.options.Options`.

    Yields
    ------
    str
        Address of the server.

    Examples
    --------
    >>> import httpx
    >>> with serving() as url:
    ...     rows = httpx.get(
    ...         url + "/api/observations/", params={"ra": 166.1138, "dec": 38.2088, "limit": 1}
    ...     ).json()
    >>> rows[0]["catalog"]
    'RATAN'
    """
    with LocalServer(data, store=store, **options) as server:
        yield server.url


def _jobs_folder(port: int) -> Path | None:
    if not port:
        return None
    folder = os.environ.get("MMDC_CACHE_DIR")
    here = bool(folder) and not is_url(folder)
    cache = Path(folder or "") if here else Path(paths.get_cache_dir()) / "astroquery_mmdc"
    return cache / "server" / str(port)


class LocalServer:
    """A local server as an object; a context manager that starts and stops it.

    Parameters
    ----------
    data : path-like, table or ObservationStore, optional
        What to serve, see `~astroquery_mmdc.server.load`; the embedded sample by default.
    store : path-like, optional
        Folder of a cache to serve instead, see `~astroquery_mmdc.server.open_store`.
    host : str, optional
        Address to listen on.
    port : int, optional
        Port; 0, the default, lets the system choose one.
    **options
        See `~astroquery_mmdc.server.options.Options`.
    """

    def __init__(
        self,
        data: Data = None,
        *,
        store: str | Path | None = None,
        host: str = "127.0.0.1",
        port: int = 0,
        **options: Any,
    ) -> None:
        self.store = _store_of(data, store)
        # What others opened, they may still use.
        self._owned = self.store is not data
        self.faults: Faults = options.setdefault("faults", Faults())
        self.app = create_app(self.store, **options)
        self._address = (host, port)
        self._server = _Server(_config(self.app), self.app.state.site.release)
        self._thread: threading.Thread | None = None

    @property
    def url(self) -> str:
        """Address of the server, without a slash at the end; known once it is started."""
        host, port = self._address
        return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"

    @property
    def requests(self) -> list[LoggedRequest]:
        """The latest requests: method, path and some headers."""
        log: list[LoggedRequest] = self.app.state.requests
        return log

    def run(self, ready: Callable[[str], None] | None = None) -> None:
        """Serve in this thread until interrupted; ``ready`` gets the address."""
        listener = self._listen()
        if ready is not None:
            ready(self.url)
        self._run(listener)

    def __enter__(self) -> LocalServer:
        listener = self._listen()
        self._thread = threading.Thread(
            target=self._run, args=(listener,), name="mmdc-server", daemon=True
        )
        self._thread.start()
        if not self._server.running.wait(_START_SECONDS):
            msg = f"the server at {self.url} did not start within {_START_SECONDS:.0f} s"
            raise RuntimeError(msg)
        return self

    def __exit__(self, *error: object) -> None:
        assert self._thread is not None
        self._server.should_exit = True
        self._thread.join()

    def _listen(self) -> socket.socket:
        listener = _listening_socket(*self._address)
        self._address = listener.getsockname()[:2]
        return listener

    def _run(self, listener: socket.socket) -> None:
        try:
            with listener:
                self._server.run(sockets=[listener])
        finally:
            if self._owned:
                self.store.close()


def _store_of(data: Data, folder: str | Path | None) -> ObservationStore:
    if folder is None:
        return data if isinstance(data, ObservationStore) else load(data)
    if data is not None:
        msg = f"store: {folder} is given and data as well; give one of them"
        raise InvalidRequestError(msg, parameter="store")
    return open_store(folder)


class _Server(uvicorn.Server):
    """Tells when it runs, and lets go of held requests before it ends."""

    def __init__(self, config: uvicorn.Config, release: Callable[[], None]) -> None:
        super().__init__(config)
        self.running = threading.Event()
        self._release = release

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, and say so."""
        await super().startup(sockets=sockets)
        self.running.set()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End; whoever waits for a job gets an answer first."""
        self._release()
        await super().shutdown(sockets=sockets)


class _Protocol(AutoHTTPProtocol):  # type: ignore[misc, valid-type]
    """Shows the application its connection, for faults made on purpose."""

    app: ASGIApp
    transport: asyncio.Transport

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        app = self.app

        async def with_connection(scope: Scope, receive: Receive, send: Send) -> None:
            scope.setdefault("extensions", {})[CONNECTION] = lambda: self.transport
            await app(scope, receive, send)

        self.app = with_connection


def _config(app: ASGIApp) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        http=_Protocol,
        ws="none",
        loop="asyncio",
        lifespan="on",
        log_config=None,  # logging belongs to the program that runs the server
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=5,
    )


def _listening_socket(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # Named TCP, so that asyncio sends small packets at once; they would be held for 40 ms.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    # A port that was served a moment ago may be served again.
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(_BACKLOG)
    except (OSError, OverflowError) as err:
        listener.close()
        msg = f"port: cannot listen on {host}:{port} ({err}); another port, or 0, may be free"
        raise InvalidRequestError(msg, parameter="port") from err
    return listener
