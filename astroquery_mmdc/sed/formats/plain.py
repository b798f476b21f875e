"""ECSV, FITS and Parquet of the table itself, which keep everything."""

from __future__ import annotations

import io
import json
from typing import Any

from astropy import units as u
from astropy.table import Column, MaskedColumn, QTable

from astroquery_mmdc.exceptions import ParseError
from astroquery_mmdc.sed.core import SED
from astroquery_mmdc.sed.formats.base import (
    Dialect,
    read_bytes,
    read_text,
    register,
    warn_loss,
    write_bytes,
    write_text,
)
from astroquery_mmdc.sed.formats.companions import companions, ecsv_dialect
from astroquery_mmdc.sed.formats.gadf import is_flux_points

__all__: list[str] = []

_FITS_KEY = "SEDMETA"


# ---------------------------------------------------------------- ECSV


def _write_ecsv(sed: SED, target: Any, *, overwrite: bool = False, **options: Any) -> None:
    content = io.StringIO()
    QTable(sed, copy=False).write(content, format="ascii.ecsv", **options)
    write_text(target, content.getvalue(), overwrite=overwrite)


def _read_ecsv(source: Any, **options: Any) -> SED:
    return SED(QTable.read(read_text(source), format="ascii.ecsv", **options), copy=False)


# ---------------------------------------------------------------- FITS


def _write_fits(sed: SED, target: Any, *, overwrite: bool = False) -> None:
    table = sed.unmasked()
    # A header takes no nested values, but a text of any length.
    table.meta = {_FITS_KEY: json.dumps(dict(sed.meta), default=str)}
    options = {} if hasattr(target, "write") else {"overwrite": overwrite}
    table.write(target, format="fits", **options)


def _read_fits(source: Any) -> SED:
    table = QTable.read(io.BytesIO(read_bytes(source)), format="fits", hdu=1)
    meta = table.meta.pop(_FITS_KEY, None)
    table.meta = dict(table.meta) if meta is None else json.loads(meta)
    return SED(companions(table, theirs=set()), meta=table.meta)


# ---------------------------------------------------------------- Parquet


def _write_parquet(sed: SED, target: Any, *, overwrite: bool = False) -> None:
    import pyarrow.parquet as pq

    from astroquery_mmdc.schema.arrow import table_to_arrow

    table, left_out = table_to_arrow(sed)
    for name in left_out:
        warn_loss(f"parquet cannot hold: {name} of {len(sed)} rows; ECSV holds everything")
    content = io.BytesIO()
    pq.write_table(table, content)
    write_bytes(target, content.getvalue(), overwrite=overwrite)


def _read_parquet(source: Any) -> SED:
    import pyarrow as pa
    import pyarrow.parquet as pq

    from astroquery_mmdc.schema.arrow import META_KEY

    try:
        table = pq.read_table(io.BytesIO(read_bytes(source)))
    except pa.ArrowInvalid as err:
        msg = f"the file is no readable Parquet file ({err})"
        raise ParseError(msg) from err
    columns = {}
    for field, column in zip(table.schema, table.columns, strict=True):
        facts = field.metadata or {}
        unit = facts.get(b"unit", b"").decode()
        columns[field.name] = _column(column, unit)
        columns[field.name].info.description = facts.get(b"description", b"").decode() or None
    meta = json.loads((table.schema.metadata or {}).get(META_KEY, b"{}"))
    return SED(columns, meta=meta)


def _column(values: Any, unit: str) -> Any:
    if unit:
        return u.Quantity(values.to_numpy(), unit)
    cells = values.to_pylist()
    missing = [cell is None for cell in cells]
    if not any(missing):
        return Column(cells) if cells else Column([], dtype=_empty_dtype(values))
    fill = type(next((cell for cell in cells if cell is not None), ""))()
    return MaskedColumn([fill if cell is None else cell for cell in cells], mask=missing)


def _empty_dtype(values: Any) -> Any:
    dtype = values.to_numpy().dtype
    return str if dtype.kind == "O" else dtype


register(
    Dialect(
        "ascii.ecsv",
        lambda head: ecsv_dialect(head) == "ascii.ecsv",
        _read_ecsv,
        _write_ecsv,
        (".ecsv",),
    )
)
register(
    Dialect(
        "fits",
        lambda head: head.startswith("SIMPLE  =") and not is_flux_points(head),
        _read_fits,
        _write_fits,
        (".fits", ".fit"),
    )
)
register(
    Dialect(
        "parquet",
        lambda head: head.startswith("PAR1"),
        _read_parquet,
        _write_parquet,
        (".parquet",),
    )
)
