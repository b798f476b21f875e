"""A model's spectrum, wherever it was computed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from astropy import units as u
from astropy.table import QTable

from astroquery_mmdc.exceptions import ParseError
from astroquery_mmdc.schema.units import NUFNU

__all__ = ["ModelSpectrum"]


@dataclass(frozen=True, slots=True, eq=False)
class ModelSpectrum:
    """Flux of a model, and of its neutrinos if it has any.

    Parameters
    ----------
    nu : `~astropy.units.Quantity`
        Frequency in the observer's frame, increasing.
    nuFnu : `~astropy.units.Quantity`
        nu F_nu at ``nu``.
    neutrino_energy : `~astropy.units.Quantity` or ndarray or None
        Energy axis of the neutrinos; a plain array where the service states no unit.
    neutrino_flux : `~astropy.units.Quantity` or None
        E F_E of all flavours.
    meta : dict
        Model, parameters, redshift and provenance.

    Examples
    --------
    >>> from astropy import units as u
    >>> nu = [1e10, 1e12] * u.Hz
    >>> spectrum = ModelSpectrum(nu, [1e-13, 1e-12] * u.erg / u.s / u.cm**2)
    >>> spectrum.table.colnames
    ['nu', 'nufnu']
    """

    nu: u.Quantity
    nuFnu: u.Quantity  # noqa: N815 - the field's own spelling
    neutrino_energy: Any = None
    neutrino_flux: u.Quantity | None = None
    meta: dict[str, Any] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.nu)

    @property
    def table(self) -> QTable:
        """The photon spectrum as a table."""
        return QTable({"nu": self.nu, "nufnu": self.nuFnu}, meta=dict(self.meta))

    @property
    def neutrinos(self) -> QTable | None:
        """The neutrino spectrum as a table, or None."""
        if self.neutrino_energy is None or self.neutrino_flux is None:
            return None
        columns = {"energy": self.neutrino_energy, "flux": self.neutrino_flux}
        return QTable(columns, meta=dict(self.meta))

    @classmethod
    def from_json(cls, curve: Mapping[str, Any], *, meta: Mapping[str, Any]) -> ModelSpectrum:
        """Read one curve of the service.

        Parameters
        ----------
        curve : mapping
            With ``nu`` and ``nuFnu``, and for hadronic models ``neutrino_energy`` and
            ``eFe_nu_tot``. The unit of the neutrino energies is not documented: they stay plain
            numbers.
        meta : mapping
            Kept in ``meta``.
        """
        try:
            nu = np.asarray(curve["nu"], dtype=float)
            flux = np.asarray(curve["nuFnu"], dtype=float)
        except (KeyError, TypeError, ValueError) as err:
            msg = f"the model's answer has no readable nu and nuFnu ({err!r})"
            raise ParseError(msg) from err
        if nu.shape != flux.shape:
            msg = f"the model's answer has {len(nu)} frequencies for {len(flux)} fluxes"
            raise ParseError(msg)
        energy, neutrinos = curve.get("neutrino_energy"), curve.get("eFe_nu_tot")
        return cls(
            nu * u.Hz,
            flux * NUFNU,
            None if energy is None else np.asarray(energy, dtype=float),
            None if neutrinos is None else np.asarray(neutrinos, dtype=float) * NUFNU,
            dict(meta),
        )
