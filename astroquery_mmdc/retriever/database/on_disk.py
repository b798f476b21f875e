"""What raw data and light curves have in common: their values lie on disk, not in the table."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from sqlalchemy.orm import Mapped, mapped_column, reconstructor

from astroquery_mmdc.exceptions import CacheError, InvalidRequestError
from astroquery_mmdc.retriever.database.base import JSONDocument
from astroquery_mmdc.retriever.lightcurve import LightCurve
from astroquery_mmdc.retriever.storage import Location, Naming, open_store
from astroquery_mmdc.retriever.storage.single import format_of

if TYPE_CHECKING:
    from astroquery_mmdc.retriever.database.source import Source

__all__ = ["DatasetMixin", "common_columns"]


class DatasetMixin:
    """Data on disk, loaded when they are asked for.

    Parameters
    ----------
    data : table, optional
        The values: anything that `astroquery_mmdc.retriever.arrays.structured` understands.
    altdata : dict, optional
        What is known besides.
    **columns
        Columns of the table, among them ``filename``, ``filekey``, ``format``.

    Notes
    -----
    ``autosave=True`` saves new data at once; ``autoload=False`` means that nothing is read unless
    `load` is called; ``overwrite=False`` makes `save` refuse to replace what is there.
    """

    level: Any
    source: Any

    source_name: Mapped[str | None]
    observatory: Mapped[str | None]
    folder: Mapped[str | None]
    filename: Mapped[str | None]
    filekey: Mapped[str | None]
    format: Mapped[str] = mapped_column(default="hdf5")
    load_instructions: Mapped[str | None]
    colmap: Mapped[dict[str, Any]] = mapped_column(JSONDocument, default=dict)
    time_info: Mapped[dict[str, Any]] = mapped_column(JSONDocument, default=dict)
    altdata: Mapped[dict[str, Any]] = mapped_column(JSONDocument, default=dict)
    time_start: Mapped[datetime | None]
    time_end: Mapped[datetime | None]
    shape: Mapped[list[Any]] = mapped_column(JSONDocument, default=list)
    number: Mapped[int] = mapped_column(default=0)
    size: Mapped[int] = mapped_column(default=0)
    public: Mapped[bool] = mapped_column(default=True)
    autoload: Mapped[bool] = mapped_column(default=True)
    autosave: Mapped[bool] = mapped_column(default=False)
    overwrite: Mapped[bool] = mapped_column(default=True)

    _held: LightCurve | None = None

    def __init__(self, data: Any = None, altdata: dict[str, Any] | None = None, **columns: Any):
        kind = format_of(columns.get("filename") or "")
        super().__init__(**{"format": kind, **columns})
        self._held = None
        source = columns.get("source")
        if source is not None and self.source_name is None:
            self.source_name = source.name
        if data is not None:
            self._hold(data if isinstance(data, LightCurve) else self._wrap(data, altdata))
            if self.autosave:
                self.save()

    @reconstructor
    def _loaded_from_database(self) -> None:
        self._held = None

    @classmethod
    def from_lightcurve(cls, lightcurve: LightCurve, **columns: Any) -> Any:
        """Return the row of a light curve.

        Parameters
        ----------
        lightcurve : LightCurve
            Its values.
        **columns
            Columns that do not follow from it: ``source``, ``raw_data``, ``project``, and so on.
        """
        names = {"source_name": lightcurve.source, "observatory": lightcurve.observatory}
        return cls(lightcurve, **{**names, **columns})

    def _wrap(self, data: Any, altdata: dict[str, Any] | None) -> LightCurve:
        level = self.level if self.level is not None else "reduced"
        name = self.source_name or ""
        return LightCurve(data, name, (self.observatory or "").upper(), level, meta=altdata or {})

    def _hold(self, lightcurve: LightCurve) -> None:
        self._held = lightcurve
        self._describe(lightcurve)

    def _describe(self, lightcurve: LightCurve) -> None:
        """Fill the columns that follow from the values."""
        for name, value in common_columns(lightcurve).items():
            setattr(self, name, value)

    # --- the values ---------------------------------------------------------------------------

    @property
    def lightcurve(self) -> LightCurve:
        """The values with what is known about them; read from disk at the first time."""
        if self._held is None:
            if self.autoload is False:
                msg = f"{self!r}: autoload is off and nothing was loaded; call load()"
                raise CacheError(msg)
            self.load()
        assert self._held is not None
        return self._held

    @property
    def data(self) -> np.ndarray:
        """The values as a structured array."""
        return self.lightcurve.data

    @data.setter
    def data(self, data: Any) -> None:
        self._hold(self._wrap(data, self._held.meta if self._held else None))

    @property
    def is_loaded(self) -> bool:
        """Whether the values are in memory."""
        return self._held is not None

    @property
    def times(self) -> np.ndarray:
        """Times of the epochs, UTC."""
        return self.lightcurve.times

    @property
    def mjds(self) -> np.ndarray:
        """MJD (UTC) of the epochs."""
        return self.lightcurve.mjds

    @property
    def fluxes(self) -> np.ndarray:
        """Column flux."""
        return self.lightcurve.fluxes

    @property
    def mags(self) -> np.ndarray:
        """Column mag."""
        return self.lightcurve.mags

    def __len__(self) -> int:
        return len(self._held) if self._held is not None else self.number or 0

    def __bool__(self) -> bool:
        return True  # an empty table is still a row

    # --- the file -----------------------------------------------------------------------------

    @property
    def location(self) -> Location:
        """Where the values lie."""
        if not self.filename:
            msg = f"{self!r} has no file yet; save() makes one, or give filename"
            raise InvalidRequestError(msg, parameter="filename")
        found = (self.folder or "", self.filename, self.filekey or "", self.format or "hdf5")
        return Location(*found, self.size or 0)

    def get_fullname(self) -> str:
        """Return the whole path of the file."""
        path = self.location.path()
        here = Path(self.filename or "")
        # A file of the user's own is called as the user calls it.
        return str(here.resolve() if not self.folder and here.exists() else path)

    def check_file_exists(self) -> bool:
        """Return whether the file is there."""
        return bool(self.filename) and Path(self.get_fullname()).is_file()

    def check_data_exists(self) -> bool:
        """Return whether the values are in the file and can be read."""
        if not self.filename:
            return False
        try:
            self._read()
        except CacheError:
            return False
        return True

    def _read(self) -> LightCurve:
        place = replace(self.location, folder="", filename=self.get_fullname())
        return open_store(place.format).read(place)

    def load(self) -> None:
        """Read the values from disk."""
        found = self._read()
        self._held = found
        if self.number in (None, 0):
            self._describe(found)

    def save(
        self,
        overwrite: bool | None = None,
        *,
        source: Source | None = None,
        naming: Naming | None = None,
    ) -> None:
        """Write the values to disk and remember where.

        Parameters
        ----------
        overwrite : bool, optional
            Whether to replace values that are there; as the column says if not given.
        source : Source, optional
            Its source, if it is not in ``source``: the right ascension makes the folder.
        naming : Naming, optional
            How the file is called, if not as usual.

        Raises
        ------
        InvalidRequestError
            There is no source, or values that may not be replaced.
        """
        owner = source if source is not None else self.source
        may = self.overwrite if overwrite is None else overwrite
        if not may and self.check_data_exists():
            msg = f"{self.get_fullname()} has these data; save(overwrite=True) replaces them"
            raise InvalidRequestError(msg, parameter="overwrite")
        if owner is None:
            msg = f"source: {self!r} has none, and its file is called after it; give source="
            raise InvalidRequestError(msg, parameter="source")
        self._save_as_usual(owner, naming)

    def _save_as_usual(self, owner: Source, naming: Naming | None) -> None:
        usual = Naming(
            getattr(self, "project", None) or owner.project or "TEST_PROJECT",
            getattr(self, "cfg_hash", None) or owner.cfg_hash or "",
        )
        store = open_store(self.format or "hdf5", naming=naming or usual)
        lightcurve = self.lightcurve.replace(source=owner.name)
        (place,) = store.add([lightcurve], ra=owner.ra, dec=owner.dec)
        store.flush()
        self.source_name = owner.name
        for name in ("folder", "filename", "filekey", "format"):
            setattr(self, name, getattr(place, name))

    def delete_data_from_disk(self) -> None:
        """Remove the values from disk; the row stays."""
        if self.filename:
            place = self.location
            open_store(place.format).delete(place)

    def plot(self, **options: Any) -> Any:
        """Draw the light curve: see `astroquery_mmdc.retriever.plots.plot_lightcurve`."""
        from astroquery_mmdc.retriever.plots import plot_lightcurve

        return plot_lightcurve(self.lightcurve, **options)


def common_columns(lightcurve: LightCurve) -> dict[str, Any]:
    """Return the columns that follow from the data."""
    meta = lightcurve.meta
    start, end = span_of(lightcurve)
    return {
        "time_start": start,
        "time_end": end,
        "shape": list(lightcurve.data.shape),
        "number": len(lightcurve),
        "size": lightcurve.data.nbytes,
        "colmap": meta.get("colmap") or {},
        "time_info": meta.get("time_info") or {},
    }


def span_of(lightcurve: LightCurve) -> tuple[datetime | None, datetime | None]:
    """Return the first and the last epoch; of raw data whose times mean nothing known, None."""
    known = "time_info" in lightcurve.meta or "mjd" in lightcurve.colnames
    return lightcurve.span if known else (None, None)
