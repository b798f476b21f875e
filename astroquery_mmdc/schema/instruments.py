"""Instruments of a dispatcher: their products and parameters, told and read as on the wire."""

from __future__ import annotations

import difflib
import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final, NoReturn

from astropy import units as u
from astropy.time import Time

from astroquery_mmdc.exceptions import InvalidRequestError, ParseError
from astroquery_mmdc.schema.ontology import ONTOLOGY
from astroquery_mmdc.schema.source_catalog import SourceCatalog

__all__ = [
    "SOURCE",
    "InstrumentSpec",
    "ParameterSpec",
    "ProductSpec",
    "api_code",
    "meta_data",
    "parameter_names",
    "read_values",
    "source_meta_data",
]

_NULL: Final = "\x00"  # how clients write None
_TRUE = frozenset({"true", "1", "yes", "on"})
_FALSE = frozenset({"false", "0", "no", "off"})
_XSD = {"float": "float", "int": "integer", "bool": "boolean", "str": "string"}
_NAMES = {"float": "Float", "int": "Integer", "bool": "Boolean", "str": "String", "time": "String"}
# Fields of the protocol, which belong to no product.
_PROTOCOL = frozenset(
    {"api", "async_dispatcher", "dry_run", "instrument", "job_id", "oda_api_version", "off_line"}
    | {"product_type", "query_status", "query_type", "session_id", "token", "verbose"}
)


@dataclass(frozen=True, slots=True)
class ParameterSpec:
    """One parameter of a product.

    Parameters
    ----------
    name : str
        On the wire.
    kind : str
        ``"float"``, ``"int"``, ``"bool"``, ``"str"``, ``"json"``, ``"time"``, or ``"catalog"``: the
        text of a catalogue of sources.
    default : object
        None only where ``is_optional``.
    unit : str or None
        In astropy's notation; numbers on the wire are in it.
    low, high : float or None
        Limits, ends included.
    choices : tuple
        Allowed values; empty where all are.
    is_optional : bool
    uris : tuple of str
        What it is, in MMODA's ontology.
    label : str
        A few words for the reader.
    """

    name: str
    kind: str
    default: Any = None
    unit: str | None = None
    low: float | None = None
    high: float | None = None
    choices: tuple[Any, ...] = ()
    is_optional: bool = False
    uris: tuple[str, ...] = ()
    label: str = ""

    def read(self, given: Any) -> Any:
        """Return the value that a text or a plain value stands for, checked.

        Raises
        ------
        InvalidRequestError
            It is of another type or unit, out of range, or none of the choices.
        """
        if given is None or given == _NULL or (given == "" and self.kind != "str"):
            if not self.is_optional:
                self._refuse(given, f"a value is needed, such as {self.default!r}")
            return None
        try:
            value = getattr(self, f"_read_{self.kind}")(given)
        except InvalidRequestError:
            raise
        except (TypeError, ValueError, OverflowError, RecursionError):
            self._refuse(given, f"expected {self._expected()}")
        self._check(value, given)
        return value

    def as_json(self) -> dict[str, Any]:
        """Return the parameter as meta-data tell it."""
        limits = {"min_value": self.low, "max_value": self.high}
        restrictions: dict[str, Any] = {"is_optional": self.is_optional}
        restrictions |= {name: value for name, value in limits.items() if value is not None}
        if self.choices:
            restrictions["allowed_values"] = list(self.choices)
        entry = {"name": self.name, "units": self._wire_unit(), "value": self.default}
        return {**entry, "restrictions": restrictions, "owl_uri": list(self._all_uris())}

    def _wire_unit(self) -> str | None:
        return {"str": "str", "time": "isot"}.get(self.kind, self.unit)

    def _all_uris(self) -> Iterable[str]:
        xsd = _XSD.get(self.kind)
        kind = _NAMES.get(self.kind)
        known = [f"http://www.w3.org/2001/XMLSchema#{xsd}"] if xsd else []
        return dict.fromkeys([*known, *([ONTOLOGY + kind] if kind else []), *self.uris])

    def _expected(self) -> str:
        words = {
            "float": "a number",
            "int": "a whole number",
            "bool": "true or false",
            "json": "JSON",
            "catalog": "a catalogue of sources as a dictionary in JSON",
            "time": "a time such as 2017-03-06T13:26:48.000, or an MJD with T_format=mjd",
        }
        return words.get(self.kind, "a text") + (f" in {self.unit}" if self.unit else "")

    def _read_float(self, given: Any) -> float:
        if isinstance(given, bool):
            raise TypeError
        try:
            value = float(given)
        except ValueError:
            value = self._converted(str(given))
        if not math.isfinite(value):
            raise ValueError
        return value

    def _converted(self, text: str) -> float:
        """Return the number of a text with a unit."""
        try:
            return float(u.Quantity(text).to_value(self.unit or "", u.spectral()))
        except u.UnitConversionError:
            self._refuse(text, f"its unit does not convert to {self.unit or 'a plain number'}")

    def _read_int(self, given: Any) -> int:
        value = self._read_float(given)
        if not value.is_integer():
            raise ValueError
        return int(value)

    def _read_bool(self, given: Any) -> bool:
        text = str(given).strip().lower()
        if text not in _TRUE | _FALSE:
            raise ValueError
        return text in _TRUE

    def _read_str(self, given: Any) -> str:
        return str(given)

    def _read_json(self, given: Any) -> Any:
        return json.loads(given) if isinstance(given, str) else given

    def _read_catalog(self, given: Any) -> str:
        try:
            catalog = SourceCatalog.read(given)
            catalog.positions()
        except ParseError as err:
            self._refuse(given, str(err))
        return json.dumps(catalog.as_json(), allow_nan=False)

    def _read_time(self, given: Any) -> str:
        return str(Time(str(given).strip().replace(" ", "T"), format="isot", scale="tt").isot)

    def _check(self, value: Any, given: Any) -> None:
        if self.choices and value not in self.choices:
            self._refuse(given, f"choose one of {', '.join(map(str, self.choices))}")
        if self.low is not None and value < self.low:
            self._refuse(given, f"the smallest value is {self.low:g} {self.unit or ''}".rstrip())
        if self.high is not None and value > self.high:
            self._refuse(given, f"the largest value is {self.high:g} {self.unit or ''}".rstrip())

    def _refuse(self, given: Any, way_out: str) -> NoReturn:
        shown = "nothing" if given in (None, _NULL) else repr(given)[:200]
        msg = f"{self.name}: {shown} was given; {way_out}"
        raise InvalidRequestError(msg, parameter=self.name)


def _source(name: str, kind: str, term: str, default: Any = None, **more: Any) -> ParameterSpec:
    optional = default is None
    return ParameterSpec(name, kind, default, is_optional=optional, uris=(ONTOLOGY + term,), **more)


SOURCE: Final = (
    _source("src_name", "str", "AstrophysicalObject", "Mrk 421"),
    _source("RA", "float", "PointOfInterestRA", 166.113808, unit="deg", low=0.0, high=360.0),
    _source("DEC", "float", "PointOfInterestDEC", 38.208833, unit="deg", low=-90.0, high=90.0),
    _source("T1", "time", "StartTime"),
    _source("T2", "time", "EndTime"),
    ParameterSpec("T_format", "str", "isot", choices=("isot", "mjd")),
)
"""What every instrument is asked with: a source, a position and a window in time."""


@dataclass(frozen=True, slots=True)
class ProductSpec:
    """One product of an instrument.

    Parameters
    ----------
    name : str
    parameters : tuple of ParameterSpec
        Besides those of the source.
    source : mapping of str to object
        Defaults of the product for parameters of the source.
    """

    name: str
    parameters: tuple[ParameterSpec, ...] = ()
    source: Mapping[str, Any] = field(default_factory=dict)

    @property
    def query(self) -> str:
        """Name of its group of parameters."""
        return f"{self.name}_query"

    def source_parameters(self) -> tuple[ParameterSpec, ...]:
        """Return the parameters of the source with the defaults of this product."""
        return tuple(
            replace(one, default=self.source[one.name]) if one.name in self.source else one
            for one in SOURCE
        )


@dataclass(frozen=True, slots=True)
class InstrumentSpec:
    """An instrument: its name and what it makes."""

    name: str
    products: tuple[ProductSpec, ...]

    def product(self, name: str | None) -> ProductSpec:
        """Return a product by its name.

        Raises
        ------
        InvalidRequestError
            There is none of that name.
        """
        known = {product.name: product for product in self.products}
        if name in known:
            return known[str(name)]
        near = difflib.get_close_matches(str(name), known, n=1)
        hint = f"did you mean {near[0]!r}? " if near else ""
        msg = f"product_type: {self.name} has no {name!r}; {hint}It has {', '.join(known)}"
        raise InvalidRequestError(msg, parameter="product_type")


def meta_data(instrument: InstrumentSpec, product: str | None = None) -> list[Any]:
    """Return the description of an instrument, or of one product, as dispatchers tell it.

    Parameters
    ----------
    instrument : InstrumentSpec
    product : str, optional
        Only this one.
    """
    chosen = [instrument.product(product)] if product else list(instrument.products)
    return [
        [
            {"instrumet": instrument.name},  # so it is spelled on the wire
            {"prod_dict": {one.name: one.query for one in instrument.products}},
            _source_query(chosen[0]),
            [{"query_name": f"{instrument.name}_instrument_query"}],
            *(_product_query(one) for one in chosen),
        ]
    ]


def source_meta_data(instrument: InstrumentSpec) -> list[Any]:
    """Return the description of the source's parameters alone."""
    return [_source_query(instrument.products[0])]


def _source_query(product: ProductSpec) -> list[dict[str, Any]]:
    token = {"name": "token", "units": "str", "value": None, "restrictions": {"is_optional": True}}
    parameters = [one.as_json() for one in product.source_parameters()]
    return [{"query_name": "src_query"}, *parameters, token]


def _product_query(product: ProductSpec) -> list[dict[str, Any]]:
    head = [{"query_name": product.query}, {"product_name": product.name}]
    return [*head, *(one.as_json() for one in product.parameters)]


def parameter_names(product: ProductSpec) -> list[str]:
    """Return the names that a request for a product may carry."""
    own = [*product.source_parameters(), *product.parameters]
    return [*(one.name for one in own), "token"]


def read_values(
    product: ProductSpec, given: Mapping[str, Any]
) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Return the value of every parameter, checked, and the names that mean nothing here.

    Parameters
    ----------
    product : ProductSpec
    given : mapping
        As they came; what is left out has its default.

    Returns
    -------
    values : dict
        Times are ISO texts, whatever their format was.
    unknown : tuple of str

    Raises
    ------
    InvalidRequestError
        A value is wrong.
    """
    given = _with_iso_times(given)
    parameters = {one.name: one for one in (*product.source_parameters(), *product.parameters)}
    values = {
        name: one.read(given[name]) if name in given else one.default
        for name, one in parameters.items()
    }
    unknown = tuple(sorted(given.keys() - parameters.keys() - _PROTOCOL))
    return values, unknown


def _with_iso_times(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields with MJDs turned into ISO times."""
    fields = dict(given)
    if fields.get("T_format") != "mjd":
        return fields
    fields["T_format"] = "isot"
    for name in {"T1", "T2"} & fields.keys():
        try:
            fields[name] = Time(float(fields[name]), format="mjd", scale="tt").isot
        except (TypeError, ValueError) as err:
            msg = f"{name}: {fields[name]!r} was given; with T_format=mjd it is an MJD"
            raise InvalidRequestError(msg, parameter=name) from err
    return fields


def api_code(url: str, fields: Mapping[str, Any]) -> str:
    """Return the code that a dispatcher sends along, to ask for the same product again.

    Parameters
    ----------
    url : str
        Address of the dispatcher.
    fields : mapping
        Arguments of ``get_product``; without a token.
    """
    lines = [f"    {name!r}: {value!r}," for name, value in sorted(fields.items())]
    return (
        "from oda_api.api import DispatcherAPI\n\n"
        f"disp = DispatcherAPI(url={url!r}, instrument='mock')\n\n"
        "par_dict = {\n" + "\n".join(lines) + "\n}\n\n"
        "data_collection = disp.get_product(**par_dict)\n"
    )
