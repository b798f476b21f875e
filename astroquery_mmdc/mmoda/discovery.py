"""Which instruments there are, and what they know."""

from __future__ import annotations

import logging
import time
from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any

from astropy.table import Table

from astroquery_mmdc.exceptions import (
    AuthError,
    IncompleteResultWarning,
    InvalidRequestError,
    NotFoundError,
    OfflineError,
    ParseError,
    ServiceError,
    ServiceUnavailableError,
)
from astroquery_mmdc.mmoda.description import Description, read_description
from astroquery_mmdc.net import Job, Reply
from astroquery_mmdc.schema.dispatcher import DispatcherPath

if TYPE_CHECKING:
    from astroquery_mmdc.mmoda.core import MMODAClass

__all__ = ["describe_instrument", "describe_product", "description_of", "list_instruments"]

_log = logging.getLogger(__name__)
_KEPT_SECONDS = 600.0


def list_instruments(self: MMODAClass, job: Job) -> Table | Coroutine[Any, Any, Table]:
    """List the instruments of the dispatcher and the registered notebooks.

    Returns
    -------
    `~astropy.table.Table`
        With the column ``instrument``. Asked without a token, which this question could carry in
        its address only; instruments for some users alone may be missing. Where there are
        notebooks, a dispatcher that cannot be reached gives a warning and no error.

    Examples
    --------
    >>> from astroquery_mmdc import MMODA
    >>> instruments = MMODA.list_instruments()  # doctest: +REMOTE_DATA
    """
    return _instruments(self, job)


async def _instruments(self: MMODAClass, job: Job) -> Table:
    here = list(self.local_instruments)
    try:
        there = await _remote_names(self)
    except (OfflineError, ServiceUnavailableError) as err:
        if not here:
            raise
        job.warn(f"only the notebooks of this machine are listed: {err}", IncompleteResultWarning)
        there = []
    return Table({"instrument": list(dict.fromkeys([*there, *here]))}, dtype=[str])


async def _remote_names(self: MMODAClass) -> list[str]:
    try:
        reply = await self.client.request("GET", DispatcherPath.INSTRUMENTS)
    except NotFoundError:
        params = {"instrument": "mock"}
        reply = await self.client.request("GET", DispatcherPath.INSTRUMENTS_OLD, params=params)
    return _names(reply)


def _names(reply: Reply) -> list[str]:
    names = reply.json()
    if isinstance(names, list) and all(isinstance(name, str) for name in names):
        return names
    msg = f"{reply.url}: expected a list of names; is this the address of a dispatcher?"
    raise ParseError(msg)


def describe_instrument(
    self: MMODAClass, job: Job, name: str
) -> Table | Coroutine[Any, Any, Table]:
    """Tell the products of an instrument and all their parameters.

    Parameters
    ----------
    name : str

    Returns
    -------
    `~astropy.table.Table`
        One row for each parameter: ``product`` (empty for those of all products), ``name``,
        ``unit``, ``default``, ``range``, ``choices``, ``role``, ``optional``. ``meta["products"]``
        lists the products, ``meta["text"]`` holds the description as text.

    Raises
    ------
    InvalidRequestError
        There is no such instrument.
    """
    return _table(self, name, None)


def describe_product(
    self: MMODAClass, job: Job, instrument: str, product: str
) -> Table | Coroutine[Any, Any, Table]:
    """Tell the parameters of one product.

    Parameters
    ----------
    instrument, product : str

    Returns
    -------
    `~astropy.table.Table`
        As of `describe_instrument`.
    """
    return _table(self, instrument, product)


async def _table(self: MMODAClass, instrument: str, product: str | None) -> Table:
    description = await _described(self, instrument)
    if product is not None and product not in description.products:
        msg = f"product: {instrument} has no {product!r}; it has {', '.join(description.products)}"
        raise InvalidRequestError(msg, parameter="product")
    return description.table(product)


async def _described(self: MMODAClass, instrument: str) -> Description:
    if instrument in self.local_instruments:
        return self.local_instruments[instrument].description
    key = (self.client.server, instrument)
    kept = self.descriptions.get(key)
    if kept is not None and time.monotonic() - kept[0] < _KEPT_SECONDS:
        return kept[1]
    reply = await self.client.request(
        "GET", DispatcherPath.META_DATA, params={"instrument": instrument}
    )
    description = read_description(reply.json())
    self.descriptions[key] = (time.monotonic(), description)
    return description


async def description_of(self: MMODAClass, instrument: str) -> Description | None:
    """Return the description, or None where the dispatcher does not give it.

    It is asked without token; instruments for some users alone are described to them only, and
    then the dispatcher itself has to check the parameters.
    """
    try:
        return await _described(self, instrument)
    except (InvalidRequestError, OfflineError, ServiceUnavailableError):
        raise
    except (AuthError, NotFoundError, ParseError, ServiceError) as err:
        _log.info("parameters of %s are not checked here: %s", instrument, err)
        return None
