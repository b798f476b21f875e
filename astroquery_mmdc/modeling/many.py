"""Spectra of many sets of parameters, over processes."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import TYPE_CHECKING, Any

import numpy as np
from astropy import units as u
from astropy.table import MaskedColumn, QTable, Table
from astropy.utils.masked import Masked
from numpy.typing import NDArray

from astroquery_mmdc.exceptions import IncompleteResultWarning, InvalidRequestError
from astroquery_mmdc.modeling.inputs import known_names
from astroquery_mmdc.modeling.settings import frequencies_cgs
from astroquery_mmdc.schema.units import NUFNU

if TYPE_CHECKING:
    from astroquery_mmdc.modeling.model import Model

__all__ = ["many"]

_WORTH_A_PROCESS = 200
"""Fewer models than this are done before a second process has started."""
_CHUNK = 50

Row = dict[str, Any]
Answer = tuple[NDArray[np.float64] | None, str]


def many(
    model: type[Model],
    parameters: Table,
    nu: u.Quantity,
    *,
    processes: int | None = None,
    **choices: Any,
) -> QTable:
    """Compute the spectra of many sets of parameters.

    Parameters
    ----------
    model : type
        `SSC`, `EIC` or `Hadronic`.
    parameters : `~astropy.table.Table`
        A row for each model; columns as the keywords of the model, ``z`` among them unless it is
        one of the choices.
    nu : `~astropy.units.Quantity`
        Frequencies, energies or wavelengths, the same for all.
    processes : int, optional
        Number of processes; by default as many as this process may use, and one for few models.
    **choices
        Keywords of the model that are the same for all.

    Returns
    -------
    `~astropy.table.QTable`
        The given columns, ``nufnu`` with one spectrum in each row, and ``failure``. In the order
        of the input, whatever the number of processes; ``meta["nu"]`` holds the frequencies.

    Raises
    ------
    InvalidRequestError
        A column is no keyword of the model.

    Notes
    -----
    What cannot be computed is masked, its ``failure`` says why, and one
    `~astroquery_mmdc.exceptions.IncompleteResultWarning` counts such rows.

    In a script, more than one process needs the usual ``if __name__ == "__main__":``.
    """
    frequencies = frequencies_cgs(nu).ravel()
    rows = _rows(model, parameters, choices)
    count = _count(processes, len(rows))
    if count > 1:
        answers = _over_processes(model, rows, frequencies, choices, count)
    else:
        answers = _solve(model, rows, frequencies, choices)
    return _table(parameters, frequencies, answers)


def _count(processes: int | None, n_rows: int) -> int:
    if processes is None:
        usable = (
            len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
        )
        return min(usable or 1, 1 + n_rows // _WORTH_A_PROCESS)
    if isinstance(processes, bool) or not isinstance(processes, int) or processes < 1:
        msg = f"processes: {processes!r} is no number of processes; use 1 or more"
        raise InvalidRequestError(msg, parameter="processes")
    return min(processes, max(1, n_rows))


def _rows(model: type[Model], parameters: Table, choices: dict[str, Any]) -> list[Row]:
    known = known_names(model.model_type).keys() | model.choices()
    for name in parameters.colnames:
        if name not in known:
            msg = f"parameters: the column {name!r} is no keyword of {model.__name__}"
            raise InvalidRequestError(msg, parameter="parameters")
        if name in choices:
            msg = f"parameters: {name!r} is both a column and a choice for all; leave one out"
            raise InvalidRequestError(msg, parameter="parameters")
    columns = {name: _values(parameters[name]) for name in parameters.colnames}
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def _values(column: Any) -> list[Any]:
    """Return the values of a column; a masked one is NaN, which no model takes."""
    unit = getattr(column, "unit", None)
    masked = np.ma.isMaskedArray(column) or isinstance(column, Masked)
    values = column.filled(np.nan) if masked else column
    if unit is None:
        return np.asarray(values).tolist()
    return [number * unit for number in u.Quantity(values).value.tolist()]


def _solve(
    model: type[Model],
    rows: Sequence[Row],
    nu: NDArray[np.float64],
    choices: dict[str, Any],
) -> list[Answer]:
    return [_one(model, row, nu, choices) for row in rows]


def _one(model: type[Model], row: Row, nu: NDArray[np.float64], choices: dict[str, Any]) -> Answer:
    try:
        flux = model(**row, **choices).flux_cgs(nu)
    # Whatever goes wrong with one set of parameters must not end the others.
    except Exception as err:
        return None, str(err) or type(err).__name__
    if not np.all(np.isfinite(flux)):
        return None, "the flux is not finite everywhere"
    return flux, ""


def _over_processes(
    model: type[Model],
    rows: Sequence[Row],
    nu: NDArray[np.float64],
    choices: dict[str, Any],
    count: int,
) -> list[Answer]:
    chunks = list(_chunks(rows, count))
    # Forking a process that has threads, as a notebook has, may lock it up for ever.
    with ProcessPoolExecutor(count, mp_context=get_context("spawn")) as pool:
        jobs = [pool.submit(_solve, model, chunk, nu, choices) for chunk in chunks]
        return [answer for job in jobs for answer in job.result()]


def _chunks(rows: Sequence[Row], count: int) -> Iterator[Sequence[Row]]:
    size = max(1, min(_CHUNK, -(-len(rows) // count)))
    for start in range(0, len(rows), size):
        yield rows[start : start + size]


def _table(parameters: Table, nu: NDArray[np.float64], answers: Sequence[Answer]) -> QTable:
    flux = np.zeros((len(answers), len(nu)))
    failed = np.array([found is None for found, _ in answers], dtype=bool)
    for index, (found, _) in enumerate(answers):
        if found is not None:
            flux[index] = found
    table = QTable(parameters, copy=True)
    mask = np.broadcast_to(failed[:, None], flux.shape)
    table["nufnu"] = Masked(flux, mask=mask.copy()) * NUFNU if failed.any() else flux * NUFNU
    reasons = [reason for _, reason in answers]
    table["failure"] = MaskedColumn(reasons, mask=~failed, dtype=str)
    table.meta["nu"] = nu * u.Hz
    if failed.any():
        first = next(reason for reason in reasons if reason)
        msg = f"{failed.sum()} of {len(answers)} models could not be computed; the first: {first}"
        warnings.warn(msg, IncompleteResultWarning, stacklevel=4)
    return table
