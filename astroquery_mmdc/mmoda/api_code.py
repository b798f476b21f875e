"""The "API code" of a product: made for this package, and read from the web page.

Code that was read is parsed and never executed: assignments of plain values, and one call.
"""

from __future__ import annotations

import ast
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from astroquery_mmdc.exceptions import InvalidRequestError
from astroquery_mmdc.mmoda.errors import redact

__all__ = ["ApiCode", "make_api_code", "parse_api_code"]

_LONGEST = 1_000_000
# What the page adds for the dispatcher's own bookkeeping.
_BOOKKEEPING = frozenset(
    {"api", "job_id", "oda_api_version", "off_line", "query_status", "session_id", "verbose"}
    | {"async_dispatcher", "client-name", "silent", "wait"}
)
_CLIENTS = frozenset({"DispatcherAPI", "MMODAClass"})
_SECRETS = frozenset({"token"})


@dataclass(frozen=True, slots=True)
class ApiCode:
    """A request that was written as code.

    Parameters
    ----------
    url : str or None
        Address of the dispatcher in the code.
    parameters : mapping
        Arguments of ``get_product``.
    """

    url: str | None
    parameters: Mapping[str, Any]


def make_api_code(url: str, parameters: Mapping[str, Any]) -> str:
    """Return Python code for this package that asks for the same product.

    Parameters
    ----------
    url : str
        Address of the dispatcher.
    parameters : mapping
        Arguments of ``get_product``; a token is left out.

    Examples
    --------
    >>> print(make_api_code("https://example.org", {"instrument": "isgri", "product": "isgri_lc"}))
    from astroquery_mmdc import MMODAClass
    <BLANKLINE>
    mmoda = MMODAClass('https://example.org')
    data = mmoda.get_product(
        instrument='isgri',
        product='isgri_lc',
    )
    <BLANKLINE>
    """
    kept = {
        name: value
        for name, value in parameters.items()
        if name not in _SECRETS | _BOOKKEEPING and value is not None
    }
    plain = {name: value for name, value in kept.items() if name.isidentifier()}
    # The dispatcher's names need not be names in Python.
    odd = {name: value for name, value in kept.items() if name not in plain}
    lines = [f"    {name}={value!r}," for name, value in plain.items()]
    lines += [f"    **{odd!r},"] if odd else []
    head = f"from astroquery_mmdc import MMODAClass\n\nmmoda = MMODAClass({url!r})\n"
    return f"{head}data = mmoda.get_product(\n{chr(10).join(lines)}\n)\n"


def parse_api_code(text: str) -> ApiCode:
    """Read code that asks for a product, as the web page or `make_api_code` writes it.

    Parameters
    ----------
    text : str

    Raises
    ------
    InvalidRequestError
        It is no such code; the message names the line.
    """
    try:
        if len(text) > _LONGEST:
            raise ValueError(len(text))  # noqa: TRY301 - one way out for all that is no code
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as err:
        line = getattr(err, "lineno", None)
        msg = f"text: this is no Python code{f' (line {line})' if line else ''}; copy it whole"
        raise InvalidRequestError(msg, parameter="text") from err
    reader = _Reader()
    for statement in tree.body:
        reader.read(statement)
    if reader.parameters is None:
        msg = "text: no call of get_product is in it; copy the whole code"
        raise InvalidRequestError(msg, parameter="text")
    return ApiCode(reader.url, _cleaned(reader.parameters))


def _cleaned(parameters: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in parameters.items() if name not in _BOOKKEEPING}


class _Unset:
    """Stands for a name that the code does not set, such as ``token``."""


class _Reader:
    """Follows the statements, with plain values only."""

    def __init__(self) -> None:
        self.url: str | None = None
        self.parameters: dict[str, Any] | None = None
        self.values: dict[str, Any] = {}

    def read(self, statement: ast.stmt) -> None:
        match statement:
            case ast.Import() | ast.ImportFrom():
                return
            case ast.Expr(value=ast.Constant()):
                return
            case ast.Assign(targets=[ast.Name(id=name)], value=value):
                self.values[name] = self._assigned(value)
            case ast.Expr(value=value):
                self._assigned(value)
            case _:
                raise _not_understood(statement)

    def _assigned(self, node: ast.expr) -> Any:
        if not isinstance(node, ast.Call):
            return self._value(node)
        called = _called(node)
        if called in _CLIENTS:
            self._client(node)
            return _Unset
        if called == "get_product":
            self.parameters = self._keywords(node)
            return _Unset
        return self._value(node)

    def _client(self, node: ast.Call) -> None:
        given = self._keywords(node)
        url = self._value(node.args[0]) if node.args else given.get("url")
        self.url = url if isinstance(url, str) else None

    def _keywords(self, node: ast.Call) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for keyword in node.keywords:
            value = self._value(keyword.value)
            if keyword.arg is None and isinstance(value, dict):
                found.update(value)
            elif keyword.arg is None:
                raise _not_understood(node)
            else:
                found[keyword.arg] = value
        return {str(name): value for name, value in found.items() if value is not _Unset}

    def _value(self, node: ast.expr) -> Any:
        match node:
            case ast.Name(id=name):
                return self.values.get(name, _Unset)
            case ast.Dict(keys=keys, values=values):
                pairs = zip(keys, values, strict=True)
                found = {self._key(key): self._value(value) for key, value in pairs}
                return {key: value for key, value in found.items() if value is not _Unset}
            case ast.Call(args=[argument]) if ast.unparse(node.func) == "json.dumps":
                return json.dumps(self._value(argument))
        try:
            return ast.literal_eval(node)
        except (ValueError, TypeError, RecursionError) as err:
            raise _not_understood(node) from err

    def _key(self, node: ast.expr | None) -> str:
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            return node.value
        msg = "text: a dictionary in it has a key that is no text"
        raise InvalidRequestError(msg, parameter="text")


def _called(node: ast.Call) -> str:
    target = node.func
    if isinstance(target, ast.Attribute):
        return target.attr
    return target.id if isinstance(target, ast.Name) else ""


def _not_understood(node: ast.stmt | ast.expr) -> InvalidRequestError:
    words = redact(ast.unparse(node))[:60]
    msg = (
        f"text: line {node.lineno} is more than the API code of a product ({words}); only "
        "assignments of plain values and one get_product are read"
    )
    return InvalidRequestError(msg, parameter="text")
