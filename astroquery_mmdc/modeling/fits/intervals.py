"""Credible intervals of parameters and of what follows from them, and which are limits only."""

from __future__ import annotations

from collections.abc import Mapping
from statistics import NormalDist
from typing import Any

import numpy as np
from astropy import units as u
from astropy.table import QTable
from numpy.typing import NDArray

from astroquery_mmdc.exceptions import InvalidRequestError
from astroquery_mmdc.modeling.fits.derived import DERIVED
from astroquery_mmdc.modeling.fits.priors import Prior

__all__ = ["constraint", "derived_intervals", "parameter_intervals"]

Array = NDArray[np.float64]

_BINS = 10
_PILED = 0.6
"""A posterior whose outermost bin is this high, of its highest one, has no end there."""
_AS_WIDE = 0.9
"""A posterior at least this wide, of its prior, says nothing that the prior did not."""


def parameter_intervals(
    parameters: QTable, posterior: QTable | None, priors: Mapping[str, Prior], level: float
) -> QTable:
    """Return the intervals of the free parameters.

    Parameters
    ----------
    parameters : `~astropy.table.QTable`
        ``name``, ``value``, ``error``, ``is_fixed``.
    posterior : `~astropy.table.QTable` or None
        A column for each free parameter.
    priors : mapping of str to Prior
    level : float
        Probability inside.
    """
    tails = _tails(level)
    rows = [
        _row(row["name"], float(row["value"]), float(row["error"]), posterior, priors, tails)
        for row in parameters
        if not row["is_fixed"]
    ]
    names = ("name", "best", "median", "low", "high", "constraint")
    kinds = (str, float, float, float, float, str)
    if not rows:
        return QTable(names=names, dtype=kinds, meta={"level": level})
    return QTable(rows=rows, names=names, dtype=kinds, meta={"level": level})


def _row(
    name: Any,
    best: float,
    error: float,
    posterior: QTable | None,
    priors: Mapping[str, Prior],
    tails: tuple[float, float],
) -> tuple[str, float, float, float, float, str]:
    name = str(name)
    prior = priors.get(name)
    if posterior is not None and name in posterior.colnames:
        samples = np.asarray(posterior[name], dtype=float)
        low, median, high = np.quantile(samples, [tails[0], 0.5, tails[1]]).tolist()
        return name, best, median, low, high, constraint(samples, prior)
    reach = NormalDist().inv_cdf(tails[1]) * error
    low, high = best - reach, best + reach
    if prior is not None:
        low, high = max(low, prior.range[0]), min(high, prior.range[1])
    word = "measured" if np.isfinite(error) else "unconstrained"
    return name, best, best, low, high, word


def constraint(samples: Array, prior: Prior | None) -> str:
    """Return what samples say of a parameter beyond its prior.

    Returns
    -------
    str
        ``"measured"``; ``"upper limit"`` or ``"lower limit"`` where the posterior piles up at an
        end of the prior; ``"unconstrained"`` where it fills the prior.

    Examples
    --------
    >>> from astroquery_mmdc.modeling.fits.priors import Uniform
    >>> constraint(np.linspace(0.0, 0.2, 500) ** 2, Uniform(0.0, 1.0))
    'upper limit'
    """
    if prior is None or len(samples) < 2:
        return "measured"
    # As parts of the prior's probability, in which the prior itself is flat.
    parts = prior.cdf(samples)
    if np.std(parts) > _AS_WIDE / np.sqrt(12.0):
        return "unconstrained"
    low, high = prior.range
    if prior.kind == "log-uniform":
        samples, low, high = np.log(samples), np.log(low), np.log(high)
    counts, _ = np.histogram(samples, _BINS)
    piled = counts > _PILED * counts.max()
    near = 0.02 * np.ptp(samples)
    if piled[0] and np.min(samples) - low < near:
        return "upper limit"
    if piled[-1] and high - np.max(samples) < near:
        return "lower limit"
    return "measured"


def derived_intervals(derived: QTable, level: float) -> QTable:
    """Return the intervals of derived quantities, each with its unit in a column of its own.

    They have units of their own, which one column cannot have: ``median``, ``low`` and ``high``
    are numbers in ``unit``.
    """
    tails = _tails(level)
    rows = []
    for name in derived.colnames:
        values = u.Quantity(derived[name])
        low, median, high = np.nanquantile(values.value, [tails[0], 0.5, tails[1]]).tolist()
        meaning = DERIVED[name][2]
        rows.append((name, median, low, high, values.unit.to_string(), meaning))
    names = ("name", "median", "low", "high", "unit", "description")
    return QTable(
        rows=rows or None,
        names=names,
        dtype=(str, float, float, float, str, str),
        meta={"level": level},
    )


def _tails(level: float) -> tuple[float, float]:
    if isinstance(level, bool) or not 0 < level < 1:
        msg = f"level: {level!r} is no probability between 0 and 1; use 0.68 or 0.95"
        raise InvalidRequestError(msg, parameter="level")
    return 0.5 * (1.0 - level), 0.5 * (1.0 + level)
