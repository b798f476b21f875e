"""`MMODAClass`: the verbs. What each of them does stands in the module of its matter."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from astropy.config import paths
from astroquery.query import BaseQuery

from astroquery_mmdc._config import conf
from astroquery_mmdc.mmoda import (
    accounts,
    batches,
    discovery,
    history,
    inspection,
    names,
    queries,
    resume,
    tokens,
)
from astroquery_mmdc.mmoda.errors import error_from_dispatcher
from astroquery_mmdc.mmoda.notebooks import LocalInstruments, register_notebook
from astroquery_mmdc.net import ServiceClient, twins
from astroquery_mmdc.net.journal import Journal

if TYPE_CHECKING:
    from astroquery_mmdc.mmoda.description import Description

__all__ = ["MMODA", "MMODAClass"]

_DISPATCHER = "/dispatch-data"
_RESOLVER = "/resolver/api/v1.1/byname/{}"


class MMODAClass(BaseQuery):
    """Products of a MMODA dispatcher.

    Parameters
    ----------
    url : str, optional
        Address of the dispatcher; None uses ``conf.mmoda_server`` at call time.
    token : str or Token, optional
        Sent with requests for products; None uses one that is stored, see `discover_token`.
    timeout : float, optional
        Seconds to wait for the first byte of an answer; None uses ``conf.timeout``.
    wait : bool, optional
        Whether `get_product` waits; False makes it return a handle at once.
    resolver_url : str, optional
        Address of the name resolver, with ``{}`` for the name; None finds it beside the
        dispatcher.
    cache_dir : path-like, optional
        Folder for what is remembered; None uses ``MMDC_CACHE_DIR`` or astropy's cache folder.

    Notes
    -----
    Nothing is sent when an object is made. One object can be used from many threads and for many
    jobs at once.

    Examples
    --------
    >>> from astroquery_mmdc import MMODAClass
    >>> mmoda = MMODAClass("http://127.0.0.1:8421/dispatch-data")
    >>> mmoda.url
    'http://127.0.0.1:8421/dispatch-data'
    """

    def __init__(
        self,
        url: str | None = None,
        *,
        token: str | tokens.Token | None = None,
        timeout: float | None = None,
        wait: bool = True,
        resolver_url: str | None = None,
        cache_dir: str | os.PathLike[str] | None = None,
    ) -> None:
        super().__init__()
        self.url = url
        self.timeout = timeout
        self.wait = wait
        self.descriptions: dict[tuple[str, str], tuple[float, Description]] = {}
        self.local_instruments = LocalInstruments()
        self._token = tokens.as_token(token) if token else None
        self._resolver_url = resolver_url
        self._cache_dir = cache_dir

    def __call__(self, *args: Any, **kwargs: Any) -> MMODAClass:
        """Return a new object with other settings, as astroquery's classes do."""
        return type(self)(*args, **kwargs)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.url!r})"

    @property
    def url(self) -> str:
        """Address of the dispatcher."""
        return str(self._url or conf.mmoda_server).rstrip("/")

    @url.setter
    def url(self, url: str | None) -> None:
        self._url = url

    @property
    def client(self) -> ServiceClient:
        """Sends requests to the dispatcher."""
        return ServiceClient(
            self.url, timeout=self.timeout, use_key=False, error_from=error_from_dispatcher
        )

    @property
    def resolver_url(self) -> str:
        """Address of the name resolver, with ``{}`` for the name."""
        return self._resolver_url or self.url.removesuffix(_DISPATCHER) + _RESOLVER

    @property
    def token(self) -> tokens.Token | None:
        """The token of this object, or the one that is stored; it is not shown."""
        return self._token or tokens.discover_token()

    @token.setter
    def token(self, token: str | tokens.Token | None) -> None:
        self._token = tokens.as_token(token) if token else None

    @property
    def cache_dir(self) -> Path:
        """Folder for what is remembered."""
        folder = self._cache_dir or os.environ.get("MMDC_CACHE_DIR")
        return Path(folder or Path(paths.get_cache_dir()) / "astroquery_mmdc")

    @property
    def journal(self) -> Journal:
        """Record of the jobs that were started."""
        return Journal(self.cache_dir / "mmoda_jobs")

    list_instruments, list_instruments_async = twins(discovery.list_instruments)
    describe_instrument, describe_instrument_async = twins(discovery.describe_instrument)
    describe_product, describe_product_async = twins(discovery.describe_product)

    get_product = queries.get_product
    get_product_async = queries.get_product_async
    get_products, get_products_async = twins(batches.get_products)
    from_api_code = resume.from_api_code
    get_job = resume.get_job
    list_jobs = history.list_jobs
    inspect_state, inspect_state_async = twins(inspection.inspect_state)
    register_notebook = register_notebook

    resolve_name, resolve_name_async = twins(names.resolve_name)

    find_token = accounts.find_token
    refresh_token, refresh_token_async = twins(accounts.refresh_token)
    set_email_options, set_email_options_async = twins(accounts.set_email_options)
    discover_token = staticmethod(tokens.discover_token)
    decode_token = staticmethod(tokens.decode_token)
    write_token = staticmethod(tokens.write_token)
    discard_token = staticmethod(tokens.discard_token)


MMODA = MMODAClass()
