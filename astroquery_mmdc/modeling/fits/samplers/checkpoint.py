"""What a fit has computed so far, on disk: complete or not there, and readable by numpy alone."""

from __future__ import annotations

import hashlib
import io
import json
import os
import warnings
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from astroquery_mmdc._files import write_atomic
from astroquery_mmdc.exceptions import IncompleteResultWarning, InvalidRequestError
from astroquery_mmdc.modeling.fits.problem import Problem

__all__ = ["Checkpoint", "Memory", "fingerprint"]

_VERSION = 2
_EVERY = 500
"""New points after which they are written."""


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


class Memory:
    """A function of points that knows what a run before this one computed.

    Parameters
    ----------
    compute : callable
        Values of points [n, k].
    size : int
        k.
    checkpoint : Checkpoint
        Where points and values are kept. A run that is seeded alike asks in the same order, which
        is how its points are known again.
    """

    def __init__(
        self,
        compute: Callable[[NDArray[np.float64]], NDArray[np.float64]],
        size: int,
        checkpoint: Checkpoint,
    ) -> None:
        stored = checkpoint.load()
        self._compute, self._checkpoint = compute, checkpoint
        self._values = stored.get("values", np.empty(0))
        self._points = stored.get("points", np.empty((0, size)))
        self._asked = 0
        self._kept = len(self._values)

    @property
    def asked(self) -> int:
        """The points asked for so far, computed or known."""
        return self._asked

    def __call__(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the values of points [n, k]."""
        first, last = self._asked, self._asked + len(points)
        self._asked = last
        if last <= len(self._values) and np.allclose(self._points[first:last], points, atol=1e-8):
            return self._values[first:last]
        # From here on it is not the run that was kept.
        self._values, self._points = self._values[:first], self._points[:first]
        self._kept = min(self._kept, first)
        values = self._compute(points)
        self._values = np.concatenate([self._values, values])
        self._points = np.concatenate([self._points, points])
        if last - self._kept >= _EVERY:
            self.save()
        return values

    def save(self) -> None:
        """Write what is known so far."""
        if self._kept < len(self._values):
            self._checkpoint.save({"points": self._points, "values": self._values})
            self._kept = len(self._values)
