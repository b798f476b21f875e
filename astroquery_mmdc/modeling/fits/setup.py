"""From what a user asks of a fit to a `Problem`."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping
from typing import Any

from astroquery_mmdc.exceptions import InputWarning, InvalidRequestError
from astroquery_mmdc.modeling.fits.data import FitData
from astroquery_mmdc.modeling.fits.likelihood import Likelihood
from astroquery_mmdc.modeling.fits.priors import Link, Prior, as_prior, default_prior
from astroquery_mmdc.modeling.fits.problem import Problem
from astroquery_mmdc.modeling.inputs import known_names, read_parameters
from astroquery_mmdc.modeling.model import Model
from astroquery_mmdc.modeling.models import EIC, model_class
from astroquery_mmdc.modeling.parameters import MODELS

__all__ = ["Fixed", "as_problem", "template"]

Fixed = Mapping[str, Any] | Iterable[str] | None

_UNUSED = ("log_nu_BLR", "log_nu_DT")


def template(
    sed: Any, model: Any, z: float | None, choices: Mapping[str, Any]
) -> tuple[Model, bool]:
    """Return a model to vary, and whether its numbers are a start of the user's.

    Parameters
    ----------
    sed : object
        May know the redshift.
    model : Model, type or str
        A model; or a class or a name, whose numbers are then the middles of the priors.
    z : float or None
        Redshift.
    choices : mapping
        Keywords of the model, where it is not made yet.
    """
    if isinstance(model, Model):
        if choices or (z is not None and float(z) != model.z):
            name = next(iter(choices), "z")
            msg = f"{name}: the model has its own already; use model.replace({name}=...)"
            raise InvalidRequestError(msg, parameter=name)
        return model, True
    kind = model if isinstance(model, type) and issubclass(model, Model) else model_class(model)
    redshift = _redshift(sed, z)
    numbers = {name: default_prior(kind.model_type, name).peak for name in MODELS[kind.model_type]}
    numbers |= {name: value for name, value in kind._defaults.items()}
    return kind(z=redshift, strict=False, **{**numbers, **choices}), False


def _redshift(sed: Any, z: float | None) -> float:
    if z is not None:
        return float(z)
    known = getattr(sed, "redshift", None)
    if known is None:
        msg = "z: the SED does not tell the redshift; give z=..."
        raise InvalidRequestError(msg, parameter="z")
    return float(known)


def as_problem(
    model: Model,
    data: FitData,
    likelihood: Likelihood,
    *,
    fixed: Fixed = None,
    links: Mapping[str, Link | str] | None = None,
    priors: Mapping[str, Any] | None = None,
) -> Problem:
    """Return the problem that a fit solves.

    Raises
    ------
    InvalidRequestError
        A name is unknown or given twice, a fixed value lies outside its prior, a link leads
        nowhere, or nothing is free.
    """
    names = tuple(model.parameters)
    held = _held(model, fixed)
    joined = {_own(model, name): _as_link(model, link) for name, link in (links or {}).items()}
    given = {_any(model, likelihood, name): one for name, one in (priors or {}).items()}
    for name in [*held, *joined]:
        if name in given or (name in held and name in joined):
            msg = f"{name}: it is fixed or linked and has a prior or a link, too; leave one out"
            raise InvalidRequestError(msg, parameter=name)
    chosen: dict[str, Prior] = {}
    for name in names:
        if name in held or name in joined or (name not in given and _is_unused(model, name)):
            continue
        usual = default_prior(model.model_type, name)
        chosen[name] = as_prior(given[name], name=name) if name in given else usual
    for name, prior in likelihood.priors().items():
        chosen[name] = as_prior(given[name], name=name) if name in given else prior
    _check_links(joined, names)
    if not any(name in chosen for name in names):
        msg = "fixed: no parameter of the model is free; there is nothing to fit"
        raise InvalidRequestError(msg, parameter="fixed")
    # A fixed number outside the range of runs is allowed where a prior reaches further.
    return Problem(model.stepped(held), data, likelihood, chosen, joined)


def _is_unused(model: Model, name: str) -> bool:
    """Whether a parameter changes nothing: frequencies that the model ignores unless asked."""
    if not isinstance(model, EIC) or name not in _UNUSED:
        return False
    return not dict(model.settings.extras).get("use_frequencies", False)


def _held(model: Model, fixed: Fixed) -> dict[str, float]:
    if fixed is None:
        return {}
    if isinstance(fixed, str):
        fixed = (fixed,)
    if not isinstance(fixed, Mapping):
        return {_own(model, name): model.parameters[_own(model, name)] for name in fixed}
    with warnings.catch_warnings():
        # The ranges of fits hold here, not those of runs.
        warnings.simplefilter("ignore", InputWarning)
        numbers = read_parameters(
            model.model_type, fixed, names=tuple(model.parameters), strict=False
        )
    for name, value in numbers.items():
        low, high = default_prior(model.model_type, name).range
        if not low <= value <= high:
            msg = (
                f"{name}: {value:g} is outside the range of its prior, {low:g} to {high:g}; fix "
                f"it inside, or hold it in the model itself: fixed=({name!r},)"
            )
            raise InvalidRequestError(msg, parameter=name)
    return numbers


def _own(model: Model, name: str) -> str:
    """Return the service's name of a parameter for any of its names that means the same number."""
    known = known_names(model.model_type)
    if name in known and not known[name][1] and known[name][0].name in model.parameters:
        return known[name][0].name
    hint = f"; write log_{name}" if name in known and known[name][1] else ""
    msg = f"{name}: {model.model_type} has no such parameter{hint}; it has "
    msg += ", ".join(model.parameters)
    raise InvalidRequestError(msg, parameter=str(name))


def _any(model: Model, likelihood: Likelihood, name: str) -> str:
    return name if name in likelihood.priors() else _own(model, name)


def _as_link(model: Model, link: Link | str) -> Link:
    if isinstance(link, Link):
        return Link(_own(model, link.parameter), link.factor, link.offset)
    return Link(_own(model, link))


def _check_links(links: Mapping[str, Link], names: tuple[str, ...]) -> None:
    for name, link in links.items():
        if link.parameter in links or link.parameter == name or link.parameter not in names:
            msg = f"links: {name} follows {link.parameter}, which is linked itself; link it to the"
            msg += " parameter that is free"
            raise InvalidRequestError(msg, parameter="links")
