"""Filters of an observation query, checked before anything is sent."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from astroquery_mmdc._config import conf
from astroquery_mmdc.exceptions import InvalidRequestError, MaxResultsWarning
from astroquery_mmdc.net import Job
from astroquery_mmdc.schema.catalogs import check_catalog
from astroquery_mmdc.schema.coordinates import as_mjd
from astroquery_mmdc.schema.wire import ORDERINGS

__all__ = ["Filters"]


@dataclass(frozen=True, slots=True)
class Filters:
    """Filters of an observation query, checked and in the service's own terms."""

    payload: dict[str, Any]
    row_limit: int

    @classmethod
    def checked(
        cls,
        *,
        catalog: str | None = None,
        filter_band: str | None = None,
        is_lightcurve: bool | None = None,
        is_upper_limit: bool | None = None,
        obsid: str | None = None,
        mjd_min: Any = None,
        mjd_max: Any = None,
        ordering: str | None = None,
        row_limit: int | None = None,
        is_cone: bool = True,
    ) -> Filters:
        """Check every filter before anything is sent."""
        limit = _checked_limit(conf.row_limit if row_limit is None else row_limit)
        start, end = as_mjd(mjd_min, parameter="mjd_min"), as_mjd(mjd_max, parameter="mjd_max")
        if start is not None and end is not None and start > end:
            msg = f"mjd_min: {start} is later than mjd_max {end}; exchange them"
            raise InvalidRequestError(msg, parameter="mjd_min")
        payload = {
            "catalog": None if catalog is None else check_catalog(catalog),
            "filter_band": filter_band,
            "is_lightcurve": _flag("is_lightcurve", is_lightcurve),
            "is_upper_limit": _flag("is_upper_limit", is_upper_limit),
            "obsid": None if obsid is None else str(obsid),
            "mjd_min": start,
            "mjd_max": end,
            "ordering": _checked_ordering(ordering, is_cone=is_cone),
            # One row more than wanted tells whether there would have been more.
            "limit": None if limit < 0 else limit + 1,
        }
        return cls({name: value for name, value in payload.items() if value is not None}, limit)

    def within_limit(self, count: int, job: Job) -> slice:
        """Return which of so many rows are wanted; warn where some are left out."""
        if not 0 <= self.row_limit < count:
            return slice(None)
        msg = f"only the first {self.row_limit} rows are returned; raise row_limit or set it to -1"
        job.warn(msg, MaxResultsWarning)
        return slice(self.row_limit)


def _flag(parameter: str, value: bool | None) -> str | None:
    if value is None:
        return None
    if value not in (True, False):
        msg = f"{parameter}: {value!r} is neither True nor False nor None"
        raise InvalidRequestError(msg, parameter=parameter)
    return "true" if value else "false"


def _checked_limit(row_limit: int) -> int:
    if isinstance(row_limit, bool) or not isinstance(row_limit, int | np.integer):
        msg = f"row_limit: {row_limit!r} is no whole number; -1 means no limit"
        raise InvalidRequestError(msg, parameter="row_limit")
    if row_limit == 0 or row_limit < -1:
        msg = f"row_limit: {row_limit} is not possible; use -1 for no limit, or 1 and more"
        raise InvalidRequestError(msg, parameter="row_limit")
    return int(row_limit)


def _checked_ordering(ordering: str | None, *, is_cone: bool) -> str | None:
    if ordering is None:
        return None
    field = ordering.removeprefix("-")
    if field not in ORDERINGS:
        msg = (
            f"ordering: {ordering!r} is unknown; use {', '.join(ORDERINGS)}, with - for descending"
        )
        raise InvalidRequestError(msg, parameter="ordering")
    if field == "sep_arcsec" and not is_cone:
        msg = "ordering: sep_arcsec needs a position; use query_region or another field"
        raise InvalidRequestError(msg, parameter="ordering")
    return ordering
