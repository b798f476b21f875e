"""Catalogues of sources as dispatchers send and take them: dictionaries of columns."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.table import Table

from astroquery_mmdc.exceptions import ParseError

__all__ = ["SourceCatalog", "plain_values", "type_of"]

_MAX_COLUMNS = 1000


@dataclass(frozen=True, slots=True)
class SourceCatalog:
    """A catalogue as it is on the wire.

    Parameters
    ----------
    columns : mapping
        For each column its plain values; None where one is missing.
    types : mapping
        Type of each column as it is written.
    frame, coord_units : str or None
        Of the coordinates, for example ``"fk5"`` and ``"deg"``.
    lon_name, lat_name : str or None
        The columns of the coordinates.
    meta : mapping
    """

    columns: Mapping[str, list[Any]]
    types: Mapping[str, Any] = field(default_factory=dict)
    frame: str | None = None
    coord_units: str | None = None
    lon_name: str | None = None
    lat_name: str | None = None
    meta: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def read(cls, catalog: Mapping[str, Any] | str) -> SourceCatalog:
        """Read a dictionary, or its JSON text.

        Raises
        ------
        ParseError
            The columns do not fit together; the message says which.
        """
        said = _read(catalog)
        return cls(
            columns=_columns(said),
            types=_types(said.get("cat_column_descr")),
            frame=said.get("cat_frame"),
            coord_units=said.get("cat_coord_units"),
            lon_name=said.get("cat_lon_name"),
            lat_name=said.get("cat_lat_name"),
            meta=dict(said.get("cat_meta") or {}),
        )

    @classmethod
    def of_table(
        cls,
        table: Table,
        *,
        frame: str | None,
        coord_units: str | None,
        lon_name: str | None,
        lat_name: str | None,
    ) -> SourceCatalog:
        """Take the plain columns of a table.

        Parameters
        ----------
        table : `~astropy.table.Table`
            Columns that hold arrays or objects are left out.
        frame, coord_units, lon_name, lat_name : str or None
        """
        plain = [
            name
            for name in table.colnames
            if getattr(table[name], "ndim", 0) == 1 and table[name].dtype.kind in "biufSU"
        ]
        columns = {name: plain_values(table[name]) for name in plain}
        types = {name: type_of(table[name]) for name in plain}
        return cls(columns, types, frame, coord_units, lon_name, lat_name)

    def as_json(self) -> dict[str, Any]:
        """Return the dictionary that a request takes as ``selected_catalog``."""
        said = {
            "cat_frame": self.frame,
            "cat_coord_units": self.coord_units,
            "cat_column_list": list(self.columns.values()),
            "cat_column_names": list(self.columns),
            "cat_column_descr": [[name, self.types.get(name)] for name in self.columns],
            "cat_lat_name": self.lat_name,
            "cat_lon_name": self.lon_name,
        }
        return {**said, "cat_meta": dict(self.meta)} if self.meta else said

    def positions(self) -> list[tuple[str, float, float]]:
        """Return name, right ascension and declination (ICRS, degrees) of each source.

        Raises
        ------
        ParseError
            There are no columns of coordinates, or a source has none.
        """
        names = (self.lon_name or "ra", self.lat_name or "dec")
        missing = [name for name in names if name not in self.columns]
        if missing:
            msg = f"catalogue: no column {missing[0]!r} among {list(self.columns)[:20]}"
            raise ParseError(msg)
        try:
            sky = [np.array(self.columns[name], dtype=float) for name in names]
            if not np.isfinite(sky).all():
                msg = f"catalogue: a source has no number in {names[0]!r} or {names[1]!r}"
                raise ParseError(msg)
            unit = u.Unit(self.coord_units or "deg")
            places = SkyCoord(*(values * unit for values in sky), frame=self.frame or "icrs").icrs
        except (TypeError, ValueError) as err:
            msg = f"catalogue: its coordinates cannot be read ({err})"
            raise ParseError(msg) from err
        ra, dec = places.ra.deg.tolist(), places.dec.deg.tolist()
        called = self.columns.get("src_names") or [None] * len(ra)
        labels = [str(n or f"{a:.6f} {d:.6f}") for n, a, d in zip(called, ra, dec, strict=True)]
        return list(zip(labels, ra, dec, strict=True))


def plain_values(column: Any) -> list[Any]:
    """Return a column as JSON has it: what is missing or no number is None."""
    if column.dtype.kind == "S":
        # Which become texts by themselves, but without their gaps.
        texts = np.char.decode(np.asarray(column), "utf-8", "replace")
        column = np.ma.MaskedArray(texts, mask=getattr(column, "mask", False))
    # Masked entries become None by themselves.
    return [None if value != value else value for value in column.tolist()]


def type_of(column: Any) -> str:
    """Return the type of a column as catalogues write it."""
    dtype = column.dtype
    return f"<U{dtype.itemsize}" if dtype.kind == "S" else str(dtype.descr[0][1])


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


def _columns(said: Mapping[str, Any]) -> dict[str, list[Any]]:
    names, columns = said.get("cat_column_names"), said["cat_column_list"]
    if not isinstance(names, list) or not isinstance(columns, list):
        msg = "catalogue: cat_column_names and cat_column_list must be lists"
        raise ParseError(msg)
    names = [str(name) for name in names]
    if len(names) != len(columns) or len(names) > _MAX_COLUMNS or len(set(names)) < len(names):
        msg = f"catalogue: {len(columns)} columns with the {len(names)} names {names[:20]}"
        raise ParseError(msg)
    lengths = {len(column) if isinstance(column, list) else -1 for column in columns}
    if len(lengths) > 1 or -1 in lengths:
        msg = f"catalogue: columns of different lengths {sorted(lengths)}"
        raise ParseError(msg)
    for name, values in zip(names, columns, strict=True):
        if any(isinstance(value, list | dict) for value in values):
            msg = f"catalogue: the column {name!r} holds lists or dictionaries"
            raise ParseError(msg)
    return dict(zip(names, columns, strict=True))


def _types(said: Any) -> dict[str, Any]:
    entries = said if isinstance(said, list) else []
    return {str(e[0]): e[1] for e in entries if isinstance(e, list | tuple) and len(e) > 1}
