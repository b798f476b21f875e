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

from astroquery_mmdc.exceptions import InvalidRequestError, ParseError
from astroquery_mmdc.mmoda.products import Product
from astroquery_mmdc.mmoda.table_units import unit_from_text

if TYPE_CHECKING:
    from astropy.coordinates import SkyCoord

__all__ = ["DispatcherCatalog"]

_MAX_COLUMNS = 1000


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
        said = _read(catalog)
        names, columns = _columns(said)
        unit = unit_from_text(said.get("cat_coord_units"))
        sky = (said.get("cat_lon_name"), said.get("cat_lat_name"))
        table = QTable(meta=dict(said.get("cat_meta") or {}))
        for column_name, values in zip(names, columns, strict=True):
            column = _column(column_name, values)
            is_angle = unit is not None and column_name in sky and column.dtype.kind in "iuf"
            table[column_name] = u.Quantity(column, unit) if is_angle else column
        return cls(
            name=name,
            table=table,
            frame=said.get("cat_frame"),
            coord_units=said.get("cat_coord_units"),
            lon_name=sky[0],
            lat_name=sky[1],
            described=_described(said.get("cat_column_descr")),
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
        names = list(self.table.colnames)
        said = {
            "cat_frame": self.frame,
            "cat_coord_units": self.coord_units,
            "cat_column_list": [self._values(name) for name in names],
            "cat_column_names": names,
            "cat_column_descr": [[name, self._type(name)] for name in names],
            "cat_lat_name": self.lat_name,
            "cat_lon_name": self.lon_name,
        }
        meta = {key: value for key, value in self.table.meta.items() if not key.startswith("__")}
        return {**said, "cat_meta": meta} if meta else said

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
        # Masked entries become None by themselves.
        return [None if value != value else value for value in column.tolist()]

    def _unit(self, name: str) -> u.UnitBase | None:
        """Return the unit that the dictionary states for a column: only coordinates have one."""
        sky = (self.lon_name, self.lat_name)
        return unit_from_text(self.coord_units) if name in sky else None

    def _type(self, name: str) -> Any:
        """Return the type of a column as it was written; texts may have become longer."""
        column = self.table[name]
        now = column.dtype.descr[0][1]
        before = self.described.get(name)
        return now if before is None or column.dtype.kind in "US" else before


# ---------------------------------------------------------------- reading


def _read(catalog: Mapping[str, Any] | str) -> Mapping[str, Any]:
    if isinstance(catalog, str):
        try:
            catalog = json.loads(catalog)
        except (ValueError, RecursionError) as err:
            msg = f"catalogue: not JSON ({err})"
            raise ParseError(msg) from err
    if not isinstance(catalog, Mapping) or "cat_column_list" not in catalog:
        msg = f"catalogue: a dictionary with cat_column_list is expected, not {str(catalog)[:80]!r}"
        raise ParseError(msg)
    return catalog


def _columns(said: Mapping[str, Any]) -> tuple[list[str], list[list[Any]]]:
    names, columns = said.get("cat_column_names"), said["cat_column_list"]
    if not isinstance(names, list) or not isinstance(columns, list):
        msg = "catalogue: cat_column_names and cat_column_list must be lists"
        raise ParseError(msg)
    if len(names) != len(columns) or len(names) > _MAX_COLUMNS or len(set(names)) < len(names):
        msg = f"catalogue: {len(columns)} columns with the {len(names)} names {names[:20]}"
        raise ParseError(msg)
    lengths = {len(column) if isinstance(column, list) else -1 for column in columns}
    if len(lengths) > 1 or -1 in lengths:
        msg = f"catalogue: columns of different lengths {sorted(lengths)}"
        raise ParseError(msg)
    return [str(name) for name in names], columns


def _described(said: Any) -> dict[str, Any]:
    entries = said if isinstance(said, list) else []
    return {str(e[0]): e[1] for e in entries if isinstance(e, list | tuple) and len(e) > 1}


def _column(name: str, values: list[Any]) -> Any:
    """Return a column; numbers with gaps are masked, mixed values stay objects."""
    if any(isinstance(value, list | dict) for value in values):
        msg = f"catalogue: the column {name!r} holds lists or dictionaries"
        raise ParseError(msg)
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
