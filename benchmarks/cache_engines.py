"""Engines to compare with: each takes the folder and the questions and returns what it can do.

That is a mapping of ``cone`` and ``filtered`` (called with the number of a question, return a
table) and ``many`` (returns the number of pairs). They run in environments of their own: nothing of
the package is imported for them.
"""

from __future__ import annotations

import os
import sqlite3

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

ARCSEC = np.pi / 180 / 3600


def vectors(ra, dec):
    lon, lat = np.radians(ra), np.radians(dec)
    return np.stack([np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)], axis=-1)


def near(table, question, place):
    """Cut the candidates that an index gave down to the cone."""
    away = vectors(table.column("ra").to_numpy(), table.column("dec").to_numpy())
    away = ((away - vectors(*question["cones"][place])) ** 2).sum(axis=1)
    inside = away <= (2 * np.sin(question["radius"] * ARCSEC / 2)) ** 2
    return table.filter(pa.array(inside))


def raw(folder):
    return pq.read_table(folder / "raw").combine_chunks()


def flat(folder):
    """Return the rows without the struct, which tables of SQL do not have, times as text."""
    table = raw(folder).drop_columns(["reference"])
    place = table.schema.get_field_index("created_at")
    return table.set_column(place, "created_at", table.column("created_at").cast(pa.string()))


def in_ranges(question, place):
    ranges = question["ranges"][place]
    return " OR ".join(f"(pix >= {low} AND pix < {high})" for low, high in ranges)


def window(question):
    low, high = question["window"]
    return f" AND catalog = 'ZTF' AND mjd_mid BETWEEN {low} AND {high}"


def as_table(names, rows):
    if not rows:
        return pa.table({name: [] for name in names})
    return pa.table(dict(zip(names, zip(*rows, strict=True), strict=True)))


# ---------------------------------------------------------------- ours


def ours(folder, question):
    from astroquery_mmdc.cache.filters import Filters
    from astroquery_mmdc.cache.store import ObservationCache

    store, radius = ObservationCache(folder / "store"), question["radius"]
    low, high = question["window"]
    filters = Filters(catalog="ZTF", mjd_min=low, mjd_max=high)
    centers = np.array(question["many"]).T
    return {
        "cone": lambda place: store.cone(*question["cones"][place], radius),
        "filtered": lambda place: store.cone(
            *question["cones"][place], radius, mask_filters=filters
        ),
        "many": lambda: len(store.cones_rows(*centers, radius)),
    }


# ---------------------------------------------------------------- in memory


def kdtree(folder, question):
    from scipy.spatial import cKDTree

    table = raw(folder)
    tree = cKDTree(vectors(table.column("ra").to_numpy(), table.column("dec").to_numpy()))
    reach = 2 * np.sin(question["radius"] * ARCSEC / 2)

    def cone(place):
        rows = tree.query_ball_point(vectors(*question["cones"][place]), reach)
        return table.take(pa.array(rows, pa.int64()))

    def many():
        # The numbers of rows alone: as lists of Python integers they would take ten times as long.
        centers = vectors(*np.array(question["many"]).T)
        return int(tree.query_ball_point(centers, reach, return_length=True).sum())

    return {"cone": cone, "many": many}


# ---------------------------------------------------------------- databases in a file


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
        where = in_ranges(question, place)
        found = base.execute(f"SELECT * FROM observations WHERE ({where}){extra}")
        return near(found.to_arrow_table(), question, place)

    return {"cone": select, "filtered": lambda place: select(place, window(question))}


def sqlite(folder, question):
    path = folder / "peer.sqlite"
    table = pq.read_schema(next((folder / "raw").glob("*.parquet")))
    names = [name for name in table.names if name != "reference"]
    if not path.exists():
        part = path.with_suffix(".part")
        part.unlink(missing_ok=True)
        base = sqlite3.connect(part)
        _fill(base, folder, names)
        base.close()
        part.rename(path)
    base = sqlite3.connect(path)

    def select(place, extra=""):
        where, listed = in_ranges(question, place), ", ".join(names)
        rows = base.execute(f"SELECT {listed} FROM observations WHERE ({where}){extra}").fetchall()
        return near(as_table(names, rows), question, place) if rows else as_table(names, rows)

    return {"cone": select, "filtered": lambda place: select(place, window(question))}


def _fill(base, folder, names):
    base.execute("PRAGMA synchronous = OFF")
    base.execute(f"CREATE TABLE observations ({', '.join([*names, 'pix'])})")
    keys = np.load(folder / "keys.npy")
    order = np.argsort(keys, kind="stable")
    table = flat(folder).append_column("pix", pa.array(keys))
    marks = ", ".join("?" * (len(names) + 1))
    for start in range(0, len(order), 200_000):
        rows = table.take(pa.array(order[start : start + 200_000]))
        columns = [column.to_pylist() for column in rows.columns]
        base.executemany(f"INSERT INTO observations VALUES ({marks})", zip(*columns, strict=True))
    base.execute("CREATE INDEX place ON observations (pix)")
    base.commit()


# ---------------------------------------------------------------- PostgreSQL


def pgsphere(folder, question):
    radius = float(np.radians(question["radius"] / 3600))
    return _postgres(
        folder,
        question,
        "spoint(radians(ra), radians(dec)) <@ scircle(spoint(radians(%s), radians(%s)),"
        f" {radius!r})",
        "spoint(radians(o.ra), radians(o.dec)) <@ scircle(spoint(radians(c.ra), radians(c.dec)),"
        f" {radius!r})",
    )


def q3c(folder, question):
    radius = question["radius"] / 3600
    return _postgres(
        folder,
        question,
        f"q3c_radial_query(ra, dec, %s, %s, {radius!r})",
        f"q3c_join(c.ra, c.dec, o.ra, o.dec, {radius!r})",
    )


def _postgres(folder, question, inside, joined):
    import psycopg

    base = psycopg.connect(os.environ["MMDC_BENCH_POSTGRES"], autocommit=True)
    table = pq.read_schema(next((folder / "raw").glob("*.parquet")))
    names = [name for name in table.names if name != "reference"]

    def select(place, extra=""):
        sql = f"SELECT {', '.join(names)} FROM observations WHERE {inside}{extra}"
        found = base.execute(sql, question["cones"][place], prepare=True, binary=True)
        return as_table(names, found.fetchall())

    def many():
        base.execute("CREATE TEMP TABLE IF NOT EXISTS centers (ra float8, dec float8)")
        base.execute("TRUNCATE centers")
        with base.cursor() as cursor:
            cursor.executemany("INSERT INTO centers VALUES (%s, %s)", question["many"])
        base.execute("ANALYZE centers")
        sql = f"SELECT count(*) FROM centers c JOIN observations o ON {joined}"
        return base.execute(sql).fetchone()[0]

    return {
        "cone": select,
        "filtered": lambda place: select(place, window(question)),
        "many": many,
        "server": base.info.backend_pid,
    }


# ---------------------------------------------------------------- HATS


def lsdb(folder, question):
    import dask
    import lsdb

    dask.config.set(scheduler="synchronous")
    catalog = lsdb.open_catalog(folder / "store")
    low, high = question["window"]
    where = f"catalog == 'ZTF' and mjd_mid >= {low} and mjd_mid <= {high}"

    def cone(place, extra=None):
        ra, dec = question["cones"][place]
        found = catalog.cone_search(ra=ra, dec=dec, radius_arcsec=question["radius"])
        return (found if extra is None else found.query(extra)).compute()

    return {"cone": cone, "filtered": lambda place: cone(place, where)}
