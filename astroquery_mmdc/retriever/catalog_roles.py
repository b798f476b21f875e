"""Which column of a catalogue is what."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from astroquery_mmdc.exceptions import InvalidRequestError
from astroquery_mmdc.retriever.catalog_formats import degrees

if TYPE_CHECKING:
    from astropy.table import Table

    from astroquery_mmdc.retriever.catalog_parameters import ParsCatalog

__all__ = ["Roles"]

# What columns are called where the parameters were left at their defaults.
_SYNONYMS: Mapping[str, tuple[str, ...]] = {
    "name_column": ("source_name", "main_id", "object", "source", "id", "source_id"),
    "ra_column": ("raj2000", "_raj2000", "ra_icrs", "ra_deg", "_ra", "ra_j2000"),
    "dec_column": ("dej2000", "_dej2000", "decj2000", "de_icrs", "dec_deg", "_de", "dec_j2000"),
}
_DEFAULTS = {
    "name_column": "name",
    "ra_column": "ra",
    "dec_column": "dec",
    "mag_column": "mag",
    "mag_error_column": "magerr",
}
_REQUIRED = ("name_column", "ra_column", "dec_column")
_OPTIONAL = (
    "pm_ra_column",
    "pm_dec_column",
    "mag_column",
    "mag_error_column",
    "alias_column",
)


@dataclass(frozen=True, slots=True)
class Roles:
    """The columns of a catalogue, by what they mean.

    Parameters
    ----------
    table : `~astropy.table.Table`
        The catalogue.
    columns : dict
        Name of a parameter of `ParsCatalog` to the name of the column, None if there is none.
    """

    table: Table
    columns: dict[str, str | None]
    _numbers: dict[str, NDArray[np.float64]] = field(default_factory=dict)

    @classmethod
    def of(cls, table: Table, pars: ParsCatalog) -> Roles:
        """Find the columns that the parameters name.

        Raises
        ------
        InvalidRequestError
            A column that is needed, or was asked for, is not there.
        """
        required = {key: _find(table, key, pars[key], required=True) for key in _REQUIRED}
        optional = {key: _find(table, key, pars[key], required=False) for key in _OPTIONAL}
        return cls(table, {**required, **optional})

    @property
    def names(self) -> NDArray[Any]:
        """Names as they are in the file: integers or texts."""
        values = np.asarray(self.table[self.columns["name_column"]])
        if values.dtype.kind == "S":
            values = np.char.decode(values, "utf-8")
        if values.dtype.kind == "f":
            # Written by a program that knew no missing integers.
            values = np.asarray([f"{value:.0f}" if value == value else "" for value in values])
        return values if values.dtype.kind in "iu" else np.char.strip(values.astype(str))

    def angles(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Longitudes and latitudes in degrees."""
        ra, dec = (self.table[self.columns[key]] for key in ("ra_column", "dec_column"))
        return degrees(ra, is_hours=True), degrees(dec)

    def motions(self) -> tuple[NDArray[np.float64], NDArray[np.float64]] | None:
        """Proper motions in mas/yr, None if there are none; zero where it is not known."""
        keys = [self.columns[key] for key in ("pm_ra_column", "pm_dec_column")]
        if None in keys:
            return None
        first, second = (self._motion(str(key)) for key in keys)
        return first, second

    def _motion(self, name: str) -> NDArray[np.float64]:
        from astropy import units as u

        unit = getattr(self.table[name], "unit", None)
        factor = (
            unit.to(u.mas / u.yr) if unit is not None and unit.is_equivalent(u.mas / u.yr) else 1
        )
        return np.nan_to_num(self.number(name) * factor, nan=0.0)

    def number(self, name: str) -> NDArray[np.float64]:
        """Return a column of numbers, NaN where they are missing."""
        if name not in self._numbers:
            column = self.table[name]
            values = np.ma.filled(np.ma.asarray(column, dtype=np.float64), np.nan)
            self._numbers[name] = np.asarray(values, dtype=np.float64)
        return self._numbers[name]

    def magnitude(
        self, index: int, pars: ParsCatalog, preferred: str | None = None
    ) -> dict[str, Any]:
        """Return ``mag``, ``mag_err`` and ``mag_filter`` of a row."""
        mag, error = self.columns["mag_column"], self.columns["mag_error_column"]
        filter_name = pars.mag_filter_name
        if preferred is not None and preferred != filter_name:
            mag, error = self._mapped(pars, preferred)
            filter_name = preferred
        return {
            "mag": self._value(mag, index),
            "mag_err": self._value(error, index),
            "mag_filter": filter_name if mag else None,
        }

    def _mapped(self, pars: ParsCatalog, preferred: str) -> tuple[str, str | None]:
        columns = {key.lower(): name for key, name in pars.mag_to_column_map.items()}
        errors = {key.lower(): name for key, name in pars.mag_to_error_column_map.items()}
        name = columns.get(preferred.lower())
        if name is None or name not in self.table.colnames:
            msg = (
                f"preferred_mag: the catalogue has no {preferred!r}; it has "
                f"{[pars.mag_filter_name, *columns]}, more can be named in mag_to_column_map"
            )
            raise InvalidRequestError(msg, parameter="preferred_mag")
        return name, errors.get(preferred.lower())

    def _value(self, name: str | None, index: int) -> float | None:
        value = float(self.number(name)[index]) if name else float("nan")
        return value if np.isfinite(value) else None

    def alias(self, index: int) -> str | None:
        """Return the other name of a row."""
        name = self.columns["alias_column"]
        if name is None:
            return None
        value = self.table[name][index]
        text = value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
        return None if value is np.ma.masked or not text.strip() else text.strip()


def _find(table: Table, key: str, wanted: str | None, *, required: bool) -> str | None:
    if wanted is None:
        return None
    if wanted in table.colnames:
        return wanted
    lower = {name.lower(): name for name in reversed(table.colnames)}
    is_default = wanted == _DEFAULTS.get(key)
    candidates = (wanted.lower(), *(_SYNONYMS.get(key, ()) if is_default else ()))
    found = next((lower[name] for name in candidates if name in lower), None)
    if found is None and (required or not is_default):
        msg = f"{key}: the catalogue has no column {wanted!r}, only {table.colnames}; name another"
        raise InvalidRequestError(msg, parameter=key)
    return found
