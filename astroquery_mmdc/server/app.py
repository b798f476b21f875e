"""The application that answers as the service does."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from astroquery_mmdc.server import (
    catalog_routes,
    dispatcher_routes,
    legacy_routes,
    modeling_routes,
    sed_routes,
    swift_routes,
)
from astroquery_mmdc.server.answers import EXCEPTION_HANDLERS, answer
from astroquery_mmdc.server.faults import FaultInjection
from astroquery_mmdc.server.middleware import BodyLimit, LoggedRequest, RequestLog
from astroquery_mmdc.server.options import Options
from astroquery_mmdc.server.site import Site
from astroquery_mmdc.server.store import ObservationStore

__all__ = ["create_app"]


def create_app(store: ObservationStore, **options: Any) -> Starlette:
    """Return the ASGI application of a local server.

    Parameters
    ----------
    store : ObservationStore
        What it answers from.
    **options
        Fields of `~astroquery_mmdc.server.options.Options`.

    Returns
    -------
    `starlette.applications.Starlette`
        ``app.state.site`` holds data and jobs, ``app.state.requests`` the log of requests.
    """
    site = Site(store, Options(**options))
    requests: list[LoggedRequest] = []
    app = Starlette(
        routes=_routes(site.options),
        exception_handlers=EXCEPTION_HANDLERS,
        middleware=[
            Middleware(RequestLog, requests=requests),
            Middleware(FaultInjection, faults=site.options.faults),
            Middleware(BodyLimit, size=site.options.max_body),
        ],
        lifespan=_lifespan,
    )
    app.state.site = site
    app.state.requests = requests
    return app


def _routes(options: Options) -> list[Route]:
    return [
        Route("/", _root, methods=["GET"]),
        *catalog_routes.ROUTES,
        *(sed_routes.ROUTES if options.v1 else ()),
        *legacy_routes.ROUTES,
        *modeling_routes.ROUTES,
        *swift_routes.ROUTES,
        *dispatcher_routes.ROUTES,
    ]


@asynccontextmanager
async def _lifespan(app: Starlette) -> AsyncIterator[None]:
    app.state.site.start()
    yield
    await app.state.site.aclose()


async def _root(request: Request) -> Response:
    from astroquery_mmdc._version import __version__

    paths = sorted(route.path for route in request.app.routes)
    return answer({"name": "astroquery_mmdc", "version": __version__, "endpoints": paths})
