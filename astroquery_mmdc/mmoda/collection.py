"""The products of one request, under the names that the official client gives them."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

from astroquery_mmdc.exceptions import InvalidRequestError
from astroquery_mmdc.mmoda.products import Product

if TYPE_CHECKING:
    from astroquery_mmdc.mmoda.origin import Origin

__all__ = ["DataCollection", "clean_name"]

_IN_NAME = ("src_name", "product")
_LONGEST_NAME = 200


def clean_name(text: str) -> str:
    """Return a text as the name of a variable: ``+`` is ``p``, ``-`` is ``m``, a blank ``_``.

    Examples
    --------
    >>> clean_name("isgri_lc_0_MAXI J1820+070")
    'isgri_lc_0_MAXI_J1820p070'
    """
    text = text.replace("-", "m").replace("+", "p").replace(" ", "_")
    return re.sub(r"^[^a-zA-Z_]+", "", re.sub(r"[^0-9a-zA-Z_]", "", text))


class DataCollection(Sequence[Product]):
    """Products of one request: a sequence, with each product also under its name.

    Parameters
    ----------
    products : sequence of `~astroquery_mmdc.mmoda.products.Product`
        In the dispatcher's order.
    instrument, product : str, optional
        What was asked for; the name of products that come without one.
    origin : `~astroquery_mmdc.mmoda.origin.Origin`, optional
        Dispatcher, job and parameters that the products come from.

    Examples
    --------
    >>> from astroquery_mmdc.mmoda.products import TextProduct
    >>> found = DataCollection([TextProduct(name="note", value="hello")])
    >>> found.note_0.value
    'hello'
    """

    def __init__(
        self,
        products: Sequence[Product],
        *,
        instrument: str | None = None,
        product: str | None = None,
        origin: Origin | None = None,
    ) -> None:
        self.instrument = instrument
        self.product = product
        self.origin = origin
        self._p_list = list(products)
        self._n_list = [self._name_of(place, item) for place, item in enumerate(products)]

    def _name_of(self, place: int, item: Product) -> str:
        """Return name, place, source and kind of a product, as the official client joins them."""
        own = str(item.name) if item.name and str(item.name).strip() else None
        name = f"{own or self.product or self.instrument or 'prod'}_{place}"
        for key in _IN_NAME:
            value = str(item.meta_data.get(key) or "").replace(" ", "")
            if value:
                name += f"_{value}"
        return clean_name(name)[:_LONGEST_NAME]

    # ------------------------------------------------------------ access

    def __len__(self) -> int:
        return len(self._p_list)

    @overload
    def __getitem__(self, key: int | str) -> Product: ...
    @overload
    def __getitem__(self, key: slice) -> list[Product]: ...
    def __getitem__(self, key: int | str | slice) -> Any:
        if isinstance(key, str):
            return self._p_list[self._place(key)]
        return self._p_list[key]

    def __iter__(self) -> Iterator[Product]:
        return iter(self._p_list)

    def _place(self, name: str) -> int:
        if name in self._n_list:
            return self._n_list.index(name)
        msg = f"no product {name!r}; there are {self._n_list}"
        raise KeyError(msg)

    def __getattr__(self, name: str) -> Product:
        names = self.__dict__.get("_n_list", ())
        if name in names:
            return self._p_list[names.index(name)]
        msg = f"no product or attribute {name!r}; the products are {list(names)}"
        raise AttributeError(msg)

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *self._n_list})

    def __repr__(self) -> str:
        rows = [
            f"  {place}: {name} ({type(item).__name__})"
            for place, (name, item) in enumerate(zip(self._n_list, self._p_list, strict=True))
        ]
        return "\n".join([f"DataCollection of {len(self)} products", *rows])

    @property
    def names(self) -> list[str]:
        """Names of the products, in order."""
        return list(self._n_list)

    # ------------------------------------------------------------ listing

    def show(self) -> None:
        """Print number, name and metadata of every product."""
        for place, (name, item) in enumerate(zip(self._n_list, self._p_list, strict=True)):
            sys.stdout.write(f"ID={place} prod_name={name}  meta_data: {item.shown_meta}\n\n")

    def as_list(self) -> list[dict[str, Any]]:
        """Return number, name and metadata of every product."""
        return [
            {"ID": place, "prod_name": name, "meta_data": item.meta_data}
            for place, (name, item) in enumerate(zip(self._n_list, self._p_list, strict=True))
        ]

    def new_from_metadata(self, key: str, value: Any) -> DataCollection:
        """Return the products whose metadata have this value, numbered anew.

        Parameters
        ----------
        key : str
            For example ``"src_name"``.
        value : object
            What it must be.

        Returns
        -------
        DataCollection
            Empty where nothing matches.
        """
        return DataCollection(
            [
                item
                for item in self._p_list
                if key in item.meta_data and item.meta_data[key] == value
            ],
            instrument=self.instrument,
            product=self.product,
            origin=self.origin,
        )

    def api_code(self) -> str:
        """Return Python code that asks for the same products.

        Raises
        ------
        InvalidRequestError
            The products come from no request.
        """
        if self.origin is None:
            msg = "api_code: these products come from no request"
            raise InvalidRequestError(msg, parameter="origin")
        return self.origin.api_code()

    # ------------------------------------------------------------ files

    def save_all_data(
        self,
        prepend_name: str | None = None,
        *,
        directory: str | os.PathLike[str] = ".",
        overwrite: bool = True,
    ) -> list[Path]:
        """Save every product to a file of its own.

        Parameters
        ----------
        prepend_name : str, optional
            Goes before the name of each file, with an underscore.
        directory : path-like, optional
            Where to; it is made if it is not there.
        overwrite : bool, optional
            Whether files that are already there may be replaced.

        Returns
        -------
        list of pathlib.Path
            The files, in the order of the products.

        Raises
        ------
        InvalidRequestError
            ``prepend_name`` would lead out of the directory, or a file exists.
        """
        if prepend_name and Path(prepend_name).name != prepend_name:
            msg = f"prepend_name: {prepend_name!r} is no plain name; pass the folder as directory="
            raise InvalidRequestError(msg, parameter="prepend_name")
        folder = Path(directory).expanduser()
        folder.mkdir(parents=True, exist_ok=True)
        before = f"{prepend_name}_" if prepend_name else ""
        # Names hold only letters, digits and underscores, so no file can lie elsewhere.
        return [
            item.write(folder / f"{before}{name}.{item.extension}", overwrite=overwrite)
            for name, item in zip(self._n_list, self._p_list, strict=True)
        ]
