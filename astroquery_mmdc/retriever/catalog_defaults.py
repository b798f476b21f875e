"""Catalogues that are known by name: where they are and what their columns are called."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from astroquery_mmdc.exceptions import InvalidRequestError

__all__ = ["PRESETS", "presets", "test_catalog"]

_TEST_ROWS = 10
_TEST_SEED = 20210

_WHITE_DWARFS: dict[str, Any] = {
    "catalog_name": "WD",
    "filename": "GaiaEDR3_WD_main.fits",
    "url": (
        "https://warwick.ac.uk/fac/sci/physics/research/astro/research/catalogues/"
        "gaiaedr3_wd_main.fits.gz"
    ),
    "reference": "https://ui.adsabs.harvard.edu/abs/2021MNRAS.508.3877G/abstract",
    "name_column": "source_id",
    "pm_ra_column": "pmra",
    "pm_dec_column": "pmdec",
    "parallax_column": "parallax",
    "mag_column": "phot_g_mean_mag",
    "mag_filter_name": "Gaia_G",
    "alias_column": "WDJ_name",
    "catalog_observation_year": 2016.0,
    "mag_to_column_map": {
        "gaia_g": "phot_g_mean_mag",
        "gaia_bp": "phot_bp_mean_mag",
        "gaia_rp": "phot_rp_mean_mag",
    },
}

_BZCAT: dict[str, Any] = {
    "catalog_name": "BZCAT",
    "filename": "bzcat5.fits",
    "url": (
        "https://vizier.cds.unistra.fr/viz-bin/asu-binfits"
        "?-source=VII/274/bzcat5&-out.max=unlimited&-out.all"
    ),
    "reference": "https://ui.adsabs.harvard.edu/abs/2015Ap%26SS.357...75M/abstract",
    "name_column": "Name",
    "ra_column": "RAJ2000",
    "dec_column": "DEJ2000",
    "mag_column": "Rmag",
    "mag_filter_name": "R",
}

_FERMI: dict[str, Any] = {
    "catalog_name": "4FGL",
    "filename": "gll_psc_v35.fit",
    "url": "https://fermi.gsfc.nasa.gov/ssc/data/access/lat/14yr_catalog/gll_psc_v35.fit",
    "reference": "https://ui.adsabs.harvard.edu/abs/2023arXiv230712546B/abstract",
    "name_column": "Source_Name",
    "ra_column": "RAJ2000",
    "dec_column": "DEJ2000",
    "mag_column": None,
    "alias_column": "ASSOC1",
}

_TEST: dict[str, Any] = {"catalog_name": "test", "filename": "test_catalog.csv", "url": None}

PRESETS: Mapping[str, tuple[tuple[str, ...], dict[str, Any]]] = {
    "WD": (
        ("wd", "wds", "white dwarf", "white dwarfs", "white_dwarf", "whitedwarf"),
        _WHITE_DWARFS,
    ),
    "BZCAT": (("bzcat", "5bzcat", "roma-bzcat", "blazars"), _BZCAT),
    "4FGL": (("4fgl", "4fgl-dr4", "fermi"), _FERMI),
    "test": (("test",), _TEST),
}
"""Name of the catalogue to its spellings and its parameters."""


def presets(name: str) -> dict[str, Any]:
    """Return the parameters of a catalogue that is known by name.

    Examples
    --------
    >>> presets("white dwarf")["name_column"]
    'source_id'
    """
    wanted = name.strip().lower()
    for spellings, values in PRESETS.values():
        if wanted in spellings:
            return dict(values)
    msg = f"default: {name!r} is not known; choose from {list(PRESETS)} or give a filename"
    raise InvalidRequestError(msg, parameter="default")


def test_catalog() -> dict[str, Any]:
    """Return the columns of a small catalogue of random positions, the same every time."""
    import numpy as np

    rng = np.random.default_rng(_TEST_SEED)
    ra = rng.uniform(0, 360, _TEST_ROWS)
    dec = np.degrees(np.arcsin(rng.uniform(-1, 1, _TEST_ROWS)))
    return {
        "name": np.array([f"J{a:08.4f}{d:+08.4f}" for a, d in zip(ra, dec, strict=True)]),
        "ra": ra,
        "dec": dec,
        "mag": rng.uniform(15, 21, _TEST_ROWS),
        "magerr": rng.uniform(0.05, 0.15, _TEST_ROWS),
    }


test_catalog.__test__ = False  # type: ignore[attr-defined]  # its name is no reason to collect it
