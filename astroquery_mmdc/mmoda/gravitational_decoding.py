"""Products of gravitational-wave events as dispatchers send them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from astropy import units as u
from numpy.typing import NDArray

from astroquery_mmdc.exceptions import ParseError
from astroquery_mmdc.mmoda.gravitational import (
    ContoursProduct,
    SkyMapProduct,
    SpectrogramProduct,
    StrainProduct,
)
from astroquery_mmdc.mmoda.limits import Limits
from astroquery_mmdc.mmoda.products import NumpyProduct, Product

__all__ = ["sky_maps_from", "spectrogram_from", "strain_from"]


def strain_from(entry: Any, limits: Limits) -> list[StrainProduct]:
    """Return the strain of one detector."""
    said = _mapping(entry, "strain")
    name = said.get("name")
    return [
        StrainProduct(
            name=None if name is None else str(name),
            value=_numbers(said.get("value"), 1, "value", limits),
            t0=_number(said.get("t0"), "t0"),
            dt=_number(said.get("dt"), "dt"),
        )
    ]


def spectrogram_from(entry: Any, limits: Limits) -> list[SpectrogramProduct]:
    """Return power over time and frequency."""
    said = _mapping(entry, "spectrogram")
    value = _numbers(said.get("value"), 2, "value", limits)
    frequencies = _numbers(said.get("yindex"), 1, "yindex", limits)
    if value.shape[1:] != frequencies.shape:
        msg = f"value: {value.shape[1]} columns with {len(frequencies)} frequencies"
        raise ParseError(msg)
    return [
        SpectrogramProduct(
            name="Spectrogram",
            value=value,
            t0=_number(said.get("x0"), "x0"),
            dt=_number(said.get("dx"), "dx"),
            frequencies=frequencies * u.Hz,
        )
    ]


def sky_maps_from(entry: Any, read: Callable[[Any], NumpyProduct]) -> list[Product]:
    """Return the sky map of each event, and all contours as one product."""
    said = _mapping(entry, "sky map")
    maps = _mapping(said.get("skymaps") or {}, "skymaps")
    found: list[Product] = [_sky_map(str(event), read(part)) for event, part in maps.items()]
    if said.get("contours") is not None:
        contours = _mapping(said["contours"], "contours")
        checked = {str(event): _contours(part) for event, part in contours.items()}
        found.append(ContoursProduct(contours=checked))
    return found


def _sky_map(event: str, read: NumpyProduct) -> SkyMapProduct:
    return SkyMapProduct(
        name=read.name, meta_data=read.meta_data, data_unit=read.data_unit, event=event
    )


def _contours(entry: Any) -> dict[str, Any]:
    """Return levels and lines, every point a pair of numbers."""
    said = _mapping(entry, "contours")
    levels, lines = said.get("levels"), said.get("contours")
    if not isinstance(levels, list) or not isinstance(lines, list) or len(levels) != len(lines):
        msg = "contours: a list of lines for each level is expected"
        raise ParseError(msg)
    points = [point for level in lines for line in _list(level) for point in _list(line)]
    if not all(isinstance(point, list) and _are_numbers(point) for point in points):
        msg = "contours: each point must be right ascension and declination"
        raise ParseError(msg)
    return {**said, "levels": levels, "contours": lines}


def _are_numbers(point: list[Any]) -> bool:
    return len(point) == 2 and all(isinstance(value, int | float) for value in point)


def _list(value: Any) -> list[Any]:
    if not isinstance(value, list):
        msg = f"contours: a list is expected, not {type(value).__name__}"
        raise ParseError(msg)
    return value


def _mapping(value: Any, what: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        msg = f"{what}: a dictionary is expected, not {type(value).__name__}"
        raise ParseError(msg)
    return value


def _number(value: Any, what: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        msg = f"{what}: a number is expected, not {str(value)[:40]!r}"
        raise ParseError(msg)
    return float(value)


def _numbers(value: Any, dimensions: int, what: str, limits: Limits) -> NDArray[np.float64]:
    """Return an array of numbers; what is missing is NaN."""
    try:
        found = np.array(value, dtype=np.float64)
    except (TypeError, ValueError) as err:
        msg = f"{what}: no even list of numbers ({err})"
        raise ParseError(msg) from err
    if found.ndim != dimensions or found.nbytes > limits.array_bytes:
        msg = f"{what}: numbers of {dimensions} dimensions are expected, not of shape {found.shape}"
        raise ParseError(msg)
    return found
