"""Light curves: observations with a column of times."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any

import numpy as np
from astropy.table import QTable
from astropy.time import Time
from astropy.utils.masked import Masked

from astroquery_mmdc.schema.columns import LIGHTCURVE

__all__ = ["as_lightcurve", "lightcurve_later"]


async def lightcurve_later(observations: Coroutine[Any, Any, Any]) -> Any:
    """Wait for observations and return them as a light curve."""
    return as_lightcurve(await observations)


def as_lightcurve(table: Any) -> Any:
    """Return observations as a light curve; the payload of a query stays as it is."""
    if not isinstance(table, QTable):
        return table
    extra = [name for name in ("query_index", "separation") if name in table.colnames]
    names = [*[name for name in extra if name == "query_index"], *LIGHTCURVE[1:]]
    lightcurve = table[[*names, *[name for name in extra if name == "separation"]]]
    time = _time(table["mjd_mid"])
    lightcurve.add_column(time, name="time", index=1 if "query_index" in extra else 0)
    lightcurve["time"].info.description = "Time of the point, UTC"
    return lightcurve


def _time(mjd: Any) -> Any:
    missing = np.asarray(getattr(mjd, "mask", np.zeros(len(mjd), bool)))
    values = np.asarray(getattr(mjd, "unmasked", mjd).value)
    time = Time(np.where(missing, 0.0, values), format="mjd", scale="utc")
    return Masked(time, missing) if missing.any() else time
