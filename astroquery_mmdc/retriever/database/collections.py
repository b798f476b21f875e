"""Lists of data that are found by the name of their observatory."""

from __future__ import annotations

from typing import Any, TypeVar

__all__ = ["UniqueList"]

T = TypeVar("T")


class UniqueList(list[T]):
    """A list whose items are found by number, by observatory, or by both.

    Examples
    --------
    >>> class Data:
    ...     def __init__(self, observatory):
    ...         self.observatory = observatory
    >>> items = UniqueList([Data("ZTF"), Data("DEMO"), Data("DEMO")])
    >>> items[0].observatory, len(items["demo"]), items["demo", 1] is items[2]
    ('ZTF', 2, True)
    """

    def __getitem__(self, key: Any) -> Any:
        """Return an item by number; by observatory it, or a list if there are several."""
        if isinstance(key, str):
            found = self._of(key)
            return found[0] if len(found) == 1 else found
        if isinstance(key, tuple):
            return self._of(key[0])[key[1]]
        return super().__getitem__(key)

    def __contains__(self, key: object) -> bool:
        if isinstance(key, str):
            return any(_observatory(item) == key.upper() for item in self)
        return super().__contains__(key)

    def _of(self, observatory: str) -> UniqueList[T]:
        found = UniqueList(item for item in self if _observatory(item) == observatory.upper())
        if not found:
            known = sorted({_observatory(item) for item in self})
            msg = f"no data of {observatory!r}; there are data of {known or 'no observatory'}"
            raise KeyError(msg)
        return found


def _observatory(item: Any) -> str:
    return (item.observatory or "").upper()
