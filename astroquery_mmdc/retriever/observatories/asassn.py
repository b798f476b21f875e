"""`VirtualASASSN`: light curves of ASAS-SN Sky Patrol."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any, ClassVar
from urllib.parse import quote, urlsplit

import numpy as np

from astroquery_mmdc.exceptions import ParseError, ServiceUnavailableError
from astroquery_mmdc.retriever.answers import read_parquet
from astroquery_mmdc.retriever.arrays import with_columns
from astroquery_mmdc.retriever.fetch import Limits, SurveyClient, refuse_page
from astroquery_mmdc.retriever.lightcurve import LightCurve
from astroquery_mmdc.retriever.observatories.base import VirtualObservatory
from astroquery_mmdc.retriever.observatories.parameters import ParsObservatory
from astroquery_mmdc.retriever.observatories.rows import position_of
from astroquery_mmdc.retriever.reduction.reduce import Target, reduce_table
from astroquery_mmdc.retriever.time_info import TimeInfo
from astroquery_mmdc.schema.coordinates import separation_arcsec

__all__ = ["ParsObsASASSN", "VirtualASASSN"]

_CATALOG = "master_list"
_COLUMNS = ("asas_sn_id", "ra_deg", "dec_deg", "catalog_sources")
_NOT_DETECTED = 99.0
_ZERO_POINT_MJY = 16.4
_LIMITS = Limits(at_once=2, per_second=4)


class ParsObsASASSN(ParsObservatory):
    """Parameters of `VirtualASASSN`."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        add = self.add_par
        url = "http://asassn-lb01.ifa.hawaii.edu:9006"
        add("url", url, str, "Address of Sky Patrol", critical=False)
        add("cone_search_radius", 5.0, float, "Radius of the search in arcsec")


class VirtualASASSN(VirtualObservatory):
    """ASAS-SN Sky Patrol: the source nearest to the position, in V and g.

    Notes
    -----
    Epochs without a detection have the limit only: they are kept, and flagged. The scale of the
    Julian days is not stated by the service; UTC is assumed.
    """

    default_name = "ASASSN"
    pars_class: ClassVar[type[ParsObservatory]] = ParsObsASASSN
    time_info: ClassVar[TimeInfo | None] = TimeInfo("jd", "jd")

    def download_from_observatory(
        self, cat_row: Mapping[str, Any], **kwargs: Any
    ) -> tuple[np.ndarray | None, dict[str, Any]]:
        """Return the light curve of the source nearest to a position."""
        ra, dec = position_of(cat_row)
        radius = self.pars.cone_search_radius / 3600
        client = SurveyClient(self.name, self.pars.url, limits=_LIMITS)
        question = {"catalog": _CATALOG, "cols": _COLUMNS, "format": "arrow", "download": True}
        found = read_parquet(
            client.post(f"/lookup_cone/radius{radius}_ra{ra}_dec{dec}", json=question)
        )
        if not len(found):
            return None, {}
        distances = separation_arcsec(found["ra_deg"], found["dec_deg"], ra, dec)
        nearest = found[int(np.argmin(distances))]
        data = self._block(client, f"conectr-{radius}_conera-{ra}_conedec-{dec}")
        if data.dtype.names and "asas_sn_id" in data.dtype.names:
            data = data[data["asas_sn_id"] == nearest["asas_sn_id"]]
        altdata = {
            "asas_sn_id": int(nearest["asas_sn_id"]),
            "separation_arcsec": float(distances.min()),
            "units": {"flux": "mJy", "flux_err": "mJy", "jd": "d"},
        }
        return data, altdata

    def _block(self, client: SurveyClient, cone: str) -> np.ndarray:
        """Return the light curves of a cone from one of the servers that hold them."""
        question = f"{cone}|catalog-{_CATALOG}|cols-{'/'.join(_COLUMNS)}"
        code = quote(base64.encodebytes(question.encode()).decode(), safe="/=+")
        path = f"/get_block/query_hash-{code}-block_idx-0-catalog-{_CATALOG}"
        failure: ServiceUnavailableError | None = None
        for server in self._servers(client):
            try:
                return read_parquet(SurveyClient(self.name, server, limits=_LIMITS).get(path))
            except ServiceUnavailableError as err:
                failure = err
        if failure is not None:
            raise failure
        msg = f"{self.pars.url}/get_block_servers names no server; try again later"
        raise ParseError(msg)

    def _servers(self, client: SurveyClient) -> list[str]:
        reply = client.get("/get_block_servers")
        refuse_page(reply, "JSON")
        names = reply.json()
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            msg = f"{reply.url}: expected a list of servers, got {str(names)[:80]}"
            raise ParseError(msg)
        parts = urlsplit(self.pars.url)
        port = f":{parts.port}" if parts.port else ""
        return [f"{parts.scheme}://{name}{'' if ':' in name else port}" for name in names]

    def reduce_photometry(
        self, dataset: LightCurve, source: Any, init_kwargs: Mapping[str, Any], **pars: Any
    ) -> list[LightCurve]:
        """Return one light curve for each filter; limits and bad images are flagged."""
        data = dataset.data
        detected = data["mag_err"] < _NOT_DETECTED
        flag = ~detected | (np.char.upper(data["quality"].astype(str)) == "B")
        named = with_columns(
            data,
            mag=np.where(detected, data["mag"], np.nan),
            mag_err=np.where(detected, data["mag_err"], np.nan),
            quality=flag,
        )
        given = {"filtmap": self.pars.filtmap, **pars}
        return reduce_table(
            dataset.replace(data=named),
            Target.of(source),
            time_info=self.time_info,
            zero_point=_ZERO_POINT_MJY,
            flux_unit="mJy",
            **given,
        )
