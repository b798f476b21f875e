"""Sources by position."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy import orm

from astroquery_mmdc.exceptions import InvalidRequestError
from astroquery_mmdc.retriever.database.source import Source

if TYPE_CHECKING:
    from astropy import units as u

__all__ = ["cone_search", "duplicates_of"]


def cone_search(ra: float, dec: float, radius: u.Quantity) -> sa.ColumnElement[bool]:
    """Return the condition that a source lies in a cone.

    Parameters
    ----------
    ra, dec : float
        Centre in degrees, ICRS.
    radius : Quantity
        Radius, an angle.

    Returns
    -------
    ColumnElement
        For ``sa.select(Source).where(...)``: exact, and through the index of HEALPix cells.

    Examples
    --------
    >>> from astropy import units as u
    >>> statement = sa.select(Source).where(cone_search(10.0, 20.0, 3 * u.arcsec))
    """
    # Imported here: the cache is large, and reading rows does not need it.
    from astropy import units as u

    from astroquery_mmdc.cache.cells import cone_ranges
    from astroquery_mmdc.cache.search import cap

    if not isinstance(radius, u.Quantity):
        msg = f"radius: {radius!r} has no unit; write {radius!r} * u.arcsec"
        raise InvalidRequestError(msg, parameter="radius")
    arcsec = float(radius.to_value(u.arcsec))
    ranges = cone_ranges(ra, dec, arcsec)
    in_cells = sa.or_(
        sa.false(),
        *(sa.and_(Source.healpix >= int(low), Source.healpix < int(high)) for low, high in ranges),
    )
    test = cap(ra, dec, arcsec)
    steps = zip((Source.x, Source.y, Source.z), test.center.tolist(), strict=True)
    away = [column - value for column, value in steps]
    chord2 = away[0] * away[0] + away[1] * away[1] + away[2] * away[2]
    exact = chord2 >= test.chord2 if test.beyond else chord2 <= test.chord2
    return sa.and_(in_cells, exact)


def duplicates_of(
    session: orm.Session, source: Source, radius: u.Quantity | None = None
) -> Sequence[Any]:
    """Return the other sources of the same project and version that lie next to a source.

    Parameters
    ----------
    session : Session
        The database.
    source : Source
        The source.
    radius : Quantity, optional
        How near; 5 arcsec if it is not given.
    """
    from astropy import units as u

    near = 5 * u.arcsec if radius is None else radius
    statement = sa.select(Source).where(
        cone_search(source.ra, source.dec, near),
        Source.project == source.project,
        Source.cfg_hash == source.cfg_hash,
        Source.name != source.name,
    )
    return session.scalars(statement).all()
