"""Annotations in the comments of notebooks: what a parameter or a result is, in MMODA's ontology.

An annotation is a term, and after semicolons what else is known about it::

    energy = 10.0  # http://odahub.io/ontology#Energy_keV ; oda:lower_limit 1 ; oda:upper_limit 100
    band = "g"     # oda:String ; oda:allowed_value "g", "r", "i"
"""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from typing import Any, Final

__all__ = ["ONTOLOGY", "Annotation", "parse_annotation", "unit_of_term"]

ONTOLOGY: Final = "http://odahub.io/ontology#"
"""Where the terms live; ``oda:`` stands for it."""

_TERM = re.compile(r"(?:https?://(?:www\.)?odahub\.io/ontology/?#|oda:)(\w+)")
_QUOTED = r"\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*'"
_NO_REMARK = re.compile(rf"(?:{_QUOTED}|(?!\s#\s).)*", re.DOTALL)
_PART = re.compile(rf"(?:{_QUOTED}|[^;\"'])+")
_ITEM = re.compile(rf"(?:{_QUOTED}|[^,\"'])+")
_UNIT_SUFFIX = re.compile(
    r"(?:_|(?<=[a-z]))(eV|keV|MeV|GeV|TeV|Hz|MHz|GHz|Degrees?|Arcmin|Arcsec|Seconds|Hours|Days|Years)$"
)
_UNITS = {
    "Degree": "deg",
    "Degrees": "deg",
    "Arcmin": "arcmin",
    "Arcsec": "arcsec",
    "Seconds": "s",
    "Hours": "h",
    "Days": "d",
    "Years": "yr",
}
_BARE_UNITS = {"degree": "deg", "arcmin": "arcmin", "arcsec": "arcsec", "second": "s", "hour": "h"}
_BARE_UNITS |= {name: name for name in ("eV", "keV", "MeV", "GeV", "TeV", "Hz", "MHz", "GHz")}
_BARE_UNITS |= {"day": "d", "year": "yr"}
_IMPLIED = {
    "Angle": "deg",
    "PointOfInterestRA": "deg",
    "PointOfInterestDEC": "deg",
    "TimeInterval": "s",
}


@dataclass(frozen=True, slots=True)
class Annotation:
    """What a comment tells about a value.

    Parameters
    ----------
    terms : tuple of str
        Names in the ontology, such as ``"LightCurve"``; the first one says what it is.
    unit : str or None
        In astropy's notation.
    low, high : float or None
        Limits, ends included.
    choices : tuple
        Allowed values; empty where all are.
    is_optional : bool
    label : str
        A few words for the reader.
    """

    terms: tuple[str, ...]
    unit: str | None = None
    low: float | None = None
    high: float | None = None
    choices: tuple[Any, ...] = ()
    is_optional: bool = False
    label: str = ""

    @property
    def uris(self) -> tuple[str, ...]:
        """The terms as addresses."""
        return tuple(ONTOLOGY + term for term in self.terms)


def parse_annotation(comment: str) -> Annotation | None:
    """Read the comment behind a value; None where it holds no term of the ontology.

    Parameters
    ----------
    comment : str
        With or without its ``#``.

    Raises
    ------
    ValueError
        A limit is no number.

    Examples
    --------
    >>> parse_annotation("# oda:Energy_keV ; oda:lower_limit 1").unit
    'keV'
    >>> parse_annotation("# in months") is None
    True
    """
    told = _NO_REMARK.match(comment.lstrip("# "))
    parts = [part.strip() for part in _PART.findall(told[0] if told else "")]
    head = parts[0] if parts else ""
    terms = [match for match in _TERM.findall(head)]
    if not terms or not _TERM.match(head):
        return None
    facts = _facts(parts[1:])
    optional = "optional" in terms or "optional" in facts
    terms = [term for term in terms if term != "optional"]
    unit = _unit(facts["unit"]) if "unit" in facts else None
    return Annotation(
        terms=tuple(terms),
        unit=unit or next(filter(None, map(unit_of_term, terms)), None),
        low=_number(facts, "lower_limit"),
        high=_number(facts, "upper_limit"),
        choices=_choices(facts.get("allowed_value", "")),
        is_optional=optional,
        label=str(_value(facts.get("label") or facts.get("description") or "")),
    )


def unit_of_term(term: str) -> str | None:
    """Return the unit that a term implies.

    Examples
    --------
    >>> unit_of_term("Energy_TeV"), unit_of_term("AngleDegrees"), unit_of_term("Float")
    ('TeV', 'deg', None)
    """
    if term in _IMPLIED or term in _BARE_UNITS:
        return _IMPLIED.get(term) or _BARE_UNITS[term]
    found = _UNIT_SUFFIX.search(term)
    return _UNITS.get(found[1], found[1]) if found else None


def _facts(parts: list[str]) -> dict[str, str]:
    """Return what follows the terms: the last part of a name, and the text behind it."""
    facts = {}
    for part in parts:
        name, _, value = part.partition(" ")
        facts[re.split(r"[:#/]", name)[-1]] = value.strip()
    return facts


def _unit(text: str) -> str:
    name = re.split(r"[:#/]", str(_value(text)), maxsplit=1)[-1] if ":" in text else text
    return _BARE_UNITS.get(name, str(_value(name)))


def _number(facts: dict[str, str], name: str) -> float | None:
    if name not in facts:
        return None
    try:
        return float(facts[name].strip("\"'"))
    except ValueError:
        msg = f"oda:{name}: {facts[name]!r} is no number"
        raise ValueError(msg) from None


def _choices(text: str) -> tuple[Any, ...]:
    return tuple(_value(item.strip()) for item in _ITEM.findall(text) if item.strip())


def _value(text: str) -> Any:
    """Return a plain Python value; what is none is a text."""
    try:
        return ast.literal_eval(text)
    except (SyntaxError, ValueError, TypeError, MemoryError, RecursionError):
        return text.strip("\"'")
