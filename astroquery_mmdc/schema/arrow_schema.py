"""The Arrow schema of an observation, apart from tables: astropy's take 0.2 s to import."""

from __future__ import annotations

import pyarrow as pa

from astroquery_mmdc.schema.columns import OBSERVATION, REFERENCE_FIELDS

__all__ = ["OBSERVATION_SCHEMA"]

_TYPES = {"float": pa.float64(), "int": pa.int64(), "bool": pa.bool_(), "str": pa.string()}

OBSERVATION_SCHEMA = pa.schema(
    [
        pa.field(spec.wire, _TYPES[spec.kind], nullable=spec.nullable or spec.wire == "flux")
        for spec in OBSERVATION
        if spec.wire not in REFERENCE_FIELDS
    ]
    + [pa.field("reference", pa.struct([(field, pa.string()) for field in REFERENCE_FIELDS]))]
)
"""One row of ``/api/observations/``; the reference stays the struct that the service sends."""
