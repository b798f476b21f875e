"""What a dispatcher tells about its instruments: products and their parameters."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from astropy.table import Table

from astroquery_mmdc.exceptions import ParseError

__all__ = ["Description", "Parameter", "Query", "read_description"]

_ROLES = ("source", "instrument", "product")


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter of an instrument or of a product.

    Parameters
    ----------
    name : str
    unit : str or None
        As the dispatcher writes it; ``"str"`` and the like name a kind and no unit.
    default : object
    role : str
        ``"source"``, ``"instrument"`` or ``"product"``: which query it belongs to.
    is_optional : bool or None
        Whether it may be left empty; None where the dispatcher does not tell.
    minimum, maximum : float or None
    choices : tuple
        Allowed values; empty where all are.
    kinds : tuple of str
        What it is, by the dispatcher's ontology.
    """

    name: str
    unit: str | None = None
    default: Any = None
    role: str = "product"
    is_optional: bool | None = None
    minimum: float | None = None
    maximum: float | None = None
    choices: tuple[Any, ...] = ()
    kinds: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Query:
    """A group of parameters; that of a product names the product."""

    name: str
    product: str | None
    role: str
    parameters: tuple[Parameter, ...]


@dataclass(frozen=True, slots=True)
class Description:
    """An instrument: its products, and their parameters.

    Parameters
    ----------
    instrument : str
    products : tuple of str
    queries : tuple of Query
    """

    instrument: str
    products: tuple[str, ...]
    queries: tuple[Query, ...]

    def parameters(self, product: str | None = None) -> dict[str, Parameter]:
        """Return the parameters by name: those of one product, or of all."""
        return {
            parameter.name: parameter
            for query in self._queries(product)
            for parameter in query.parameters
        }

    def _queries(self, product: str | None) -> Iterator[Query]:
        return (
            query
            for query in self.queries
            if query.role != "product" or product in (None, query.product)
        )

    def text(self, product: str | None = None) -> str:
        """Return the description as lines of text."""
        lines = []
        for query in self._queries(product):
            lines += ["", "-" * 14, f"query_name: {query.name}"]
            if query.product:
                lines.append(f" product_name: {query.product}")
            lines += [_line(parameter) for parameter in query.parameters]
        return "\n".join(lines)

    def table(self, product: str | None = None) -> Table:
        """Return one row for each parameter; ``meta["text"]`` holds the same as text."""
        rows = [
            (query.product or "", *_cells(parameter))
            for query in self._queries(product)
            for parameter in query.parameters
        ]
        names = ("product", "name", "unit", "default", "range", "choices", "role", "optional")
        table = Table(rows=rows or None, names=names, dtype=[str] * len(names))
        table.meta = {
            "instrument": self.instrument,
            "products": list(self.products),
            "text": self.text(product),
        }
        return table


def _line(parameter: Parameter) -> str:
    return f" name: {parameter.name},  value: {parameter.default},  units: {parameter.unit},"


def _cells(parameter: Parameter) -> tuple[str, ...]:
    low, high = parameter.minimum, parameter.maximum
    limits = "" if low is None and high is None else f"{_limit(low)} to {_limit(high)}"
    optional = {True: "yes", False: "no", None: ""}[parameter.is_optional]
    default = "" if parameter.default is None else str(parameter.default)
    choices = ", ".join(str(choice) for choice in parameter.choices)
    unit = parameter.unit or ""
    return (parameter.name, unit, default, limits, choices, parameter.role, optional)


def _limit(value: float | None) -> str:
    return "any" if value is None else f"{value:g}"


def read_description(body: Any) -> Description:
    """Read the meta-data of an instrument, of servers old and new.

    Parameters
    ----------
    body : object
        The parsed JSON. Old servers write each query as JSON text, new ones as a list.

    Raises
    ------
    ParseError
        It is not of that form.
    """
    try:
        parts = body[0]
        instrument, products = parts[0]["instrumet"], parts[1]["prod_dict"]
        product_of = {query: product for product, query in products.items()}
        queries = [
            _query(_unpacked(part), _ROLES[min(index, 2)], product_of)
            for index, part in enumerate(parts[2:])
        ]
        return Description(str(instrument), tuple(products), tuple(queries))
    except (LookupError, TypeError, ValueError, AttributeError) as err:
        msg = f"the dispatcher's description of the instrument cannot be read ({err!r})"
        raise ParseError(msg) from err


def _unpacked(part: Any) -> Sequence[Mapping[str, Any]]:
    return json.loads(part) if isinstance(part, str) else part  # type: ignore[no-any-return]


def _query(part: Sequence[Mapping[str, Any]], role: str, product_of: Mapping[str, str]) -> Query:
    name = next((str(item["query_name"]) for item in part if "query_name" in item), "")
    given = next((item["product_name"] for item in part if "product_name" in item), None)
    # Some products call themselves by the name of their query.
    product = product_of.get(name, given) if role == "product" else None
    parameters = tuple(_parameter(item, role) for item in part if item.get("name"))
    return Query(name, product, role, parameters)


def _parameter(item: Mapping[str, Any], role: str) -> Parameter:
    limits = item.get("restrictions") or {}
    return Parameter(
        name=str(item["name"]),
        unit=item.get("units"),
        default=item.get("value"),
        role=role,
        is_optional=limits.get("is_optional"),
        minimum=limits.get("min_value"),
        maximum=limits.get("max_value"),
        choices=tuple(limits.get("allowed_values") or ()),
        kinds=tuple(str(uri).rpartition("#")[2] for uri in item.get("owl_uri") or ()),
    )
