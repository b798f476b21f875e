"""The instruments of our dispatcher: light curves, SEDs, models, and notebooks."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from astropy.table import Column, Table
from astropy.time import Time

from astroquery_mmdc.cache.filters import Filters
from astroquery_mmdc.cache.selection import Cone, Selection
from astroquery_mmdc.exceptions import InvalidRequestError, JobFailedError
from astroquery_mmdc.modeling.parameters import MODELS, Parameter, check_parameters, check_redshift
from astroquery_mmdc.notebooks import (
    Notebook,
    RunLimits,
    instrument_of,
    read_notebook,
    run_notebook,
)
from astroquery_mmdc.schema.columns import FLUX_UNIT, PHOTON_FLUX_CATALOGS
from astroquery_mmdc.schema.instruments import InstrumentSpec, ParameterSpec, ProductSpec
from astroquery_mmdc.schema.products import (
    ProductList,
    numpy_product,
    primary_unit,
    record_array,
    table_product,
    table_unit,
)
from astroquery_mmdc.schema.source_catalog import SourceCatalog
from astroquery_mmdc.schema.wire import Limit
from astroquery_mmdc.server.emission_engine import missing_packages
from astroquery_mmdc.server.engine import InferenceRequest
from astroquery_mmdc.server.options import Options
from astroquery_mmdc.server.points import SedPoints
from astroquery_mmdc.server.sources import Source
from astroquery_mmdc.server.store import ObservationStore
from astroquery_mmdc.server.wanted import SedFilter

__all__ = ["Instrument", "Made", "Run", "instruments_of"]

_NUFNU = "erg/(s cm2)"
_PHOTONS = "photon/(s cm2)"
_RADIUS = ParameterSpec(
    "radius",
    "float",
    float(Limit.CONE_RADIUS_ARCSEC),
    unit="arcsec",
    low=0.0,
    high=3600.0,
    label="radius around the position",
)
_CATALOG = ParameterSpec("catalog", "str", is_optional=True, label="code of a catalogue")
_BAND = ParameterSpec("filter_band", "str", is_optional=True, label="photometric band")
_SOURCES = ParameterSpec(
    "selected_catalog", "catalog", is_optional=True, label="sources, instead of one position"
)
_MAX_SOURCES = 200


@dataclass(frozen=True, slots=True)
class Run:
    """The circumstances of one run: an event that ends it, and where it tells how far it is."""

    stop: threading.Event = field(default_factory=threading.Event)
    report: Callable[[Mapping[str, Any]], None] = lambda progress: None


@dataclass(frozen=True, slots=True)
class Made:
    """What a run made: products, and a comment for the reader."""

    products: Mapping[str, Any]
    comment: str = ""


class Instrument(Protocol):
    """Makes products; called in threads."""

    @property
    def spec(self) -> InstrumentSpec:
        """Its products and their parameters."""

    @property
    def digest(self) -> str:
        """Changes when the same request would give something else; empty if that may be anytime."""

    def make(self, product: str, values: Mapping[str, Any], run: Run) -> Made:
        """Return the products for checked values.

        Raises
        ------
        MMDCError
            Its words go to whoever asked.
        """


def instruments_of(store: ObservationStore, options: Options) -> dict[str, Instrument]:
    """Return the instruments of a server by name."""
    made: list[Instrument] = [LightCurves(store), Seds(store), Models(options)]
    if options.notebooks:
        notebooks = [read_notebook(path) for path in options.notebooks]
        limits = RunLimits(seconds=options.notebook_seconds)
        made.append(Notebooks(notebooks, options.notebook_instrument, limits))
    instruments = {one.spec.name: one for one in made}
    if len(instruments) < len(made):
        name = made[-1].spec.name
        msg = f"notebook_instrument: {name} is an instrument already; choose another name"
        raise InvalidRequestError(msg, parameter="notebook_instrument")
    return instruments


def _targets(values: Mapping[str, Any]) -> list[tuple[str, float, float]]:
    """Return name and position of what is asked for: the sources of a catalogue, or one."""
    if values["selected_catalog"] is None:
        return [(values["src_name"], values["RA"], values["DEC"])]
    targets = SourceCatalog.read(values["selected_catalog"]).positions()
    if len(targets) > _MAX_SOURCES:
        msg = (
            f"selected_catalog: {len(targets)} sources were given and {_MAX_SOURCES} are allowed; "
            "ask in parts"
        )
        raise InvalidRequestError(msg, parameter="selected_catalog")
    return targets


def _mjd(text: str | None) -> float | None:
    return None if text is None else float(Time(text, format="isot", scale="tt").mjd)


@dataclass(frozen=True, slots=True)
class LightCurves:
    """``mmdc_lc``: light curves of the store, one product for each catalogue and band."""

    store: ObservationStore
    digest: str = ""

    @property
    def spec(self) -> InstrumentSpec:
        """Its products and their parameters."""
        return InstrumentSpec(
            "mmdc_lc", (ProductSpec("mmdc_lc", (_RADIUS, _CATALOG, _BAND, _SOURCES)),)
        )

    def make(self, product: str, values: Mapping[str, Any], run: Run) -> Made:
        """Return the light curves around a position, or around those of a catalogue."""
        filters = Filters(
            catalog=values["catalog"],
            filter_band=values["filter_band"],
            is_lightcurve=True,
            mjd_min=_mjd(values["T1"]),
            mjd_max=_mjd(values["T2"]),
        )
        products = ProductList()
        for name, ra, dec in _targets(values):
            cone = Cone(ra, dec, values["radius"])
            rows = self.store.arrow(Selection(filters=filters, cone=cone, ordering="mjd_mid"))
            for catalog, band in _groups(rows):
                products.add_arrays(_light_curve(rows, catalog, band, name))
        comment = "" if products.entries else "no light curve is known there"
        return Made(products.entries, comment)


def _groups(rows: pa.Table) -> list[tuple[str, str | None]]:
    names = (rows.column(name).to_pylist() for name in ("catalog", "filter_band"))
    return list(dict.fromkeys(zip(*names, strict=True)))


def _is_of(rows: pa.Table, catalog: str, band: str | None) -> Any:
    bands = rows.column("filter_band")
    in_band = pc.is_null(bands) if band is None else pc.fill_null(pc.equal(bands, band), False)
    return pc.and_(pc.equal(rows.column("catalog"), catalog), in_band)


def _light_curve(rows: pa.Table, catalog: str, band: str | None, source: str) -> dict[str, Any]:
    some = rows.filter(_is_of(rows, catalog, band))
    start, end, middle, nu, flux, error = (
        np.asarray(some.column(name).to_numpy(), dtype=float)
        for name in ("mjd_start", "mjd_end", "mjd_mid", "frequency", "flux", "flux_err")
    )
    columns = {
        "TIME": middle,
        "XAX_E": (end - start) / 2,
        "FLUX": flux,
        "ERROR": error,
        "UPPER_LIMIT": np.asarray(some.column("is_upper_limit").to_numpy(False), dtype=bool),
        "FREQUENCY": nu,
    }
    flux_unit = _PHOTONS if catalog in PHOTON_FLUX_CATALOGS else _NUFNU
    units = {"TIME": "d", "XAX_E": "d", "FLUX": flux_unit, "ERROR": flux_unit, "FREQUENCY": "Hz"}
    header = {"DETNAM": catalog, "FILTER": band or "", "NAME": source, "TIMEUNIT": "d"}
    unit = table_unit("LC", record_array(columns), units=units, header=header)
    meta = {
        "src_name": source,
        "product": "_".join(filter(None, (catalog, band))),
        "time": "TIME",
        "rate": "FLUX",
        "rate_err": "ERROR",
    }
    return numpy_product("mmdc_lc", [primary_unit(), unit], meta)


@dataclass(frozen=True, slots=True)
class Seds:
    """``mmdc_sed``: the SED of a source in the store."""

    store: ObservationStore
    digest: str = ""

    @property
    def spec(self) -> InstrumentSpec:
        """Its products and their parameters."""
        undated = ParameterSpec(
            "undated", "bool", is_optional=True, label="points without a date: keep or drop them"
        )
        return InstrumentSpec("mmdc_sed", (ProductSpec("mmdc_sed", (_CATALOG, undated, _SOURCES)),))

    def make(self, product: str, values: Mapping[str, Any], run: Run) -> Made:
        """Return the SED at a position, or of each source of a catalogue, as tables."""
        wanted = SedFilter(
            mjd_start=_mjd(values["T1"]),
            mjd_end=_mjd(values["T2"]),
            catalogs=(values["catalog"],) if values["catalog"] else None,
            undated=values["undated"],
        )
        products = ProductList()
        for name, ra, dec in _targets(values):
            source, points = self.store.sed(ra, dec)
            points = points.filtered(wanted)
            if len(points):
                meta = _sed_meta(source, name)
                products.add_table(table_product("mmdc_sed", _sed_table(points), meta))
        return Made(products.entries, "" if products.entries else "no SED is known there")


def _sed_meta(source: Source | None, name: str) -> dict[str, Any]:
    meta: dict[str, Any] = {"src_name": source.name if source else name}
    if source and source.redshift is not None:
        meta["redshift"] = source.redshift
    return meta


def _sed_table(points: SedPoints) -> Table:
    entries = [points.catalogs[number] for number in points.entry.tolist()]
    columns: dict[str, tuple[Any, str | None]] = {
        "nu": (points.nu, "Hz"),
        "nufnu": (points.nufnu, FLUX_UNIT),
        "nufnu_err": (points.error, FLUX_UNIT),
        "is_upper_limit": (points.is_limit, None),
        "mjd_start": (points.start, "d"),
        "mjd_end": (points.end, "d"),
        "catalog": ([entry.name for entry in entries], None),
        "band": ([entry.band for entry in entries], None),
        "reference": ([entry.reference or "" for entry in entries], None),
    }
    return Table({name: Column(values, unit=unit) for name, (values, unit) in columns.items()})


@dataclass(frozen=True, slots=True)
class Models:
    """``mmdc_model``: spectra of emission models, a product for each."""

    options: Options
    digest: str = ""

    @property
    def spec(self) -> InstrumentSpec:
        """Its products and their parameters."""
        return InstrumentSpec("mmdc_model", tuple(map(_model_product, MODELS)))

    def make(self, product: str, values: Mapping[str, Any], run: Run) -> Made:
        """Return the spectrum of a model."""
        engine, model = self.options.engine, product.upper()
        if engine is None:
            missing = ", ".join(missing_packages()) or "the engine"
            msg = f"this server computes no models: {missing} is missing; see the extra 'model'"
            raise JobFailedError(msg, code="not installed")
        numbers = {name: values[name] for name in MODELS[model]}
        request = InferenceRequest(
            model,
            check_redshift(values["z"], ebl=values["ebl"]),
            values["ebl"],
            check_parameters(model, numbers),
        )
        products = ProductList()
        products.add_arrays(_model_spectrum(product, engine.infer(request), request))
        return Made(products.entries)


def _model_product(model: str) -> ProductSpec:
    redshift = ParameterSpec(
        "z", "float", 0.031, low=0.0, high=Limit.REDSHIFT_MAX, label="redshift"
    )
    ebl = ParameterSpec("ebl", "bool", True, label="absorption by the background light")
    own = (_model_parameter(one) for one in MODELS[model].values())
    return ProductSpec(model.lower(), (redshift, ebl, *own))


def _model_parameter(one: Parameter) -> ParameterSpec:
    low, high = max(one.low, one.fit_low), min(one.high, one.fit_high)
    content = f"log10 of: {one.description}" if one.is_log else one.description
    return ParameterSpec(
        one.name,
        "float",
        round((low + high) / 2, 3),
        unit=None if one.is_log else one.unit or None,
        low=one.low,
        high=one.high,
        label=f"{content} [{one.unit}]" if one.unit else content,
    )


def _model_spectrum(
    product: str, curve: Mapping[str, Any], request: InferenceRequest
) -> dict[str, Any]:
    header = {"REDSHIFT": request.z, "EBL": request.ebl}
    columns = {"FREQUENCY": curve["nu"], "NUFNU": curve["nuFnu"]}
    units = {"FREQUENCY": "Hz", "NUFNU": _NUFNU}
    made = [table_unit("SPECTRUM", record_array(columns), units=units, header=header)]
    if curve.get("neutrino_energy") is not None:
        columns = {"FREQUENCY": curve["neutrino_energy"], "NUFNU": curve["eFe_nu_tot"]}
        made.append(table_unit("NEUTRINOS", record_array(columns), units=units))
    meta = {"model": request.model_type, "parameters": dict(request.parameters)}
    return numpy_product(f"mmdc_model_{product}", [primary_unit(), *made], meta)


class Notebooks:
    """Registered notebooks: an instrument with a product for each.

    Parameters
    ----------
    notebooks : list of Notebook
    name : str or None
        Name of the instrument; that of the first product by default.
    limits : RunLimits
    """

    def __init__(self, notebooks: list[Notebook], name: str | None, limits: RunLimits) -> None:
        self.spec = instrument_of(notebooks, name)
        self.digest = sha256("".join(one.digest for one in notebooks).encode()).hexdigest()
        self._notebooks = {one.product.name: one for one in notebooks}
        self._limits = limits

    def make(self, product: str, values: Mapping[str, Any], run: Run) -> Made:
        """Execute a notebook in a process of its own."""
        notebook = self._notebooks[product]
        products = run_notebook(
            notebook, values, limits=self._limits, stop=run.stop, report=run.report
        )
        return Made(products)
