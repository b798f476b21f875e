"""`ParsObservatory`: the parameters that all observatories have."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from astroquery_mmdc.retriever import config
from astroquery_mmdc.retriever.parameters import Parameters
from astroquery_mmdc.retriever.secrets import Secrets

__all__ = ["ParsObservatory"]


class ParsObservatory(Parameters):
    """Parameters of an observatory.

    In a configuration file they stand below the key ``observatories``: those of all, and below
    its name those of one, which come first.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        add = self.add_par
        add("reduce_kwargs", {}, dict, "Keywords of the reduction")
        add("credentials", {}, (dict, Secrets), "User and password", critical=False, secret=True)
        add("observation_time", None, (float, str, None), "When sources are looked for, for motion")
        add("preferred_catalog_mag", None, (str, None), "Filter of the catalogue's magnitude")
        add(
            "filtmap",
            None,
            (dict, str, None),
            "Other names for filters, or '<observatory>-<filter>'",
        )
        add("download_pars_list", [], list, "Parameters that downloaded data depend on")
        self._add_files(add)
        self._add_work(add)
        self.add_alias("reducer", "reduce_kwargs")

    def _add_files(self, add: Any) -> None:
        add("dataset_identifier", "key", str, "Where a file tells its source: key or attribute")
        add("dataset_attribute", "source_name", str, "Name of that attribute")
        add("catalog_matching", "name", str, "What is told: name or number of the row")
        add("filekey_prefix", "", str, "What keys in files begin with", critical=False)
        add("filekey_suffix", "", str, "What keys in files end with", critical=False)
        add("save_ra_minutes", False, bool, "Folders of an arcminute", critical=False)
        add("save_ra_seconds", False, bool, "Folders of an arcsecond", critical=False)
        add("overwrite_files", True, bool, "Replace files that are there", critical=False)
        add(
            "storage",
            "hdf5",
            str,
            "One file for each source (hdf5) or shards (parquet)",
            critical=False,
        )

    def _add_work(self, add: Any) -> None:
        add("check_data_exists", True, bool, "Look whether files of rows are there", critical=False)
        add(
            "check_download_pars",
            False,
            bool,
            "Download again if parameters differ",
            critical=False,
        )
        add("save_reduced", True, bool, "Save reduced light curves", critical=False)
        add(
            "download_batch_size",
            100,
            int,
            "Sources kept in memory and committed at once",
            critical=False,
        )
        add(
            "num_threads_download",
            0,
            int,
            "Downloads side by side; 0 for one by one",
            critical=False,
        )
        add("max_num_sequence_exceptions", 10, int, "Failures in a row that end it", critical=False)

    @classmethod
    def get_default_cfg_key(cls) -> str:
        """Return the key of the configuration file that is read."""
        return "observatories"

    def _own_part(self, section: Mapping[str, Any]) -> Mapping[str, Any]:
        own = config.pick(section, self._cfg_sub_key) if self._cfg_sub_key else None
        known = self.names_of_all()
        # Other keys with values below them are other observatories.
        general = {
            name: value
            for name, value in section.items()
            if name in known or not isinstance(value, Mapping)
        }
        if own is not None:
            general.pop(
                next(key for key in section if config.pick({key: 1}, self._cfg_sub_key)), None
            )
        specific = self._named(own or {})
        return {**self._named(general), **specific}

    def names_of_all(self) -> frozenset[str]:
        """Return the names of the parameters and their aliases."""
        return frozenset({*self._specs, *self._aliases})
