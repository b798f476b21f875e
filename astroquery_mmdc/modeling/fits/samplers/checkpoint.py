"""What a fit has computed so far, on disk: complete or not there, and readable by numpy alone."""

from __future__ import annotations

import hashlib
import io
import json
import os
import warnings
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from astroquery_mmdc._files import write_atomic
from astroquery_mmdc.exceptions import IncompleteResultWarning, InvalidRequestError
from astroquery_mmdc.modeling.fits.problem import Problem

__all__ = ["Checkpoint", "fingerprint"]

_VERSION = 1


def fingerprint(problem: Problem, **facts: Any) -> str:
    """Return what tells this fit from others: data, model, likelihood, priors and choices."""
    record = {**problem.record(), **facts}
    return hashlib.sha256(json.dumps(record, sort_keys=True, default=repr).encode()).hexdigest()


class Checkpoint:
    """A file of arrays (``.npz``) that belongs to one fit.

    Parameters
    ----------
    path : path-like or None
        None remembers nothing.
    mark : str
        The `fingerprint` of the fit.
    """

    def __init__(self, path: str | os.PathLike[str] | None, mark: str) -> None:
        self.path = None if path is None else Path(path).expanduser()
        self.mark = mark
        self._failed = False

    def load(self) -> dict[str, NDArray[Any]]:
        """Return what was saved; nothing where there is no file.

        Raises
        ------
        InvalidRequestError
            The file is of another fit, or no checkpoint.
        """
        if self.path is None or not self.path.exists():
            return {}
        try:
            # From memory: np.load leaves the file of a damaged archive open.
            content = io.BytesIO(self.path.read_bytes())
            with np.load(content, allow_pickle=False) as stored:
                arrays = {name: stored[name] for name in stored.files}
            about = json.loads(str(arrays.pop("about")))
        except (OSError, ValueError, KeyError, zipfile.BadZipFile, EOFError) as err:
            msg = f"checkpoint: {self.path} is no checkpoint of a fit ({err}); choose another path"
            raise InvalidRequestError(msg, parameter="checkpoint") from err
        if about.get("version") != _VERSION or about.get("fit") != self.mark:
            msg = (
                f"checkpoint: {self.path} belongs to another fit (other data, model, priors, "
                "choices or seed); choose another path, or delete it"
            )
            raise InvalidRequestError(msg, parameter="checkpoint")
        return arrays

    def save(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Write the arrays; a disk that is full stops the writing but not the fit."""
        if self.path is None or self._failed:
            return
        about = np.array(json.dumps({"version": _VERSION, "fit": self.mark}))
        stream = io.BytesIO()
        np.savez(stream, about=about, **arrays)  # type: ignore[arg-type]
        try:
            write_atomic(self.path, stream.getvalue())
        except OSError as err:
            self._failed = True
            warnings.warn(
                f"checkpoint: {self.path} cannot be written ({err.strerror}); the fit goes on "
                "without, what was written before is kept",
                IncompleteResultWarning,
                stacklevel=3,
            )
