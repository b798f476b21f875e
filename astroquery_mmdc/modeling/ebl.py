"""Absorption of gamma rays by the extragalactic background light (EBL).

The optical depths are those of published tables, which the package ``ebltable`` carries.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from astropy import constants as const
from astropy import units as u
from numpy.typing import NDArray

from astroquery_mmdc.exceptions import IncompleteResultWarning, InvalidRequestError, MMDCError

__all__ = ["DEFAULT_EBL", "EBL_MODELS", "Absorption", "absorption", "optical_depth"]

Array = NDArray[np.float64]

DEFAULT_EBL = "finke_2010"
"""What the service uses: Finke, Razzaque & Dermer 2010, model C."""


@dataclass(frozen=True, slots=True)
class _Source:
    """The key of a model in ebltable, and its file there where that is a plain matrix."""

    key: str
    reference: str
    file: str = ""
    gev: float = 1e3
    """Unit of the file's energies in GeV."""


EBL_MODELS: dict[str, _Source] = {
    "finke_2010": _Source(
        "finke",
        "Finke, Razzaque & Dermer 2010, ApJ 712, 238 (model C)",
        "tau_modelC_Finke.txt",
    ),
    "finke_2022": _Source(
        "finke2022",
        "Finke et al. 2022, ApJ 941, 33 (model A)",
        "tau_model_A_Finke2022.dat",
        gev=1.0,
    ),
    "dominguez_2011": _Source(
        "dominguez", "Domínguez et al. 2011, MNRAS 410, 2556", "tau_dominguez11_cta.out"
    ),
    "dominguez_2011_low": _Source(
        "dominguez-lower", "the same, lower uncertainty", "tau_lower_dominguez11_cta.out"
    ),
    "dominguez_2011_high": _Source(
        "dominguez-upper", "the same, upper uncertainty", "tau_upper_dominguez11_cta.out"
    ),
    "saldana_lopez_2021": _Source(
        "saldana-lopez", "Saldana-Lopez et al. 2021, MNRAS 507, 5144", "tau_saldana-lopez21.out"
    ),
    "saldana_lopez_2021_low": _Source(
        "saldana-lopez-lower", "the same, lower uncertainty", "tau_low_saldana-lopez21.out"
    ),
    "saldana_lopez_2021_high": _Source(
        "saldana-lopez-upper", "the same, upper uncertainty", "tau_high_saldana-lopez21.out"
    ),
    "franceschini_2008": _Source("franceschini", "Franceschini et al. 2008, A&A 487, 837"),
    "gilmore_2012": _Source(
        "gilmore", "Gilmore et al. 2012, MNRAS 422, 3189 (fiducial)", "opdep_fiducial.dat", 1e-3
    ),
    "gilmore_2012_fixed": _Source("gilmore-fixed", "the same, fixed", "opdep_fixed.dat", 1e-3),
    "inoue_2013": _Source(
        "inoue", "Inoue et al. 2013, ApJ 768, 197 (baseline)", "tau_gg_baseline.dat"
    ),
    "kneiske_2010": _Source("kneiske", "Kneiske & Dole 2010, A&A 515, A19"),
}
"""Name of a model to its table and reference."""

# Its table in ebltable differs from every other copy of the same model by a factor of up to 2.7.
_BLOCKED = {"franceschini_2017", "franceschini2017"}

_HZ_PER_GEV = (1 * u.GeV / const.h).to_value(u.Hz)
_NEGLIGIBLE = 1e-3
"""What is left of the light at the end of a table is no matter below this part."""


@dataclass(frozen=True, slots=True, eq=False)
class Absorption:
    """Optical depth of the EBL towards one redshift.

    Parameters
    ----------
    name : str
        One of `EBL_MODELS`.
    redshift : float
    log_nu : ndarray
        Natural logarithm of the frequency in Hz, as observed.
    tau : ndarray
        Optical depth at ``log_nu``.
    """

    name: str
    redshift: float
    log_nu: Array
    tau: Array

    def tau_at_cgs(self, nu: Array) -> Array:
        """Return the optical depth at frequencies in Hz: infinite above the table."""
        depth = np.interp(np.log(nu), self.log_nu, self.tau, left=0.0, right=np.inf)
        return np.asarray(depth, dtype=float)

    def transmission_cgs(self, nu: Array) -> Array:
        """Return exp(-tau) at frequencies in Hz."""
        return np.exp(-self.tau_at_cgs(nu))

    def warn_above_table(self, nu: Array, flux: Array) -> None:
        """Warn where light above the table's energies is taken for absorbed and may not be."""
        if self.tau[-1] > -np.log(_NEGLIGIBLE):
            return
        lost = (np.log(nu) > self.log_nu[-1]) & (flux > _NEGLIGIBLE * np.max(flux, initial=0.0))
        if lost.any():
            end = np.exp(self.log_nu[-1]) / _HZ_PER_GEV / 1e3
            msg = (
                f"ebl: the table of {self.name} ends at {end:.3g} TeV with an optical depth of "
                f"{self.tau[-1]:.2g}; {lost.sum()} fluxes above it are given as 0. ebl=False or "
                "another model keeps them"
            )
            warnings.warn(msg, IncompleteResultWarning, stacklevel=4)


def ebl_name(ebl: bool | str) -> str | None:
    """Return the name of the EBL model that an option means, None for no absorption."""
    if ebl is True:
        return DEFAULT_EBL
    if ebl is False or ebl is None:
        return None
    name = str(ebl).strip().lower().replace("-", "_").replace(" ", "_")
    if name in _BLOCKED:
        msg = (
            f"ebl: {ebl!r} is not offered, because its table is in doubt; "
            "use 'franceschini_2008' or 'saldana_lopez_2021'"
        )
        raise InvalidRequestError(msg, parameter="ebl")
    if name not in EBL_MODELS:
        msg = f"ebl: {ebl!r} is unknown; use True, False or one of {', '.join(EBL_MODELS)}"
        raise InvalidRequestError(msg, parameter="ebl")
    return name


def absorption(ebl: bool | str, redshift: float) -> Absorption | None:
    """Return the absorption towards a redshift, None without any.

    Raises
    ------
    InvalidRequestError
        The model is unknown, or its table ends before the redshift.
    MMDCError
        The package that carries the tables is not installed.
    """
    name = ebl_name(ebl)
    return None if name is None else _absorption(name, float(redshift))


def optical_depth(energy: u.Quantity, redshift: float, ebl: bool | str = True) -> Array:
    """Return the optical depth of the EBL.

    Parameters
    ----------
    energy : `~astropy.units.Quantity`
        Observed energy, frequency or wavelength.
    redshift : float
    ebl : str, optional
        One of `EBL_MODELS`; by default Finke et al. 2010, model C.

    Returns
    -------
    ndarray
        0 below the energies of the table, infinite above them.

    Examples
    --------
    >>> from astropy import units as u
    >>> round(float(optical_depth(0.5 * u.TeV, 0.36)), 2)
    2.68
    """
    towards = absorption(ebl, redshift)
    nu = np.asarray(energy.to_value(u.Hz, u.spectral()), dtype=float)
    return np.zeros_like(nu) if towards is None else towards.tau_at_cgs(nu)


@lru_cache(maxsize=128)
def _absorption(name: str, redshift: float) -> Absorption:
    energy, redshifts, table = _table(name)
    if not 0 < redshift <= redshifts[-1]:
        msg = (
            f"z: {redshift:g} is outside 0 < z <= {redshifts[-1]:g}, where the EBL model {name} "
            "ends; use ebl=False or another model"
        )
        raise InvalidRequestError(msg, parameter="z")
    upper = min(int(np.searchsorted(redshifts, redshift)), len(redshifts) - 1)
    lower = upper - 1
    part = (redshift - redshifts[lower]) / (redshifts[upper] - redshifts[lower])
    tau = (1 - part) * table[:, lower] + part * table[:, upper]
    log_nu = np.log(energy * _HZ_PER_GEV)
    return Absorption(name, redshift, *_faded(log_nu, tau))


def _faded(log_nu: Array, tau: Array) -> tuple[Array, Array]:
    """Let a table that begins with some absorption fade out below, without a step."""
    first, second = tau[:2]
    if first < 1e-9 or second <= first:
        return log_nu, tau
    slope = np.log(second / first) / (log_nu[1] - log_nu[0])
    steps = np.linspace(np.log(1e-9 / first) / slope, 0, 40)[:-1]
    below = first * np.exp(slope * steps)
    below[0] = 0.0
    return np.concatenate([log_nu[0] + steps, log_nu]), np.concatenate([below, tau])


@lru_cache(maxsize=len(EBL_MODELS))
def _table(name: str) -> tuple[Array, Array, Array]:
    """Return energies in GeV, redshifts from 0 on, and the optical depth at both."""
    source = EBL_MODELS[name]
    path = _file(source.file) if source.file else None
    if path is not None:
        return _matrix(path, source.gev)
    read = _reader()
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        # What the reader's own arithmetic warns of is nothing that a user can act on.
        warnings.simplefilter("ignore")
        table = read(source.key)
    energy = 10.0 ** np.asarray(table.x, dtype=float)
    return energy, np.asarray(table.y, dtype=float), np.asarray(table.Z, dtype=float)


def _file(name: str) -> Path | None:
    """Return a file of ebltable without its import, which would take longer than a spectrum."""
    found = find_spec("ebltable")
    folders = found.submodule_search_locations if found is not None else None
    path = Path(folders[0], "data", name) if folders else None
    return path if path is not None and path.is_file() else None


def _matrix(path: Path, gev: float) -> tuple[Array, Array, Array]:
    """Read a file whose first row are redshifts and whose first column are energies."""
    data = np.loadtxt(path)
    energy, redshifts, tau = gev * data[1:, 0], data[0, 1:], data[1:, 1:]
    if redshifts[0] > 0:
        redshifts = np.insert(redshifts, 0, 0.0)
        tau = np.column_stack([np.zeros(len(energy)), tau])
    return energy, redshifts, tau


def _reader() -> Any:
    try:
        from ebltable.tau_from_model import OptDepth
    except ImportError as err:
        msg = (
            "ebl: the tables of the EBL are not installed; run "
            "`pip install 'astroquery_mmdc[model]'` (or ebltable), or use ebl=False"
        )
        raise MMDCError(msg) from err
    return OptDepth.readmodel
