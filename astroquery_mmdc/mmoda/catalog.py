"""Catalogues of sources: out of an image, filtered as tables, and back into a request."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from astropy import units as u
from astropy.table import Column, MaskedColumn, QTable, Table

from astroquery_mmdc.exceptions import InvalidRequestError
from astroquery_mmdc.mmoda.products import Product
from astroquery_mmdc.mmoda.table_units import unit_from_text
from astroquery_mmdc.schema.source_catalog import SourceCatalog, plain_values, type_of

if TYPE_CHECKING:
    from astropy.coordinates import SkyCoord

__all__ = ["DispatcherCatalog"]


@dataclass(slots=True, eq=False, kw_only=True)
class DispatcherCatalog(Product):
    """Sources that a dispatcher found or is asked for.

    Parameters
    ----------
    table : `~astropy.table.QTable`
        One row for each source. Assign a filtered table to send only those rows.
    frame : str or None
        Frame of the coordinates, for example ``"fk5"``.
    coord_units : str or None
        Their unit, for example ``"deg"``.
    lon_name, lat_name : str or None
        The columns of the coordinates.
    described : dict
        Type of each column as the dispatcher wrote it.
    """

    table: QTable
    frame: str | None = None
    coord_units: str | None = None
    lon_name: str | None = None
    lat_name: str | None = None
    described: dict[str, Any]

    @classmethod
    def from_api(
        cls, catalog: Mapping[str, Any] | str, *, name: str | None = "dispatcher_catalog"
    ) -> DispatcherCatalog:
        """Read a catalogue in the form that dispatchers send and take.

        Parameters
        ----------
        catalog : mapping or str
            A dictionary, or its JSON text.
        name : str, optional
            Name of the product.

        Raises
        ------
        ParseError
            The columns do not fit together; the message says which.
        """
        said = SourceCatalog.read(catalog)
        unit = unit_from_text(said.coord_units)
        table = QTable(meta=dict(said.meta))
        for column_name, values in said.columns.items():
            column = _column(column_name, values)
            is_sky = column_name in (said.lon_name, said.lat_name)
            is_angle = unit is not None and is_sky and column.dtype.kind in "iuf"
            table[column_name] = u.Quantity(column, unit) if is_angle else column
        return cls(
            name=name,
            table=table,
            frame=said.frame,
            coord_units=said.coord_units,
            lon_name=said.lon_name,
            lat_name=said.lat_name,
            described=dict(said.types),
        )

    @classmethod
    def from_table(
        cls,
        table: Table,
        *,
        frame: str = "fk5",
        lon_name: str = "ra",
        lat_name: str = "dec",
        name: str | None = "dispatcher_catalog",
    ) -> DispatcherCatalog:
        """Make a catalogue from a table of your own.

        Parameters
        ----------
        table : `~astropy.table.Table`
            One row for each source.
        frame : str, optional
            Frame of the coordinates.
        lon_name, lat_name : str, optional
            The columns of the coordinates; without a unit they are degrees.
        name : str, optional
            Name of the product.
        """
        for parameter, column in (("lon_name", lon_name), ("lat_name", lat_name)):
            if column not in table.colnames:
                msg = f"{parameter}: no column {column!r} among {table.colnames}"
                raise InvalidRequestError(msg, parameter=parameter)
        own = QTable(table, copy=True)
        for column in (lon_name, lat_name):
            own[column] = u.Quantity(own[column], own[column].unit or u.deg).to(u.deg)
        return cls(
            name=name,
            table=own,
            frame=frame,
            coord_units="deg",
            lon_name=lon_name,
            lat_name=lat_name,
            described={},
        )

    @property
    def coordinates(self) -> SkyCoord:
        """Positions of the sources.

        Raises
        ------
        InvalidRequestError
            The catalogue was sent without saying which columns are coordinates.
        """
        from astropy.coordinates import SkyCoord

        if not self.lon_name or not self.lat_name:
            msg = f"catalogue {self.name!r}: it does not say which columns are coordinates"
            raise InvalidRequestError(msg, parameter="coordinates")
        lon, lat = self.table[self.lon_name], self.table[self.lat_name]
        return SkyCoord(lon, lat, frame=self.frame or "icrs")

    def to_api(self) -> dict[str, Any]:
        """Return the dictionary that a request takes as ``selected_catalog``."""
        names = self.table.colnames
        meta = {key: value for key, value in self.table.meta.items() if not key.startswith("__")}
        return SourceCatalog(
            columns={name: self._values(name) for name in names},
            types={name: self._type(name) for name in names},
            frame=self.frame,
            coord_units=self.coord_units,
            lon_name=self.lon_name,
            lat_name=self.lat_name,
            meta=meta,
        ).as_json()

    def get_api_dictionary(self) -> str:
        """Return the JSON text that a request takes as ``selected_catalog``."""
        return json.dumps(self.to_api(), allow_nan=False)

    @property
    def extension(self) -> str:
        """Ending of the file: a table as text, with units."""
        return "ecsv"

    @property
    def shown_meta(self) -> Any:
        """Nothing: a catalogue comes without metadata."""
        return ""

    def _write_to(self, path: Path) -> None:
        self.table.write(path)

    def _values(self, name: str) -> list[Any]:
        """Return a column as JSON has it: what is missing or no number is null."""
        column = self.table[name]
        if isinstance(column, u.Quantity):
            column = column.to_value(self._unit(name) or column.unit)
        return plain_values(column)

    def _unit(self, name: str) -> u.UnitBase | None:
        """Return the unit that the dictionary states for a column: only coordinates have one."""
        sky = (self.lon_name, self.lat_name)
        return unit_from_text(self.coord_units) if name in sky else None

    def _type(self, name: str) -> Any:
        """Return the type of a column as it was written; texts may have become longer."""
        column = self.table[name]
        now = type_of(column)
        before = self.described.get(name)
        return now if before is None or column.dtype.kind in "US" else before


# ---------------------------------------------------------------- reading


def _column(name: str, values: list[Any]) -> Any:
    """Return a column; numbers with gaps are masked, mixed values stay objects."""
    mask = [value is None for value in values]
    if not any(mask):
        return Column(_array(values), name=name)
    known = [value for value in values if value is not None]
    data = _array(known) if known else np.empty(0)
    filled = np.ma.masked_all(len(values), dtype=data.dtype)
    filled[~np.array(mask)] = data
    return MaskedColumn(filled, name=name)


def _array(values: list[Any]) -> Any:
    """Return an array that changes no value: numbers and texts in one column stay objects."""
    kinds = {type(value) for value in values}
    same = len(kinds) <= 1 or kinds <= {int, float}
    array = np.array(values, dtype=None if same else object)
    exact = array.dtype.kind == "O" or kinds != {int, float} or array.tolist() == values
    return array if exact else np.array(values, dtype=object)
