"""Names of sources to positions: the service first, then Sesame."""

from __future__ import annotations

import re
from collections.abc import Coroutine, Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from astropy import units as u
from astropy.coordinates import SkyCoord

from astroquery_mmdc.exceptions import (
    InputWarning,
    InvalidRequestError,
    MMDCError,
    OfflineError,
    ParseError,
)
from astroquery_mmdc.mmdc.kept import answered, spelled
from astroquery_mmdc.net import Job
from astroquery_mmdc.net.gather import gather
from astroquery_mmdc.net.sesame import find_position
from astroquery_mmdc.schema.coordinates import Targets, as_targets, coordinate_from_string
from astroquery_mmdc.schema.wire import Path

if TYPE_CHECKING:
    from astroquery_mmdc.mmdc.core import MMDCClass

__all__ = ["resolve_name", "resolve_targets"]

_SAME_SOURCE = 10 * u.arcsec


def resolve_name(
    self: MMDCClass, job: Job, name: str | Iterable[str]
) -> SkyCoord | Coroutine[Any, Any, SkyCoord]:
    """Turn a name, or a list of names, into a position.

    The service's own list of sources is asked first, then Sesame (CDS).

    Parameters
    ----------
    name : str or list of str
        Such as ``"Mrk 421"`` or ``"PKS 1510-089"``.

    Returns
    -------
    `~astropy.coordinates.SkyCoord`
        ICRS; an array for a list of names.

    Raises
    ------
    ResolverError
        Nobody knows the name.

    Examples
    --------
    >>> from astroquery_mmdc import MMDC
    >>> position = MMDC.resolve_name("Mrk 421")  # doctest: +REMOTE_DATA
    """
    targets = as_targets(name, parameter="name")
    return _positions(self, job, targets)


async def _positions(self: MMDCClass, job: Job, targets: Targets) -> SkyCoord:
    coordinates = (await resolve_targets(self, job, targets)).positions
    return coordinates[0] if targets.is_scalar else coordinates


async def resolve_targets(self: MMDCClass, job: Job, targets: Targets) -> Targets:
    """Return the targets with their positions; each different name is asked once."""
    if targets.coordinates is not None:
        return targets
    different = list(dict.fromkeys(name for name in targets.names if name))
    found = dict(
        zip(different, await gather(_resolve(self, job, name) for name in different), strict=True)
    )
    coordinates = SkyCoord([found[name] for name in targets.names if name])
    return Targets(coordinates, targets.names, targets.is_scalar)


async def _resolve(self: MMDCClass, job: Job, name: str) -> SkyCoord:
    position = coordinate_from_string(name, parameter="name")
    if position is not None:
        return position
    question = {"name": spelled(name)}
    kept = await answered(
        self, job, "name", question, lambda: _hits(self, name), what=f"the position of {name!r}"
    )
    return _choose(job, name, kept.content)


async def _hits(self: MMDCClass, name: str) -> list[Mapping[str, Any]]:
    """Ask the service, then Sesame."""
    problem: MMDCError | None = None
    try:
        hits = await _service_hits(self, name)
    except (InvalidRequestError, OfflineError):
        raise
    except MMDCError as err:
        # Sesame may still know the name; if not, this error is the reason to tell.
        hits, problem = [], err
    return hits or [await _sesame(name, problem)]


async def _service_hits(self: MMDCClass, name: str) -> list[Mapping[str, Any]]:
    reply = await self.client.request(
        "POST", Path.AUTOCOMPLETE, json={"query": name}, idempotent=True
    )
    results = reply.json_object().get("results") or []
    return [hit for hit in results if isinstance(hit, Mapping) and "ra" in hit and "dec" in hit]


def _plain(name: str) -> str:
    return re.sub(r"[\s_\-+]", "", name).lower()


def _choose(job: Job, name: str, hits: list[Mapping[str, Any]]) -> SkyCoord:
    """Take the hit of exactly that name, else the first; warn where they are different sources."""
    exact = [hit for hit in hits if _plain(str(hit.get("name", ""))) == _plain(name)]
    candidates = exact or hits
    try:
        positions = SkyCoord(
            [float(hit["ra"]) for hit in candidates],
            [float(hit["dec"]) for hit in candidates],
            unit="deg",
        )
    except (TypeError, ValueError) as err:
        msg = f"the service's answer for the name {name!r} has no readable position"
        raise ParseError(msg) from err
    if np.any(positions[0].separation(positions) > _SAME_SOURCE):
        others = ", ".join(str(hit.get("name")) for hit in candidates[1:5])
        first = candidates[0].get("name")
        job.warn(
            f"name: {name!r} could also be {others}; {first} is taken, give its full name "
            "or coordinates to be sure",
            InputWarning,
        )
    return positions[0]


async def _sesame(name: str, problem: MMDCError | None) -> Mapping[str, Any]:
    position = await find_position(name, problems=[f"the service: {problem}"] if problem else [])
    return {"name": name, "ra": float(position.ra.deg), "dec": float(position.dec.deg)}
