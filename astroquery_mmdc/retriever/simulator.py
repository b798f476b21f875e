"""`Simulator`: events that are put into light curves, to see which of them are found again."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from astroquery_mmdc.exceptions import InvalidRequestError
from astroquery_mmdc.retriever.columns import updated
from astroquery_mmdc.retriever.lightcurve import LightCurve
from astroquery_mmdc.retriever.parameters import Parameters
from astroquery_mmdc.retriever.reduction.statistics import median, noise_of, robust_mean_std
from astroquery_mmdc.retriever.templates import Shape, box, gaussian, template_bank

__all__ = ["Injection", "ParsSimulator", "Simulator", "generator_for"]

_DAYS: Mapping[str, float] = {
    "days": 1.0,
    "hours": 1 / 24,
    "minutes": 1 / 1440,
    "seconds": 1 / 86400,
}
_CHOICES: Mapping[str, tuple[str, ...]] = {
    "dimensionality": ("single",),
    "selection_method": ("overlap", "grid"),
    "time_units": tuple(_DAYS),
    "amplitude_units": ("snr", "flux", "mag"),
    "amplitude_distribution": ("log", "uniform"),
    "time_distribution": ("span", "epochs"),
}
# Below this part of the peak an event does not change an epoch.
_NEGLIGIBLE = 1e-3


def _one_of_choices(name: str, value: Any) -> Any:
    if value not in _CHOICES[name]:
        msg = f"{name}: {value!r} is not known; choose from {_CHOICES[name]}"
        raise InvalidRequestError(msg, parameter=name)
    return value


class ParsSimulator(Parameters):
    """Settings of a `Simulator`."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._add_templates()
        self._add_events()

    def _choice(self, name: str, default: str, doc: str) -> str:
        return self.add_par(name, default, str, doc, convert=partial(_one_of_choices, name))

    def _add_templates(self) -> None:
        self.dimensionality = self._choice(
            "dimensionality", "single", "Parameters of a template: the width alone"
        )
        self.template_shape = self.add_par(
            "template_shape", "gaussian", str, "Shape of the events: gaussian, box, or your own"
        )
        self.selection_method = self._choice(
            "selection_method", "overlap", "Widths: a bank of templates that overlap, or width_grid"
        )
        self.overlap_required = self.add_par(
            "overlap_required", 0.95, float, "Normalised overlap of neighbouring templates"
        )
        self.width_grid = self.add_par(
            "width_grid", [0.1, 0.2, 0.3], list, "Widths for selection_method grid"
        )
        self.min_width = self.add_par("min_width", 0.01, float, "Smallest width (FWHM)")
        self.max_width = self.add_par("max_width", 30.0, float, "Largest width (FWHM)")
        self.time_units = self._choice("time_units", "days", "Unit of the widths")
        self.cadence = self.add_par(
            "cadence", 20.0, float, "Step of sampled templates in seconds", critical=False
        )

    def _add_events(self) -> None:
        self.amplitude_units = self._choice(
            "amplitude_units", "snr", "Amplitudes: in units of the noise, in flux or in magnitudes"
        )
        self.amplitude_distribution = self._choice(
            "amplitude_distribution", "log", "Amplitudes are even in their logarithm, or uniform"
        )
        self.min_amplitude = self.add_par("min_amplitude", 2.0, float, "Smallest amplitude")
        self.max_amplitude = self.add_par("max_amplitude", 50.0, float, "Largest amplitude")
        self.dip_fraction = self.add_par(
            "dip_fraction", 0.0, float, "Part of the events in which the source gets fainter"
        )
        self.time_distribution = self._choice(
            "time_distribution",
            "span",
            "Events happen at any time from first to last epoch of a light curve, or at an epoch",
        )

    @classmethod
    def get_default_cfg_key(cls) -> str:
        """Return the key of the configuration file that is read."""
        return "simulator"


@dataclass(frozen=True, slots=True)
class Injection:
    """An event to be put into the light curves of a source.

    Parameters
    ----------
    shape : str
        Name of its shape.
    kernel_index : int
        Number of the template in the bank, from 0.
    width : float
        Full width at half maximum, in days.
    mjd : float
        Moment of the peak, MJD (UTC).
    flux : float
        Flux that the peak adds; negative for a dip.
    snr : float
        The same over the typical noise of the light curve it was drawn for.
    mag_change : float or None
        By how many magnitudes the mean flux becomes brighter; None where that has no magnitude.
    observatory : str
        Whose light curves it changes: fluxes of others may have other units.
    """

    shape: str
    kernel_index: int
    width: float
    mjd: float
    flux: float
    snr: float
    mag_change: float | None
    observatory: str

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON-able metadata."""
        return {name: getattr(self, name) for name in self.__slots__}


def generator_for(cfg_hash: str, source_name: str) -> np.random.Generator:
    """Return the random numbers of a source: the same in every session, process and machine.

    Parameters
    ----------
    cfg_hash : str
        Of the settings: with other settings there are other numbers.
    source_name : str
        The source.
    """
    digest = hashlib.sha256(f"{cfg_hash}\n{source_name}".encode()).digest()
    return np.random.default_rng(int.from_bytes(digest[:16], "little"))


class Simulator:
    """Draws events and injects them into light curves.

    A subclass brings further shapes in ``shapes``: functions of (t - t0) / FWHM with the peak 1
    at 0.

    Parameters
    ----------
    **kwargs
        Values of `ParsSimulator`.

    Notes
    -----
    An event adds the same flux density in every filter of an observatory: a flat spectrum. It is
    evaluated at mid-exposure, so that widths ought to be longer than exposures. Errors stay those
    of the real measurements.

    Examples
    --------
    >>> simulator = Simulator(template_shape="box", selection_method="grid")
    >>> simulator.widths
    array([0.1, 0.2, 0.3])
    """

    shapes: ClassVar[Mapping[str, Shape]] = {"gaussian": gaussian, "box": box}

    def __init__(self, **kwargs: Any) -> None:
        self.pars = self._make_pars(**kwargs)

    @staticmethod
    def _make_pars(**kwargs: Any) -> ParsSimulator:
        return ParsSimulator(**kwargs)

    @property
    def shape(self) -> Shape:
        """Shape of the events, a function of (t - t0) / FWHM."""
        name = self.pars.template_shape
        if name not in self.shapes:
            msg = f"template_shape: {name!r} is not known; choose from {sorted(self.shapes)}"
            raise InvalidRequestError(msg, parameter="template_shape")
        return self.shapes[name]

    @property
    def widths(self) -> NDArray[np.float64]:
        """Widths (FWHM) of the bank of templates, in days."""
        pars = self.pars
        unit = _DAYS[pars.time_units]
        if pars.selection_method == "grid":
            return np.array(pars.width_grid, dtype=float) * unit
        return unit * template_bank(
            self.shape, pars.min_width, pars.max_width, pars.overlap_required
        )

    def template(self, width: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return times in days and values of a template, sampled with ``cadence``.

        Parameters
        ----------
        width : float
            Full width at half maximum, in days.
        """
        step = self.pars.cadence / 86400
        half = math.ceil(2 * width / step)
        days = np.arange(-half, half + 1) * step
        return days, self.shape(days / width)

    def draw(
        self, lightcurves: Iterable[LightCurve], generator: np.random.Generator, number: int = 1
    ) -> list[Injection]:
        """Return events for a source.

        Parameters
        ----------
        lightcurves : sequence of LightCurve
            All of the source.
        generator : numpy.random.Generator
            Random numbers, see `generator_for`.
        number : int, optional
            How many.

        Returns
        -------
        list of Injection
            None if no light curve has an epoch that could show one.
        """
        places = [_Usable.of(lightcurve) for lightcurve in lightcurves]
        usable = [place for place in places if place is not None]
        widths = self.widths
        return [self._one(usable, widths, generator) for _ in range(number if usable else 0)]

    def _one(
        self,
        usable: Sequence[_Usable],
        widths: NDArray[np.float64],
        generator: np.random.Generator,
    ) -> Injection:
        place, mjd = self._moment(usable, generator)
        index = int(generator.integers(len(widths)))
        flux = self._amplitude(generator) * self._unit_flux(place)
        if self.pars.amplitude_units == "mag":
            flux = place.mean * math.expm1(0.4 * math.log(10) * flux)
        return Injection(
            shape=self.pars.template_shape,
            kernel_index=index,
            width=float(widths[index]),
            mjd=mjd,
            flux=flux,
            snr=flux / place.noise,
            mag_change=_mag_change(flux, place.mean),
            observatory=place.observatory,
        )

    def _moment(
        self, usable: Sequence[_Usable], generator: np.random.Generator
    ) -> tuple[_Usable, float]:
        if self.pars.time_distribution == "epochs":
            ends = np.cumsum([each.mjds.size for each in usable])
            epoch = int(generator.integers(ends[-1]))
            index = int(np.searchsorted(ends, epoch, side="right"))
            return usable[index], float(usable[index].mjds[epoch - ends[index]])
        lengths = np.array([each.end - each.start for each in usable])
        if not lengths.any():
            lengths = np.ones(len(usable))
        limits = np.cumsum(lengths) / lengths.sum()
        while True:
            place = usable[int(np.searchsorted(limits, generator.random(), side="right"))]
            mjd = float(generator.uniform(place.start, place.end))
            # Where light curves overlap, as those of different filters do, time counts once.
            overlap = sum(each.start <= mjd <= each.end for each in usable)
            if overlap == 1 or generator.random() * overlap < 1:
                return place, mjd

    def _amplitude(self, generator: np.random.Generator) -> float:
        low, high = self.pars.min_amplitude, self.pars.max_amplitude
        if self.pars.amplitude_distribution == "log":
            size = math.exp(generator.uniform(math.log(low), math.log(high)))
        else:
            size = float(generator.uniform(low, high))
        return -size if generator.random() < self.pars.dip_fraction else size

    def _unit_flux(self, place: _Usable) -> float:
        return place.noise if self.pars.amplitude_units == "snr" else 1.0

    def inject(
        self,
        lightcurves: Iterable[LightCurve],
        injection: Injection,
        *,
        simulation: int = 1,
        simulations: int = 1,
    ) -> list[LightCurve]:
        """Return the light curves that the event changes, with the event in them.

        Parameters
        ----------
        lightcurves : iterable of LightCurve
            Of the source; they stay as they are.
        injection : Injection
            The event.
        simulation, simulations : int, optional
            Number of the injection and how many there are.

        Returns
        -------
        list of LightCurve
            Level ``"simulated"``, with the truth in ``meta["sim_pars"]``. Scores and
            ``meta["statistics"]`` are still those of the real fluxes. None if the event happens
            between the epochs.
        """
        changed = []
        for lightcurve in lightcurves:
            if lightcurve.observatory != injection.observatory:
                continue
            shape = self.shape((lightcurve.data["mjd"] - injection.mjd) / injection.width)
            if not (np.abs(shape) > _NEGLIGIBLE).any():
                continue
            changed.append(
                lightcurve.replace(
                    data=_brightened(lightcurve.data, injection.flux * shape),
                    level="simulated",
                    simulation=simulation,
                    simulations=simulations,
                    meta={**lightcurve.meta, "sim_pars": injection.to_dict()},
                )
            )
        return changed


@dataclass(frozen=True, slots=True)
class _Usable:
    """What the events of a light curve are drawn from."""

    observatory: str
    mjds: NDArray[np.float64]
    start: float
    end: float
    mean: float
    noise: float

    @classmethod
    def of(cls, lightcurve: LightCurve) -> _Usable | None:
        data = lightcurve.data
        good = np.isfinite(data["flux"]) & (data["flag"] == 0)
        flux, mjds = data["flux"][good], data["mjd"][good]
        mean, rms = robust_mean_std(flux)
        noise = noise_of(data["flux_err"][good], rms)
        noise = noise[np.isfinite(noise)]
        if not noise.size:
            return None
        start, end = float(mjds.min()), float(mjds.max())
        return cls(lightcurve.observatory, mjds, start, end, mean, median(noise))


def _mag_change(flux: float, mean: float) -> float | None:
    if not (mean > 0 and mean + flux > 0):
        return None
    return 2.5 * math.log10((mean + flux) / mean)


def _brightened(data: NDArray[Any], added: NDArray[np.float64]) -> NDArray[Any]:
    """Return a copy with more flux; magnitudes follow where there are any."""
    flux = data["flux"] + added
    positive = (data["flux"] > 0) & (flux > 0)
    ratio = np.full(flux.shape, np.nan)
    np.divide(flux, data["flux"], out=ratio, where=positive)
    mag = data["mag"] - 2.5 * np.log10(ratio)
    return updated(data, flux=flux, mag=mag, mag_err=data["mag_err"] / ratio)
