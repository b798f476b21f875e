"""From what a dispatcher sends to products: every encoding, and nothing of it is ever executed."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from hashlib import md5
from typing import Any

import numpy as np
from astropy.table import QTable
from numpy.typing import NDArray

from astroquery_mmdc.exceptions import ParseError
from astroquery_mmdc.mmoda.catalog import DispatcherCatalog
from astroquery_mmdc.mmoda.collection import DataCollection
from astroquery_mmdc.mmoda.data_unit import HDU_TYPES, DataUnit
from astroquery_mmdc.mmoda.encoded import (
    dictionary,
    from_base64,
    from_json,
    gunzipped,
    written_dtype,
)
from astroquery_mmdc.mmoda.gravitational_decoding import (
    sky_maps_from,
    spectrogram_from,
    strain_from,
)
from astroquery_mmdc.mmoda.limits import Limits
from astroquery_mmdc.mmoda.pickled_table import PickledTable
from astroquery_mmdc.mmoda.products import (
    BinaryProduct,
    NumpyProduct,
    PictureProduct,
    Product,
    TableProduct,
    TextProduct,
    is_picture,
)
from astroquery_mmdc.mmoda.safe_pickle import read_pickle
from astroquery_mmdc.schema.ecsv import read_ecsv

__all__ = ["decode_products"]

_log = logging.getLogger(__name__)
# What stands beside the products in an answer.
_BESIDE = {"analysis_parameters", "api_code", "input_prod_list", "session_id", "job_id"}


def decode_products(
    products: Mapping[str, Any],
    *,
    instrument: str | None = None,
    product: str | None = None,
    limits: Limits | None = None,
) -> DataCollection:
    """Return the products of an answer.

    Parameters
    ----------
    products : mapping
        The part ``products`` of the answer, parsed from JSON.
    instrument, product : str, optional
        What was asked for; the name of products that come without one.
    limits : `~astroquery_mmdc.mmoda.limits.Limits`, optional
        Sizes beyond which an answer is refused.

    Raises
    ------
    ParseError
        Something is damaged or refused; the message names the product and the reason.
    """
    limits = limits or Limits()
    found: list[Product] = []
    for key, read in _SECTIONS.items():
        for place, entry in enumerate(_entries(products, key, limits)):
            try:
                found.extend(read(entry, limits))
            except ParseError as err:
                msg = f"{key}[{place}]: {err}"
                raise ParseError(msg, excerpt=err.excerpt) from err
    for key in products.keys() - _SECTIONS.keys() - _BESIDE:
        _log.debug("the part %r of the answer is no product that is known", key)
    return DataCollection(found, instrument=instrument, product=product)


def _entries(products: Mapping[str, Any], key: str, limits: Limits) -> list[Any]:
    """Return what a section holds: lists hold many, other sections one."""
    if products.get(key) is None or (key.endswith("_list") and not products[key]):
        return []
    # One alone is sent instead of a list, never beside it.
    if key == "numpy_data_product_list" and products.get("numpy_data_product") is not None:
        return []
    value = products[key]
    if not key.endswith("_list"):
        return [value]
    if not isinstance(value, list) or len(value) > limits.products:
        count = len(value) if isinstance(value, list) else type(value).__name__
        msg = f"{key}: refused, a list of at most {limits.products} is expected, not {count}"
        raise ParseError(msg)
    return value


def _object(entry: Any, *keys: str) -> dict[str, Any]:
    """Return an entry that must be a dictionary with these keys; JSON text is one too."""
    said = from_json(entry, what="product") if isinstance(entry, str) else entry
    if not isinstance(said, dict) or any(key not in said for key in keys):
        msg = f"a dictionary with {', '.join(keys)} is expected, not {str(said)[:80]!r}"
        raise ParseError(msg)
    return said


def _name(said: Mapping[str, Any]) -> str | None:
    name = said.get("name")
    return str(name)[:1000] if name is not None and name != "None" else None


# ---------------------------------------------------------------- arrays


def read_numpy(entry: Any, limits: Limits) -> list[NumpyProduct]:
    """Return a product of arrays with headers."""
    said = _object(entry, "data_unit_list")
    units = said["data_unit_list"]
    if not isinstance(units, list) or len(units) > limits.products:
        msg = f"data_unit_list: refused, a list of at most {limits.products} is expected"
        raise ParseError(msg)
    meta = dictionary(said.get("meta_data"), what="meta_data", limits=limits)
    return [
        NumpyProduct(
            name=_name(said),
            meta_data=meta,
            data_unit=[_unit(unit, place, limits) for place, unit in enumerate(units)],
        )
    ]


def _unit(entry: Any, place: int, limits: Limits) -> DataUnit:
    said = _object(entry)
    kind = said.get("hdu_type")
    if kind is not None and kind not in HDU_TYPES:
        msg = f"data_unit_list[{place}]: hdu_type {kind!r} is none of {HDU_TYPES}"
        raise ParseError(msg)
    try:
        return DataUnit(
            data=_data(said, limits),
            name=_name(said) or "table",
            header=dictionary(said.get("header"), what="header", limits=limits),
            meta_data=dictionary(said.get("meta_data"), what="meta_data", limits=limits),
            hdu_type=kind,
            units_dict=dictionary(said.get("units_dict"), what="units_dict", limits=limits) or None,
        )
    except ParseError as err:
        msg = f"data_unit_list[{place}]: {err}"
        raise ParseError(msg) from err


def _data(said: Mapping[str, Any], limits: Limits) -> NDArray[Any] | None:
    if said.get("binarys") is not None:
        content = from_base64(said["binarys"], limits=limits, what="binarys")
        content = gunzipped(content, limits=limits, what="binarys")
        found = read_pickle(content, limits=limits)
        if not isinstance(found, np.ndarray):
            msg = f"binarys: refused, an array is expected, not {type(found).__name__}"
            raise ParseError(msg)
        return found
    if said.get("data") is None:
        return None
    rows = said["data"]
    if isinstance(rows, str):
        limits.check_encoded(len(rows), "data")
        rows = from_json(rows, what="data")
    return _from_rows(rows, written_dtype(said.get("dt"), limits=limits), limits)


def _from_rows(rows: Any, dtype: np.dtype[Any], limits: Limits) -> NDArray[Any]:
    """Return the array of rows of JSON; what is missing is NaN where the type has one."""
    if not isinstance(rows, list):
        msg = f"data: a list is expected, not {type(rows).__name__}"
        raise ParseError(msg)
    if len(rows) * dtype.itemsize > limits.array_bytes:
        msg = f"data: refused, {len(rows)} rows of {dtype.itemsize} bytes are more than the limit"
        raise ParseError(msg)
    if dtype.hasobject:
        _check_plain(rows, dtype)
    if dtype.names is not None:
        rows = [tuple(row) if isinstance(row, list) else row for row in rows]
    try:
        return np.array(rows, dtype=dtype)
    except (TypeError, ValueError, OverflowError) as err:
        msg = f"data: the rows do not fit the type {dtype} ({err})"
        raise ParseError(msg) from err


def _check_plain(rows: list[Any], dtype: np.dtype[Any]) -> None:
    """Refuse objects other than texts and numbers."""
    values = (
        rows if dtype.names is None else [v for row in rows if isinstance(row, list) for v in row]
    )
    if any(isinstance(value, list | dict) for value in values):
        msg = f"dt: refused, objects of the type {dtype} that are no plain values"
        raise ParseError(msg)


# ---------------------------------------------------------------- tables and catalogues


def _ascii_table(entry: Any, limits: Limits) -> list[TableProduct]:
    said = _object(entry, "ascii")
    text = said["ascii"]
    if not isinstance(text, str) or not text:
        msg = f"ascii: the text of a table is expected, not {type(text).__name__}"
        raise ParseError(msg)
    limits.check_encoded(len(text), "ascii")
    return [_table_product(said, read_ecsv(text), limits)]


def _binary_table(entry: Any, limits: Limits) -> list[TableProduct]:
    said = _object(entry, "binary")
    content = from_base64(said["binary"], limits=limits, what="binary")
    found = read_pickle(content, limits=limits)
    if not isinstance(found, PickledTable):
        msg = f"binary: refused, a table is expected, not {type(found).__name__}"
        raise ParseError(msg)
    try:
        return [_table_product(said, found.to_qtable(), limits)]
    except ValueError as err:
        msg = f"binary: the columns make no table ({err})"
        raise ParseError(msg) from err


def _table_product(said: Mapping[str, Any], table: QTable, limits: Limits) -> TableProduct:
    meta = dictionary(said.get("meta_data"), what="meta_data", limits=limits)
    return TableProduct(name=_name(said), meta_data=meta, table=table)


def _catalog(entry: Any, limits: Limits) -> list[DispatcherCatalog]:
    return [DispatcherCatalog.from_api(entry)]


# ---------------------------------------------------------------- files, pictures, texts


def _binary(entry: Any, limits: Limits) -> list[BinaryProduct]:
    # Older dispatchers send the text alone.
    if isinstance(entry, str) and not entry.lstrip().startswith("{"):
        return [BinaryProduct(bin_data=from_base64(entry, limits=limits, what="data"))]
    said = _object(entry, "data")
    content = from_base64(said["data"], limits=limits, what="data")
    expected = said.get("md5")
    if expected is not None and md5(content, usedforsecurity=False).hexdigest() != expected:
        msg = f"data: damaged on the way, its checksum is not {str(expected)[:40]!r}"
        raise ParseError(msg)
    return [BinaryProduct(name=_name(said), bin_data=content)]


def _picture(entry: Any, limits: Limits) -> list[PictureProduct]:
    said = _object(entry, "b64data")
    content = from_base64(said["b64data"], limits=limits, what="b64data")
    if not is_picture(content):
        msg = f"b64data: no picture of a known kind; it begins with {content[:12]!r}"
        raise ParseError(msg)
    meta = dictionary(said.get("metadata"), what="metadata", limits=limits)
    return [PictureProduct(name=_name(said), meta_data=meta, binary_data=content)]


def _text(entry: Any, limits: Limits) -> list[TextProduct]:
    said = entry
    if isinstance(entry, str):
        try:
            said = from_json(entry, what="text")
        except ParseError:
            said = None
    if not isinstance(said, dict) or "value" not in said:
        return [TextProduct(value=entry)]
    meta = dictionary(said.get("meta_data"), what="meta_data", limits=limits)
    return [TextProduct(name=_name(said), meta_data=meta, value=said["value"])]


def _sky_maps(entry: Any, limits: Limits) -> list[Product]:
    return sky_maps_from(entry, lambda numpy: read_numpy(numpy, limits)[0])


# In the order in which a collection numbers them.
_SECTIONS: dict[str, Callable[[Any, Limits], list[Any]]] = {
    "numpy_data_product": read_numpy,
    "numpy_data_product_list": read_numpy,
    "binary_data_product_list": _binary,
    "catalog": _catalog,
    "astropy_table_product_ascii_list": _ascii_table,
    "astropy_table_product_binary_list": _binary_table,
    "binary_image_product_list": _picture,
    "text_product_list": _text,
    "gw_strain_product_list": strain_from,
    "gw_spectrogram_product": spectrogram_from,
    "gw_skymap_product": _sky_maps,
}
