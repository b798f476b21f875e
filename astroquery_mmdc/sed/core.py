"""`SED`: a table of spectral energy distribution points with units, masks, dates and references."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from astropy.io import registry
from astropy.table import Column, MaskedColumn, QTable
from astropy.time import Time

from astroquery_mmdc.exceptions import InvalidRequestError
from astroquery_mmdc.schema import provenance
from astroquery_mmdc.schema.units import nufnu_to, spectral_to
from astroquery_mmdc.sed.build import complete, filled
from astroquery_mmdc.sed.files import SEDRead, SEDWrite
from astroquery_mmdc.sed.selection import selection_mask
from astroquery_mmdc.sed.windows import window_mask

if TYPE_CHECKING:
    from astroquery_mmdc.sed.epochs import Epoch

__all__ = ["SED"]


class SED(QTable):
    """A spectral energy distribution: one row for each measurement.

    A `~astropy.table.QTable` with these columns, in this order; what is not known is masked:
    ``nu`` [Hz], ``nufnu`` and ``nufnu_err`` [erg s-1 cm-2], ``is_upper_limit``, ``mjd_start`` and
    ``mjd_end`` [d, UTC], ``undated``, ``catalog``, ``band``, ``reference``. It may have more:
    ``nufnu_errn``, ``nufnu_errp``, ``nu_min``, ``nu_max``, ``instrument``, ``bibcode``,
    ``corrections``, and columns of your own.

    Parameters
    ----------
    data : mapping, `~astropy.table.Table`, or anything else that QTable takes
        ``nu`` and ``nufnu`` with units; ``nu`` may be an energy or a wavelength. Missing columns
        are added: no error, a detection, no date, the part of the spectrum from ``nu``. A list of
        columns is taken as it is.
    *args, **kwargs
        As for `~astropy.table.QTable`.

    Raises
    ------
    InvalidRequestError
        ``nu`` or ``nufnu`` is missing, or a column has no unit or a wrong one.

    Notes
    -----
    ``meta["mmdc"]`` says where the points come from, ``meta["source"]`` what they belong to
    (``name``, ``ra``, ``dec``, ``redshift``). Several columns,
    ``sed["nu", "nufnu"]``, are a QTable.

    Examples
    --------
    >>> from astropy import units as u
    >>> from astroquery_mmdc import SED
    >>> sed = SED({"nu": [1.4e9, 2.4e17] * u.Hz, "nufnu": [1e-14, 1e-10] * u.Unit("erg s-1 cm-2")})
    >>> sed["band"].tolist()
    ['radio_waves', 'x_rays']
    """

    read = registry.UnifiedReadWriteMethod(SEDRead)
    write = registry.UnifiedReadWriteMethod(SEDWrite)

    def __init__(self, data: Any = None, *args: Any, **kwargs: Any) -> None:
        super().__init__(data, *args, **kwargs)
        # Astropy makes groups, joins and rows from lists of columns, which need not be whole SEDs.
        if self.colnames and not isinstance(data, list | SED):
            complete(self)

    def __getitem__(self, item: Any) -> Any:
        if isinstance(item, list | tuple) and item and all(isinstance(name, str) for name in item):
            return QTable(self, copy=False)[list(item)]
        return super().__getitem__(item)

    @classmethod
    def from_columns(
        cls,
        *,
        nu: Any,
        nufnu: Any,
        source: Mapping[str, Any] | None = None,
        meta: Mapping[str, Any] | None = None,
        **columns: Any,
    ) -> SED:
        """Make an SED from arrays.

        Parameters
        ----------
        nu : `~astropy.units.Quantity`
            Frequency, energy or wavelength.
        nufnu : `~astropy.units.Quantity`
            nu F_nu.
        source : mapping, optional
            ``name``, ``ra``, ``dec``, ``redshift``; goes into ``meta["source"]``.
        meta : mapping, optional
            Other meta data.
        **columns
            Other columns; one value stands for all rows. ``mjd_start`` and ``mjd_end`` are MJDs
            or `~astropy.time.Time`.

        Returns
        -------
        SED

        Examples
        --------
        >>> from astropy import units as u
        >>> sed = SED.from_columns(nu=[1, 10] * u.keV, nufnu=[2e-11, 1e-11] * u.Unit("erg/(s cm2)"),
        ...                        catalog="mine", source={"name": "Mrk 421"})
        >>> print(sed["nu"][0].to_string(precision=4))
        2.418e+17 Hz
        """
        size = len(nu)
        spread = {name: _spread(value, size) for name, value in columns.items()}
        sed = cls({"nu": nu, "nufnu": nufnu, **spread}, meta=dict(meta or {}))
        if source is not None:
            sed.meta["source"] = dict(source)
        return sed

    # ------------------------------------------------------------------ facts

    @property
    def source(self) -> dict[str, Any]:
        """What is known about the source: ``name``, ``ra``, ``dec`` in degrees, ``redshift``."""
        return dict(self.meta.get("source") or {})

    @property
    def redshift(self) -> float | None:
        """Redshift of the source; None where it is not known."""
        value = self.source.get("redshift")
        return None if value is None else float(value)

    @property
    def time_start(self) -> Time:
        """Start of each measurement, UTC; masked where there is no date."""
        return _as_time(self["mjd_start"])

    @property
    def time_end(self) -> Time:
        """End of each measurement, UTC; masked where there is no date."""
        return _as_time(self["mjd_end"])

    # ------------------------------------------------------------------ selections

    @property
    def detections(self) -> SED:
        """The rows that are no upper limits."""
        return self[~self._flags("is_upper_limit")]

    @property
    def upper_limits(self) -> SED:
        """The rows that are upper limits."""
        return self[self._flags("is_upper_limit")]

    def between(
        self,
        start: Any = None,
        end: Any = None,
        *,
        rule: str = "midpoint",
        undated: bool | None = None,
    ) -> SED:
        """Return the points of a window of time.

        Parameters
        ----------
        start, end : `~astropy.time.Time`, float, Quantity or str, optional
            The window, both ends included; numbers are MJD (UTC). Without an end it is open.
        rule : str, optional
            ``"midpoint"``: the middle of a measurement lies in the window (as the service does
            it); ``"overlap"``: a part of it; ``"contained"``: all of it.
        undated : bool, optional
            Whether points without a date are kept; by default only where no window is given.

        Returns
        -------
        SED
            ``meta["mmdc"]["window"]`` holds the rule and how many points were kept, straddle an
            end of the window, have no date, or lie outside.

        Examples
        --------
        >>> from astropy import units as u
        >>> sed = SED.from_columns(nu=[1, 2] * u.keV, nufnu=[1, 1] * u.Unit("erg/(s cm2)"),
        ...                        mjd_start=[58000.0, 58010.0], mjd_end=[58001.0, 58020.0])
        >>> window = sed.between(58000, 58012).meta["mmdc"]["window"]
        >>> window["kept"], window["straddling"]
        (1, 1)
        """
        first, last = filled(self["mjd_start"]), filled(self["mjd_end"])
        mask, window = window_mask(first, last, start, end, rule=rule, undated=undated)
        result = self[mask]
        # Slices share their meta one level deep; the original must not learn of the window.
        result.meta["mmdc"] = {**self.meta.get("mmdc", {}), "window": window.as_dict()}
        return result

    def select(
        self,
        catalogs: str | Iterable[str] | None = None,
        exclude: str | Iterable[str] | None = None,
        bands: str | Iterable[str] | None = None,
        nu_min: Any = None,
        nu_max: Any = None,
        upper_limits: bool | None = None,
    ) -> SED:
        """Return the points that fulfil every condition that is given.

        Parameters
        ----------
        catalogs, exclude : str or iterable of str, optional
            Catalogue codes to keep, and to drop.
        bands : str or iterable of str, optional
            Parts of the spectrum, such as ``"x_rays"``.
        nu_min, nu_max : `~astropy.units.Quantity`, optional
            Frequency, energy or wavelength of the ends, both included.
        upper_limits : bool, optional
            True keeps upper limits only, False detections only.

        Returns
        -------
        SED

        Examples
        --------
        >>> from astropy import units as u
        >>> sed = SED.from_columns(nu=[1, 2] * u.keV, nufnu=[1, 1] * u.Unit("erg/(s cm2)"))
        >>> len(sed.select(nu_min=1.5 * u.keV))
        1
        """
        mask = selection_mask(
            self,
            catalogs=catalogs,
            exclude=exclude,
            bands=bands,
            nu_min=nu_min,
            nu_max=nu_max,
            upper_limits=upper_limits,
        )
        return self[mask]

    def epochs(self, **options: Any) -> list[Epoch]:
        """Return quasi-simultaneous windows, best covered first; options as of `find_epochs`.

        Examples
        --------
        >>> from astropy import units as u
        >>> sed = SED.from_columns(nu=[5e14, 2e17] * u.Hz, nufnu=[1, 1] * u.Unit("erg/(s cm2)"),
        ...                        mjd_start=[58000.0, 58001.0], mjd_end=[58000.0, 58001.0])
        >>> sed.epochs(min_points=2)[0].bands
        ('visible', 'x_rays')
        """
        from astroquery_mmdc.sed.epochs import find_epochs

        return find_epochs(self, **options)

    def epoch(self, epoch: Epoch | int = 0, **options: Any) -> SED:
        """Return the points of one epoch.

        Parameters
        ----------
        epoch : Epoch or int, optional
            One of `epochs`, or its place there; 0 is the best covered one.
        **options
            For `find_epochs`, where a place is given.

        Returns
        -------
        SED

        Examples
        --------
        >>> from astropy import units as u
        >>> sed = SED.from_columns(nu=[1, 2] * u.keV, nufnu=[1, 1] * u.Unit("erg/(s cm2)"),
        ...                        mjd_start=[58000.0, 59000.0], mjd_end=[58000.0, 59000.0])
        >>> len(sed.epoch(min_points=1))
        1
        """
        if not isinstance(epoch, int):
            return epoch.select(self)
        found = self.epochs(**options)
        if not -len(found) <= epoch < len(found):
            msg = f"epoch: {epoch} is not there, {len(found)} found; widen gap or lower min_points"
            raise InvalidRequestError(msg, parameter="epoch")
        return found[epoch].select(self)

    # ------------------------------------------------------------------ other forms

    def converted(
        self, x: Any = "Hz", y: Any = "erg cm-2 s-1", *, website_compatible: bool = False
    ) -> QTable:
        """Return the points in other units.

        Parameters
        ----------
        x, y : str or unit, optional
            Any unit of the spectral axis (Hz, eV, Angstrom), and of the flux axis (nuFnu, flux
            density, or ``"dN/dE"``).
        website_compatible : bool, optional
            Use the rounded constants of the service's web page.

        Returns
        -------
        `~astropy.table.QTable`
            ``x``, ``y``, ``y_err``, and ``y_errn``, ``y_errp`` where the errors are asymmetric.

        Examples
        --------
        >>> from astropy import units as u
        >>> sed = SED.from_columns(nu=[1e15] * u.Hz, nufnu=[1e-11] * u.Unit("erg/(s cm2)"))
        >>> print(sed.converted("eV", "mJy")["y"][0])
        1.0 mJy
        """
        names = {"nufnu": "y", "nufnu_err": "y_err", "nufnu_errn": "y_errn", "nufnu_errp": "y_errp"}
        nu = filled(self["nu"]) << self["nu"].unit
        table = QTable({"x": spectral_to(self["nu"], x)}, meta=self.meta)
        for name, new in names.items():
            if name in self.colnames:
                column = self[name]
                table[new] = nufnu_to(column, nu, y, website_compatible=website_compatible)
        return table

    def unmasked(self) -> QTable:
        """Return a QTable without masks: NaN and "" stand for what is not known.

        Examples
        --------
        >>> from astropy import units as u
        >>> sed = SED.from_columns(nu=[1e15] * u.Hz, nufnu=[1e-11] * u.Unit("erg/(s cm2)"))
        >>> print(sed.unmasked()["nufnu_err"][0])
        nan erg / (s cm2)
        """
        return QTable({name: _plain(self[name]) for name in self.colnames}, meta=self.meta)

    def to_csv(self, path: str | Path | None = None, *, overwrite: bool = False) -> str:
        """Return the points as CSV in the service's form, and write them where a path is given.

        Examples
        --------
        >>> from astropy import units as u
        >>> sed = SED.from_columns(nu=[1e15] * u.Hz, nufnu=[1e-11] * u.Unit("erg/(s cm2)"))
        >>> print(sed.to_csv().splitlines()[1])
        1000000000000000.0,1e-11,,false,50000.0,50000.0,,ultraviolet,
        """
        from astroquery_mmdc.sed.formats.mmdc_csv import to_text

        if path is not None:
            self.write(path, format="mmdc.csv", overwrite=overwrite)
        return to_text(self)

    def plot(self, **options: Any) -> Any:
        """Draw the points; options as of `astroquery_mmdc.plotting.plot_sed`."""
        from astroquery_mmdc.plotting import plot_sed

        return plot_sed(self, **options)

    def cite(self) -> str:
        """Return BibTeX for the service and for exactly the catalogues in this table.

        Examples
        --------
        >>> from astropy import units as u
        >>> sed = SED.from_columns(nu=[1.4e9] * u.Hz, nufnu=[1e-14] * u.Unit("erg/(s cm2)"),
        ...                        catalog="NVSS")
        >>> print(sed.cite().splitlines()[-2])
          adsurl = {https://ui.adsabs.harvard.edu/abs/1998AJ....115.1693C}
        """
        return provenance.cite(self)

    def _flags(self, name: str) -> Any:
        return np.asarray(self[name], dtype=bool)


def _spread(value: Any, size: int) -> Any:
    """Return one value for each row."""
    if isinstance(value, Time):
        return value if value.shape else Time([value] * size)
    return np.broadcast_to(value, size, subok=True) if np.ndim(value) == 0 else value


def _as_time(column: Any) -> Time:
    values = filled(column)
    missing = np.isnan(values)
    time = Time(np.where(missing, 0.0, values), format="mjd", scale="utc")
    if missing.any():
        time[missing] = np.ma.masked
    return time


def _plain(column: Any) -> Any:
    if hasattr(column, "unit") and column.unit is not None:
        return filled(column) << column.unit
    if isinstance(column, MaskedColumn) and column.dtype.kind in "SU":
        return Column(column.filled(""), description=column.description)
    return column
