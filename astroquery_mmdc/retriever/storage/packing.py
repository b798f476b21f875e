"""Structured arrays as files know them: texts as UTF-8, times as numbers, types as JSON."""

from __future__ import annotations

import json
from functools import lru_cache
from typing import Any

import numpy as np

from astroquery_mmdc.retriever.jsonable import dumps_fast
from astroquery_mmdc.retriever.lightcurve import LightCurve

__all__ = ["describe", "pack", "rebuild", "record", "types_of", "unpack"]


@lru_cache(maxsize=256)
def describe(dtype: np.dtype) -> str:
    """Return a structured type as JSON: pairs of name and type, with a shape if there is one."""
    names = dtype.names or ()
    return json.dumps([[name, dtype[name].base.str, *_shape(dtype[name])] for name in names])


def _shape(dtype: np.dtype) -> list[list[int]]:
    return [list(dtype.shape)] if dtype.shape else []


@lru_cache(maxsize=256)
def types_of(described: str) -> tuple[np.dtype, np.dtype]:
    """Return the type in memory and that in files, from its description."""
    stored, own = [], []
    for name, kind, *shape in json.loads(described):
        extra = [tuple(size) for size in shape]
        own.append((name, kind, *extra))
        stored.append((name, _stored(np.dtype(kind)), *extra))
    return np.dtype(own), np.dtype(stored)


def _stored(dtype: np.dtype) -> str:
    if dtype.kind == "U":
        # A letter takes up to four bytes, but the letters of filters and flags take one.
        return f"S{max(1, dtype.itemsize // 4)}"
    return "<i8" if dtype.kind in "mM" else dtype.str


def pack(data: np.ndarray) -> tuple[np.ndarray, str]:
    """Return data in the types of files, with the description of their own types."""
    data = _native(data)
    own, stored = types_of(describe(data.dtype))
    if own == stored:
        return np.ascontiguousarray(data), describe(own)
    try:
        return _packed(data, stored), describe(own)
    except UnicodeEncodeError:
        return pack_unicode(data)


def pack_unicode(data: np.ndarray) -> tuple[np.ndarray, str]:
    """Do the same for texts that need more bytes than they have letters."""
    encoded = {
        name: np.char.encode(data[name], "utf-8")
        for name in data.dtype.names or ()
        if data.dtype[name].kind == "U"
    }
    fields = [
        (name, f"U{max(encoded[name].dtype.itemsize, data.dtype[name].itemsize // 4)}")
        if name in encoded
        else (name, data.dtype[name])
        for name in data.dtype.names or ()
    ]
    described = describe(np.dtype(fields))
    packed = np.empty(data.shape, dtype=types_of(described)[1])
    for name in packed.dtype.names or ():
        packed[name] = encoded[name] if name in encoded else _number(data[name])
    return packed, described


def _packed(data: np.ndarray, stored: np.dtype) -> np.ndarray:
    packed = np.empty(data.shape, dtype=stored)
    for name in stored.names or ():
        packed[name] = _number(data[name])  # of texts only ASCII goes without an encoding
    return packed


def _number(column: np.ndarray) -> np.ndarray:
    return column.view("i8") if column.dtype.kind in "mM" else column


def _native(data: np.ndarray) -> np.ndarray:
    """Return data in the byte order of this machine, with room for a letter in every text."""
    types: list[tuple[Any, ...]] = []
    for name in data.dtype.names or ():
        kind = data.dtype[name].base.newbyteorder("=")
        text = "U1" if kind.kind == "U" and kind.itemsize == 0 else kind
        types.append((name, text, *(tuple(shape) for shape in _shape(data.dtype[name]))))
    wanted = np.dtype(types)
    return data if wanted == data.dtype else data.astype(wanted)


def unpack(packed: np.ndarray, described: str) -> np.ndarray:
    """Return data in their own types."""
    own, stored = types_of(described)
    if own == stored:
        return packed
    data = np.empty(packed.shape, dtype=own)
    for name in own.names or ():
        column = packed[name]
        if own[name].kind == "U":
            data[name] = _decoded(column)
        else:
            data[name] = column.view(own[name]) if own[name].kind in "mM" else column
    return data


def _decoded(column: np.ndarray) -> np.ndarray:
    try:
        return column.astype(f"U{column.dtype.itemsize}")
    except UnicodeDecodeError:
        return np.char.decode(column, "utf-8")


_FIELDS = ("source", "observatory", "level", "series", "total", "simulation", "simulations")


def record(lightcurve: LightCurve) -> dict[str, Any]:
    """Return what identifies a light curve."""
    return {name: getattr(lightcurve, name) for name in _FIELDS}


def rebuild(data: np.ndarray, identity: str, altdata: str) -> LightCurve:
    """Return the light curve of which `record` and metadata were kept as JSON."""
    facts = json.loads(identity)
    known = {name: facts[name] for name in _FIELDS if name in facts}
    return LightCurve(data, meta=json.loads(altdata), **known)


def metadata(lightcurve: LightCurve) -> str:
    """Return the metadata of a light curve as JSON."""
    return dumps_fast(lightcurve.meta)
