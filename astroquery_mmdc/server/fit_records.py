"""What is on the disk about fits: requests, states and results, so that they outlive the server."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

import msgspec
from filelock import FileLock, Timeout

from astroquery_mmdc._files import write_atomic
from astroquery_mmdc.exceptions import InvalidRequestError
from astroquery_mmdc.schema.wire import Limit
from astroquery_mmdc.server.answers import json_bytes
from astroquery_mmdc.server.engine import FitOutcome, FitRequest

__all__ = ["FitRecord", "FitRecords", "request_digest"]

_JOB, _RESULT, _WORK = "job.json", "result.json", "work"


class FitRecord(msgspec.Struct, kw_only=True):
    """What is kept about one fit besides its result."""

    id: str
    client: str
    request: FitRequest
    status: str
    submitted: datetime
    key: str | None = None
    attempts: int = 0
    error: str = ""
    code: str = ""
    files: tuple[str, ...] = ()
    version: int = 1


class FitRecords:
    """The folder of the fits of one server.

    Parameters
    ----------
    folder : path-like or None
        None keeps them in a temporary folder, for as long as the server runs.

    Raises
    ------
    InvalidRequestError
        The folder cannot be used, or another server uses it.
    """

    def __init__(self, folder: str | os.PathLike[str] | None) -> None:
        self.outlives = folder is not None
        self._folder = None if folder is None else Path(folder).expanduser()
        self._lock: FileLock | None = None
        if self._folder is not None:
            self._lock = _taken(self._folder)

    @property
    def folder(self) -> Path:
        """The folder; a temporary one is made on first use."""
        if self._folder is None:
            self._folder = Path(tempfile.mkdtemp(prefix="mmdc-fits-"))
        return self._folder

    def load(self) -> Iterator[FitRecord]:
        """Return what is known from earlier runs; what is too old or unreadable is removed."""
        if not self.outlives:
            return
        for path in sorted(self.folder.glob(f"*/{_JOB}")):
            try:
                yield msgspec.json.decode(path.read_bytes(), type=FitRecord)
            except (OSError, msgspec.MsgspecError):
                shutil.rmtree(path.parent, ignore_errors=True)
        self._forget_old_work()

    def write(self, record: FitRecord) -> None:
        """Keep the state of a fit."""
        folder = self.folder / record.id
        folder.mkdir(parents=True, exist_ok=True)
        write_atomic(folder / _JOB, json_bytes(record))

    def write_outcome(self, job_id: str, outcome: FitOutcome) -> None:
        """Keep the result of a fit and its files."""
        folder = self.folder / job_id
        for name, content in outcome.files.items():
            write_atomic(folder / name, content)
        write_atomic(folder / _RESULT, json_bytes(dict(outcome.result)))

    def has_result(self, job_id: str) -> bool:
        """Whether there is a result; somebody may have cleaned up the folder."""
        return (self.folder / job_id / _RESULT).is_file()

    def result(self, job_id: str) -> dict[str, Any]:
        """Return the fields of a result."""
        fields: dict[str, Any] = msgspec.json.decode((self.folder / job_id / _RESULT).read_bytes())
        return fields

    def file(self, job_id: str, name: str) -> bytes:
        """Return a file of a result; the name is one of its record."""
        return (self.folder / job_id / name).read_bytes()

    def remove(self, job_id: str) -> None:
        """Forget a fit."""
        shutil.rmtree(self.folder / job_id, ignore_errors=True)

    def work(self, name: str) -> Path:
        """Return the folder in which a fit keeps what it needs to go on."""
        return self.folder / _WORK / name

    def close(self) -> None:
        """Let another server have the folder."""
        if self._lock is not None:
            self._lock.release()
        elif self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)

    def _forget_old_work(self) -> None:
        oldest = time.time() - Limit.RESULT_DAYS * 86400
        for folder in self.folder.glob(f"{_WORK}/*"):
            if folder.stat().st_mtime < oldest:
                shutil.rmtree(folder, ignore_errors=True)


def _taken(folder: Path) -> FileLock:
    # Taken where the server is made, let go where it runs: another thread.
    lock = FileLock(folder / "lock", thread_local=False)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock.acquire(timeout=0)
    except Timeout as err:
        msg = f"jobs: {folder} is in use by another server; give each its own folder"
        raise InvalidRequestError(msg, parameter="jobs") from err
    except OSError as err:
        msg = f"jobs: {folder} cannot be used ({err.strerror}); give a folder that can be written"
        raise InvalidRequestError(msg, parameter="jobs") from err
    return lock


def request_digest(request: FitRequest) -> str:
    """Return a name that two fits share only if they are the same."""
    fields: Mapping[str, Any] = asdict(request)
    return sha256(msgspec.json.encode(fields, order="deterministic")).hexdigest()[:32]
