"""Colours, markers and labels, chosen to stay apart for every kind of colour vision."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import wraps
from threading import RLock
from typing import Any, ParamSpec, TypeVar

from astropy import units as u

from astroquery_mmdc.schema.units import FLUX_AXES

__all__ = [
    "COLORS",
    "MARKERS",
    "Look",
    "flux_label",
    "looks",
    "new_figure",
    "one_at_a_time",
    "spectral_label",
]

# Okabe and Ito without black, which is for models, and without yellow, which is lost on white;
# then colours of Tol's muted scheme.
COLORS = (
    "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#882255", "#332288",
    "#999933", "#117733", "#AA4499",
)  # fmt: skip
# None that points downwards: that is what upper limits do. The number of markers and that of
# colours have no common divisor, so that the pairs repeat late.
MARKERS = ("o", "s", "D", "^", "P", "X", "p", "h", "<", ">")


_P = ParamSpec("_P")
_R = TypeVar("_R")
_DRAWING = RLock()


def one_at_a_time(function: Callable[_P, _R]) -> Callable[_P, _R]:
    """Let one thread at a time into matplotlib, whose layout of text is shared by all figures."""

    @wraps(function)
    def guarded(*args: _P.args, **kwargs: _P.kwargs) -> _R:
        with _DRAWING:
            return function(*args, **kwargs)

    return guarded


@dataclass(frozen=True, slots=True)
class Look:
    """Colour and marker of one group of points."""

    color: str
    marker: str


def looks(names: Sequence[str]) -> dict[str, Look]:
    """Return a look for each name, in their order.

    Examples
    --------
    >>> looks(["NVSS", "ZTF"])["ZTF"]
    Look(color='#D55E00', marker='s')
    """
    return {
        name: Look(COLORS[index % len(COLORS)], MARKERS[index % len(MARKERS)])
        for index, name in enumerate(names)
    }


def new_figure(width: float, height: float, *, layout: str | None = "constrained") -> Any:
    """Return a figure that is drawn without pyplot, so that nobody's settings change.

    Parameters
    ----------
    width, height : float
        In inch.
    layout : str, optional
        What places the axes; None leaves that to whoever draws.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout=layout)
    FigureCanvasAgg(figure)
    return figure


def spectral_label(unit: u.UnitBase) -> str:
    """Return the label of the spectral axis.

    Examples
    --------
    >>> spectral_label(u.GHz)
    'Frequency [GHz]'
    """
    kinds = ((u.Hz, "Frequency"), (u.eV, "Energy"), (u.m, "Wavelength"))
    word = next((word for kind, word in kinds if unit.is_equivalent(kind)), "Spectral axis")
    return f"{word} [{unit}]"


def flux_label(unit: u.UnitBase) -> str:
    """Return the label of the flux axis: nuFnu, a flux density or a photon spectrum."""
    kinds = (
        (FLUX_AXES["erg cm-2 s-1"], r"$\nu F_\nu$"),
        (u.Jy, r"$F_\nu$"),
        (FLUX_AXES["dN/dE"], r"$dN/dE$"),
        (u.Unit("erg s-1 cm-2 AA-1"), r"$F_\lambda$"),
    )
    symbol = next((symbol for kind, symbol in kinds if unit.is_equivalent(kind)), "Flux")
    return f"{symbol} [{unit.to_string('latex_inline')}]"
