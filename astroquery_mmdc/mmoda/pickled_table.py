"""Tables and units of astropy from the words of a pickle."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import numpy as np
from astropy import units as u
from astropy.table import QTable
from numpy.typing import NDArray

from astroquery_mmdc.mmoda.limits import Budget
from astroquery_mmdc.mmoda.pickled import Name, Pending, Said, refuse, settled
from astroquery_mmdc.mmoda.pickled_numpy import PendingArray
from astroquery_mmdc.mmoda.table_units import with_unit

__all__ = ["NAMES", "PickledTable"]

_MAX_DEPTH = 8
_FRACTION = re.compile(r"-?\d{1,9}/\d{1,9}")
_PLAIN = (str, int, float, bool, type(None))


@dataclass(frozen=True, slots=True)
class PickledTable:
    """Columns by name, and what is said about the table."""

    columns: dict[str, NDArray[Any]]
    units: dict[str, u.UnitBase | None]
    meta: dict[str, Any]

    def to_qtable(self) -> QTable:
        """Return the table with its units."""
        out = QTable(meta=self.meta)
        for name, values in self.columns.items():
            out[name] = with_unit(values, self.units[name])
        return out


class _PendingTable(Pending):
    """A table: its columns, then its metadata."""

    __slots__ = ()

    def build(self, state: Any, budget: Budget) -> None:
        if not isinstance(state, tuple) or len(state) != 2:
            refuse("a table with a state of another form")
        columns, meta = state
        if not isinstance(columns, dict) or not isinstance(meta, dict):
            refuse("a table with a state of another form")
        for name, column in columns.items():
            if not isinstance(name, str) or not isinstance(column, PendingArray):
                refuse(f"the column {name!r} of a table, which is a {type(column).__name__}")
        self.value = PickledTable(
            {name: column.value for name, column in columns.items()},
            {name: _unit_of_column(column) for name, column in columns.items()},
            _plain(meta, _MAX_DEPTH, budget),
        )


def _plain(value: Any, depth: int, budget: Budget) -> Any:
    """Return metadata without what is neither text nor number, list nor dictionary of such."""
    if isinstance(value, _PLAIN):
        return value
    if isinstance(value, np.generic):
        return value.item()
    if depth == 0:
        refuse("metadata of a table that are nested too deeply")
    # The same part may occur again and again, and be copied each time.
    budget.take_objects(len(value))
    if isinstance(value, dict):
        kept = {str(key): part for key, part in value.items() if _is_kept(part)}
        return {key: _plain(part, depth - 1, budget) for key, part in kept.items()}
    return [_plain(part, depth - 1, budget) for part in value if _is_kept(part)]


def _is_kept(value: Any) -> bool:
    return isinstance(value, (*_PLAIN, np.generic, dict, list, tuple))


def _unit_of_column(column: PendingArray) -> u.UnitBase | None:
    """Return the unit, second of what is said about a column (name, unit, format, ...)."""
    said = column.extra[0] if column.extra else ()
    if not isinstance(said, tuple) or len(said) < 2 or said[1] is None:
        return None
    return _unit(said[1], _MAX_DEPTH)


def _unit(said: Any, depth: int) -> u.UnitBase:
    """Return a unit by its first name, or the product of powers that it is said to be."""
    if not isinstance(said, Said) or depth == 0:
        refuse(f"a unit given as {type(said).__name__}")
    names = said.state.get("_names") or (said.args[1] if len(said.args) > 1 else None)
    if names:
        return _named_unit(names)
    bases, powers = said.state.get("_bases", []), said.state.get("_powers", [])
    if not isinstance(bases, list) or not isinstance(powers, list) or len(bases) > 50:
        refuse("a unit with a state of another form")
    unit = u.CompositeUnit(_number(said.state.get("_scale", 1.0)), [], [])
    for base, power in zip(bases, powers, strict=True):
        unit = unit * _unit(base, depth - 1) ** _number(power)
    return unit


def _named_unit(names: Any) -> u.UnitBase:
    if not isinstance(names, list) or not isinstance(names[0], str) or len(names[0]) > 100:
        refuse("a unit without a name")
    return u.Unit(names[0], parse_strict="silent")


def _number(value: Any) -> Any:
    number = settled(value)
    if not isinstance(number, int | float | complex):
        refuse(f"a number of a unit given as {type(number).__name__}")
    return number


# ---------------------------------------------------------------- what the names make


def _make_table(args: tuple[Any, ...], budget: Budget) -> Pending:
    return _PendingTable()


def _make_dict(args: tuple[Any, ...], budget: Budget) -> dict[Any, Any]:
    if args:
        refuse("a dictionary made from something")
    return {}


def _make_unit(args: tuple[Any, ...], budget: Budget) -> Pending:
    return Said("unit", args)


def _make_fraction(args: tuple[Any, ...], budget: Budget) -> float:
    text = args[0] if args else None
    if not isinstance(text, str) or not _FRACTION.fullmatch(text):
        refuse(f"the fraction {str(text)[:40]!r}")
    above, below = text.split("/")
    return int(above) / int(below)


_UNITS = ("Unit", "NamedUnit", "PrefixUnit", "CompositeUnit", "IrreducibleUnit")
_UNIT_MODULE = "astropy.units.core"
NAMES = {
    ("astropy.table.table", "Table"): Name("astropy.table.table", "Table", _make_table),
    ("astropy.table.table", "QTable"): Name("astropy.table.table", "QTable", _make_table),
    ("collections", "OrderedDict"): Name("collections", "OrderedDict", _make_dict),
    ("fractions", "Fraction"): Name("fractions", "Fraction", _make_fraction),
    **{
        (_UNIT_MODULE, name): Name(_UNIT_MODULE, name, _make_unit)
        for name in (*_UNITS, "_recreate_irreducible_unit")
    },
}
