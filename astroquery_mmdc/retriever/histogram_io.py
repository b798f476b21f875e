"""Histograms as few bytes for a database, as `xarray.Dataset`, and as netCDF files."""

from __future__ import annotations

import io
import json
import os
import zlib
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from astroquery_mmdc._files import write_atomic
from astroquery_mmdc.exceptions import ParseError
from astroquery_mmdc.retriever.axes import Axis
from astroquery_mmdc.retriever.cells import Cells

if TYPE_CHECKING:
    import xarray

    from astroquery_mmdc.retriever.histogram import Histogram

__all__ = ["from_bytes", "load", "save", "to_bytes", "to_dataset"]

_MAGIC = b"mmdc-histogram-1\n"
_SETTINGS = (
    "name",
    "dtype",
    "score_names",
    "score_coords",
    "source_coords",
    "obs_coords",
    "raise_on_repeat_source",
)


def to_bytes(histogram: Histogram) -> bytes:
    """Return a histogram as compressed bytes.

    Notes
    -----
    A line that tells what it is, then, compressed by zlib, a line of JSON with settings, axes and
    totals, and for each score the bins and the counts of the occupied cells as 64-bit integers,
    little-endian.
    """
    arrays = [
        array.astype("<i8").tobytes()
        for cells in histogram.cells.values()
        for array in (cells.bins, cells.counts)
    ]
    body = b"".join([json.dumps(_header(histogram), allow_nan=False).encode(), b"\n", *arrays])
    return _MAGIC + zlib.compress(body, 1)


def from_bytes(content: bytes) -> Histogram:
    """Return the histogram that `to_bytes` wrote.

    Raises
    ------
    ParseError
        It is something else, or damaged.
    """
    if not content.startswith(_MAGIC):
        msg = f"content: it does not begin with {_MAGIC!r}; give what Histogram.to_bytes returned"
        raise ParseError(msg)
    try:
        line, _, body = zlib.decompress(content[len(_MAGIC) :]).partition(b"\n")
        return _from_parts(json.loads(line), np.frombuffer(body, dtype="<i8").astype(np.int64))
    except (zlib.error, ValueError, KeyError, TypeError) as err:
        msg = f"content: the histogram is damaged ({err}); compute it anew from its light curves"
        raise ParseError(msg) from err


def _header(histogram: Histogram) -> dict[str, Any]:
    underflow, overflow, num_scores = histogram._totals()
    return {
        "pars": _settings(histogram),
        "axes": [_plain(axis) for axis in histogram.axes.values()],
        "score_axes": [_plain(axis) for axis in histogram.score_axes.values()],
        "sizes": [cells.counts.size for cells in histogram.cells.values()],
        "underflow": underflow,
        "overflow": overflow,
        "num_scores": num_scores,
        "source_names": sorted(histogram.source_names),
    }


def _settings(histogram: Histogram) -> dict[str, Any]:
    """Return the settings that are the histogram's own, not those of a project."""
    return {name: histogram.pars[name] for name in _SETTINGS}


def _plain(axis: Axis) -> dict[str, Any]:
    return {field.name: getattr(axis, field.name) for field in fields(Axis)}


def _from_parts(header: dict[str, Any], numbers: np.ndarray) -> Histogram:
    from astroquery_mmdc.retriever.histogram import Histogram

    made = Histogram(cfg_file=False, **_tuples(header["pars"]))
    made.axes = {axis.name: axis for axis in map(_axis, header["axes"])}
    made.score_axes = {axis.name: axis for axis in map(_axis, header["score_axes"])}
    made.underflow, made.overflow = header["underflow"], header["overflow"]
    made.num_scores = header["num_scores"]
    made.source_names = set(header["source_names"])
    dimensions, place = len(made.axes) + 1, 0
    for name, size in zip(made.score_axes, header["sizes"], strict=True):
        end = place + size * dimensions
        made.cells[name] = Cells(
            numbers[place:end].reshape(dimensions, size), numbers[end : end + size]
        )
        place = end + size
    if place != numbers.size:
        msg = f"{numbers.size} numbers where {place} are announced"
        raise ValueError(msg)
    return made


def _axis(values: dict[str, Any]) -> Axis:
    return Axis(**{**values, "labels": tuple(values["labels"])})


def _tuples(pars: dict[str, Any]) -> dict[str, Any]:
    """Return settings with the axes as tuples, as they were before they became JSON."""
    return {
        name: {key: tuple(spec) for key, spec in value.items()}
        if name.endswith("coords")
        else value
        for name, value in pars.items()
    }


def to_dataset(histogram: Histogram) -> xarray.Dataset:
    """Return a histogram as `xarray.Dataset`: dimensions are the axes, centres the coordinates."""
    import xarray

    variables = {
        f"{score}_counts": (
            [axis.name for axis in histogram.all_axes(score)],
            histogram.counts(score),
        )
        for score in histogram.score_axes
    }
    axes = {**histogram.axes, **histogram.score_axes}
    coords = {
        name: (name, axis.centres, _attributes(histogram, axis)) for name, axis in axes.items()
    }
    header = _header(histogram)
    attributes = {
        "name": histogram.pars.name,
        "pars": json.dumps(header["pars"]),
        "source_names": header["source_names"],
    }
    return xarray.Dataset(variables, coords=coords, attrs=attributes)


def _attributes(histogram: Histogram, axis: Axis) -> dict[str, Any]:
    is_score = axis.name in histogram.score_axes
    is_source = axis.name in histogram.pars.source_coords
    attributes: dict[str, Any] = {
        "type": "fixed" if axis.kind == "fixed" else "dynamic",
        "long_name": axis.name,
        "units": axis.unit,
        "input": "score" if is_score else "source" if is_source else "obs",
        "underflow": histogram.underflow[axis.name],
        "overflow": histogram.overflow[axis.name],
    }
    if axis.kind != "text":
        attributes["step"] = axis.step
    if is_score:
        attributes["num_scores"] = histogram.num_scores[axis.name]
    return attributes


def save(histogram: Histogram, path: str | os.PathLike[str]) -> None:
    """Write a histogram to a netCDF file, completely or not at all.

    Notes
    -----
    It is the file that `xarray.Dataset.to_netcdf` would write, without the second that importing
    xarray takes at the end of every run; and what arrays do not tell, in a variable ``header``.
    """
    import h5netcdf
    import h5py

    # In memory first: HDF5 brings the process down if the disk is full when it closes a file.
    content = io.BytesIO()
    with h5netcdf.File(content, "w") as file:
        axes = {**histogram.axes, **histogram.score_axes}
        file.dimensions = {name: axis.size for name, axis in axes.items()}
        for name, axis in axes.items():
            kind = h5py.string_dtype() if axis.kind == "text" else "f8"
            values = axis.centres.astype(object if axis.kind == "text" else float)
            _write(file, name, (name,), kind, values, _attributes(histogram, axis))
        for score in histogram.score_axes:
            names = tuple(axis.name for axis in histogram.all_axes(score))
            counts = histogram.counts(score)
            _write(file, f"{score}_counts", names, histogram.pars.dtype, counts, {})
        # An attribute would do, were it not for its limit of 64 kB.
        header = json.dumps(_header(histogram), allow_nan=False)
        _write(file, "header", (), h5py.string_dtype(), np.array(header, dtype=object), {})
        file.attrs["name"] = histogram.pars.name
        file.attrs["pars"] = json.dumps(_settings(histogram))
    write_atomic(path, content.getvalue())


def _write(
    file: Any,
    name: str,
    dimensions: tuple[str, ...],
    kind: Any,
    values: np.ndarray,
    attributes: dict[str, Any],
) -> None:
    """Write a variable; counts are compressed, of which most are zero."""
    options = {"compression": "gzip", "compression_opts": 4, "shuffle": True}
    packed = options if len(dimensions) > 1 and values.size else {}
    variable = file.create_variable(name, dimensions, dtype=kind, data=values, **packed)
    for key, value in attributes.items():
        variable.attrs[key] = value


def load(path: str | os.PathLike[str]) -> Histogram:
    """Return the histogram in a netCDF file.

    Raises
    ------
    ParseError
        The file is damaged, or not one of ours.
    """
    import h5netcdf

    if not Path(path).exists():
        msg = f"path: there is no file {os.fspath(path)}; save() makes one"
        raise FileNotFoundError(msg)
    try:
        with h5netcdf.File(path, "r") as file:
            header = json.loads(_text(file["header"][...]))
            numbers = [_numbers(file, header, axis) for axis in header["score_axes"]]
        return _from_parts(header, np.concatenate([part for each in numbers for part in each]))
    except (OSError, KeyError, ValueError, TypeError) as err:
        msg = f"path: {os.fspath(path)} holds no histogram ({err}); compute it anew"
        raise ParseError(msg) from err


def _text(value: Any) -> str:
    text = np.asarray(value, dtype=object).item()
    return text.decode() if isinstance(text, bytes) else str(text)


def _numbers(
    file: Any, header: dict[str, Any], score: dict[str, Any]
) -> tuple[np.ndarray, np.ndarray]:
    """Return bins and counts of the occupied cells, both flat."""
    counts = np.asarray(file[f"{score['name']}_counts"][...])
    occupied = np.array(np.nonzero(counts), dtype=np.int64)
    bins = occupied + np.array([[axis["first"]] for axis in (*header["axes"], score)])
    return bins.ravel(), counts[tuple(occupied)].astype(np.int64)
