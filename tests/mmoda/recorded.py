"""Recorded exchanges with two generations of dispatchers, and what the official client read."""

from __future__ import annotations

import json

import numpy as np

SERVERS = ("newest_server", "pypi_server")


def answers(shared, server):
    """All answers with products: scenario, number of the exchange, the answer."""
    for path in sorted((shared / "data" / "mmoda" / server).glob("[0-9]*.json")):
        scenario = json.loads(path.read_text())
        for number, exchange in enumerate(scenario.get("exchanges", [])):
            answer = exchange["response"].get("json")
            if isinstance(answer, dict) and answer.get("products"):
                yield path.stem, number, answer


def scenario(shared, server, name):
    path = shared / "data" / "mmoda" / server / f"{name}.json"
    return json.loads(path.read_text())


def products(shared, server, name):
    return scenario(shared, server, name)["exchanges"][-1]["response"]["json"]["products"]


def reference(shared, server, name):
    with np.load(shared / "data" / "mmoda" / server / "ref" / f"{name}.npz") as arrays:
        return {key: arrays[key] for key in arrays.files}


def same(mine, theirs):
    """Same values bit by bit; byte order and width of text may differ."""
    mine = np.asarray(mine)
    if theirs.dtype.kind in "US":
        return mine.astype(str).tolist() == theirs.tolist()
    native = mine.astype(mine.dtype.newbyteorder("="))
    other = theirs.astype(theirs.dtype.newbyteorder("="))
    return (
        native.dtype == other.dtype
        and native.shape == other.shape
        and native.tobytes() == other.tobytes()
    )


def check_arrays(collection, theirs):
    """Compare every array that the official client read."""
    for key, values in theirs.items():
        mine = found_array(collection, key)
        if key == "dispatcher_catalog_1/ERR_RAD":
            # There the official client makes texts of a number and of nothing.
            assert values.tolist() == ["0.00028", "None"]
            assert mine.tolist() == [0.00028, None]
        else:
            assert same(getattr(mine, "value", mine), values), key


def found_array(collection, key):
    """The array that the official client kept under this key."""
    name, *rest = key.split("/")
    item = collection[name]
    if not rest[0].isdigit():
        return item.table[rest[0]]
    data = item.data_unit[int(rest[0])].data
    if len(rest) == 1:
        return data
    values = data[rest[1]]
    if values.dtype.kind != "O":
        return values
    if rest[-1] == "offsets":
        return np.cumsum([0, *map(len, values)])
    return np.concatenate(values)
