"""What can be chosen about the local server."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from astroquery_mmdc.server.emission_engine import default_engine
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
    engine : Engine or None
        What computes models and fits: with the extra ``model`` installed it is
        ``EmissionEngine``. With None the modelling endpoints
        answer 501.
    jobs : path-like, optional
        Folder in which fits are kept: a server that is started with it again goes on with them.
        None keeps them for as long as the server runs.
    fit_workers : int
        How many fits are computed at once; the others wait in a queue.
    notebooks : sequence of path-like
        Annotated notebooks to offer as an instrument of the dispatcher.
    notebook_instrument : str, optional
        Name of that instrument; that of the first notebook by default.
    notebook_seconds : float
        How long a notebook may run.
    max_body : int
        Largest request body in bytes.
    max_upload : int
        Largest file in a request for a product, in bytes.
    faults : Faults
        Troubles to make, for tests.
    """

    sed_seconds: float = 0.0
    swift_seconds: float = 0.0
    v1: bool = True
    identification: bool = True
    api_keys: Mapping[str, int] = field(default_factory=dict)
    engine: Engine | None = field(default_factory=default_engine)
    jobs: str | os.PathLike[str] | None = None
    fit_workers: int = 1
    notebooks: Sequence[str | os.PathLike[str]] = ()
    notebook_instrument: str | None = None
    notebook_seconds: float = 600.0
    max_body: int = 32 * 1024 * 1024
    max_upload: int = 8 * 1024 * 1024
    faults: Faults = field(default_factory=Faults)
