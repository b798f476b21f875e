"""The service's JSON answer with the points of an SED."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from astroquery_mmdc.exceptions import ParseError
from astroquery_mmdc.schema.columns import SED_POINT
from astroquery_mmdc.schema.sources import source_from_json
from astroquery_mmdc.schema.tables import decode_json, sed_columns, sed_to_json
from astroquery_mmdc.sed.core import SED
from astroquery_mmdc.sed.formats.base import (
    Dialect,
    read_bytes,
    register,
    warn_losses,
    write_text,
)

__all__ = ["from_envelope", "to_envelope"]

_UNITS = {"freq_hz": "Hz", "nufnu": "erg cm-2 s-1", "mjd": "MJD"}


def from_envelope(
    envelope: Mapping[str, Any], *, meta: Mapping[str, Any] | None = None, legacy: bool = False
) -> SED:
    """Return the SED in an answer of the service.

    Parameters
    ----------
    envelope : mapping
        The answer, with ``sed`` and perhaps ``source``.
    meta : mapping, optional
        Provenance, for ``meta["mmdc"]``.
    legacy : bool, optional
        Whether MJD 55000 stands for "undated" too.

    Returns
    -------
    SED

    Raises
    ------
    ParseError
        There are no points in the answer.
    """
    points = envelope.get("sed") if isinstance(envelope, Mapping) else None
    if not isinstance(points, Mapping):
        msg = "mmdc.json: the answer has no object 'sed' with points; is it another format?"
        raise ParseError(msg)
    sed = SED(sed_columns(points, legacy=legacy), copy=False)
    if meta is not None:
        sed.meta["mmdc"] = dict(meta)
    if envelope.get("source"):
        sed.meta["source"] = source_from_json(envelope["source"]).to_meta()
    return sed


def to_envelope(sed: SED) -> dict[str, Any]:
    """Return an SED in the form of a finished answer of the service."""
    points = {"points": len(sed), "units": _UNITS, "filters": {}, **sed_to_json(sed)}
    return {"status": "done", "source": _source(sed), "sed": points}


def _source(sed: SED) -> dict[str, Any] | None:
    facts = sed.source
    if facts.get("ra") is None or facts.get("dec") is None:
        return None
    peak = {
        "log_nu": facts.get("log_nu_peak"),
        "err": facts.get("log_nu_peak_err"),
        "limit": facts.get("nu_peak_limit") or None,
    }
    plain = {name: facts.get(name) for name in ("name", "ra", "dec", "redshift")}
    return {**plain, "w_peak": peak if peak["log_nu"] is not None else None}


def _read(source: Any, *, legacy: bool = False) -> SED:
    return from_envelope(decode_json(read_bytes(source)), legacy=legacy)


def _write(sed: SED, target: Any, *, overwrite: bool = False) -> None:
    warn_losses(sed, "mmdc.json", holds=[spec.name for spec in SED_POINT])
    content = msgspec.json.format(msgspec.json.encode(to_envelope(sed)), indent=2)
    write_text(target, content.decode(), overwrite=overwrite)


register(
    Dialect(
        "mmdc.json",
        lambda head: head.lstrip().startswith("{") and '"sed"' in head,
        _read,
        _write,
        (".json",),
    )
)
