"""Notebooks made for tests."""

from __future__ import annotations

import json
from pathlib import Path

SEED_PARAMETERS = """\
src_name='Mrk 421' #http://odahub.io/ontology#AstrophysicalObject
RA = 165.113808 # http://odahub.io/ontology#PointOfInterestRA
DEC = 38.208833 # http://odahub.io/ontology#PointOfInterestDEC
T1='2010-03-06T13:26:48.0' #http://odahub.io/ontology#StartTime
T2='2020-03-06T13:26:48.0' #http://odahub.io/ontology#EndTime
dT=2 # integrer in months
"""


def write_notebook(path: Path, *cells: str, tags: dict[int, str] | None = None, **more) -> Path:
    """Write a notebook with cells of code; ``tags`` tags some of them by number."""
    made = [
        {
            "cell_type": "code",
            "id": f"cell-{number}",
            "metadata": {"tags": [tags[number]]} if tags and number in tags else {},
            "outputs": [],
            "execution_count": None,
            "source": source,
        }
        for number, source in enumerate(cells)
    ]
    document = {"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": made, **more}
    path.write_text(json.dumps(document), encoding="utf-8")
    return path
