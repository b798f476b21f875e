"""Arrays and data types of numpy from the words of a pickle, checked before memory is spent."""

from __future__ import annotations

import math
import re
from typing import Any

import numpy as np
from numpy.typing import NDArray

from astroquery_mmdc.mmoda.limits import Budget
from astroquery_mmdc.mmoda.pickled import Name, Pending, refuse, settled

__all__ = ["NAMES", "PendingArray", "array_of", "checked_dtype"]

_CODE = re.compile(r"[biufcSUVOMm]\d{1,9}|[biufcSUVOMm?]")
_ORDERS = ("<", ">", "=", "|")
_TIME_UNITS = ("Y", "M", "W", "D", "h", "m", "s", "ms", "us", "ns", "ps", "fs", "as")
_RAW = (bytes, bytearray, memoryview)
# Elements that an array of objects may have: nothing that could act.
_SCALARS = (type(None), bool, int, float, complex, str, bytes, np.generic, np.ndarray)
_MAX_DIMENSIONS = 32
# Arrays of items without any bytes could have any shape; nobody needs large ones.
_MAX_EMPTY_ITEMS = 1_000_000


def _text(value: Any) -> str:
    """Return a text that old pickles may carry as bytes."""
    return value.decode("latin-1") if isinstance(value, bytes) else str(value)


# ---------------------------------------------------------------- data types


def checked_dtype(code: Any) -> np.dtype[Any]:
    """Return the data type of a short code such as ``f8``; anything else is refused."""
    text = _text(code)
    if not _CODE.fullmatch(text):
        refuse(f"the data type {text[:60]!r}")
    try:
        return np.dtype(text)
    except (TypeError, ValueError):
        refuse(f"the data type {text[:60]!r}, which numpy does not know")


class _PendingDtype(Pending):
    """A data type: a code, then byte order, fields, sizes."""

    __slots__ = ("code", "is_record")

    def __init__(self, code: Any, *, is_record: bool) -> None:
        super().__init__()
        self.is_record = is_record
        self.code = "V0" if is_record else code
        self.value = checked_dtype(self.code)

    def build(self, state: Any, budget: Budget) -> None:
        if not isinstance(state, tuple) or len(state) < 8:
            refuse("a data type with a state of another form")
        _, order, sub, names, fields, size = state[:6]
        if _text(order) not in _ORDERS:
            refuse(f"a data type with the byte order {order!r}")
        dtype = self._built(_text(order), sub, names, fields, size, state, budget)
        self.value = np.dtype((np.record, dtype)) if self.is_record else dtype

    def _built(
        self,
        order: str,
        sub: Any,
        names: Any,
        fields: Any,
        size: Any,
        state: tuple[Any, ...],
        budget: Budget,
    ) -> np.dtype[Any]:
        if names is not None:
            return _fields(names, fields, size, budget)
        if sub is not None:
            return _subarray(sub)
        if self.value.kind in "Mm" and len(state) > 8:
            return _datetime(self.value.kind, state[8]).newbyteorder(order)  # type: ignore[arg-type]
        return self.value.newbyteorder(order)


def _as_dtype(value: Any) -> np.dtype[Any]:
    dtype = settled(value)
    if not isinstance(dtype, np.dtype):
        refuse(f"a data type given as {type(dtype).__name__}")
    return dtype


def _fields(names: Any, fields: Any, size: Any, budget: Budget) -> np.dtype[Any]:
    """Return the type of a record; numpy refuses fields that reach beyond it."""
    if not isinstance(names, tuple) or not isinstance(fields, dict) or len(names) != len(fields):
        refuse("a record whose fields do not match their names")
    budget.take_objects(len(names))
    try:
        parts = [fields[name] for name in names]
        spec: Any = {
            "names": [_text(name) for name in names],
            "formats": [_as_dtype(part[0]) for part in parts],
            "offsets": [part[1] for part in parts],
            "itemsize": size,
        }
        return np.dtype(spec)
    except (KeyError, IndexError, TypeError, ValueError, OverflowError) as err:
        refuse(f"a record with impossible fields ({err})")


def _subarray(sub: Any) -> np.dtype[Any]:
    if not isinstance(sub, tuple) or len(sub) != 2:
        refuse("a data type of arrays with a state of another form")
    base = _as_dtype(sub[0])
    if base.hasobject:
        refuse("a data type of arrays of objects")
    shape = sub[1] if isinstance(sub[1], tuple) else (sub[1],)
    _element_count(shape)
    try:
        return np.dtype((base, shape))
    except (TypeError, ValueError, OverflowError) as err:
        refuse(f"a data type of arrays of shape {shape} ({err})")


def _datetime(kind: str, metadata: Any) -> np.dtype[Any]:
    """Return the type of times with their unit, for example seconds."""
    try:
        unit, number = _text(metadata[1][0]), metadata[1][1]
    except (TypeError, IndexError):
        refuse("a data type of times without a unit")
    if unit not in _TIME_UNITS or not isinstance(number, int) or not 0 < number < 10**6:
        refuse(f"a data type of times with the unit {number!r} {unit[:20]!r}")
    return np.dtype(f"{kind}8[{number}{unit}]")


# ---------------------------------------------------------------- arrays


class PendingArray(Pending):
    """An array: first its class, then shape, data type and bytes."""

    __slots__ = ("extra",)

    def __init__(self) -> None:
        super().__init__()
        self.extra: tuple[Any, ...] = ()

    def build(self, state: Any, budget: Budget) -> None:
        """Make the array of its shape, type and bytes; keep what subclasses add."""
        if not isinstance(state, tuple) or len(state) < 5:
            refuse("an array with a state of another form")
        _, shape, dtype, fortran, raw = state[:5]
        self.value = array_of(shape, dtype, raw, "F" if fortran is True else "C", budget)
        self.extra = state[5:]


def array_of(shape: Any, dtype: Any, raw: Any, order: str, budget: Budget) -> NDArray[Any]:
    """Return a new array of the bytes (or of the list of objects) that were sent."""
    dtype = _as_dtype(dtype)
    count = _element_count(shape)
    if dtype.hasobject:
        return _of_objects(shape, dtype, raw, count, budget)
    if not isinstance(raw, _RAW):
        refuse(f"an array whose content is a {type(raw).__name__} and not bytes")
    size = count * dtype.itemsize
    if size != len(raw):
        refuse(f"an array of shape {shape} and type {dtype} ({size} bytes) sent as {len(raw)}")
    budget.take_bytes(size)
    if size == 0:
        if count > _MAX_EMPTY_ITEMS:
            refuse(f"an array of shape {shape} without any bytes")
        return np.empty(shape, dtype)
    flat = np.frombuffer(raw, dtype, count)
    return flat.reshape(shape, order="F" if order == "F" else "C").copy(order="K")


def _element_count(shape: Any) -> int:
    """Return the number of elements of a shape that makes sense."""
    if not isinstance(shape, tuple) or len(shape) > _MAX_DIMENSIONS:
        refuse(f"an array of shape {str(shape)[:60]}")
    if not all(type(length) is int and 0 <= length < 2**62 for length in shape):
        refuse(f"an array of shape {str(shape)[:60]}")
    return math.prod(shape)


def _of_objects(
    shape: Any, dtype: np.dtype[Any], raw: Any, count: int, budget: Budget
) -> NDArray[Any]:
    """Return an array of plain values; addresses sent as bytes are never taken for objects."""
    if not isinstance(raw, list):
        refuse(f"an array of objects whose content is a {type(raw).__name__} and no list")
    if len(raw) != count:
        refuse(f"an array of shape {shape} sent as {len(raw)} objects")
    budget.take_objects(count)
    out = np.empty(count, dtype)
    if dtype.names is None:
        for place, item in enumerate(raw):
            out[place] = _plain(item)
    else:
        for place, item in enumerate(raw):
            out[place] = _row(item, dtype)
    return out.reshape(shape)


def _row(item: Any, dtype: np.dtype[Any]) -> tuple[Any, ...]:
    if not isinstance(item, tuple) or len(item) != len(dtype.names or ()):
        refuse("a record that does not match its fields")
    return tuple(_plain(value) for value in item)


def _plain(item: Any) -> Any:
    value = settled(item)
    if isinstance(value, memoryview):
        return bytes(value)
    if not isinstance(value, _SCALARS):
        refuse(f"an array of objects with a {type(value).__name__} in it")
    return value


# ---------------------------------------------------------------- what the names make


def _make_array(args: tuple[Any, ...], budget: Budget) -> Pending:
    """Stand for ``numpy.core.multiarray._reconstruct``."""
    kind = args[0] if args else None
    if not isinstance(kind, Name) or kind.begin is None:
        refuse(f"an array of the class {getattr(kind, 'path', kind)!r}")
    return kind.begin()


def _make_dtype(args: tuple[Any, ...], budget: Budget) -> Pending:
    """Stand for ``numpy.dtype``."""
    if not args:
        refuse("a data type without a code")
    if isinstance(args[0], Name):
        if args[0].path != "numpy.record":
            refuse(f"the data type {args[0].path}")
        return _PendingDtype("V0", is_record=True)
    return _PendingDtype(args[0], is_record=False)


def _make_scalar(args: tuple[Any, ...], budget: Budget) -> Any:
    """Stand for ``numpy.core.multiarray.scalar``."""
    if len(args) != 2 or _as_dtype(args[0]).hasobject:
        refuse("a number of numpy that is none")
    return array_of((), args[0], args[1], "C", budget)[()]


def _make_from_buffer(args: tuple[Any, ...], budget: Budget) -> NDArray[Any]:
    """Stand for ``numpy.core.numeric._frombuffer``, which protocol 5 uses."""
    if len(args) != 4:
        refuse("an array with a state of another form")
    return array_of(args[2], args[1], args[0], _text(args[3]), budget)


def _make_bytes(args: tuple[Any, ...], budget: Budget) -> bytes:
    """Stand for ``_codecs.encode``, by which protocol 2 carries bytes."""
    if not args or not isinstance(args[0], str) or args[1:] not in {(), ("latin1",)}:
        refuse("an encoding of text other than latin1")
    budget.take_bytes(len(args[0]))
    try:
        return args[0].encode("latin1")
    except UnicodeEncodeError:
        refuse("bytes with values beyond 255")


def _make_no_bytes(args: tuple[Any, ...], budget: Budget) -> bytes:
    """Stand for ``bytes()``, by which protocol 2 says that there are none."""
    if args:
        refuse("bytes made from something")
    return b""


_CLASSES = (
    ("numpy", "ndarray"),
    ("numpy", "recarray"),
    ("numpy", "chararray"),
    ("numpy.rec", "recarray"),
    ("numpy.core.records", "recarray"),
    ("numpy._core.records", "recarray"),
    ("numpy.core.defchararray", "chararray"),
    ("numpy._core.defchararray", "chararray"),
    ("numpy.char", "chararray"),
    ("astropy.utils.compat.numpycompat", "chararray"),
    ("astropy.io.fits.column", "_VLF"),
    ("astropy.table.column", "Column"),
)
_MAKERS = (
    ("numpy", "dtype", _make_dtype),
    ("_codecs", "encode", _make_bytes),
    ("__builtin__", "bytes", _make_no_bytes),
    *((f"numpy.{core}.multiarray", "_reconstruct", _make_array) for core in ("core", "_core")),
    *((f"numpy.{core}.multiarray", "scalar", _make_scalar) for core in ("core", "_core")),
    *((f"numpy.{core}.numeric", "_frombuffer", _make_from_buffer) for core in ("core", "_core")),
)
NAMES = {
    ("numpy", "record"): Name("numpy", "record"),
    **{(module, name): Name(module, name, begin=PendingArray) for module, name in _CLASSES},
    **{(module, name): Name(module, name, make) for module, name, make in _MAKERS},
}
