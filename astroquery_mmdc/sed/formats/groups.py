"""An SED in parts with one point for each energy, for programs that allow no more."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from astroquery_mmdc.sed.build import filled, text
from astroquery_mmdc.sed.core import SED

__all__ = ["spectra", "unique_energies"]


def unique_energies(sed: SED) -> bool:
    """Tell whether no energy is there twice."""
    nu = filled(sed["nu"])
    return len(np.unique(nu)) == len(nu)


def spectra(sed: SED) -> dict[str, SED]:
    """Split an SED so that each part has every energy once, sorted by energy.

    Parameters
    ----------
    sed : SED
        Rows without a frequency are left out.

    Returns
    -------
    dict of str to SED
        A catalogue whose energies are unique stays whole, under its own name. Of others, the
        points of one and the same interval of time form a part, which has the MJDs in its name;
        energies that are still repeated go to parts numbered (2), (3) and so on.

    Examples
    --------
    >>> from astropy import units as u
    >>> sed = SED.from_columns(nu=[1, 2, 1] * u.keV, nufnu=[5, 4, 6] * u.Unit("erg s-1 cm-2"),
    ...                        catalog="XRT", mjd_start=[58000.0, 58000.0, 58010.0],
    ...                        mjd_end=[58000.5, 58000.5, 58010.5])
    >>> list(spectra(sed))
    ['XRT MJD 58000.0-58000.5', 'XRT MJD 58010.0-58010.5']
    """
    sed = sed[np.isfinite(filled(sed["nu"]))]
    parts: dict[str, NDArray[np.int64]] = {}
    nu = filled(sed["nu"])
    catalogs = text(sed["catalog"])
    for catalog in dict.fromkeys(catalogs.tolist()):
        rows = np.flatnonzero(catalogs == catalog)
        name = catalog or "unknown"
        if len(np.unique(nu[rows])) == len(rows):
            parts[_free(name, parts)] = rows
            continue
        for label, members in _by_time(sed, rows):
            for repeat, chosen in enumerate(_layers(nu, members), start=1):
                words = [name, label, f"({repeat})" if repeat > 1 else ""]
                parts[_free(" ".join(filter(None, words)), parts)] = chosen
    return {name: sed[rows[np.argsort(nu[rows])]] for name, rows in parts.items()}


def _by_time(sed: SED, rows: NDArray[np.int64]) -> list[tuple[str, NDArray[np.int64]]]:
    dates = np.stack([filled(sed[name])[rows] for name in ("mjd_start", "mjd_end")], axis=1)
    # NaN is not equal to itself; a date that nobody uses stands for "undated" here.
    pairs, inverse = np.unique(np.nan_to_num(dates, nan=-1.0), axis=0, return_inverse=True)
    order = np.argsort(inverse.ravel(), kind="stable")
    members = np.split(rows[order], np.cumsum(np.bincount(inverse.ravel()))[:-1])
    return [(_label(*pair), part) for pair, part in zip(pairs.tolist(), members, strict=True)]


def _label(start: float, end: float) -> str:
    ends = ["?" if value == -1.0 else repr(value) for value in (start, end)]
    return "undated" if ends == ["?", "?"] else f"MJD {ends[0]}-{ends[1]}"


def _layers(nu: NDArray[np.float64], rows: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    """Return the first point of each energy, then the second ones, and so on."""
    layers = []
    while len(rows):
        _, first = np.unique(nu[rows], return_index=True)
        layers.append(rows[first])
        rows = np.delete(rows, first)
    return layers


def _free(name: str, taken: dict[str, Any]) -> str:
    candidate, count = name, 1
    while candidate in taken:
        count += 1
        candidate = f"{name} ({count})"
    return candidate
