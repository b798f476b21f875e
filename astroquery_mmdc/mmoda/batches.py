"""Many products at once."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from astroquery_mmdc._config import conf
from astroquery_mmdc.exceptions import InvalidRequestError
from astroquery_mmdc.mmoda.jobs import ProductHandle
from astroquery_mmdc.mmoda.progress import count_bar
from astroquery_mmdc.mmoda.queries import get_product_async
from astroquery_mmdc.net import Job

if TYPE_CHECKING:
    from astroquery_mmdc.mmoda.core import MMODAClass

__all__ = ["get_products"]


def get_products(
    self: MMODAClass,
    job: Job,
    requests: Sequence[Mapping[str, Any]],
    *,
    return_exceptions: bool = False,
    progress: bool = False,
    timeout: float | None = None,
) -> list[Any] | Coroutine[Any, Any, list[Any]]:
    """Ask for many products at once and collect them all.

    Parameters
    ----------
    requests : sequence of mapping
        The arguments of `get_product`, one mapping for each product.
    return_exceptions : bool, optional
        Put errors into the list instead of raising the first one, when all have ended.
    progress : bool, optional
        Show a bar that counts the products.
    timeout : float, optional
        Seconds to wait for all of them; default ``conf.job_timeout``.

    Returns
    -------
    list of DataCollection
        In the order of the requests.

    Examples
    --------
    >>> from astroquery_mmdc import MMODA
    >>> spectra = MMODA.get_products(  # doctest: +REMOTE_DATA
    ...     [dict(instrument="isgri", product="isgri_spectrum", coordinates="Crab",
    ...           T1=f"{year}-01-01T00:00:00", T2=f"{year}-12-31T00:00:00")
    ...      for year in (2017, 2018)])
    """
    if isinstance(requests, Mapping | str):
        msg = "requests: give a list of mappings, one for each product"
        raise InvalidRequestError(msg, parameter="requests")
    until = conf.job_timeout if timeout is None else timeout
    handles = _started(self, [{"timeout": until, **request} for request in requests])
    return _collected(
        job, handles, return_exceptions, count_bar(len(handles)) if progress else None
    )


def _started(self: MMODAClass, requests: Sequence[Mapping[str, Any]]) -> list[ProductHandle[Any]]:
    """Start all of them; where one cannot be, none is waited for."""
    handles: list[ProductHandle[Any]] = []
    try:
        handles.extend(get_product_async(self, **request) for request in requests)
    except BaseException:
        _cancel(handles)
        raise
    return handles


def _cancel(handles: Sequence[ProductHandle[Any]]) -> None:
    for handle in handles:
        handle.cancel()


async def _collected(
    job: Job, handles: Sequence[ProductHandle[Any]], return_exceptions: bool, bar: Any
) -> list[Any]:
    async def one(handle: ProductHandle[Any]) -> Any:
        try:
            return await asyncio.wrap_future(handle._future)
        finally:
            job.take_warnings(handle._job)
            if bar is not None:
                bar.update()

    try:
        results = await asyncio.gather(*map(one, handles), return_exceptions=True)
    finally:
        _cancel(handles)
        if bar is not None:
            bar.close()
    if not return_exceptions:
        _raise_first(results)
    return results


def _raise_first(results: Sequence[Any]) -> None:
    errors = [(i, result) for i, result in enumerate(results) if isinstance(result, BaseException)]
    if not errors:
        return
    index, error = errors[0]
    if len(results) > 1:
        error.add_note(f"in requests[{index}]; {len(errors)} of {len(results)} failed")
    raise error
