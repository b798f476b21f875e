"""What the local server answers from: observations in a store, and sources by name."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from astroquery_mmdc.cache.memory import HeldRows
from astroquery_mmdc.cache.reading import Reader
from astroquery_mmdc.cache.selection import Cone, Selection
from astroquery_mmdc.cache.snapshot import Snapshot
from astroquery_mmdc.schema.arrow_schema import OBSERVATION_SCHEMA
from astroquery_mmdc.schema.catalogs import BANDS
from astroquery_mmdc.schema.columns import PHOTON_FLUX_CATALOGS
from astroquery_mmdc.server.fragments import Fragments
from astroquery_mmdc.server.points import SedPoints
from astroquery_mmdc.server.sources import Source, SourceList

__all__ = ["ObservationStore", "measured"]

SOURCE_RADIUS_ARCSEC = 60.0
"""How far a position may be from a source that its SED is for; two decimals are enough."""

SED_RADIUS_ARCSEC = 10.0
"""Observations this close to the source make its SED."""

Rows = NDArray[np.int64]


class ObservationStore:
    """Observations and sources, in the forms that the routes need.

    Parameters
    ----------
    rows : `pyarrow.Table` or Reader
        A table in the service's columns, which is held in memory without its rows that lack a flux;
        or a store, for example an `~astroquery_mmdc.cache.ObservationCache`, taken as it is.
    sources : SourceList, optional
        What is known by name.
    release : callable, optional
        Called once when this is closed or no longer needed.
    """

    def __init__(
        self,
        rows: pa.Table | Reader,
        sources: SourceList | None = None,
        *,
        release: Callable[[], object] | None = None,
    ) -> None:
        self._reader = rows if isinstance(rows, Reader) else _held(rows)
        self._sources = sources or SourceList()
        self._fragments = Fragments()
        self._release = weakref.finalize(self, release) if release else None

    def __len__(self) -> int:
        return self._reader.select(Selection(limit=0), lambda snapshot, _: snapshot.size)

    def close(self) -> None:
        """Let go of files; nothing can be asked afterwards."""
        if self._release is not None:
            self._release()

    def sources(self) -> SourceList:
        """Return what is known by name."""
        return self._sources

    def rows(self, wanted: Selection) -> list[dict[str, Any]]:
        """Return rows as the service writes them."""
        return list(self.arrow(wanted).to_pylist())

    def arrow(self, wanted: Selection) -> pa.Table:
        """Return rows as an Arrow table in `OBSERVATION_SCHEMA`."""
        return self._reader.select(wanted, _taken)

    def json(self, wanted: Selection) -> bytes:
        """Return rows as a JSON array; the text of a row is made once and kept."""
        return self._reader.select(wanted, self._fragments.array)

    def sed(self, ra: float, dec: float) -> tuple[Source | None, SedPoints]:
        """Return the source at a position and the points of its SED.

        Parameters
        ----------
        ra, dec : float
            Position in degrees.

        Returns
        -------
        source : Source or None
            The nearest one within `SOURCE_RADIUS_ARCSEC`.
        points : SedPoints
            From the observations within `SED_RADIUS_ARCSEC` of the source, or of the position where
            no source is near; no points where there are none.
        """
        source = self._sources.nearest(ra, dec, SOURCE_RADIUS_ARCSEC)
        center = (source.ra, source.dec) if source else (ra, dec)
        rows = self.arrow(Selection(cone=Cone(*center, SED_RADIUS_ARCSEC)))
        return source, SedPoints.from_arrow(_spectral(rows))

    def gamma_ray_sources(self) -> list[Source]:
        """Return the sources with gamma-ray data."""
        return self._gamma_ray_sources

    @cached_property
    def _gamma_ray_sources(self) -> list[Source]:
        return [source for source in self._sources if self._is_bright(source)]

    def _is_bright(self, source: Source) -> bool:
        cone = Selection(cone=Cone(source.ra, source.dec, SED_RADIUS_ARCSEC))
        nu = self.arrow(cone).column("frequency").to_numpy()
        return bool((np.asarray(nu, dtype=float) >= BANDS["gamma_rays"][0]).any())


def _taken(snapshot: Snapshot, rows: Rows) -> pa.Table:
    return snapshot.take(rows, OBSERVATION_SCHEMA.names).cast(OBSERVATION_SCHEMA)


def _held(rows: pa.Table) -> Reader:
    # The sky identifier follows from the position; what a table says about it does not count.
    names = [name for name in rows.column_names if name != "sky_identifier"]
    return Reader(HeldRows([measured(rows.select(names))]))


def measured(rows: pa.Table) -> pa.Table:
    """Return the rows that have a flux: without one there is nothing to answer."""
    known = pc.fill_null(pc.is_finite(rows.column("flux")), False)
    return rows if pc.all(known, min_count=0).as_py() else rows.filter(known)


def _spectral(rows: pa.Table) -> pa.Table:
    """Return the rows of an SED.

    A measurement may come twice, as SED row and as light-curve row; it counts once. Photon fluxes
    of a light curve are no nuFnu and never part of an SED.
    """
    catalog, lightcurve = rows.column("catalog"), rows.column("is_lightcurve")
    spectral = pc.unique(catalog.filter(pc.invert(lightcurve)))
    left_out = pa.array([*spectral.to_pylist(), *PHOTON_FLUX_CATALOGS], pa.string())
    return rows.filter(pc.invert(pc.and_(lightcurve, pc.is_in(catalog, left_out))))
