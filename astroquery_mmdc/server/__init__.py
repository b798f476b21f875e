"""A local server that speaks the MMDC service's own HTTP.

It answers from an embedded sample or from data of your own, so that demos, lessons, offline work
and tests need no network.
"""

from astroquery_mmdc.server.app import create_app
from astroquery_mmdc.server.engine import Engine
from astroquery_mmdc.server.faults import Faults
from astroquery_mmdc.server.loaders import load, open_store
from astroquery_mmdc.server.local import LocalServer, serve, serving
from astroquery_mmdc.server.store import ObservationStore

__all__ = [
    "Engine",
    "Faults",
    "LocalServer",
    "ObservationStore",
    "create_app",
    "load",
    "open_store",
    "serve",
    "serving",
]
