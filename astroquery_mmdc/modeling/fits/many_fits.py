"""Fits of many sources, over processes or a cluster, that go on where they stopped."""

from __future__ import annotations

import hashlib
import os
import re
import tempfile
import warnings
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Executor, Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
from astropy.table import MaskedColumn, QTable

from astroquery_mmdc.exceptions import IncompleteResultWarning, InvalidRequestError
from astroquery_mmdc.modeling.fits.data import prepare
from astroquery_mmdc.modeling.fits.fitting import fit
from astroquery_mmdc.modeling.fits.results.result import FitResult
from astroquery_mmdc.modeling.fits.workers import (
    refuse_while_starting,
    safe_processes,
    usable_cores,
)

__all__ = ["ManyFits", "fit_many"]


@dataclass(frozen=True, slots=True, eq=False)
class ManyFits:
    """What fits of many sources found.

    Parameters
    ----------
    results : mapping of str to FitResult
        By source.
    failures : mapping of str to str
        Why the others could not be fitted.
    """

    results: Mapping[str, FitResult]
    failures: Mapping[str, str]

    def table(self) -> QTable:
        """Return a row for each source: redshift, best values, errors, evidence and failure."""
        names = [*self.results, *self.failures]
        rows = [_row(self.results[name]) for name in self.results]
        keys = list(dict.fromkeys(key for row in rows for key in row))
        table = QTable({"source": np.array(names, dtype=str)})
        for key in keys:
            values = [row.get(key, np.nan) for row in rows] + [np.nan] * len(self.failures)
            table[key] = MaskedColumn(np.array(values, dtype=float), mask=np.isnan(values))
        reasons = [""] * len(self.results) + list(self.failures.values())
        table["failure"] = MaskedColumn(reasons, mask=[not text for text in reasons], dtype=str)
        return table


def fit_many(
    seds: Mapping[str, Any],
    model: Any,
    *,
    z: Mapping[str, float] | float | None = None,
    folder: str | os.PathLike[str] | None = None,
    processes: int | None = None,
    client: Any = None,
    progress: bool | Callable[[str, str], Any] | None = None,
    **choices: Any,
) -> ManyFits:
    """Fit the same model to many sources.

    Parameters
    ----------
    seds : mapping of str to SED
        By the name of the source; tables and files as for `fit`.
    model : Model, type or str
        As for `fit`.
    z : mapping of str to float, or float, optional
        Redshifts by source, or one for all; by default those of the SEDs.
    folder : path, optional
        Where each result is written as it is made; what is there already is not fitted again, so
        that a run which was stopped goes on.
    processes : int, optional
        Sources at a time; by default as many as there are cores. In a script, more than one needs
        the usual ``if __name__ == "__main__":``.
    client : object, optional
        A Dask client, or anything else with ``submit``, instead of processes; `folder` has to be
        one that its workers share.
    progress : bool or callable, optional
        True draws a bar; a function is called with each source and its failure, "" for none.
    **choices
        The other keywords of `fit`.

    Returns
    -------
    ManyFits

    Warns
    -----
    IncompleteResultWarning
        Some sources could not be fitted; the others are not held up by them.
    """
    if not isinstance(seds, Mapping) or not seds:
        msg = "seds: give the SEDs by source, {'Mrk 421': sed, ...}"
        raise InvalidRequestError(msg, parameter="seds")
    if client is not None and folder is None:
        msg = "folder: with a client its workers need a folder that they share; give one"
        raise InvalidRequestError(msg, parameter="folder")
    with _place(folder) as place:
        tasks = [_task(name, sed, model, z, choices, place) for name, sed in seds.items()]
        failures = _run(tasks, processes, client, _watcher(progress, len(tasks)))
        results = {
            task.name: FitResult.load(task.path) for task in tasks if task.name not in failures
        }
    if failures:
        first = next(iter(failures))
        msg = f"{len(failures)} of {len(tasks)} sources could not be fitted; {first}: "
        warnings.warn(msg + failures[first], IncompleteResultWarning, stacklevel=2)
    return ManyFits(results, failures)


@dataclass(frozen=True, slots=True)
class _Task:
    name: str
    sed: Any
    model: Any
    redshift: float | None
    choices: Mapping[str, Any]
    path: Path


@contextmanager
def _place(folder: str | os.PathLike[str] | None) -> Iterator[Path]:
    if folder is None:
        with tempfile.TemporaryDirectory(prefix="fits") as made:
            yield Path(made)
        return
    path = Path(folder).expanduser()
    path.mkdir(parents=True, exist_ok=True)
    yield path


def _task(
    name: str, sed: Any, model: Any, z: Any, choices: Mapping[str, Any], place: Path
) -> _Task:
    redshift = z.get(name) if isinstance(z, Mapping) else z
    if redshift is None:
        redshift = getattr(sed, "redshift", None)
    mark = hashlib.sha256(
        f"{_digest(sed, choices)} {model!r} {redshift} {sorted(choices.items())!r}".encode()
    ).hexdigest()[:10]
    # The name is for the eye; the mark tells fits of other data or choices apart.
    safe = re.sub(r"[^A-Za-z0-9+.-]+", "_", str(name)).strip("._") or "source"
    own = {"processes": 1, **choices}
    return _Task(str(name), sed, model, redshift, own, place / f"{safe}-{mark}.zip")


def _digest(sed: Any, choices: Mapping[str, Any]) -> str:
    try:
        return prepare(sed, **{**dict(choices.get("data") or {}), "warn": False}).digest
    except InvalidRequestError as err:
        # Its fit will say so, and the others go on.
        return str(err)


def _fitted(task: _Task) -> str:
    """Fit one source and write its result; return why that failed, or nothing."""
    if task.path.exists():
        return ""
    try:
        with warnings.catch_warnings():
            # What is to be known of each fit is in its result.
            warnings.simplefilter("ignore")
            _fit_and_save(task)
    # Whatever goes wrong with one source must not end the others.
    except Exception as err:
        return str(err) or type(err).__name__
    return ""


def _fit_and_save(task: _Task) -> None:
    z = task.redshift if isinstance(task.model, type | str) else None
    result = fit(task.sed, task.model, z=z, **task.choices)
    if not result.is_complete:
        # Ctrl-C: what is half done is no result, and it is meant for the whole run.
        raise KeyboardInterrupt
    result.save(task.path, overwrite=True)


def _run(
    tasks: list[_Task],
    processes: int | None,
    client: Any,
    tell: Callable[[str, str], None],
) -> dict[str, str]:
    failures: dict[str, str] = {}
    for task, reason in _outcomes(tasks, processes, client):
        if reason:
            failures[task.name] = reason
        tell(task.name, reason)
    return {task.name: failures[task.name] for task in tasks if task.name in failures}


def _outcomes(
    tasks: list[_Task], processes: int | None, client: Any
) -> Iterator[tuple[_Task, str]]:
    count = min(usable_cores() if processes is None else processes, len(tasks))
    if client is not None:
        jobs = [(task, client.submit(_fitted, task)) for task in tasks]
        yield from ((task, str(job.result())) for task, job in jobs)
    elif count <= 1 or safe_processes(count) == 1:
        yield from ((task, _fitted(task)) for task in tasks)
    else:
        refuse_while_starting()
        with ProcessPoolExecutor(count, get_context("spawn")) as pool:
            yield from _over_processes(tasks, pool)


def _over_processes(tasks: list[_Task], pool: Executor) -> Iterator[tuple[_Task, str]]:
    jobs: dict[Future[str], _Task] = {pool.submit(_fitted, task): task for task in tasks}
    for job in as_completed(jobs):
        try:
            yield jobs[job], job.result()
        except BrokenProcessPool:
            words = "the process was killed, or ran out of memory; run it again to go on"
            yield jobs[job], words


def _watcher(progress: Any, count: int) -> Callable[[str, str], None]:
    if callable(progress):
        return progress  # type: ignore[no-any-return]
    if not progress:
        return lambda name, reason: None
    from tqdm import tqdm

    bar = tqdm(total=count, desc="sources")

    def tell(name: str, reason: str) -> None:
        bar.update()
        if bar.n >= count:
            bar.close()

    return tell


def _row(result: FitResult) -> dict[str, float]:
    row = {"redshift": np.nan if result.redshift is None else float(result.redshift)}
    names, values = result.parameters["name"], result.parameters["value"]
    for name, value, error in zip(names, values, result.parameters["error"], strict=True):
        row[str(name)] = float(value)
        row[f"{name}_err"] = float(error)
    for key in ("best_loglike", "logZ", "logZ_err"):
        if result.statistics.get(key) is not None:
            row[key] = float(result.statistics[key])
    return row
