"""The emitting sphere, and the electrons that are injected into it."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from astroquery_mmdc.modeling import electrons
from astroquery_mmdc.modeling.kernels.grid import Grid
from astroquery_mmdc.modeling.kernels.options import Options

__all__ = ["Blob", "check_values"]

Array = NDArray[np.float64]

_SERVICE_SHIFT = {"gamma_min": 10.0**0.06, "gamma_cut": 10.0**0.10, "index": -0.03}
"""Half a cell of the service's electron grid, as its recorded curves show; provisional."""
_MAY_BE_ZERO = ("magnetic_field", "luminosity")


def check_values(**values: float) -> None:
    """Refuse numbers that no source has; `index` alone may be negative.

    The ranges of the models are the matter of their parameters: this keeps the kernels from NaN.
    """
    for name, value in values.items():
        allowed = value > 0.0 or name == "index" or (value == 0.0 and name in _MAY_BE_ZERO)
        if math.isfinite(value) and allowed:
            continue
        from astroquery_mmdc.exceptions import InvalidRequestError

        msg = f"{name}: {value} is no value of a source; give a finite number above zero"
        raise InvalidRequestError(msg, parameter=name)


@dataclass(frozen=True, slots=True)
class Blob:
    """A sphere in a jet, and the electrons that are injected into it.

    Parameters
    ----------
    magnetic_field : float
        B [G].
    radius : float
        R [cm].
    lorentz_factor : float
        Gamma of the jet.
    luminosity : float
        L_e [erg/s], the power in electrons in the frame of the host; L_e / Gamma^2 in its own.
    gamma_min, gamma_cut : float
        Sharp lower end and exponential cut-off of the injected spectrum.
    index : float
        p of the injected spectrum.

    Raises
    ------
    InvalidRequestError
        A value is not a number, infinite, or not above zero where it has to be.
    """

    magnetic_field: float
    radius: float
    lorentz_factor: float
    luminosity: float
    gamma_min: float
    gamma_cut: float
    index: float

    def __post_init__(self) -> None:
        check_values(**{one.name: getattr(self, one.name) for one in fields(self)})

    @property
    def volume(self) -> float:
        """Volume of the sphere [cm^3]."""
        return 4.0 / 3.0 * math.pi * self.radius**3

    def power_density(self, luminosity: float) -> float:
        """Return a power in the frame of the host as one per volume of the source [erg/s/cm^3]."""
        return luminosity / self.lorentz_factor**2 / self.volume

    def injection(self, grid: Grid, options: Options) -> Array:
        """Return the injected electrons Q [cm^-3 s^-1] on ``grid.gamma_fine``."""
        shape = {name: getattr(self, name) for name in _SERVICE_SHIFT}
        if options.normalization == "mmdc":
            shape["gamma_min"] *= _SERVICE_SHIFT["gamma_min"]
            shape["gamma_cut"] *= _SERVICE_SHIFT["gamma_cut"]
            shape["index"] += _SERVICE_SHIFT["index"]
        return electrons.injection(
            grid.gamma_fine,
            self.power_density(self.luminosity),
            **shape,
            normalization=options.normalization,
        )
