"""Query the MMDC service for blazars and other multi-messenger sources, the astroquery way.

The names below are loaded on first use, so that ``import astroquery_mmdc`` stays fast.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from astroquery_mmdc._config import Conf, conf

if TYPE_CHECKING:
    from astroquery_mmdc.mmdc import MMDC, MMDCClass
    from astroquery_mmdc.mmoda import MMODA, MMODAClass
    from astroquery_mmdc.schema.provenance import cite
    from astroquery_mmdc.sed import SED

__all__ = [
    "MMDC",
    "MMODA",
    "SED",
    "Conf",
    "MMDCClass",
    "MMODAClass",
    "__version__",
    "cite",
    "conf",
]

_LAZY = {
    "MMDC": "astroquery_mmdc.mmdc",
    "MMDCClass": "astroquery_mmdc.mmdc",
    "MMODA": "astroquery_mmdc.mmoda",
    "MMODAClass": "astroquery_mmdc.mmoda",
    "SED": "astroquery_mmdc.sed",
    "cite": "astroquery_mmdc.schema.provenance",
}


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from astroquery_mmdc._version import __version__

        return __version__
    if name not in _LAZY:
        msg = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(msg)
    return getattr(import_module(_LAZY[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
