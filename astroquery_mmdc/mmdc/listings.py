"""What there is: catalogues, bands, models and their parameters, as tables."""

from __future__ import annotations

from typing import TYPE_CHECKING

from astropy import units as u
from astropy.table import QTable, Table

from astroquery_mmdc.exceptions import InvalidRequestError
from astroquery_mmdc.modeling import MODELS, check_model_type
from astroquery_mmdc.schema.catalogs import BANDS, CATALOGS

if TYPE_CHECKING:
    from astroquery_mmdc.mmdc.core import MMDCClass

__all__ = ["list_bands", "list_catalogs", "list_models", "list_parameters"]

_MODEL_NAMES = {
    "SSC": "Synchrotron self-Compton",
    "EIC": "Synchrotron self-Compton and external inverse Compton",
    "HADRONIC": "Electrons and protons, with neutrinos",
}
_PARAMETER = (
    "name",
    "natural_name",
    "symbol",
    "unit",
    "low",
    "high",
    "fit_low",
    "fit_high",
    "prior",
    "description",
)


def list_catalogs(self: MMDCClass, *, holding: str | None = None) -> Table:
    """List the catalogues of the service.

    Parameters
    ----------
    holding : str, optional
        ``"observations"`` for those of `query_region`, ``"sed"`` for those behind `query_sed`,
        ``"sample"`` for those of the sample of the local server.

    Returns
    -------
    `~astropy.table.Table`
        ``catalog``, ``band``, ``holding``, ``description``, ``bibcode``.

    Examples
    --------
    >>> from astroquery_mmdc import MMDC
    >>> len(MMDC.list_catalogs(holding="observations"))
    9
    """
    known = {catalog.holding for catalog in CATALOGS.values()}
    if holding is not None and holding not in known:
        msg = f"holding: {holding!r} is unknown; use one of {', '.join(sorted(known))}"
        raise InvalidRequestError(msg, parameter="holding")
    rows = [c for c in CATALOGS.values() if holding in (None, c.holding)]
    return Table(
        {
            "catalog": [catalog.code for catalog in rows],
            "band": [catalog.band for catalog in rows],
            "holding": [catalog.holding for catalog in rows],
            "description": [catalog.description for catalog in rows],
            "bibcode": [catalog.bibcode for catalog in rows],
        }
    )


def list_bands(self: MMDCClass) -> QTable:
    """List the parts of the spectrum, with their limits in frequency.

    Returns
    -------
    `~astropy.table.QTable`
        ``band``, ``nu_min``, ``nu_max``.

    Examples
    --------
    >>> from astroquery_mmdc import MMDC
    >>> MMDC.list_bands()["band"].tolist()[:2]
    ['radio_waves', 'microwaves']
    """
    return QTable(
        {
            "band": list(BANDS),
            "nu_min": [low for low, _ in BANDS.values()] * u.Hz,
            "nu_max": [high for _, high in BANDS.values()] * u.Hz,
        }
    )


def list_models(self: MMDCClass) -> Table:
    """List the models.

    Returns
    -------
    `~astropy.table.Table`
        ``model_type``, ``description``, ``n_parameters``.

    Examples
    --------
    >>> from astroquery_mmdc import MMDC
    >>> MMDC.list_models()["model_type"].tolist()
    ['SSC', 'EIC', 'HADRONIC']
    """
    return Table(
        {
            "model_type": list(MODELS),
            "description": [_MODEL_NAMES[name] for name in MODELS],
            "n_parameters": [len(parameters) for parameters in MODELS.values()],
        }
    )


def list_parameters(self: MMDCClass, model_type: str) -> Table:
    """List the parameters of a model.

    Parameters
    ----------
    model_type : str
        ``"SSC"``, ``"EIC"`` or ``"hadronic"``.

    Returns
    -------
    `~astropy.table.Table`
        ``name`` (a leading ``log_`` means log10), ``natural_name`` and ``unit`` of the value
        itself, ``symbol``, the range of model runs (``low``, ``high``) and of fits (``fit_low``,
        ``fit_high``), the ``prior`` of fits, and a ``description``.

    Examples
    --------
    >>> from astroquery_mmdc import MMDC
    >>> MMDC.list_parameters("SSC")["name"].tolist()[:2]
    ['log_B', 'log_electron_luminosity']
    """
    parameters = MODELS[check_model_type(model_type)].values()
    return Table({field: [getattr(item, field) for item in parameters] for field in _PARAMETER})
