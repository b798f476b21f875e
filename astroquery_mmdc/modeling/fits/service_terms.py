"""What the service calls the neutrino terms of its hadronic fits, for fits made here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from astroquery_mmdc.exceptions import InvalidRequestError
from astroquery_mmdc.modeling.fits.neutrino_likelihood import NeutrinoFlux

__all__ = ["neutrino_term"]


def neutrino_term(likelihood_type: str | None, numbers: Mapping[str, Any]) -> NeutrinoFlux | None:
    """Return the term of the likelihood for the service's numbers.

    Parameters
    ----------
    likelihood_type : str or None
        ``"chi2"`` or ``"poisson"``; None for no term.
    numbers : mapping
        ``x1`` and ``x2``, energies in TeV, and ``y``, log10 of the flux in erg cm-2 s-1 at both.

    Raises
    ------
    InvalidRequestError
        Counts say something only with an effective area and a declination, which the service's
        numbers lack.

    Examples
    --------
    >>> term = neutrino_term("chi2", {"x1": 10.0, "x2": 1000.0, "y": -11.0})
    >>> term.energy
    <Quantity [  10., 1000.] TeV>
    """
    if likelihood_type is None:
        return None
    if likelihood_type == "chi2":
        energies = (float(numbers["x1"]), float(numbers["x2"]))
        return NeutrinoFlux.at(energies, float(numbers["y"]))
    msg = (
        f"likelihood_type: {likelihood_type!r} needs the effective area of the telescope and the "
        "declination of the source; a fit in Python takes both as neutrinos=NeutrinoCounts(...), "
        "and 'chi2' needs neither"
    )
    raise InvalidRequestError(msg, parameter="likelihood_type")
