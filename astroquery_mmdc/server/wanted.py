"""What a request asks of the observations and of an SED."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from astroquery_mmdc.cache.filters import Filters
from astroquery_mmdc.cache.selection import Cone, Selection
from astroquery_mmdc.schema.wire import ORDERINGS, Limit
from astroquery_mmdc.server.fields import FieldReader

__all__ = ["SedFilter", "read_selection"]


def read_selection(values: Mapping[str, Any]) -> Selection:
    """Read the query parameters of ``/api/observations/``.

    Those that the service does not know are ignored, as it does.

    Raises
    ------
    InvalidRequestError
        With one message for each wrong field.
    """
    reader = FieldReader(values)
    wanted = Selection(
        cone=_read_cone(reader),
        filters=_read_filters(reader),
        ordering=reader.text("ordering"),
        limit=reader.whole("limit"),
    )
    _check_ordering(wanted, reader.errors)
    reader.finish()
    return wanted


def _read_cone(reader: FieldReader) -> Cone | None:
    position = reader.position(required=False)
    radius = reader.number("radius_arcsec", low=0, high=180 * 3600)
    if position is None:
        return None
    return Cone(*position, Limit.CONE_RADIUS_ARCSEC if radius is None else radius)


def _read_filters(reader: FieldReader) -> Filters:
    mjd_min, mjd_max = reader.window("mjd_min", "mjd_max")
    return Filters(
        catalog=reader.text("catalog"),
        filter_band=reader.text("filter_band"),
        is_lightcurve=reader.truth("is_lightcurve"),
        is_upper_limit=reader.truth("is_upper_limit"),
        obsid=reader.text("obsid"),
        mjd_min=mjd_min,
        mjd_max=mjd_max,
    )


def _check_ordering(wanted: Selection, errors: dict[str, str]) -> None:
    key = (wanted.ordering or "").removeprefix("-")
    if key and key not in ORDERINGS:
        errors["ordering"] = f"{wanted.ordering!r} is none of {', '.join(ORDERINGS)}"
    elif key == "sep_arcsec" and wanted.cone is None:
        errors["ordering"] = "sep_arcsec needs a cone: give ra and dec"


@dataclass(frozen=True, slots=True)
class SedFilter:
    """Which points of an SED were asked for.

    A point counts when the middle of its interval lies in [``mjd_start``, ``mjd_end``], ends
    included. Undated points are dropped once a window is given, unless ``undated`` says otherwise.
    """

    mjd_start: float | None = None
    mjd_end: float | None = None
    catalogs: tuple[str, ...] | None = None
    undated: bool | None = None

    @classmethod
    def read(cls, values: Mapping[str, Any]) -> SedFilter:
        """Read query parameters."""
        reader = FieldReader(values)
        start, end = reader.window("mjd_start", "mjd_end")
        catalogs = reader.text("catalogs")
        wanted = cls(
            mjd_start=start,
            mjd_end=end,
            catalogs=None if catalogs is None else tuple(filter(None, catalogs.split(","))),
            undated=reader.truth("undated"),
        )
        reader.finish()
        return wanted

    @property
    def keeps_undated(self) -> bool:
        """Whether undated points stay."""
        if self.undated is not None:
            return self.undated
        return self.mjd_start is None and self.mjd_end is None

    def as_json(self) -> dict[str, Any]:
        """Return the filter in the form that answers repeat."""
        return {
            "mjd_start": self.mjd_start,
            "mjd_end": self.mjd_end,
            "catalogs": None if self.catalogs is None else list(self.catalogs),
            "undated": self.keeps_undated,
        }
