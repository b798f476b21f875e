"""Where a collection of products comes from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from astroquery_mmdc.mmoda.api_code import make_api_code

__all__ = ["Origin"]


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a collection comes from.

    Parameters
    ----------
    url : str
        Address of the dispatcher.
    job_id : str
    request : mapping
        What was asked, without token.
    analysis_parameters : mapping
        What the dispatcher made of it, defaults included, without token.
    comment, warning : str
        Words of the dispatcher, such as whom to cite.
    """

    url: str
    job_id: str
    request: Mapping[str, Any]
    analysis_parameters: Mapping[str, Any] = field(default_factory=dict)
    comment: str = ""
    warning: str = ""

    def api_code(self) -> str:
        """Return Python code that asks for the same product."""
        arguments = dict(self.request)
        named = {
            "instrument": arguments.pop("instrument"),
            "product": arguments.pop("product_type"),
            "product_type": arguments.pop("query_type"),
        }
        return make_api_code(self.url, {**named, **arguments})
