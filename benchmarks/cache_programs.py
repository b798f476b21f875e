"""Programs that are measured as a whole, each in a process of its own."""

from __future__ import annotations

INGEST = """
import resource, sys, time
from astroquery_mmdc.cache.store import ObservationCache
started, used = time.perf_counter(), time.process_time()
with ObservationCache(sys.argv[1]) as store:
    rows = store.ingest(sys.argv[2], complete=True)
print(rows, time.perf_counter() - started, time.process_time() - used,
      resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""

FIRST = """
import sys
from astroquery_mmdc.cache.store import ObservationCache
print(ObservationCache(sys.argv[1]).cone(float(sys.argv[2]), float(sys.argv[3]), 30.0).num_rows)
"""

FIRST_DUCKDB = """
import json, sys
from pathlib import Path
import duckdb
folder = Path(sys.argv[1])
ranges = json.loads((folder / "question.json").read_text())["ranges"][0]
where = " OR ".join(f"(pix >= {low} AND pix < {high})" for low, high in ranges)
base = duckdb.connect(str(folder / "peer.duckdb"), read_only=True, config={"threads": 1})
print(base.execute(f"SELECT * FROM observations WHERE {where}").to_arrow_table().num_rows)
"""

FIRST_LSDB = """
import sys
import dask, lsdb
dask.config.set(scheduler="synchronous")
catalog = lsdb.open_catalog(sys.argv[1])
ra, dec = float(sys.argv[2]), float(sys.argv[3])
print(len(catalog.cone_search(ra=ra, dec=dec, radius_arcsec=30.0).compute()))
"""

HATS_IMPORT = """
import sys, time
from pathlib import Path
if __name__ == "__main__":
    from dask.distributed import Client
    from hats_import.catalog.arguments import ImportArguments
    from hats_import.pipeline import pipeline_with_client
    files = [Path(sys.argv[1])]
    with Client(n_workers=1, threads_per_worker=1, dashboard_address=None) as client:
        started = time.perf_counter()
        pipeline_with_client(ImportArguments(
            output_path=sys.argv[2], output_artifact_name="peer", input_file_list=files,
            file_reader="parquet", ra_column="ra", dec_column="dec", progress_bar=False), client)
        print(time.perf_counter() - started)
"""

MATCH = """
import json, sys, time
import numpy as np
from astroquery_mmdc.cache.store import ObservationCache
ra, dec = np.load(sys.argv[2])
with ObservationCache(sys.argv[1], read_only=True) as store:
    store.crossmatch(ra[:10], dec[:10], 2.0)
    started, used = time.perf_counter(), time.process_time()
    match = store.crossmatch(ra, dec, 2.0)
    print(json.dumps([time.perf_counter() - started, time.process_time() - used,
                      len(match.index), float(match.separation.sum())]))
"""

MATCH_ASTROPY = """
import json, sys, time
import numpy as np
import pyarrow.parquet as pq
from astropy import units as u
from astropy.coordinates import SkyCoord, match_coordinates_sky
table = pq.read_table(sys.argv[1], columns=["ra", "dec"])
held = SkyCoord(table["ra"].to_numpy() * u.deg, table["dec"].to_numpy() * u.deg)
given = SkyCoord(*np.load(sys.argv[2]) * u.deg)
started, used = time.perf_counter(), time.process_time()
_, separation, _ = match_coordinates_sky(given, held)
near = separation.arcsec[separation.arcsec <= 2.0]
print(json.dumps([time.perf_counter() - started, time.process_time() - used,
                  len(near), float(near.sum())]))
"""

MATCH_LSDB = """
import json, sys, time, warnings
warnings.simplefilter("ignore")
import dask, lsdb
import numpy as np
import pandas as pd
dask.config.set(scheduler="synchronous")
ra, dec = np.load(sys.argv[2])
frame = pd.DataFrame({"number": np.arange(len(ra)), "ra": ra, "dec": dec})
given = lsdb.from_dataframe(frame, ra_column="ra", dec_column="dec", margin_threshold=None)
held = lsdb.open_catalog(sys.argv[1], columns=["id", "ra", "dec"])
started, used = time.perf_counter(), time.process_time()
found = given.crossmatch(held, radius_arcsec=2.0, n_neighbors=1, suffixes=("_a", "_b")).compute()
print(json.dumps([time.perf_counter() - started, time.process_time() - used,
                  len(found), float(found["_dist_arcsec"].sum())]))
"""
