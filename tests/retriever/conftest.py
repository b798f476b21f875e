"""Fixtures of the retriever: a data root of one's own, light curves, and a real PostgreSQL."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from astroquery_mmdc.retriever.lightcurve import LightCurve, reduced_dtype


@pytest.fixture(autouse=True)
def data_root(monkeypatch, tmp_path):
    """Folder of all data of a test; the user's own is out of reach."""
    root = tmp_path / "data"
    monkeypatch.setenv("RETRIEVER_DATA", str(root))
    monkeypatch.delenv("RETRIEVER_DATABASE", raising=False)
    return root


@pytest.fixture
def make_lightcurve():
    """Function that makes a light curve of random numbers, the same for the same arguments."""

    def make(source="BL Lac", level="reduced", *, rows=20, band="zg", **fields):
        rng = np.random.default_rng([rows, len(source), fields.get("series", 1)])
        data = np.zeros(rows, dtype=reduced_dtype("ra", "dec", "snr", "dsnr", "dmag"))
        for name in data.dtype.names:
            if data.dtype[name].kind == "f":
                data[name] = rng.normal(18, 0.1, rows)
        data["mjd"] = data["time"] = 59000 + np.arange(rows)
        data["filter"] = band
        fields.setdefault("meta", {"filter": band, "statistics": {"num_good": rows}})
        return LightCurve(data, source, fields.pop("observatory", "DEMO"), level=level, **fields)

    return make


def postgres_programs():
    """Return the folder of PostgreSQL's programs, None if it is not installed."""
    return next(iter(sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)), None)


@contextmanager
def running_postgres(base: Path, programs: Path, password: str):
    """Run a server in a folder for as long as it is needed; give its port."""
    owner = {}
    if os.geteuid() == 0:
        shutil.chown(base, "postgres", "postgres")  # PostgreSQL refuses to run as the superuser
        owner = {"user": "postgres", "group": "postgres", "extra_groups": [], "cwd": "/"}
    secret = base / "password"
    secret.write_text(password)
    secret.chmod(0o644)
    command = [programs / "initdb", "-D", base / "data", "-U", "retriever", "-E", "UTF8"]
    command += ["-A", "scram-sha-256", "--pwfile", secret, "--no-sync", "--locale", "C"]
    subprocess.run(command, check=True, capture_output=True, **owner)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    options = {"port": port, "unix_socket_directories": base, "fsync": "off"}
    settings = [part for name, value in options.items() for part in ("-c", f"{name}={value}")]
    with (base / "log").open("wb") as log:
        program = [programs / "postgres", "-D", base / "data", *settings]
        server = subprocess.Popen(program, stdout=log, stderr=log, **owner)
    try:
        ready = [programs / "pg_isready", "-h", "127.0.0.1", "-p", str(port), "-t", "30", "-q"]
        for _ in range(100):
            if subprocess.run(ready, check=False).returncode == 0:
                break
        yield port
    finally:
        server.send_signal(signal.SIGINT)  # not the polite way, which waits for clients
        server.wait(timeout=60)


@pytest.fixture(scope="session")
def postgres_server():
    """Address of a PostgreSQL server, without a database."""
    programs = postgres_programs()
    if programs is None:
        pytest.skip("there is no PostgreSQL in /usr/lib/postgresql: apt-get install postgresql")
    pytest.importorskip("psycopg")
    # Not below pytest's folders: the server's user may not look into them.
    base = Path(tempfile.mkdtemp(prefix="mmdc-test-postgres-"))
    try:
        with running_postgres(base, programs, "sesame-5107") as port:
            yield f"postgresql+psycopg://retriever:sesame-5107@127.0.0.1:{port}"
    finally:
        shutil.rmtree(base, ignore_errors=True)


@pytest.fixture
def postgres_url(postgres_server):
    """URL of a fresh database on the server."""
    import psycopg

    name = f"t{os.urandom(6).hex()}"
    admin = postgres_server.replace("+psycopg", "") + "/postgres"
    with psycopg.connect(admin, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    yield f"{postgres_server}/{name}"
    from astroquery_mmdc.retriever.database import dispose

    dispose()
    with psycopg.connect(admin, autocommit=True) as connection:
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request, data_root):
    """URL of an empty database, on both engines."""
    if request.param == "postgresql":
        yield request.getfixturevalue("postgres_url")
        return
    data_root.mkdir(parents=True, exist_ok=True)
    yield f"sqlite:///{data_root}/retriever.db"
    from astroquery_mmdc.retriever.database import dispose

    dispose()
