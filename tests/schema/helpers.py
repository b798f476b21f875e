"""Observations in the service's form, made up for the tests."""

from __future__ import annotations

from hypothesis import strategies as st

NUMBER = st.floats(allow_nan=False, allow_infinity=False, width=64)
MAYBE = st.none() | NUMBER
NAME = st.text(st.sampled_from("ABCabc12-_. "), min_size=1, max_size=8).map(str.strip).filter(bool)
_reference = st.none() | st.fixed_dictionaries(
    {
        "citation": NAME,
        "bibcode": st.none() | NAME,
        "url": st.none() | NAME,
    }
)
ROW = st.fixed_dictionaries(
    {
        "id": st.integers(0, 2**62),
        "catalog": st.sampled_from(["MMDCGR", "ZTF", "NVSS"]),
        "reference": _reference,
        "is_lightcurve": st.booleans(),
        "obsid": st.none() | NAME,
        "ra": st.floats(0, 359.999),
        "dec": st.floats(-90, 90),
        "sky_identifier": st.integers(0, 12 * 4**15 - 1),
        "flux": NUMBER,
        "flux_err": MAYBE,
        "frequency": MAYBE,
        "mjd_start": MAYBE,
        "mjd_end": MAYBE,
        "is_upper_limit": st.booleans(),
        "mjd_mid": MAYBE,
        "filter_band": st.none() | NAME,
        "spectral_index": MAYBE,
        "spectral_index_err": MAYBE,
        "created_at": st.just("2026-09-01T10:00:00+04:00"),
    }
)
