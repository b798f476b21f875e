"""Text that carries bytes or structure: base64, gzip, JSON and written data types."""

from __future__ import annotations

import ast
import binascii
import json
import zlib
from typing import Any

import numpy as np

from astroquery_mmdc.exceptions import ParseError
from astroquery_mmdc.mmoda.limits import Limits
from astroquery_mmdc.mmoda.pickled_numpy import checked_dtype

__all__ = ["dictionary", "from_base64", "from_json", "gunzipped", "written_dtype"]

_URL_SAFE = str.maketrans("-_", "+/")
_GZIP = b"\x1f\x8b"
_RECORDS = ("(numpy.record,", "(np.record,", "(<class 'numpy.record'>,")
_MAX_DEPTH = 8


def from_base64(text: Any, *, limits: Limits, what: str) -> bytes:
    """Return the bytes that a text stands for, in either alphabet of base64.

    Raises
    ------
    ParseError
        It is no base64, or longer than the limit.
    """
    if not isinstance(text, str):
        msg = f"{what}: base64 text is expected, not {type(text).__name__}"
        raise ParseError(msg)
    limits.check_encoded(len(text), what)
    if "-" in text or "_" in text:
        text = text.translate(_URL_SAFE)
    try:
        return binascii.a2b_base64(text, strict_mode=True)
    except ValueError as err:
        msg = f"{what}: no base64 ({err}); it begins with {text[:40]!r}"
        raise ParseError(msg) from err


def gunzipped(content: bytes, *, limits: Limits, what: str) -> bytes:
    """Return the content of compressed bytes, never more than the limit; others unchanged."""
    if not content.startswith(_GZIP):
        return content
    machine = zlib.decompressobj(wbits=31)
    try:
        out = machine.decompress(content, limits.unpacked_bytes)
    except zlib.error as err:
        msg = f"{what}: damaged compression ({err})"
        raise ParseError(msg) from err
    if machine.unconsumed_tail:
        msg = (
            f"{what}: refused, {len(content)} compressed bytes hold more than the limit of "
            f"{limits.unpacked_bytes}; raise Limits.unpacked_bytes if this is expected"
        )
        raise ParseError(msg)
    if not machine.eof:
        msg = f"{what}: the compressed bytes are cut off"
        raise ParseError(msg)
    return out


def from_json(text: str, *, what: str) -> Any:
    """Parse JSON inside an answer; NaN and Infinity are allowed, endless nesting is not."""
    try:
        return json.loads(text)
    except RecursionError as err:
        msg = f"{what}: refused, nested too deeply"
        raise ParseError(msg) from err
    except ValueError as err:
        msg = f"{what}: no JSON ({err}); it begins with {text[:60]!r}"
        raise ParseError(msg, excerpt=text[:60]) from err


def dictionary(value: Any, *, what: str, limits: Limits) -> dict[str, Any]:
    """Return metadata, which arrive as a dictionary, as JSON, or as a dictionary in Python."""
    if value is None or value == "":
        return {}
    if isinstance(value, str):
        limits.check_encoded(len(value), what)
        try:
            value = from_json(value, what=what)
        except ParseError:
            value = _literal(value, what=what, limits=limits)
    if not isinstance(value, dict):
        msg = f"{what}: a dictionary is expected, not {type(value).__name__}"
        raise ParseError(msg)
    return value


def _literal(text: str, *, what: str, limits: Limits) -> Any:
    """Return the constant that a text of Python writes down; names and calls are refused."""
    if len(text) > limits.text:
        msg = f"{what}: refused, {len(text)} characters are more than the limit of {limits.text}"
        raise ParseError(msg)
    try:
        return ast.literal_eval(text.strip())
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError) as err:
        msg = f"{what}: refused, neither JSON nor a plain value: {text[:80]!r}"
        raise ParseError(msg) from err


# ---------------------------------------------------------------- written data types


def written_dtype(text: Any, *, limits: Limits) -> np.dtype[Any]:
    """Return the data type that a text such as ``(numpy.record, [('TIME', '<f8')])`` writes.

    Raises
    ------
    ParseError
        The text is anything else, for example a call.
    """
    if not isinstance(text, str):
        msg = f"dt: refused, a data type as text is expected, not {type(text).__name__}"
        raise ParseError(msg)
    text = text.strip()
    is_record = text.startswith(_RECORDS)
    if is_record:
        text = text.split(",", 1)[1].strip().removesuffix(")")
    if not is_record and not text.startswith(("[", "(", "{", "'", '"')):
        return _simple(text)
    dtype = _composed(_literal(text, what="dt", limits=limits), _MAX_DEPTH)
    return np.dtype((np.record, dtype)) if is_record and dtype.names else dtype


def _simple(text: str) -> np.dtype[Any]:
    """Return the type of a name (``float64``) or a code with its byte order (``>i2``)."""
    known = np.sctypeDict.get(text)
    if known is not None and isinstance(known, type) and text.isalnum():
        return np.dtype(known)
    return checked_dtype(text.lstrip("<>=|")).newbyteorder(_order(text))


def _order(text: str) -> Any:
    return text[0] if text[:1] in ("<", ">", "=", "|") else "="


def _composed(said: Any, depth: int) -> np.dtype[Any]:
    if depth == 0:
        msg = "dt: refused, nested too deeply"
        raise ParseError(msg)
    if isinstance(said, str):
        return _simple(said)
    if isinstance(said, list) and all(isinstance(f, tuple) and len(f) in (2, 3) for f in said):
        return _made([(f[0], _composed(f[1], depth - 1), *f[2:]) for f in said])
    if isinstance(said, tuple) and len(said) == 2:
        return _made((_composed(said[0], depth - 1), said[1]))
    msg = f"dt: refused, {str(said)[:80]!r} is no data type"
    raise ParseError(msg)


def _made(spec: Any) -> np.dtype[Any]:
    try:
        return np.dtype(spec)
    except (TypeError, ValueError, OverflowError) as err:
        msg = f"dt: refused, no data type ({err})"
        raise ParseError(msg) from err
