"""The end of a notebook, in its own process: turns its results into products and writes them.

Nothing is pickled: objects of known classes, or of the shape of the official client's products, are
taken apart here, and whatever is none of them is refused by name.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from astropy import units as u
from astropy.io import fits
from astropy.nddata import NDData
from astropy.table import Column, MaskedColumn, QTable, Table
from astropy.time import Time

from astroquery_mmdc._files import write_atomic
from astroquery_mmdc.exceptions import InvalidRequestError
from astroquery_mmdc.schema.products import (
    ProductList,
    array_unit,
    binary_product,
    numpy_product,
    picture_product,
    primary_unit,
    record_array,
    table_product,
    table_unit,
    text_product,
)

__all__ = ["add_product", "write_products"]

_ARRAYS = frozenset({"LightCurve", "Spectrum", "NumpyDataProduct", "Image"})
_PICTURES = frozenset({"ODAPictureProduct", "PictureProduct", "Picture"})


def write_products(
    outputs: Iterable[Sequence[Any]],
    namespace: Mapping[str, Any],
    path: str,
    meta: Mapping[str, Any],
) -> None:
    """Write the results of a notebook.

    Parameters
    ----------
    outputs : iterable of (name, expression, terms)
        As in `~astroquery_mmdc.notebooks.Output`.
    namespace : mapping
        The variables of the notebook.
    path : str
        Where the products go, as JSON.
    meta : mapping
        What is known about all of them, such as ``src_name``.

    Raises
    ------
    InvalidRequestError
        A result is missing or is no product; the message names it.
    """
    products = ProductList()
    for name, expression, terms in outputs:
        if name not in namespace:
            msg = f"{name}: the notebook did not make this result"
            raise InvalidRequestError(msg, parameter=name)
        value = _taken(namespace.get(expression), namespace[name])
        add_product(products, name, value, terms, meta)
    write_atomic(path, json.dumps(products.entries, allow_nan=False))


def _taken(source: Any, value: Any) -> Any:
    """Return the product behind an encoded one, where there is one."""
    is_product = any(hasattr(source, name) for name in ("data_unit", "table", "bin_data"))
    return source if is_product or hasattr(source, "binary_data") else value


def add_product(
    products: ProductList,
    name: str,
    value: Any,
    terms: Iterable[str] = (),
    meta: Mapping[str, Any] | None = None,
) -> None:
    """Append one result.

    Parameters
    ----------
    products : ProductList
    name : str
        Of the product.
    value : object
        A table, an array, an image, HDUs, a figure, a text, bytes, a path of a file, a number, or a
        product of the official client.
    terms : iterable of str, optional
        What it is: ``LightCurve`` and ``Spectrum`` make a table one of arrays.
    meta : mapping, optional

    Raises
    ------
    InvalidRequestError
        It is none of them.
    """
    terms, meta = frozenset(terms), dict(meta or {})
    for is_such, add in _KINDS:
        if is_such(value):
            add(products, name, value, terms, meta)
            return
    kind = f"{type(value).__module__}.{type(value).__qualname__}"
    msg = (
        f"{name}: a {kind} is no product; make it a table, an array, FITS HDUs, a figure, a text, "
        "bytes or the path of a file"
    )
    raise InvalidRequestError(msg, parameter=name)


# ---------------------------------------------------------------- tables and arrays


def _add_table(
    products: ProductList, name: str, table: Table, terms: frozenset[str], meta: dict[str, Any]
) -> None:
    if not _ARRAYS & terms:
        products.add_table(table_product(name, _without_meta(table), meta))
        return
    unit = _unit_of_table(name, table)
    products.add_arrays(numpy_product(name, [primary_unit(), unit], {**meta, **_axes(table)}))


def _without_meta(table: Table) -> Table:
    """Return the table with what ECSV can hold of its meta: other objects are no data."""
    copy = table.copy(copy_data=False)
    copy.meta = {k: v for k, v in table.meta.items() if isinstance(v, str | int | float | bool)}
    return copy


def _unit_of_table(name: str, table: Table) -> dict[str, Any]:
    columns = {column: _numbers(table[column]) for column in table.colnames}
    units = {c: _fits_unit(table[c]) for c in table.colnames}
    kept = {column: unit for column, unit in units.items() if unit}
    return table_unit(name, record_array(columns), units=kept, header=dict(table.meta))


def _numbers(column: Any) -> np.ndarray:
    """Return the values of a column: times as MJD, missing ones as NaN or empty."""
    if isinstance(column, Time):
        return np.asarray(column.mjd)
    values = column.value if isinstance(column, u.Quantity) else column
    if isinstance(values, MaskedColumn | np.ma.MaskedArray) or hasattr(values, "mask"):
        blank: Any = "" if values.dtype.kind in "SU" else np.nan
        kind = values.dtype if values.dtype.kind in "SUf" else float
        return np.ma.MaskedArray(values, dtype=kind).filled(blank)
    return _texts(np.asarray(values))


def _texts(values: np.ndarray) -> np.ndarray:
    """Return texts that came as objects as an array of texts."""
    is_text = values.dtype.kind == "O" and all(isinstance(value, str) for value in values.flat)
    return values.astype(str) if is_text else values


def _fits_unit(column: Any) -> str | None:
    if isinstance(column, Time):
        return "d"
    unit = getattr(column, "unit", None)
    if unit is None or unit == u.dimensionless_unscaled:
        return None
    try:
        return str(u.Unit(unit).to_string("fits"))
    except (ValueError, TypeError):
        return str(unit)


def _axes(table: Table) -> dict[str, str]:
    """Name the columns of a light curve, for the clients' plots."""
    names = {column.lower(): column for column in table.colnames}
    wanted = {
        "time": ("time", "mjd"),
        "rate": ("rate", "flux"),
        "rate_err": ("error", "rate_err", "flux_err", "err"),
    }
    found = {
        key: next((names[n] for n in some if n in names), None) for key, some in wanted.items()
    }
    return {key: column for key, column in found.items() if column}


def _add_array(
    products: ProductList, name: str, array: Any, terms: frozenset[str], meta: dict[str, Any]
) -> None:
    unit = str(array.unit.to_string("fits")) if isinstance(array, u.Quantity) else None
    values = np.asarray(array)
    if values.dtype.names:
        data = table_unit(name, values)
    elif values.ndim == 1:
        data = table_unit(
            name, record_array({"VALUE": values}), units={"VALUE": unit} if unit else None
        )
    else:
        data = array_unit(name, values, header={"BUNIT": unit} if unit else None)
    products.add_arrays(numpy_product(name, [primary_unit(), data], meta))


def _add_image(
    products: ProductList, name: str, image: NDData, terms: frozenset[str], meta: dict[str, Any]
) -> None:
    header = dict(image.wcs.to_header()) if hasattr(image.wcs, "to_header") else {}
    header |= {"BUNIT": image.unit.to_string("fits")} if image.unit else {}
    unit = array_unit(name, np.asarray(image.data), header=header)
    products.add_arrays(numpy_product(name, [primary_unit(), unit], meta))


def _add_hdus(
    products: ProductList, name: str, hdus: Any, terms: frozenset[str], meta: dict[str, Any]
) -> None:
    some = [hdus] if isinstance(hdus, fits.hdu.base._BaseHDU) else list(hdus)
    units = [_unit_of_hdu(hdu, index) for index, hdu in enumerate(some)]
    if units and units[0]["hdu_type"] != "primary":
        units.insert(0, primary_unit())
    products.add_arrays(numpy_product(name, units, meta))


def _unit_of_hdu(hdu: Any, index: int) -> dict[str, Any]:
    header = dict(hdu.header)
    name = hdu.name or ("PRIMARY" if index == 0 else f"HDU{index}")
    if isinstance(hdu, fits.BinTableHDU | fits.TableHDU):
        table = QTable.read(hdu, astropy_native=False)
        unit = _unit_of_table(name, table)
        return {**unit, "header": table_unit(name, record_array({}), header=header)["header"]}
    if hdu.data is None:
        return {**primary_unit(header), "name": name}
    kind = "primary" if isinstance(hdu, fits.PrimaryHDU) else "image"
    return array_unit(name, hdu.data, header=header, hdu_type=kind)


# ---------------------------------------------------------------- products of the official client


def _add_units(
    products: ProductList, name: str, product: Any, terms: frozenset[str], meta: dict[str, Any]
) -> None:
    units = [_unit_of_unit(unit) for unit in product.data_unit]
    meta = {**meta, **_plain_meta(getattr(product, "meta_data", None))}
    products.add_arrays(numpy_product(getattr(product, "name", None) or name, units, meta))


def _unit_of_unit(unit: Any) -> dict[str, Any]:
    name, header, kind = unit.name or "DATA", dict(unit.header or {}), unit.hdu_type or "image"
    if unit.data is None or (np.size(unit.data) == 0 and not np.asarray(unit.data).dtype.names):
        return {**primary_unit(header), "name": name, "hdu_type": kind}
    if np.asarray(unit.data).dtype.names:
        units = getattr(unit, "units_dict", None)
        return table_unit(name, np.asarray(unit.data), units=units, header=header)
    return array_unit(name, np.asarray(unit.data), header=header, hdu_type=kind)


def _plain_meta(meta: Any) -> dict[str, Any]:
    given = meta if isinstance(meta, Mapping) else {}
    return {str(k): v for k, v in given.items() if isinstance(v, str | int | float | bool)}


def _add_wrapped_table(
    products: ProductList, name: str, product: Any, terms: frozenset[str], meta: dict[str, Any]
) -> None:
    meta = {**meta, **_plain_meta(getattr(product, "meta_data", None))}
    name = getattr(product, "name", None) or name
    products.add_table(table_product(name, _without_meta(product.table), meta))


def _add_wrapped_bytes(
    products: ProductList, name: str, product: Any, terms: frozenset[str], meta: dict[str, Any]
) -> None:
    picture = getattr(product, "binary_data", None)
    name = getattr(product, "name", None) or name
    if picture is not None:
        products.add_picture(picture_product(name, bytes(picture), meta))
    else:
        products.add_binary(binary_product(name, bytes(product.bin_data)))


def _add_wrapped_text(
    products: ProductList, name: str, product: Any, terms: frozenset[str], meta: dict[str, Any]
) -> None:
    name = getattr(product, "name", None) or name
    meta = {**meta, **_plain_meta(product.meta_data)}
    products.add_text(text_product(name, str(product.value), meta))


# ---------------------------------------------------------------- pictures, files, texts


def _add_figure(
    products: ProductList, name: str, figure: Any, terms: frozenset[str], meta: dict[str, Any]
) -> None:
    content = BytesIO()
    figure.savefig(content, format="png")
    products.add_picture(picture_product(name, content.getvalue(), meta))


def _add_bytes(
    products: ProductList, name: str, content: bytes, terms: frozenset[str], meta: dict[str, Any]
) -> None:
    if _PICTURES & terms:
        products.add_picture(picture_product(name, content, meta))
    else:
        products.add_binary(binary_product(name, content))


def _add_file(
    products: ProductList, name: str, path: Path, terms: frozenset[str], meta: dict[str, Any]
) -> None:
    if path.name.lower().endswith((".fits", ".fits.gz", ".fit")):
        with fits.open(path) as hdus:
            _add_hdus(products, name, hdus, terms, meta)
    elif path.suffix.lower() in (".png", ".jpg", ".jpeg", ".gif", ".bmp"):
        products.add_picture(picture_product(name, path.read_bytes(), meta))
    else:
        products.add_binary(binary_product(name, path.read_bytes()))


def _add_text(
    products: ProductList, name: str, text: str, terms: frozenset[str], meta: dict[str, Any]
) -> None:
    # A name of a file stands for the file only where the annotation asks for one.
    wants_file = bool(terms - {"String", "ODATextProduct"})
    if wants_file and "\n" not in text and len(text) < 4096 and Path(text).is_file():
        _add_file(products, name, Path(text), terms, meta)
    else:
        products.add_text(text_product(name, text, meta))


def _add_plain(
    products: ProductList, name: str, value: Any, terms: frozenset[str], meta: dict[str, Any]
) -> None:
    if isinstance(value, Mapping) and "data_unit_list" in value:
        _add_encoded(products, name, value)
        return
    try:
        text = json.dumps(value.item() if isinstance(value, np.generic) else value)
    except (TypeError, ValueError) as err:
        msg = f"{name}: holds what JSON cannot write ({err}); make it plain numbers and texts"
        raise InvalidRequestError(msg, parameter=name) from err
    products.add_text(text_product(name, text, meta))


def _add_encoded(products: ProductList, name: str, value: Mapping[str, Any]) -> None:
    if any(unit.get("binarys") is not None for unit in value["data_unit_list"]):
        msg = f"{name}: holds a pickle; assign the product itself, or encode(use_pickle=False)"
        raise InvalidRequestError(msg, parameter=name)
    products.add_arrays(value)


def _is(*kinds: Any) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, kinds)


def _has(*names: str) -> Callable[[Any], bool]:
    return lambda value: all(hasattr(value, name) for name in names)


_Adder = Callable[[ProductList, str, Any, frozenset[str], dict[str, Any]], None]
_KINDS: tuple[tuple[Callable[[Any], bool], _Adder], ...] = (
    (_is(Table), _add_table),
    (_is(NDData), _add_image),
    (_is(fits.HDUList, fits.hdu.base._BaseHDU), _add_hdus),
    (_is(np.ndarray, Column), _add_array),
    (_has("data_unit", "meta_data"), _add_units),
    (_has("table", "meta_data"), _add_wrapped_table),
    (_has("binary_data", "img_type"), _add_wrapped_bytes),
    (_has("bin_data"), _add_wrapped_bytes),
    (_has("value", "meta_data"), _add_wrapped_text),
    (_has("savefig", "axes"), _add_figure),
    (_is(bytes, bytearray), _add_bytes),
    (_is(Path), _add_file),
    (_is(str), _add_text),
    (_is(bool, int, float, list, tuple, Mapping, np.generic), _add_plain),
)
