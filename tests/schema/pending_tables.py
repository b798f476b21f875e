"""Rows, and comparisons of tables, that the tests of pending tables share."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

ROWS = [
    {
        "id": number,
        "catalog": catalog,
        "ra": 10.0 + number,
        "dec": -5.0,
        "flux": flux,
        "frequency": 1e14,
        "is_upper_limit": number == 2,
        "is_lightcurve": True,
        "mjd_mid": 58000.0 + number,
        "filter_band": band,
        "sky_identifier": number,
        "reference": {"citation": "Author, 2020", "bibcode": None, "url": None},
        "created_at": "2026-09-01T10:00:00Z",
    }
    for number, (catalog, flux, band) in enumerate(
        [("ZTF", 1e-12, "g"), ("MMDCGR", 2e-8, None), ("ZTF", 3e-12, "r"), ("NVSS", None, None)]
    )
]


def encoded(table):
    """Return rows as the store keeps them: texts that repeat as numbers."""
    for name in ("catalog", "filter_band"):
        place = table.column_names.index(name)
        table = table.set_column(place, name, table.column(name).dictionary_encode())
    reference = table.column("reference").combine_chunks()
    children = [child.dictionary_encode() for child in reference.flatten()]
    names = [field.name for field in reference.type]
    encoded = pa.StructArray.from_arrays(children, names, mask=reference.is_null())
    return table.set_column(table.column_names.index("reference"), "reference", encoded)


def assert_same_column(given, expected):
    assert type(given) is type(expected)
    assert given.dtype == expected.dtype
    assert given.shape == expected.shape
    assert getattr(given, "unit", None) == getattr(expected, "unit", None)
    plain, right = (np.asarray(getattr(x, "unmasked", x)) for x in (given, expected))
    mask, right_mask = (
        np.broadcast_to(getattr(x, "mask", False), x.shape) for x in (given, expected)
    )
    np.testing.assert_array_equal(mask, right_mask)
    np.testing.assert_array_equal(plain[~mask], right[~mask])
    assert plain.flags.writeable
    for fact in ("name", "description", "format", "meta", "unit", "dtype"):
        assert getattr(given.info, fact) == getattr(expected.info, fact), fact
    assert str(given.info.indices) == str(expected.info.indices)
    if hasattr(expected, "fill_value"):
        assert given.fill_value == expected.fill_value


def assert_same_table(given, expected):
    assert type(given) is type(expected)
    assert given.colnames == expected.colnames
    assert len(given) == len(expected)
    assert given.meta == expected.meta
    for name in expected.colnames:
        assert_same_column(given[name], expected[name])
        # After a deep copy, in older versions of astropy, it is None.
        belongs = expected[name].info.parent_table is expected
        assert (given[name].info.parent_table is given) == belongs
