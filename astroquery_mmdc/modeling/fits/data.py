"""The points of an SED as a fit takes them: plain arrays, and words for what was left out."""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from astropy import units as u
from astropy.table import QTable, Table
from numpy.typing import NDArray

from astroquery_mmdc.exceptions import IncompleteResultWarning, InputWarning, InvalidRequestError
from astroquery_mmdc.modeling.fits.data_checks import advice, binned
from astroquery_mmdc.modeling.fits.data_columns import Columns, Points, read_columns
from astroquery_mmdc.schema.units import NUFNU, spectral_to

__all__ = ["FitData", "prepare"]

Array = NDArray[np.float64]

LN10 = float(np.log(10.0))

_DEFAULT_NU_MIN = 1e11 * u.Hz


@dataclass(frozen=True, slots=True, eq=False)
class FitData(Points):
    """Points to fit, by rising frequency; made by `prepare`.

    Parameters
    ----------
    nu, flux, error_low, error_high, is_limit, is_unabsorbed, catalog, systematic
        As of `~astroquery_mmdc.modeling.fits.data_columns.Points`; errors are 0 for a limit
        without any.
    notes : tuple of str
        What was left out or changed, and what to beware of.
    """

    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.nu)

    @property
    def log_flux(self) -> Array:
        """log10 of the flux."""
        return np.asarray(np.log10(self.flux))

    @property
    def sigma_low(self) -> Array:
        """One-sigma errors downwards [dex], to first order."""
        return self.error_low / (self.flux * LN10)

    @property
    def sigma_high(self) -> Array:
        """One-sigma errors upwards [dex], to first order."""
        return self.error_high / (self.flux * LN10)

    @property
    def detections(self) -> int:
        """The number of points that are no limits."""
        return int(np.sum(~self.is_limit))

    @property
    def digest(self) -> str:
        """Fingerprint of the numbers, for the provenance of a result."""
        total = hashlib.sha256()
        for values in (self.nu, self.flux, self.error_low, self.error_high, self.systematic):
            total.update(np.ascontiguousarray(values, dtype="<f8").tobytes())
        total.update(np.packbits(np.concatenate([self.is_limit, self.is_unabsorbed])).tobytes())
        total.update("\n".join(self.catalog).encode())
        return total.hexdigest()

    def table(self) -> QTable:
        """Return the points as a table with units."""
        return QTable(
            {
                "nu": self.nu * u.Hz,
                "nufnu": self.flux * NUFNU,
                "nufnu_err": 0.5 * (self.error_low + self.error_high) * NUFNU,
                "nufnu_errn": self.error_low * NUFNU,
                "nufnu_errp": self.error_high * NUFNU,
                "is_upper_limit": self.is_limit,
                "is_unabsorbed": self.is_unabsorbed,
                "catalog": np.array(self.catalog, dtype=str),
                "systematic": self.systematic,
            },
            meta={"notes": list(self.notes), "sha256": self.digest},
        )

    @classmethod
    def from_table(cls, table: Table) -> FitData:
        """Return the points of a table that `table` made."""
        flux = {name: np.asarray(table[name].value) for name in ("nufnu_errn", "nufnu_errp")}
        return cls(
            np.asarray(table["nu"].value, dtype=float),
            np.asarray(table["nufnu"].value, dtype=float),
            flux["nufnu_errn"],
            flux["nufnu_errp"],
            np.asarray(table["is_upper_limit"], dtype=bool),
            np.asarray(table["is_unabsorbed"], dtype=bool),
            tuple(str(name) for name in table["catalog"]),
            np.asarray(table["systematic"], dtype=float),
            tuple(table.meta.get("notes", ())),
        )


def prepare(
    source: Any,
    *,
    nu_min: u.Quantity | None = _DEFAULT_NU_MIN,
    nu_max: u.Quantity | None = None,
    catalogs: str | Iterable[str] | None = None,
    exclude: str | Iterable[str] | None = None,
    mjd_min: float | None = None,
    mjd_max: float | None = None,
    upper_limits: bool = True,
    frame: Literal["observed", "source"] = "observed",
    redshift: float | None = None,
    bin_dex: float | None = None,
    systematics: Mapping[str, float] | None = None,
    warn: bool = True,
) -> FitData:
    """Return the points of an SED as a fit takes them.

    Parameters
    ----------
    source : SED, Table, path or FitData
        Columns ``nu``, ``nufnu``, ``nufnu_err`` with units, those that an `SED` may have besides
        (``nufnu_errn``, ``nufnu_errp``, ``is_upper_limit``, ``catalog``, ``mjd_start``,
        ``mjd_end``, ``corrections``) and ``systematic``, the relative systematic error of each
        point; or a CSV in one of the service's forms.
    nu_min, nu_max : `~astropy.units.Quantity` or None
        Frequencies, energies or wavelengths between which points count. Below 1e11 Hz blazars
        shine from further out than one zone, and are left out unless `nu_min` says otherwise.
    catalogs, exclude : str or iterable of str, optional
        Catalogues that count, and those that do not.
    mjd_min, mjd_max : float, optional
        Points whose middle lies in this time count; those without a date do not.
    upper_limits : bool, optional
        Whether upper limits count.
    frame : str, optional
        ``"source"``: the frequencies are those at the source, which needs `redshift`.
    redshift : float, optional
        Redshift of the source.
    bin_dex : float, optional
        Width of bins of frequency [dex] in which the detections of each catalogue are averaged.
    systematics : mapping, optional
        Relative systematic error by catalogue.
    warn : bool, optional
        Whether to warn of what was left out; it is in ``notes`` in any case.

    Returns
    -------
    FitData

    Raises
    ------
    InvalidRequestError
        A column is missing or has no unit, or nothing is left to fit.
    """
    if isinstance(source, FitData):
        return source
    columns = read_columns(source)
    notes: list[str] = []
    if frame == "source":
        columns = _observed(columns, redshift)
    elif frame != "observed":
        msg = f"frame: {frame!r} is unknown; use 'observed' or 'source'"
        raise InvalidRequestError(msg, parameter="frame")
    chosen = _window(columns, _hertz(nu_min, "nu_min", 0.0), _hertz(nu_max, "nu_max", np.inf))
    chosen &= _from_catalogs(columns, catalogs, exclude) & _in_time(columns, mjd_min, mjd_max)
    chosen &= upper_limits | ~columns.is_limit
    columns = _usable(columns.rows(chosen), notes)
    notes += advice(columns)
    if bin_dex is not None:
        columns = binned(columns, bin_dex)
    data = _with_systematics(_as_data(columns), systematics)
    if warn:
        for note in notes:
            kind = IncompleteResultWarning if "left out" in note else InputWarning
            warnings.warn(note, kind, stacklevel=3)
    return replace(data, notes=tuple(notes))


def _hertz(value: Any, name: str, default: float) -> float:
    if value is None:
        return default
    if not isinstance(value, u.Quantity):
        msg = f"{name}: {value!r} has no unit; give a Quantity, such as 1e11*u.Hz"
        raise InvalidRequestError(msg, parameter=name)
    try:
        return float(spectral_to(value, "Hz").value)
    except (u.UnitConversionError, ValueError) as err:
        msg = f"{name}: {value} is neither a frequency, an energy nor a wavelength"
        raise InvalidRequestError(msg, parameter=name) from err


def _observed(columns: Columns, redshift: float | None) -> Columns:
    if redshift is None:
        msg = "redshift: frame='source' needs it to find the observed frequencies; give redshift="
        raise InvalidRequestError(msg, parameter="redshift")
    return replace(columns, nu=columns.nu / (1.0 + redshift))


def _window(columns: Columns, low: float, high: float) -> NDArray[np.bool_]:
    if low > high:
        msg = f"nu_min: {low:.4g} Hz is above nu_max, {high:.4g} Hz; exchange them"
        raise InvalidRequestError(msg, parameter="nu_min")
    return np.asarray((columns.nu >= low) & (columns.nu <= high))


def _from_catalogs(columns: Columns, catalogs: Any, exclude: Any) -> NDArray[np.bool_]:
    names = np.array(columns.catalog, dtype=str)
    chosen = np.ones(len(names), dtype=bool)
    if catalogs is not None:
        chosen &= np.isin(names, _known(catalogs, names, "catalogs"))
    if exclude is not None:
        chosen &= ~np.isin(names, _known(exclude, names, "exclude"))
    return chosen


def _known(wanted: Any, names: Any, parameter: str) -> list[str]:
    wanted = [wanted] if isinstance(wanted, str) else list(wanted)
    there = sorted(set(names.tolist()))
    for name in wanted:
        if name not in there:
            msg = f"{parameter}: no point is of {name!r}; there are {', '.join(map(repr, there))}"
            raise InvalidRequestError(msg, parameter=parameter)
    return wanted


def _in_time(columns: Columns, low: float | None, high: float | None) -> NDArray[np.bool_]:
    if low is None and high is None:
        return np.ones(len(columns.nu), dtype=bool)
    middle = 0.5 * (columns.mjd_start + columns.mjd_end)
    low, high = -np.inf if low is None else float(low), np.inf if high is None else float(high)
    return np.asarray((middle >= low) & (middle <= high))


def _usable(columns: Columns, notes: list[str]) -> Columns:
    """Leave out what says nothing, and count it."""
    n_chosen = len(columns.nu)
    there = np.isfinite(columns.nu) & np.isfinite(columns.flux)
    positive = columns.flux > 0
    width = (columns.error_low > 0) & (columns.error_high > 0)
    columns, kept = _without(columns, there, "has no flux", "have no flux", notes)
    positive, width = positive[kept], width[kept]
    way_out = "; a limit says more: set is_upper_limit and give flux + 2 sigma"
    columns, kept = _without(
        columns, positive, "has a flux not above 0", "have a flux not above 0", notes, way_out
    )
    width = width[kept] | columns.is_limit
    way_out = "; give errors, or leave it so"
    columns, _ = _without(columns, width, "has no error", "have no error", notes, way_out)
    if not len(columns.nu):
        msg = f"sed: none of {n_chosen} chosen points can be fitted"
        msg += f" ({'; '.join(notes)})" if notes else "; widen nu_min, catalogs or the time"
        raise InvalidRequestError(msg, parameter="sed")
    if columns.is_limit.all():
        msg = (
            f"sed: all {len(columns.nu)} points are upper limits, which any faint model fulfils; "
            "a fit needs detections"
        )
        raise InvalidRequestError(msg, parameter="sed")
    return columns


def _without(
    columns: Columns,
    kept: NDArray[np.bool_],
    one: str,
    several: str,
    notes: list[str],
    way_out: str = "",
) -> tuple[Columns, NDArray[np.bool_]]:
    dropped = int(np.sum(~kept))
    if dropped:
        text = one if dropped == 1 else several
        verb = "is" if dropped == 1 else "are"
        notes.append(f"{dropped} of {len(kept)} points {text} and {verb} left out{way_out}")
    return columns.rows(kept), kept


def _as_data(columns: Columns) -> FitData:
    order = np.argsort(columns.nu, kind="stable")
    columns = columns.rows(order)
    with_error = ~columns.is_limit | ((columns.error_low > 0) & (columns.error_high > 0))
    return FitData(
        nu=columns.nu,
        flux=columns.flux,
        error_low=np.where(with_error, columns.error_low, 0.0),
        error_high=np.where(with_error, columns.error_high, 0.0),
        is_limit=columns.is_limit,
        is_unabsorbed=columns.is_unabsorbed,
        catalog=columns.catalog,
        systematic=columns.systematic,
    )


def _with_systematics(data: FitData, systematics: Mapping[str, float] | None) -> FitData:
    if not systematics:
        return data
    names = np.array(data.catalog, dtype=str)
    values = data.systematic.copy()
    for name in _known(list(systematics), names, "systematics"):
        value = float(systematics[name])
        if not 0 <= value < 10:
            msg = f"systematics: {name} has {value}; give a relative error, such as 0.1"
            raise InvalidRequestError(msg, parameter="systematics")
        values[names == name] = value
    return replace(data, systematic=values)
