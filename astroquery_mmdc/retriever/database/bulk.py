"""Many rows in one statement.

SQLAlchemy makes the statement and knows how values become those of a driver. Rows go to the driver
directly: for tables of fifty columns that takes a fifth of the time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy import orm
from sqlalchemy.dialects import postgresql, sqlite

from astroquery_mmdc.exceptions import InvalidRequestError

__all__ = ["Replacing", "insert_into", "insert_rows", "pages"]

_PAGE = 500
"""Values in one list of a query: databases limit how many a statement may have."""


@dataclass(frozen=True, slots=True)
class Replacing:
    """What happens to rows that are there already.

    Parameters
    ----------
    index : tuple of str
        Columns that a row is recognised by; none for any that are unique.
    columns : tuple of str
        Columns that take the new values; without any, the row stays as it is.
    """

    index: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Plan:
    """A statement, and how the values of a row become its parameters."""

    text: str
    positions: tuple[str, ...] | None
    makers: tuple[tuple[str, Callable[[], Any], Callable[[Any], Any] | None], ...]

    def parameters(self, row: Mapping[str, Any]) -> Any:
        values = {}
        for name, default, processor in self.makers:
            value = row[name] if name in row else default()
            values[name] = value if processor is None else processor(value)
        if self.positions is None:
            return values
        return tuple([values[name] for name in self.positions])


def insert_into(session: orm.Session, model: Any) -> Any:
    """Return an INSERT into a table, with the clause ON CONFLICT of the session's database."""
    return _insert(session.get_bind().dialect, getattr(model, "__table__", model))


def _insert(dialect: sa.Dialect, table: sa.Table) -> Any:
    kinds: dict[str, Callable[..., Any]] = {
        "sqlite": sqlite.insert,
        "postgresql": postgresql.insert,
    }
    return kinds[dialect.name](table)


def pages(values: Iterable[Any]) -> Iterable[list[Any]]:
    """Cut values into lists that are short enough for a query."""
    items = list(values)
    for start in range(0, len(items), _PAGE):
        yield items[start : start + _PAGE]


def insert_rows(
    session: orm.Session,
    model: Any,
    rows: Sequence[Mapping[str, Any]],
    replacing: Replacing | None = None,
) -> None:
    """Insert rows; a column that a row lacks gets its default.

    Parameters
    ----------
    session : Session
        The database.
    model : mapped class or Table
        Where to.
    rows : sequence of mapping
        Values by the names of their columns.
    replacing : Replacing, optional
        What to do with rows that are there already; without it they are an error.

    Raises
    ------
    InvalidRequestError
        The table has no such column.
    """
    if not rows:
        return
    table: sa.Table = getattr(model, "__table__", model)
    names = frozenset(name for row in rows for name in row)
    unknown = sorted(names - set(table.columns.keys()))
    if unknown:
        msg = f"{table.name} have no {unknown}; leave them out or put them into props"
        raise InvalidRequestError(msg, parameter=unknown[0])
    connection = session.connection()
    plan = _plan(connection.dialect, table, names, replacing)
    connection.exec_driver_sql(plan.text, [plan.parameters(row) for row in rows])


@lru_cache(maxsize=256)
def _plan(
    dialect: sa.Dialect, table: sa.Table, names: frozenset[str], replacing: Replacing | None
) -> _Plan:
    columns = [column for column in table.columns if column.name in names or column.default]
    statement = _clause(_insert(dialect, table), replacing)
    compiled = statement.compile(dialect=dialect, column_keys=[column.name for column in columns])
    makers = tuple(
        (column.name, _default(column), column.type.dialect_impl(dialect).bind_processor(dialect))
        for column in columns
    )
    positions = tuple(compiled.positiontup) if compiled.positional else None
    return _Plan(str(compiled), positions, makers)


def _clause(insert: Any, replacing: Replacing | None) -> Any:
    if replacing is None:
        return insert
    if not replacing.columns:
        return insert.on_conflict_do_nothing(index_elements=replacing.index or None)
    update = {name: insert.excluded[name] for name in replacing.columns}
    update["modified"] = sa.func.now()
    return insert.on_conflict_do_update(index_elements=replacing.index, set_=update)


def _default(column: sa.Column[Any]) -> Callable[[], Any]:
    default: Any = column.default
    if default is None:
        return lambda: None
    return (lambda: default.arg(None)) if default.is_callable else (lambda: default.arg)
