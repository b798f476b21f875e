"""One engine, one process, one set of questions: ``cache_peers.py ENGINE FOLDER``; prints JSON.

Peers run in an environment of their own; nothing of the package is imported for them.
"""

from __future__ import annotations

import json
import sqlite3
import sys
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

ARCSEC = np.pi / 180 / 3600
RADIUS = 30.0
WINDOW = (57000.0, 58000.0)


def vectors(ra, dec):
    lon, lat = np.radians(ra), np.radians(dec)
    return np.stack([np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)], axis=-1)


def near(table, ra, dec):
    """Cut the candidates that an index gave down to the cone."""
    away = vectors(table.column("ra").to_numpy(), table.column("dec").to_numpy())
    inside = ((away - vectors(ra, dec)) ** 2).sum(axis=1) <= (2 * np.sin(RADIUS * ARCSEC / 2)) ** 2
    return table.filter(pa.array(inside))


def private_mb():
    """Return the memory of this process alone, without mapped files: their pages can be dropped."""
    fields = [line.split() for line in Path("/proc/self/smaps_rollup").read_text().splitlines()]
    return sum(int(field[1]) for field in fields if field[0] == "Anonymous:") / 1024


def raw(folder):
    return pq.read_table(folder / "raw").combine_chunks()


# ---------------------------------------------------------------- engines: cone, filtered, many


def kdtree(folder, question):
    from scipy.spatial import cKDTree

    table = raw(folder)
    tree = cKDTree(vectors(table.column("ra").to_numpy(), table.column("dec").to_numpy()))
    reach = 2 * np.sin(RADIUS * ARCSEC / 2)

    def cone(place):
        rows = tree.query_ball_point(vectors(*question["cones"][place]), reach)
        return table.take(pa.array(rows, pa.int64()))

    def many():
        # The numbers of rows alone: as lists of Python integers they would take ten times as long.
        centers = vectors(*np.array(question["many"]).T)
        return int(tree.query_ball_point(centers, reach, return_length=True).sum())

    return cone, None, many


def duckdb(folder, question):
    import duckdb

    path = folder / "peer.duckdb"
    if not path.exists():
        part = path.with_suffix(".part")
        part.unlink(missing_ok=True)
        with duckdb.connect(str(part)) as base:
            keys = np.load(folder / "keys.npy")
            base.register("given", raw(folder).append_column("pix", pa.array(keys)).sort_by("pix"))
            base.execute("CREATE TABLE observations AS SELECT * FROM given")
        part.rename(path)
    base = duckdb.connect(str(path), read_only=True, config={"threads": 1})

    def select(place, extra=""):
        ranges = question["ranges"][place]
        where = " OR ".join(f"(pix >= {low} AND pix < {high})" for low, high in ranges)
        found = base.execute(f"SELECT * FROM observations WHERE ({where}){extra}")
        return near(found.to_arrow_table(), *question["cones"][place])

    window = f" AND catalog = 'ZTF' AND mjd_mid BETWEEN {WINDOW[0]} AND {WINDOW[1]}"
    return select, lambda place: select(place, window), None


def sqlite(folder, question):
    path = folder / "peer.sqlite"
    names = [field.name for field in pq.read_schema(next((folder / "raw").glob("*.parquet")))]
    names.remove("reference")
    if not path.exists():
        part = path.with_suffix(".part")
        part.unlink(missing_ok=True)
        base = sqlite3.connect(part)
        _fill(base, folder, names)
        base.close()
        part.rename(path)
    base = sqlite3.connect(path)

    def select(place, extra=""):
        ranges = question["ranges"][place]
        where = " OR ".join(f"(pix >= {low} AND pix < {high})" for low, high in ranges)
        listed = ", ".join(names)
        rows = base.execute(f"SELECT {listed} FROM observations WHERE ({where}){extra}").fetchall()
        if not rows:
            return pa.table({"id": []})
        table = pa.table(dict(zip(names, zip(*rows, strict=True), strict=True)))
        return near(table, *question["cones"][place])

    window = f" AND catalog = 'ZTF' AND mjd_mid BETWEEN {WINDOW[0]} AND {WINDOW[1]}"
    return select, lambda place: select(place, window), None


def _fill(base, folder, names):
    base.execute("PRAGMA synchronous = OFF")
    base.execute(f"CREATE TABLE observations ({', '.join([*names, 'pix'])})")
    keys = np.load(folder / "keys.npy")
    order = np.argsort(keys, kind="stable")
    table = raw(folder).drop_columns(["reference"]).append_column("pix", pa.array(keys))
    table = table.set_column(
        table.schema.get_field_index("created_at"),
        "created_at",
        table.column("created_at").cast(pa.string()),
    )
    marks = ", ".join("?" * (len(names) + 1))
    for start in range(0, len(order), 200_000):
        rows = table.take(pa.array(order[start : start + 200_000]))
        columns = [column.to_pylist() for column in rows.columns]
        base.executemany(f"INSERT INTO observations VALUES ({marks})", zip(*columns, strict=True))
    base.execute("CREATE INDEX place ON observations (pix)")
    base.commit()


def ours(folder, question):
    from astroquery_mmdc.cache.filters import Filters
    from astroquery_mmdc.cache.store import ObservationCache

    store = ObservationCache(folder / "store")
    filters = Filters(catalog="ZTF", mjd_min=WINDOW[0], mjd_max=WINDOW[1])

    def cone(place):
        return store.cone(*question["cones"][place], RADIUS)

    def filtered(place):
        return store.cone(*question["cones"][place], RADIUS, mask_filters=filters)

    def many():
        return len(store.cones_rows(*np.array(question["many"]).T, RADIUS))

    return cone, filtered, many


# ---------------------------------------------------------------- measuring


def measure(cone, count):
    """Return p50 and p99 in ms, and the number of rows; the second round counts."""
    for _ in range(2):
        times, rows = [], 0
        for place in range(count):
            started = time.perf_counter()
            found = cone(place)
            times.append(time.perf_counter() - started)
            rows += found.num_rows
    return [*(np.percentile(times, [50, 99]) * 1e3).tolist(), rows]


def main():
    engine, folder = sys.argv[1], Path(sys.argv[2])
    question = json.loads((folder / "question.json").read_text())
    started = time.perf_counter()
    cone, filtered, many = globals()[engine](folder, question)
    answer = {"open": time.perf_counter() - started}
    answer["cone"] = measure(cone, len(question["cones"]))
    if filtered is not None:
        answer["filtered"] = measure(filtered, len(question["cones"]))
    if many is not None:
        many()
        started = time.perf_counter()
        answer["pairs"] = many()
        answer["cones/s"] = len(question["many"]) / (time.perf_counter() - started)
    answer["private MB"] = private_mb()
    print(json.dumps(answer))


if __name__ == "__main__":
    main()
