"""A survey that counts how often it is asked, and catalogues for it."""

from __future__ import annotations

import threading

import numpy as np

from astroquery_mmdc.retriever.catalog import Catalog
from astroquery_mmdc.retriever.observatories import VirtualObservatory

ROW = {"name": "BL Lac", "ra": 330.68, "dec": 42.28, "mag": 14.5}


class VirtualCounting(VirtualObservatory):
    """A survey that counts how often it is asked, and fails when it is told to."""

    default_name = "COUNTING"

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.asked = []
        self.faults = {}
        self.empty = set()
        self.slow = {}
        self._lock = threading.Lock()

    def download_from_observatory(self, cat_row, **kwargs):
        name = cat_row["name"]
        with self._lock:
            self.asked.append(name)
        if name in self.slow:
            self.slow[name].wait(10)
        if name in self.faults:
            raise self.faults[name]
        if name in self.empty:
            return None, {"survey": "nothing there"}
        mjd = np.arange(59000.0, 59010.0)
        values = {"mag": 17.0, "magerr": 0.1, "filter": "g", "exptime": 30.0}
        table = {"mjd": mjd, **{key: np.full(10, value) for key, value in values.items()}}
        return table, {"survey": "counting", "headers": [{"a": 1}, {"b": [1, 2]}]}


def sources(size, prefix="S"):
    rng = np.random.default_rng(size)
    return Catalog(
        {
            "name": [f"{prefix}{i:03d}" for i in range(size)],
            "ra": rng.uniform(0, 360, size),
            "dec": rng.uniform(-80, 80, size),
            "mag": rng.uniform(15, 20, size),
        }
    )


def raw_files(root, name="COUNTING"):
    return sorted((root / name).rglob("*.h5"))
