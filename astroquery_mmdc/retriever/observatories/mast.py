"""MAST: its catalogues, its list of observations and its files, behind one small face."""

from __future__ import annotations

import asyncio
import io
import json
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from astroquery_mmdc._config import conf
from astroquery_mmdc.exceptions import ParseError, ServiceError, ServiceUnavailableError
from astroquery_mmdc.net import portal
from astroquery_mmdc.retriever.fetch import Limits, SurveyClient, refuse_page
from astroquery_mmdc.retriever.quiet import filtered_warnings

if TYPE_CHECKING:
    from astropy.io.fits import HDUList

__all__ = ["MastClient"]

_INVOKE = "/api/v0/invoke"
_DOWNLOAD = "/api/v0.1/Download/file"
_PAGE_SIZE = 5000
_LIMITS = Limits(at_once=4, per_second=10)


class MastClient:
    """Questions to MAST.

    Parameters
    ----------
    name : str
        Name of the observatory, for messages.
    url : str
        Address of MAST.
    """

    def __init__(self, name: str, url: str) -> None:
        self._client = SurveyClient(name, url, limits=_LIMITS)

    def invoke(self, service: str, params: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Return all rows of an answer of one of MAST's services.

        Raises
        ------
        ServiceError
            The service says that it failed.
        """
        rows: list[dict[str, Any]] = []
        page, pages = 1, 1
        while page <= pages:
            body = self._page(service, params, page)
            rows += body["data"]
            pages = int((body.get("paging") or {}).get("pagesFiltered") or 1)
            page += 1
        return rows

    def _page(self, service: str, params: Mapping[str, Any], page: int) -> dict[str, Any]:
        question = {
            "service": service,
            "params": dict(params),
            "format": "json",
            "pagesize": _PAGE_SIZE,
            "page": page,
            "removenullcolumns": False,
        }
        end = time.monotonic() + conf.job_timeout
        while True:
            reply = self._client.post(_INVOKE, data={"request": json.dumps(question)})
            refuse_page(reply, "JSON")
            body = reply.json_object()
            status = str(body.get("status", "")).upper()
            if status != "EXECUTING":
                return _complete(body, status, reply.url, service)
            if time.monotonic() > end:
                msg = f"{service} of {reply.url} is still executing after {conf.job_timeout:g} s"
                raise ServiceUnavailableError(msg, url=reply.url)
            portal.start(asyncio.sleep(conf.poll_interval)).result()

    def tic_by_id(self, ticid: int) -> dict[str, Any] | None:
        """Return a star of the TESS Input Catalog, None if there is none."""
        params = {"columns": "*", "filters": [{"paramName": "ID", "values": [str(ticid)]}]}
        rows = self.invoke("Mast.Catalogs.Filtered.Tic", params)
        return rows[0] if rows else None

    def tic_around(self, ra: float, dec: float, radius_arcsec: float) -> list[dict[str, Any]]:
        """Return the stars of the TESS Input Catalog in a cone."""
        params = {"ra": ra, "dec": dec, "radius": radius_arcsec / 3600}
        return self.invoke("Mast.Catalogs.Tic.Cone", params)

    def time_series(self, collection: str, targets: Sequence[str]) -> list[dict[str, Any]]:
        """Return the observations of targets, by their exact names."""
        wanted = {
            "obs_collection": [collection],
            "dataproduct_type": ["timeseries"],
            "target_name": list(targets),
        }
        filters = [{"paramName": name, "values": values} for name, values in wanted.items()]
        return self.invoke("Mast.Caom.Filtered", {"columns": "*", "filters": filters})

    def open_fits(self, uri: str) -> HDUList:
        """Download a FITS file and open it.

        Raises
        ------
        ParseError
            It is damaged, or none.
        """
        from astropy.io import fits

        reply = self._client.get(_DOWNLOAD, {"uri": uri})
        refuse_page(reply, "a FITS file")
        try:
            # astropy only warns of files that are cut short.
            with filtered_warnings("error"):
                hdus = fits.open(io.BytesIO(reply.content), memmap=False, lazy_load_hdus=False)
                _ = hdus[1].data
        except (OSError, IndexError, TypeError, ValueError, Warning) as err:
            msg = f"{uri}: expected a FITS table, but it cannot be read ({err}); try again later"
            raise ParseError(msg) from err
        return hdus


def _complete(body: dict[str, Any], status: str, url: str, service: str) -> dict[str, Any]:
    if status != "COMPLETE":
        msg = f"{service} of {url} failed: {body.get('msg') or status or 'no status'}"
        raise ServiceError(msg, url=url, detail=str(body.get("msg", "")))
    if not isinstance(body.get("data"), list):
        msg = f"{url}: expected rows of {service} under 'data'"
        raise ParseError(msg)
    return body
