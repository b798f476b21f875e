"""What stands in the notebooks and on the page of MMODA."""

from __future__ import annotations

# The catalogue that the notebook about asynchronous requests carries in its text.
HARD_CODED = {
    "cat_frame": "fk5",
    "cat_coord_units": "deg",
    "cat_column_list": [
        [0, 7],
        ["1A 0535+262", "Crab"],
        [125.4826889038086, 1358.7255859375],
        [84.72280883789062, 83.63166809082031],
        [26.312734603881836, 22.016284942626953],
        [-32768, -32768],
        [2, 2],
        [0, 0],
        [0.0002800000074785203, 0.0002800000074785203],
    ],
    "cat_column_names": [
        "meta_ID",
        "src_names",
        "significance",
        "ra",
        "dec",
        "NEW_SOURCE",
        "ISGRI_FLAG",
        "FLAG",
        "ERR_RAD",
    ],
    "cat_column_descr": [
        ["meta_ID", "<i8"],
        ["src_names", "<U11"],
        ["significance", "<f8"],
        ["ra", "<f8"],
        ["dec", "<f8"],
        ["NEW_SOURCE", "<i8"],
        ["ISGRI_FLAG", "<i8"],
        ["FLAG", "<i8"],
        ["ERR_RAD", "<f8"],
    ],
    "cat_lat_name": "dec",
    "cat_lon_name": "ra",
}

# As the web page shows it.
PAGE = """
from oda_api import DispatcherAPI
disp=DispatcherAPI(url='https://www.astro.unige.ch/mmoda/dispatch-data', instrument='mock')

par_dict={
  "DEC": -23.381484166666667,
  "RA": 197.45035416666664,
  "T1": "2017-08-17T12:40:59.400",
  "T_format": "isot",
  "contour_levels": "50,90",
  "do_cone_search": "false",
  "instrument": "gw",
  "level_threshold": 10,
  "product": "gw_skymap_image",
  "product_type": "Real",
  "radius": 0.0,
  "src_name": "gw170817",
  "oda_api_version": "1.3.5",
  "off_line": "False",
  "token": token
}

data_collection = disp.get_product(**par_dict)
"""
