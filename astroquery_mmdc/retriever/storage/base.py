"""What every store of light curves can do, and where one of them lies."""

from __future__ import annotations

import abc
import errno
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from astroquery_mmdc.exceptions import CacheError, InvalidRequestError
from astroquery_mmdc.retriever.lightcurve import LightCurve
from astroquery_mmdc.retriever.paths import data_root, legalise, project_folder, ra_folder

__all__ = [
    "DamagedDataError",
    "LightCurveStore",
    "Location",
    "MissingDataError",
    "Naming",
    "disk_errors",
]


class MissingDataError(CacheError, FileNotFoundError):
    """A light curve is not where it should be: the file, or its key in there, is missing."""


class DamagedDataError(CacheError):
    """A file of light curves cannot be read."""


@dataclass(frozen=True, slots=True)
class Location:
    """Where a light curve lies.

    Parameters
    ----------
    folder : str
        Folder below the data root: that of an observatory or of a project.
    filename : str
        Path below that folder, with ``/``.
    filekey : str
        Which of the light curves in the file.
    format : str
        ``"hdf5"``, ``"parquet"``, ``"fits"``, ``"csv"`` or ``"netcdf"``.
    size : int
        Bytes of the data in memory.
    """

    folder: str
    filename: str
    filekey: str
    format: str = "hdf5"
    size: int = 0

    def path(self, root: Path | None = None) -> Path:
        """Return the whole path; an absolute file name is one already."""
        base = data_root() if root is None else root
        return base / self.folder / PurePosixPath(self.filename)


@dataclass(frozen=True, slots=True)
class Naming:
    """How files and keys are called.

    Parameters
    ----------
    project, cfg_hash : str
        Whose products they are; raw data belong to nobody.
    prefix, suffix : str
        Put before and after the source's part of a key.
    ra_minutes, ra_seconds : bool
        Whether the folders of right ascension are finer.
    """

    project: str = ""
    cfg_hash: str = ""
    prefix: str = ""
    suffix: str = ""
    ra_minutes: bool = False
    ra_seconds: bool = False

    def folder(self, observatory: str, level: str) -> str:
        """Return the folder below the data root."""
        if level == "raw":
            return legalise(observatory)
        if not self.project:
            msg = f"project: none is named, but {level} light curves belong to one; name it"
            raise InvalidRequestError(msg, parameter="project")
        return project_folder(self.project, self.cfg_hash)

    def ra_folder(self, ra: float) -> PurePosixPath:
        """Return the folder of a right ascension in degrees."""
        return ra_folder(ra, minutes=self.ra_minutes, seconds=self.ra_seconds)


class LightCurveStore(abc.ABC):
    """Light curves on disk.

    Parameters
    ----------
    root : Path, optional
        The data root.
    naming : Naming, optional
        How files are called.
    """

    format: str

    def __init__(self, root: Path | None = None, naming: Naming | None = None) -> None:
        self.root = data_root() if root is None else Path(root).expanduser()
        self.naming = naming or Naming()

    @abc.abstractmethod
    def write(self, lightcurves: Sequence[LightCurve], *, ra: float, dec: float) -> list[Location]:
        """Write all light curves of one file; they take the place of what was in there.

        Parameters
        ----------
        lightcurves : sequence of LightCurve
            Of one source and observatory, and of one file: the raw one, all reduced ones, or all
            processed ones with the simulated.
        ra, dec : float
            Position of the source in degrees, ICRS.

        Returns
        -------
        list of Location
            Of each, in their order.

        Raises
        ------
        InvalidRequestError
            They do not belong into one file.
        CacheError
            The disk is full or refuses.
        """

    def add(self, lightcurves: Sequence[LightCurve], *, ra: float, dec: float) -> list[Location]:
        """Write light curves as `write` does, but keep the others of their file."""
        return self.write(lightcurves, ra=ra, dec=dec)

    @abc.abstractmethod
    def read(self, location: Location) -> LightCurve:
        """Return a light curve.

        Raises
        ------
        MissingDataError
            It is not there.
        DamagedDataError
            It cannot be read.
        """

    @abc.abstractmethod
    def find(
        self, source: str, observatory: str, level: str, *, ra: float, dec: float
    ) -> list[Location]:
        """Return what is on disk for a source, whether the database knows it or not."""

    @abc.abstractmethod
    def scan(
        self, observatory: str, level: str = "raw", pattern: str | None = None
    ) -> Iterator[Location]:
        """Go through all light curves on disk.

        Parameters
        ----------
        observatory : str
            Whose light curves.
        level : str, optional
            Their level.
        pattern : str, optional
            Shell pattern that the file's path has to match.
        """

    @abc.abstractmethod
    def delete(self, location: Location) -> None:
        """Remove a light curve, and its file with the last one; none is no error."""

    @abc.abstractmethod
    def flush(self) -> None:
        """Return when all that was written is safe on the disk: before rows point at it."""

    @abc.abstractmethod
    def discard(self) -> None:
        """Forget what was not flushed, as far as it is not on the disk yet."""

    def exists(self, location: Location) -> bool:
        """Return whether a light curve is there and can be read."""
        try:
            self.read(location)
        except CacheError:
            return False
        return True


def same_file(lightcurves: Sequence[LightCurve]) -> LightCurve:
    """Return the first light curve; all of them must belong into its file."""
    first = lightcurves[0]
    family = {"simulated": "processed"}
    wanted = (first.source, first.observatory, family.get(first.level, first.level))
    for lightcurve in lightcurves:
        level = family.get(lightcurve.level, lightcurve.level)
        if (lightcurve.source, lightcurve.observatory, level) != wanted:
            msg = f"lightcurves: {first!r} and {lightcurve!r} belong into two files; write twice"
            raise InvalidRequestError(msg, parameter="lightcurves")
    return first


@contextmanager
def disk_errors(path: Path) -> Iterator[None]:
    """Say what a failed write means for the user."""
    try:
        yield
    except OSError as err:
        full = err.errno in (errno.ENOSPC, errno.EDQUOT) or "errno = 28" in str(err)
        why = "the disk is full" if full else str(err)
        msg = f"{path} cannot be written: {why}; make room or choose another RETRIEVER_DATA"
        raise CacheError(msg) from err


def sync_path(path: Path) -> None:
    """Wait until a file or folder is on the disk; one that is gone needs no waiting."""
    try:
        handle = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        return
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
