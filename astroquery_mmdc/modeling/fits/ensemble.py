"""Models drawn from the posterior of a fit: their curves, bands and derived quantities."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from astropy import units as u
from astropy.table import QTable
from numpy.typing import NDArray

from astroquery_mmdc.exceptions import InvalidRequestError
from astroquery_mmdc.modeling.fits.derived import DERIVED, derived_quantities
from astroquery_mmdc.modeling.spectrum import ModelSpectrum
from astroquery_mmdc.schema.units import NUFNU

if TYPE_CHECKING:
    from astroquery_mmdc.modeling.fits.state import Fit
    from astroquery_mmdc.modeling.model import Model

__all__ = ["LEVELS", "Ensemble", "draw", "ensemble_of_curves", "ensemble_of_fit", "flux_at"]

Array = NDArray[np.float64]

SIZE = 300
"""Number of models that are drawn: their quantiles are good to a few per cent of the width."""
LEVELS = {"low95": 2.5, "low68": 16.0, "median": 50.0, "high68": 84.0, "high95": 97.5}
"""Columns of the bands and the percentiles that they hold."""
# 20 points a decade: finer than the grid of the models.
_LOG_NU = np.linspace(8.0, 31.0, 461)


@dataclass(frozen=True, slots=True, eq=False)
class Ensemble:
    """Some models of a posterior.

    Parameters
    ----------
    nu : `~astropy.units.Quantity`
        Observed frequencies [m].
    flux : `~astropy.units.Quantity`
        nu F_nu of each model after the EBL [n, m].
    numbers : `~astropy.table.QTable` or None
        The free parameters of each model.
    at_data : ndarray or None
        nu F_nu in erg/s/cm2 of each model at the fitted points [n, points].
    derived : `~astropy.table.QTable` or None
        What follows from each model, see `~astroquery_mmdc.modeling.fits.derived.DERIVED`.
    neutrino_energy : `~astropy.units.Quantity` or ndarray or None
    neutrino_flux : `~astropy.units.Quantity` or None
        E F_E of all flavours [n, energies].
    """

    nu: u.Quantity
    flux: u.Quantity
    numbers: QTable | None = None
    at_data: Array | None = None
    derived: QTable | None = None
    neutrino_energy: Any = None
    neutrino_flux: u.Quantity | None = None

    def __len__(self) -> int:
        return len(self.flux)

    def first(self, size: int) -> Ensemble:
        """Return at most so many of the models, evenly spread."""
        rows = np.linspace(0, len(self) - 1, min(size, len(self))).round().astype(int)
        picked = (self.numbers, self.at_data, self.derived)
        numbers, at_data, derived = (None if one is None else one[rows] for one in picked)
        neutrinos = None if self.neutrino_flux is None else self.neutrino_flux[rows]
        energy = self.neutrino_energy
        return Ensemble(self.nu, self.flux[rows], numbers, at_data, derived, energy, neutrinos)

    def bands(self) -> QTable:
        """Return ``nu`` and the quantiles of nu F_nu; see `LEVELS`."""
        return _quantiles("nu", self.nu, self.flux)

    def neutrino_bands(self) -> QTable | None:
        """Return ``energy`` and the quantiles of the neutrinos' E F_E, or None."""
        if self.neutrino_energy is None or self.neutrino_flux is None:
            return None
        return _quantiles("energy", self.neutrino_energy, self.neutrino_flux)

    def curves(self, meta: Mapping[str, Any]) -> tuple[ModelSpectrum, ...]:
        """Return each model as a spectrum."""
        neutrinos: Iterable[Any] = (
            [None] * len(self) if self.neutrino_flux is None else self.neutrino_flux
        )
        return tuple(
            ModelSpectrum(
                self.nu, flux, self.neutrino_energy if other is not None else None, other, {**meta}
            )
            for flux, other in zip(self.flux, neutrinos, strict=True)
        )


def _quantiles(name: str, axis: Any, flux: u.Quantity) -> QTable:
    values = np.percentile(flux.to_value(NUFNU), list(LEVELS.values()), axis=0)
    return QTable({name: axis} | dict(zip(LEVELS, values * NUFNU, strict=True)))


# ---------------------------------------------------------------- of curves


def ensemble_of_curves(curves: Sequence[ModelSpectrum], nu_data: Any = None) -> Ensemble | None:
    """Return the ensemble of curves that somebody else computed, or None without any."""
    if not curves:
        return None
    first = curves[0]
    flux = [
        one.nuFnu if np.array_equal(one.nu, first.nu) else one.interpolate(first.nu)
        for one in curves
    ]
    neutrinos = [one.neutrino_flux for one in curves]
    sizes = {None if one is None else len(one) for one in neutrinos}
    has_neutrinos = len(sizes) == 1 and None not in sizes
    at_data = None
    if nu_data is not None:
        at_data = np.array([one.interpolate(nu_data).to_value(NUFNU) for one in curves])
    return Ensemble(
        nu=first.nu,
        flux=u.Quantity(flux),
        at_data=at_data,
        neutrino_energy=first.neutrino_energy if has_neutrinos else None,
        neutrino_flux=u.Quantity(neutrinos) if has_neutrinos else None,
    )


# ---------------------------------------------------------------- of a fit


def ensemble_of_fit(fit: Fit, size: int = SIZE) -> Ensemble | None:
    """Return models drawn from the posterior, or from the covariance where there is no posterior.

    Parameters
    ----------
    fit : Fit
    size : int, optional
        Number of models.

    Returns
    -------
    Ensemble or None
        None where the fit has neither samples nor a covariance.
    """
    drawn = draw(fit, size)
    solved = [] if drawn is None else [one for row in drawn if (one := _model(fit, row))]
    if not solved:
        return None
    rows = np.array([row for row, _ in solved])
    models = [model for _, model in solved]
    nu = 10.0**_LOG_NU
    energy, neutrinos = _neutrinos(models)
    return Ensemble(
        nu=nu * u.Hz,
        flux=np.array([flux_at(model, nu) for model in models]) * NUFNU,
        numbers=QTable(rows, names=list(fit.names)),
        at_data=np.array([flux_at(one, fit.data.nu, fit.data.is_unabsorbed) for one in models]),
        derived=_derived(models),
        neutrino_energy=energy,
        neutrino_flux=neutrinos,
    )


def draw(fit: Fit, size: int) -> Array | None:
    """Return rows of free parameters: of the posterior, evenly spread, or of a Gaussian."""
    if fit.samples is not None and len(fit.samples):
        rows = np.linspace(0, len(fit.samples) - 1, min(size, len(fit.samples))).round()
        return np.asarray(fit.samples)[rows.astype(int)]
    if fit.covariance is None:
        return None
    return _gaussian(fit, np.asarray(fit.covariance), size)


def _gaussian(fit: Fit, whole: Array, size: int) -> Array:
    """Return draws around the optimum that the priors allow; what is unknown stays."""
    best = np.array([fit.best[name] for name in fit.names])
    known = np.flatnonzero(np.isfinite(np.diag(whole)))
    covariance = whole[np.ix_(known, known)]
    ends = np.array([prior.range for prior in fit.priors.values()])
    rng = np.random.default_rng(fit.seed)
    rows = np.tile(best, (20 * size, 1))
    if len(known):
        values, vectors = np.linalg.eigh(covariance)
        normal = rng.standard_normal((len(rows), len(known)))
        rows[:, known] += normal * np.sqrt(np.maximum(values, 0.0)) @ vectors.T
    inside = np.all((rows >= ends[:, 0]) & (rows <= ends[:, 1]), axis=1)
    # Where the optimum is at the end of a prior, much lies outside of it: the ends then hold.
    rows = rows[inside] if inside.sum() >= size else np.clip(rows, ends[:, 0], ends[:, 1])
    return rows[:size]


def _model(fit: Fit, row: Array) -> tuple[Array, Model] | None:
    numbers = {**fit.model.parameters, **dict(zip(fit.names, row.tolist(), strict=True))}
    changes = {name: numbers[name] for name in fit.model.parameters}
    changes |= {name: link.value(numbers) for name, link in fit.links.items()}
    try:
        return row, fit.model.stepped(changes)
    except InvalidRequestError:
        # A Gaussian does not know that the cut-off has to be above the lowest energy.
        return None


def flux_at(model: Model, nu: Array, is_unabsorbed: Any = False) -> Array:
    """Return nu F_nu [erg/s/cm2] at frequencies [Hz], without the EBL where that is said.

    What lies above the table of the EBL is taken for absorbed, without a warning for each model.
    """
    flux = model.observed.intrinsic_cgs(nu)
    eaten = model.observer.absorption
    if eaten is None:
        return flux
    return np.where(is_unabsorbed, flux, flux * eaten.transmission_cgs(nu))


def _derived(models: Sequence[Model]) -> QTable:
    rows = [derived_quantities(model) for model in models]
    there = [name for name in DERIVED if any(name in row for row in rows)]
    missing = {name: np.nan * u.Unit(DERIVED[name][0]) for name in there}
    return QTable(
        {name: u.Quantity([row.get(name, missing[name]) for row in rows]) for name in there}
    )


def _neutrinos(models: Sequence[Model]) -> tuple[Any, Any]:
    """Return neutrinos on the energies of the first model, and None for a model without any."""
    energies, fluxes = [], []
    for model in models:
        energy, flavours = model.observed.neutrinos_cgs()
        if not flavours:
            return None, None
        energies.append(energy)
        fluxes.append(np.sum(list(flavours.values()), axis=0))
    axis = np.log(energies[0])
    rows = [
        np.interp(axis, np.log(energy), flux, left=0.0, right=0.0)
        for energy, flux in zip(energies, fluxes, strict=True)
    ]
    return (energies[0] * u.erg).to(u.eV), np.array(rows) * NUFNU
