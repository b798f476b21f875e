"""A PostgreSQL of one's own with Q3C and pg_sphere, for as long as it is needed."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

from .cache_setup import run

# One core, nothing to wait for while it is filled, and memory enough for what is asked.
OPTIONS = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "max_wal_size": "8GB",
    "shared_buffers": "1GB",
    "work_mem": "256MB",
    "maintenance_work_mem": "1GB",
    "max_parallel_workers_per_gather": "0",
    "max_parallel_maintenance_workers": "0",
    "jit": "off",
}

FILL = """
import io, os, re, sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
import psycopg
import pyarrow as pa
import pyarrow.csv as csv
from cache_engines import flat
table = flat(Path(sys.argv[1]))
kinds = {pa.int64(): "int8", pa.float64(): "float8", pa.bool_(): "bool", pa.string(): "text"}
columns = ", ".join(f"{field.name} {kinds[field.type]}" for field in table.schema)
with psycopg.connect(os.environ["MMDC_BENCH_POSTGRES"], autocommit=True) as base:
    base.execute("CREATE EXTENSION q3c")
    try:
        base.execute("CREATE EXTENSION pg_sphere")
    except psycopg.errors.InvalidFunctionDefinition:
        # Servers of 2024 and later refuse some links between operators of its older versions.
        links = "(?m)^ *(COMMUTATOR|NEGATOR) *=.*,\\s*$|^.echo.*$"
        script = re.sub(links, "", Path(sys.argv[3]).read_text())
        base.execute(script.replace("MODULE_PATHNAME", "$libdir/pg_sphere"))
    base.execute(f"CREATE TABLE observations ({columns})")
    with base.cursor() as cursor:
        with cursor.copy("COPY observations FROM STDIN (FORMAT csv)") as copy:
            for batch in table.to_batches(100_000):
                sink = io.BytesIO()
                csv.write_csv(batch, sink, csv.WriteOptions(include_header=False))
                copy.write(sink.getvalue())
    base.execute("CREATE INDEX by_q3c ON observations (q3c_ang2ipix(ra, dec))")
    base.execute("CLUSTER observations USING by_q3c")
    base.execute("CREATE INDEX by_sphere ON observations"
                 " USING gist (spoint(radians(ra), radians(dec)))")
    base.execute("VACUUM ANALYZE observations")
"""


def programs():
    """Return the folder of PostgreSQL's programs, None if it is not installed with both."""
    for folder in sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True):
        extensions = Path("/usr/share/postgresql") / folder.parent.name / "extension"
        if all((extensions / f"{name}.control").exists() for name in ("q3c", "pg_sphere")):
            return folder
    return None


def _script(programs):
    folder = Path("/usr/share/postgresql") / programs.parent.name / "extension"
    version = re.search("default_version = '(.*)'", (folder / "pg_sphere.control").read_text())
    return folder / f"pg_sphere--{version[1]}.sql"


@contextmanager
def postgres(folder, python):
    """Run a server with the rows; set the variable that tells clients where; give it, or None."""
    found = programs()
    if found is None or python is None:
        yield None
        return
    base = Path(tempfile.mkdtemp(prefix="mmdc-bench-postgres-"))
    server = None
    try:
        server, address = _started(found, base)
        os.environ["MMDC_BENCH_POSTGRES"] = address
        run(python, "-c", FILL, folder, Path(__file__).parent, _script(found))
        yield address
    finally:
        os.environ.pop("MMDC_BENCH_POSTGRES", None)
        if server is not None:
            # Not the polite way, which waits for clients.
            server.send_signal(signal.SIGINT)
            server.wait(timeout=60)
        shutil.rmtree(base)


def _started(programs, base):
    owner = {}
    if os.geteuid() == 0:
        # PostgreSQL refuses to run as the superuser.
        shutil.chown(base, "postgres", "postgres")
        owner = {"user": "postgres", "group": "postgres", "extra_groups": [], "cwd": "/"}
    data = base / "data"
    subprocess.run(
        [programs / "initdb", "-D", data, "-A", "trust", "-U", "bench", "--no-sync", "-E", "UTF8"],
        check=True,
        capture_output=True,
        **owner,
    )
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    settings = OPTIONS | {"port": port, "unix_socket_directories": base}
    options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
    command = [programs / "postgres", "-D", data, *options]
    server = subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **owner
    )
    ready = [programs / "pg_isready", "-h", base, "-p", str(port), "-U", "bench"]
    while subprocess.run(ready, capture_output=True, check=False).returncode:
        assert server.poll() is None, "PostgreSQL does not start"
        time.sleep(0.1)
    return server, f"host={base} port={port} user=bench dbname=postgres"
