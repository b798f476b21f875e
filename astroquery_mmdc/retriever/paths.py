"""Where the retriever keeps its files, and what they are called.

::

    <data root>/
      ZTF/RA074/ZTF_photometry_<source>.h5                   raw, shared by all projects
      PROJECT[_<hash>]/RA074/ZTF_photometry_<source>_reduced.h5
      PROJECT[_<hash>]/RA074/ZTF_photometry_<source>_processed.h5
      catalogs/  configs/  retriever.db
"""

from __future__ import annotations

import hashlib
import math
import os
import re
import sys
import tempfile
import unicodedata
from functools import lru_cache
from pathlib import Path, PurePosixPath
from urllib.parse import unquote

from astroquery_mmdc.exceptions import InvalidRequestError
from astroquery_mmdc.retriever.lightcurve import LightCurve

__all__ = [
    "catalogs_folder",
    "configs_folder",
    "data_root",
    "escape",
    "file_key",
    "file_name",
    "legalise",
    "project_folder",
    "ra_folder",
    "safe_mkdir",
    "unescape",
]

# Modules in which assigning DATA_ROOT moves the data, as the documentation has always said.
_ASSIGNABLE = ("astroquery_mmdc.retriever.dataset", "astroquery_mmdc.retriever.database")

_LONGEST = 150
"""Bytes of an escaped name: with observatory and endings, a file name may have 255."""

_PLAIN = frozenset(" ._+-@()[],=#'~")


def data_root() -> Path:
    """Return the folder of all data.

    It is what was last assigned to ``dataset.DATA_ROOT`` or ``database.DATA_ROOT``, else the
    environment variable ``RETRIEVER_DATA``, else the user's folder of data.
    """
    for name in _ASSIGNABLE:
        assigned = vars(sys.modules[name]).get("DATA_ROOT") if name in sys.modules else None
        if assigned is not None:
            return Path(assigned).expanduser().absolute()
    if place := os.environ.get("RETRIEVER_DATA"):
        return Path(place).expanduser().absolute()
    home = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
    return Path(home) / "astroquery_mmdc" / "retriever"


def catalogs_folder() -> Path:
    """Return the folder of catalogues; it is made when there is none."""
    return safe_mkdir(data_root() / "catalogs")


def configs_folder() -> Path:
    """Return the folder of configuration files; it is made when there is none."""
    return safe_mkdir(data_root() / "configs")


def safe_mkdir(path: str | os.PathLike[str], *roots: str | os.PathLike[str]) -> Path:
    """Make a folder with its parents, but only below the folders meant for it.

    Parameters
    ----------
    path : path-like
        The folder; it may exist.
    *roots : path-like
        Where folders may be made besides the data root, ``DATA_TEMP`` and the folder of
        temporary files.

    Raises
    ------
    InvalidRequestError
        The folder lies elsewhere.
    """
    target = Path(path).expanduser().resolve()
    temporary = (tempfile.gettempdir(), os.environ.get("DATA_TEMP"))
    allowed = [
        Path(root).expanduser().resolve() for root in (*roots, data_root(), *temporary) if root
    ]
    if not any(target.is_relative_to(root) for root in allowed):
        msg = (
            f"path: {target} is not below {allowed[0]}, and folders are made nowhere else; "
            "choose a path in there or set RETRIEVER_DATA"
        )
        raise InvalidRequestError(msg, parameter="path")
    target.mkdir(parents=True, exist_ok=True)
    return target


@lru_cache(maxsize=1024)
def legalise(name: str) -> str:
    """Return the name of a project or observatory as folders and attributes need it.

    Raises
    ------
    InvalidRequestError
        It has other characters than letters, digits, ``_``, ``-`` and blanks, or begins with
        a digit.

    Examples
    --------
    >>> legalise(" my survey-2 ")
    'MY_SURVEY_2'
    """
    legal = re.sub(r"[\s-]", "_", name.strip()).upper()
    if not re.fullmatch(r"(?!\d)\w+", legal):
        msg = (
            f"name: {name!r} cannot be a folder; use letters, digits and underscores, "
            "beginning with a letter"
        )
        raise InvalidRequestError(msg, parameter="name")
    return legal


@lru_cache(maxsize=1024)
def escape(name: str) -> str:
    """Return a source's name as part of a file name and of a key in a file.

    Letters, digits, blanks and harmless signs stay, everything else is percent-encoded, so that
    different names stay different. What is very long ends in a checksum instead.

    Examples
    --------
    >>> escape("NGC 4151/a*"), escape("J123.1-32.13")
    ('NGC 4151%2Fa%2A', 'J123.1-32.13')
    """
    if not name.strip():
        msg = f"name: {name!r} is empty; every source needs a name"
        raise InvalidRequestError(msg, parameter="name")
    text = unicodedata.normalize("NFC", name)
    escaped = "".join(
        letter if letter.isalnum() or letter in _PLAIN else _percent(letter) for letter in text
    )
    # "." and ".." are folders, and files that begin with a point are hidden.
    escaped = re.sub(r"^[. ]|[. ]$", lambda found: _percent(found.group()), escaped)
    if len(escaped.encode()) > _LONGEST:
        digest = hashlib.sha256(text.encode()).hexdigest()[:16]
        head = escaped.encode()[: _LONGEST - 20].decode("utf-8", "ignore")
        return f"{re.sub('%.?$', '', head)}~~{digest}"
    return escaped


def unescape(text: str) -> str:
    """Return the name that was escaped; what was cut stays cut."""
    return unquote(text)


def _percent(text: str) -> str:
    return "".join(f"%{byte:02X}" for byte in text.encode())


def ra_folder(ra: float, *, minutes: bool = False, seconds: bool = False) -> PurePosixPath:
    """Return the folder of a right ascension.

    Parameters
    ----------
    ra : float
        In degrees.
    minutes, seconds : bool
        Whether to divide a degree into folders of an arcminute, and those into arcseconds.

    Examples
    --------
    >>> str(ra_folder(74.26)), str(ra_folder(74.26, seconds=True))
    ('RA074', 'RA074/15/36')
    """
    if not math.isfinite(ra):
        msg = f"ra: {ra!r} is no right ascension; give degrees"
        raise InvalidRequestError(msg, parameter="ra")
    # In whole milliarcseconds: 74.26 degrees are 15'36", not 15'35.99".
    arcseconds = int(round((ra % 360.0) * 3_600_000) // 1000) % 1_296_000
    degrees, rest = divmod(arcseconds, 3600)
    folder = PurePosixPath(f"RA{degrees:03d}")
    if minutes or seconds:
        folder /= f"{rest // 60:02d}"
    return folder / f"{rest % 60:02d}" if seconds else folder


def project_folder(project: str, cfg_hash: str | None = "") -> str:
    """Return the folder of a project, of one version if it is under version control.

    Examples
    --------
    >>> project_folder("blazars"), project_folder("blazars", "3f2a")
    ('BLAZARS', 'BLAZARS_3f2a')
    """
    return legalise(project) + (f"_{cfg_hash}" if cfg_hash else "")


_ENDINGS = {"raw": "", "reduced": "_reduced", "processed": "_processed", "simulated": "_processed"}


def file_name(source: str, observatory: str, level: str) -> str:
    """Return the name of a source's file without its extension.

    Examples
    --------
    >>> file_name("BL Lac", "ztf", "reduced")
    'ZTF_photometry_BL Lac_reduced'
    """
    return f"{legalise(observatory)}_photometry_{escape(source)}{_ENDINGS[level]}"


def file_key(lightcurve: LightCurve, prefix: str = "", suffix: str = "") -> str:
    """Return the key of a light curve inside of its file.

    Examples
    --------
    >>> file_key(LightCurve(None, "BL Lac", "ZTF", level="reduced", series=1, total=3))
    'photometry_BL Lac_reduction_01_of_03'
    """
    key = f"{prefix}photometry_{escape(lightcurve.source)}{suffix}"
    if lightcurve.level == "raw":
        return key
    word = "reduction" if lightcurve.level == "reduced" else "processed"
    key += f"_{word}_{lightcurve.series:02d}_of_{lightcurve.total:02d}"
    if lightcurve.simulation:
        key += f"_simulated_{lightcurve.simulation:02d}_of_{lightcurve.simulations:02d}"
    return key
