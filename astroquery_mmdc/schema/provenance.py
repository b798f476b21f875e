"""Where a table came from (``meta["mmdc"]``) and whom to cite for it."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from astropy.table import Table

from astroquery_mmdc.schema.catalogs import CATALOGS, MMDC_BIBCODE
from astroquery_mmdc.schema.columns import SCHEMA_VERSION

__all__ = ["cite", "provenance"]

LICENSE = "CC BY 4.0"

_MMDC_BIBTEX = """@article{2024AJ....168..289S,
  author = {Sahakyan, N. and others},
  year = {2024},
  journal = {AJ},
  volume = {168},
  pages = {289},
  doi = {10.3847/1538-3881/ad8231},
  adsurl = {https://ui.adsabs.harvard.edu/abs/2024AJ....168..289S}
}"""
_BIBCODE = re.compile(
    r"^(?P<year>\d{4})(?P<journal>[A-Za-z&.]{5})(?P<volume>[\d.]{4})(?P<section>[A-Z.])"
    r"(?P<page>[\d.]{4})(?P<author>[A-Z.])$"
)
# "Condon J. J., et al., 1998, AJ, 115, 1693": what the catalogues of the service look like.
_CITATION = re.compile(
    r"^(?P<author>[A-Z])[^\d]*(?P<year>\d{4}),?\s+(?P<journal>ApJS?|AJ|MNRAS|A&A|PASP),?\s+"
    r"(?P<volume>\d{1,4}),?\s+(?P<section>[AL]?)(?P<page>\d{1,4})\b"
)


def provenance(
    *,
    service: str,
    endpoint: str,
    query: Mapping[str, Any],
    **facts: Any,
) -> dict[str, Any]:
    """Return the record that goes into ``meta["mmdc"]``.

    Parameters
    ----------
    service : str
        Address of the service.
    endpoint : str
        Path that was asked.
    query : mapping
        What was sent; it never holds a key or token.
    **facts
        More to remember, such as the id of a job.

    Returns
    -------
    dict
        Plain values only, so that every table format can store it.
    """
    return {
        "schema_version": SCHEMA_VERSION,
        "service": service,
        "endpoint": endpoint,
        "query": dict(query),
        "retrieved": datetime.now(UTC).isoformat(timespec="seconds"),
        "license": LICENSE,
        "bibcode": MMDC_BIBCODE,
        **{name: value for name, value in facts.items() if value is not None},
    }


def cite(table: Table) -> str:
    """Return BibTeX for the service and for every reference in a table.

    Parameters
    ----------
    table : `~astropy.table.Table`
        Any table of this package, or a selection of its rows: only what is in it is cited.

    Returns
    -------
    str
        BibTeX entries separated by blank lines. What has a bibcode becomes an article with its
        ADS address; other references become a note in the words of the catalogue.

    Examples
    --------
    >>> from astropy.table import Table
    >>> print(cite(Table({"catalog": ["NVSS"], "bibcode": ["1998AJ....115.1693C"]})))
    @article{2024AJ....168..289S,
      author = {Sahakyan, N. and others},
      year = {2024},
      journal = {AJ},
      volume = {168},
      pages = {289},
      doi = {10.3847/1538-3881/ad8231},
      adsurl = {https://ui.adsabs.harvard.edu/abs/2024AJ....168..289S}
    }
    <BLANKLINE>
    @article{1998AJ....115.1693C,
      year = {1998},
      journal = {AJ},
      volume = {115},
      pages = {1693},
      adsurl = {https://ui.adsabs.harvard.edu/abs/1998AJ....115.1693C}
    }
    """
    entries = {MMDC_BIBCODE: _MMDC_BIBTEX}
    for bibcode, reference in _references(table):
        key = bibcode or "mmdc-" + hashlib.sha1(reference.encode()).hexdigest()[:10]
        if key not in entries:
            entries[key] = _article(bibcode, reference) if bibcode else _misc(key, reference)
    return "\n\n".join(entries.values())


def _references(table: Table) -> list[tuple[str, str]]:
    columns = [_texts(table, name) for name in ("bibcode", "reference", "catalog")]
    found = []
    for bibcode, reference, catalog in dict.fromkeys(zip(*columns, strict=True)):
        known = CATALOGS[catalog].bibcode if catalog in CATALOGS else ""
        code = bibcode or ("" if reference else known) or _bibcode_in(reference)
        if code or reference:
            found.append((code, reference))
    return found


def _texts(table: Table, name: str) -> list[str]:
    if name not in table.colnames:
        return [""] * len(table)
    column = table[name]
    values = column.filled("") if hasattr(column, "filled") else column
    return [str(value).strip() for value in values]


def _bibcode_in(reference: str) -> str:
    """Return the bibcode of an ADS address, or the one that a plain citation spells out."""
    last = reference.replace("%26", "&").removesuffix("/abstract").rsplit("/", 1)[-1]
    if _BIBCODE.match(last):
        return last
    match = _CITATION.match(reference)
    if match is None:
        return ""
    head = f"{match['year']}{match['journal']:.<5}{match['volume']:.>4}"
    return f"{head}{match['section'] or '.'}{match['page']:.>4}{match['author']}"


def _article(bibcode: str, reference: str) -> str:
    match = _BIBCODE.match(bibcode)
    fields = {}
    if match:
        for name, part in (("year", "year"), ("journal", "journal"), ("volume", "volume")):
            fields[name] = match[part].strip(".")
        fields["pages"] = (match["section"] + match["page"]).replace(".", "")
    if reference and not reference.startswith("http"):
        fields["note"] = reference
    fields["adsurl"] = f"https://ui.adsabs.harvard.edu/abs/{bibcode.replace('&', '%26')}"
    return _entry("article", bibcode, fields)


def _misc(key: str, reference: str) -> str:
    if reference.startswith("http"):
        return _entry("misc", key, {"howpublished": rf"\url{{{reference}}}"})
    return _entry("misc", key, {"note": reference})


def _for_latex(text: str) -> str:
    return text if text.startswith("\\url") else re.sub(r"(?<!\\)([&%#_])", r"\\\1", text)


def _entry(kind: str, key: str, fields: Mapping[str, str]) -> str:
    body = ",\n".join(
        f"  {name} = {{{value if name == 'adsurl' else _for_latex(value)}}}"
        for name, value in fields.items()
        if value
    )
    return f"@{kind}{{{key},\n{body}\n}}"
