"""A session that is not connected to anything."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

__all__ = ["NullResult", "NullSession"]


class NullResult:
    """An answer without rows."""

    def all(self) -> list[Any]:
        """Return no rows."""
        return []

    def first(self) -> None:
        """Return None."""

    one_or_none = scalar = scalar_one_or_none = fetchone = first
    fetchall = all

    def scalars(self) -> NullResult:
        """Return itself."""
        return self

    mappings = unique = tuples = scalars

    def __iter__(self) -> Iterator[Any]:
        return iter(())


class NullSession:
    """Takes what a session takes and keeps nothing; whatever is asked, there is no row.

    Examples
    --------
    >>> with NullSession() as session:
    ...     session.scalars("SELECT 1").all()
    []
    """

    def __enter__(self) -> NullSession:
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def _nothing(self, *_: Any, **__: Any) -> None:
        return None

    add = add_all = delete = flush = refresh = expire = expire_all = expunge = expunge_all = (
        _nothing
    )
    commit = rollback = close = get = scalar = _nothing

    def merge(self, instance: Any, **_: Any) -> Any:
        """Return the instance as it is."""
        return instance

    def begin(self, *_: Any, **__: Any) -> NullSession:
        """Return itself."""
        return self

    begin_nested = begin

    def execute(self, *_: Any, **__: Any) -> NullResult:
        """Return an answer without rows."""
        return NullResult()

    scalars = execute

    @property
    def no_autoflush(self) -> NullSession:
        """The session itself: it never flushes."""
        return self

    def __contains__(self, instance: object) -> bool:
        return False

    def __iter__(self) -> Iterator[Any]:
        return iter(())
