"""Values of numpy and astropy as plain JSON: what goes to files and databases as metadata."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from datetime import date, datetime
from pathlib import PurePath
from typing import Any

import msgspec
import numpy as np

__all__ = ["dumps", "dumps_fast", "plain"]


def plain(value: Any) -> Any:
    """Return a value as dictionaries, lists, texts, numbers, booleans and None.

    Parameters
    ----------
    value : object
        Scalars and arrays of numpy, Quantity, Time, dates, paths, sets, mappings and sequences
        are understood, at any depth.

    Returns
    -------
    object
        The same, as JSON knows it. Not-a-numbers and infinities are None: databases refuse them.

    Raises
    ------
    TypeError
        There is no JSON for the value.

    Examples
    --------
    >>> plain({"band": ("g", "r"), "depth": np.float32(20.5), "seeing": float("nan")})
    {'band': ['g', 'r'], 'depth': 20.5, 'seeing': None}
    """
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, set | frozenset):
        return sorted((plain(item) for item in value), key=str)
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return _of_library(value)


def _of_library(value: Any) -> Any:
    if np.ma.is_masked(value) and np.ndim(value) == 0:
        return None
    if hasattr(value, "unit") and hasattr(value, "value"):
        return {"value": plain(value.value), "unit": str(value.unit)}
    if hasattr(value, "scale") and hasattr(value, "isot"):
        return {"time": plain(value.isot), "scale": value.scale}
    if isinstance(value, np.generic | np.ndarray):
        return _of_array(value)
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, PurePath):
        return str(value)
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    msg = f"metadata: {type(value).__name__} has no JSON; give numbers, texts, lists or dicts"
    raise TypeError(msg)


def _of_array(value: Any) -> Any:
    if value.dtype.names:
        return {name: plain(value[name]) for name in value.dtype.names}
    if isinstance(value, np.ma.MaskedArray):
        return [plain(item) for item in value.tolist()]
    if value.dtype.kind in "mM":
        return plain(value.astype(str).tolist())
    return plain(value.tolist())


_encoder = msgspec.json.Encoder(enc_hook=plain)


def dumps_fast(value: Any) -> str:
    """Return JSON text in a tenth of the time; bytes, which JSON has not, become base64."""
    try:
        return _encoder.encode(value).decode()
    except (TypeError, OverflowError, msgspec.MsgspecError):
        return dumps(value)  # it knows keys that are no texts, and integers of any size


def dumps(value: Any, *, canonical: bool = False) -> str:
    """Return JSON text; the canonical one is the same for equal values, whatever their order."""
    separators = (",", ":") if canonical else None
    return json.dumps(
        plain(value),
        sort_keys=canonical,
        separators=separators,
        ensure_ascii=False,
        allow_nan=False,
    )
