"""`Catalog`: the sources of a study, with names, positions and magnitudes."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from astroquery_mmdc._files import is_url
from astroquery_mmdc.exceptions import InvalidRequestError
from astroquery_mmdc.retriever import catalog_defaults, paths
from astroquery_mmdc.retriever.catalog_formats import as_table, read_catalog, write_catalog
from astroquery_mmdc.retriever.catalog_index import NameIndex, SkyIndex, unique_names
from astroquery_mmdc.retriever.catalog_parameters import ParsCatalog
from astroquery_mmdc.retriever.catalog_positions import Positions, as_year
from astroquery_mmdc.retriever.catalog_roles import Roles
from astroquery_mmdc.retriever.parameter_types import HelpText, describe_object

if TYPE_CHECKING:
    from astropy.coordinates import SkyCoord
    from astropy.table import Row, Table

__all__ = ["Catalog", "ParsCatalog"]


class Catalog:
    """The sources of a study.

    Parameters
    ----------
    data : Table, DataFrame or mapping of columns, optional
        The catalogue itself, instead of a file.
    **kwargs
        Parameters, see `ParsCatalog`; for example ``default="WD"``, or ``filename`` with the
        names of the columns.

    Notes
    -----
    The file is read, and downloaded if need be, on first use. Names that occur twice get a number
    (``"X_2"``), with a warning: each row is a source of its own.

    Examples
    --------
    >>> catalog = Catalog({"name": ["Mrk 421"], "ra": [166.1138], "dec": [38.2088], "mag": [12.9]})
    >>> catalog.get_row(0, "number", "dict")["name"]
    'Mrk 421'
    """

    def __init__(self, data: Any = None, **kwargs: Any) -> None:
        self.pars = ParsCatalog(**kwargs)
        self._given = None if data is None else as_table(data)
        self._reset()

    def _reset(self) -> None:
        self._table: Table | None = None
        self._cached: dict[str, Any] = {}

    def __len__(self) -> int:
        return len(self.data)

    def __repr__(self) -> str:
        what = self.pars.catalog_name or self.pars.filename or "a table"
        state = f"{len(self._table)} sources" if self._table is not None else "not loaded"
        return f"<Catalog {what}, {state}>"

    # ---------------------------------------------------------------- the table

    @property
    def data(self) -> Table:
        """The table as it is in the file."""
        if self._table is None:
            self.load()
        assert self._table is not None
        return self._table

    def load(self, force_reload: bool = False, force_redownload: bool = False) -> None:
        """Read the catalogue; download it first if it is not there.

        Parameters
        ----------
        force_reload : bool, optional
            Read it even if that was done before.
        force_redownload : bool, optional
            Download it even if the file is there.

        Raises
        ------
        InvalidRequestError
            The file cannot be read or lacks a column.
        MMDCError
            It cannot be downloaded.
        """
        if self._table is not None and not (force_reload or force_redownload):
            return
        self._reset()
        if self._given is not None:
            table = self._given
        else:
            table = read_catalog(self._file(force_redownload), text=(self.pars.name_column,))
        if not len(table):
            msg = f"filename: {self.pars.filename} has no rows; give a catalogue with sources"
            raise InvalidRequestError(msg, parameter="filename")
        self._cached["roles"] = Roles.of(table, self.pars)
        self._table = table

    def get_fullname(self) -> Path:
        """Return the path of the file."""
        name = self.pars.filename
        if not name:
            msg = "filename: there is none; give one, or default='WD', or data"
            raise InvalidRequestError(msg, parameter="filename")
        path = Path(name).expanduser()
        return path if path.is_absolute() else paths.catalogs_folder() / path

    def _file(self, force_redownload: bool) -> Path:
        path = self.get_fullname()
        if path.exists() and not force_redownload:
            return path
        if self.pars.catalog_name == "test" and not self.pars.url:
            write_catalog(catalog_defaults.test_catalog(), path)
        elif is_url(self.pars.url):
            self._download(path)
        else:
            msg = f"filename: {path} does not exist; correct the name or give a url"
            raise InvalidRequestError(msg, parameter="filename")
        return path

    def _download(self, path: Path) -> None:
        from filelock import FileLock

        from astroquery_mmdc.retriever.download import fetch_catalog

        with FileLock(path.with_name(path.name + ".lock")):
            fetch_catalog(self.pars.url, path, progress=self.pars.verbose > 0)

    def get_columns(self) -> list[str]:
        """Return the names of the columns of the file."""
        return list(self.data.colnames)

    def get_data_slice(self, rows: slice | Sequence[int] | NDArray[Any]) -> Table:
        """Return some rows of the table."""
        return self.data[rows]

    def make_smaller_catalog(self, indices: Sequence[int] | slice | NDArray[Any]) -> Catalog:
        """Return a catalogue of some of the rows, with the same parameters."""
        made = type(self)(self.data[indices], cfg_file=False)
        made.pars = self.pars.copy()
        return made

    # ---------------------------------------------------------------- what is derived from it

    @property
    def _roles(self) -> Roles:
        _ = self.data
        roles: Roles = self._cached["roles"]
        return roles

    def _derived(self, key: str, make: Any) -> Any:
        # Made twice by two threads at worst, and equal then.
        if key not in self._cached:
            self._cached[key] = make()
        return self._cached[key]

    @property
    def _names(self) -> NameIndex:
        return self._derived("names", lambda: unique_names(self._roles.names))  # type: ignore[no-any-return]

    @property
    def _positions(self) -> Positions:
        return self._derived("positions", lambda: Positions.of(self._roles, self.pars))  # type: ignore[no-any-return]

    @property
    def _sky(self) -> SkyIndex:
        return self._derived("sky", lambda: SkyIndex(*self._positions.icrs))  # type: ignore[no-any-return]

    @property
    def names(self) -> NDArray[np.str_]:
        """Names of the sources, each once."""
        return self._names.names

    @property
    def coordinates(self) -> SkyCoord:
        """Positions at the epoch of the catalogue, in the frame of the output."""
        from astropy.coordinates import SkyCoord

        return SkyCoord(*self._positions.output, unit="deg", frame=self.pars.coord_frame_output)

    @property
    def cat_hash(self) -> str:
        """SHA-256 of names and positions, in hex: the same for the same sources in that order."""
        return self._derived("hash", self._content_hash)  # type: ignore[no-any-return]

    def _content_hash(self) -> str:
        digest = hashlib.sha256()
        for names in self._names.pieces():
            digest.update("".join(f"{name}\n" for name in names).encode())
        for angle in self._positions.icrs:
            digest.update(np.ascontiguousarray(angle, dtype="<f8").tobytes())
        return digest.hexdigest()

    # ---------------------------------------------------------------- rows

    def get_index_from_name(self, name: str) -> int:
        """Return the number of the row of a source; KeyError if there is none of that name."""
        return self._names.index_of(str(name))

    def get_name_from_index(self, index: int) -> str:
        """Return the name of the source of a row."""
        return self._names.name_of(self._checked_index(index))

    def _checked_index(self, index: int) -> int:
        number, size = int(index), len(self)
        if not -size <= number < size:
            msg = f"loc: row {number} is not there; the catalogue has {size}"
            raise IndexError(msg)
        return number % size

    def get_row(
        self,
        loc: int | str,
        index_type: str = "number",
        output: str = "dict",
        obstime: Any = None,
        preferred_mag: str | None = None,
    ) -> dict[str, Any] | Row | SkyCoord:
        """Return a source.

        Parameters
        ----------
        loc : int or str
            Number of the row, or name of the source.
        index_type : {"number", "name"}
            Which of them it is.
        output : {"dict", "raw", "skycoord"}
            A dictionary that observatories understand, the row as it is in the file, or the
            position only.
        obstime : Time, str or float, optional
            Move the source to where it is then; a number is a Julian year.
        preferred_mag : str, optional
            Give the magnitude in this filter; it has to be in ``mag_to_column_map``.

        Returns
        -------
        dict, Row or SkyCoord
            ``cat_index``, ``name``, ``ra`` and ``dec`` in degrees, ``mag``, ``mag_err``,
            ``mag_filter``, ``alias``, and with proper motions ``pmra``, ``pmdec`` in mas/yr;
            ``frame`` where that is not icrs. None stands for what is not known.

        Raises
        ------
        KeyError, IndexError
            There is no such source.
        InvalidRequestError
            The position of the source is not a number, or a choice is not known.
        """
        if index_type not in ("number", "name"):
            msg = f"index_type: {index_type!r} is not known; choose 'number' or 'name'"
            raise InvalidRequestError(msg, parameter="index_type")
        by_name = index_type == "name"
        index = self.get_index_from_name(str(loc)) if by_name else self._checked_index(int(loc))
        if output == "raw":
            return self._raw_row(index)
        if output == "dict":
            return self._dict_row(index, as_year(obstime), preferred_mag)
        if output == "skycoord":
            return self._place(self._dict_row(index, as_year(obstime), None))
        msg = f"output: {output!r} is not known; choose 'dict', 'raw' or 'skycoord'"
        raise InvalidRequestError(msg, parameter="output")

    def _raw_row(self, index: int) -> Any:
        if self.pars.use_only_pandas:
            return self.data[index : index + 1].to_pandas().iloc[0]
        return self.data[index]

    def _place(self, row: dict[str, Any]) -> SkyCoord:
        from astropy.coordinates import SkyCoord

        frame = self.pars.coord_frame_output.lower()
        return SkyCoord(row["ra"], row["dec"], unit="deg", frame=frame)

    def _dict_row(
        self, index: int, year: float | None, preferred_mag: str | None
    ) -> dict[str, Any]:
        name = self._names.name_of(index)
        ra, dec = self._positions.at(index, year)
        if ra != ra or dec != dec:
            msg = f"ra, dec: {name!r} (row {index}) has no position; correct the catalogue"
            raise InvalidRequestError(msg, parameter="ra")
        row = {"cat_index": index, "name": name, "ra": ra, "dec": dec}
        row.update(self._roles.magnitude(index, self.pars, preferred_mag))
        row["alias"] = self._roles.alias(index)
        motion = self._positions.motion(index)
        if motion is not None:
            row["pmra"], row["pmdec"] = motion
        if self.pars.coord_frame_output.lower() != "icrs":
            row["frame"] = self.pars.coord_frame_output.lower()
        return row

    def values_from_row(self, row: Row) -> dict[str, Any]:
        """Return the dictionary of a raw row of this catalogue."""
        return self._dict_row(int(row.index), None, None)

    def rows(
        self,
        start: int = 0,
        stop: int | None = None,
        obstime: Any = None,
        preferred_mag: str | None = None,
    ) -> Iterator[dict[str, Any]]:
        """Yield the dictionaries of rows ``start`` up to ``stop``."""
        year = as_year(obstime)
        for index in range(*slice(start, stop).indices(len(self))):
            yield self._dict_row(index, year, preferred_mag)

    def get_nearest_row(
        self,
        ra: float,
        dec: float,
        radius: float = 2.0,
        output: str = "dict",
        obstime: Any = None,
    ) -> dict[str, Any] | Row | SkyCoord | None:
        """Return the source nearest to a position.

        Parameters
        ----------
        ra, dec : float
            Position in degrees, ICRS.
        radius : float, optional
            Largest distance in arcsec.
        output : {"dict", "raw", "skycoord"}
            As in `get_row`.
        obstime : Time, str or float, optional
            When the source is to be there.

        Returns
        -------
        dict, Row, SkyCoord or None
            None if there is none.
        """
        year = as_year(obstime)
        margin = self._positions.largest_motion(year)
        candidates = self._sky.around(ra, dec, radius + margin)
        distances = self._positions.distances(candidates, ra, dec, year)
        if not len(candidates) or distances.min() > radius:
            return None
        nearest = int(candidates[int(np.argmin(distances))])
        return self.get_row(nearest, "number", output, obstime)

    def get_all_sources(self, session: Any = None, **criteria: Any) -> list[Any]:
        """Return the sources of the database that are in this catalogue, in its order.

        Parameters
        ----------
        session : Session, optional
            Session of the database; a new one by default.
        **criteria
            Values of columns of Source, such as ``project`` and ``cfg_hash``.
        """
        import sqlalchemy as sa

        from astroquery_mmdc.retriever.database import SmartSession, Source

        with SmartSession(session) as db:
            found = db.scalars(sa.select(Source).filter_by(**criteria)).all()
        mine = [source for source in found if self._names.has(source.name)]
        return sorted(mine, key=lambda source: self._names.index_of(source.name))

    def help(self) -> HelpText:
        """Return the methods and the parameters, with their values and meanings."""
        return describe_object(self, self.pars.help())
