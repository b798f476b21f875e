"""The points of an SED in the service's form."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from astroquery_mmdc.schema.catalogs import band_of
from astroquery_mmdc.schema.wire import SED_CSV_HEADER, UNDATED_MJD
from astroquery_mmdc.server.wanted import SedFilter

__all__ = ["CatalogEntry", "SedPoints", "catalog_color"]

UNITS = {"freq_hz": "Hz", "nufnu": "erg cm-2 s-1", "mjd": "MJD"}

# Okabe and Ito's colours, which stay apart for every kind of colour vision.
_COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#F0E442", "#000000")


def catalog_color(name: str) -> str:
    """Return the colour of a catalogue: always the same for the same code."""
    return _COLORS[sum(name.encode()) % len(_COLORS)]


@dataclass(frozen=True, slots=True)
class CatalogEntry:
    """One entry of the list that ``catalog_idx`` points into."""

    name: str
    band: str
    reference: str | None

    def as_json(self) -> dict[str, Any]:
        """Return the entry as answers write it."""
        return {
            "name": self.name,
            "band": self.band,
            "reference": self.reference,
            "color": catalog_color(self.name),
        }


@dataclass(frozen=True, slots=True)
class SedPoints:
    """Points as columns; NaN stands for a missing value.

    Parameters
    ----------
    nu, nufnu, error : ndarray
        Hz, erg/s/cm2 and its one-sigma error.
    is_limit, undated : ndarray of bool
        Whether the flux is an upper limit, and whether the point has no date.
    start, end : ndarray
        MJDs, NaN for an undated point.
    entry : ndarray of int
        Index into ``catalogs``.
    catalogs : tuple of CatalogEntry
        Catalogue, band and reference of the points.
    """

    nu: NDArray[np.float64]
    nufnu: NDArray[np.float64]
    error: NDArray[np.float64]
    is_limit: NDArray[np.bool_]
    start: NDArray[np.float64]
    end: NDArray[np.float64]
    undated: NDArray[np.bool_]
    entry: NDArray[np.int64]
    catalogs: tuple[CatalogEntry, ...]

    @classmethod
    def from_arrow(cls, rows: pa.Table) -> SedPoints:
        """Take the points out of observations; rows without a frequency are none."""
        rows = rows.filter(rows.column("frequency").is_valid())
        nu, nufnu, error, start, end, middle = (
            np.asarray(rows.column(name).to_numpy(), dtype=float)
            for name in ("frequency", "flux", "flux_err", "mjd_start", "mjd_end", "mjd_mid")
        )
        start = np.where(np.isnan(start), np.where(np.isnan(end), middle, end), start)
        end = np.where(np.isnan(end), start, end)
        entry, catalogs = _catalog_entries(rows, band_of(nu))
        limits = np.asarray(rows.column("is_upper_limit").to_numpy())
        points = cls(nu, nufnu, error, limits, start, end, np.isnan(start), entry, catalogs)
        return points.take(np.argsort(nu, kind="stable"))

    def __len__(self) -> int:
        return len(self.nu)

    def take(self, index: NDArray[Any]) -> SedPoints:
        """Return some of the points, with only the catalogues that they need."""
        entry = self.entry[index]
        used, entry = np.unique(entry, return_inverse=True)
        return SedPoints(
            self.nu[index],
            self.nufnu[index],
            self.error[index],
            self.is_limit[index],
            self.start[index],
            self.end[index],
            self.undated[index],
            entry.astype(np.int64),
            tuple(self.catalogs[number] for number in used.tolist()),
        )

    def filtered(self, wanted: SedFilter) -> SedPoints:
        """Return the points that a filter lets through."""
        middle = (self.start + self.end) / 2
        keep = np.ones(len(self), dtype=bool)
        if wanted.mjd_start is not None:
            keep &= (middle >= wanted.mjd_start) | self.undated
        if wanted.mjd_end is not None:
            keep &= (middle <= wanted.mjd_end) | self.undated
        if not wanted.keeps_undated:
            keep &= ~self.undated
        if wanted.catalogs is not None:
            keep &= self._in_catalogs(wanted.catalogs)
        return self.take(np.flatnonzero(keep))

    def without(self, catalogs: tuple[str, ...]) -> SedPoints:
        """Return the points that are not from the given catalogues."""
        return self.take(np.flatnonzero(~self._in_catalogs(catalogs)))

    def counts(self) -> dict[str, int]:
        """Return how many points each catalogue gave."""
        found: dict[str, int] = {}
        numbers = np.bincount(self.entry, minlength=len(self.catalogs)).tolist()
        for catalog, number in zip(self.catalogs, numbers, strict=True):
            found[catalog.name] = found.get(catalog.name, 0) + number
        return found

    def as_json(self, wanted: SedFilter) -> dict[str, Any]:
        """Return the ``sed`` object of an answer; arrays are left to the encoder."""
        return {
            "points": len(self),
            "units": UNITS,
            "filters": wanted.as_json(),
            "catalogs": [catalog.as_json() for catalog in self.catalogs],
            "freq_hz": self.nu,
            "nufnu": self.nufnu,
            "nufnu_err": self.error,
            "is_ul": self.is_limit,
            "mjd_start": self.dates(self.start, UNDATED_MJD),
            "mjd_end": self.dates(self.end, UNDATED_MJD),
            "undated": self.undated,
            "catalog_idx": self.entry,
        }

    def csv(self) -> str:
        """Return the points as the service's CSV."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(SED_CSV_HEADER)
        writer.writerows(self._csv_rows())
        return text.getvalue()

    def dates(self, values: NDArray[np.float64], placeholder: float) -> NDArray[np.float64]:
        """Return MJDs with the placeholder where a point has no date."""
        return np.where(self.undated, placeholder, values)

    def _csv_rows(self) -> Iterator[tuple[str, ...]]:
        columns = (
            self.nu,
            self.nufnu,
            self.error,
            self.is_limit,
            self.dates(self.start, UNDATED_MJD),
            self.dates(self.end, UNDATED_MJD),
        )
        for *values, entry in zip(*(c.tolist() for c in (*columns, self.entry)), strict=True):
            catalog = self.catalogs[entry]
            words = (catalog.name, catalog.band, catalog.reference or "")
            yield (*(_csv_text(value) for value in values), *words)

    def _in_catalogs(self, names: tuple[str, ...]) -> NDArray[np.bool_]:
        wanted = [number for number, entry in enumerate(self.catalogs) if entry.name in names]
        return np.isin(self.entry, wanted)


def _csv_text(value: float | bool) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value != value else repr(value)


def _catalog_entries(
    rows: pa.Table, bands: NDArray[np.str_]
) -> tuple[NDArray[np.int64], tuple[CatalogEntry, ...]]:
    names = rows.column("catalog").to_pylist()
    references = [(entry or {}).get("citation") for entry in rows.column("reference").to_pylist()]
    keys = list(zip(names, bands.tolist(), references, strict=True))
    known = {key: number for number, key in enumerate(dict.fromkeys(keys))}
    entry = np.array([known[key] for key in keys], dtype=np.int64)
    return entry, tuple(CatalogEntry(*key) for key in known)
