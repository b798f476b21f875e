"""What the official client of MMODA gets from our dispatcher; prints it as JSON.

Called with its environment's interpreter, the address of a dispatcher and a folder to save into.
"""

import json
import logging
import os
import sys
from pathlib import Path

from oda_api.api import DispatcherAPI

logging.disable(logging.CRITICAL)
url, folder = sys.argv[1:]
os.chdir(folder)
client = DispatcherAPI(url=url)


CATALOG = {
    "cat_frame": "fk5",
    "cat_coord_units": "deg",
    "cat_column_list": [["mine", "nothing there"], [166.113808, 10.0], [38.208833, 10.0]],
    "cat_column_names": ["src_names", "ra", "dec"],
    "cat_column_descr": [["src_names", "<U13"], ["ra", "<f8"], ["dec", "<f8"]],
    "cat_lon_name": "ra",
    "cat_lat_name": "dec",
}


def ask(instrument, product, **parameters):
    """Get one product, save it, and return its parts as plain values."""
    made = DispatcherAPI(url=url).get_product(
        instrument=instrument, product=product, silent=True, **parameters
    )
    made.save_all_data()
    return [
        {"name": name, "parts": parts(one)}
        for name, one in zip(made._n_list, made._p_list, strict=True)
    ]


def parts(one):
    if hasattr(one, "data_unit"):
        return [
            {
                "name": unit.name,
                "units": unit.units_dict,
                "header": unit.header,
                "data": None
                if unit.data is None
                else {name: unit.data[name].tolist() for name in unit.data.dtype.names}
                if unit.data.dtype.names
                else unit.data.tolist(),
            }
            for unit in one.data_unit
        ]
    if hasattr(one, "table"):
        return {
            name: {"unit": str(one.table[name].unit), "data": one.table[name].tolist()}
            for name in one.table.colnames
        }
    return getattr(one, "value", None)


def failure():
    try:
        ask("nb", "notebook", n=3)
    except Exception as error:
        return f"{type(error).__name__}: {error!r}"


sys.stdout.write(
    json.dumps(
        {
            "instruments": client.get_instruments_list(),
            "description": client.get_instrument_description("mmdc_lc"),
            "product": client.get_product_description("mmdc_model", "ssc"),
            "lc": ask("mmdc_lc", "mmdc_lc", src_name="Mrk 421", T1="2010-01-01T00:00:00"),
            "sed": ask("mmdc_sed", "mmdc_sed", src_name="Mrk 421"),
            "listed": ask("mmdc_lc", "mmdc_lc", selected_catalog=json.dumps(CATALOG)),
            "model": ask("mmdc_model", "ssc", z=0.05),
            "notebook": ask("nb", "notebook", n=2),
            "failure": failure(),
            "state": client.inspect_state(),
            "files": sorted(path.name for path in Path().iterdir()),
        }
    )
)
