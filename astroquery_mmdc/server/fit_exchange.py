"""What a server and its worker processes tell each other, in files of one folder."""

from __future__ import annotations

import os
import shutil
import uuid
from enum import IntEnum
from pathlib import Path
from typing import Literal

import msgspec

from astroquery_mmdc.server.answers import json_bytes
from astroquery_mmdc.server.engine import FitOutcome, FitRequest

__all__ = [
    "CHECKPOINT",
    "ERROR",
    "LOG",
    "PROGRESS",
    "REQUEST",
    "Exit",
    "FitTask",
    "Method",
    "read_outcome",
    "write_outcome",
]

REQUEST, PROGRESS, ERROR, LOG = "request.json", "progress.json", "error.json", "log.txt"
CHECKPOINT = "checkpoint"
_OUTCOME, _RESULT = "outcome", "result.json"


Method = Literal["least-squares", "importance", "nested", "emcee"]
"""How a fit is made, see `astroquery_mmdc.modeling.fit`."""


class Exit(IntEnum):
    """How a worker ends."""

    DONE = 0
    FAILED = 1
    REFUSED = 3
    STOPPED = 4


class FitTask(msgspec.Struct, kw_only=True):
    """A fit and how it is computed."""

    request: FitRequest
    normalization: str = "mmdc"
    method: Method | None = None
    processes: int | None = None


def read_outcome(folder: Path) -> FitOutcome | None:
    """Return the outcome, None where there is none."""
    source = folder / _OUTCOME
    if not (source / _RESULT).is_file():
        return None
    files = {path.name: path.read_bytes() for path in source.iterdir() if path.name != _RESULT}
    return FitOutcome(msgspec.json.decode((source / _RESULT).read_bytes()), files)


def write_outcome(folder: Path, outcome: FitOutcome) -> None:
    """Write an outcome: all of it is there, or nothing."""
    temporary = folder / f".{uuid.uuid4().hex}"
    temporary.mkdir()
    try:
        for name, content in outcome.files.items():
            (temporary / name).write_bytes(content)
        (temporary / _RESULT).write_bytes(json_bytes(dict(outcome.result)))
        os.replace(temporary, folder / _OUTCOME)  # noqa: PTH105
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
