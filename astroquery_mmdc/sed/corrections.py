"""The ledger of corrections: what was already done to each flux, so that nothing is done twice."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from astroquery_mmdc.exceptions import InvalidRequestError
from astroquery_mmdc.schema.tables import build_column
from astroquery_mmdc.sed.build import OPTIONAL, text

if TYPE_CHECKING:
    from astroquery_mmdc.sed.core import SED

__all__ = ["CORRECTIONS", "is_corrected", "mark_corrected"]

CORRECTIONS: dict[str, str] = {
    "deredden": "interstellar extinction in our Galaxy",
    "nh": "photoelectric absorption by hydrogen",
    "ebl": "absorption by the extragalactic background light",
    "host": "light of the host galaxy",
    "k": "redshift (K correction)",
}
"""What can be corrected for, with the words for it."""

_EBL_FREE_CATALOGS = ("DEBL",)


def is_corrected(sed: SED, what: str) -> NDArray[np.bool_]:
    """Return which rows are corrected for something already.

    Parameters
    ----------
    sed : SED
        Its column ``corrections`` holds the ledger. Rows of the catalogue DEBL are free of EBL
        absorption by their making.
    what : str
        A key of `CORRECTIONS`.

    Returns
    -------
    array of bool

    Raises
    ------
    InvalidRequestError
        Nothing of that name can be corrected for.

    Examples
    --------
    >>> from astropy import units as u
    >>> from astroquery_mmdc import SED
    >>> sed = SED.from_columns(nu=[1e26] * u.Hz, nufnu=[1e-12] * u.Unit("erg s-1 cm-2"),
    ...                        catalog="DEBL")
    >>> is_corrected(sed, "ebl").tolist()
    [True]
    """
    if what not in CORRECTIONS:
        msg = f"what: {what!r} is no known correction; use one of {sorted(CORRECTIONS)}"
        raise InvalidRequestError(msg, parameter="what")
    done = np.array([what in entry for entry in _entries(sed)], dtype=bool)
    if what == "ebl":
        done |= np.isin(text(sed["catalog"]), _EBL_FREE_CATALOGS)
    return done


def mark_corrected(sed: SED, what: str, rows: Any = None) -> SED:
    """Note that fluxes are now corrected for something.

    Parameters
    ----------
    sed : SED
        Left as it is.
    what : str
        A key of `CORRECTIONS`.
    rows : index, slice or mask, optional
        The rows concerned; all by default.

    Returns
    -------
    SED
        A copy with the entry in its column ``corrections``.

    Raises
    ------
    InvalidRequestError
        One of the rows was corrected for it before.

    Examples
    --------
    >>> from astropy import units as u
    >>> from astroquery_mmdc import SED
    >>> sed = SED.from_columns(nu=[5e14, 2e17] * u.Hz, nufnu=[4, 9] * u.Unit("erg s-1 cm-2"))
    >>> mark_corrected(sed, "deredden", rows=[0])["corrections"].tolist()
    ['deredden', '']
    """
    chosen = np.zeros(len(sed), dtype=bool)
    chosen[slice(None) if rows is None else rows] = True
    again = np.flatnonzero(chosen & is_corrected(sed, what))
    if len(again):
        msg = (
            f"rows: {len(again)} of them, first row {again[0]}, are corrected for {what} "
            f"({CORRECTIONS[what]}) already; leave them out, see is_corrected(sed, {what!r})"
        )
        raise InvalidRequestError(msg, parameter="rows")
    entries = _entries(sed)
    for row in np.flatnonzero(chosen):
        entries[row] = entries[row] | {what}
    marked = sed.copy()
    marked["corrections"] = build_column(
        OPTIONAL["corrections"], [",".join(sorted(entry)) for entry in entries]
    )
    return marked


def _entries(sed: SED) -> list[frozenset[str]]:
    if "corrections" not in sed.colnames:
        return [frozenset()] * len(sed)
    return [frozenset(filter(None, entry.split(","))) for entry in text(sed["corrections"])]
