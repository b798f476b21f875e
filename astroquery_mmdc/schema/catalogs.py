"""Catalogue codes, bands and bibcodes."""

from __future__ import annotations

from dataclasses import dataclass
from difflib import get_close_matches

import numpy as np
from numpy.typing import ArrayLike, NDArray

from astroquery_mmdc._config import conf
from astroquery_mmdc.exceptions import InvalidRequestError

__all__ = [
    "BANDS",
    "CATALOGS",
    "MMDC_BIBCODE",
    "Catalog",
    "band_of",
    "check_catalog",
]

MMDC_BIBCODE = "2024AJ....168..289S"

BANDS: dict[str, tuple[float, float]] = {
    "radio_waves": (0.0, 3e9),
    "microwaves": (3e9, 1e12),
    "infrared": (1e12, 3e14),
    "visible": (3e14, 1e15),
    "ultraviolet": (1e15, 3e16),
    "x_rays": (3e16, 1e20),
    "gamma_rays": (1e20, np.inf),
}
"""The service's parts of the spectrum, with the limits in Hz that this package draws."""


@dataclass(frozen=True, slots=True)
class Catalog:
    """A catalogue that the service holds or asks.

    Parameters
    ----------
    code : str
        The code in the ``catalog`` column.
    band : str
        Key of `BANDS`.
    holding : str
        ``"observations"``: in the observations table; ``"sed"``: asked when an SED is made;
        ``"sample"``: only in the sample that comes with the local server.
    description : str
        What it is.
    bibcode : str
        ADS bibcode of the reference, where one is known for sure.
    """

    code: str
    band: str
    holding: str
    description: str = ""
    bibcode: str = ""


def _observations() -> list[Catalog]:
    held = [
        ("MMDCGR", "gamma_rays", "Fermi-LAT, analysed by MMDC", MMDC_BIBCODE),
        ("MMDCOUV", "visible", "Swift-UVOT, analysed by MMDC", MMDC_BIBCODE),
        ("MMDCXRT", "x_rays", "Swift-XRT snapshots, analysed by MMDC", MMDC_BIBCODE),
        ("MMDCXRT_ORBIT", "x_rays", "Swift-XRT orbits, analysed by MMDC", MMDC_BIBCODE),
        ("MMDCNuX", "x_rays", "NuSTAR, analysed by MMDC", MMDC_BIBCODE),
        ("ASAS-SN", "visible", "All-Sky Automated Survey for Supernovae", ""),
        ("ZTF", "visible", "Zwicky Transient Facility", "2019PASP..131a8002B"),
        ("PanSTARRS-LC", "visible", "Pan-STARRS light curves", ""),
        ("SMARTS", "visible", "SMARTS optical and infrared monitoring", ""),
    ]
    return [Catalog(code, band, "observations", text, bib) for code, band, text, bib in held]


_SED_CODES = {
    "radio_waves": (
        "VLSSR TGSS150 GLEAM GLEAMV2 EPRS LoTSS WISH352 Texas NORTH20 F357det F357cat SUMSS RACS "
        "NVSS FIRST RACSHIGH SPECFINDV3 KUEHR"
    ),
    "microwaves": (
        "VLASSQL GB6 GB87 PMN ATPMN AT20G CRATES RATAN-600 PACO PACOPCCS MM-MONITORING4 ALMA PCNT "
        "PCCS30 PCCS44 PCCS70 PCCS100 PCCS143 PCCS217 PCCS353 PCCS545 PCCS857"
    ),
    "infrared": (
        "SPIRE250 SPIRE350 SPIRE500 PACS70 H-ATLAS-DR1 H-ATLAS-DR2NGP H-ATLAS-DR2SGP IRAS-PSC "
        "AKARIBSC AKARIPSC WISE WISEME NEOWISE CatWISE UNWISE 2MASS DENIS3"
    ),
    "visible": "PanSTARRS-DR2 GAIA-DR3 SDSS USNO HSTGSC UVOT",
    "ultraviolet": "GALEX XMMOM",
    "x_rays": (
        "RASS 2RXS 4XMM-DR14 XMMSL3 2SXPS OUSXB OUSXG 1OUSX OULC XRTSPEC XRTDEEP SDS82 BMW WGACAT "
        "IPC2E IPCSL Chandra-CSC2 MAXI CMA BEPPOSAX BAT105m BAT157m NuBlazar OUNBLZ"
    ),
    "gamma_rays": (
        "4FGL-DR3 4FGL-DR4 3FGL 3FHL 2FHL 2BIGB 1FLE FermiMeV 2AGILE VERITAS MAGIC H.E.S.S."
    ),
}
_BIBCODES = {
    "NVSS": "1998AJ....115.1693C",
    "FIRST": "1995ApJ...450..559B",
    "2MASS": "2006AJ....131.1163S",
    "WISE": "2010AJ....140.1868W",
    "NEOWISE": "2014ApJ...792...30M",
    "GALEX": "2005ApJ...619L...1M",
    "4FGL-DR3": "2022ApJS..260...53A",
    "3FHL": "2017ApJS..232...18A",
}
_SAMPLE_CODES = {
    "RATAN": "microwaves",
    "VLBA(BK150)": "microwaves",
    "VLBA(BP143)": "microwaves",
    "VLBA_core(BP143)": "microwaves",
    "VLBA(MOJAVE)": "microwaves",
    "VLBA_core(MOJAVE)": "microwaves",
    "Medicina": "microwaves",
    "Noto": "microwaves",
    "OVRO": "microwaves",
    "Metsahovi": "microwaves",
    "SMA": "microwaves",
    "WIRO": "infrared",
    "OAGH": "infrared",
    "GRT": "visible",
    "GASP": "visible",
    "MITSuME": "visible",
    "NewMexicoSkies": "visible",
    "ROVOR": "visible",
    "Swift/UVOT": "ultraviolet",
    "Swift/XRT": "x_rays",
    "Swift/BAT": "x_rays",
    "RXTE/PCA": "x_rays",
    "Fermi": "gamma_rays",
    "SMART1": "visible",
    "KVA1": "visible",
    "KVA2": "visible",
    "NICS1": "infrared",
    "NICS2": "infrared",
    "TCS1": "infrared",
    "TCS2": "infrared",
    "TCS3": "infrared",
    "TCS4": "infrared",
    "TCS5": "infrared",
    "TCS6": "infrared",
    "Swift-XRT": "x_rays",
    "Fermi-LAT": "gamma_rays",
    "MWL2009": "visible",
    "Rodrigues2023": "visible",
}


def _all_catalogs() -> dict[str, Catalog]:
    catalogs = {catalog.code: catalog for catalog in _observations()}
    for band, codes in _SED_CODES.items():
        for code in codes.split():
            catalogs[code] = Catalog(code, band, "sed", bibcode=_BIBCODES.get(code, ""))
    for code, band in _SAMPLE_CODES.items():
        catalogs.setdefault(code, Catalog(code, band, "sample"))
    return catalogs


CATALOGS: dict[str, Catalog] = _all_catalogs()
"""Every catalogue code known here."""


def check_catalog(code: str, *, parameter: str = "catalog") -> str:
    """Return the code in the service's spelling, or say which codes come close.

    Parameters
    ----------
    code : str
        Catalogue code, in any case.
    parameter : str
        Name of the parameter, for error messages.

    Raises
    ------
    InvalidRequestError
        The code is neither known nor in ``conf.extra_catalogs``.

    Examples
    --------
    >>> check_catalog("ztf")
    'ZTF'
    """
    known: dict[str, str] = {
        name.lower(): name for name in (*CATALOGS, *map(str, conf.extra_catalogs))
    }
    found = known.get(str(code).strip().lower())
    if found is not None:
        return found
    close = [known[name] for name in get_close_matches(str(code).lower(), known, n=3, cutoff=0.5)]
    hint = f"did you mean {' or '.join(close)}? " if close else ""
    msg = (
        f"{parameter}: {code!r} is no known catalogue; {hint}"
        "MMDC.list_catalogs() names them, conf.extra_catalogs adds others"
    )
    raise InvalidRequestError(msg, parameter=parameter)


def band_of(nu: ArrayLike) -> NDArray[np.str_]:
    """Return the part of the spectrum for frequencies in Hz.

    Examples
    --------
    >>> band_of([1.4e9, 5e14, 2.4e23]).tolist()
    ['radio_waves', 'visible', 'gamma_rays']
    """
    edges = [low for low, _ in BANDS.values()][1:]
    return np.array(list(BANDS))[np.searchsorted(edges, np.asarray(nu), side="right")]
