"""Tables whose columns are made when somebody looks at them.

To make an astropy column takes longer than to find its values. A table of `pending_table` is an
ordinary `~astropy.table.QTable`; only its ``columns`` are of a class of their own, until the last
of them is made.
"""

from __future__ import annotations

import threading
import weakref
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any

from astropy.table import Column as TableColumn
from astropy.table import QTable, TableColumns

__all__ = ["Maker", "PendingColumns", "pending_table"]

Maker = Callable[[], Any]
"""Returns a Column or a Quantity that belongs to nobody else."""


class _Pending:
    """Stands for a column that was not looked at yet.

    Astropy's rows, and the length of a table, look past the methods of `PendingColumns`: so this
    has a length and items as the column itself.
    """

    __slots__ = ("_column", "_make", "_name", "_shared")

    def __init__(self, name: str, make: Maker, shared: _Shared) -> None:
        self._name, self._make, self._shared = name, make, shared
        self._column: Any = None

    def __len__(self) -> int:
        return self._shared.size

    def __getitem__(self, index: Any) -> Any:
        return self.column()[index]

    def column(self) -> Any:
        """Return the column, made by whichever thread is first."""
        with self._shared.lock:
            if self._column is None:
                column = self._make()
                # What ``info`` of a Column says is kept in the Column itself, and faster there.
                info = column if isinstance(column, TableColumn) else column.info
                info.name = self._name
                info.parent_table = self._shared.table()
                self._column = column
            return self._column


class _Shared:
    """What all pending columns of one table have in common."""

    __slots__ = ("lock", "size", "table")

    def __init__(self, table: QTable, size: int) -> None:
        self.table, self.size = weakref.ref(table), size
        # Reentrant: what makes one column may look at another.
        self.lock = threading.RLock()


def _of_all(name: str) -> Any:
    """Return the method of that name, called when every column is made."""

    def method(self: TableColumns, *args: Any, **kwargs: Any) -> Any:
        return getattr(_made(self), name)(*args, **kwargs)

    return method


class PendingColumns(TableColumns):  # type: ignore[misc]
    """Columns by name, made when they are looked at; then ordinary ones.

    Names, their number and their order are known before. What asks for all columns, as for the
    rows of a table, gets them all made, and from then on this is an ordinary
    `~astropy.table.TableColumns`.
    """

    def __getitem__(self, item: Any) -> Any:
        if not isinstance(item, str):
            return _made(self)[item]
        column: Any = OrderedDict.__getitem__(self, item)
        if type(column) is _Pending:
            column = column.column()
            OrderedDict.__setitem__(self, item, column)
        return column

    def get(self, key: Any, default: Any = None) -> Any:
        """Return a column, or the default where there is none of that name."""
        if key not in self:
            return default
        return self[key]

    values = _of_all("values")
    items = _of_all("items")
    pop = _of_all("pop")
    popitem = _of_all("popitem")
    copy = _of_all("copy")
    __eq__ = _of_all("__eq__")
    __ne__ = _of_all("__ne__")
    __reduce_ex__ = _of_all("__reduce_ex__")


def _made(columns: TableColumns) -> TableColumns:
    """Make all columns; return them, an ordinary set of columns now.

    A function, since another thread may have made them all, and no method is left, meanwhile.
    """
    for name in list(columns):
        PendingColumns.__getitem__(columns, name)
    columns.__class__ = TableColumns
    return columns


def pending_table(makers: Mapping[str, Maker], size: int) -> QTable:
    """Return a table whose columns are made when they are looked at.

    Parameters
    ----------
    makers : mapping of str to callable
        For each column what makes it; called once at the most.
    size : int
        Number of rows.

    Examples
    --------
    >>> from astropy import units as u
    >>> table = pending_table({"flux": lambda: [1.0, 2.0] * u.Jy}, 2)
    >>> len(table), table["flux"]
    (2, <Quantity [1., 2.] Jy>)
    """
    table = QTable()
    table.columns = PendingColumns()
    shared = _Shared(table, size)
    for name, make in makers.items():
        OrderedDict.__setitem__(table.columns, name, _Pending(name, make, shared))
    return table
