"""How large an answer may be, and the running account of what it has taken so far."""

from __future__ import annotations

from dataclasses import dataclass, field

from astroquery_mmdc.exceptions import ParseError

__all__ = ["Budget", "Limits"]


@dataclass(frozen=True, slots=True)
class Limits:
    """Sizes beyond which an answer is refused instead of decoded.

    Parameters
    ----------
    encoded_bytes : int
        Characters of one encoded piece, before it is decoded.
    unpacked_bytes : int
        Bytes that a compressed piece may unpack to.
    array_bytes : int
        Bytes of all arrays of one data unit together.
    objects : int
        Pieces that a data unit is put together from: elements of an array of objects, fields of
        records, lists, numbers, texts.
    products : int
        Products in one answer.
    text : int
        Characters of the description of a data type.
    """

    encoded_bytes: int = 2**32
    unpacked_bytes: int = 2**28
    array_bytes: int = 2**32
    objects: int = 10_000_000
    products: int = 10_000
    text: int = 200_000

    def check_encoded(self, size: int, what: str) -> None:
        """Refuse a piece that is too large, before any memory is spent on it."""
        if size > self.encoded_bytes:
            msg = (
                f"{what}: refused, {size} characters are more than the limit of "
                f"{self.encoded_bytes}; raise Limits.encoded_bytes if this is expected"
            )
            raise ParseError(msg)


@dataclass(slots=True)
class Budget:
    """What is left of the limits while one data unit is decoded."""

    limits: Limits
    array_bytes: int = field(default=0, init=False)
    objects: int = field(default=0, init=False)

    def take_bytes(self, count: int) -> None:
        """Account for the bytes of one more array."""
        self.array_bytes += count
        if self.array_bytes > self.limits.array_bytes:
            msg = (
                f"refused: arrays of {self.array_bytes} bytes are more than the limit of "
                f"{self.limits.array_bytes}; raise Limits.array_bytes if this is expected"
            )
            raise ParseError(msg)

    def take_objects(self, count: int = 1) -> None:
        """Account for more objects."""
        self.objects += count
        if self.objects > self.limits.objects:
            msg = (
                f"refused: more than {self.limits.objects} objects in one data unit; "
                "raise Limits.objects if this is expected"
            )
            raise ParseError(msg)
