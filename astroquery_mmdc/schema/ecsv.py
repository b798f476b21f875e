"""Tables as ECSV text, whose header is checked before anything is built from it.

The header is YAML, and astropy's reader builds objects from its tags: among them arrays of any data
type from any bytes, so that forged bytes could pass for addresses of objects. Only tags of plain
values, units and columns are let through.
"""

from __future__ import annotations

import re
from typing import NoReturn

import yaml  # type: ignore[import-untyped]
from astropy.table import QTable

from astroquery_mmdc.exceptions import ParseError

__all__ = ["read_ecsv"]

_PLAIN_TAGS = re.compile(
    r"!|tag:yaml\.org,2002:(?:omap|str|int|float|bool|null|map|seq|set|pairs|binary|timestamp"
    r"|python/tuple)"
    r"|!numpy\.(?:float|int|uint)\d+|!numpy\.bool_?|!complex"
    r"|!astropy\.units\.Unit|!astropy\.table\.SerializedColumn"
)
_MAX_DEPTH = 50


def read_ecsv(text: str) -> QTable:
    """Return the table of a text of the ECSV format.

    Only its own format is tried: guessing would take anything for a table, or for a file's name.

    Raises
    ------
    ParseError
        It is no ECSV, or its header asks for an object that is refused; the message names it.
    """
    # Other characters that end a line for Python may stand inside a value.
    lines = text.replace("\r\n", "\n").split("\n")
    try:
        _check_header(lines)
        return QTable.read(lines, format="ascii.ecsv")
    except Exception as err:  # the reader's errors have no common base
        msg = f"ascii: no ECSV table ({err}); it begins with {text[:60]!r}"
        raise ParseError(msg, excerpt=text[:60]) from err


def _check_header(lines: list[str]) -> None:
    """Refuse tags beyond plain values, and what makes a short header grow without end."""
    header = [line.lstrip()[1:].removeprefix(" ") for line in lines if line.lstrip()[:1] == "#"]
    depth = 0
    for event in yaml.parse("\n".join(header), Loader=yaml.SafeLoader):
        tag = getattr(event, "tag", None)
        if tag is not None and not _PLAIN_TAGS.fullmatch(tag):
            _refuse(f"the object {tag}")
        if isinstance(event, yaml.ScalarEvent) and event.value == "<<":
            _refuse("a merged dictionary")
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if depth > _MAX_DEPTH:
            _refuse(f"a nesting of more than {_MAX_DEPTH} levels")


def _refuse(what: str) -> NoReturn:
    msg = f"refused: {what} in the header of a table"
    raise ParseError(msg)
