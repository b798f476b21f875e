"""Products that were asked for before: as code, or as a job."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from astroquery_mmdc.mmoda.api_code import parse_api_code
from astroquery_mmdc.mmoda.history import recorded_request
from astroquery_mmdc.mmoda.jobs import ProductHandle, ProductJob
from astroquery_mmdc.mmoda.progress import Progress, reporter
from astroquery_mmdc.mmoda.queries import Wanted, completed, deadline_after, get_product
from astroquery_mmdc.mmoda.tokens import Token
from astroquery_mmdc.net import portal

if TYPE_CHECKING:
    from astroquery_mmdc.mmoda.collection import DataCollection
    from astroquery_mmdc.mmoda.core import MMODAClass

__all__ = ["from_api_code", "get_job"]


def from_api_code(
    self: MMODAClass, text: str, *, token: str | Token | None = None, **changes: Any
) -> Any:
    """Ask for the product that the "API code" of the web page describes.

    The code is read and never executed; it may be of the page or of this package. The request
    goes to the dispatcher of this object, whatever address the code holds.

    Parameters
    ----------
    text : str
        The code.
    token : str or Token, optional
        Comes before one in the code.
    **changes
        Arguments of `get_product` that replace those of the code.

    Returns
    -------
    DataCollection

    Raises
    ------
    InvalidRequestError
        It is no such code.
    """
    code = parse_api_code(text)
    arguments = {**code.parameters, **changes}
    if token is not None:
        arguments["token"] = token
    return get_product(self, **arguments)


def get_job(
    self: MMODAClass,
    job_id: str,
    *,
    token: str | Token | None = None,
    timeout: float | None = None,
    progress: Progress = None,
) -> ProductHandle[DataCollection]:
    """Take up a job that this machine started before, in this process or in another one.

    Parameters
    ----------
    job_id : str
        As in ``handle.job_id``, in `list_jobs` or in an error.
    token : str or Token, optional
        Of the user who started it; None as for `get_product`.
    timeout : float, optional
        Seconds to wait for its end; default ``conf.job_timeout``.
    progress : bool or callable, optional

    Returns
    -------
    ProductHandle
        ``get_data()`` gives the products.

    Raises
    ------
    InvalidRequestError
        This machine did not start it, or a file was uploaded for it.
    """
    entry, request = recorded_request(self, str(job_id))
    job = ProductJob(entry.job_id, status=entry.status)
    wanted = Wanted(
        instrument=request.instrument,
        product=request.product,
        product_type=request.query_type,
        token=self.find_token(token, job),
        deadline=deadline_after(timeout),
        progress=reporter(progress),
    )
    return ProductHandle(portal.start(completed(self, job, request, wanted)), job)
