"""What all tables share: columns, types that both engines understand, names of constraints."""

from __future__ import annotations

from collections.abc import Container
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.types import TypeDecorator

from astroquery_mmdc.retriever.jsonable import dumps_fast

__all__ = ["Base", "JSONDocument", "UTCDateTime", "json_text", "utc_now"]


def utc_now() -> datetime:
    """Return the time, aware of being UTC."""
    return datetime.now(UTC)


JSONDocument = sa.JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql")
"""JSON, binary on PostgreSQL; engines turn values into it with `json_text`."""


def json_text(value: Any) -> str:
    """Return the JSON of a value; most are empty, and have to take no time."""
    if not value and isinstance(value, dict | list):
        return "{}" if isinstance(value, dict) else "[]"
    return dumps_fast(value)


class UTCDateTime(TypeDecorator[datetime]):
    """A time that is UTC and says so, on SQLite as well, which knows no zones."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:
        """Return the time in UTC; one without a zone is taken as UTC."""
        if value is None:
            return None
        aware = value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
        return aware.replace(tzinfo=None) if dialect.name == "sqlite" else aware

    def process_result_value(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:
        """Return the time, aware of being UTC."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Base(DeclarativeBase):
    """Base of all tables."""

    metadata = sa.MetaData(
        # Migrations must be able to name a constraint to change it.
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map = {  # noqa: RUF012 - so SQLAlchemy wants it
        datetime: UTCDateTime(),
        float: sa.Double(),
    }

    id: Mapped[int] = mapped_column(primary_key=True, sort_order=-10)
    created_at: Mapped[datetime] = mapped_column(server_default=sa.func.now(), sort_order=90)
    modified: Mapped[datetime] = mapped_column(
        server_default=sa.func.now(), onupdate=utc_now, sort_order=91
    )
    test_hash: Mapped[str | None] = mapped_column(sort_order=92)
    """Marks rows of tests, so that they can be removed from a database that has others."""

    def __init__(self, **columns: Any) -> None:
        """Fill the columns; the others have their defaults at once, and not from the INSERT on."""
        self.registry.constructor(self, **{**self._defaults(columns), **columns})

    @classmethod
    def _defaults(cls, given: Container[str]) -> dict[str, Any]:
        columns = [column for column in cls.__table__.columns if column.name not in given]
        return {
            column.name: column.default.arg(None)
            if column.default.is_callable
            else column.default.arg
            for column in columns
            if column.default is not None
        }

    def __repr__(self) -> str:
        names = ("id", "source_name", "name", "observatory", "project", "level")
        known = vars(self)
        facts = (f"{name}={known[name]!r}" for name in names if known.get(name) is not None)
        return f"<{type(self).__name__} {' '.join(facts)}>"
