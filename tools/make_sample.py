"""Build the sample of the local server from data tables that two published wheels carry.

Usage::

    python tools/make_sample.py [WHEEL_DIR]

Downloads the wheels of agnpy and JetSeT with pip (or takes them from ``WHEEL_DIR``), reads three
spectral energy distributions and writes ``observations.parquet`` and ``sources.json`` into
``astroquery_mmdc/server/data``. Nothing of the two packages is imported or installed.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from astropy import units as u
from astropy.table import Table

from astroquery_mmdc.schema.arrow_schema import OBSERVATION_SCHEMA
from astroquery_mmdc.schema.coordinates import sky_identifier

DATA = Path(__file__).parents[1] / "astroquery_mmdc" / "server" / "data"
WHEELS = {"agnpy": "0.5.1", "jetset": "1.3.0"}
# The only wheel of JetSeT 1.3.0 is for this interpreter and platform; its tables are plain text.
PLATFORM = ["--python-version", "3.11", "--platform", "manylinux2014_x86_64"]
CREATED_AT = "2025-01-01T00:00:00+00:00"
# Smaller than any error that an instrument reaches: the tables mean "not given".
SMALLEST_ERROR = 1e-20


@dataclass(frozen=True, slots=True)
class Origin:
    """One table of a wheel and what its paper says about it."""

    wheel: str
    member: str
    name: str
    aliases: tuple[str, ...]
    ra: float
    dec: float
    citation: str
    bibcode: str
    mjd: tuple[float, float] | None = None

    @property
    def url(self) -> str:
        """Page of the paper at ADS."""
        return f"https://ui.adsabs.harvard.edu/abs/{self.bibcode.replace('&', '%26')}"


ORIGINS = (
    Origin(
        wheel="agnpy",
        member="agnpy/data/mwl_seds/Mrk421_2011.ecsv",
        name="Mrk 421",
        aliases=("Mkn 421", "Markarian 421", "1ES 1101+384", "4FGL J1104.4+3812"),
        ra=166.113808,
        dec=38.208833,
        citation="Abdo A. A., et al., 2011, ApJ, 736, 131",
        bibcode="2011ApJ...736..131A",
        mjd=(54850.0, 54983.0),  # the campaign: 2009 January 19 to June 1
    ),
    Origin(
        wheel="agnpy",
        member="agnpy/data/mwl_seds/PKS1510-089_2015b.ecsv",
        name="PKS 1510-089",
        aliases=("PKS B1510-089", "4FGL J1512.8-0906"),
        ra=228.210554,
        dec=-9.099949,
        citation="Ahnen M. L., et al., 2017, A&A, 603, A29",
        bibcode="2017A&A...603A..29A",
    ),
    Origin(
        wheel="jetset",
        member="jetset/test_data/SEDs_data/SED_MW_Mrk501_EBL_ABS.ecsv",
        name="Mrk 501",
        aliases=("Mkn 501", "Markarian 501", "1ES 1652+398", "4FGL J1653.8+3945"),
        ra=253.467569,
        dec=39.760169,
        citation="Abdo A. A., et al., 2011, ApJ, 727, 129",
        bibcode="2011ApJ...727..129A",
    ),
)


def main(arguments: list[str]) -> None:
    """Write the sample."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(arguments[0]) if arguments else download(Path(scratch))
        tables = [read(folder, origin) for origin in ORIGINS]
    found = [
        row for origin, table in zip(ORIGINS, tables, strict=True) for row in rows(origin, table)
    ]
    observations = [{**row, "id": number} for number, row in enumerate(found, start=1)]
    DATA.mkdir(exist_ok=True)
    table = pa.Table.from_pylist(observations, schema=OBSERVATION_SCHEMA)
    pq.write_table(table, DATA / "observations.parquet", compression="zstd")
    sources = [source(origin, table) for origin, table in zip(ORIGINS, tables, strict=True)]
    (DATA / "sources.json").write_text(json.dumps(sources, indent=1) + "\n", encoding="utf-8")


def download(folder: Path) -> Path:
    """Fetch the wheels with pip, without their dependencies."""
    for name, version in WHEELS.items():
        command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary", ":all:"]
        command += ["--dest", str(folder), *PLATFORM, f"{name}=={version}"]
        subprocess.run(command, check=True)
    return folder


def read(folder: Path, origin: Origin) -> Table:
    """Read the table of one origin out of its wheel."""
    (wheel,) = folder.glob(f"{origin.wheel}-{WHEELS[origin.wheel]}-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        text = archive.read(origin.member).decode("utf-8")
    # "MJD" is no unit of astropy; the dates of the JetSeT table are all 0, that is not given.
    return Table.read(text.replace("unit: MJD, ", "").splitlines(), format="ascii.ecsv")


def rows(origin: Origin, table: Table) -> Iterator[dict[str, Any]]:
    """Yield the points of one table as observations, without their ids."""
    identifier = int(sky_identifier(origin.ra, origin.dec))
    start, end = origin.mjd or (None, None)
    reference = {"citation": origin.citation, "bibcode": origin.bibcode, "url": origin.url}
    for point in points(origin, table):
        yield {
            **dict.fromkeys(OBSERVATION_SCHEMA.names),
            **point,
            "ra": origin.ra,
            "dec": origin.dec,
            "sky_identifier": identifier,
            "is_lightcurve": False,
            "mjd_start": start,
            "mjd_end": end,
            "created_at": CREATED_AT,
            "reference": reference,
        }


def points(origin: Origin, table: Table) -> Iterator[dict[str, Any]]:
    """Yield catalogue, frequency, flux, error and limit flag of each point."""
    columns = agnpy_columns(table) if origin.wheel == "agnpy" else jetset_columns(table)
    for catalog, nu, flux, error, limit in zip(*columns, strict=True):
        yield {
            "catalog": str(catalog),
            "frequency": float(nu),
            "flux": float(flux),
            "flux_err": float(error) if error > SMALLEST_ERROR else None,
            "is_upper_limit": bool(limit),
        }


def agnpy_columns(table: Table) -> tuple[Any, ...]:
    """Return the columns of agnpy's layout; the two errors of a point become their mean."""
    nu = table["e_ref"].quantity.to_value(u.Hz, u.spectral())
    error = (table["e2dnde_errn"] + table["e2dnde_errp"]) / 2
    return table["instrument"], nu, table["e2dnde"], error, np.zeros(len(table), dtype=bool)


def jetset_columns(table: Table) -> tuple[Any, ...]:
    """Return the columns of JetSeT's layout, which does not name the instruments."""
    catalog = np.full(len(table), "MWL2009")
    return catalog, table["x"], table["y"], table["dy"], table["UL"]


def source(origin: Origin, table: Table) -> dict[str, Any]:
    """Return the entry of ``sources.json``; the redshift is the one the table carries."""
    redshift = table.meta["redshift"] if "redshift" in table.meta else table.meta["z"]
    return {
        "name": origin.name,
        "aliases": list(origin.aliases),
        "ra": origin.ra,
        "dec": origin.dec,
        "redshift": float(redshift),
    }


if __name__ == "__main__":
    main(sys.argv[1:])
