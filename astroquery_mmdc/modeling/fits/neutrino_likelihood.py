"""Neutrinos in a fit: events that were counted, or a flux at some energies."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from astropy import units as u
from numpy.typing import NDArray

from astroquery_mmdc.exceptions import InvalidRequestError
from astroquery_mmdc.schema.units import NUFNU

__all__ = ["EffectiveArea", "NeutrinoCounts", "NeutrinoFlux"]

Array = NDArray[np.float64]

_ERG_PER_TEV = 1.602176634
_FAINTEST = 1e-40
_HEADER = re.compile(r"_min\b|_max\b|\[")
"""What a line with the names of the columns has, and a reference has not."""
_MONTH = 365.25 / 12.0 * u.d


@dataclass(frozen=True, slots=True, eq=False)
class EffectiveArea:
    """Effective area of a neutrino telescope in bins of energy and declination.

    Parameters
    ----------
    energy : ndarray
        Edges of the bins of energy [TeV], rising.
    declination : ndarray
        Edges of the bins of declination [deg], rising.
    area : ndarray
        For muon neutrinos and antineutrinos, [cm2], of shape (declinations, energies).
    source : str
        The publication or data release that it is from.

    Notes
    -----
    None comes with the package. IceCube publishes tables with its releases of point-source data,
    such as ``IC86_II_effectiveArea.csv`` of the ten years of arXiv:2101.09836
    (IceCube data for neutrino point-source searches 2008-2018); `read` takes them as they are.
    """

    energy: Array
    declination: Array
    area: Array
    source: str

    def __post_init__(self) -> None:
        shape = (len(self.declination) - 1, len(self.energy) - 1)
        rising = np.all(np.diff(self.energy) > 0) and np.all(np.diff(self.declination) > 0)
        if self.area.shape != shape or not rising or not np.all(self.area >= 0):
            msg = f"area: shape {self.area.shape} does not fit {shape} bins of rising edges"
            raise InvalidRequestError(msg, parameter="area")
        if not self.source.strip():
            msg = "source: say which publication or data release the effective area is from"
            raise InvalidRequestError(msg, parameter="source")

    @classmethod
    def read(cls, path: str | os.PathLike[str], *, source: str | None = None) -> EffectiveArea:
        """Read a table of a public IceCube release of point-source data.

        Parameters
        ----------
        path : path
            Text with comments after ``#`` and five columns, in one of the two forms of such
            releases: log10(E/GeV) and declination [deg], from and to, and the area in cm2; or E
            [GeV] and the cosine of the zenith angle at the South Pole, from and to, and the area
            in m2, which is recognised by its energies.
        source : str, optional
            The release that it is from; by default the first line, where that is a comment and
            more than the names of the columns.
        """
        try:
            text = Path(path).read_text(encoding="utf-8")
            rows = np.loadtxt(text.splitlines(), comments="#", usecols=range(5), ndmin=2)
        except (OSError, ValueError, IndexError) as err:
            msg = f"path: {path} is no table of an effective area ({err})"
            raise InvalidRequestError(msg, parameter="path") from err
        first = text.lstrip().partition("\n")[0]
        is_told = first.startswith("#") and not _HEADER.search(first)
        named = source or (first.strip("# ") if is_told else "")
        return cls(*_binned(rows), named)

    def at(self, declination: float) -> Array:
        """Return the area [cm2] in the bins of energy at a declination [deg]."""
        if not self.declination[0] <= declination <= self.declination[-1]:
            low, high = self.declination[[0, -1]]
            msg = f"declination: {declination} deg is outside the table, {low} to {high} deg"
            raise InvalidRequestError(msg, parameter="declination")
        band = np.searchsorted(self.declination, declination, side="right") - 1
        return self.area[min(int(band), len(self.area) - 1)]


@dataclass(frozen=True, slots=True, eq=False)
class NeutrinoCounts:
    """Muon neutrinos that were counted.

    Parameters
    ----------
    count : int
        Events N.
    time : `~astropy.units.Quantity`
        Time in which they came.
    declination : `~astropy.units.Quantity`
        Of the source: the Earth is opaque to energetic neutrinos, and the sky above full of muons.
    area : EffectiveArea
    background : float, optional
        Expected events that are not of the source.

    Notes
    -----
    mu = T int A(E) phi(E) dE + b with the flux phi of one flavour, a third of all after mixing;
    ln L = N ln mu - mu - ln N!.
    """

    count: int
    time: u.Quantity
    declination: u.Quantity
    area: EffectiveArea
    background: float = 0.0

    def __post_init__(self) -> None:
        if isinstance(self.count, bool) or int(self.count) != self.count or self.count < 0:
            msg = f"count: {self.count!r} is no number of events"
            raise InvalidRequestError(msg, parameter="count")
        for name, unit in (("time", u.d), ("declination", u.deg)):
            value = getattr(self, name)
            if not isinstance(value, u.Quantity) or not value.unit.is_equivalent(unit):
                msg = f"{name}: {value!r} is no Quantity in {unit}"
                raise InvalidRequestError(msg, parameter=name)
        if not self.time.to_value(u.s) > 0:
            msg = f"time: {self.time} is not above 0"
            raise InvalidRequestError(msg, parameter="time")
        if not self.background >= 0:
            msg = f"background: {self.background!r} is no number of events from 0 on"
            raise InvalidRequestError(msg, parameter="background")
        self.area.at(float(self.declination.to_value(u.deg)))

    @classmethod
    def in_months(
        cls, count: int, months: float, declination: u.Quantity, area: EffectiveArea
    ) -> NeutrinoCounts:
        """Return the counts for a time in months, as the service takes it."""
        return cls(count, months * _MONTH, declination, area)

    @property
    def size(self) -> int:
        """The number of residuals."""
        return 1

    def expected(self, energy: Array, flavours: Mapping[str, Array]) -> float:
        """Return the events that a model makes expected.

        Parameters
        ----------
        energy : ndarray
            Observed energies [erg].
        flavours : mapping of str to ndarray
            E F_E [erg/s/cm2] of each flavour at the source.
        """
        if not len(energy):
            return float(self.background)
        muon = np.sum(list(flavours.values()), axis=0) / 3.0
        area = self.area.at(float(self.declination.to_value(u.deg)))
        rate = sum(
            size * _number(energy, muon, low, high)
            for size, low, high in zip(
                area, self.area.energy[:-1], self.area.energy[1:], strict=True
            )
            if size > 0
        )
        return float(self.time.to_value(u.s)) * float(rate) + float(self.background)

    def log_likelihood(self, energy: Array, flavours: Mapping[str, Array]) -> float:
        """Return ln L for the neutrinos of a model."""
        mean = max(self.expected(energy, flavours), 1e-300)
        return self.count * math.log(mean) - mean - math.lgamma(self.count + 1.0)

    def residuals(self, energy: Array, flavours: Mapping[str, Array]) -> Array:
        """Return the number whose square is -2 ln L, but for a constant."""
        mean = max(self.expected(energy, flavours), 1e-300)
        best = self.count * math.log(self.count) - self.count if self.count else 0.0
        fall = best - (self.count * math.log(mean) - mean)
        return np.array([math.copysign(math.sqrt(2.0 * max(fall, 0.0)), mean - self.count)])

    def as_dict(self) -> dict[str, Any]:
        """Return plain values for the provenance."""
        return {
            "kind": "counts",
            "count": int(self.count),
            "seconds": float(self.time.to_value(u.s)),
            "declination_deg": float(self.declination.to_value(u.deg)),
            "background": float(self.background),
            "effective_area": self.area.source,
        }


@dataclass(frozen=True, slots=True, eq=False)
class NeutrinoFlux:
    """A neutrino flux of all flavours at some energies.

    Parameters
    ----------
    energy : `~astropy.units.Quantity`
        Observed energies.
    flux : `~astropy.units.Quantity`
        E F_E of all flavours there, one value or as many.
    error : float, optional
        Relative error; the service's is 0.1.

    Notes
    -----
    ln L = -1/2 sum ((F_model - F) / (error F))^2.
    """

    energy: u.Quantity
    flux: u.Quantity
    error: float = 0.1

    def __post_init__(self) -> None:
        try:
            energy = np.atleast_1d(self.energy.to_value(u.TeV))
            flux = np.broadcast_to(self.flux.to_value(NUFNU), energy.shape)
        except (AttributeError, u.UnitConversionError, ValueError) as err:
            msg = f"flux: give energies and E F_E as Quantities, such as [10, 1000]*u.TeV ({err})"
            raise InvalidRequestError(msg, parameter="flux") from err
        if not (np.all(energy > 0) and np.all(flux > 0) and self.error > 0):
            msg = "flux: energies, fluxes and their error have to be above 0"
            raise InvalidRequestError(msg, parameter="flux")

    @classmethod
    def at(cls, energies: Sequence[float], log_flux: float, error: float = 0.1) -> NeutrinoFlux:
        """Return the flux for energies in TeV and log10 of E F_E, as the service takes them."""
        return cls(np.asarray(energies) * u.TeV, 10.0**log_flux * NUFNU, error)

    @property
    def size(self) -> int:
        """The number of residuals."""
        return int(np.size(self.energy.value))

    def residuals(self, energy: Array, flavours: Mapping[str, Array]) -> Array:
        """Return the deviations in units of the error."""
        wanted = np.atleast_1d(self.energy.to_value(u.TeV))
        flux = np.broadcast_to(self.flux.to_value(NUFNU), wanted.shape)
        total = np.sum(list(flavours.values()), axis=0) if flavours else np.empty(0)
        model = _between(energy, total, wanted)
        return np.asarray((model - flux) / (self.error * flux))

    def log_likelihood(self, energy: Array, flavours: Mapping[str, Array]) -> float:
        """Return ln L for the neutrinos of a model."""
        return -0.5 * float(np.sum(self.residuals(energy, flavours) ** 2))

    def as_dict(self) -> dict[str, Any]:
        """Return plain values for the provenance."""
        return {
            "kind": "flux",
            "energy_TeV": np.atleast_1d(self.energy.to_value(u.TeV)).tolist(),
            "flux_erg_s_cm2": np.atleast_1d(self.flux.to_value(NUFNU)).tolist(),
            "error": float(self.error),
        }


def _binned(rows: Array) -> tuple[Array, Array, Array]:
    """Return edges of energy [TeV] and declination [deg], and the area [cm2] in the bins."""
    log_energy, sine, area = rows[:, :2], np.sin(np.deg2rad(rows[:, 2:4])), rows[:, 4]
    if np.max(rows[:, 0]) > 20.0:
        # At the Pole the zenith angle is the declination plus 90 degrees.
        log_energy, sine, area = np.log10(rows[:, :2]), -rows[:, [3, 2]], area * 1e4
    energy, declination = np.unique(np.round(log_energy, 3)), np.unique(np.round(sine, 6))
    table = np.zeros((len(declination) - 1, len(energy) - 1))
    place = np.searchsorted(declination, sine[:, 0] - 1e-5)
    table[place, np.searchsorted(energy, log_energy[:, 0] - 1e-3)] = area
    return 10.0**energy / 1e3, np.rad2deg(np.arcsin(np.clip(declination, -1, 1))), table


def _between(energy: Array, flux: Array, tev: Array) -> Array:
    """Return E F_E at energies in TeV; 0 where the model has none."""
    if not len(energy):
        return np.zeros(len(tev))
    log_flux = np.log(np.maximum(flux, _FAINTEST))
    place = np.interp(np.log(tev * _ERG_PER_TEV), np.log(energy), log_flux, -np.inf, -np.inf)
    return np.where(np.exp(place) > 10 * _FAINTEST, np.exp(place), 0.0)


def _number(energy: Array, flux: Array, low: float, high: float) -> float:
    """Return the integral of phi = (E F_E) / E^2 dE between energies in TeV [1/s/cm2]."""
    edges = np.linspace(math.log(low), math.log(high), 33)
    tev = np.exp(edges)
    per_log = _between(energy, flux, tev) / (tev * _ERG_PER_TEV)
    return float(np.sum(per_log[1:] + per_log[:-1]) * 0.5 * (edges[1] - edges[0]))
