"""`MMDC.cache`: the observations that are held on this machine."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import numpy as np
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.table import QTable, Table

from astroquery_mmdc.exceptions import CacheError
from astroquery_mmdc.net import portal
from astroquery_mmdc.net.handle import wait
from astroquery_mmdc.schema.catalogs import check_catalog
from astroquery_mmdc.schema.coordinates import as_radius, as_targets

if TYPE_CHECKING:
    from mocpy import MOC

    from astroquery_mmdc.cache.remote import RemoteCache
    from astroquery_mmdc.cache.store import ObservationCache
    from astroquery_mmdc.mmdc.core import MMDCClass
    from astroquery_mmdc.mmdc.prefetch import Prefetched

__all__ = ["Cache"]


class Cache:
    """Observations held on this machine: a HATS catalogue, and what of the sky it covers.

    Parameters
    ----------
    service : MMDCClass
        Whose answers it holds. Each service has a folder of its own.

    Examples
    --------
    >>> from astroquery_mmdc import MMDCClass
    >>> MMDCClass("https://mmdc.am").cache.folder.name
    'mmdc.am'
    """

    def __init__(self, service: MMDCClass) -> None:
        self._service = service
        self._lock = threading.Lock()
        self._open: tuple[int, Path | str, Any] | None = None

    @property
    def _name(self) -> str:
        parts = urlsplit(self._service.client.server)
        port = f"-{parts.port}" if parts.port else ""
        return f"observations/{parts.hostname}{port}"

    @property
    def folder(self) -> Path:
        """Where it is; it is made when something is stored."""
        return self._service.cache_dir / self._name

    @property
    def url(self) -> str | None:
        """Where it is read from, if ``cache_dir`` is an URL."""
        place = self._service.cache_url
        return None if place is None else f"{place.rstrip('/')}/{self._name}"

    @property
    def store(self) -> ObservationCache | RemoteCache:
        """The store itself, opened on first use and again after a fork."""
        place, process = self.url or self.folder, os.getpid()
        with self._lock:
            if self._open is None or self._open[:2] != (process, place):
                self._open = (process, place, _opened(place))
            return self._open[2]

    def query_region(self, region: Any, *, catalog: str | None = None) -> QTable:
        """Return the held observations inside a box, a polygon or a MOC.

        Parameters
        ----------
        region : MOC, Box or Polygon
            The region; `~astroquery_mmdc.cache.Box` and `~astroquery_mmdc.cache.Polygon` make one.
        catalog : str, optional
            Only rows of this catalogue.

        Returns
        -------
        `~astropy.table.QTable`
            As from ``MMDC.query_region``; only what is held, the service is not asked.
        """
        from astroquery_mmdc.cache.filters import Filters
        from astroquery_mmdc.cache.regions import as_region
        from astroquery_mmdc.schema.arrow import observations_from_arrow

        shape = as_region(region)
        wanted = Filters(catalog=None if catalog is None else check_catalog(catalog))
        rows = self.store.region(shape.ranges(), shape.contains, mask_filters=wanted)
        return observations_from_arrow(rows)

    def close(self) -> None:
        """Let go of the files; the next query opens them again."""
        with self._lock:
            if self._open is not None:
                self._open[2].close()
            self._open = None

    def info(self) -> dict[str, Any]:
        """Return what is held: rows, segments, generation, size on disk."""
        return self.store.info()

    def ingest(self, source: Any, *, complete: bool = False, progress: Any = None) -> int:
        """Take in observations in bulk.

        Parameters
        ----------
        source : path, list of paths, `pyarrow.Table` or `~astropy.table.QTable`
            Parquet files or tables of observations.
        complete : bool, optional
            Whether this is everything the service has: then every query is answered from here.
        progress : callable, optional
            Called with the number of rows so far.

        Returns
        -------
        int
            Number of rows.
        """
        from astroquery_mmdc.schema.arrow import observations_to_arrow

        if isinstance(source, Table):
            source = observations_to_arrow(source)
        return self.store.ingest(source, complete=complete, progress=progress)

    def prefetch(
        self,
        coordinates: SkyCoord | str | Table | Iterable[str] | None = None,
        radius: u.Quantity | str = "60 arcsec",
        *,
        region: Any = None,
        catalog: str | None = None,
        progress: bool = True,
    ) -> Prefetched:
        """Fetch observations in advance, so that queries are answered from here.

        At most two questions are on their way at once. Everything is kept as soon as it is here:
        interrupted, it goes on where it ended when it is called again.

        Parameters
        ----------
        coordinates : SkyCoord, Table, str or list of str, optional
            Positions or names of sources.
        radius : `~astropy.units.Quantity` or str, optional
            Radius around each position.
        region : MOC, Box or Polygon, optional
            A region of the sky instead of positions.
        catalog : str, optional
            Only rows of this catalogue.
        progress : bool, optional
            Whether a bar with the remaining time is shown.

        Returns
        -------
        Prefetched
            How many questions were asked, what was known before, and what failed.
        """
        from astroquery_mmdc.mmdc.prefetch import prefetch

        if self.store.is_read_only:
            msg = f"cache_dir: {self.url} is for reading only; give a folder to fetch into"
            raise CacheError(msg)
        work = prefetch(self._service, coordinates, radius, region, catalog, progress=progress)
        return wait(portal.start(work))

    def crossmatch(
        self,
        coordinates: SkyCoord | str | Table | Iterable[str],
        radius: u.Quantity | str,
        *,
        nearest: bool = True,
    ) -> QTable:
        """Find the held observations near many positions.

        Parameters
        ----------
        coordinates : SkyCoord or Table
            Positions.
        radius : `~astropy.units.Quantity` or str
            Largest separation.
        nearest : bool, optional
            Only the nearest row of each position, or all within the radius.

        Returns
        -------
        `~astropy.table.QTable`
            The rows, with ``query_index`` and ``separation``.
        """
        from astroquery_mmdc.schema.arrow import observations_from_arrow

        positions = as_targets(coordinates).positions
        arcsec = float(as_radius(radius).value)
        ra, dec = (np.asarray(x, float) for x in (positions.ra.deg, positions.dec.deg))
        match = self.store.crossmatch(ra, dec, arcsec, nearest=nearest)
        table = observations_from_arrow(match.snapshot.take(match.row, None))
        table.add_column(match.index, name="query_index", index=0)
        table["separation"] = match.separation * u.arcsec
        return table

    def coverage(self, key: str = "") -> MOC:
        """Return the part of the sky that is known, as a MOC.

        Parameters
        ----------
        key : str, optional
            Filter key, such as ``'{"catalog":"ZTF"}'``; empty for rows of every kind.
        """
        return self.store.coverage().to_moc(key)

    def compact(self) -> None:
        """Merge what was fetched into the next generation of the catalogue."""
        self.store.compact()

    def verify(self, *, repair: bool = False) -> Any:
        """Check every file; with ``repair`` make anew what can be derived."""
        return self.store.verify(repair=repair)

    def export(
        self, path: str | os.PathLike[str], region: Any = None, *, overwrite: bool = False
    ) -> int:
        """Write what is held, or a region of it, as one file to give to others.

        Parameters
        ----------
        path : path-like
            The file: a zip archive with the rows, what they cover, and BibTeX.
        region : MOC, Box or Polygon, optional
            Only this part of the sky.
        overwrite : bool, optional
            Whether an existing file may be replaced.

        Returns
        -------
        int
            Number of rows.
        """
        from astroquery_mmdc.cache.regions import as_region

        ranges = None if region is None else as_region(region).ranges()
        return self.store.export(Path(path), ranges, overwrite=overwrite)

    def import_bundle(self, path: str | os.PathLike[str]) -> int:
        """Take in a file made by `export`; what is known here from a later time stays.

        Parameters
        ----------
        path : path-like
            The file.

        Returns
        -------
        int
            Number of rows taken in.
        """
        return self.store.import_bundle(Path(path))

    def clear(self) -> None:
        """Forget everything that is held of this service: observations, SEDs, sources, names."""
        from astroquery_mmdc.mmdc.kept import answers_of

        self.store.clear()
        answers_of(self._service).clear()

    def open_lsdb(self, **options: Any) -> Any:
        """Return what is held as an LSDB catalogue, for work on many cores or machines.

        What was fetched since the last generation is merged into it first. The catalogue is that
        generation: what is fetched later is not part of it, and after two more generations its
        files are gone, so open it again then.

        Parameters
        ----------
        **options
            For ``lsdb.open_catalog``, such as ``columns``.

        Returns
        -------
        ``lsdb.Catalog``

        Raises
        ------
        CacheError
            Nothing is held, or what was fetched cannot be merged now: rows would be missing.
        """
        from astroquery_mmdc.cache.scale import open_lsdb

        return open_lsdb(self.store, **options)


def _opened(place: Path | str) -> ObservationCache | RemoteCache:
    from astroquery_mmdc.cache.remote import RemoteCache
    from astroquery_mmdc.cache.store import ObservationCache

    return RemoteCache(place) if isinstance(place, str) else ObservationCache(place)
