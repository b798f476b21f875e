"""How a model is solved: the choices that are not parameters of the source."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["Options"]


@dataclass(frozen=True, slots=True)
class Options:
    """Choices of physics and numerics, the same for every model.

    Parameters
    ----------
    normalization : {"textbook", "mmdc"}
        How an injected power becomes a number of particles. ``"textbook"``: the power of the
        injected spectrum itself is L / Gamma^2. ``"mmdc"``: provisional constants with which
        recorded curves of the service are met to ten per cent.
    ssa : bool
        Synchrotron self-absorption.
    pairs : bool
        Absorption of gamma rays by photons of the source, and the pairs that it makes.
    electron_escape : float
        Time after which particles leave, in R / c.
    photon_escape : float
        Mean time that a photon stays, in R / c; 3/4 is the average over a homogeneous sphere.
    evolution : float or None
        None: the steady state. Otherwise the spectrum this many R / c after injection began in an
        empty source, particles escaping as above (``electron_escape=inf`` keeps them).
    per_decade : int
        Nodes of the grids per decade: 10 is exact to 0.1 % away from edges, 20 at edges too.
    tolerance : float
        Relative change of the cooling rates at which the iteration ends.
    max_iterations : int
        Bound of the iteration. Where it is reached, opaque pair-loaded sources, four times as many
        implicit steps in time follow; where these do not settle either, an
        `IncompleteResultWarning` tells the residual.
    """

    normalization: Literal["textbook", "mmdc"] = "textbook"
    ssa: bool = True
    pairs: bool = True
    electron_escape: float = 1.0
    photon_escape: float = 0.75
    evolution: float | None = None
    per_decade: int = 10
    tolerance: float = 2e-3
    max_iterations: int = 40
