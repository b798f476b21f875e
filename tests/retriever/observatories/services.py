"""Answers like those of the surveys' services: IRSA, MAST, Pan-STARRS, ASAS-SN, Fermi LCR."""

from __future__ import annotations

import base64
import io
import json
from urllib.parse import parse_qs, unquote

import numpy as np
import pyarrow as pa
from astropy.io import fits
from astropy.io.votable import from_table, writeto
from astropy.table import Table
from pyarrow import parquet

from astroquery_mmdc.schema.coordinates import separation_arcsec
from tests.retriever.web import Request

IRSA_UNITS = {"mjd": "d", "hjd": "d", "mag": "mag", "magerr": "mag", "ra": "deg", "dec": "deg"}


def votable(table: Table) -> bytes:
    for name, unit in IRSA_UNITS.items():
        if name in table.colnames:
            table[name].unit = unit
    buffer = io.BytesIO()
    writeto(from_table(table), buffer)
    return buffer.getvalue()


def irsa(table: Table):
    """IRSA's light-curve service on a table of measurements."""

    def answer(request: Request):
        assert request.path == "/cgi-bin/ZTF/nph_light_curves"
        assert request.query["FORMAT"] == "VOTABLE"
        shape, ra, dec, radius = request.query["POS"].split()
        assert shape == "CIRCLE"
        near = separation_arcsec(table["ra"], table["dec"], float(ra), float(dec))
        found = table[near <= float(radius) * 3600]
        return 200, {"Content-Type": "application/x-votable+xml"}, votable(found)

    return answer


def ztf_rows(size=40, ra=120.0, dec=20.0) -> Table:
    rng = np.random.default_rng(8)
    return Table(
        {
            "oid": np.full(size, 736115200001082, dtype=np.int64),
            "expid": np.arange(size) + 52044744,
            "hjd": 2458274.9449 + np.arange(size),
            "mjd": 58274.4474421 + np.arange(size),
            "mag": rng.normal(18.0, 0.05, size).astype("f4"),
            "magerr": np.full(size, 0.05, dtype="f4"),
            "catflags": np.where(np.arange(size) == 3, 32768, 0).astype("i4"),
            "filtercode": np.array(["zg"] * size),
            "ra": ra + rng.normal(0, 1e-5, size),
            "dec": dec + rng.normal(0, 1e-5, size),
            "exptime": np.full(size, 30.0),
        }
    )


# ---------------------------------------------------------------- MAST


def tess_file(ticid: int, sector: int, rows: int = 50, ra: float = 120.0, dec: float = 20.0):
    rng = np.random.default_rng(sector)
    times = 1325.3 + 27 * sector + np.arange(rows) * 120 / 86400
    columns = [fits.Column("TIME", "D", unit="BJD - 2457000, days", array=times)]
    columns += [fits.Column("TIMECORR", "E", unit="d", array=np.full(rows, 1e-3))]
    columns += [fits.Column("CADENCENO", "J", array=np.arange(rows))]
    for name in ("SAP_FLUX", "SAP_BKG", "PDCSAP_FLUX"):
        columns += [fits.Column(name, "E", unit="e-/s", array=rng.normal(1000, 5, rows))]
        columns += [fits.Column(f"{name}_ERR", "E", unit="e-/s", array=np.full(rows, 5.0))]
    quality = np.zeros(rows, dtype="i4")
    quality[4] = 128
    columns += [fits.Column("QUALITY", "J", array=quality)]
    for name in ("PSF_CENTR", "MOM_CENTR"):
        for axis in "12":
            columns += [fits.Column(name + axis, "D", array=rng.normal(50, 0.01, rows))]
            columns += [fits.Column(f"{name}{axis}_ERR", "E", array=np.full(rows, 0.01))]
    columns += [fits.Column(f"POS_CORR{axis}", "E", array=np.zeros(rows)) for axis in "12"]
    table = fits.BinTableHDU.from_columns(columns, name="LIGHTCURVE")
    primary = fits.PrimaryHDU()
    facts = {"OBJECT": f"TIC {ticid}", "TICID": ticid, "SECTOR": sector, "CAMERA": 1, "CCD": 2}
    facts |= {"TESSMAG": 12.9, "RA_OBJ": ra, "DEC_OBJ": dec}
    for key, value in facts.items():
        primary.header[key] = value
    for key, value in {"TIMEDEL": 120 / 86400, "BJDREFI": 2457000, "EXPOSURE": 20.1}.items():
        table.header[key] = value
    buffer = io.BytesIO()
    fits.HDUList([primary, table]).writeto(buffer)
    return buffer.getvalue()


def uri(ticid: int, sector: int, ending: str = "s_lc.fits") -> str:
    return f"mast:TESS/product/tess2018206045859-s{sector:04d}-{ticid:016d}-0120-{ending}"


class Mast:
    """MAST with some stars and files; it may say first that it is still executing."""

    def __init__(self, stars: list[dict], files: dict[str, bytes], *, executing: int = 0) -> None:
        self.stars = stars
        self.files = files
        self.executing = executing
        self.page_size = 2
        self.services: list[str] = []

    def __call__(self, request: Request):
        if request.path == "/api/v0.1/Download/file":
            content = self.files.get(request.query["uri"])
            return (404, {}, b"") if content is None else (200, {}, content)
        assert (request.method, request.path) == ("POST", "/api/v0/invoke")
        question = json.loads(parse_qs(request.body.decode())["request"][0])
        if self.executing:
            self.executing -= 1
            return self._json({"status": "EXECUTING"})
        self.services.append(question["service"])
        rows = self._rows(question["service"], question["params"])
        first = (question["page"] - 1) * self.page_size
        paging = {"page": question["page"], "pagesFiltered": -(-len(rows) // self.page_size) or 1}
        part = rows[first : first + self.page_size]
        return self._json({"status": "COMPLETE", "data": part, "paging": paging})

    def _rows(self, service: str, params: dict) -> list[dict]:
        if service == "Mast.Catalogs.Tic.Cone":
            center = (params["ra"], params["dec"])
            near = [separation_arcsec(star["ra"], star["dec"], *center) for star in self.stars]
            limit = params["radius"] * 3600
            return [star for star, far in zip(self.stars, near, strict=True) if far <= limit]
        wanted = {each["paramName"]: each["values"] for each in params["filters"]}
        if service == "Mast.Catalogs.Filtered.Tic":
            return [star for star in self.stars if str(star["ID"]) in wanted["ID"]]
        assert service == "Mast.Caom.Filtered"
        assert wanted["obs_collection"] == ["TESS"]
        name = wanted["target_name"][0]
        return [
            {"target_name": name, "dataURL": each}
            for each in self.files
            if f"-{int(name):016d}-" in each
        ]

    @staticmethod
    def _json(body: dict):
        return 200, {"Content-Type": "application/json"}, json.dumps(body).encode()


# ---------------------------------------------------------------- the others


def panstarrs(request: Request):
    """Detections of one source in g and r, in the service's CSV."""
    assert request.path == "/api/v0.1/panstarrs/dr2/detection.csv"
    names = request.query["columns"].strip("[]").split(",")
    ra, dec = float(request.query["ra"]), float(request.query["dec"])
    lines = [",".join(names)]
    for row in range(6):
        values = {
            "objID": 132911661100000000,
            "detectID": row,
            "obsTime": 55000.5 + row,
            "filterID": 1 + row % 2,
            "expTime": 43.0,
            "ra": ra,
            "dec": dec,
            "psfFlux": -999.0 if row == 5 else 3.631e-4,
            "psfFluxErr": 1e-6,
            "psfQfPerfect": 0.5 if row == 4 else 0.999,
            "infoFlag": 1,
            "infoFlag2": 2,
        }
        lines.append(",".join(str(values[name]) for name in names))
    return 200, {"Content-Type": "text/csv"}, "\n".join([*lines, ""]).encode()


def as_parquet(columns: dict) -> bytes:
    buffer = io.BytesIO()
    parquet.write_table(pa.table(columns), buffer)
    return buffer.getvalue()


def asassn(request: Request):
    """Sky Patrol with two sources at the place, of which the first is nearer."""
    if request.path == "/get_block_servers":
        return 200, {}, json.dumps([request.headers["Host"]]).encode()
    if request.path.startswith("/lookup_cone/"):
        question = json.loads(request.body)
        assert question["catalog"] == "master_list"
        assert question["download"] is True
        position = request.path.removeprefix("/lookup_cone/radius")
        ra, dec = (float(part[2:].lstrip("c")) for part in position.split("_")[1:])
        found = {"asas_sn_id": [17, 18], "ra_deg": [ra, ra], "dec_deg": [dec, dec + 1e-3]}
        return 200, {}, as_parquet({**found, "catalog_sources": ["a", "b"]})
    path = unquote(request.path)
    code = path.removeprefix("/get_block/query_hash-").partition("-block_idx-0-catalog-")[0]
    assert base64.decodebytes(code.encode()).startswith(b"conectr-")
    size = 8
    ids = [17] * 6 + [18] * 2
    columns = {
        "asas_sn_id": ids,
        "jd": 2457000.5 + np.arange(size),
        "flux": np.linspace(1.0, 2.0, size),
        "flux_err": np.full(size, 0.1),
        "mag": np.full(size, 16.0),
        "mag_err": np.where(np.arange(size) == 1, 99.99, 0.05),
        "limit": np.full(size, 17.5),
        "fwhm": np.full(size, 1.5),
        "image_id": [f"be{i}" for i in range(size)],
        "camera": ["be"] * size,
        "quality": ["B" if i == 2 else "G" for i in range(size)],
        "phot_filter": ["V" if i < 3 else "g" for i in range(size)],
    }
    return 200, {}, as_parquet(columns)


def fermi(request: Request):
    """The Light Curve Repository with one source."""
    if request.query["typeOfRequest"] == "SourceList":
        rows = [
            {"Source_Name": "4FGL J1104.4+3812", "RAJ2000": "166.119", "DEJ2000": "38.207"},
            {"Source_Name": "4FGL J2253.9+1609", "RAJ2000": "343.497", "DEJ2000": "16.151"},
        ]
        return 200, {"Content-Type": "text/html"}, json.dumps(rows).encode()
    assert request.query["typeOfRequest"] == "lightCurveData"
    if request.query["source_name"] != "4FGL J1104.4+3812":
        return 200, {"Content-Type": "text/html"}, b"[]"
    times = [239903940.0 + 604800 * i for i in range(5)]
    body = {
        "ts": [[t, 50.0] for t in times],
        "flux": [[times[0], 2e-7], [times[1], 3e-7], [times[3], 4e-7], [times[4], 1e-3]],
        "flux_upper_limits": [[times[2], 1e-7]],
        "flux_error": [
            [times[0], 1.8e-7, 2.2e-7],
            [times[1], 2.7e-7, 3.3e-7],
            [times[3], 3.5e-7, 4.5e-7],
            [times[4], 1e-3, 1e-3],
        ],
        "photon_index": [[t, 1.8] for t in times],
        "fit_convergence": [[t, 1 if i == 3 else 0] for i, t in enumerate(times)],
    }
    return 200, {"Content-Type": "text/html"}, json.dumps(body).encode()
