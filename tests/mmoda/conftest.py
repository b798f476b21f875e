"""A real dispatcher on this machine, tokens for it, and clients."""

from __future__ import annotations

import base64
import hashlib
import hmac
import itertools
import json
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import parse_qsl

import pytest

from astroquery_mmdc import MMODAClass
from tests.peers import peer_python

SECRET = b"secretkey_test"
# There is no mail server.
NO_EMAILS = {
    "tem": 0,
    "mstout": False,
    "mssub": False,
    "msdone": False,
    "msfail": False,
    "intsub": 5,
}


@pytest.fixture(autouse=True)
def _own_tokens(monkeypatch, tmp_path, _own_surroundings):
    """Keep the user's tokens out of the tests, and those of the tests out of the user's files."""
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.delenv("ODA_TOKEN", raising=False)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.chdir(tmp_path)


def _segment(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=")


def make_token(*, hours=24.0, secret=SECRET, **payload):
    """Sign a token as the service does; ``hours=None`` leaves the expiry out."""
    said = {
        "sub": "tester@example.org",
        "email": "tester@example.org",
        "name": "tester",
        "roles": "general, refresh-tokens",
        **NO_EMAILS,
        **payload,
    }
    if hours is not None:
        said["exp"] = int(time.time() + hours * 3600)
    header = _segment(json.dumps({"alg": "HS256", "typ": "JWT"}).encode())
    signed = header + b"." + _segment(json.dumps(said).encode())
    signature = _segment(hmac.new(secret, signed, hashlib.sha256).digest())
    return (signed + b"." + signature).decode()


@pytest.fixture(scope="session")
def sign():
    return make_token


@pytest.fixture
def token(sign):
    return sign()


def _free_ports():
    """Return the first of two ports that follow each other and are free."""
    for _ in range(50):
        with socket.socket() as first:
            first.bind(("127.0.0.1", 0))
            port = first.getsockname()[1]
        try:
            for number in range(port, port + 3):
                with socket.socket() as one:
                    one.bind(("127.0.0.1", number))
        except OSError:
            continue
        return port
    pytest.skip("no free ports for a dispatcher")


class Dispatcher:
    """The real dispatcher in a process of its own, which can be stopped and started again."""

    def __init__(self, kit, venv, work):
        self.kit, self.venv, self.work = kit, venv, work
        self.port = _free_ports()
        self.url = f"http://127.0.0.1:{self.port}/dispatch-data"
        self.resolver_url = f"http://127.0.0.1:{self.port + 1}/local/{{}}"
        self.pid = None
        self.sidecar = subprocess.Popen(
            [sys.executable, str(kit / "sidecar.py"), str(self.port + 1)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def start(self):
        script = str(self.kit / "start_dispatcher.sh")
        environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
        done = subprocess.run(
            ["bash", script, str(self.venv), str(self.work), str(self.port)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            timeout=120,
            env=environment,
            check=False,
        )
        if "READY" not in done.stdout:
            self.close()
            pytest.skip(f"the dispatcher does not start: {done.stdout.strip()[-300:]}")
        self.pid = int(done.stdout.rpartition("pid=")[2])

    def stop(self):
        if self.pid is not None:
            os.kill(self.pid, 9)
            self.pid = None
        for _ in range(100):
            with socket.socket() as one:
                if one.connect_ex(("127.0.0.1", self.port)):
                    return
            time.sleep(0.05)

    def close(self):
        self.stop()
        self.sidecar.terminate()
        self.sidecar.wait(10)

    def log(self):
        return (self.work / "server.log").read_text(errors="replace")


@pytest.fixture(scope="session")
def dispatcher(shared, tmp_path_factory):
    """The address of a real dispatcher with the instrument ``localtest``."""
    kit = shared / "tools" / "mmoda"
    folder = Path(peer_python("dispatcher")).parents[1]
    if shutil.which("taskset") is None:
        pytest.skip("taskset is not there")
    running = Dispatcher(kit, folder, tmp_path_factory.mktemp("dispatcher"))
    running.start()
    yield running
    running.close()


@pytest.fixture
def mmoda(dispatcher):
    return MMODAClass(dispatcher.url, resolver_url=dispatcher.resolver_url)


@pytest.fixture
def fresh():
    """Make source names that no job was ever asked for with."""
    counter = itertools.count()
    return lambda: f"test {uuid.uuid4().hex} {next(counter)}"


@pytest.fixture(scope="session", params=["newest_server", "pypi_server"])
def recorded(request, shared):
    """Return the exchanges of a recorded scenario, of servers new and old."""
    folder = shared / "data" / "mmoda" / request.param

    def read(name):
        return json.loads((folder / f"{name}.json").read_text())

    read.generation = request.param
    return read


class Scripted:
    """A dispatcher that answers what a test tells it to, and remembers what it was asked."""

    def __init__(self):
        self.asked = []
        self.answer = lambda asked: (404, "text/plain", b"")
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def _serve(self):
                length = int(self.headers.get("Content-Length") or 0)
                body = self.rfile.read(length).decode("utf-8", "replace")
                path, _, query = self.path.partition("?")
                asked = SimpleNamespace(
                    method=self.command,
                    path=path,
                    query=dict(parse_qsl(query)),
                    form=dict(parse_qsl(body, keep_blank_values=True)),
                    line=f"{self.command} {self.path}",
                    body=body,
                )
                outer.asked.append(asked)
                found = outer.answer(asked)
                if found is None:  # hang up without a word
                    self.connection.shutdown(socket.SHUT_RDWR)
                    return
                status, kind, content = found
                self.send_response(status)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            do_GET = do_POST = _serve  # noqa: N815 - names that the base class looks for

            def log_message(self, *args):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/dispatch-data"
        self.thread = threading.Thread(
            target=self.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True
        )
        self.thread.start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


def as_json(body, status=200):
    return status, "application/json", json.dumps(body).encode()


@pytest.fixture
def scripted():
    server = Scripted()
    yield server
    server.close()
