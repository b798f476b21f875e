"""Products, asked for by their parameters."""

from __future__ import annotations

import inspect
import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import anyio
from astropy.coordinates import SkyCoord
from astroquery.exceptions import InputWarning

from astroquery_mmdc._config import conf
from astroquery_mmdc.exceptions import InvalidRequestError
from astroquery_mmdc.mmoda.discovery import description_of
from astroquery_mmdc.mmoda.history import record
from astroquery_mmdc.mmoda.jobs import ProductHandle, ProductJob, run
from astroquery_mmdc.mmoda.names import find_name
from astroquery_mmdc.mmoda.notebooks import run_local
from astroquery_mmdc.mmoda.origin import Origin
from astroquery_mmdc.mmoda.parameters import build_request
from astroquery_mmdc.mmoda.progress import Progress, reporter
from astroquery_mmdc.mmoda.protocol import Answer, ProductRequest, failure
from astroquery_mmdc.mmoda.tokens import Token
from astroquery_mmdc.net import portal
from astroquery_mmdc.net.handle import wait as wait_for
from astroquery_mmdc.schema.coordinates import coordinate_from_string
from astroquery_mmdc.schema.dispatcher import QueryStatus

if TYPE_CHECKING:
    from astroquery_mmdc.mmoda.collection import DataCollection
    from astroquery_mmdc.mmoda.core import MMODAClass

__all__ = [
    "Wanted",
    "completed",
    "deadline_after",
    "get_product",
    "get_product_async",
]

_log = logging.getLogger(__name__)
_TYPES = ("Real", "Dummy")


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What a user asked for, not yet checked against the instrument."""

    instrument: str
    product: str
    product_type: str
    token: Token | None
    deadline: float
    progress: Any
    parameters: Mapping[str, Any] = field(default_factory=dict)
    coordinates: SkyCoord | str | None = None
    strict: bool = False
    cache: bool = False


def get_product(
    self: MMODAClass,
    *,
    instrument: str,
    product: str,
    product_type: str = "Real",
    coordinates: SkyCoord | str | None = None,
    token: str | Token | None = None,
    strict: bool = False,
    wait: bool | None = None,
    timeout: float | None = None,
    progress: Progress = None,
    cache: bool = False,
    get_query_payload: bool = False,
    **parameters: Any,
) -> Any:
    """Ask for a product and wait until it is there.

    The same request by the same user is the same job: asked again, it is taken up where it is, or
    answered at once if it is done.

    Parameters
    ----------
    instrument, product : str
        As `list_instruments` and `describe_instrument` name them.
    product_type : str, optional
        ``"Real"``, or ``"Dummy"`` for made-up data.
    coordinates : `~astropy.coordinates.SkyCoord` or str, optional
        Position or name; sets ``RA``, ``DEC`` and ``src_name``, and for the name of an event
        ``T1`` and ``T2`` where they are not given.
    token : str or Token, optional
        None uses the token of this object, or a discovered one; ``""`` asks without any.
    strict : bool, optional
        Whether an unknown parameter is an error and not a warning.
    wait : bool, optional
        False returns a handle at once, as `get_product_async` does.
    timeout : float, optional
        Seconds to wait; default ``conf.job_timeout``. The job goes on afterwards.
    progress : bool or callable, optional
        True shows a line on the terminal; a callable gets a `~astroquery_mmdc.net.JobProgress`.
    cache : bool, optional
        Keep the result on disk, and take it from there if it was kept before.
    get_query_payload : bool, optional
        Return what would be sent, without token, and send no request for a product.
    **parameters
        Parameters of the product: numbers, texts, `~astropy.units.Quantity`,
        `~astropy.time.Time`, lists, a `~pathlib.Path` to upload a file.

    Returns
    -------
    DataCollection
        The products, decoded.

    Raises
    ------
    InvalidRequestError
        A parameter is wrong, found here or by the dispatcher.
    AuthError
        A token is expired or damaged, or lacks a role; the message names it.
    JobFailedError
        The backend failed; the message says why.
    JobTimeoutError
        The time is over; `get_job` takes the job up again.

    Examples
    --------
    >>> from astroquery_mmdc import MMODA
    >>> curve = MMODA.get_product(  # doctest: +REMOTE_DATA
    ...     instrument="spi_acs", product="spi_acs_lc", coordinates="4U 1700-377",
    ...     T1="58195.455", T2="58195.555", T_format="mjd", time_bin=1)
    """
    job = ProductJob()
    wanted = Wanted(
        instrument=_name("instrument", instrument),
        product=_name("product", product),
        product_type=_product_type(product_type),
        token=self.find_token(token, job),
        deadline=deadline_after(timeout),
        progress=reporter(progress),
        parameters=parameters,
        coordinates=coordinates,
        strict=strict,
        cache=cache,
    )
    work = _payload(self, job, wanted) if get_query_payload else _product(self, job, wanted)
    handle = ProductHandle(portal.start(work), job)
    if not (self.wait if wait is None else wait):
        return handle
    try:
        return wait_for(handle._future)
    finally:
        job.emit_warnings()


def get_product_async(self: MMODAClass, **arguments: Any) -> ProductHandle[DataCollection]:
    """Ask for a product without waiting.

    Parameters
    ----------
    **arguments
        As for `get_product`, without ``wait``.

    Returns
    -------
    ProductHandle
        Its ``get_data()`` gives what `get_product` returns; it can also be awaited. Its flags
        ``is_submitted``, ``is_complete``, ``is_done`` and ``is_failed`` tell the state.
    """
    handle: ProductHandle[DataCollection] = get_product(self, wait=False, **arguments)
    return handle


_known = inspect.signature(get_product)
# For the help and the completion of notebooks.
get_product_async.__signature__ = _known.replace(  # type: ignore[attr-defined]
    parameters=[one for one in _known.parameters.values() if one.name != "wait"],
    return_annotation="ProductHandle[DataCollection]",
)


def _name(parameter: str, value: Any) -> str:
    if isinstance(value, str) and value:
        return value
    msg = f"{parameter}: {value!r} is no name; MMODA.list_instruments() shows what there is"
    raise InvalidRequestError(msg, parameter=parameter)


def _product_type(value: Any) -> str:
    if value in _TYPES:
        return str(value)
    msg = f"product_type: {value!r} is neither 'Real' nor 'Dummy'; the product goes to product="
    raise InvalidRequestError(msg, parameter="product_type")


def deadline_after(timeout: float | None) -> float:
    """Return the moment at which a wait ends."""
    return time.monotonic() + (conf.job_timeout if timeout is None else float(timeout))


# ---------------------------------------------------------------- one product


async def _payload(self: MMODAClass, job: ProductJob, wanted: Wanted) -> Any:
    return (await _request(self, job, wanted)).payload


async def _product(self: MMODAClass, job: ProductJob, wanted: Wanted) -> Any:
    request = await _request(self, job, wanted)
    # What was uploaded is no part of the key, nor what a notebook holds.
    if not wanted.cache or request.files or request.instrument in self.local_instruments:
        return await completed(self, job, request, wanted)
    from astroquery_mmdc.mmoda.result_cache import ResultCache, request_key

    user = str(wanted.token.payload.get("sub", "")) if wanted.token else ""
    key = request_key(self.url, request.payload, user=user)
    kept = ResultCache(self.cache_dir / "mmoda_results")
    found = await anyio.to_thread.run_sync(kept.get, key)
    if found is None:
        found = await completed(self, job, request, wanted)
        await anyio.to_thread.run_sync(kept.put, key, found)
    return found


async def _request(self: MMODAClass, job: ProductJob, wanted: Wanted) -> ProductRequest:
    given = {**await _target(self, wanted), **wanted.parameters}
    description = await description_of(self, wanted.instrument)
    return build_request(
        wanted.instrument,
        wanted.product,
        wanted.product_type,
        given,
        description=description,
        job=job,
        strict=wanted.strict,
    )


async def _target(self: MMODAClass, wanted: Wanted) -> dict[str, Any]:
    """Return the parameters that a position or a name stands for."""
    target = wanted.coordinates
    if target is None:
        return {}
    found: dict[str, Any] = {}
    if isinstance(target, str):
        position = coordinate_from_string(target, parameter="coordinates")
        if position is None:
            resolved = await find_name(self, target)
            position, found["src_name"] = resolved.coordinates, target
            if resolved.start is not None and not wanted.parameters.keys() & {"T1", "T2"}:
                found |= {"T1": resolved.start, "T2": resolved.end}
        target = position
    position = _scalar(target)
    return {"RA": float(position.ra.deg), "DEC": float(position.dec.deg), **found}


def _scalar(target: Any) -> SkyCoord:
    try:
        position = SkyCoord(target).icrs
    except (TypeError, ValueError) as err:
        msg = f"coordinates: {target!r} is neither SkyCoord nor name"
        raise InvalidRequestError(msg, parameter="coordinates") from err
    if not position.isscalar:
        msg = f"coordinates: {len(position)} positions were given; use get_products for many"
        raise InvalidRequestError(msg, parameter="coordinates")
    return position


async def completed(
    self: MMODAClass, job: ProductJob, request: ProductRequest, wanted: Wanted
) -> Any:
    """Run the job to its end and decode what came."""

    def show() -> None:
        if wanted.progress is not None:
            wanted.progress(job.progress)

    def notify(answer: Answer) -> None:
        record(self, request, answer)
        show()

    if request.instrument in self.local_instruments:
        answer = await run_local(self, job, request, deadline=wanted.deadline, notify=show)
    else:
        token = wanted.token.text if wanted.token else None
        answer = await run(
            self.client, job, request, token=token, deadline=wanted.deadline, notify=notify
        )
    if answer.comment:
        _log.info("job %s: %s", answer.job_id, answer.comment)
    if answer.warning:
        job.warn(f"the dispatcher warns: {answer.warning}", InputWarning)
    if answer.status == QueryStatus.FAILED:
        raise failure(answer)
    return await anyio.to_thread.run_sync(_decoded, self.url, request, answer)


def _decoded(url: str, request: ProductRequest, answer: Answer) -> Any:
    from astroquery_mmdc.mmoda.decoding import decode_products

    collection = decode_products(
        answer.products, instrument=request.instrument, product=request.product
    )
    analysis = answer.products.get("analysis_parameters")
    collection.origin = Origin(
        url=url,
        job_id=answer.job_id,
        request=request.payload,
        analysis_parameters=_without_token(analysis),
        comment=answer.comment,
        warning=answer.warning,
    )
    return collection


def _without_token(parameters: Any) -> dict[str, Any]:
    if not isinstance(parameters, Mapping):
        return {}
    return {name: value for name, value in parameters.items() if name != "token"}
