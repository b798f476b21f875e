"""`VirtualTESS`: light curves of the Transiting Exoplanet Survey Satellite, from MAST."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from astroquery_mmdc.exceptions import InvalidRequestError, NotFoundError
from astroquery_mmdc.retriever.arrays import structured
from astroquery_mmdc.retriever.jsonable import plain
from astroquery_mmdc.retriever.lightcurve import LightCurve
from astroquery_mmdc.retriever.observatories.base import VirtualObservatory
from astroquery_mmdc.retriever.observatories.keeping import SourceDraft
from astroquery_mmdc.retriever.observatories.mast import MastClient
from astroquery_mmdc.retriever.observatories.parameters import ParsObservatory
from astroquery_mmdc.retriever.observatories.rows import position_of
from astroquery_mmdc.retriever.reduction.reduce import Target
from astroquery_mmdc.retriever.reduction.surveys import TESS_TIME, reduce_tess
from astroquery_mmdc.retriever.time_info import TimeInfo
from astroquery_mmdc.schema.coordinates import separation_arcsec

__all__ = ["ParsObsTESS", "VirtualTESS"]

_FILE = "_lc.fits"
_FAST_FILE = "fast-lc.fits"
# Magnitudes of the TESS Input Catalog that compare with those of a catalogue in the same band.
_TIC_MAGNITUDES = {"gaia_g": "GAIAmag", "g": "GAIAmag", "gaia_rp": "Tmag", "tess": "Tmag"}
_COMMENTS = ("COMMENT", "HISTORY", "")


class ParsObsTESS(ParsObservatory):
    """Parameters of `VirtualTESS`."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        add = self.add_par
        add("url", "https://mast.stsci.edu", str, "Address of MAST", critical=False)
        add("distance_thresh", 10.0, float, "Largest distance of a star of the TIC, arcsec")
        add("cat_query_radius", 360.0, float, "Radius of the search in the TIC, arcsec")
        add("magdiff_thresh", 0.75, float, "Largest difference of magnitudes in the same band")
        add("mag_limit", 18.0, float, "Fainter sources are not asked for")
        add("use_simple_flux", False, bool, "Reduce SAP_FLUX in place of PDCSAP_FLUX")
        add("use_psf_positions", False, bool, "Take PSF_CENTR in place of MOM_CENTR")


class VirtualTESS(VirtualObservatory):
    """TESS: light curves of SPOC at two minutes, one for each sector.

    Notes
    -----
    Times are barycentric (TDB), counted from BJD 2457000. PDCSAP_FLUX has slow variations taken
    out, those of active galaxies among them: choose ``use_simple_flux`` for such sources.
    """

    default_name = "TESS"
    pars_class: ClassVar[type[ParsObservatory]] = ParsObsTESS
    time_info: ClassVar[TimeInfo | None] = TESS_TIME

    def download_from_observatory(
        self, cat_row: Mapping[str, Any], ticid: int | None = None, **kwargs: Any
    ) -> tuple[np.ndarray | None, dict[str, Any]]:
        """Return the light curves of all sectors.

        Parameters
        ----------
        cat_row : mapping
            The source.
        ticid : int, optional
            Its number in the TESS Input Catalog; found by position, and magnitude where that is
            of a band of the TIC, by default.
        **kwargs
            Not used.
        """
        mag = cat_row.get("mag")
        if ticid is None and mag is not None and mag > self.pars.mag_limit:
            return None, {"not_asked": f"fainter than {self.pars.mag_limit}"}
        mast = MastClient(self.name, self.pars.url)
        ticid = ticid or self._ticid_of(mast, cat_row)
        if ticid is None:
            return None, {"not_asked": "no star of the TIC at this position and magnitude"}
        sectors = [_sector(mast, uri) for uri in _files(mast, ticid)]
        chosen = _longest_of_each(sectors)
        altdata = {"TICID": ticid, "file_headers": [header for _, header in chosen]}
        return _stacked([table for table, _ in chosen]), altdata

    def _ticid_of(self, mast: MastClient, cat_row: Mapping[str, Any]) -> int | None:
        ra, dec = position_of(cat_row)
        stars = mast.tic_around(ra, dec, self.pars.cat_query_radius)
        column = _TIC_MAGNITUDES.get(str(cat_row.get("mag_filter")).lower())
        best: tuple[float, int] | None = None
        for star in stars:
            distance = float(separation_arcsec(star["ra"], star["dec"], ra, dec))
            if distance > self.pars.distance_thresh or not self._alike(star, cat_row, column):
                continue
            if best is None or distance < best[0]:
                best = (distance, int(star["ID"]))
        return best[1] if best else None

    def _alike(
        self, star: Mapping[str, Any], cat_row: Mapping[str, Any], column: str | None
    ) -> bool:
        theirs, ours = star.get(column) if column else None, cat_row.get("mag")
        if theirs is None or ours is None:
            return True
        return abs(float(theirs) - float(ours)) <= float(self.pars.magdiff_thresh)

    def fetch_by_ticid(
        self,
        ticid: int,
        download: bool = True,
        use_catalog: bool = True,
        session: Any = None,
        **fetch_args: Any,
    ) -> Any:
        """Return a source by its number in the TESS Input Catalog.

        Parameters
        ----------
        ticid : int
            The number.
        download : bool, optional
            Whether to fetch its data; else the row of the catalogue is returned.
        use_catalog : bool, optional
            Whether to look for it in our catalogue, so that it gets the name it has there.
            Sources that are not in it are called ``TIC`` and the number.
        session : Session, optional
            Session of the database.
        **fetch_args
            For `fetch_source`.

        Raises
        ------
        NotFoundError
            The TIC has no such star.
        """
        if int(ticid) <= 0:
            msg = f"ticid: {ticid!r} is no number of the TIC; give a positive integer"
            raise InvalidRequestError(msg, parameter="ticid")
        mast = MastClient(self.name, self.pars.url)
        star = mast.tic_by_id(int(ticid))
        if star is None:
            msg = f"ticid: the TESS Input Catalog has no star {ticid}"
            raise NotFoundError(msg)
        row = self._row_of(star, use_catalog)
        if not download:
            return row
        args = {**(fetch_args.pop("download_args", None) or {}), "ticid": int(ticid)}
        return self.fetch_source(row, session=session, download_args=args, **fetch_args)

    download_by_tic = fetch_by_ticid

    def _row_of(self, star: Mapping[str, Any], use_catalog: bool) -> dict[str, Any]:
        ra, dec = float(star["ra"]), float(star["dec"])
        if use_catalog and self.catalog is not None:
            found = self.catalog.get_nearest_row(ra, dec, self.pars.distance_thresh)
            if found is not None:
                return dict(found)
        return {
            "cat_index": None,
            "name": f"TIC{int(star['ID'])}",
            "ra": ra,
            "dec": dec,
            "mag": star.get("Tmag"),
            "mag_err": star.get("e_Tmag"),
            "mag_filter": "TESS",
            "alias": None,
            "pmra": star.get("pmRA") or 0.0,
            "pmdec": star.get("pmDEC") or 0.0,
        }

    def _append_local_name(self, source: SourceDraft) -> None:
        if source.raw.meta.get("TICID"):
            source.local_names[self.name] = source.raw.meta["TICID"]

    def reduce_photometry(
        self, dataset: LightCurve, source: Any, init_kwargs: Mapping[str, Any], **pars: Any
    ) -> list[LightCurve]:
        """Return one light curve for each sector; see `reduce_tess`."""
        chosen = {name: self.pars[name] for name in ("use_simple_flux", "use_psf_positions")}
        return reduce_tess(
            dataset, Target.of(source), **{"filtmap": self.pars.filtmap, **chosen, **pars}
        )


def _files(mast: MastClient, ticid: int) -> list[str]:
    found = {
        str(row.get("dataURL") or "")
        for row in mast.time_series("TESS", [str(ticid)])
        if str(row.get("target_name")) == str(ticid)
    }
    return sorted(uri for uri in found if uri.endswith(_FILE) and not uri.endswith(_FAST_FILE))


def _sector(mast: MastClient, uri: str) -> tuple[np.ndarray, dict[str, Any]]:
    with mast.open_fits(uri) as hdus:
        header = {
            key: value
            for hdu in hdus[:2]
            for key, value in hdu.header.items()
            if key not in _COMMENTS and isinstance(value, str | int | float | bool)
        }
        table = structured({name: hdus[1].data[name] for name in hdus[1].data.names})
    sector = np.full(len(table), int(header.get("SECTOR", 0)), dtype="i4")
    names = [*((name, table.dtype[name]) for name in table.dtype.names or ()), ("SECTOR", "i4")]
    result = np.empty(len(table), dtype=names)
    for name in table.dtype.names or ():
        result[name] = table[name]
    result["SECTOR"] = sector
    return result, plain({**header, "file": uri})


def _longest_of_each(
    sectors: list[tuple[np.ndarray, dict[str, Any]]],
) -> list[tuple[np.ndarray, dict[str, Any]]]:
    best: dict[int, tuple[np.ndarray, dict[str, Any]]] = {}
    for table, header in sectors:
        number = int(header.get("SECTOR", 0))
        if number not in best or len(table) > len(best[number][0]):
            best[number] = (table, header)
    return [best[number] for number in sorted(best)]


def _stacked(tables: list[np.ndarray]) -> np.ndarray | None:
    """Return tables below each other, with the columns that all of them have."""
    if not tables:
        return None
    common = [
        name
        for name in tables[0].dtype.names or ()
        if all(name in (table.dtype.names or ()) for table in tables)
    ]
    return np.concatenate([table[common] for table in tables])
