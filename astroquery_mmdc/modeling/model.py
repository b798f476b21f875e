"""What the emission models share: parameters in, spectra out."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

import numpy as np
from astropy import units as u
from numpy.typing import NDArray

from astroquery_mmdc.exceptions import InvalidRequestError
from astroquery_mmdc.modeling.choices import (
    OPTIONS,
    SETTINGS,
    seen_under,
    short_text,
    standard_choices,
)
from astroquery_mmdc.modeling.extras import Extra, read_extras
from astroquery_mmdc.modeling.given import plain_distribution
from astroquery_mmdc.modeling.inputs import known_names, read_parameters
from astroquery_mmdc.modeling.kernels.emission import Emission
from astroquery_mmdc.modeling.kernels.options import Options
from astroquery_mmdc.modeling.observer import Observed, Observer, doppler_factor
from astroquery_mmdc.modeling.parameters import MODELS, check_order
from astroquery_mmdc.modeling.settings import Settings, frequencies_cgs, make_settings
from astroquery_mmdc.modeling.spectrum import ModelSpectrum
from astroquery_mmdc.schema.units import NUFNU

if TYPE_CHECKING:
    from astropy.table import QTable, Table

__all__ = ["Model"]

Array = NDArray[np.float64]


class Model(ABC):
    """What the three models share; make an `SSC`, `EIC` or `Hadronic`.

    A model is immutable: `replace` returns another one. It is solved when it is first asked.

    Parameters
    ----------
    z : float
        Redshift.
    electrons : object, optional
        A given distribution of electrons, such as `BrokenPowerLaw`, instead of electrons that are
        injected and cool. It takes the place of their power, index and energies.
    ebl : bool or str, optional
        Absorption on the way: True for Finke et al. 2010 (model C), False, or the name of another
        model of ``astroquery_mmdc.modeling.EBL_MODELS``.
    cosmology : `~astropy.cosmology.FLRW`, optional
        By default flat with H0 = 71 km/s/Mpc and Omega_m = 0.27.
    viewing_angle : `~astropy.units.Quantity`, optional
        Angle between jet and line of sight. Without it the Doppler factor is the Lorentz factor.
    normalization : str, optional
        ``"textbook"``: the injected power is L / Gamma^2 in the frame of the source. ``"mmdc"``:
        provisional constants that bring the curves to those of the service.
    ssa, pairs : bool, optional
        Synchrotron self-absorption; absorption of gamma rays inside and the pairs it makes.
    t_esc, photon_escape : float, optional
        Time after which particles leave, and mean time that a photon stays, in R/c.
    evolution : float, optional
        Time in R/c since the injection began; None is the steady state.
    points_per_decade : int, optional
        Density of the grids.
    strict : bool, optional
        Whether a parameter outside the range of model runs is an error; otherwise it warns.
    **parameters
        The service's names with numbers (``log_B=-1.5``), or natural names with Quantities
        (``B=0.03*u.G``); ``Gamma`` and ``delta`` together set the viewing angle.

    Raises
    ------
    InvalidRequestError
        A name, unit or value is wrong; the message says what is right.
    """

    __slots__ = ("_electrons", "_numbers", "_observed", "_observer", "_settings")

    model_type: ClassVar[str] = ""
    _injected: ClassVar[frozenset[str]] = frozenset()
    _defaults: ClassVar[Mapping[str, float]] = {}
    _extras: ClassVar[Mapping[str, Extra]] = {}
    _refused: ClassVar[Mapping[str, str]] = {}

    _electrons: Any
    _numbers: dict[str, float]
    _observed: Observed | None
    _observer: Observer
    _settings: Settings

    def __init__(
        self,
        *,
        z: float,
        electrons: Any = None,
        ebl: bool | str = True,
        cosmology: Any = None,
        viewing_angle: u.Quantity | None = None,
        normalization: Literal["textbook", "mmdc"] = "textbook",
        ssa: bool = True,
        pairs: bool = True,
        t_esc: float = 1.0,
        photon_escape: float = 0.75,
        evolution: float | None = None,
        points_per_decade: int = 10,
        strict: bool = True,
        **parameters: Any,
    ) -> None:
        extras = read_extras(self._extras, parameters)
        viewing_angle = seen_under(parameters, viewing_angle)
        electrons = None if electrons is None else plain_distribution(electrons)
        options = Options(
            normalization=normalization,
            ssa=bool(ssa),
            pairs=bool(pairs),
            electron_escape=t_esc,
            photon_escape=photon_escape,
            evolution=evolution,
            per_decade=points_per_decade,
        )
        settings = make_settings(
            z=z,
            ebl=ebl,
            cosmology=cosmology,
            viewing_angle=viewing_angle,
            strict=strict,
            options=options,
            extras=extras,
        )
        names = self._names(electrons)
        numbers = read_parameters(self.model_type, parameters, names=names, strict=strict)
        self._fill(self._complete(numbers, names), electrons, settings, None)

    def _fill(
        self,
        numbers: dict[str, float],
        electrons: Any,
        settings: Settings,
        observer: Observer | None,
    ) -> None:
        check_order(numbers)
        self._check(electrons, settings)
        put = object.__setattr__
        put(self, "_numbers", numbers)
        put(self, "_electrons", electrons)
        put(self, "_settings", settings)
        put(self, "_observer", settings.observer() if observer is None else observer)
        put(self, "_observed", None)

    def _check(self, electrons: Any, settings: Settings) -> None:
        """Refuse what this kind of model cannot do."""
        chosen = {"electrons": electrons, "evolution": settings.options.evolution}
        for name, reason in self._refused.items():
            if chosen[name] is not None:
                msg = f"{name}: {type(self).__name__} {reason}"
                raise InvalidRequestError(msg, parameter=name)

    def _names(self, electrons: Any) -> tuple[str, ...]:
        left_out = self._injected if electrons is not None else frozenset()
        return tuple(name for name in MODELS[self.model_type] if name not in left_out)

    def _complete(self, numbers: dict[str, float], names: tuple[str, ...]) -> dict[str, float]:
        """Return the numbers in the model's own order, or say which are missing."""
        found = {**self._defaults, **numbers}
        missing = [MODELS[self.model_type][name] for name in names if name not in found]
        if missing:
            pairs = ", ".join(f"{one.name} (or {one.natural_name})" for one in missing)
            msg = f"parameters: {type(self).__name__} also needs {pairs}"
            raise InvalidRequestError(msg, parameter=missing[0].name)
        return {name: found[name] for name in names}

    # ---------------------------------------------------------------- what it is

    @property
    def z(self) -> float:
        """Redshift."""
        return self._settings.z

    @property
    def parameters(self) -> dict[str, float]:
        """The service's names and their numbers."""
        return dict(self._numbers)

    @property
    def values(self) -> dict[str, u.Quantity]:
        """Natural names and the values themselves."""
        known = MODELS[self.model_type]
        return {
            known[name].natural_name: known[name].value(number) * u.Unit(known[name].unit)
            for name, number in self._numbers.items()
        }

    @property
    def electrons(self) -> Any:
        """The given distribution of electrons; None where they are injected and cool."""
        return self._electrons

    @property
    def settings(self) -> Settings:
        """Everything else that was chosen."""
        return self._settings

    @property
    def lorentz_factor(self) -> float:
        """Lorentz factor Gamma of the emitting region."""
        return self._numbers["lorentz_factor"]

    @property
    def doppler_factor(self) -> float:
        """Doppler factor delta: Gamma, unless a viewing angle was given."""
        return doppler_factor(self.lorentz_factor, self._settings.viewing_angle)

    @property
    def observer(self) -> Observer:
        """Distance and absorption on the way."""
        return self._observer

    @property
    def observed(self) -> Observed:
        """The solved model as it is seen, in cgs units."""
        if self._observed is None:
            solved = Observed(self._solve(), self._observer, self.doppler_factor)
            # Two threads may solve it twice; both get the same.
            object.__setattr__(self, "_observed", solved)
        return self._observed  # type: ignore[return-value]

    @property
    def emission(self) -> Emission:
        """The solved model in the frame of the source, in cgs units."""
        return self.observed.emission

    @abstractmethod
    def _solve(self) -> Emission:
        """Return the emission in the frame of the source."""

    # ---------------------------------------------------------------- what it does

    def __call__(self, nu: u.Quantity) -> u.Quantity:
        """Return nu F_nu.

        Parameters
        ----------
        nu : `~astropy.units.Quantity`
            Observed frequency, energy or wavelength, of any shape and order.

        Returns
        -------
        `~astropy.units.Quantity`
            In erg / (s cm2), of the same shape; 0 where the model emits nothing.
        """
        return np.asarray(self.observed.flux_cgs(frequencies_cgs(nu))) << NUFNU

    def flux_cgs(self, nu: Array) -> Array:
        """Return nu F_nu in erg/s/cm2 at frequencies in Hz, without any check: for fits."""
        return self.observed.flux_cgs(nu)

    def spectrum(self, nu: u.Quantity | None = None) -> ModelSpectrum:
        """Return the spectrum by process, the particles, the neutrinos and the energy budget.

        Parameters
        ----------
        nu : `~astropy.units.Quantity`, optional
            Where to compute it; by default on all nodes of the grid that have flux.
        """
        from astroquery_mmdc.modeling.assemble import assemble

        return assemble(self, None if nu is None else frequencies_cgs(nu))

    def replace(self, **changes: Any) -> Self:
        """Return a model in which some parameters or choices are others.

        Examples
        --------
        >>> from astroquery_mmdc.modeling import SSC
        >>> model = SSC(z=0.031, log_B=-1.5, L_e=1e44*u.erg/u.s, gamma_cut=1e5, gamma_min=100,
        ...             R=1e16*u.cm, delta=20, p=2.2)
        >>> model.replace(log_B=-1).values["B"]
        <Quantity 0.1 G>
        """
        if self._numbers.keys() >= changes.keys():
            return self._with_numbers(changes)
        arguments = self._arguments()
        known = known_names(self.model_type)
        for key in changes:
            # The new value may come under another name of the same parameter.
            arguments.pop(known[key][0].name if key in known else key, None)
        return type(self)(**{**arguments, **changes})

    def _with_numbers(self, changes: Mapping[str, Any]) -> Self:
        """Only numbers change, as in every step of a fit: what they leave alone is kept."""
        strict = self._settings.strict
        return self.stepped(
            read_parameters(self.model_type, changes, names=self._numbers, strict=strict)
        )

    def stepped(self, numbers: Mapping[str, float]) -> Self:
        """Return the model with other numbers, whatever their range: a step of a fit.

        Raises
        ------
        InvalidRequestError
            A number is not finite, or the cut-off is not above the lowest energy.
        """
        for name, number in numbers.items():
            if not math.isfinite(number):
                msg = f"{name}: {number} is not a finite number"
                raise InvalidRequestError(msg, parameter=name)
        other = object.__new__(type(self))
        merged = {**self._numbers, **numbers}
        other._fill(merged, self._electrons, self._settings, self._observer)
        return other

    def _arguments(self) -> dict[str, Any]:
        settings, angle = self._settings, self._settings.viewing_angle
        return {
            **{name: getattr(settings.options, key) for name, key in OPTIONS.items()},
            **{name: getattr(settings, name) for name in SETTINGS},
            "ebl": settings.ebl or False,
            "viewing_angle": None if angle is None else angle * u.rad,
            "electrons": self._electrons,
            **dict(settings.extras),
            **self._numbers,
        }

    @classmethod
    def choices(cls) -> frozenset[str]:
        """Return the keywords that are not parameters."""
        return frozenset({*OPTIONS, *SETTINGS, "electrons", *cls._extras})

    @classmethod
    def many(cls, parameters: Table, nu: u.Quantity, **choices: Any) -> QTable:
        """Compute the spectra of many sets of parameters, over processes.

        See `astroquery_mmdc.modeling.many.many`.
        """
        from astroquery_mmdc.modeling.many import many

        return many(cls, parameters, nu, **choices)

    def to_latex(self) -> str:
        """Return the parameters as a table for a paper."""
        from astroquery_mmdc.modeling.latex import latex_table

        return latex_table(self.model_type, self._numbers, redshift=self.z)

    # ---------------------------------------------------------------- a value

    def __setattr__(self, name: str, value: Any) -> None:
        msg = f"{type(self).__name__} does not change; use model.replace({name}=...)"
        raise AttributeError(msg)

    def __delattr__(self, name: str) -> None:
        self.__setattr__(name, None)

    def _key(self) -> tuple[Any, ...]:
        return type(self), tuple(self._numbers.items()), self._settings, self._electrons

    def __eq__(self, other: object) -> bool:
        return self._key() == other._key() if isinstance(other, Model) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._key())

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (type(self), self._arguments())

    def __repr__(self) -> str:
        standard = {**standard_choices(), **self._defaults}
        shown = {
            name: value
            for name, value in self._arguments().items()
            if not (name in standard and standard[name] == value)
        }
        shown = {"z": shown.pop("z"), **{name: self._numbers[name] for name in self._numbers}} | {
            name: value for name, value in shown.items() if name not in self._numbers
        }
        return (
            f"{type(self).__name__}({', '.join(f'{k}={short_text(v)}' for k, v in shown.items())})"
        )


def _rebuild(cls: type[Model], arguments: dict[str, Any]) -> Model:
    return cls(**arguments)
