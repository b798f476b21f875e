"""What a dispatcher returns: tables, images, spectra, files, pictures and texts."""

from __future__ import annotations

import json
import os
from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from astropy.table import QTable

from astroquery_mmdc._files import atomic_path
from astroquery_mmdc.exceptions import InvalidRequestError
from astroquery_mmdc.mmoda.data_unit import DataUnit

if TYPE_CHECKING:
    from astropy.io import fits
    from astropy.nddata import CCDData
    from astropy.timeseries import TimeSeries

__all__ = [
    "BinaryProduct",
    "NumpyProduct",
    "PictureProduct",
    "Product",
    "TableProduct",
    "TextProduct",
]

# First bytes of files, and the ending that belongs to them.
_MAGIC = (
    (b"\x89PNG\r\n\x1a\n", "png"),
    (b"\xff\xd8\xff", "jpg"),
    (b"GIF8", "gif"),
    (b"BM", "bmp"),
    (b"II*\x00", "tiff"),
    (b"MM\x00*", "tiff"),
    (b"SIMPLE  =", "fits"),
    (b"\x1f\x8b", "gz"),
    (b"PK\x03\x04", "zip"),
    (b"%PDF", "pdf"),
    (b"\x89HDF", "h5"),
    (b"PAR1", "parquet"),
)
_PICTURES = ("png", "jpg", "gif", "bmp", "tiff", "webp", "svg")


def guess_ending(content: bytes) -> str:
    """Return the ending that belongs to the first bytes of a file, ``bin`` where none does."""
    for magic, ending in _MAGIC:
        if content.startswith(magic):
            return ending
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        return "webp"
    head = content[:300].lstrip().lower()
    is_svg = head.startswith(b"<svg") or (head.startswith(b"<?xml") and b"<svg" in head)
    return "svg" if is_svg else "bin"


@dataclass(slots=True, eq=False, kw_only=True)
class Product(ABC):
    """One product: a name, what is said about it, and a file that it can be saved as.

    Parameters
    ----------
    name : str or None
        As the dispatcher calls it.
    meta_data : dict
        What the dispatcher says about it, for example ``src_name``.
    """

    name: str | None = None
    meta_data: dict[str, Any] = field(default_factory=dict)

    @property
    @abstractmethod
    def extension(self) -> str:
        """Ending of the file that `write` makes, without the point."""

    @property
    def shown_meta(self) -> Any:
        """What a listing shows of the metadata."""
        return self.meta_data

    def write(self, path: str | os.PathLike[str], *, overwrite: bool = False) -> Path:
        """Write the product to a file, which appears whole or not at all.

        Parameters
        ----------
        path : path-like
            Where to; the ending chooses the format where there is a choice.
        overwrite : bool, optional
            Whether a file that is already there may be replaced.

        Returns
        -------
        pathlib.Path
            The file.
        """
        with atomic_path(path, overwrite=overwrite) as temporary:
            self._write_to(temporary)
        return Path(path).expanduser()

    @abstractmethod
    def _write_to(self, path: Path) -> None:
        """Write the file; `write` sees to it that it appears whole or not at all."""


@dataclass(slots=True, eq=False, kw_only=True)
class NumpyProduct(Product):
    """A FITS file in pieces: images and tables with their headers.

    Parameters
    ----------
    data_unit : list of `~astroquery_mmdc.mmoda.data_unit.DataUnit`
        One for each HDU.
    """

    data_unit: list[DataUnit] = field(default_factory=list)

    @property
    def extension(self) -> str:
        """Ending of the file: FITS."""
        return "fits"

    def get_data_unit(self, name_or_index: str | int) -> DataUnit:
        """Return a data unit by its name or place.

        Raises
        ------
        InvalidRequestError
            There is none; the message lists those that are there.
        """
        for place, unit in enumerate(self.data_unit):
            if name_or_index in (unit.name, place):
                return unit
        names = [unit.name for unit in self.data_unit]
        msg = f"name_or_index: no data unit {name_or_index!r}; there are {names}"
        raise InvalidRequestError(msg, parameter="name_or_index")

    @property
    def table(self) -> QTable:
        """Columns of the first table, with units."""
        return self._first("table", [unit for unit in self.data_unit if unit.is_table]).table

    @property
    def timeseries(self) -> TimeSeries:
        """The first table with a column ``TIME``, as a light curve."""
        found = [
            unit
            for unit in self.data_unit
            if unit.data is not None and "TIME" in (unit.data.dtype.names or ())
        ]
        return self._first("light curve", found).timeseries

    @property
    def ccd(self) -> CCDData:
        """The first image, with world coordinates."""
        return self._first("image", [unit for unit in self.data_unit if unit.is_image]).ccd

    def _first(self, wanted: str, found: list[DataUnit]) -> DataUnit:
        if found:
            return found[0]
        names = [unit.name for unit in self.data_unit]
        msg = f"product {self.name!r}: no {wanted} among its data units {names}"
        raise InvalidRequestError(msg, parameter=wanted)

    @property
    def hdulist(self) -> fits.HDUList:
        """All data units as a FITS file in memory."""
        from astropy.io import fits

        hdus = [unit.hdu for unit in self.data_unit]
        if not hdus or not isinstance(hdus[0], fits.PrimaryHDU):
            hdus.insert(0, fits.PrimaryHDU())
        return fits.HDUList(hdus)

    def write_fits_file(self, path: str | os.PathLike[str], overwrite: bool = True) -> Path:
        """Write a FITS file; a name that ends in ``.gz`` makes it compressed.

        Parameters
        ----------
        path : path-like
            Where to.
        overwrite : bool, optional
            Whether a file that is already there may be replaced.
        """
        return self.write(path, overwrite=overwrite)

    def _write_to(self, path: Path) -> None:
        with self.hdulist as hdus:
            hdus.writeto(path)


@dataclass(slots=True, eq=False, kw_only=True)
class TableProduct(Product):
    """A table of its own.

    Parameters
    ----------
    table : `~astropy.table.QTable`
        Columns with their units.
    """

    table: QTable

    @property
    def extension(self) -> str:
        """Ending of the file: FITS."""
        return "fits"

    @property
    def shown_meta(self) -> Any:
        """The metadata as the text that they arrive as."""
        return json.dumps(self.meta_data)

    def write_fits_file(self, path: str | os.PathLike[str], overwrite: bool = True) -> Path:
        """Write the table as FITS."""
        return self.write(path, overwrite=overwrite)

    def _write_to(self, path: Path) -> None:
        # Astropy finds FITS, ECSV, VOTable, Parquet, ... from the ending.
        self.table.write(path)


@dataclass(slots=True, eq=False, kw_only=True)
class TextProduct(Product):
    """A text.

    Parameters
    ----------
    value : object
        The text; other JSON values are kept as they are.
    """

    value: Any

    @property
    def extension(self) -> str:
        """Ending of the file."""
        return "txt"

    def __str__(self) -> str:
        return self.value if isinstance(self.value, str) else json.dumps(self.value)

    def _write_to(self, path: Path) -> None:
        path.write_text(str(self), encoding="utf-8")


@dataclass(slots=True, eq=False, kw_only=True)
class BinaryProduct(Product):
    """A file of any kind.

    Parameters
    ----------
    bin_data : bytes
        Its content.
    """

    bin_data: bytes

    @property
    def extension(self) -> str:
        """Ending of the file, from its first bytes."""
        return guess_ending(self.bin_data)

    @property
    def shown_meta(self) -> Any:
        """Nothing: files come without metadata."""
        return self.meta_data or ""

    def _write_to(self, path: Path) -> None:
        path.write_bytes(self.bin_data)


@dataclass(slots=True, eq=False, kw_only=True)
class PictureProduct(Product):
    """A picture; notebooks show it.

    Parameters
    ----------
    binary_data : bytes
        Content of the picture's file.
    """

    binary_data: bytes

    @property
    def img_type(self) -> str:
        """Kind of the picture, for example ``"png"``, from its first bytes."""
        return guess_ending(self.binary_data)

    @property
    def extension(self) -> str:
        """Ending of the file."""
        return self.img_type

    @property
    def metadata(self) -> dict[str, Any]:
        """What is said about the picture."""
        return self.meta_data

    @property
    def shown_meta(self) -> Any:
        """Nothing: the listing has no place for a picture's metadata."""
        return ""

    def _repr_png_(self) -> bytes | None:
        return self.binary_data if self.img_type == "png" else None

    def _repr_jpeg_(self) -> bytes | None:
        return self.binary_data if self.img_type == "jpg" else None

    def _write_to(self, path: Path) -> None:
        path.write_bytes(self.binary_data)


def is_picture(content: bytes) -> bool:
    """Return whether a file is a picture of a known kind."""
    return guess_ending(content) in _PICTURES
