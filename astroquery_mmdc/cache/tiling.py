"""Which HEALPix cells become the tiles of a generation."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from astroquery_mmdc.cache.layout import Tile

__all__ = ["TILE_ROWS", "tiles_for"]

TILE_ROWS = 250_000
"""Rows above which a tile is cut into four."""

MAX_ORDER = 12
"""Order at which tiles are no longer cut: rows may all be at one position."""


def tiles_for(count: Callable[[int, int], int], fixed: Sequence[Tile] = ()) -> list[Tile]:
    """Return the tiles that hold all rows, none of them empty.

    Parameters
    ----------
    count : callable
        Returns the number of rows whose keys lie in a half-open range.
    fixed : sequence of Tile
        Tiles of the generation before; they are kept where they are still of a good size, so that
        their files need not be written again. Disjoint.

    Returns
    -------
    list of Tile
        Disjoint, along the sky, with their numbers of rows.
    """
    found: list[Tile] = []
    taken = _ancestors(fixed)
    cells = [(0, pixel) for pixel in reversed(range(12))]
    while cells:
        order, pixel = cells.pop()
        tile = Tile.of(order, pixel)
        rows = count(tile.low, tile.high)
        if not rows:
            continue
        small = rows <= TILE_ROWS or order >= MAX_ORDER
        # A cell above a tile that exists must be cut: the tiles would overlap.
        if small and (order, pixel) not in taken:
            found.append(Tile.of(order, pixel, rows))
        else:
            cells += [(order + 1, 4 * pixel + child) for child in (3, 2, 1, 0)]
    return found


def _ancestors(tiles: Sequence[Tile]) -> set[tuple[int, int]]:
    return {
        (tile.order - up, tile.pixel >> 2 * up) for tile in tiles for up in range(1, tile.order + 1)
    }
