"""One `Column` for each field of an observation, of an SED point and of a light curve.

The names are frozen: programs rely on them. `SCHEMA_VERSION` goes up when one of them changes.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = [
    "LIGHTCURVE",
    "OBSERVATION",
    "PHOTON_FLUX",
    "PHOTON_FLUX_CATALOGS",
    "REFERENCE_FIELDS",
    "SCHEMA_VERSION",
    "SED_POINT",
    "Column",
    "by_name",
]

SCHEMA_VERSION = 1

FLUX_UNIT = "erg / (s cm2)"


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table.

    Parameters
    ----------
    wire : str
        Key of the field in the service's JSON.
    name : str
        Name of the column in our tables.
    kind : str
        ``"float"``, ``"int"``, ``"bool"`` or ``"str"``.
    unit : str or None
        Unit, in astropy's generic format.
    ucd : str
        IVOA unified content descriptor.
    description : str
        One line for the reader.
    nullable : bool
        Whether a value may be missing; it is then masked.
    """

    wire: str
    name: str
    kind: str
    unit: str | None
    ucd: str
    description: str
    nullable: bool = True


def _column(
    wire: str,
    kind: str,
    unit: str | None,
    ucd: str,
    description: str,
    *,
    name: str | None = None,
    nullable: bool = True,
) -> Column:
    return Column(wire, name or wire, kind, unit, ucd, description, nullable)


OBSERVATION: tuple[Column, ...] = (
    _column("id", "int", None, "meta.id;meta.main", "Row number in the service", nullable=False),
    _column("catalog", "str", None, "meta.id", "Catalogue code", nullable=False),
    _column("ra", "float", "deg", "pos.eq.ra;meta.main", "Right ascension, ICRS", nullable=False),
    _column("dec", "float", "deg", "pos.eq.dec;meta.main", "Declination, ICRS", nullable=False),
    _column("frequency", "float", "Hz", "em.freq", "Frequency, observer's frame", name="nu"),
    _column("flux", "float", FLUX_UNIT, "phot.flux", "nu F_nu; masked where photon_flux is given"),
    _column("flux_err", "float", FLUX_UNIT, "stat.error;phot.flux", "One-sigma error of the flux"),
    _column(
        "is_upper_limit",
        "bool",
        None,
        "meta.code;stat.max",
        "True where the flux is an upper limit",
        nullable=False,
    ),
    _column("mjd_start", "float", "d", "time.start", "Start of the interval, MJD (UTC)"),
    _column("mjd_end", "float", "d", "time.end", "End of the interval, MJD (UTC)"),
    _column("mjd_mid", "float", "d", "time.epoch", "Time of a light-curve point, MJD (UTC)"),
    _column(
        "is_lightcurve",
        "bool",
        None,
        "meta.code",
        "True for a light-curve row, False for an SED row",
        nullable=False,
    ),
    _column("filter_band", "str", None, "meta.id;instr.filter", "Photometric band"),
    _column("obsid", "str", None, "meta.id;obs", "Observation id of the telescope"),
    _column("spectral_index", "float", None, "spect.index", "Spectral index"),
    _column("spectral_index_err", "float", None, "stat.error;spect.index", "Its error"),
    _column(
        "sky_identifier",
        "int",
        None,
        "pos.healpix",
        "HEALPix index of the position, NESTED, order 15",
        nullable=False,
    ),
    _column("citation", "str", None, "meta.bib", "Where it was published", name="reference"),
    _column("bibcode", "str", None, "meta.bib.bibcode", "ADS bibcode of the reference"),
    _column("url", "str", None, "meta.ref.url", "Link to the reference", name="reference_url"),
    _column("created_at", "str", None, "time.creation", "When the service stored the row"),
)
"""Columns of `MMDC.query_region`; citation, bibcode and url come nested in ``reference``."""

PHOTON_FLUX: tuple[Column, ...] = (
    _column(
        "flux",
        "float",
        "ph / (s cm2)",
        "phot.flux",
        "Photon flux of Fermi-LAT light curves (MMDCGR); unit inferred, not stated by the service",
        name="photon_flux",
    ),
    _column(
        "flux_err",
        "float",
        "ph / (s cm2)",
        "stat.error;phot.flux",
        "One-sigma error of photon_flux",
        name="photon_flux_err",
    ),
)
"""Where the fluxes of `PHOTON_FLUX_CATALOGS` go: a column holds one unit only."""

PHOTON_FLUX_CATALOGS = ("MMDCGR",)

REFERENCE_FIELDS = ("citation", "bibcode", "url")

SED_POINT: tuple[Column, ...] = (
    _column("freq_hz", "float", "Hz", "em.freq", "Frequency, observer's frame", name="nu"),
    _column(
        "nufnu",
        "float",
        FLUX_UNIT,
        "phot.flux.density;em.freq",
        "nu F_nu; the limit itself for an upper limit",
    ),
    _column("nufnu_err", "float", FLUX_UNIT, "stat.error;phot.flux.density", "One-sigma error"),
    _column(
        "is_ul",
        "bool",
        None,
        "meta.code;stat.max",
        "True where nufnu is an upper limit",
        name="is_upper_limit",
        nullable=False,
    ),
    _column("mjd_start", "float", "d", "time.start", "Start of the interval, MJD (UTC)"),
    _column("mjd_end", "float", "d", "time.end", "End of the interval, MJD (UTC)"),
    _column(
        "undated",
        "bool",
        None,
        "meta.code;time",
        "True for a catalogue value without a date; its MJDs are masked",
        nullable=False,
    ),
    _column("catalog", "str", None, "meta.id", "Catalogue code", nullable=False),
    _column("band", "str", None, "instr.bandpass", "Part of the spectrum"),
    _column("reference", "str", None, "meta.bib", "Where it was published"),
)
"""Columns of `SED`; the last three come through ``catalog_idx`` on the wire."""

LIGHTCURVE = (
    "time",
    "flux",
    "flux_err",
    "photon_flux",
    "photon_flux_err",
    "is_upper_limit",
    "nu",
    "filter_band",
    "catalog",
    "obsid",
    "spectral_index",
    "spectral_index_err",
    "ra",
    "dec",
    "reference",
    "bibcode",
)
"""Columns of `MMDC.query_lightcurve`: those of an observation, with ``time`` for ``mjd_mid``."""


def by_name(columns: tuple[Column, ...]) -> dict[str, Column]:
    """Return the columns keyed by their names in our tables."""
    return {column.name: column for column in columns}
