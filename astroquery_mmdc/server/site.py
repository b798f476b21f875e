"""Everything that the routes of one server share."""

from __future__ import annotations

from dataclasses import dataclass, field

from starlette.requests import Request

from astroquery_mmdc.schema.wire import Header, Limit
from astroquery_mmdc.server.dispatcher_jobs import ProductJobs
from astroquery_mmdc.server.fit_jobs import FitJobs
from astroquery_mmdc.server.fit_records import FitRecords
from astroquery_mmdc.server.options import Options
from astroquery_mmdc.server.sed_jobs import SedJobs
from astroquery_mmdc.server.store import ObservationStore
from astroquery_mmdc.server.swift_jobs import SwiftJobs
from astroquery_mmdc.server.waiting import WaitSlots, client_of

__all__ = ["Site", "site_of"]


@dataclass(slots=True)
class Site:
    """Data, options and jobs of one server."""

    store: ObservationStore
    options: Options
    seds: SedJobs = field(init=False)
    fits: FitJobs = field(init=False)
    swift: SwiftJobs = field(init=False)
    products: ProductJobs = field(init=False)
    sed_waits: WaitSlots = field(init=False)
    fit_waits: WaitSlots = field(init=False)
    inferences: int = 0

    def __post_init__(self) -> None:
        self.seds = SedJobs(self.store, self.options)
        records = FitRecords(self.options.jobs)
        self.fits = FitJobs(self.options.engine, records, self.options.fit_workers)
        self.swift = SwiftJobs(self.store, self.options)
        self.products = ProductJobs(self.store, self.options)
        self.sed_waits = WaitSlots(Limit.WAITERS_PER_SITE)
        self.fit_waits = WaitSlots(Limit.FIT_WAITERS_PER_SITE)

    def has_valid_key(self, request: Request) -> bool:
        """Whether a request carries one of the keys of this server."""
        return request.headers.get(Header.API_KEY) in self.options.api_keys

    def client(self, request: Request) -> str:
        """Return who asks, for limits by client."""
        return client_of(request, is_valid_key=self.has_valid_key(request))

    def fits_allowed(self, request: Request) -> int:
        """Return how many fits the sender of a request may have in flight."""
        key = request.headers.get(Header.API_KEY, "")
        return self.options.api_keys.get(key, Limit.FITS_PER_CLIENT)

    def start(self) -> None:
        """Take up the jobs of an earlier run; called on the loop of the server."""
        self.fits.start()

    def release(self) -> None:
        """End all jobs, so that nobody waits for them any more."""
        self.seds.close()
        self.fits.release()
        self.swift.close()
        self.products.release()

    async def aclose(self) -> None:
        """End all jobs and wait until nothing runs any more."""
        self.release()
        await self.fits.aclose()
        await self.products.aclose()


def site_of(request: Request) -> Site:
    """Return the site that a request belongs to."""
    site: Site = request.app.state.site
    return site
