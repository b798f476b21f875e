"""`ParsCatalog`: which file a catalogue is, and what its columns are called."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from astroquery_mmdc.retriever import catalog_defaults
from astroquery_mmdc.retriever.parameters import Parameters

__all__ = ["ParsCatalog"]


class ParsCatalog(Parameters):
    """Parameters of a `Catalog`."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        text = (str, None)
        add = self.add_par
        add("catalog_name", None, text, "Name of the catalogue")
        add("filename", None, (str, Path, None), "File, absolute or in the folder of catalogues")
        add("default", None, text, f"A known catalogue: {', '.join(catalog_defaults.PRESETS)}")
        add("name_column", "name", str, "Column of the names")
        add("ra_column", "ra", str, "Column of right ascensions, or of longitudes")
        add("dec_column", "dec", str, "Column of declinations, or of latitudes")
        add("pm_ra_column", None, text, "Column of proper motions in ra, times cos(dec), mas/yr")
        add("pm_dec_column", None, text, "Column of proper motions in dec, mas/yr")
        add("parallax_column", None, text, "Column of parallaxes")
        add("mag_column", "mag", text, "Column of magnitudes")
        add("mag_error_column", "magerr", text, "Column of their errors")
        add("mag_filter_name", "R", text, "Filter of the magnitudes")
        add("alias_column", None, text, "Column of other names")
        add("mag_to_column_map", {}, dict, "Other filters, in lower case, to columns")
        add("mag_to_error_column_map", {}, dict, "Other filters to columns of errors")
        add("coord_frame_data", "icrs", str, "Frame of the positions in the file")
        add("coord_frame_output", "icrs", str, "Frame of the positions in rows")
        add("catalog_observation_year", 2000.0, float, "Epoch of the positions, Julian year")
        add("url", None, text, "Where the file is downloaded from")
        add("reference", None, text, "Where the catalogue was published", critical=False)
        add("use_only_pandas", False, bool, "Give raw rows as pandas Series", critical=False)

    @classmethod
    def get_default_cfg_key(cls) -> str:
        """Return the key of the configuration file that is read."""
        return "catalog"

    def get_presets(self, values: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return the parameters of the catalogue that ``default`` names."""
        default = values.get("default")
        return catalog_defaults.presets(default) if isinstance(default, str) else {}

    def get_critical_pars(self) -> dict[str, Any]:
        """Return the values that results depend on; where the file lies is none of them."""
        values = super().get_critical_pars()
        name = values.get("filename")
        return {**values, "filename": Path(name).name if name else None}
