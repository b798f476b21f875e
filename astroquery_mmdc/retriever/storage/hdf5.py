"""Light curves in HDF5: one file per source, one dataset of records per light curve.

Every dataset has the attributes ``altdata`` (the metadata) and ``lightcurve`` (whose it is, and the
types of its columns as numpy has them), both JSON. Nothing in there is a pickle.

The lower face of h5py is used: with types that are made once it takes a quarter of the time.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from h5py import h5a, h5d, h5f, h5p, h5s, h5t

from astroquery_mmdc.retriever.lightcurve import LightCurve
from astroquery_mmdc.retriever.storage.base import DamagedDataError, MissingDataError
from astroquery_mmdc.retriever.storage.packing import (
    metadata,
    pack,
    rebuild,
    record,
    types_of,
    unpack,
)

__all__ = ["keys_in", "read_dataset", "write_file"]

_ROWS_PER_CHUNK = 4096


@lru_cache(maxsize=2)
def _access(*, writing: bool) -> h5p.PropFAID:
    access = h5p.create(h5p.FILE_ACCESS)
    access.set_fclose_degree(h5f.CLOSE_STRONG)
    if writing:
        # Readers of 2016 and later understand it, and it is smaller than what is older.
        access.set_libver_bounds(h5f.LIBVER_V110, h5f.LIBVER_V110)
        # In memory: where a disk is full, the library cannot close its file and takes us along.
        access.set_fapl_core(1 << 16, False)
    elif hasattr(access, "set_file_locking"):
        # Files are never changed in place, and some network disks know no locks.
        access.set_file_locking(False, True)
    return access


def write_file(path: Path, lightcurves: Mapping[str, LightCurve]) -> None:
    """Write a new file with light curves under their keys."""
    file = h5f.create(str(path).encode(), h5f.ACC_TRUNC, fapl=_access(writing=True))
    with closing(file):
        for key, lightcurve in lightcurves.items():
            _write(file, key.encode(), lightcurve)
        h5f.flush(file)
        content = file.get_file_image()
    path.write_bytes(content)


@lru_cache(maxsize=256)
def _type(stored: np.dtype) -> h5t.TypeID:
    return h5t.py_create(stored, logical=True)


def _write(file: h5f.FileID, key: bytes, lightcurve: LightCurve) -> None:
    packed, described = pack(lightcurve.data)
    if packed.dtype.names:
        dataset = h5d.create(
            file, key, _type(packed.dtype), h5s.create_simple(packed.shape), _layout(len(packed))
        )
        if len(packed):
            dataset.write(h5s.ALL, h5s.ALL, packed, _type(packed.dtype))
    else:
        # A record without fields is no type of HDF5.
        dataset = h5d.create(file, key, h5t.STD_U8LE, h5s.create_simple((0,)))
    identity = json.dumps({**record(lightcurve), "dtype": described})
    _write_text(dataset, b"lightcurve", identity.encode())
    _write_text(dataset, b"altdata", metadata(lightcurve).encode())


@lru_cache(maxsize=256)
def _layout(rows: int) -> h5p.PropDCID:
    layout = h5p.create(h5p.DATASET_CREATE)
    layout.set_obj_track_times(False)  # equal light curves are equal files
    if rows:
        layout.set_chunk((min(rows, _ROWS_PER_CHUNK),))
        layout.set_shuffle()
        layout.set_deflate(1)
        layout.set_fletcher32()  # a flipped bit is found, not believed
    return layout


def _write_text(dataset: h5d.DatasetID, name: bytes, text: bytes) -> None:
    kind = h5t.C_S1.copy()
    kind.set_size(len(text))
    kind.set_cset(h5t.CSET_UTF8)
    attribute = h5a.create(dataset, name, kind, h5s.create(h5s.SCALAR))
    attribute.write(np.array(text, dtype=f"S{len(text)}"), kind)


@contextmanager
def _opened(path: Path) -> Iterator[h5f.FileID]:
    try:
        file = h5f.open(str(path).encode(), h5f.ACC_RDONLY, fapl=_access(writing=False))
    except FileNotFoundError as err:
        msg = f"{path} is missing; fetch or reduce the source again"
        raise MissingDataError(msg) from err
    except OSError as err:
        msg = f"{path} is damaged or no HDF5 ({err}); delete it, and run again to make it anew"
        raise DamagedDataError(msg) from err
    with closing(file):
        yield file


def keys_in(path: Path) -> list[str]:
    """Return the keys of the datasets in a file.

    Raises
    ------
    MissingDataError, DamagedDataError
        There is no file, or it cannot be read.
    """
    with _opened(path) as file:
        root = h5py.Group(h5py.h5g.open(file, b"/"))
        return [key for key, item in root.items() if isinstance(item, h5py.Dataset)]


def read_dataset(path: Path, key: str) -> LightCurve:
    """Return the light curve under a key; an empty key is the only one of the file.

    Raises
    ------
    MissingDataError, DamagedDataError
        There is no file or no such key, or it cannot be read.
    """
    if not key:
        key = _only_key(path)
    with _opened(path) as file:
        try:
            dataset = h5d.open(file, key.encode())
        except KeyError as err:
            raise _no_key(path, key) from err
        try:
            return _read(dataset, path)
        except (OSError, ValueError, TypeError) as err:
            msg = f"{path}: {key!r} is damaged ({err}); delete the file, and run again"
            raise DamagedDataError(msg) from err


def _only_key(path: Path) -> str:
    keys = keys_in(path)
    if len(keys) != 1:
        msg = f"{path} has the datasets {keys}; say which one with filekey="
        raise MissingDataError(msg)
    return keys[0]


def _no_key(path: Path, key: str) -> MissingDataError:
    msg = f"{path} has no dataset {key!r}, only {keys_in(path)}; fetch or reduce again"
    return MissingDataError(msg)


def _read(dataset: h5d.DatasetID, path: Path) -> LightCurve:
    identity, altdata = (_read_text(dataset, name) for name in (b"lightcurve", b"altdata"))
    if identity is None:
        return _foreign(dataset, path)
    described = json.loads(identity)["dtype"]
    own, stored = types_of(described)
    if not own.names:
        data = np.zeros(0, dtype=own)
    else:
        packed = np.empty(dataset.shape, dtype=stored)
        if packed.size:
            dataset.read(h5s.ALL, h5s.ALL, packed, _type(stored))
        data = unpack(packed, described)
    return rebuild(data, identity, altdata or "{}")


def _read_text(dataset: h5d.DatasetID, name: bytes) -> str | None:
    if not h5a.exists(dataset, name):
        return None
    attribute = h5a.open(dataset, name)
    text = np.empty((), dtype=attribute.dtype)
    attribute.read(text)
    return text.tobytes().rstrip(b"\0").decode()


def _foreign(dataset: h5d.DatasetID, path: Path) -> LightCurve:
    """Return a table of records that another program wrote."""
    data = np.atleast_1d(h5py.Dataset(dataset)[()])
    if data.dtype.names is None or any(data.dtype[name].hasobject for name in data.dtype.names):
        msg = f"its type {data.dtype} is no table of numbers and texts"
        raise ValueError(msg)
    attributes: dict[str, Any] = dict(h5py.Dataset(dataset).attrs)
    texts = {name: value for name, value in attributes.items() if isinstance(value, str)}
    return LightCurve(data, path.stem, "UNKNOWN", meta=texts)
