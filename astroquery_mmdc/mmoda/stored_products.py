"""Products as files of a folder, and back."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from astropy import units as u
from astropy.table import Column, MaskedColumn, Table

from astroquery_mmdc.exceptions import ParseError
from astroquery_mmdc.mmoda import gravitational, products
from astroquery_mmdc.mmoda.array_files import read_array, write_array
from astroquery_mmdc.mmoda.catalog import DispatcherCatalog
from astroquery_mmdc.mmoda.data_unit import DataUnit
from astroquery_mmdc.schema.ecsv import read_ecsv

__all__ = ["load_product", "store_product"]


def store_product(folder: Path, stem: str, product: products.Product) -> dict[str, Any]:
    """Write a product; what comes back goes into the index.

    Raises
    ------
    TypeError, ValueError
        The formats cannot hold it exactly.
    """
    kind = type(product).__name__
    if kind not in _KINDS:
        msg = f"no open form for a {kind}"
        raise TypeError(msg)
    said = _KINDS[kind][0](folder, stem, product)
    return {"kind": kind, "name": product.name, "meta_data": product.meta_data, **said}


def load_product(folder: Path, said: dict[str, Any]) -> products.Product:
    """Return the product that `store_product` wrote."""
    return _KINDS[said["kind"]][1](
        folder, said, {"name": said["name"], "meta_data": said["meta_data"]}
    )


# ---------------------------------------------------------------- arrays


def _store_numpy(folder: Path, stem: str, product: Any) -> dict[str, Any]:
    units = []
    for place, unit in enumerate(product.data_unit):
        said = {
            "name": unit.name,
            "header": unit.header,
            "meta_data": unit.meta_data,
            "hdu_type": unit.hdu_type,
            "units_dict": unit.units_dict,
        }
        if unit.data is not None:
            said["file"] = f"{stem}_{place:03d}.parquet"
            said["array"] = write_array(folder / said["file"], unit.data)
        units.append(said)
    event = {"event": product.event} if isinstance(product, gravitational.SkyMapProduct) else {}
    return {"data_unit": units, **event}


def _units(folder: Path, said: dict[str, Any]) -> list[DataUnit]:
    return [
        DataUnit(
            data=read_array(folder / unit["file"], unit["array"]) if "file" in unit else None,
            name=unit["name"],
            header=unit["header"],
            meta_data=unit["meta_data"],
            hdu_type=unit["hdu_type"],
            units_dict=unit["units_dict"],
        )
        for unit in said["data_unit"]
    ]


def _load_numpy(folder: Path, said: dict[str, Any], common: dict[str, Any]) -> products.Product:
    return products.NumpyProduct(**common, data_unit=_units(folder, said))


def _load_sky_map(folder: Path, said: dict[str, Any], common: dict[str, Any]) -> products.Product:
    return gravitational.SkyMapProduct(
        **common, data_unit=_units(folder, said), event=said["event"]
    )


def _store_strain(folder: Path, stem: str, product: Any) -> dict[str, Any]:
    said = {"t0": product.t0, "dt": product.dt, "file": f"{stem}.parquet"}
    if isinstance(product, gravitational.SpectrogramProduct):
        said["frequencies"] = product.frequencies.to_value(u.Hz).tolist()
    said["array"] = write_array(folder / said["file"], product.value)
    return said


def _load_strain(folder: Path, said: dict[str, Any], common: dict[str, Any]) -> products.Product:
    value = read_array(folder / said["file"], said["array"])
    return gravitational.StrainProduct(**common, value=value, t0=said["t0"], dt=said["dt"])


def _load_spectrogram(
    folder: Path, said: dict[str, Any], common: dict[str, Any]
) -> products.Product:
    value = read_array(folder / said["file"], said["array"])
    frequencies = np.array(said["frequencies"], dtype=np.float64) * u.Hz
    return gravitational.SpectrogramProduct(
        **common, value=value, t0=said["t0"], dt=said["dt"], frequencies=frequencies
    )


# ---------------------------------------------------------------- tables


def _store_table(folder: Path, stem: str, product: Any) -> dict[str, Any]:
    table, path = product.table, folder / f"{stem}.ecsv"
    texts = [name for name in table.colnames if table[name].dtype.kind == "U"]
    # As they are where ECSV keeps them; it takes empty texts for gaps, and drops blanks around.
    for quoted in ([], texts):
        said = {"file": path.name, "texts": quoted}
        _quoted(table, quoted).write(path, format="ascii.ecsv", overwrite=True)
        if _reads_back(folder, said, table):
            return said
    msg = "a table that ECSV does not hold exactly"
    raise ValueError(msg)


def _reads_back(folder: Path, said: dict[str, Any], table: Table) -> bool:
    try:
        return _is_same(_table(folder, said), table)
    except ParseError:
        return False


def _quoted(table: Table, texts: list[str]) -> Table:
    """Return the table with these columns as objects, which ECSV writes as JSON."""
    copy = table.copy(copy_data=False)
    for name in texts:
        values = np.empty(len(table), dtype=object)
        values[:] = table[name].tolist()
        copy[name] = values
    return copy


def _unquoted(values: list[str | None]) -> Column:
    """Return a column of texts; None is a gap."""
    gaps = [value is None for value in values]
    return MaskedColumn([value or "" for value in values], mask=gaps, dtype=str)


def _is_same(mine: Table, theirs: Table) -> bool:
    """Return whether two tables hold the same values, units and gaps."""
    return mine.colnames == theirs.colnames and all(
        _kind(mine[name]) == _kind(theirs[name])
        and getattr(mine[name], "unit", None) == getattr(theirs[name], "unit", None)
        # Texts of values: NaN is then equal to itself, and gaps show.
        and repr(_values(mine[name])) == repr(_values(theirs[name]))
        for name in theirs.colnames
    )


def _kind(column: Any) -> str:
    """Return the type of a column; how wide a column of texts is makes no difference."""
    return column.dtype.kind if column.dtype.kind in "US" else column.dtype.str


def _values(column: Any) -> Any:
    return getattr(column, "value", column).tolist()


def _load_table(folder: Path, said: dict[str, Any], common: dict[str, Any]) -> products.Product:
    return products.TableProduct(**common, table=_table(folder, said))


def _table(folder: Path, said: dict[str, Any]) -> Any:
    table = read_ecsv((folder / said["file"]).read_text(encoding="utf-8"))
    for name in said.get("texts", ()):
        column = _unquoted(table[name].tolist())
        table[name] = column if column.mask.any() else Column(column)
    return table


_CATALOG = ("frame", "coord_units", "lon_name", "lat_name", "described")


def _store_catalog(folder: Path, stem: str, product: Any) -> dict[str, Any]:
    said = {key: getattr(product, key) for key in _CATALOG}
    return {**_store_table(folder, stem, product), **said}


def _load_catalog(folder: Path, said: dict[str, Any], common: dict[str, Any]) -> products.Product:
    rest = {key: said[key] for key in _CATALOG}
    return DispatcherCatalog(**common, table=_table(folder, said), **rest)


# ---------------------------------------------------------------- files and texts


def _store_text(folder: Path, stem: str, product: Any) -> dict[str, Any]:
    return {"value": product.value}


def _load_text(folder: Path, said: dict[str, Any], common: dict[str, Any]) -> products.Product:
    return products.TextProduct(**common, value=said["value"])


def _store_contours(folder: Path, stem: str, product: Any) -> dict[str, Any]:
    return {"contours": product.contours}


def _load_contours(folder: Path, said: dict[str, Any], common: dict[str, Any]) -> products.Product:
    return gravitational.ContoursProduct(**common, contours=said["contours"])


def _store_bytes(folder: Path, stem: str, product: Any) -> dict[str, Any]:
    file = f"{stem}.{product.extension}"
    is_picture = isinstance(product, products.PictureProduct)
    (folder / file).write_bytes(product.binary_data if is_picture else product.bin_data)
    return {"file": file}


def _load_picture(folder: Path, said: dict[str, Any], common: dict[str, Any]) -> products.Product:
    return products.PictureProduct(**common, binary_data=(folder / said["file"]).read_bytes())


def _load_binary(folder: Path, said: dict[str, Any], common: dict[str, Any]) -> products.Product:
    return products.BinaryProduct(**common, bin_data=(folder / said["file"]).read_bytes())


_Store = Callable[[Path, str, Any], dict[str, Any]]
_Load = Callable[[Path, dict[str, Any], dict[str, Any]], products.Product]
_KINDS: dict[str, tuple[_Store, _Load]] = {
    "NumpyProduct": (_store_numpy, _load_numpy),
    "SkyMapProduct": (_store_numpy, _load_sky_map),
    "StrainProduct": (_store_strain, _load_strain),
    "SpectrogramProduct": (_store_strain, _load_spectrogram),
    "TableProduct": (_store_table, _load_table),
    "DispatcherCatalog": (_store_catalog, _load_catalog),
    "TextProduct": (_store_text, _load_text),
    "ContoursProduct": (_store_contours, _load_contours),
    "BinaryProduct": (_store_bytes, _load_binary),
    "PictureProduct": (_store_bytes, _load_picture),
}
