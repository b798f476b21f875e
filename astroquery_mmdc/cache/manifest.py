"""The commit point of a store: what is part of it, and what is known about the sky."""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from astroquery_mmdc.exceptions import CacheError

__all__ = ["SCHEMA_VERSION", "CoverRow", "FileRecord", "Generation", "Manifest", "Segment", "State"]

SCHEMA_VERSION = 1

_SCHEMA = """
CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS generation (
    id INTEGER PRIMARY KEY AUTOINCREMENT, path TEXT NOT NULL UNIQUE, upto INTEGER NOT NULL,
    state TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS segment (
    id INTEGER PRIMARY KEY AUTOINCREMENT, path TEXT, key TEXT NOT NULL, rows INTEGER NOT NULL,
    fetched REAL NOT NULL, generation INTEGER, checksum TEXT);
CREATE TABLE IF NOT EXISTS cover (
    segment INTEGER NOT NULL, key TEXT NOT NULL, low INTEGER NOT NULL, high INTEGER NOT NULL,
    fetched REAL NOT NULL);
CREATE INDEX IF NOT EXISTS cover_segment ON cover (segment);
CREATE INDEX IF NOT EXISTS cover_fetched ON cover (fetched);
CREATE TABLE IF NOT EXISTS file (
    generation INTEGER NOT NULL, path TEXT NOT NULL, checksum TEXT NOT NULL,
    PRIMARY KEY (generation, path)) WITHOUT ROWID;
"""
# Lets readers know that coverage was taken away.
_NEW_EPOCH = """
INSERT INTO meta VALUES ('epoch', '1')
    ON CONFLICT (name) DO UPDATE SET value = CAST(value AS INTEGER) + 1
"""
CoverRow = tuple[str, int, int, float]
"""Key, low, high and time of a range that is known."""

# Another process holds the file for the milliseconds of a commit.
_PATIENCE = 30.0


@dataclass(frozen=True, slots=True)
class Generation:
    """A HATS catalogue that holds every segment up to ``upto``."""

    id: int
    path: str
    upto: int


@dataclass(frozen=True, slots=True)
class Segment:
    """One committed fetch that is no part of the generation yet; ``path`` is None without rows."""

    id: int
    path: str | None
    key: str
    rows: int
    checksum: str | None


@dataclass(frozen=True, slots=True)
class FileRecord:
    """A file of a generation and its SHA-256."""

    path: str
    checksum: str


@dataclass(frozen=True, slots=True)
class State:
    """What a store consists of at one moment."""

    generation: Generation | None
    segments: tuple[Segment, ...]


class Manifest:
    """The SQLite file of a store.

    Parameters
    ----------
    path : Path
        The file; it is created unless ``read_only``.
    read_only : bool
        Whether nothing may be written.

    Raises
    ------
    CacheError
        It is no manifest, or was written by a newer version of the package.
    """

    def __init__(self, path: Path, *, read_only: bool) -> None:
        self._path = path
        self._read_only = read_only
        self._lock = threading.RLock()
        self._own_changes = 0
        # After a fork: what belongs to the other process must neither be used nor closed.
        self._abandoned: list[sqlite3.Connection] = []
        self._process = os.getpid()
        try:
            self._held = self._connect()
            self._prepare()
        except sqlite3.Error as err:
            msg = f"folder: {path} cannot be opened ({err}); move the folder away or give another"
            raise CacheError(msg) from err

    @property
    def _connection(self) -> sqlite3.Connection:
        if self._process != os.getpid():
            self._abandoned.append(self._held)
            self._held = self._connect()
            self._process = os.getpid()
            self._own_changes += 1
        return self._held

    def _connect(self) -> sqlite3.Connection:
        uri = self._path.absolute().as_uri()
        if not self._read_only:
            connection = self._open(uri)
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("PRAGMA synchronous=FULL")
            return connection
        connection = self._open(f"{uri}?mode=ro")
        try:
            connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        except sqlite3.OperationalError:
            connection.close()
            log = self._path.with_name(f"{self._path.name}-wal")
            if log.exists() and log.stat().st_size:
                # Its last commits are in the log, which cannot be read without writing beside it.
                raise
            return self._open(f"{uri}?mode=ro&immutable=1")
        return connection

    def _open(self, uri: str) -> sqlite3.Connection:
        return sqlite3.connect(
            uri, uri=True, timeout=_PATIENCE, isolation_level=None, check_same_thread=False
        )

    def _prepare(self) -> None:
        found = self._schema_version()
        if found is None and not self._read_only:
            with self.transaction() as cursor:
                for statement in filter(str.strip, _SCHEMA.split(";")):
                    cursor.execute(statement)
                cursor.execute(
                    "INSERT OR IGNORE INTO meta VALUES ('schema_version', ?)", (SCHEMA_VERSION,)
                )
            found = self._schema_version()
        if found is None:
            msg = f"folder: {self._path} is no manifest of a store; give another folder"
            raise CacheError(msg)
        if found > SCHEMA_VERSION:
            msg = (
                f"folder: {self._path.parent} was written by a newer version of the package "
                f"(schema {found}, known is {SCHEMA_VERSION}); upgrade it or use another folder"
            )
            raise CacheError(msg)

    def _schema_version(self) -> int | None:
        tables = "SELECT count(*) FROM sqlite_master WHERE name = 'meta'"
        if not self._connection.execute(tables).fetchone()[0]:
            return None
        version = "SELECT value FROM meta WHERE name = 'schema_version'"
        row = self._connection.execute(version).fetchone()
        return int(row[0]) if row else None

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._connection.close()

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Cursor]:
        """Commit everything inside at once, or nothing."""
        with self._lock:
            cursor = self._connection.cursor()
            try:
                cursor.execute("BEGIN IMMEDIATE")
                yield cursor
                cursor.execute("COMMIT")
            except BaseException as err:
                if self._connection.in_transaction:
                    cursor.execute("ROLLBACK")
                if isinstance(err, sqlite3.Error):
                    msg = f"the manifest {self._path} could not be written ({err}); nothing changed"
                    raise CacheError(msg) from err
                raise
            finally:
                self._own_changes += 1
                cursor.close()

    def version(self) -> tuple[int, int]:
        """Return a value that changes with every commit, of this process or of others."""
        with self._lock:
            row = self._connection.execute("PRAGMA data_version").fetchone()
            return int(row[0]), self._own_changes

    # ------------------------------------------------------------ reading

    def state(self) -> State:
        """Return the current generation and the segments after it, as of one moment."""
        with self._lock, self._reading() as cursor:
            generation = self._generation(cursor)
            found = cursor.execute(
                "SELECT id, path, key, rows, checksum FROM segment WHERE id > ? ORDER BY id",
                (generation.upto if generation else 0,),
            )
            return State(generation, tuple(Segment(*row) for row in found))

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Cursor]:
        if self._connection.in_transaction:
            yield self._connection.cursor()
            return
        cursor = self._connection.cursor()
        cursor.execute("BEGIN")
        try:
            yield cursor
        finally:
            cursor.execute("COMMIT")
            cursor.close()

    @staticmethod
    def _generation(cursor: sqlite3.Cursor) -> Generation | None:
        row = cursor.execute(
            "SELECT id, path, upto FROM generation WHERE state = 'current'"
        ).fetchone()
        return Generation(*row) if row else None

    def covers(self, after: int = 0) -> tuple[int, list[CoverRow], int]:
        """Return what is known of the sky, as far as it was added after a row number.

        Returns
        -------
        epoch : int
            Changes when coverage was taken away: then everything has to be read again.
        rows : list of (key, low, high, fetched)
        last : int
            Number of the last row, to ask for more later.
        """
        with self._lock, self._reading() as cursor:
            epoch = cursor.execute("SELECT value FROM meta WHERE name = 'epoch'").fetchone()
            found = cursor.execute(
                "SELECT rowid, key, low, high, fetched FROM cover WHERE rowid > ? ORDER BY rowid",
                (after,),
            ).fetchall()
        last = found[-1][0] if found else after
        return int(epoch[0]) if epoch else 0, [row[1:] for row in found], last

    def ranges(self, segment: int) -> NDArray[np.int64]:
        """Return the half-open ranges that a segment holds all rows of."""
        with self._lock:
            found = self._connection.execute(
                "SELECT low, high FROM cover WHERE segment = ? ORDER BY low", (segment,)
            ).fetchall()
        return np.array(found, dtype=np.int64).reshape(-1, 2)

    def newer_covers(self, ranges: NDArray[np.int64], fetched: float) -> list[CoverRow]:
        """Return what is known, around ranges, of a later time than a fetch."""
        if not len(ranges):
            return []
        with self._lock:
            return self._connection.execute(
                "SELECT key, low, high, fetched FROM cover"
                " WHERE fetched > ? AND low < ? AND high > ? ORDER BY key, low, high, fetched",
                (fetched, int(ranges[-1, 1]), int(ranges[0, 0])),
            ).fetchall()

    def files(self, generation: int) -> dict[str, str]:
        """Return the checksums of a generation's files by path."""
        with self._lock:
            return dict(
                self._connection.execute(
                    "SELECT path, checksum FROM file WHERE generation = ?", (generation,)
                ).fetchall()
            )

    def known_paths(self) -> set[str]:
        """Return every generation and delta file that must be kept."""
        with self._lock, self._reading() as cursor:
            generation = self._generation(cursor)
            upto = generation.upto if generation else 0
            paths = {row[0] for row in cursor.execute("SELECT path FROM generation")}
            deltas = "SELECT path FROM segment WHERE path IS NOT NULL AND id > ?"
            return paths | {row[0] for row in cursor.execute(deltas, (upto,))}

    def merged_paths(self) -> set[str]:
        """Return the delta files whose rows are part of the generation by now."""
        with self._lock, self._reading() as cursor:
            generation = self._generation(cursor)
            merged = "SELECT path FROM segment WHERE path IS NOT NULL AND id <= ?"
            upto = generation.upto if generation else 0
            return {row[0] for row in cursor.execute(merged, (upto,))}

    def next_generation(self) -> int:
        """Return a number that no generation has had, cleared ones included."""
        with self._lock:
            row = self._connection.execute(
                "SELECT seq FROM sqlite_sequence WHERE name = 'generation'"
            ).fetchone()
        return int(row[0]) + 1 if row else 1

    def counts(self) -> dict[str, int]:
        """Return the numbers of segments and ranges."""
        with self._lock:
            segments = self._connection.execute("SELECT count(*) FROM segment").fetchone()[0]
            ranges = self._connection.execute("SELECT count(*) FROM cover").fetchone()[0]
        return {"segments": int(segments), "ranges": int(ranges)}

    # ------------------------------------------------------------ writing

    @staticmethod
    def add_segment(
        cursor: sqlite3.Cursor,
        segment: Segment,
        *,
        ranges: NDArray[np.int64],
        fetched: float,
    ) -> None:
        """Add a fetch with its rows and coverage; ``segment.id`` is not used."""
        cursor.execute(
            "INSERT INTO segment (path, key, rows, fetched, checksum) VALUES (?, ?, ?, ?, ?)",
            (segment.path, segment.key, segment.rows, fetched, segment.checksum),
        )
        number = cursor.lastrowid
        cursor.executemany(
            "INSERT INTO cover VALUES (?, ?, ?, ?, ?)",
            [(number, segment.key, low, high, fetched) for low, high in ranges.tolist()],
        )

    @staticmethod
    def add_generation(
        cursor: sqlite3.Cursor, path: str, upto: int, files: Sequence[FileRecord]
    ) -> None:
        """Make a new generation the current one; the one before it is kept as retired."""
        cursor.execute("UPDATE generation SET state = 'retired' WHERE state = 'current'")
        cursor.execute(
            "INSERT INTO generation (path, upto, state) VALUES (?, ?, 'current')", (path, upto)
        )
        number = cursor.lastrowid
        cursor.executemany(
            "INSERT INTO file VALUES (?, ?, ?)",
            [(number, record.path, record.checksum) for record in files],
        )
        cursor.execute("UPDATE segment SET generation = ? WHERE id <= ?", (number, upto))

    @staticmethod
    def drop_retired(cursor: sqlite3.Cursor, *, keep: int) -> None:
        """Forget retired generations but the newest ``keep``."""
        old = cursor.execute(
            "SELECT id FROM generation WHERE state = 'retired' ORDER BY id DESC LIMIT -1 OFFSET ?",
            (keep,),
        ).fetchall()
        cursor.executemany("DELETE FROM file WHERE generation = ?", old)
        cursor.executemany("DELETE FROM generation WHERE id = ?", old)

    @staticmethod
    def replace_covers(cursor: sqlite3.Cursor, upto: int, rows: Iterable[CoverRow]) -> None:
        """Put other coverage in the place of that of the segments up to a number."""
        cursor.execute("DELETE FROM cover WHERE segment <= ?", (upto,))
        cursor.executemany("INSERT INTO cover VALUES (0, ?, ?, ?, ?)", rows)
        cursor.execute(_NEW_EPOCH)

    @staticmethod
    def drop_segments(cursor: sqlite3.Cursor, numbers: Iterable[int]) -> None:
        """Forget fetches, and what they said of the sky."""
        for number in numbers:
            cursor.execute("DELETE FROM cover WHERE segment = ?", (number,))
            cursor.execute("DELETE FROM segment WHERE id = ?", (number,))
        cursor.execute(_NEW_EPOCH)

    def covers_upto(self, segment: int) -> list[CoverRow]:
        """Return the coverage of the segments up to a number."""
        with self._lock:
            return self._connection.execute(
                "SELECT key, low, high, fetched FROM cover WHERE segment <= ?", (segment,)
            ).fetchall()

    def forget(self, cursor: sqlite3.Cursor) -> None:
        """Forget everything."""
        self.replace_covers(cursor, 1 << 62, [])
        for table in ("segment", "generation", "file"):
            cursor.execute(f"DELETE FROM {table}")
