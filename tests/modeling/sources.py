"""Sources as the kernels take them, from plain numbers and from the tables of AM3."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
from astropy.table import Table
from hypothesis import strategies as st

from astroquery_mmdc.modeling.hadronic import solver
from astroquery_mmdc.modeling.kernels.blob import Blob
from astroquery_mmdc.modeling.kernels.emission import Emission
from astroquery_mmdc.modeling.kernels.options import Options

BLOB = tuple(one.name for one in fields(Blob))


def physical(numbers: Mapping[str, float]) -> dict[str, float]:
    """Return the values of numbers, those that begin with ``log_`` being logarithms."""
    return {
        name.removeprefix("log_"): 10.0**x if name.startswith("log_") else x
        for name, x in numbers.items()
    }


def boxes(box: Mapping[str, tuple[float, float]]) -> Any:
    """Return a strategy of numbers in a box."""
    return st.fixed_dictionaries({name: st.floats(*ends) for name, ends in box.items()})


def solved(source: Mapping[str, Any], *options: Options, **more: Any) -> Emission:
    """Solve a source with protons."""
    blob = Blob(**{name: source[name] for name in BLOB})
    rest = {name: value for name, value in source.items() if name not in BLOB}
    return solver.solve(blob, *options, **rest, **more)


def am3_source(name: str) -> tuple[Table.Row, Path]:
    """Return the parameters of a source of Rodrigues et al. 2023, and the stem of its files."""
    folder = Path(__file__).parents[3] / "shared" / "data" / "blazar_seds"
    if not folder.is_dir():
        pytest.skip("the folder ../shared with tables of AM3 is not there")
    table = Table.read(folder / "am3_parameters.csv", format="ascii.csv", fast_reader=False)
    row = table[[str(one).strip() == name for one in table["Association"]]][0]
    return row, folder / "am3_results" / name.replace(" ", "_")


def am3_blob(row: Table.Row, lorentz_factor: float = 1.0) -> Blob:
    """Return the blob of a row; its power is given in the frame of the source."""
    return Blob(
        magnetic_field=row["B-Field Best Fit"],
        radius=row["Blob Radius Best Fit"],
        lorentz_factor=lorentz_factor,
        luminosity=row["Electron Luminosity Best Fit"] * lorentz_factor**2,
        gamma_min=row["Electron Min Lorentz Factor Best Fit"],
        gamma_cut=row["Electron Max Lorentz Factor Best Fit"],
        index=row["Electron Spectral Index Best Fit"],
    )
