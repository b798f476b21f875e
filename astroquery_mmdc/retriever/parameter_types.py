"""What parameters take, and what their names may be shortened to."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from astroquery_mmdc.exceptions import InvalidRequestError
from astroquery_mmdc.retriever.secrets import without_secrets

__all__ = [
    "HelpText",
    "Parameter",
    "as_data_types",
    "as_types",
    "checked",
    "describe",
    "describe_object",
    "match_name",
    "suggest",
]


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter: its name, default, types and meaning."""

    name: str
    default: Any
    types: tuple[type, ...]
    doc: str
    critical: bool = True
    secret: bool = False
    convert: Any = None


class HelpText(str):
    """A text that shows itself as it is in an interactive session."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


_NONE = type(None)

_DATA_TYPES: Mapping[str, tuple[str, ...]] = {
    "photometry": ("phot", "lc", "lcs", "lightcurve", "lightcurves", "raw_photometry"),
    "spectra": ("spec", "specs", "spectrum"),
    "images": ("im", "ims", "image"),
    "cutouts": ("cut", "cuts", "cutout"),
}


def as_types(types: Any) -> tuple[type, ...]:
    """Return types as a tuple, in which None stands for its type.

    Examples
    --------
    >>> as_types((str, None))
    (<class 'str'>, <class 'NoneType'>)
    """
    if isinstance(types, set | frozenset | list | tuple):
        return tuple(_NONE if item is None else item for item in types)
    return (_NONE if types is None else types,)


def as_data_types(value: Any) -> list[str]:
    """Return the names of kinds of data, given in any of their spellings.

    Examples
    --------
    >>> as_data_types("lc"), as_data_types(["Phot", "im"])
    (['photometry'], ['photometry', 'images'])
    """
    items = [value] if isinstance(value, str) else list(value)
    return list(dict.fromkeys(_data_type(item) for item in items))


def _data_type(item: Any) -> str:
    word = str(item).strip().lower().replace(" ", "_")
    for name, spellings in _DATA_TYPES.items():
        if word == name or word in spellings:
            return name
    msg = f"data_types: {item!r} is not known; choose from {list(_DATA_TYPES)}"
    raise InvalidRequestError(msg, parameter="data_types")


def checked(name: str, value: Any, types: tuple[type, ...], *, show: bool = True) -> Any:
    """Return a value as one of some types.

    Parameters
    ----------
    name : str
        Name of the parameter, for error messages.
    value : object
        Integers are taken where a float is wanted, lists where a tuple is, and the reverse;
        numpy's scalars as those of Python. A boolean is no number.
    types : tuple of type
        What is allowed.
    show : bool, optional
        Whether the value may stand in an error message.

    Raises
    ------
    TypeError
        The value is none of these.
    """
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, bool):
        if bool in types:
            return value
    elif isinstance(value, types):
        return value
    elif isinstance(value, int) and float in types:
        return float(value)
    elif isinstance(value, list | tuple):
        for kind in (list, tuple, set):
            if kind in types:
                return kind(value)
    known = " or ".join("None" if kind is _NONE else kind.__name__ for kind in types)
    shown = f"{value!r} ({type(value).__name__})" if show else f"a {type(value).__name__}"
    msg = f"{name}: {shown} is of the wrong type; give {known}"
    raise TypeError(msg)


def match_name(
    name: str,
    names: Mapping[str, str],
    *,
    shorthands: bool,
    ignore_case: bool,
    remove_underscores: bool,
) -> str | None:
    """Return the parameter that a name stands for.

    Parameters
    ----------
    name : str
        What is asked for.
    names : mapping
        Names and aliases to the names of their parameters.
    shorthands, ignore_case, remove_underscores : bool
        Whether the beginning of a name is enough, and what does not matter in comparing.

    Raises
    ------
    ValueError
        The beginning fits several parameters.
    """

    def plain(text: str) -> str:
        text = text.lower() if ignore_case else text
        return text.replace("_", "") if remove_underscores else text

    wanted = plain(name)
    exact = {target for key, target in names.items() if plain(key) == wanted}
    if len(exact) == 1:
        return exact.pop()
    if not shorthands or not wanted:
        return None
    found = exact or {target for key, target in names.items() if plain(key).startswith(wanted)}
    if len(found) > 1:
        msg = f"{name}: it may mean any of {sorted(found)}; write more of the name"
        raise ValueError(msg)
    return found.pop() if found else None


def suggest(name: str, names: Iterable[str]) -> str:
    """Return words about names that resemble one."""
    names = sorted(names)
    close = difflib.get_close_matches(name, names, n=3)
    return f"did you mean {' or '.join(close)}?" if close else f"there are {names}"


def describe(spec: Parameter, value: Any) -> str:
    """Return one line about a parameter and its value."""
    types = ", ".join("None" if kind is _NONE else kind.__name__ for kind in spec.types)
    critical = "" if spec.critical else ", does not change results"
    shown = repr(without_secrets(value))
    default = f", default {spec.default!r}" if not spec.secret else ""
    return f"{spec.name} = {shown} [{types}{default}{critical}]: {spec.doc}"


def describe_object(owner: Any, parameters: str) -> HelpText:
    """Return what an object can do, line by line, and its parameters."""
    methods = []
    for name in sorted(_public_methods(type(owner))):
        method = getattr(type(owner), name)
        first = (method.__doc__ or "").strip().partition("\n")[0]
        methods.append(f"{name}(): {first}")
    return HelpText("\n".join(["Methods", *methods, "", "Parameters", parameters]))


def _public_methods(kind: type) -> set[str]:
    return {
        name
        for base in kind.__mro__[:-1]
        for name, value in vars(base).items()
        if callable(value) and not name.startswith("_")
    }
