"""Rows of observations, decoded straight from JSON into typed records.

That is several times faster than dictionaries, and a value of the wrong kind is found at once.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from astroquery_mmdc.exceptions import ParseError
from astroquery_mmdc.schema.columns import OBSERVATION, REFERENCE_FIELDS

__all__ = ["ObservationRow", "decode_rows", "rows_from_objects"]

_TYPES = {"float": float, "int": int, "bool": bool, "str": str}

_Reference = msgspec.defstruct(
    "_Reference", [(name, str | None, None) for name in REFERENCE_FIELDS], gc=False
)

# Every field may be missing here; the table says which ones must not be.
ObservationRow = msgspec.defstruct(
    "ObservationRow",
    [
        *(
            (spec.wire, _TYPES[spec.kind] | None, None)
            for spec in OBSERVATION
            if spec.wire not in REFERENCE_FIELDS
        ),
        ("reference", _Reference | None, None),
    ],
    gc=False,
)
"""One row of ``/api/observations/``, with the fields of `OBSERVATION`."""

_ROWS = list[ObservationRow]  # type: ignore[valid-type]
_decoder = msgspec.json.Decoder(_ROWS)


def decode_rows(body: bytes) -> list[Any]:
    """Return the rows of a JSON answer.

    Parameters
    ----------
    body : bytes
        A list of objects; fields that are not known here are passed over.

    Raises
    ------
    ParseError
        It is no JSON or too deep, no list of objects, or a value is of the wrong kind.
    """
    try:
        return list(_decoder.decode(body))
    except msgspec.ValidationError as err:
        raise _parse_error(err) from err
    except (msgspec.DecodeError, RecursionError):
        # Python's own servers write NaN and Infinity, which strict parsers refuse.
        return rows_from_objects(_lenient(body))


def _lenient(body: bytes) -> Any:
    from astroquery_mmdc.schema.tables import decode_json

    return decode_json(body)


def rows_from_objects(rows: Iterable[Any]) -> list[Any]:
    """Return rows that are JSON objects already as typed records."""
    rows = rows if isinstance(rows, list) else list(rows)
    if rows and all(isinstance(row, ObservationRow) for row in rows):
        return rows
    try:
        return list(msgspec.convert(rows, _ROWS))
    except msgspec.ValidationError as err:
        raise _parse_error(err) from err


def _parse_error(err: msgspec.ValidationError) -> ParseError:
    text = str(err).replace(" - at `$", " at `rows")
    return ParseError(f"the observations are not as expected: {text}")
