"""`VirtualZTF`: light curves of the Zwicky Transient Facility, from IRSA."""

from __future__ import annotations

import math
import threading
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from astroquery_mmdc.exceptions import AuthError
from astroquery_mmdc.net import Reply
from astroquery_mmdc.retriever.answers import read_votable
from astroquery_mmdc.retriever.fetch import Limits, SurveyClient
from astroquery_mmdc.retriever.lightcurve import LightCurve
from astroquery_mmdc.retriever.observatories.base import VirtualObservatory
from astroquery_mmdc.retriever.observatories.credentials import irsa_cookies
from astroquery_mmdc.retriever.observatories.parameters import ParsObservatory
from astroquery_mmdc.retriever.observatories.rows import position_of
from astroquery_mmdc.retriever.reduction.reduce import Target
from astroquery_mmdc.retriever.reduction.surveys import ZTF_TIME, reduce_ztf
from astroquery_mmdc.retriever.time_info import TimeInfo

__all__ = ["ParsObsZTF", "VirtualZTF"]

_PATH = "/cgi-bin/ZTF/nph_light_curves"
_LARGEST_RADIUS = 600.0
_YEARS_OF_MOTION = 3.0
# IRSA names no number but asks to take large samples elsewhere.
_LIMITS = Limits(at_once=4, per_second=8)


class ParsObsZTF(ParsObservatory):
    """Parameters of `VirtualZTF`."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        add = self.add_par
        add("url", "https://irsa.ipac.caltech.edu", str, "Address of IRSA", critical=False)
        add("minimal_declination", -30.0, float, "Sources south of it are not asked for, deg")
        add("limiting_magnitude", 20.5, float, "Nor are sources that are fainter")
        add("cone_search_radius", 2.0, float, "Radius of the search in arcsec; motion is added")
        add("collection", None, (str, None), "Data release, such as ztf_dr24; the newest if None")


class VirtualZTF(VirtualObservatory):
    """The Zwicky Transient Facility, by IRSA's service of light curves.

    Public data need no account. With credentials for IRSA (``credentials=``, the variables
    ``ZTF_USERNAME`` and ``ZTF_PASSWORD``, or ``credentials.yaml``) data of partners come as well.

    Notes
    -----
    The column ``mjd`` is the beginning of the exposure; `reduce` states mid-exposure.
    """

    default_name = "ZTF"
    pars_class: ClassVar[type[ParsObservatory]] = ParsObsZTF
    time_info: ClassVar[TimeInfo | None] = ZTF_TIME

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._lock = threading.Lock()
        self._cookies: str | None = None

    def download_from_observatory(
        self, cat_row: Mapping[str, Any], **query: Any
    ) -> tuple[np.ndarray | None, dict[str, Any]]:
        """Return all measurements near a source.

        Parameters
        ----------
        cat_row : mapping
            The source.
        **query
            Further keys of IRSA's service, such as ``BANDNAME="g,r"``.
        """
        ra, dec = position_of(cat_row)
        reason = self._why_not(dec, cat_row.get("mag"))
        if reason:
            return None, {"not_asked": reason}
        radius = self._radius(cat_row)
        params = {
            "POS": f"CIRCLE {ra:.7f} {dec:.7f} {radius / 3600:.7f}",
            "FORMAT": "VOTABLE",
            "COLLECTION": self.pars.collection,
            **query,
        }
        table, units = read_votable(self._asked(params))
        return table, {"units": units, "query": params}

    def _asked(self, params: Mapping[str, Any]) -> Reply:
        client = SurveyClient(self.name, self.pars.url, limits=_LIMITS)
        cookies = self._logged_in()
        try:
            return client.get(_PATH, params, headers={"Cookie": cookies} if cookies else {})
        except AuthError:
            if not cookies:
                raise
        # A session ends some time; then a new one is begun, once.
        return client.get(_PATH, params, headers={"Cookie": self._logged_in(instead_of=cookies)})

    def _logged_in(self, instead_of: str | None = None) -> str:
        """Return the cookies of a session, which all threads share; empty without an account."""
        with self._lock:
            if self._cookies is None or self._cookies == instead_of:
                self._cookies = irsa_cookies(self.name, self.pars.url, self.find_credentials())
            return self._cookies

    def _why_not(self, dec: float, mag: float | None) -> str:
        if dec < self.pars.minimal_declination:
            return f"declination below {self.pars.minimal_declination}"
        if mag is not None and mag > self.pars.limiting_magnitude:
            return f"fainter than {self.pars.limiting_magnitude}"
        return ""

    def _radius(self, cat_row: Mapping[str, Any]) -> float:
        motion = math.hypot(cat_row.get("pmra") or 0.0, cat_row.get("pmdec") or 0.0) / 1000
        return min(self.pars.cone_search_radius + _YEARS_OF_MOTION * motion, _LARGEST_RADIUS)

    def reduce_photometry(
        self, dataset: LightCurve, source: Any, init_kwargs: Mapping[str, Any], **pars: Any
    ) -> list[LightCurve]:
        """Return one light curve for each filter and season; see `reduce_ztf`."""
        return reduce_ztf(dataset, Target.of(source), **{"filtmap": self.pars.filtmap, **pars})
