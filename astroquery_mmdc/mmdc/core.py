"""`MMDCClass`: the verbs. What each of them does stands in the module of its resource."""

from __future__ import annotations

import os
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from astropy.config import paths
from astroquery.query import BaseQuery

from astroquery_mmdc._config import conf
from astroquery_mmdc._files import is_url
from astroquery_mmdc.mmdc import (
    downloads,
    fits,
    jobs,
    listings,
    models,
    names,
    observations,
    sed,
    source,
)
from astroquery_mmdc.mmdc import swift as swift_analysis
from astroquery_mmdc.mmdc.cache import Cache
from astroquery_mmdc.net import ServiceClient, twins
from astroquery_mmdc.net.journal import Journal

__all__ = ["MMDC", "MMDCClass"]


class MMDCClass(BaseQuery):
    """Queries to the MMDC service.

    Parameters
    ----------
    url : str, optional
        Address of the service; None uses ``MMDC_SERVER`` or ``conf.server`` at call time.
    api_key : str, optional
        Key for higher limits; None looks for ``MMDC_API_KEY`` and the keyring.
    app : str, optional
        Name of your application; None uses ``conf.app_name``.
    end_user : str, optional
        Opaque id of your own user, where you serve many.
    cache_dir : path-like or URL, optional
        Folder for what is remembered; None uses ``MMDC_CACHE_DIR`` or astropy's cache folder. With
        an URL, observations are read from there, and nothing is written.
    timeout : float, optional
        Seconds to wait for the first byte of an answer; None uses ``conf.timeout``.

    Notes
    -----
    Nothing is sent when an object is made. One object can be used from many threads. Each
    ``query_*``, ``run_model``, ``fit_model`` and ``analyze_swift`` has a twin with ``_async`` that
    returns a `~astroquery_mmdc.net.QueryHandle` at once.

    Examples
    --------
    >>> from astroquery_mmdc import MMDCClass
    >>> mmdc = MMDCClass("http://127.0.0.1:8421", app="my_pipeline")
    """

    def __init__(
        self,
        url: str | None = None,
        *,
        api_key: str | None = None,
        app: str | None = None,
        end_user: str | None = None,
        cache_dir: str | os.PathLike[str] | None = None,
        timeout: float | None = None,
    ) -> None:
        super().__init__()
        self.client = ServiceClient(url, api_key, app, end_user, timeout)
        self.swift_interval = 60.0
        self.cache = Cache(self)
        self._cache_dir = cache_dir

    def __call__(self, *args: Any, **kwargs: Any) -> MMDCClass:
        """Return a new object with other settings, as astroquery's classes do."""
        return type(self)(*args, **kwargs)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.client.server!r})"

    @property
    def cache_dir(self) -> Path:
        """Folder for what is remembered."""
        folder = self._cache_dir or os.environ.get("MMDC_CACHE_DIR")
        if folder and not is_url(folder):
            return Path(folder)
        return Path(paths.get_cache_dir()) / "astroquery_mmdc"

    @property
    def cache_url(self) -> str | None:
        """Where observations are read from, if that is no folder of this machine."""
        place = self._cache_dir or os.environ.get("MMDC_CACHE_DIR")
        return str(place) if is_url(place) else None

    def remembers(self, cache: bool | None) -> bool:
        """Return whether observations of this service are remembered.

        A server on this machine is not, unless the query or a ``cache_dir`` asks for it: it may
        serve other data tomorrow.
        """
        if cache is not None:
            return cache
        if not conf.cache:
            return False
        host = urlsplit(self.client.server).hostname or ""
        return self._cache_dir is not None or not _is_loopback(host)

    @property
    def journal(self) -> Journal:
        """Record of the jobs that were started."""
        return Journal(self.cache_dir / "jobs")

    query_region, query_region_async = twins(observations.query_region)
    query_object, query_object_async = twins(observations.query_object)
    query_criteria, query_criteria_async = twins(observations.query_criteria)
    query_lightcurve, query_lightcurve_async = twins(observations.query_lightcurve)
    query_sed, query_sed_async = twins(sed.query_sed)
    query_source, query_source_async = twins(source.query_source)
    resolve_name, resolve_name_async = twins(names.resolve_name)
    run_model, run_model_async = twins(models.run_model)
    fit_model, fit_model_async = twins(fits.fit_model)
    download_files, download_files_async = twins(downloads.download_files)
    validate_csv, validate_csv_async = twins(fits.validate_csv)
    csv_to_json, csv_to_json_async = twins(fits.csv_to_json)
    analyze_swift, analyze_swift_async = twins(swift_analysis.analyze_swift)

    get_job = jobs.get_job
    list_jobs = jobs.list_jobs
    list_catalogs = listings.list_catalogs
    list_bands = listings.list_bands
    list_models = listings.list_models
    list_parameters = listings.list_parameters


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


MMDC = MMDCClass()
