"""A web server of files on 127.0.0.1 that answers ranges, and whose faults are real."""

from __future__ import annotations

import http.server
import re
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


class Web:
    """A folder on the web; what happens to requests can be changed while it runs.

    ``gone`` are endings of paths that are answered with 404, ``refused`` of those answered with
    403, ``damaged`` of those with a flipped bit, ``cut`` of those whose body ends too early;
    ``ranges`` is whether parts are sent.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.requests: list[tuple[str, str | None]] = []
        self.gone: set[str] = set()
        self.refused: set[str] = set()
        self.damaged: set[str] = set()
        self.cut: set[str] = set()
        self.ranges = True
        self.bytes = 0
        self.connections: list[socket.socket] = []
        web = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def setup(self) -> None:
                super().setup()
                web.connections.append(self.connection)

            def do_GET(self) -> None:
                web.answer(self)

            def log_message(self, *_: object) -> None:
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        if self._thread.is_alive():
            self._server.shutdown()
            self._thread.join()
            self._server.server_close()
            for connection in self.connections:
                # Those that are kept open, too: a server that is gone answers nobody.
                with suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)

    def answer(self, handler: http.server.BaseHTTPRequestHandler) -> None:
        name, wanted = handler.path, handler.headers.get("Range")
        self.requests.append((name, wanted))
        path = self.folder / name.lstrip("/")
        if not path.is_file() or name.endswith(tuple(self.gone)):
            handler.send_error(404)
            return
        if name.endswith(tuple(self.refused)):
            handler.send_error(403)
            return
        body, status = bytearray(path.read_bytes()), 200
        match = re.fullmatch(r"bytes=(\d+)-(\d*)", wanted or "")
        if match and self.ranges:
            first = int(match[1])
            last = min(int(match[2] or len(body)), len(body) - 1)
            body, status = body[first : last + 1], 206
        if name.endswith(tuple(self.damaged)):
            body[len(body) // 2] ^= 4
        handler.send_response(status)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        if name.endswith(tuple(self.cut)):
            body = body[: len(body) // 2]
            handler.close_connection = True
        self.bytes += len(body)
        handler.wfile.write(body)


@contextmanager
def on_the_web(folder: Path) -> Iterator[Web]:
    web = Web(folder)
    web.start()
    try:
        yield web
    finally:
        web.stop()
