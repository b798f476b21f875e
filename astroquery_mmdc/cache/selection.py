"""What the service is asked for: a cone or everything, filtered, ordered and limited."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from astroquery_mmdc.cache.cells import cone_ranges, unit_vectors
from astroquery_mmdc.cache.filters import Filters, row_order
from astroquery_mmdc.cache.healpix import whole_sky
from astroquery_mmdc.cache.search import Runs, cap, no_runs, separation_arcsec
from astroquery_mmdc.cache.snapshot import Snapshot
from astroquery_mmdc.schema.wire import ORDERINGS

__all__ = ["Cone", "Selection"]


class Cone(NamedTuple):
    """A position in degrees and a radius in arcsec."""

    ra: float
    dec: float
    radius_arcsec: float


@dataclass(frozen=True, slots=True)
class Selection:
    """Which rows are wanted, and in which order; everything unless something is given.

    Parameters
    ----------
    filters : Filters, optional
        Conditions on the rows.
    cone : Cone, optional
        Where on the sky, border included.
    ordering : str, optional
        One of the orderings of the service, with ``-`` for descending; by ``id`` unless given.
    limit : int, optional
        Largest number of rows.
    """

    filters: Filters | None = None
    cone: Cone | None = None
    ordering: str | None = None
    limit: int | None = None

    def ranges(self) -> NDArray[np.int64]:
        """Return ranges of order 29 that hold all wanted rows."""
        if self.limit == 0:
            return no_runs()
        return whole_sky() if self.cone is None else cone_ranges(*self.cone)

    def rows(self, snapshot: Snapshot) -> NDArray[np.int64]:
        """Return the numbers of the wanted rows, for `Snapshot.take`, in the order of the answer.

        Raises
        ------
        InvalidRequestError
            The ordering is unknown, or by separation without a cone.
        """
        runs = self._runs(snapshot)
        table = snapshot.read(runs, self._columns())
        order = row_order(
            table, self.ordering, separation=self._separation(table), limit=self.limit
        )
        return snapshot.numbers(runs)[order]

    def _runs(self, snapshot: Snapshot) -> list[Runs]:
        ranges = self.ranges()
        if self.cone is None:
            return snapshot.region_runs(ranges, None, self.filters)
        return snapshot.cone_runs(ranges, cap(*self.cone), self.filters)

    @property
    def _key(self) -> str:
        return (self.ordering or "").removeprefix("-")

    def _columns(self) -> list[str]:
        if self._key == "sep_arcsec":
            return ["id", "ra", "dec"]
        return ["id", self._key] if self._key in ORDERINGS else ["id"]

    def _separation(self, table: pa.Table) -> NDArray[np.float64] | None:
        if self.cone is None or self._key != "sep_arcsec":
            return None
        ra, dec = (table.column(name).to_numpy() for name in ("ra", "dec"))
        center = unit_vectors(self.cone.ra, self.cone.dec)
        return separation_arcsec(center, unit_vectors(ra, dec))
