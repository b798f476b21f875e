"""Notebooks whose comments tell what goes in and what comes out; read, and never executed here."""

from __future__ import annotations

import ast
import io
import json
import os
import re
import tokenize
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from astroquery_mmdc.exceptions import InvalidRequestError
from astroquery_mmdc.schema.instruments import InstrumentSpec, ParameterSpec, ProductSpec
from astroquery_mmdc.schema.ontology import Annotation, parse_annotation

__all__ = ["Notebook", "Output", "instrument_of", "read_notebook"]

_LARGEST = 50_000_000
_NAME = re.compile(r"[A-Za-z][\w-]*\Z")
_MAGIC = re.compile(r"^(\s*)[%!?].*$", re.MULTILINE)
# Parameters that every instrument has, and what they are called there.
_SOURCE = {
    "AstrophysicalObject": "src_name",
    "PointOfInterestRA": "RA",
    "PointOfInterestDEC": "DEC",
    "StartTime": "T1",
    "StartTimeISOT": "T1",
    "EndTime": "T2",
    "EndTimeISOT": "T2",
}
_KINDS = {"Integer": "int", "Float": "float", "Boolean": "bool", "String": "str"}
_FILES = frozenset({"POSIXPath", "FileReference"})
_TYPES = {bool: "bool", int: "int", float: "float", str: "str", list: "json", dict: "json"}


@dataclass(frozen=True, slots=True)
class Output:
    """One result of a notebook.

    Parameters
    ----------
    name : str
        The variable that holds it.
    expression : str
        Where the product itself is: for ``result = lc.encode()`` that is ``lc``.
    terms : tuple of str
        What it is, in MMODA's ontology.
    """

    name: str
    expression: str
    terms: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Notebook:
    """A notebook that makes one product.

    Parameters
    ----------
    path : Path
    product : ProductSpec
        Its name and parameters.
    variables : mapping of str to str
        The variable behind each parameter.
    outputs : tuple of Output
    digest : str
        Changes with the content of the file.
    document : mapping
        The file as parsed, with the cell of parameters tagged.
    """

    path: Path
    product: ProductSpec
    variables: Mapping[str, str]
    outputs: tuple[Output, ...]
    digest: str
    document: Mapping[str, Any]

    def injected(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Return the variables to set for the values of the parameters."""
        return {variable: values[name] for name, variable in self.variables.items()}


def read_notebook(path: str | os.PathLike[str], *, product: str | None = None) -> Notebook:
    """Read an annotated notebook.

    Parameters
    ----------
    path : path-like
        An ``.ipynb`` file in Python.
    product : str, optional
        Name of its product; that of the file by default.

    Returns
    -------
    Notebook

    Raises
    ------
    InvalidRequestError
        It is no notebook, its annotations contradict themselves, or it marks no result.
    """
    path = Path(path).expanduser()
    content, document = _document(path)
    name = _checked_name(product or path.stem)
    cells = [_Cell.of(path, number, cell) for number, cell in _code_cells(document)]
    inputs = _parameter_cell(cells)
    parameters = dict(_parameters(inputs)) if inputs else {}
    outputs = tuple(_outputs(cells, inputs))
    if not outputs:
        msg = (
            f"notebook: {path} marks no result; write '# oda:LightCurve' or another term of "
            "MMODA's ontology behind an assignment, or tag a cell 'outputs'"
        )
        raise InvalidRequestError(msg, parameter="notebook")
    own = tuple(one for one in parameters.values() if one.name not in _SOURCE.values())
    source = {one.name: one.default for one in parameters.values() if one not in own}
    return Notebook(
        path=path.resolve(),
        product=ProductSpec(name, own, source),
        variables={one.name: variable for variable, one in parameters.items()},
        outputs=outputs,
        digest=sha256(content).hexdigest()[:16],
        document=_tagged(document, inputs),
    )


def instrument_of(notebooks: Iterable[Notebook], name: str | None = None) -> InstrumentSpec:
    """Return the instrument whose products some notebooks make.

    Parameters
    ----------
    notebooks : iterable of Notebook
        At least one.
    name : str, optional
        Name of the instrument; that of the first product by default.

    Raises
    ------
    InvalidRequestError
        Two of them make a product of the same name.
    """
    products = {}
    for notebook in notebooks:
        if notebook.product.name in products:
            msg = f"notebook: two make the product {notebook.product.name!r}; rename one file"
            raise InvalidRequestError(msg, parameter="notebook")
        products[notebook.product.name] = notebook.product
    return InstrumentSpec(_checked_name(name or next(iter(products))), tuple(products.values()))


def _checked_name(name: str) -> str:
    if _NAME.match(name):
        return name
    msg = f"name: {name!r} is no name of an instrument; use letters, digits, _ and -"
    raise InvalidRequestError(msg, parameter="name")


# ---------------------------------------------------------------- the file


def _document(path: Path) -> tuple[bytes, dict[str, Any]]:
    try:
        if path.stat().st_size > _LARGEST:
            msg = f"notebook: {path} is larger than {_LARGEST // 1_000_000} MB; clear its outputs"
            raise InvalidRequestError(msg, parameter="notebook")
        content = path.read_bytes()
        document = json.loads(content)
    except OSError as err:
        msg = f"notebook: {path} cannot be read ({err.strerror})"
        raise InvalidRequestError(msg, parameter="notebook") from err
    except (ValueError, RecursionError) as err:
        msg = f"notebook: {path} is no notebook ({err})"
        raise InvalidRequestError(msg, parameter="notebook") from err
    if not isinstance(document, dict) or not isinstance(document.get("cells"), list):
        msg = f"notebook: {path} has no cells; it takes an .ipynb file of format 4"
        raise InvalidRequestError(msg, parameter="notebook")
    language = (document.get("metadata") or {}).get("language_info", {}).get("name", "python")
    if language not in ("python", "ipython"):
        msg = f"notebook: {path} is in {language}; only Python can be run"
        raise InvalidRequestError(msg, parameter="notebook")
    return content, document


def _code_cells(document: Mapping[str, Any]) -> Iterator[tuple[int, Mapping[str, Any]]]:
    for index, cell in enumerate(document["cells"]):
        if isinstance(cell, dict) and cell.get("cell_type") == "code":
            yield index, cell


def _tagged(document: dict[str, Any], inputs: _Cell | None) -> dict[str, Any]:
    """Return the document with its cell of parameters tagged as papermill wants it."""
    if inputs is None or "parameters" in inputs.tags:
        return document
    cells = list(document["cells"])
    cell = dict(cells[inputs.index])
    cell["metadata"] = {**(cell.get("metadata") or {}), "tags": [*inputs.tags, "parameters"]}
    cells[inputs.index] = cell
    return {**document, "cells": cells}


# ---------------------------------------------------------------- annotations


@dataclass(frozen=True, slots=True)
class _Assignment:
    """``name = value`` and what the comment behind it tells."""

    name: str
    value: ast.expr
    annotation: Annotation | None

    @property
    def is_plain(self) -> bool:
        """Whether the value stands in the text."""
        try:
            ast.literal_eval(self.value)
        except (ValueError, TypeError):
            return False
        return True


@dataclass(frozen=True, slots=True)
class _Cell:
    """One cell of code."""

    index: int
    tags: tuple[str, ...]
    assignments: tuple[_Assignment, ...]

    @classmethod
    def of(cls, path: Path, index: int, cell: Mapping[str, Any]) -> _Cell:
        source = cell.get("source", "")
        text = "".join(source) if isinstance(source, list) else str(source)
        tags = (cell.get("metadata") or {}).get("tags") or ()
        try:
            return cls(index, tuple(map(str, tags)), tuple(_assignments(text)))
        except ValueError as err:
            msg = f"notebook: {path}, cell {index + 1}: {err}"
            raise InvalidRequestError(msg, parameter="notebook") from err


def _assignments(source: str) -> Iterator[_Assignment]:
    # Lines for IPython and not for Python.
    source = "" if source.lstrip().startswith("%%") else _MAGIC.sub(r"\1pass", source)
    try:
        statements = ast.parse(source).body
        comments = _comments(source)
    except (SyntaxError, tokenize.TokenError, MemoryError, RecursionError):
        return  # it will say so itself when it is executed
    for statement in statements:
        match statement:
            case ast.Assign(targets=[ast.Name(id=name)], value=value):
                pass
            case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value):
                pass
            case _:
                continue
        lines = range(statement.lineno, (statement.end_lineno or statement.lineno) + 1)
        found = (parse_annotation(comments[line]) for line in lines if line in comments)
        yield _Assignment(name, value, next(filter(None, found), None))


def _comments(source: str) -> dict[int, str]:
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    return {token.start[0]: token.string for token in tokens if token.type == tokenize.COMMENT}


def _parameter_cell(cells: list[_Cell]) -> _Cell | None:
    """Return the cell tagged for parameters, else the first one with annotated plain values."""
    tagged = (cell for cell in cells if "parameters" in cell.tags)
    annotated = (
        cell
        for cell in cells
        if "outputs" not in cell.tags and any(a.annotation and a.is_plain for a in cell.assignments)
    )
    return next(tagged, None) or next(annotated, None)


def _parameters(cell: _Cell) -> Iterator[tuple[str, ParameterSpec]]:
    is_tagged = "parameters" in cell.tags
    for one in cell.assignments:
        if one.annotation is None and not (is_tagged and one.is_plain):
            continue
        if not one.is_plain:
            msg = f"notebook: {one.name} is a parameter, but its default is no plain value"
            raise InvalidRequestError(msg, parameter=one.name)
        yield one.name, _parameter(one)


def _parameter(one: _Assignment) -> ParameterSpec:
    default = ast.literal_eval(one.value)
    known = one.annotation or Annotation(())
    if _FILES.intersection(known.terms):
        msg = f"notebook: {one.name} is a file; only values can be parameters"
        raise InvalidRequestError(msg, parameter=one.name)
    source = next((_SOURCE[term] for term in known.terms if term in _SOURCE), None)
    if source in ("T1", "T2") and not isinstance(default, str):
        source = None  # a number of days is a parameter of its own
    spec = ParameterSpec(
        name=source or one.name,
        kind="time" if source in ("T1", "T2") else _kind(one.name, known, default),
        default=default,
        unit=known.unit,
        low=known.low,
        high=known.high,
        choices=known.choices,
        is_optional=known.is_optional or default is None,
        uris=known.uris,
        label=known.label,
    )
    # A default that contradicts its own annotation is noticed now and not at the first request.
    return ParameterSpec(**{**_fields(spec), "default": spec.read(default)})


def _fields(spec: ParameterSpec) -> dict[str, Any]:
    return {name: getattr(spec, name) for name in spec.__slots__}


def _kind(name: str, known: Annotation, default: Any) -> str:
    for term in known.terms:
        if term in _KINDS:
            return _KINDS[term]
    if known.unit and isinstance(default, int | float) and not isinstance(default, bool):
        return "float"
    kind = _TYPES.get(type(default), "str" if default is None else None)
    if kind is None:
        msg = f"notebook: {name} is a {type(default).__name__}, which is no parameter"
        raise InvalidRequestError(msg, parameter=name)
    return kind


def _outputs(cells: list[_Cell], inputs: _Cell | None) -> Iterator[Output]:
    """Return the results: all of a tagged cell, and whatever else is annotated."""
    found: dict[str, Output] = {}
    for cell in cells:
        if cell is inputs:
            continue
        for one in cell.assignments:
            if one.annotation or "outputs" in cell.tags:
                terms = one.annotation.terms if one.annotation else ()
                found[one.name] = Output(one.name, _product_of(one), terms)
    yield from found.values()


def _product_of(one: _Assignment) -> str:
    """Return the variable to take: an encoded product is a text, its source is the product."""
    match one.value:
        case ast.Call(func=ast.Attribute(value=ast.Name(id=name), attr="encode")):
            return name
    return one.name
