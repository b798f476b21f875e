"""Spectra with their responses, ready for XSPEC (OGIP files)."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from astropy import units as u
from astropy.io import fits
from numpy.typing import NDArray

from astroquery_mmdc._files import atomic_path
from astroquery_mmdc.exceptions import InvalidRequestError
from astroquery_mmdc.mmoda.collection import DataCollection, clean_name
from astroquery_mmdc.mmoda.products import NumpyProduct

__all__ = ["SpectrumFiles", "write_spectrum"]

_KIND = re.compile(r"(spectrum|arf|rmf)$", re.IGNORECASE)
_COMMON = {"HDUCLASS": "OGIP", "TELESCOP": "UNKNOWN", "INSTRUME": "UNKNOWN", "FILTER": "NONE"}
# By the columns that make out a table: its standard name, keywords and units.
_SPECTRUM = {
    "HDUCLAS1": "SPECTRUM",
    "HDUVERS": "1.2.1",
    "CHANTYPE": "PI",
    "AREASCAL": 1.0,
    "BACKSCAL": 1.0,
    "CORRSCAL": 0.0,
    "BACKFILE": "NONE",
    "CORRFILE": "NONE",
}
_ARF = {"HDUCLAS1": "RESPONSE", "HDUCLAS2": "SPECRESP", "HDUVERS": "1.1.0"}
_MATRIX = {
    "HDUCLAS1": "RESPONSE",
    "HDUCLAS2": "RSP_MATRIX",
    "HDUVERS": "1.3.0",
    "CHANTYPE": "PI",
    "LO_THRES": 0.0,
}
_EBOUNDS = {"HDUCLAS1": "RESPONSE", "HDUCLAS2": "EBOUNDS", "HDUVERS": "1.2.0", "CHANTYPE": "PI"}
_UNITS = {
    "ENERG_LO": "keV",
    "ENERG_HI": "keV",
    "E_MIN": "keV",
    "E_MAX": "keV",
    "SPECRESP": "cm**2",
    "RATE": "count / s",
    "COUNTS": "count",
}


@dataclass(frozen=True, slots=True)
class SpectrumFiles:
    """The three files of one spectrum; ``spectrum`` names the other two in its header."""

    spectrum: Path
    arf: Path
    rmf: Path


def write_spectrum(
    collection: DataCollection,
    directory: str | os.PathLike[str] = ".",
    *,
    source: str | None = None,
    name: str | None = None,
    systematic: float | None = None,
    exposure: u.Quantity | None = None,
    compress: bool = False,
    overwrite: bool = False,
) -> SpectrumFiles:
    """Write spectrum, effective area and redistribution matrix of a source.

    Parameters
    ----------
    collection : `~astroquery_mmdc.mmoda.collection.DataCollection`
        Products of a request for a spectrum.
    directory : path-like, optional
        Where to; it is made if it is not there.
    source : str, optional
        Which source, where the collection holds several.
    name : str, optional
        What the names of the files begin with; the source's name unless given.
    systematic : float, optional
        Fraction to put into the column ``SYS_ERR``, for example 0.01.
    exposure : `~astropy.units.Quantity`, optional
        Exposure time; that of the header unless given.
    compress : bool, optional
        Whether responses are written as ``.fits.gz``.
    overwrite : bool, optional
        Whether files that are already there may be replaced.

    Returns
    -------
    SpectrumFiles
        The three paths.

    Raises
    ------
    InvalidRequestError
        The source is not there or not the only one, or one of its products is missing.
    """
    parts = _parts(collection, source)
    spectrum, arf, rmf = (parts[kind].hdulist for kind in ("spectrum", "arf", "rmf"))
    stem = clean_name(name or str(parts["spectrum"].meta_data.get("src_name") or "spectrum"))
    if not stem:
        msg = f"name: {name!r} leaves no letters for a file's name"
        raise InvalidRequestError(msg, parameter="name")
    ending = "fits.gz" if compress else "fits"
    folder = Path(directory).expanduser()
    files = SpectrumFiles(
        folder / f"{stem}_spectrum.fits",
        folder / f"{stem}_arf.{ending}",
        folder / f"{stem}_rmf.{ending}",
    )
    _complete_spectrum(spectrum, files, exposure, systematic)
    _complete(arf, ("SPECRESP",), "SPECRESP", _ARF, _origin(spectrum))
    _complete_matrix(rmf, _origin(spectrum))
    folder.mkdir(parents=True, exist_ok=True)
    for path, hdus in ((files.arf, arf), (files.rmf, rmf), (files.spectrum, spectrum)):
        with atomic_path(path, overwrite=overwrite) as temporary:
            hdus.writeto(temporary)
    return files


def _parts(collection: DataCollection, source: str | None) -> dict[str, NumpyProduct]:
    """Return spectrum, arf and rmf of the source."""
    by_source: dict[str, dict[str, NumpyProduct]] = {}
    for product in collection:
        kind = _KIND.search(str(product.meta_data.get("product") or ""))
        if kind and isinstance(product, NumpyProduct):
            of_source = by_source.setdefault(str(product.meta_data.get("src_name") or ""), {})
            of_source.setdefault(kind[1].lower(), product)
    if source is None and len(by_source) == 1:
        source = next(iter(by_source))
    if source not in by_source:
        msg = f"source: {source!r} is none of the sources with a spectrum, {list(by_source)}"
        raise InvalidRequestError(msg, parameter="source")
    parts = by_source[source]
    missing = [kind for kind in ("spectrum", "arf", "rmf") if kind not in parts]
    if missing:
        msg = f"source: {source!r} came without {' and '.join(missing)}"
        raise InvalidRequestError(msg, parameter="source")
    return parts


def _find(hdus: fits.HDUList, columns: tuple[str, ...]) -> Any:
    """Return the table with these columns, whatever it is called."""
    for hdu in hdus:
        if isinstance(hdu, fits.BinTableHDU) and set(columns) <= set(hdu.columns.names):
            return hdu
    msg = f"collection: no table with the columns {', '.join(columns)}"
    raise InvalidRequestError(msg, parameter="collection")


def _origin(spectrum: fits.HDUList) -> dict[str, Any]:
    header = _find(spectrum, ("CHANNEL",)).header
    return {key: header[key] for key in ("TELESCOP", "INSTRUME", "FILTER")}


def _complete_spectrum(
    hdus: fits.HDUList, files: SpectrumFiles, exposure: u.Quantity | None, systematic: float | None
) -> None:
    hdu = _find(hdus, ("CHANNEL",))
    if systematic is not None:
        hdu = _with_systematic(hdus, hdu, systematic)
    names = hdu.columns.names
    _fill(hdu, "SPECTRUM", _SPECTRUM, {})
    header = hdu.header
    header["RESPFILE"], header["ANCRFILE"] = files.rmf.name, files.arf.name
    if exposure is not None:
        header["EXPOSURE"] = (u.Quantity(exposure).to_value(u.s), "[s] exposure time")
    if not isinstance(header.get("EXPOSURE"), int | float):
        msg = "exposure: the spectrum came without EXPOSURE; pass exposure= with a unit of time"
        raise InvalidRequestError(msg, parameter="exposure")
    header.setdefault("DETCHANS", len(hdu.data))
    header.setdefault("POISSERR", "STAT_ERR" not in names)
    _first_channel(hdu, "CHANNEL", hdu.data["CHANNEL"])


def _with_systematic(hdus: fits.HDUList, hdu: Any, systematic: float) -> Any:
    """Return the spectrum with a column of systematic errors."""
    values = np.full(len(hdu.data), systematic, dtype="f4")
    if "SYS_ERR" in hdu.columns.names:
        hdu.data["SYS_ERR"][:] = values
        return hdu
    return _with_columns(hdus, hdu, [*hdu.columns, fits.Column("SYS_ERR", "E", array=values)])


def _with_columns(hdus: fits.HDUList, hdu: Any, columns: list[fits.Column]) -> Any:
    """Put a table with the same header and these columns into the place of one."""
    new = fits.BinTableHDU.from_columns(columns, header=hdu.header, name=hdu.name)
    hdus[hdus.index(hdu)] = new
    return new


def _complete_matrix(hdus: fits.HDUList, origin: Mapping[str, Any]) -> None:
    ebounds = _complete(hdus, ("E_MIN", "E_MAX"), "EBOUNDS", _EBOUNDS, origin)
    matrix = _with_groups(hdus, _complete(hdus, ("MATRIX",), "MATRIX", _MATRIX, origin))
    channels = ebounds.data["CHANNEL"]
    for hdu in (ebounds, matrix):
        hdu.header.setdefault("DETCHANS", len(channels))
    _first_channel(matrix, "F_CHAN", channels)


def _with_groups(hdus: fits.HDUList, matrix: Any) -> Any:
    """Return the matrix with lists of channels, even of one: some readers know no other form."""
    columns = [_as_lists(column, matrix.data[column.name]) for column in matrix.columns]
    return _with_columns(hdus, matrix, columns)


def _as_lists(column: fits.Column, values: NDArray[Any]) -> fits.Column:
    if column.name not in ("F_CHAN", "N_CHAN") or values.ndim > 1 or values.dtype.kind not in "iu":
        return column
    lists = np.empty(len(values), dtype=object)
    lists[:] = list(values.reshape(-1, 1))
    return fits.Column(column.name, "PJ()", array=lists)


def _complete(
    hdus: fits.HDUList,
    columns: tuple[str, ...],
    name: str,
    keywords: Mapping[str, Any],
    origin: Mapping[str, Any],
) -> Any:
    hdu = _find(hdus, columns)
    _fill(hdu, name, keywords, origin)
    return hdu


def _fill(hdu: Any, name: str, keywords: Mapping[str, Any], origin: Mapping[str, Any]) -> None:
    """Add what is missing; what the instrument wrote stays."""
    hdu.name = name
    for key, value in {**keywords, **_COMMON, **origin}.items():
        hdu.header.setdefault(key, value)
    for column in hdu.columns:
        if not column.unit and column.name in _UNITS:
            hdu.columns.change_unit(column.name, _UNITS[column.name])


def _first_channel(hdu: Any, column: str, channels: NDArray[Any]) -> None:
    """State the lowest channel, which readers otherwise take to be 1."""
    if column in hdu.columns.names and len(channels):
        place = hdu.columns.names.index(column) + 1
        hdu.header.setdefault(f"TLMIN{place}", int(channels.min()))
