"""Passwords, keys and tokens: held in memory, and left out wherever something is written down."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

__all__ = ["Secrets", "guarded", "is_secret", "without_secrets"]

_SECRET_NAMES = frozenset(
    {"credentials", "password", "passwd", "token", "api_key", "apikey", "secret", "secrets"}
)


class Secrets(Mapping[str, Any]):
    """A read-only mapping of secrets, such as ``{"username": ..., "password": ...}``.

    Its items are there for whoever asks for them by name. Printed, it shows the names only; a
    pickle, a copy by JSON or a dump to a file holds nothing of it.

    Parameters
    ----------
    values : mapping, optional
        Names to values.

    Examples
    --------
    >>> secrets = Secrets({"username": "guy", "password": "12345"})
    >>> secrets
    Secrets(password=***, username=***)
    >>> secrets["username"]
    'guy'
    """

    __slots__ = ("_values",)

    def __init__(self, values: Mapping[str, Any] | None = None) -> None:
        self._values = dict(values or {})

    def __getitem__(self, name: str) -> Any:
        if name not in self._values:
            msg = f"no secret is named {name!r}; there are {sorted(self._values)}"
            raise KeyError(msg)
        return self._values[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __repr__(self) -> str:
        return f"Secrets({', '.join(f'{name}=***' for name in sorted(self._values))})"

    def __deepcopy__(self, memo: dict[int, Any]) -> Secrets:
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        # A pickle may end on disk or on another machine.
        return Secrets, ()


def is_secret(name: object) -> bool:
    """Return whether a value of this name must not be written down."""
    return str(name).lower() in _SECRET_NAMES


def without_secrets(value: Any) -> Any:
    """Return a value without the secrets in it, at any depth.

    Examples
    --------
    >>> without_secrets({"ZTF": {"url": "https://irsa", "credentials": {"password": "12345"}}})
    {'ZTF': {'url': 'https://irsa'}}
    """
    if isinstance(value, Mapping):
        return {
            name: without_secrets(item)
            for name, item in value.items()
            if not is_secret(name) and not isinstance(item, Secrets)
        }
    if isinstance(value, list | tuple):
        return type(value)(without_secrets(item) for item in value if not isinstance(item, Secrets))
    return value


def guarded(value: Any) -> Any:
    """Return a value in which credentials, at any depth of mappings, are `Secrets`.

    Examples
    --------
    >>> guarded({"ZTF": {"credentials": {"password": "12345"}}})
    {'ZTF': {'credentials': Secrets(password=***)}}
    """
    if not isinstance(value, dict):
        return value
    return {
        name: Secrets(item) if is_secret(name) and isinstance(item, Mapping) else guarded(item)
        for name, item in value.items()
    }
