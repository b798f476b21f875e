"""Names to positions by Sesame (CDS), which knows what SIMBAD, NED and VizieR know."""

from __future__ import annotations

from collections.abc import Iterable

import anyio
from astropy.coordinates import SkyCoord
from astropy.coordinates.name_resolve import NameResolveError

from astroquery_mmdc.exceptions import ResolverError

__all__ = ["find_position"]


async def find_position(name: str, *, problems: Iterable[str] = ()) -> SkyCoord:
    """Return the position of a source by its name.

    Parameters
    ----------
    name : str
    problems : iterable of str, optional
        Why those who were asked before could not help, for the error message.

    Raises
    ------
    ResolverError
        Sesame does not know it either, or cannot be reached.
    """
    try:
        return await anyio.to_thread.run_sync(_from_name, name)
    except (NameResolveError, OSError) as err:
        reasons = "; ".join(problems)
        before = f" ({reasons})" if reasons else ""
        msg = (
            f"name: {name!r} is unknown to the service and to Sesame{before}; check the spelling "
            "or give coordinates"
        )
        raise ResolverError(msg) from err


def _from_name(name: str) -> SkyCoord:
    return SkyCoord.from_name(name).icrs
