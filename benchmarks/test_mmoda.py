"""The client of MMODA against the official one: import, reading answers, waiting for jobs."""

# ruff: noqa: F401, F811 - fixtures of the tests are imported, and named again by who asks for them
from __future__ import annotations

import base64
import json
import os
import pickle
import statistics
import subprocess
import sys
import time
import uuid
from pathlib import Path

import numpy as np
import pytest

from astroquery_mmdc import MMODAClass
from astroquery_mmdc.mmoda.decoding import decode_products
from astroquery_mmdc.schema.tables import decode_json
from tests.conftest import shared
from tests.mmoda.conftest import dispatcher
from tests.peers import peer_python

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


@pytest.fixture(scope="module")
def official():
    """Tell the official client what to do; it answers with the seconds that it took."""
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
    with subprocess.Popen([peer_python("oda"), WORKER], text=True, **pipes) as process:

        def tell(*words):
            process.stdin.write(json.dumps(words) + "\n")
            process.stdin.flush()
            return float(process.stdout.readline())

        yield tell
        process.stdin.close()


@pytest.mark.parametrize(
    ("name", "said", "reach"),
    [
        ("100,000 rows", lambda: light_curves(100_000), 0.25),
        ("1000 x 500 spectrogram", lambda: spectrogram(1000, 500), 0.05),
    ],
    ids=["light curves", "spectrogram"],
)
def test_read(benchmark, report, official, tmp_path, name, said, reach):
    body = json.dumps(said()).encode()
    file = tmp_path / "answer.json"
    file.write_bytes(body)

    def ours():
        started = time.process_time()
        decode_products(decode_json(body)["products"], instrument="localtest")
        return time.process_time() - started

    pairs = [(ours(), official("read", str(file))) for _ in range(6)][1:]
    mine, peer = map(statistics.median, zip(*pairs, strict=True))
    print(f"\n  {name}, {len(body) / 1e6:.1f} MB: {mine * 1e3:.1f} ms, oda_api {peer * 1e3:.1f} ms")
    benchmark.pedantic(ours, rounds=3)
    report(f"{name} / oda_api, CPU", mine / peer, f"<= {reach}")


def _cpu(python, statement):
    code = (
        f"import resource\n{statement}\nused = resource.getrusage(resource.RUSAGE_SELF)\n"
        "print(used.ru_utime + used.ru_stime)"
    )
    done = subprocess.run([python, "-c", code], capture_output=True, text=True, check=True)
    return float(done.stdout)


def test_import(benchmark, report):
    """CPU time of whole interpreters; astroquery's base class is the larger part of ours."""
    runs = {
        "astroquery's base class": (sys.executable, "import astroquery.query"),
        "MMODA": (sys.executable, "from astroquery_mmdc import MMODA"),
        "oda_api": (peer_python("oda"), "import oda_api.api"),
    }
    times = {name: [] for name in runs}
    for _ in range(11):
        for name, run in runs.items():
            times[name].append(_cpu(*run))
    medians = {name: statistics.median(values) for name, values in times.items()}
    print("\n  " + ", ".join(f"{name} {value:.3f} s" for name, value in medians.items()))
    benchmark.pedantic(_cpu, args=runs["MMODA"], rounds=1)
    added = medians["MMODA"] - medians["astroquery's base class"]
    report("import of MMODA beyond astroquery, s of CPU", added, "<= 0.45")
    report("import of MMODA, s of CPU", medians["MMODA"], "<= 0.45")
    report("import of MMODA / oda_api, CPU", medians["MMODA"] / medians["oda_api"], "< 1")


def _job(seconds):
    return {
        "instrument": "localtest",
        "product": "localtest_lc",
        "wait_s": seconds,
        "src_name": uuid.uuid4().hex,
    }


def test_a_job_of_four_seconds(benchmark, report, official, dispatcher):
    """How long after its end a job is returned, the way to the dispatcher and back included."""
    mmoda = MMODAClass(dispatcher.url)

    def ours():
        started = time.perf_counter()
        mmoda.get_product(**_job(4.0))
        return time.perf_counter() - started

    pairs = [(ours(), official("ask", dispatcher.url, _job(4.0))) for _ in range(5)]
    mine, peer = (statistics.median(some) - 4 for some in zip(*pairs, strict=True))
    print(f"\n  late by {mine:.2f} s, oda_api by {peer:.2f} s")
    benchmark.pedantic(ours, rounds=1)
    report("a job of 4 s returned late, s", mine, "<= 0.3")


def test_twenty_jobs(benchmark, report, dispatcher):
    mmoda, seconds = MMODAClass(dispatcher.url), 15.0
    mmoda.get_product(**_job(0.1))

    def together():
        started = time.perf_counter()
        mmoda.get_products([_job(seconds) for _ in range(20)], timeout=120)
        return time.perf_counter() - started

    taken = [together() for _ in range(3)]
    benchmark.pedantic(together, rounds=1)
    report("20 jobs together / the longest one", statistics.median(taken) / seconds, "<= 1.2")
