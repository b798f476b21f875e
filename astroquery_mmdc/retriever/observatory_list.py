"""The observatories of a project, found by name or by number."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, overload

__all__ = ["ObservatoryList"]


class ObservatoryList(Sequence[Any]):
    """Observatories in the order of a project.

    Examples
    --------
    >>> from astroquery_mmdc.retriever.observatories import VirtualDemoObs
    >>> observatories = ObservatoryList([VirtualDemoObs()])
    >>> observatories["demo"] is observatories[0]
    True
    """

    def __init__(self, observatories: Sequence[Any]) -> None:
        self._items = tuple(observatories)

    @overload
    def __getitem__(self, key: int | str) -> Any: ...

    @overload
    def __getitem__(self, key: slice) -> Sequence[Any]: ...

    def __getitem__(self, key: Any) -> Any:
        """Return an observatory by its number, or by its name in any case."""
        if not isinstance(key, str):
            return self._items[key]
        found = next((item for item in self._items if item.name == key.upper()), None)
        if found is None:
            msg = f"{key}: the project has no such observatory, only {list(self.names)}"
            raise KeyError(msg)
        return found

    def __contains__(self, key: object) -> bool:
        if isinstance(key, str):
            return key.upper() in self.names
        return key in self._items

    def __iter__(self) -> Iterator[Any]:
        return iter(self._items)

    def __len__(self) -> int:
        return len(self._items)

    def __repr__(self) -> str:
        return f"<ObservatoryList {', '.join(self.names)}>"

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the observatories."""
        return tuple(item.name for item in self._items)
