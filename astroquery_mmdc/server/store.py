"""The observations that the local server answers from."""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from astroquery_mmdc.schema.arrow import OBSERVATION_SCHEMA
from astroquery_mmdc.schema.catalogs import BANDS
from astroquery_mmdc.schema.columns import PHOTON_FLUX_CATALOGS
from astroquery_mmdc.schema.coordinates import sky_identifier
from astroquery_mmdc.server.cone import key_ranges, separation_arcsec, unit_vectors
from astroquery_mmdc.server.filters import ObservationFilter
from astroquery_mmdc.server.points import SedPoints
from astroquery_mmdc.server.sources import Source, SourceList

__all__ = ["ObservationStore"]

SOURCE_RADIUS_ARCSEC = 60.0
"""How far a position may be from a source that its SED is for; two decimals are enough."""

SED_RADIUS_ARCSEC = 10.0
"""Observations this close to the source make its SED."""

# Rows that are kept in their JSON form: about 100 MB at most.
_FRAGMENTS = 200_000
_FLOATS = [field.name for field in OBSERVATION_SCHEMA if pa.types.is_floating(field.type)]


class ObservationStore:
    """Observations in memory, sorted along the sky.

    Parameters
    ----------
    table : `pyarrow.Table`
        Rows in `OBSERVATION_SCHEMA`. Rows without a flux are left out, values that are not finite
        count as missing, and the sky identifier is computed anew at order 15.
    sources : iterable of Source, optional
        What is known by name.
    """

    def __init__(self, table: pa.Table, sources: SourceList | None = None) -> None:
        self._table = _sorted(_cleaned(table.select(OBSERVATION_SCHEMA.names)))
        self._sources = sources or SourceList()
        self._keys = self._numpy("sky_identifier")
        self._ra, self._dec = self._numpy("ra"), self._numpy("dec")
        self._ids = self._numpy("id")
        self._lightcurve = self._numpy("is_lightcurve")
        self._limit = self._numpy("is_upper_limit")
        self._catalogs, self._catalog = self._codes("catalog")
        self._bands, self._band = self._codes("filter_band")
        self._date = self._dates()
        self._fragments: dict[int, bytes] = {}
        self._gamma: list[Source] | None = None

    def __len__(self) -> int:
        return int(self._table.num_rows)

    def sources(self) -> SourceList:
        """Return what is known by name."""
        return self._sources

    def rows(self, wanted: ObservationFilter) -> list[dict[str, Any]]:
        """Return rows as the service writes them."""
        return list(self.arrow(wanted).to_pylist())

    def arrow(self, wanted: ObservationFilter) -> pa.Table:
        """Return rows as an Arrow table."""
        return self._table.take(pa.array(self.select(wanted)))

    def json(self, wanted: ObservationFilter) -> bytes:
        """Return rows as a JSON array; the text of a row is made once and kept."""
        index = self.select(wanted)
        fragments = self._fragments
        missing = [row for row in index.tolist() if row not in fragments]
        if missing:
            made = self._table.take(pa.array(missing)).to_pylist()
            fresh = dict(zip(missing, map(msgspec.json.encode, made), strict=True))
            if len(fragments) + len(fresh) > _FRAGMENTS:
                # Others may be reading the old one: replaced, never emptied.
                kept = {row: fragments[row] for row in index.tolist() if row in fragments}
                self._fragments = fragments = kept
            fragments.update(fresh)
        return b"[" + b",".join([fragments[row] for row in index.tolist()]) + b"]"

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
        cone = ObservationFilter(*center, radius_arcsec=SED_RADIUS_ARCSEC)
        index = self.select(cone)
        return source, SedPoints.from_arrow(self._table.take(pa.array(self._sed_rows(index))))

    def gamma_ray_sources(self) -> list[Source]:
        """Return the sources with gamma-ray data."""
        if self._gamma is None:
            self._gamma = [source for source in self._sources if self._is_bright(source)]
        return self._gamma

    def select(self, wanted: ObservationFilter) -> NDArray[np.int64]:
        """Return the numbers of the rows that a filter lets through, in the order of the answer."""
        index, separation = self._cone(wanted)
        keep = self._mask(index, wanted)
        index = index[keep]
        separation = separation[keep] if separation is not None else None
        order = self._order(index, separation, wanted.ordering)
        return index[order][: wanted.limit]

    # ------------------------------------------------------------ selection

    def _cone(
        self, wanted: ObservationFilter
    ) -> tuple[NDArray[np.int64], NDArray[np.float64] | None]:
        if wanted.ra is None or wanted.dec is None:
            return np.arange(len(self)), None
        ranges = key_ranges(wanted.ra, wanted.dec, wanted.radius_arcsec)
        bounds = np.searchsorted(self._keys, ranges)
        parts = [np.arange(low, high) for low, high in bounds.tolist() if high > low]
        index = np.concatenate(parts) if parts else np.empty(0, dtype=np.int64)
        vectors = unit_vectors(self._ra[index], self._dec[index])
        separation = separation_arcsec(unit_vectors(wanted.ra, wanted.dec), vectors)
        inside = separation <= wanted.radius_arcsec
        return index[inside], separation[inside]

    def _mask(self, index: NDArray[np.int64], wanted: ObservationFilter) -> NDArray[np.bool_]:
        mask = np.ones(len(index), dtype=bool)
        if wanted.catalog is not None:
            mask &= self._catalog[index] == self._catalogs.get(wanted.catalog, -2)
        if wanted.filter_band is not None:
            mask &= self._band[index] == self._bands.get(wanted.filter_band, -2)
        if wanted.is_lightcurve is not None:
            mask &= self._lightcurve[index] == wanted.is_lightcurve
        if wanted.is_upper_limit is not None:
            mask &= self._limit[index] == wanted.is_upper_limit
        # A missing date is NaN, which lies in no window.
        if wanted.mjd_min is not None:
            mask &= self._date[index] >= wanted.mjd_min
        if wanted.mjd_max is not None:
            mask &= self._date[index] <= wanted.mjd_max
        if wanted.obsid is not None:
            obsids = self._table.column("obsid").take(pa.array(index))
            mask &= pc.fill_null(pc.equal(obsids, wanted.obsid), False).to_numpy()
        return mask

    def _order(
        self,
        index: NDArray[np.int64],
        separation: NDArray[np.float64] | None,
        ordering: str | None,
    ) -> NDArray[np.int64]:
        ids = self._ids[index]
        if ordering is None:
            return np.argsort(ids, kind="stable")
        name = ordering.removeprefix("-")
        if name == "sep_arcsec" and separation is not None:
            values = separation
        else:
            values = self._sortable(name, index)
        # NaN sorts last in both directions, and rows of equal value stay in the order of their ids.
        return np.lexsort((ids, -values if ordering.startswith("-") else values))

    def _sortable(self, name: str, index: NDArray[np.int64]) -> NDArray[np.float64]:
        column = self._table.column(name).take(pa.array(index))
        if name == "created_at":
            ranks = np.asarray(pc.rank(column, sort_keys="ascending", tiebreaker="dense"), float)
            return np.where(column.is_null().to_numpy(zero_copy_only=False), np.nan, ranks)
        return np.asarray(column.cast(pa.float64()).to_numpy(zero_copy_only=False))

    def _is_bright(self, source: Source) -> bool:
        cone = ObservationFilter(source.ra, source.dec, radius_arcsec=SED_RADIUS_ARCSEC)
        nu = self.arrow(cone).column("frequency").to_numpy()
        return bool((np.asarray(nu, dtype=float) >= BANDS["gamma_rays"][0]).any())

    def _sed_rows(self, index: NDArray[np.int64]) -> NDArray[np.int64]:
        # A measurement may come twice, as SED row and as light-curve row; it counts once. Photon
        # fluxes of a light curve are no nuFnu and never part of an SED.
        lightcurve = self._lightcurve[index]
        catalog = self._catalog[index]
        spectral = np.unique(catalog[~lightcurve])
        photons = [self._catalogs.get(code, -2) for code in PHOTON_FLUX_CATALOGS]
        return index[~lightcurve | ~np.isin(catalog, [*spectral, *photons])]

    # ------------------------------------------------------------ columns

    def _numpy(self, name: str) -> NDArray[Any]:
        return np.asarray(self._table.column(name).to_numpy())

    def _codes(self, name: str) -> tuple[dict[str, int], NDArray[np.int32]]:
        column = self._table.column(name).combine_chunks().dictionary_encode()
        codes = {value: code for code, value in enumerate(column.dictionary.to_pylist())}
        return codes, np.asarray(pc.fill_null(column.indices, -1).to_numpy(zero_copy_only=False))

    def _dates(self) -> NDArray[np.float64]:
        start, end, middle = (
            np.asarray(self._table.column(name).to_numpy(), dtype=float)
            for name in ("mjd_start", "mjd_end", "mjd_mid")
        )
        start, end = np.where(np.isnan(start), end, start), np.where(np.isnan(end), start, end)
        return np.where(self._lightcurve, middle, (start + end) / 2)


def _cleaned(table: pa.Table) -> pa.Table:
    for name in _FLOATS:
        column = table.column(name)
        finite = pc.if_else(pc.is_finite(column), column, pa.scalar(None, column.type))
        table = table.set_column(table.schema.get_field_index(name), name, finite)
    return table.filter(pc.is_valid(table.column("flux")))


def _sorted(table: pa.Table) -> pa.Table:
    ra, dec = (np.asarray(table.column(name).to_numpy()) for name in ("ra", "dec"))
    keys = sky_identifier(ra, dec)
    place = table.schema.get_field_index("sky_identifier")
    table = table.set_column(place, "sky_identifier", pa.array(keys))
    return table.take(pa.array(np.argsort(keys, kind="stable"))).combine_chunks()
