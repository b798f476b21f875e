"""What the tests of the formats share: the SED of the samples, and a comparison of SEDs."""

from __future__ import annotations

from typing import Any

import numpy as np
from astropy import units as u

from astroquery_mmdc.sed import SED
from astroquery_mmdc.sed.build import filled, text

FLUX = u.Unit("erg s-1 cm-2")

STANDARD = {
    "nufnu_err", "is_upper_limit", "mjd_start", "mjd_end", "undated", "catalog", "band",
    "reference",
}  # fmt: skip
OPTIONAL = {
    "nufnu_errn", "nufnu_errp", "nu_min", "nu_max", "instrument", "bibcode", "corrections",
}  # fmt: skip


EXPECTED = SED.from_columns(
    nu=[1.4e9, 6.517e13, 4.83e14, 2.418e17, 2.418e23, 2.418e25] * u.Hz,
    nufnu=[1.1e-14, 3.2e-11, 4e-11, 1e-10, 5e-11, 2e-11] * FLUX,
    nufnu_err=[3e-16, 1.1e-12, 4e-13, 5e-12, 6e-12, np.nan] * FLUX,
    is_upper_limit=[False] * 5 + [True],
    mjd_start=[np.nan, 58001.2, 58001.3, 58001.4, 57990.0, 57900.0],
    mjd_end=[np.nan, 58001.2, 58001.3, 58001.5, 58010.0, 58100.0],
    catalog=["NVSS", "NEOWISE", "ZTF", "MMDCXRT", "MMDCGR", "VERITAS"],
)


def assert_same(one: SED, two: SED, names: Any, *, rtol: float = 0.0) -> None:
    """Compare columns; masked and empty texts are the same, missing columns are all masked."""
    assert len(one) == len(two)
    for name in ("nu", "nufnu", *names):
        first, second = (
            values(sed, name) if name in sed.colnames else missing(sed, name) for sed in (one, two)
        )
        if first.dtype.kind == "f":
            np.testing.assert_allclose(first, second, rtol=rtol, atol=0, err_msg=name)
        else:
            assert first.tolist() == second.tolist(), name


def values(sed: SED, name: str) -> Any:
    column = sed[name]
    if getattr(column, "unit", None) is not None:
        return filled(column)
    return np.asarray(column) if column.dtype.kind == "b" else text(column)


def missing(sed: SED, name: str) -> Any:
    is_text = name in ("instrument", "bibcode", "corrections")
    return np.full(len(sed), "") if is_text else np.full(len(sed), np.nan)
