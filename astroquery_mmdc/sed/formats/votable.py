"""What the VOTable dialects share."""

from __future__ import annotations

import io
import warnings
from typing import Any

import numpy as np
from astropy import units as u
from astropy.table import Table

from astroquery_mmdc.exceptions import ParseError
from astroquery_mmdc.schema.units import nufnu_equivalencies
from astroquery_mmdc.sed.build import filled
from astroquery_mmdc.sed.formats.base import FLUX, read_bytes

__all__ = ["is_votable", "named_table", "nufnu_of", "parse_votable", "values_in"]


def is_votable(head: str, *marks: str) -> bool:
    """Tell whether a file begins as a VOTable and holds all the marks."""
    return "<VOTABLE" in head and all(mark in head for mark in marks)


def parse_votable(source: Any) -> Any:
    """Return a VOTable with at least one table; what other programs write is read with lenience.

    Raises
    ------
    ParseError
        The file is no VOTable, or has no table.
    """
    from astropy.io.votable import parse
    from astropy.io.votable.exceptions import VOWarning

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", VOWarning)
        warnings.simplefilter("ignore", u.UnitsWarning)
        try:
            votable = parse(io.BytesIO(read_bytes(source)), verify="ignore")
            votable.get_first_table()
        except (ValueError, TypeError, IndexError, OSError) as err:
            msg = f"the file is no readable VOTable ({err})"
            raise ParseError(msg) from err
    return votable


def named_table(source: Any, required: tuple[str, ...], dialect: str) -> Table:
    """Return the first table with the names of its fields, and check that it has some.

    Raises
    ------
    ParseError
        A column is missing.
    """
    table = parse_votable(source).get_first_table().to_table(use_names_over_ids=True)
    missing = [name for name in required if name not in table.colnames]
    if missing:
        msg = f"{dialect}: no field {missing[0]!r} among {table.colnames}; is it another format?"
        raise ParseError(msg)
    return table


def values_in(column: Any, unit: Any) -> Any:
    """Return numbers in a unit; a column without one is taken to be in it already."""
    given = getattr(column, "unit", None)
    values = filled(column)
    return values if given is None else (values * u.Unit(given)).to_value(unit)


def nufnu_of(values: Any, unit: Any, nu: Any) -> Any:
    """Return nuFnu in erg/s/cm2 from any kind of flux at frequencies in Hz."""
    equivalencies = nufnu_equivalencies(np.where(nu > 0, nu, np.nan) * u.Hz)
    return (values * u.Unit(unit)).to_value(FLUX, equivalencies=equivalencies)
