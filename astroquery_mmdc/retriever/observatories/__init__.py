"""Surveys: how their light curves are asked for, and what is special about reducing them."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from astroquery_mmdc.exceptions import InvalidRequestError

if TYPE_CHECKING:
    from astroquery_mmdc.retriever.observatories.base import VirtualObservatory

__all__ = [
    "OBSERVATORIES",
    "ParsObservatory",
    "VirtualASASSN",
    "VirtualDemoObs",
    "VirtualFermiLCR",
    "VirtualMMDC",
    "VirtualObservatory",
    "VirtualPanSTARRS",
    "VirtualTESS",
    "VirtualZTF",
    "observatory_class",
]

_MODULES = {
    "ParsObservatory": "parameters",
    "VirtualASASSN": "asassn",
    "VirtualDemoObs": "demo",
    "VirtualFermiLCR": "fermi_lcr",
    "VirtualMMDC": "mmdc",
    "VirtualObservatory": "base",
    "VirtualPanSTARRS": "panstarrs",
    "VirtualTESS": "tess",
    "VirtualZTF": "ztf",
}

OBSERVATORIES = {
    "ASASSN": "VirtualASASSN",
    "DEMO": "VirtualDemoObs",
    "FERMILCR": "VirtualFermiLCR",
    "MMDC": "VirtualMMDC",
    "PANSTARRS": "VirtualPanSTARRS",
    "TESS": "VirtualTESS",
    "ZTF": "VirtualZTF",
}
"""Names of the surveys, in upper case without signs, to their classes."""

_ALIASES = {"DEMOOBS": "DEMO", "FERMI": "FERMILCR", "LCR": "FERMILCR", "PS1": "PANSTARRS"}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        msg = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(msg)
    return getattr(importlib.import_module(f"{__name__}.{_MODULES[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)


def observatory_class(name: str, module: str | None = None) -> type[VirtualObservatory]:
    """Return the class of a survey.

    Parameters
    ----------
    name : str
        Name of the survey in any spelling, for example ``"Pan-STARRS"``; with a module, the
        name or its class.
    module : str, optional
        Path of import of a module of yours with a class ``Virtual<NAME>``.

    Raises
    ------
    InvalidRequestError
        There is no such survey.

    Examples
    --------
    >>> observatory_class("asas-sn").__name__
    'VirtualASASSN'
    """
    if module is not None:
        from astroquery_mmdc.retriever.config import import_class

        wanted = name if name.startswith("Virtual") else f"Virtual{name.upper()}"
        return import_class(module, wanted, parameter="obs_names")
    key = "".join(letter for letter in name.upper() if letter.isalnum()).removeprefix("VIRTUAL")
    key = _ALIASES.get(key, key)
    if key not in OBSERVATORIES:
        msg = f"obs_names: {name!r} is not known; choose from {sorted(OBSERVATORIES)}"
        raise InvalidRequestError(msg, parameter="obs_names")
    found: type[VirtualObservatory] = __getattr__(OBSERVATORIES[key])
    return found
