"""What can be chosen about the local server."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from astroquery_mmdc.server.engine import Engine
from astroquery_mmdc.server.faults import Faults

__all__ = ["Options"]


@dataclass(frozen=True, slots=True)
class Options:
    """Options of the local server.

    Parameters
    ----------
    sed_seconds, swift_seconds : float
        How long an SED job and a Swift analysis take; 0 ends them at once.
    v1 : bool
        Whether ``/api/sed/`` exists; without it only the older SED endpoints answer.
    identification : bool
        Whether modelling requests must say who sends them, as at the service.
    api_keys : mapping of str to int
        Valid keys, with the number of fits that each may have in flight.
    engine : Engine, optional
        What computes models and fits; without one the modelling endpoints answer 501.
    max_body : int
        Largest request body in bytes.
    faults : Faults
        Troubles to make, for tests.
    """

    sed_seconds: float = 0.0
    swift_seconds: float = 0.0
    v1: bool = True
    identification: bool = True
    api_keys: Mapping[str, int] = field(default_factory=dict)
    engine: Engine | None = None
    max_body: int = 32 * 1024 * 1024
    faults: Faults = field(default_factory=Faults)
