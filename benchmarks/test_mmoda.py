"""Reading the answers of a dispatcher: bytes to products, against the official client."""

from __future__ import annotations

import base64
import json
import os
import pickle
import statistics
import subprocess
import time
from pathlib import Path

import numpy as np
import pytest

from astroquery_mmdc.mmoda.decoding import decode_products
from astroquery_mmdc.schema.tables import decode_json

PEER = Path(os.environ.get("MMDC_PEERS", "/opt/v")) / "oda" / "bin" / "python"
WORKER = Path(__file__).with_name("mmoda_official.py")
SOURCES = ("Crab", "1A 0535+262")


def answer(products):
    """An answer as a dispatcher sends it."""
    return {
        "query_status": "done",
        "products": products,
        "exit_status": {"status": 0, "message": ""},
        "job_monitor": {"job_id": "0123456789abcdef", "status": "done"},
    }


def unit(name, kind, array, header):
    return {
        "name": name,
        "hdu_type": kind,
        "header": header,
        "meta_data": {},
        "units_dict": None,
        "dt": str(array.dtype),
        "data": None,
        "binarys": base64.b64encode(pickle.dumps(array)).decode(),
    }


def light_curves(rows):
    rng = np.random.default_rng(1)
    products = []
    for source in SOURCES:
        columns = [58193.455 + np.arange(rows) / 86400, np.full(rows, 0.5 / 86400)]
        columns += [rng.normal(5, 1, rows).astype("f4"), np.full(rows, 0.1, "f4")]
        data = np.array(np.rec.fromarrays(columns, names="TIME,XAX_E,RATE,ERROR"))
        units = [unit("PRIMARY", "primary", np.array([]), {})]
        units.append(unit("LC", "bintable", data, {"NAME": source}))
        meta = json.dumps({"src_name": source})
        products.append({"name": "lc", "meta_data": meta, "data_unit_list": units})
    return answer({"numpy_data_product_list": products})


def spectrogram(rows, columns):
    value = np.random.default_rng(2).normal(size=(rows, columns))
    frequencies = np.linspace(16, 2048, columns)
    said = {"value": value.tolist(), "x0": 0.0, "dx": 0.1, "yindex": frequencies.tolist()}
    return answer({"gw_spectrogram_product": said})


@pytest.mark.parametrize(
    ("name", "said", "reach"),
    [
        ("100,000 rows", lambda: light_curves(100_000), 0.25),
        ("1000 x 500 spectrogram", lambda: spectrogram(1000, 500), 0.05),
    ],
    ids=["light curves", "spectrogram"],
)
def test_read(benchmark, report, tmp_path, name, said, reach):
    if not PEER.is_file():
        pytest.skip(f"no interpreter with oda_api at {PEER}; MMDC_PEERS names another folder")
    body = json.dumps(said()).encode()
    file = tmp_path / "answer.json"
    file.write_bytes(body)

    def ours():
        return decode_products(decode_json(body)["products"], instrument="localtest")

    used = []
    for _ in range(9):
        started = time.process_time()
        ours()
        used.append(time.process_time() - started)
    done = subprocess.run(
        [PEER, WORKER, file, "3"], capture_output=True, text=True, check=True, timeout=280
    )
    theirs = [float(line) for line in done.stdout.split()]
    mine, peer = statistics.median(used), statistics.median(theirs)
    print(f"\n  {name}, {len(body) / 1e6:.1f} MB: {mine * 1e3:.1f} ms, oda_api {peer * 1e3:.1f} ms")
    benchmark.pedantic(ours, rounds=3)
    report(f"{name} / oda_api, CPU", mine / peer, f"<= {reach}")
