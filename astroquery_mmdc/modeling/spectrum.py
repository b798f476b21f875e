"""A model's spectrum, wherever it was computed."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from astropy import units as u
from astropy.table import QTable, Table

from astroquery_mmdc.exceptions import InvalidRequestError, ParseError
from astroquery_mmdc.modeling.interpolation import Curve
from astroquery_mmdc.schema.units import NUFNU

__all__ = ["ModelSpectrum"]


@dataclass(frozen=True, slots=True, eq=False)
class ModelSpectrum:
    """Flux of a model by process, its particles, and its neutrinos if it has any.

    Parameters
    ----------
    nu : `~astropy.units.Quantity`
        Frequency in the observer's frame, increasing.
    nuFnu : `~astropy.units.Quantity`
        nu F_nu at ``nu``, all processes together, after the EBL.
    neutrino_energy : `~astropy.units.Quantity` or ndarray or None
        Energy axis of the neutrinos; a plain array where the service states no unit.
    neutrino_flux : `~astropy.units.Quantity` or None
        E F_E of all flavours.
    meta : dict
        Model, parameters, redshift and provenance.
    components : dict of str to `~astropy.units.Quantity`
        nu F_nu of each process at ``nu``, after the EBL.
    intrinsic : `~astropy.units.Quantity` or None
        nu F_nu of all processes before the EBL.
    flavours : dict of str to `~astropy.units.Quantity`
        E F_E of each flavour as it leaves the source.
    electrons, protons : `~astropy.table.QTable` or None
        ``gamma`` and ``density`` [cm-3 per unit gamma] in the frame of the source.
    energy_densities : dict of str to `~astropy.units.Quantity`
        ``U_B``, ``U_e``, ``U_p`` in the frame of the source.
    powers : dict of str to `~astropy.units.Quantity`
        Powers in the frame of the source, and those of the jet (``jet_...``).

    Notes
    -----
    A spectrum of the service has ``nu``, ``nuFnu`` and, if hadronic, neutrinos; the rest is empty.

    Examples
    --------
    >>> from astropy import units as u
    >>> nu = [1e10, 1e12] * u.Hz
    >>> spectrum = ModelSpectrum(nu, [1e-13, 1e-11] * u.erg / u.s / u.cm**2)
    >>> spectrum.table.colnames
    ['nu', 'nufnu']
    >>> spectrum.interpolate([1e9, 1e11] * u.Hz)
    <Quantity [0.e+00, 1.e-12] erg / (s cm2)>
    """

    nu: u.Quantity
    nuFnu: u.Quantity  # noqa: N815 - the field's own spelling
    neutrino_energy: Any = None
    neutrino_flux: u.Quantity | None = None
    meta: dict[str, Any] = field(default_factory=dict)
    components: dict[str, u.Quantity] = field(default_factory=dict)
    intrinsic: u.Quantity | None = None
    flavours: dict[str, u.Quantity] = field(default_factory=dict)
    electrons: QTable | None = None
    protons: QTable | None = None
    energy_densities: dict[str, u.Quantity] = field(default_factory=dict)
    powers: dict[str, u.Quantity] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.nu)

    def __repr__(self) -> str:
        name = self.meta.get("model_type", "model")
        parts = [f"{len(self)} frequencies"]
        if self.components:
            parts.append(f"components {', '.join(self.components)}")
        if self.neutrino_flux is not None:
            parts.append("neutrinos")
        return f"<ModelSpectrum of {name}: {'; '.join(parts)}>"

    # ---------------------------------------------------------------- tables

    @property
    def table(self) -> QTable:
        """The photon spectrum as a table: ``nu``, ``nufnu``, and a column for each process."""
        columns = {"nu": self.nu, "nufnu": self.nuFnu}
        if self.intrinsic is not None:
            columns["nufnu_intrinsic"] = self.intrinsic
        columns.update(self.components)
        return QTable(columns, meta=dict(self.meta))

    @property
    def neutrinos(self) -> QTable | None:
        """The neutrino spectrum as a table, or None.

        ``flux`` is that of all flavours; a third of it is what arrives of each one after
        oscillations over such distances. The other columns are the flavours at the source.
        """
        if self.neutrino_energy is None or self.neutrino_flux is None:
            return None
        columns = {"energy": self.neutrino_energy, "flux": self.neutrino_flux, **self.flavours}
        return QTable(columns, meta=dict(self.meta))

    def write(self, path: str | os.PathLike[str], *, overwrite: bool = False) -> None:
        """Write everything to a file, which appears whole or not at all.

        Parameters
        ----------
        path : path
            Ends with .ecsv (one table; what is not photons goes into its header), .fits (an
            extension for each table) or .json (the service's own form: photons and neutrinos).
        overwrite : bool, optional
            Whether a file that is already there may be replaced.
        """
        from astroquery_mmdc.modeling.files import write_spectrum

        write_spectrum(self, path, overwrite=overwrite)

    @classmethod
    def read(cls, path: str | os.PathLike[str]) -> ModelSpectrum:
        """Read a file that `write` made."""
        from astroquery_mmdc.modeling.files import read_spectrum

        return read_spectrum(path)

    # ---------------------------------------------------------------- what is in it

    def interpolate(self, nu: u.Quantity) -> u.Quantity:
        """Return nu F_nu at other frequencies, energies or wavelengths.

        Outside ``nu``, beside a point without flux and inside a gap it is 0: nothing is made up.

        Parameters
        ----------
        nu : `~astropy.units.Quantity`
            Of any shape and order.

        Returns
        -------
        `~astropy.units.Quantity`
        """
        wanted = np.asarray(nu.to_value(u.Hz, u.spectral()), dtype=float)
        curve = Curve(np.log(self.nu.to_value(u.Hz)), self.nuFnu.to_value(NUFNU))
        return curve(np.log(wanted)) * NUFNU

    @property
    def peaks(self) -> QTable:
        """Highest point of each process and of both humps, before the EBL where that is known.

        A table with ``component``, ``nu`` and ``nufnu``. Of a model with processes, ``low`` is the
        synchrotron emission of its electrons and ``high`` all else that is beamed, whichever is
        seen; otherwise they are the humps on both sides of the dip, or ``low`` alone.
        """
        from astroquery_mmdc.modeling.humps import peak_table

        return peak_table(self)

    @property
    def compton_dominance(self) -> float:
        """Flux at the top of the high-energy hump over that of the synchrotron hump.

        NaN where the spectrum has one hump only.
        """
        peaks = self.peaks
        found = dict(zip(peaks["component"].tolist(), peaks["nufnu"].value.tolist(), strict=True))
        return found["high"] / found["low"] if {"low", "high"} <= set(found) else float("nan")

    def plot(self, **options: Any) -> Any:
        """Draw the spectrum with its processes; needs the extra ``plot``.

        Parameters
        ----------
        **options
            As of `astroquery_mmdc.plotting.plot_spectrum`: ``sed``, ``x``, ``y``, ``components``,
            ``labels``, ``ax``, ``title``, ``legend``.

        Returns
        -------
        `~matplotlib.axes.Axes`

        Examples
        --------
        >>> from astropy import units as u
        >>> spectrum = ModelSpectrum([1e10, 1e12] * u.Hz, [1e-13, 1e-11] * u.erg / u.s / u.cm**2)
        >>> spectrum.plot(x="eV").get_xlabel()
        'Energy [eV]'
        """
        from astroquery_mmdc.plotting import plot_spectrum

        return plot_spectrum(self, **options)

    # ---------------------------------------------------------------- the service's JSON

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

    def to_json(self, *, energy_unit: str | u.UnitBase = "Hz") -> dict[str, list[float]]:
        """Return the curve in the service's form, plain lists of numbers.

        Parameters
        ----------
        energy_unit : str or unit, optional
            Unit of ``neutrino_energy``. The service states none and draws it on the axis of
            frequencies, which is why it is Hz here.

        Returns
        -------
        dict
            ``nu``, ``nuFnu``, and for hadronic models ``neutrino_energy`` and ``eFe_nu_tot``.
        """
        curve = {
            "nu": self.nu.to_value(u.Hz).tolist(),
            "nuFnu": self.nuFnu.to_value(NUFNU).tolist(),
        }
        if self.neutrino_energy is not None and self.neutrino_flux is not None:
            energy = self.neutrino_energy
            if isinstance(energy, u.Quantity):
                energy = energy.to_value(u.Unit(energy_unit), u.spectral())
            curve["neutrino_energy"] = np.asarray(energy).tolist()
            curve["eFe_nu_tot"] = self.neutrino_flux.to_value(NUFNU).tolist()
        return curve

    # ---------------------------------------------------------------- LaTeX

    def to_latex(self) -> str:
        """Return the parameters as a table for a paper.

        Raises
        ------
        InvalidRequestError
            The spectrum does not know its parameters.
        """
        from astroquery_mmdc.modeling.latex import latex_table

        query = self.meta.get("mmdc", {}).get("query", {})
        parameters = self.meta.get("parameters") or query.get("parameters")
        if not parameters:
            msg = "spectrum: it does not know its parameters; call to_latex() of the model"
            raise InvalidRequestError(msg, parameter="spectrum")
        redshift = self.meta.get("redshift") or query.get("z")
        return latex_table(self.meta["model_type"], parameters, redshift=redshift)


def particles(gamma: Any, density: Any, **meta: Any) -> Table:
    """Return a table of particles; rows without any are left out."""
    gamma, density = np.asarray(gamma), np.asarray(density)
    there = density > 0
    columns = {"gamma": gamma[there], "density": density[there] * u.cm**-3}
    return QTable(columns, meta=meta)
